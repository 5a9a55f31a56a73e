// The driver for Kith (bench/driver.h): requests as frames, most of them made once and only patched
// with an id. An answer is told by its head; with a model one in so many is checked whole.
#ifndef KITH_BENCH_FRAMES_H
#define KITH_BENCH_FRAMES_H

#include "bench/driver.h"
#include "bench/model.h"
#include "bench/queries.h"
#include "bench/world.h"

enum { FRAMES_TEMPLATE = 128, FRAMES_REQUEST_MAX = 2048 };

// A request's bytes, with the place of the id in them; 0 = no id.
struct frames_template { uint8_t bytes[FRAMES_TEMPLATE]; uint32_t n, id_at; };

struct frames {
    const char *address, *service_key; // key NULL: no hello
    const struct world *world;         // NULL: only pings and echoes
    unsigned echo_bytes;
    const struct queries *queries;     // what is searched for
    struct model *model;               // NULL: answers are not validated
    unsigned validate_every;           // one answer of so many
    uint64_t answers, validated;
    uint64_t searched[ASK_KINDS], found[ASK_KINDS]; // answers whose rows were counted, their rows
    char first_error[DRIVER_WHY];
    struct frames_template made[ASK_KINDS];
};

// After the members above `answers` are set; out->ctx is f.
void frames_init(struct frames *f, struct driver *out);
// The rest of both drivers' beginnings: nothing asked yet.
void frames_reset(struct frames *f);
// The query of a search; NULL where the request is none.
const struct query *frames_query(const struct frames *f, const struct ask *a, struct query *room);
// Whether it is asked for rows that may be few; counts them.
bool frames_finds(enum ask_kind kind);
void frames_count(struct frames *f, enum ask_kind kind, const void *table);

#endif
