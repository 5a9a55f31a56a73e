// fb_build.c - writes FlatBuffers backwards into the caller's memory (see fb_build.h).
#include "core/fb_build.h"

enum { MEMORY_MAX = 0x7ffffff8 }; // references and soffsets are 31 bits

static void store32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static uint32_t round_up(uint32_t n, uint32_t align)
{
    assert((align & (align - 1)) == 0);
    return (n + align - 1) & ~(align - 1);
}

static void *fail(fb_builder *b, fb_error err)
{
    if (b->err == FB_OK) b->err = err;
    return NULL;
}

void fb_init(fb_builder *b, void *buf, size_t cap)
{
    assert(buf != NULL || cap == 0);
    size_t odd = ((uintptr_t)buf + cap) & 7;
    size_t bytes = cap > odd ? cap - odd : 0;
    b->end = bytes ? (uint8_t *)buf + bytes : buf;
    b->cap = bytes < MEMORY_MAX ? (uint32_t)bytes : MEMORY_MAX;
    b->used = 0;
    b->scratch = 0;
    b->payload = 0;
    b->message = 0;
    b->err = FB_OK;
    b->n_layouts = 0;
}

void fb_restart(fb_builder *b)
{
    b->used = b->scratch = b->payload = 0;
    b->message++;
    b->err = FB_OK;
}

// Takes 4 bytes and, after them, `body` bytes aligned to `align`; gives the place of the 4. What
// is left between body and the bytes written before is 0, and so is the last byte of the body
// when 3 bytes or fewer are left: a string's NUL.
static uint8_t *take(fb_builder *b, size_t body, uint32_t align)
{
    assert(align >= 4 && b->used % 4 == 0);
    uint32_t room = b->cap - b->scratch - b->used;
    if (b->err != FB_OK || body > room) return fail(b, FB_E_SPACE);
    uint32_t used = round_up(b->used + (uint32_t)body, align) + 4;
    uint32_t taken = used - b->used;
    if (taken > room) return fail(b, FB_E_SPACE);
    uint8_t *last = b->end - b->used;
    if (taken >= 8)
        memset(last - 8, 0, 8);
    else
        memset(last - 4, 0, 4);
    b->used = used;
    return b->end - used;
}

fb_ref fb_string(fb_builder *b, const char *s, size_t n)
{
    assert(s != NULL || n == 0);
    uint8_t *p = n < MEMORY_MAX ? take(b, n + 1, 4) : fail(b, FB_E_SPACE);
    if (p == NULL) return 0;
    store32(p, (uint32_t)n);
    if (n) memcpy(p + 4, s, n);
    return b->used;
}

fb_ref fb_vector(fb_builder *b, const void *data, size_t n, uint32_t elem_size)
{
    assert(data != NULL || n == 0);
    assert(elem_size > 0 && elem_size <= UINT16_MAX);
    // A struct's size is a multiple of its alignment, so the size's lowest bit is enough.
    uint32_t low = elem_size & (~elem_size + 1);
    uint32_t align = low >= 8 ? 8 : 4;
    uint8_t *p = n < MEMORY_MAX / elem_size ? take(b, n * elem_size, align) : fail(b, FB_E_SPACE);
    if (p == NULL) return 0;
    store32(p, (uint32_t)n);
    if (n) memcpy(p + 4, data, n * elem_size);
    return b->used;
}

uint8_t *fb_scratch(fb_builder *b, size_t n)
{
    if (b->err != FB_OK || n > b->cap - b->scratch - b->used) return fail(b, FB_E_SPACE);
    uint8_t *p = b->end - b->cap + b->scratch;
    b->scratch += (uint32_t)n;
    return p;
}

uint32_t fb_mark(const fb_builder *b)
{
    return b->scratch;
}

void fb_push(fb_builder *b, fb_ref ref)
{
    uint8_t *p = fb_scratch(b, 4);
    if (p == NULL) return;
    assert(ref != 0 && ref <= b->used);
    store32(p, ref);
}

fb_ref fb_refs(fb_builder *b, uint32_t mark)
{
    if (b->err != FB_OK) return 0;
    assert(mark <= b->scratch && (b->scratch - mark) % 4 == 0);
    uint32_t bytes = b->scratch - mark;
    uint8_t *p = take(b, bytes, 4);
    if (p == NULL) return 0;
    const uint8_t *refs = b->end - b->cap + mark;
    store32(p, bytes / 4);
    uint32_t here = b->used - 4;
    for (uint32_t i = 0; i < bytes; i += 4) store32(p + 4 + i, here - i - fb_u32(refs + i));
    b->scratch = mark;
    return b->used;
}

// Places of the fields in the table, widest alignment first: no gaps between them.
static void lay_out(fb_layout *l)
{
    const fb_type *t = l->type;
    uint32_t from = 0, fields = l->set ? 64 - (uint32_t)__builtin_clzll(l->set) : 0;
    uint16_t *place = l->image + 2;
    memset(place, 0, fields * sizeof *place);
    l->bytes = 0;
    l->align = 4;
    l->n_runs = l->n_refs = 0;
    for (uint32_t i = 0; i < t->n_order; i++) {
        const fb_field *f = &t->fields[t->order[i]];
        if (!(l->set >> f->id & 1)) continue;
        place[f->id] = (uint16_t)(4 + l->bytes);
        if (t->refs >> f->id & 1) l->refs[l->n_refs++] = place[f->id];
        if (f->align > l->align) l->align = f->align;
        if (l->n_runs == 0 || from != f->at) {
            assert(l->n_runs < FB_RUNS_MAX);
            l->runs[l->n_runs].from = f->at;
            l->runs[l->n_runs].to = 4 + l->bytes;
            l->runs[l->n_runs++].n = 0;
        }
        l->runs[l->n_runs - 1].n += f->size;
        l->bytes += f->size;
        from = f->at + (uint32_t)f->size;
    }
    l->image_bytes = 4 + 2 * fields;
    l->image[0] = (uint16_t)l->image_bytes;
    l->image[1] = (uint16_t)(4 + l->bytes);
}

