// Notifications are read with bounded work, however many of them lead nowhere.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_that_lead_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
