// Walks over several postings (hunt.h).
#include "store/hunt.h"

#include <stddef.h>

void hunt_begin(struct hunt *h)
{
    h->n = 0;
    h->steps = HUNT_STEPS;
    h->nowhere = false;
    h->stopped = 0;
}

// The shortest list goes first: it is the one that is walked, the others are asked.
void hunt_in(struct hunt *h, const struct postings *p)
{
    if (p == NULL) h->nowhere = true;
    if (p == NULL || h->n == HUNT_LISTS) return;
    uint32_t at = h->n++;
    if (at > 0 && p->count < h->list[0].of->count) {
        posting_walk(&h->list[at], h->list[0].of);
        at = 0;
    }
    posting_walk(&h->list[at], p);
}

static uint64_t step(struct hunt *h, uint32_t list, uint64_t before)
{
    h->steps--;
    return posting_below(&h->list[list], before);
}

// Stopped with all ids from `from` down still to be looked at.
static uint64_t stop(struct hunt *h, uint64_t from)
{
    h->stopped = from;
    return 0;
}

uint64_t hunt_all(struct hunt *h, uint64_t before)
{
    if (h->n == 0 || h->nowhere || h->stopped != 0) return 0;
    if (h->steps <= HUNT_LISTS) return stop(h, before - 1);
    uint64_t id = step(h, 0, before);
    for (uint32_t agreed = 1; agreed < h->n && id != 0;) {
        if (h->steps <= HUNT_LISTS) return stop(h, id);
        uint64_t other = step(h, agreed, id + 1);
        if (other == id) {
            agreed++;
        } else if (other == 0) {
            id = 0;
        } else {
            id = step(h, 0, other + 1);
            agreed = 1;
        }
    }
    return id != 0 && h->steps <= HUNT_LISTS ? stop(h, id) : id;
}

bool hunt_has(struct hunt *h, uint64_t id)
{
    if (h->n == 0 || h->nowhere) return false;
    for (uint32_t i = 0; i < h->n; i++)
        if (posting_below(&h->list[i], id + 1) != id) return false;
    return true;
}

uint64_t hunt_some(struct hunt *h, uint64_t before, uint32_t least)
{
    while (h->stopped == 0) {
        uint64_t highest = 0;
        uint32_t in = 0;
        for (uint32_t i = 0; i < h->n; i++) {
            uint64_t id = posting_below(&h->list[i], before);
            if (id > highest) in = 0;
            if (id > highest) highest = id;
            in += id != 0 && id == highest;
        }
        if (highest == 0 || in >= least) return highest;
        if (h->steps <= h->n) return stop(h, highest);
        h->steps -= h->n;
        before = highest;
    }
    return 0;
}
