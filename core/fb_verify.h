// fb_verify.h - judges bytes from outside before any reader touches them.
#ifndef KITH_CORE_FB_VERIFY_H
#define KITH_CORE_FB_VERIFY_H

#include "core/fb.h"

// A 0 stands for the usual value.
typedef struct fb_limits {
    uint32_t depth;            // tables within tables; 32
    uint32_t tables;           // tables visited; 65,536
    uint32_t bytes_factor;     // bytes visited, at most so many times max(n, 4096); 4. A part that
                               // is referred to from many places counts each time
    bool strict;               // refuse unknown fields and enum values: for requests
    const fb_field **at_fault; // out, may be NULL: the innermost field that was refused, or NULL
} fb_limits;

// Whether n bytes are a payload with a table of this type at its root: after FB_OK every reader of
// it and fb_json_print are safe. Alignment is judged from buf on, wherever buf lies.
// lim may be NULL: the usual limits, not strict.
fb_error fb_verify(const void *buf, size_t n, const fb_type *type, const fb_limits *lim);

// A sentence about an error. Static memory.
const char *fb_error_name(fb_error err);

// Whether n bytes are UTF-8 (no surrogates, nothing overlong); *points gets the code points.
bool fb_utf8(const char *s, size_t n, uint32_t *points);

#endif
