// Documents: what of them is durable, whose they are, and what a user may have of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/fb_copy.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/digest.h"
#include "store/read.h"
#include "store/record.h"
#include "tests/store/support_doc.h"

static struct world *new_world(void)
{
    return world_new(&(struct world_options){.cores = 2, .partitions = 16});
}

static const struct doc *doc_at(const struct world *w, uint64_t id, unsigned kind)
{
    const struct doc *d = store_doc(w->store, id, kind);
    assert_non_null(d);
    return d;
}

static bool flag_of(const struct world *w, uint64_t id, unsigned kind, const char *field)
{
    const struct doc *d = doc_at(w, id, kind);
    return fb_number_of(doc_row(kind)->content, doc_content(d), field) != 0;
}

static void assert_text(const struct world *w, uint64_t id, const char *field, const char *want)
{
    const struct doc *d = object_doc(store_find(w->store, id));
    assert_non_null(d);
    fb_str s = doc_text(doc_row(d->o.kind), doc_content(d), field);
    assert_int_equal(s.n, strlen(want));
    assert_memory_equal(s.s, want, s.n);
}

// ---- records -----------------------------------------------------------------------------------

static bool same(struct digest a, struct digest b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

static void test_digest_of_document(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t user = make_user(w, "jane");
    uint64_t id = say_doc(w, OP_collection_add, user, (struct doc_words){.text = "trips"}).id;
    struct doc *d = (struct doc *)store_find(w->store, id);
    assert_non_null(d);
    const struct digest was = record_digest(w->store, &d->o);
    for (uint32_t i = 0; i < d->n; i++) {
        d->data[i] ^= 1;
        assert_false(same(record_digest(w->store, &d->o), was));
        d->data[i] ^= 1;
    }
    uint64_t *const words[] = {&d->o.id, &d->owner, &d->updated_ms};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        ++*words[i];
        assert_false(same(record_digest(w->store, &d->o), was));
        --*words[i];
    }
    d->count += 7;
    assert_true(same(record_digest(w->store, &d->o), was));
    d->count -= 7;
    world_verify(w);
    world_free(w);
}

// Bytes from disk are a document only if they are its kind's table, with nothing beside it.
static void test_sound(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t user = make_user(w, "jane");
    uint64_t id = say_doc(w, OP_search_add, user, (struct doc_words){.text = "climbing"}).id;
    const struct doc *d = doc_at(w, id, ENTITY_search);
    const struct record_head good = record_head(&d->o);
    _Alignas(8) uint8_t data[256];
    assert_true(good.data_n <= sizeof data && good.data_n == d->n);
    memcpy(data, d->data, good.data_n);
    assert_true(record_sound(&good, data));
    struct record_head bad[6] = {good, good, good, good, good, good};
    bad[0].n[1] = 0;
    bad[1].n[1] += 8;
    bad[2].data_n -= 8;
    bad[3].rules = RULE_PRIVATE;
    bad[4].flags = 128;
    bad[5].kind = ENTITY_COUNT - 1;
    for (unsigned i = 0; i < 6; i++) assert_false(record_sound(&bad[i], data));
    bad[0] = good;
    bad[0].n[1] = bad[0].data_n = 0;
    assert_false(record_sound(&bad[0], data));
    unsigned refused = 0;
    for (uint32_t i = 0; i < good.data_n; i++) {
        data[i] ^= 0x80;
        refused += !record_sound(&good, data);
        data[i] ^= 0x80;
    }
    assert_in_range(refused, good.data_n / 4, good.data_n);
    world_free(w);
}

// ---- whose -------------------------------------------------------------------------------------

// Jane and Mike, in one slot or in two: say_register takes the slot from the ticket.
static void make_two(struct world *w, bool together, uint64_t who[2])
{
    uint64_t ticket = w->ticket;
    who[0] = make_user(w, "jane");
    if (together) w->ticket = ticket + SLOTS;
    who[1] = make_user(w, "mike");
    assert_int_equal(id_slot(who[0]) == id_slot(who[1]), together);
}

