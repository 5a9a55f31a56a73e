// Tokens of one use that are remembered for a while and then forgotten: how new the newest of those
// is that may have been forgotten. Whatever the wall clock does, nothing that old is taken.
//
//   ── forgotten, up to floor ──┬── newest[1], a turn ago ──┬── newest[0], this turn ──► mono
//
// A turn is longer than a token can be good where the clock is right, so it costs no good one.
#ifndef KITH_API_SPENT_H
#define KITH_API_SPENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct spent {
    pthread_mutex_t lock;
    uint64_t turn_ns;          // length of a turn: two of them a use is remembered, at least
    uint64_t turned_ns;        // when this one began, monotonic
    uint64_t newest_s[2];      // when the newest one used in each was issued, since 1970
    uint64_t floor_s;
};

void spent_begin(struct spent *s, uint64_t now_ns, uint64_t turn_ns);
void spent_end(struct spent *s);
// Of what was issued up to then nothing is remembered.
void spent_raise(struct spent *s, uint64_t floor_s);
// Whether a token issued then, which is about to be used, would be remembered if it had been used
// before.
bool spent_knows(struct spent *s, uint64_t now_ns, uint64_t issued_s);

#endif
