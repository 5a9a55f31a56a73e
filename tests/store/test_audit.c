// The audit log: an act and its record come together, whatever becomes of the act; a slot keeps so
// many of them, and for so long; another number of partitions changes nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/id.h"
#include "kith_fb.h"
#include "store/audit.h"
#include "tests/store/support_state.h"

static struct outcome say_act(struct world *w, uint64_t user, uint32_t value)
{
    fb_builder *b = world_body(w);
    kt_new_AuditAdd t = {0};
    kt_put_AuditAdd_user_id(&t, user);
    kt_put_AuditAdd_act(&t, OP_login);
    kt_put_AuditAdd_value(&t, value);
    kt_put_AuditAdd_decider(&t, (uint16_t)id_slot(user));
    fb_ref body = kt_end_AuditAdd(b, &t);
    return world_say(w, (struct change){OP_audit_add, 0, body, NULL});
}

static uint32_t acts(struct world *w, uint64_t user, struct page *page)
{
    const struct shard *s = &w->store->shard[store_core(w->store, id_slot(user))];
    read_audits(s, (struct audits_read){user, 0}, page);
    return page->n;
}

static const struct audit *act(const struct world *w, uint64_t id)
{
    return (const struct audit *)store_find(w->store, id);
}

// The change with the tail that says who asked.
static void say_audited(struct world *w, struct entry_audit who, uint64_t id)
{
    _Alignas(8) uint8_t bytes[512];
    uint8_t buf[256];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_VerifiedSet t = {0};
    kt_put_VerifiedSet_user_id(&t, id);
    kt_put_VerifiedSet_is_verified(&t, true);
    size_t n = fb_finish(&b, kt_end_VerifiedSet(&b, &t));
    struct entry *e = (struct entry *)(void *)bytes;
    *e = (struct entry){.op = OP_verified_set, .flags = ENTRY_AUDIT, .actor = 5};
    e->length = (uint32_t)(entry_head_size(e) + n);
    memcpy(e + 1, &who, sizeof who);
    memcpy(bytes + entry_head_size(e), fb_data(&b), n);
    assert_memory_equal(entry_audit(e), &who, sizeof who);
    assert_int_equal(store_route(w->store, e), KITH_ok);
    world_put(w, e);
    world_settle(w);
}

static void act_and_record_come_together(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2});
    struct page page = {.want = 10};
    uint64_t jane = make_user(w, "jane"), nobody = 77;
    struct entry_audit who = {.address_lo = 9, .act = OP_verified_set, .by = AUDIT_BY_SERVICE,
                              .value = 1, .user = jane};
    say_audited(w, who, jane);
    assert_int_equal(acts(w, jane, &page), 1);
    const struct audit *a = act(w, page.item[0].id);
    assert_true(a->done && a->user == jane && a->actor == 5 && a->address[1] == 9);
    assert_true(a->act == OP_verified_set && a->by == AUDIT_BY_SERVICE && a->value == 1);
    who.user = nobody;
    say_audited(w, who, nobody);
    assert_int_equal(acts(w, nobody, &page), 1);
    assert_false(act(w, page.item[0].id)->done);
    // The other number of partitions, and the process that was killed: the same end.
    struct world *again = world_replay(&w->log, &(struct world_options){.partitions = 64});
    world_check_same(w, again);
    assert_int_equal(acts(again, jane, &page), 1);
    world_verify(w);
    world_free(again);
    world_free(w);
}

static void a_slot_keeps_the_newest(void **state)
{
    (void)state;
    enum { MORE = 10 };
    struct world *w = world_new(&(struct world_options){.cores = 1});
    struct page page = {.want = 100};
    uint64_t first = say_act(w, 3, 0).id;
    for (uint32_t i = 1; i < AUDITS_PER_SLOT; i++) say_act(w, 4, i);
    // Of another slot: it pushes nobody out. Slot 3's user has none in slot 4, and the reverse.
    assert_non_null(act(w, first));
    assert_int_equal(acts(w, 3, &page), 1);
    assert_int_equal(acts(w, 4, &page), 100);
    assert_int_equal(page.next, page.item[99].id);
    for (uint32_t i = 0; i < AUDITS_PER_SLOT + MORE; i++) say_act(w, 3, i);
    assert_null(act(w, first));
    uint32_t n = 0;
    const struct seq *ring = seqs_find(store_part(w->store, 3),
                                       (struct edge_at){audit_ring(3), LIST_audits});
    for (uint64_t id = 0; seq_above(ring, id, &id, 1) == 1; n++)
        assert_int_equal(act(w, id)->value, n + MORE);
    assert_int_equal(n, AUDITS_PER_SLOT);
    world_verify(w);
    world_free(w);
}

static void trim_acts(struct world *w, unsigned slot, uint64_t before)
{
    fb_builder *b = world_body(w);
    kt_new_Trim t = {0};
    kt_put_Trim_owner(&t, audit_ring(slot));
    kt_put_Trim_list(&t, LIST_audits);
    kt_put_Trim_before(&t, before);
    world_say(w, (struct change){OP_trim, 0, kt_end_Trim(b, &t), NULL});
}

static void acts_are_forgotten_in_time(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1});
    struct page page = {.want = 100};
    for (uint32_t i = 0; i < 7; i++) say_act(w, 3, i);
    w->now_ms += 1000;
    uint64_t before = stamp_make(w->now_ms, 0);
    w->now_ms += 1000;
    say_act(w, 3, 7);
    say_act(w, 4, 8);
    trim_acts(w, 3, before);
    assert_int_equal(acts(w, 3, &page), 1);
    assert_int_equal(act(w, page.item[0].id)->value, 7);
    assert_int_equal(acts(w, 4, &page), 1);
    // What is gone is not taken twice.
    trim_acts(w, 3, before);
    assert_int_equal(acts(w, 3, &page), 1);
    world_verify(w);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(act_and_record_come_together),
        cmocka_unit_test(a_slot_keeps_the_newest),
        cmocka_unit_test(acts_are_forgotten_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