static void check_owner(bool together)
{
    struct world *w = new_world();
    uint64_t who[2];
    make_two(w, together, who);
    const uint64_t jane = who[0], mike = who[1];
    struct doc_words hers = {.owner = jane, .text = "x"};
    assert_int_equal(say_doc(w, OP_address_add, mike, hers).error, KITH_forbidden);
    hers.id = say_doc(w, OP_address_add, jane, hers).id;
    assert_int_equal(id_slot(hers.id), id_slot(jane));
    assert_int_equal(say_doc(w, OP_address_change, mike, hers).error, KITH_forbidden);
    assert_int_equal(say_doc(w, OP_address_remove, mike, hers).error, KITH_forbidden);
    struct doc_words his = {.owner = mike, .id = hers.id, .text = "y"};
    assert_int_equal(say_doc(w, OP_address_change, mike, his).error, KITH_not_found);
    assert_int_equal(say_doc(w, OP_address_remove, mike, his).error, KITH_not_found);
    // A document of another kind has no such name.
    hers.id = say_doc(w, OP_search_add, jane, hers).id;
    assert_int_equal(say_doc(w, OP_address_remove, jane, hers).error, KITH_not_found);
    assert_int_equal(say_doc(w, OP_search_remove, mike, hers).error, KITH_not_found);
    assert_int_equal(say_doc(w, OP_search_remove, 0, hers).error, KITH_not_found);
    assert_int_equal(say_doc(w, OP_search_remove, jane, hers).error, KITH_ok);
    assert_int_equal(say_doc(w, OP_search_remove, jane, hers).error, KITH_not_found);
    // Others know of an open one: they are told that it is not theirs.
    struct doc_words open = {.text = "trips", .flag = 2};
    open.id = say_doc(w, OP_collection_add, jane, open).id;
    assert_int_equal(say_doc(w, OP_collection_remove, mike, open).error, KITH_forbidden);
    assert_int_equal(say_doc(w, OP_settings_change, mike, hers).error, KITH_forbidden);
    world_verify(w);
    world_free(w);
}

static void test_owner(void **state)
{
    (void)state;
    check_owner(false);
    check_owner(true);
}

// ---- what the rows say -------------------------------------------------------------------------

static void test_most(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t jane = make_user(w, "jane"), id[256], first = 0;
    struct doc_words words = {.owner = jane, .text = "x"};
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(say_doc(w, OP_address_add, jane, words).error, KITH_ok);
    assert_int_equal(say_doc(w, OP_address_add, jane, words).error, KITH_too_many_documents);
    assert_int_equal(docs_of(w, jane, ENTITY_address, id), 50);
    for (unsigned i = 0; i < 101; i++) {
        uint64_t made = say_doc(w, OP_search_add, jane, words).id;
        if (i == 0) first = made;
    }
    assert_int_equal(docs_of(w, jane, ENTITY_search, id), 100);
    assert_null(store_find(w->store, first));
    assert_int_equal(say_doc(w, OP_search_clear, jane, words).count, 100);
    assert_int_equal(docs_of(w, jane, ENTITY_search, id), 0);
    world_verify(w);
    world_free(w);
}

static void test_key_and_single(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t jane = make_user(w, "jane"), id[256];
    struct doc_words words = {.owner = jane, .text = "dark", .key = "theme"};
    uint64_t theme = say_doc(w, OP_preference_put, jane, words).id;
    words.text = "light";
    assert_int_equal(say_doc(w, OP_preference_put, jane, words).id, theme);
    assert_text(w, theme, "preference_value", "light");
    words.text = NULL;
    say_doc(w, OP_preference_put, jane, words);
    assert_text(w, theme, "preference_value", "");
    words.key = "them";
    assert_int_not_equal(say_doc(w, OP_preference_put, jane, words).id, theme);
    assert_int_equal(docs_of(w, jane, ENTITY_preference, id), 2);

    struct doc_words set = {.owner = jane, .flag = 1};
    uint64_t settings = say_doc(w, OP_settings_change, jane, set).id;
    assert_false(flag_of(w, settings, ENTITY_settings, "push_notifications"));
    assert_text(w, settings, "timezone", "UTC");
    set = (struct doc_words){.owner = jane, .text = "th"};
    assert_int_equal(say_doc(w, OP_settings_change, jane, set).id, settings);
    assert_false(flag_of(w, settings, ENTITY_settings, "push_notifications"));
    assert_text(w, settings, "language", "th");
    const struct part *p = store_part(w->store, id_slot(jane));
    assert_ptr_equal(doc_single(p, jane, ENTITY_settings), doc_at(w, settings, ENTITY_settings));
    assert_int_equal(docs_of(w, jane, ENTITY_settings, id), 1);
    world_verify(w);
    world_free(w);
}

static uint64_t add_address(struct world *w, uint64_t user, const char *type, int flag)
{
    struct doc_words words = {.owner = user, .text = "x", .type = type, .flag = flag};
    return say_doc(w, OP_address_add, user, words).id;
}

static void test_sole(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t jane = make_user(w, "jane"), one = add_address(w, jane, NULL, 2);
    uint64_t other = add_address(w, jane, "billing", 2);
    // What has no type is of the usual one.
    uint64_t two = add_address(w, jane, "shipping", 2), three = add_address(w, jane, "shipping", 1);
    const uint64_t ids[] = {one, other, two, three};
    static const bool want[] = {false, true, true, false};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(flag_of(w, ids[i], ENTITY_address, "is_default"), want[i]);
    say_doc(w, OP_address_change, jane, (struct doc_words){.owner = jane, .id = three, .flag = 2});
    assert_false(flag_of(w, two, ENTITY_address, "is_default"));
    assert_true(flag_of(w, three, ENTITY_address, "is_default"));
    assert_true(flag_of(w, other, ENTITY_address, "is_default"));
    assert_text(w, two, "city", "x");
    assert_text(w, three, "city", "x");
    world_verify(w);
    world_free(w);
}

