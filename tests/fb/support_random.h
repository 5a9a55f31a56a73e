// support_random.h - random documents that a type accepts, led by its descriptor.
#ifndef KITH_TESTS_FB_SUPPORT_RANDOM_H
#define KITH_TESTS_FB_SUPPORT_RANDOM_H

#include "core/fb.h"

typedef struct random_json {
    uint64_t state; // the seed; odd
    bool plain;     // only what flatc reads too: no aliases, short forms, times, raw JSON
    char *p, *end;
} random_json;

// Writes a document, at most cap bytes; gives its length.
size_t random_document(random_json *r, const fb_type *type, char *out, size_t cap);

// The next random number, below `limit`.
uint64_t random_below(random_json *r, uint64_t limit);

#endif
