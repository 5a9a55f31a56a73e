// Walks over several postings (hunt.h).
#include "store/hunt.h"

#include <stddef.h>

void hunt_begin(struct hunt *h, struct posting_walk *room, uint32_t lists)
{
    h->list = room;
    h->room = lists;
    h->n = 0;
    h->steps = HUNT_STEPS;
    h->nowhere = false;
    h->stopped = 0;
}

// The shortest list goes first: it is the one that is walked, the others are asked.
void hunt_in(struct hunt *h, const struct postings *p)
{
    if (p == NULL) h->nowhere = true;
    if (p == NULL || h->n == h->room) return;
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

// ---- several at once ----------------------------------------------------------------------------

void hunts_begin(struct hunts *h)
{
    h->n = h->from = 0;
    h->stopped = 0;
}

void hunts_share(struct hunts *h)
{
    uint32_t i = h->n++;
    h->next[i] = 0;
    h->over[i] = false;
    for (i = 0; i < h->n; i++) h->hunt[i].steps = HUNT_STEPS / h->n;
}

static uint64_t next_of(struct hunts *h, uint32_t i, uint64_t before)
{
    struct hunt *one = &h->hunt[i];
    bool ahead = h->next[i] != 0 && (before == 0 || h->next[i] < before);
    if (ahead || h->over[i]) return h->next[i];
    h->next[i] = hunt_all(one, before);
    h->over[i] = h->next[i] == 0;
    return h->next[i];
}

uint64_t hunts_next(struct hunts *h, uint64_t before)
{
    uint64_t highest = 0, stopped = 0;
    for (uint32_t i = 0; i < h->n; i++) {
        uint64_t id = next_of(h, i, before);
        if (id > highest) h->from = i;
        if (id > highest) highest = id;
        if (h->hunt[i].stopped > stopped && h->next[i] == 0) stopped = h->hunt[i].stopped;
    }
    if (stopped <= highest) return highest;
    h->stopped = stopped;
    return 0;
}

bool hunts_have(struct hunts *h, uint64_t id)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (hunt_has(&h->hunt[i], id)) return true;
    return false;
}

void hunts_spend(struct hunts *h, uint32_t steps)
{
    struct hunt *one = &h->hunt[h->from];
    one->steps -= one->steps < steps ? one->steps : steps;
}
