// The ids that a core is asked for most, in the memory of a few (Space-Saving, over one request
// in sixteen): whatever is in more than a sixty-fourth of the requests is among them. Counts are
// halved every minute, so they speak of the last few. Written by the core, read by the admin port.
#ifndef KITH_API_HOT_KEYS_H
#define KITH_API_HOT_KEYS_H

#include <stdatomic.h>
#include <stdint.h>

enum { HOT_KEYS = 64, HOT_SHOWN = 10, HOT_ONE_IN = 16 };

struct hot_key {
    _Atomic uint64_t id;           // 0 = free
    _Atomic uint32_t count;        // samples, those that were another's included
    _Atomic uint32_t error;        // at most so many of them were
    const char *_Atomic field;     // that the requests had it in: "post_id"
};
struct hot_keys {
    struct hot_key at[HOT_KEYS];
    uint64_t halved_ns;
};

struct request;
struct server;
struct text;

// Every request with a key comes by; looks at few of them.
void hot_keys_note(struct hot_keys *h, const struct request *q);
// Counts an id whatever its request's number.
void hot_keys_count(struct hot_keys *h, uint64_t id, const char *field);
// Halves the counts, if a minute has gone by.
void hot_keys_age(struct hot_keys *h, uint64_t now_ns);
// The family of /metrics: the ids that are asked most, with what they were asked at least.
void hot_keys_prometheus(const struct server *s, struct text *out);

#endif