// ---- edges that begin at them ------------------------------------------------------------------

static void check_collect(bool together)
{
    struct world *w = new_world();
    uint64_t who[2];
    make_two(w, together, who);
    const uint64_t jane = who[0], mike = who[1];
    struct doc_words x = {.text = "trips", .flag = 2};
    x.id = say_doc(w, OP_collection_add, jane, x).id;
    x.post = say_post(w, mike, "p").id;
    uint64_t other = say_post(w, mike, "q").id;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(say_doc(w, OP_collect, jane, x).error, KITH_ok);
        assert_int_equal(doc_at(w, x.id, ENTITY_collection)->count, 1);
    }
    // A thief's half is taken back, wherever the halves lie.
    struct doc_words theft = {.id = x.id, .post = other};
    say_doc(w, OP_collect, mike, theft);
    assert_int_equal(doc_at(w, x.id, ENTITY_collection)->count, 1);
    world_verify(w);
    x.post = 77;
    assert_int_equal(say_doc(w, OP_collect, jane, x).error, KITH_not_found);
    theft.id = 77;
    say_doc(w, OP_collect, jane, theft);
    world_verify(w);
    x.post = other;
    say_doc(w, OP_collect, jane, x);
    assert_int_equal(doc_at(w, x.id, ENTITY_collection)->count, 2);
    say_id(w, OP_post_delete, mike, other);
    world_settle(w);
    assert_int_equal(doc_at(w, x.id, ENTITY_collection)->count, 1);
    assert_int_equal(say_doc(w, OP_collection_remove, jane, x).error, KITH_ok);
    assert_null(store_doc(w->store, x.id, ENTITY_collection));
    world_settle(w);
    assert_null(store_find(w->store, x.id));
    world_verify(w);
    world_free(w);
}

static void test_collect(void **state)
{
    (void)state;
    check_collect(false);
    check_collect(true);
}

// What is collected is bookmarked, and what is bookmarked no more is collected no more, at both
// ends; also where it is collected anew before the post's end has heard of that.
static void check_along(bool together)
{
    struct world *w = new_world();
    uint64_t who[2];
    make_two(w, together, who);
    const uint64_t jane = who[0], mike = who[1];
    struct doc_words x = {.text = "trips", .flag = 2}, y = {.text = "food", .flag = 2};
    x.id = say_doc(w, OP_collection_add, jane, x).id;
    y.id = say_doc(w, OP_collection_add, jane, y).id;
    x.post = y.post = say_post(w, mike, "p").id;
    const struct part *theirs = store_part(w->store, id_slot(x.post));
    const struct edge_at savers = {x.post, LIST_bookmarkers}, in = {x.post, LIST_collectors};
    say_doc(w, OP_collect, jane, x);
    say_doc(w, OP_collect, jane, y);
    assert_true(edges_find(theirs, savers, jane) != 0);
    assert_int_equal(edges_count(theirs, savers), 1);
    assert_int_equal(edges_count(theirs, in), 2);
    say_doc(w, OP_uncollect, jane, y);
    assert_int_equal(edges_count(theirs, savers), 1);
    w->lazy = true;
    say_id(w, OP_unbookmark, jane, x.post);
    assert_int_equal(doc_at(w, x.id, ENTITY_collection)->count, 0);
    assert_int_equal(edges_count(theirs, in), !together); // not heard of yet
    say_doc(w, OP_collect, jane, x);
    assert_int_equal(doc_at(w, x.id, ENTITY_collection)->count, 1);
    world_settle(w);
    assert_int_equal(edges_count(theirs, in), 1);
    assert_int_equal(edges_count(theirs, savers), 1);
    world_verify(w);
    say_id(w, OP_unbookmark, jane, x.post);
    world_settle(w);
    assert_int_equal(edges_count(theirs, in), 0);
    world_verify(w);
    world_free(w);
}

static void test_along(void **state)
{
    (void)state;
    check_along(false);
    check_along(true);
}

static void test_gone_with_their_user(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t jane = make_user(w, "jane"), mike = make_user(w, "mike");
    struct doc_words words = {.owner = jane, .text = "x", .key = "k"};
    static const enum op ops[] = {OP_address_add, OP_preference_put, OP_settings_change,
                                  OP_search_add, OP_collection_add};
    uint64_t id[5];
    for (unsigned i = 0; i < 5; i++) id[i] = say_doc(w, ops[i], jane, words).id;
    words.id = id[4];
    words.post = say_post(w, mike, "p").id;
    say_doc(w, OP_collect, jane, words);
    say_id(w, OP_user_delete, jane, jane);
    world_settle(w);
    for (unsigned i = 0; i < 5; i++) assert_null(store_find(w->store, id[i]));
    assert_null(store_find(w->store, jane));
    world_verify(w);
    world_free(w);
}

