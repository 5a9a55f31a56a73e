// What an entry costs in the log in instructions, without the kernel: run under callgrind by
// tests/bench/test_budgets.py.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/bench/cost.h"
#include "tests/persist/support.h"

enum { ROUNDS = 100, BATCH = 16 };

// One batch: pushed by a core, stamped, sealed, written, released, given back.
static unsigned round_of(struct wal *w, const struct entry *e)
{
    for (unsigned i = 0; i < BATCH; i++) ring_push(wal_queue(w, 0), e, e->length, 0);
    unsigned read = 0;
    while (read < BATCH && wal_step(w, 0) == 0) {
        struct batch *batch = wal_released(w, 0);
        if (batch == NULL) continue;
        read += batch->count;
        wal_give_back(w, 0, batch);
    }
    return read;
}

int main(void)
{
    union {
        struct entry head;
        uint8_t bytes[104];
    } e = {.head = {.length = 104, .op = 1, .slot_count = 1, .actor = 7}};
    struct box b;
    box_make(&b);
    b.opt.use_uring = false; // how it is written is the kernel's; completions come at once
    b.opt.segment_bytes = 1 << 20;
    box_start(&b);
    box_wait_spare(&b);
    assert_int_equal(round_of(b.wal, &e.head), BATCH);
    unsigned read = 0;
    cost_begin();
    for (unsigned i = 0; i < ROUNDS; i++) read += round_of(b.wal, &e.head);
    cost_end("log_entry", ROUNDS * BATCH);
    assert_int_equal(read, ROUNDS * BATCH);
    box_stop(&b);
    box_remove(&b);
    return 0;
}