static fb_layout *find_layout(fb_builder *b, const fb_type *t, uint64_t set)
{
    uint32_t kept = b->n_layouts < FB_LAYOUTS_KEPT ? b->n_layouts : FB_LAYOUTS_KEPT;
    for (uint32_t i = 1; i <= kept; i++) {
        fb_layout *l = &b->layouts[(b->n_layouts - i) % FB_LAYOUTS_KEPT];
        if (l->type == t && l->set == set) return l;
    }
    return NULL;
}

static fb_layout *new_layout(fb_builder *b, const fb_type *t, uint64_t set)
{
    fb_layout *l = &b->layouts[b->n_layouts++ % FB_LAYOUTS_KEPT];
    l->type = t;
    l->set = set;
    l->message = b->message - 1;
    lay_out(l);
    return l;
}

// The layout for these fields, with its vtable in this message.
static const fb_layout *layout_for(fb_builder *b, const fb_type *t, uint64_t set)
{
    fb_layout *l = find_layout(b, t, set);
    if (l == NULL) l = new_layout(b, t, set);
    if (l->message == b->message) return l;
    uint32_t taken = round_up(l->image_bytes, 4);
    if (taken > b->cap - b->scratch - b->used) return fail(b, FB_E_SPACE);
    store32(b->end - b->used - 4, 0);
    b->used += taken;
    l->message = b->message;
    l->vtable = b->used;
    memcpy(b->end - b->used, l->image, l->image_bytes);
    return l;
}

// Runs are short: to call a function for each would take longer than to copy it. The last piece of
// one lies over that before it where it does not fill its place.
static inline void copy_run(uint8_t *to, const uint8_t *from, uint32_t n)
{
    if (n >= 16) {
        for (uint32_t i = 0; i + 16 < n; i += 16) memcpy(to + i, from + i, 16);
        memcpy(to + n - 16, from + n - 16, 16);
    } else if (n >= 8) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else if (n >= 4) {
        memcpy(to, from, 4);
        memcpy(to + n - 4, from + n - 4, 4);
    } else {
        to[0] = from[0], to[n / 2] = from[n / 2], to[n - 1] = from[n - 1];
    }
}

fb_ref fb_table(fb_builder *b, const fb_type *t, const void *staged)
{
    assert(!t->is_struct);
    const uint8_t *from = staged;
    uint64_t set = fb_u64(from);
    assert((set & ~t->all) == 0);
    if (b->err != FB_OK) return 0;
    if (t->required & ~set) return fail(b, FB_E_REQUIRED), 0;

    const fb_layout *l = layout_for(b, t, set);
    uint8_t *table = l ? take(b, l->bytes, l->align) : NULL;
    if (table == NULL) return 0;
    uint32_t here = b->used;
    for (uint32_t i = 0; i < l->n_runs; i++)
        copy_run(table + l->runs[i].to, from + l->runs[i].from, l->runs[i].n);
    for (uint32_t i = 0; i < l->n_refs; i++) {
        uint32_t place = l->refs[i], ref = fb_u32(table + place);
        assert(ref != 0 && ref <= here - place);
        store32(table + place, here - place - ref);
    }
    store32(table, l->vtable - here);
    return here;
}

fb_ref fb_adopt(fb_builder *b, const void *bytes, uint32_t n, fb_ref ref)
{
    assert(n % 8 == 0 && ref != 0 && ref <= n);
    uint32_t gap = round_up(b->used, 8) - b->used, room = b->cap - b->scratch - b->used;
    if (b->err != FB_OK || n > room || gap > room - n) return fail(b, FB_E_SPACE), 0;
    if (gap > 0) store32(b->end - b->used - gap, 0);
    b->used += gap;
    memcpy(b->end - b->used - n, bytes, n);
    b->used += n;
    return b->used - n + ref;
}

size_t fb_finish(fb_builder *b, fb_ref root)
{
    if (b->err != FB_OK) return 0;
    assert(root != 0 && root <= b->used);
    assert(b->payload == 0 && b->scratch == 0);
    uint32_t used = round_up(b->used + 4, 8);
    if (used > b->cap) return fail(b, FB_E_SPACE), 0;
    memset(b->end - used, 0, used - b->used);
    store32(b->end - used, used - root);
    b->used = used;
    b->payload = used;
    return used;
}

const void *fb_data(const fb_builder *b)
{
    return b->err == FB_OK && b->payload ? b->end - b->payload : NULL;
}

void *fb_prepend(fb_builder *b, size_t n)
{
    assert(b->err != FB_OK || b->payload != 0);
    if (b->err != FB_OK || n > b->cap - b->used) return fail(b, FB_E_SPACE);
    b->used += (uint32_t)n;
    return b->end - b->used;
}
