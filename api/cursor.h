// Cursors: where a list goes on, in a form that only we can write. A cursor holds for one
// operation, one viewer and one list; from anybody else or anywhere else it is refused.
//
//   base64url( | key u64 | SipHash-2-4 of key, operation, viewer, list | )   22 characters
//   base64url( | key u64 | stamp u64 | SipHash-2-4 of both and the rest | )  32, in other orders
#ifndef KITH_API_CURSOR_H
#define KITH_API_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fb.h"

enum { CURSOR_KEY = 16, CURSOR_CHARS = 22, CURSOR_CHARS_MAX = 32 };

// What a cursor is bound to.
struct cursor_scope {
    uint64_t viewer;       // 0 = nobody
    uint64_t list;         // its owner
    uint64_t op;           // and whatever else tells two lists of it apart
};

// Writes CURSOR_CHARS characters and a NUL.
void cursor_write(char out[CURSOR_CHARS + 1], const uint8_t secret[CURSOR_KEY],
                  const struct cursor_scope *scope, uint64_t key);
bool cursor_read(fb_str text, const uint8_t secret[CURSOR_KEY], const struct cursor_scope *scope,
                 uint64_t *key);

// The same for a place that has a stamp beside its key; a stamp of 0 leaves the short form.
struct cursor_at { uint64_t key, stamp; };
void cursor_write_at(char out[CURSOR_CHARS_MAX + 1], const uint8_t secret[CURSOR_KEY],
                     const struct cursor_scope *scope, struct cursor_at at);
bool cursor_read_at(fb_str text, const uint8_t secret[CURSOR_KEY], const struct cursor_scope *scope,
                    struct cursor_at *at);

#endif