// ---- queues ------------------------------------------------------------------------------------

// The reports of a status on all cores, whosever they are.
static uint32_t queued(const struct world *w, uint64_t status, uint64_t *newest)
{
    uint32_t n = 0;
    *newest = 0;
    for (unsigned core = 0; core < w->store->cores; core++) {
        struct page page = {.want = PAGE_MAX};
        read_queue(&w->store->shard[core], status, 0, &page);
        if (page.n > 0 && page.item[0].id > *newest) *newest = page.item[0].id;
        n += page.n;
    }
    return n;
}

static void test_queues(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t jane = make_user(w, "jane"), mike = make_user(w, "mike"), found;
    uint64_t moderator = make_user(w, "ann"), post = say_post(w, mike, "p").id;
    struct doc_words words = {.text = "why", .post = post};
    uint64_t first = say_doc(w, OP_report_add, jane, words).id;
    // The same object: the same report, as it was; another's is another.
    words.text = "again";
    struct outcome again = say_doc(w, OP_report_add, jane, words);
    assert_true(again.error == KITH_ok && again.id == first && again.changed == 0);
    assert_text(w, first, "text", "why");
    uint64_t other = say_doc(w, OP_report_add, moderator, words).id;
    assert_int_not_equal(other, first);
    assert_true(queued(w, kt_ReportStatus_open, &found) == 2 && found == other);
    // Whosever it is, who was let through the gate resolves it.
    words = (struct doc_words){.id = first, .flag = kt_ReportStatus_dismissed};
    assert_int_equal(say_doc(w, OP_report_resolve, moderator, words).error, KITH_ok);
    assert_text(w, first, "text", "why");
    assert_true(queued(w, kt_ReportStatus_open, &found) == 1 && found == other);
    assert_true(queued(w, kt_ReportStatus_dismissed, &found) == 1 && found == first);
    words.id = post;
    assert_int_equal(say_doc(w, OP_report_resolve, moderator, words).error, KITH_not_found);
    world_verify(w);
    struct world_options one = {.cores = 1, .partitions = 16};
    struct world *twin = world_replay(&w->log, &one);
    assert_true(queued(twin, kt_ReportStatus_dismissed, &found) == 1 && found == first);
    world_free(twin);
    say_id(w, OP_user_delete, jane, jane);
    world_settle(w);
    assert_int_equal(queued(w, kt_ReportStatus_dismissed, &found), 0);
    world_verify(w);
    world_free(w);
}

// Of one user the oldest goes where there are as many as there may be.
static void test_reports_roll(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t jane = make_user(w, "jane"), found;
    unsigned most = doc_row(ENTITY_report)->most;
    uint64_t first = 0;
    for (unsigned i = 0; i <= most; i++) {
        struct doc_words words = {.text = "why", .post = 1000 + i};
        uint64_t id = say_doc(w, OP_report_add, jane, words).id;
        if (i == 0) first = id;
    }
    assert_null(store_doc(w->store, first, ENTITY_report));
    assert_int_equal(docs_of(w, jane, ENTITY_report, (uint64_t[256]){0}), most);
    assert_int_equal(queued(w, kt_ReportStatus_open, &found), PAGE_MAX);
    world_verify(w);
    world_free(w);
}

// The same log by other cores and partitions gives the same documents.
static void test_replays(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        struct chaos c = {.rng = {seed * 31}};
        c.w = new_world();
        c.w->lazy = true;
        for (unsigned i = 0; i < 20; i++) chaos_step(&c);
        for (unsigned i = 0; i < 1500; i++) {
            if (rng_below(&c.rng, 3) > 0) chaos_doc(&c);
            else chaos_step(&c);
            if (rng_below(&c.rng, 2)) world_some(c.w);
        }
        world_settle(c.w);
        world_verify(c.w);
        assert_true(c.n[CHAOS_DOCUMENT] > 100);
        struct world_options other = {.cores = 1 + seed % 4, .partitions = 16};
        struct world *again = world_replay(&c.w->log, &other);
        world_check_same(c.w, again);
        world_verify(again);
        world_free(again);
        world_free(c.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_of_document),
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_most),
        cmocka_unit_test(test_key_and_single),
        cmocka_unit_test(test_sole),
        cmocka_unit_test(test_collect),
        cmocka_unit_test(test_along),
        cmocka_unit_test(test_gone_with_their_user),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_reports_roll),
        cmocka_unit_test(test_replays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
