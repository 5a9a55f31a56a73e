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

// By name, for what knows a table's shape by its descriptor alone. NULL: there is no such field.
const fb_field *fb_find_field(const fb_type *type, const char *name);
// The number or the text in such a field; its default where the table (NULL: none) lacks it.
uint64_t fb_number_of(const fb_type *type, const void *table, const char *name);
fb_str fb_text_of(const fb_type *type, const void *table, const char *name);
// Puts a value into a staged table, if its type has such a field. ref 0: nothing.
struct fb_staged { const fb_type *type; void *at; };
void fb_stage_number(struct fb_staged to, const char *name, uint64_t value);
void fb_stage_ref(struct fb_staged to, const char *name, fb_ref ref);
enum { FB_STAGED_MAX = 8 + 8 * FB_FIELDS_MAX };   // bytes that any table needs, zeroed before

// Whether the table has a field of that name, empty or not. NULL has none.
bool fb_has_field(const fb_type *type, const void *table, const char *name);

#endif
