// The ids that a core is asked for most, in the memory of a few (Space-Saving, over one request
// in sixteen): whatever is in more than a sixty-fourth of the requests is among them. Counts are
// halved every minute, so they speak of the last few. Written by the core, read by the admin port.
#ifndef KITH_API_HOT_H
#define KITH_API_HOT_H

#include <stdatomic.h>
#include <stdint.h>

enum { HOT_IDS = 64, HOT_SHOWN = 10, HOT_ONE_IN = 16 };

struct hot_id {
    _Atomic uint64_t id;           // 0 = free
    _Atomic uint32_t count;        // samples, those that were another's included
    _Atomic uint32_t error;        // at most so many of them were
    const char *_Atomic field;     // that the requests had it in: "post_id"
};
struct hot {
    struct hot_id at[HOT_IDS];
    uint64_t halved_ns;
};

struct request;
struct server;
struct text;

// Every request with a key comes by; looks at few of them.
void hot_note(struct hot *h, const struct request *q);
// Counts an id whatever its request's number.
void hot_count(struct hot *h, uint64_t id, const char *field);
// Halves the counts, if a minute has gone by.
void hot_age(struct hot *h, uint64_t now_ns);
// The family of /metrics: the ids that are asked most, with what they were asked at least.
void hot_prometheus(const struct server *s, struct text *out);

#endif
