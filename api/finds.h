// Reads of the index, as lists (api/lists.h): which core is asked what, in which order the answers
// of cores are put together, and the answers that are neither people nor posts nor comments.
#ifndef KITH_API_FINDS_H
#define KITH_API_FINDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fb_build.h"
#include "core/language.h"
#include "store/page.h"

struct question;
struct reactor;
struct request;
struct shard;
struct shown;
struct store;
struct tops;

enum find_kind {
    FIND_none, FIND_SEARCH, FIND_TERM, FIND_LISTED, FIND_TOP, FIND_HOT,
};

// What is looked for. `query` lies in the request.
struct find {
    enum find_kind kind;
    unsigned what;             // enum search_kind, index_kind or listed_rank
    struct language_text query;
    uint64_t now_ms;           // of the windows
    bool named;                // FIND_TOP: this core has been asked before
};

// Whether the request is one of these; its limit and cursor then.
bool finds_page(const struct request *q, uint32_t *limit, fb_str *cursor);
void finds_begin(const struct request *q, struct find *f);
// Whether a list may go on from this key (0 = from the beginning).
bool finds_from(const struct store *s, const struct find *f, uint64_t key);
// What a cursor of it is bound to.
uint64_t finds_scope(const struct find *f);
// One core's answer.
void finds_look_up(struct shard *s, struct question *w);
struct page_order finds_order(const struct store *s, const struct find *f);
fb_ref finds_build(fb_builder *b, const struct store *s, const struct find *f,
                   const struct shown *what);

// A ranking whose numbers are sums over the cores: rounds go on until no item that nobody has named
// yet can belong to the page.
bool finds_ranks(const struct find *f);
void finds_rank(struct reactor *r, struct request *q);
void finds_free(struct tops *t);

#endif
