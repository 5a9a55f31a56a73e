// The first of many by score. Moving one in order costs a dozen cache misses and most never lead:
// so those behind a cut are left out, and when so many are gone that a reader would miss them, the
// owner adds all anew. Where the cut is hangs on what happened before; the first RANKING_SHOWN do
// not. Private to its core.
#ifndef KITH_STORE_RANKING_H
#define KITH_STORE_RANKING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pool.h"
#include "store/order.h"

enum { RANKING_SHOWN = 1000 };

// What is ranked begins with this. `in`: it is among the first.
struct ranked { uint64_t id; uint32_t score; bool in; };

struct ranking {
    struct order order;        // the first: at least RANKING_SHOWN of them, or all
    uint32_t n;
    struct ranked last;        // all up to it are in, none behind it; id 0: all are
};

// How it is ranked, the same at every call. `left` is told whom a cut or a clear put out; NULL:
// nobody needs to know.
struct ranking_rule {
    struct pool *pool;
    order_before before;       // of two structs ranked
    void (*left)(struct pool *pool, struct ranked *one);
};

// Whether one with this id and score would be left out.
bool ranking_behind(const struct ranking *r, const struct ranking_rule *by,
                    const struct ranked *one);
// Puts it in, unless it is behind the cut. Its id and score stay until it is removed.
void ranking_add(struct ranking *r, const struct ranking_rule *by, struct ranked *one);
// If it is in.
void ranking_remove(struct ranking *r, const struct ranking_rule *by, struct ranked *one);
// The one that is in with this id and score; NULL: there is none.
struct ranked *ranking_find(const struct ranking *r, const struct ranking_rule *by,
                            const struct ranked *key);
// Whether so many are gone that all are to be added anew, after a clear; and whether it is soon.
bool ranking_short(const struct ranking *r);
bool ranking_low(const struct ranking *r);
void ranking_clear(struct ranking *r, const struct ranking_rule *by);

#endif
