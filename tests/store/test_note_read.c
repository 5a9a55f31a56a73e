// Notifications are read with bounded work, however many of them lead nowhere.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/fb_verify.h"
#include "core/limits.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/note_read.h"
#include "tests/store/support_state.h"

enum { HIDDEN = 9000, LOOKED_MAX = 5000 };

// Of somebody blocked nothing is shown; the items are there still, for the block may end.
static void test_events_that_lead_nowhere(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1});
    uint64_t star = make_user(w, "star"), loud = make_user(w, "loud"), fan = make_user(w, "fan");
    uint64_t post = say_post(w, star, "x").id;
    for (uint32_t i = 0; i < HIDDEN; i++) say_comment(w, loud, post, 0);
    say_id(w, OP_like, fan, post);
    say_id(w, OP_block, star, loud);
    const struct shard *s = store_part(w->store, id_slot(star))->shard;
    struct stream_item item[PAGE_MAX];
    uint64_t after = 0, last = read_last_note(s, star);
    uint32_t looks = 0, found = 0;
    while (after < last) {
        uint64_t next;
        found += read_events(s, (struct events_read){star, after, PAGE_MAX}, item, &next);
        assert_true(next > after);
        after = next;
        looks++;
    }
    assert_int_equal(found, 1);
    assert_int_equal(item[0].actor, fan);
    assert_true(looks > HIDDEN / LOOKED_MAX);
    world_verify(w);
    world_free(w);
}

static void assert_data(const struct world *w, uint64_t owner, const struct stream_item *item,
                        const char *data)
{
    static _Alignas(8) uint8_t buf[4096];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    size_t n = fb_finish(&b, build_note(&b, w->store, owner, item));
    assert_int_equal(fb_verify(fb_data(&b), n, &kt_desc_Notification, NULL), FB_OK);
    fb_str got = kt_Notification_data(kt_root_Notification(fb_data(&b)));
    assert_int_equal(got.n, strlen(data));
    assert_memory_equal(got.s, data, got.n);
}

// Between the look and the answer the comment went: what is built is whole all the same.
static void test_gone_meanwhile(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1});
    uint64_t star = make_user(w, "star"), fan = make_user(w, "fan");
    uint64_t post = say_post(w, star, "x").id, comment = say_comment(w, fan, post, 0).id;
    const struct shard *s = store_part(w->store, id_slot(star))->shard;
    struct stream_item item;
    uint64_t next;
    assert_int_equal(read_notes(s, (struct notes_read){star, 0, 1, false}, &item, &next), 1);
    assert_true(note_stands(w->store, &item));
    char data[96];
    snprintf(data, sizeof data, "{\"post_id\":\"%" PRIu64 "\",\"comment_id\":\"%" PRIu64 "\"}",
             post, comment);
    assert_data(w, star, &item, data);
    say_id(w, OP_comment_delete, fan, comment);
    assert_false(note_stands(w->store, &item));
    assert_data(w, star, &item, "{}");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_that_lead_nowhere),
        cmocka_unit_test(test_gone_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
