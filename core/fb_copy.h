// fb_copy.h - copies tables, or single fields, from verified bytes into a builder by descriptor.
#ifndef KITH_CORE_FB_COPY_H
#define KITH_CORE_FB_COPY_H

#include "core/fb_build.h"

// A table with all that it refers to. What the reader could not see (unknown fields, shared parts)
// is not carried over: equal content gives equal bytes. Unions are not supported.
fb_ref fb_copy(fb_builder *b, const fb_type *type, const void *table);

// The field of that name, if `table` (of type `from`) has it, put into a staged table (of type
// `to`) that has a field of the same name and kind. Empty strings and vectors count as absent.
// Whether it was put.
struct fb_field_copy {
    const fb_type *to;
    void *staged;
    const fb_type *from;
    const void *table; // NULL: nothing is put
};
bool fb_copy_field(fb_builder *b, struct fb_field_copy copy, const char *name);

// Whether the table has a field of that name, empty or not. NULL has none.
bool fb_has_field(const fb_type *type, const void *table, const char *name);

#endif
