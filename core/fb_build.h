// fb_build.h - the FlatBuffers builder: writes from the end of the caller's memory backwards.
//
//   buf [collected vectors, open tables ->   ... free ...   <- frame | payload] buf + cap
//
// Tables are staged in a struct on the caller's stack and copied out by fb_table, so strings and
// sub-tables may be made at any moment. An error sticks in b->err: no call needs a check of its
// own, and fb_finish gives 0. The memory stays the caller's.
#ifndef KITH_CORE_FB_BUILD_H
#define KITH_CORE_FB_BUILD_H

#include "core/fb.h"

typedef uint32_t fb_ref; // something written: its distance in bytes from the end; 0 = nothing

enum { FB_LAYOUTS_KEPT = 16, FB_RUNS_MAX = FB_FIELDS_MAX / 2 };

// How the tables of one type with the same fields present lie, and where their vtable is. Fields
// that are neighbours both staged and in the table are copied in one run.
typedef struct fb_layout {
    const fb_type *type;
    uint64_t set;
    uint64_t message; // that `vtable` is in
    uint32_t vtable;  // distance from the end
    uint32_t bytes;  // of the fields
    uint32_t align;
    uint32_t n_runs;
    struct {
        uint32_t from, to, n;
    } runs[FB_RUNS_MAX];
    uint32_t n_refs;
    uint16_t refs[FB_FIELDS_MAX]; // places in the table of those that are references
    uint32_t image_bytes;
    uint16_t image[FB_FIELDS_MAX + 2]; // of the vtable
} fb_layout;

typedef struct fb_builder {
    uint8_t *end;     // one past the last byte
    uint32_t cap;     // bytes before `end` that may be used
    uint32_t used;    // bytes written, back from `end`; a multiple of 4 until finished
    uint32_t scratch; // bytes in use at the low end
    uint32_t payload; // bytes of the finished payload
    uint64_t message; // counts restarts; must never come round
    fb_error err;
    uint32_t n_layouts; // made so far; the last FB_LAYOUTS_KEPT are remembered
    fb_layout layouts[FB_LAYOUTS_KEPT];
} fb_builder;

void fb_init(fb_builder *b, void *buf, size_t cap);
// The next payload in the same memory, over the last one. What was worked out about tables is kept:
// for who writes the same kinds of tables again and again.
void fb_restart(fb_builder *b);

fb_ref fb_string(fb_builder *b, const char *s, size_t n);

// A vector of n scalars or structs of elem_size bytes each, copied from data.
fb_ref fb_vector(fb_builder *b, const void *data, size_t n, uint32_t elem_size);

// A vector of references: mark, push each, then fb_refs writes them in the order pushed. Marks
// nest.
uint32_t fb_mark(const fb_builder *b);
void fb_push(fb_builder *b, fb_ref ref);
fb_ref fb_refs(fb_builder *b, uint32_t mark);

// n bytes of the low end, NULL when there is no room; released by setting b->scratch back to the
// mark taken before.
uint8_t *fb_scratch(fb_builder *b, size_t n);

// Copies out a staged table: 8 bytes of presence mask, then t->size bytes of fields.
fb_ref fb_table(fb_builder *b, const fb_type *t, const void *staged);

// Takes over what another builder wrote: its last n bytes (a multiple of 8) with `ref` in them.
// Gives the same thing's reference here.
fb_ref fb_adopt(fb_builder *b, const void *bytes, uint32_t n, fb_ref ref);

// Ends the payload; gives its bytes (a multiple of 8), 0 after any error. It is the last so many
// bytes of the memory (of the part of it that ends at a multiple of 8).
size_t fb_finish(fb_builder *b, fb_ref root);

// First byte of the finished payload, whatever was prepended since; NULL after an error.
const void *fb_data(const fb_builder *b);

// n bytes right in front of what is written, for a frame header; NULL when there is no room.
void *fb_prepend(fb_builder *b, size_t n);

// fb_put_u8 ... fb_put_f64: the field `id`, which lies at byte `at` of a staged table. Inlined
// always: with the constants of where they are used they are a store and a bit of the set.
#define FB_INLINE static inline __attribute__((always_inline))
#define FB_PUTTER(kind, type)                                                                     \
    FB_INLINE void fb_put_##kind(void *staged, uint32_t at, uint32_t id, type v)                  \
    {                                                                                             \
        __builtin_memcpy((uint8_t *)staged + at, &v, sizeof v);                                   \
        uint64_t set = fb_u64(staged) | UINT64_C(1) << id;                                        \
        __builtin_memcpy(staged, &set, sizeof set);                                               \
    }
FB_PUTTER(u8, uint8_t)
FB_PUTTER(i8, int8_t)
FB_PUTTER(u16, uint16_t)
FB_PUTTER(i16, int16_t)
FB_PUTTER(u32, uint32_t)
FB_PUTTER(i32, int32_t)
FB_PUTTER(u64, uint64_t)
FB_PUTTER(i64, int64_t)
FB_PUTTER(f32, float)
FB_PUTTER(f64, double)
#undef FB_PUTTER

FB_INLINE void fb_put_bool(void *staged, uint32_t at, uint32_t id, bool v)
{
    fb_put_u8(staged, at, id, v);
}

// Nothing written leaves the field absent.
FB_INLINE void fb_put_ref(void *staged, uint32_t at, uint32_t id, fb_ref ref)
{
    if (ref != 0) fb_put_u32(staged, at, id, ref);
}
#undef FB_INLINE

static inline fb_ref fb_cstring(fb_builder *b, const char *s)
{
    return fb_string(b, s, strlen(s));
}

#endif
