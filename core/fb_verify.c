// fb_verify.c - judges bytes from outside before any reader touches them (see fb_verify.h).
//
// The walk follows every reference that a reader could follow, so its cost is what readers could be
// made to do: it is bounded in depth, in tables and in bytes, each visit of a shared part counted.
#include "core/fb_verify.h"

#include "core/fb_json_parse.h"

enum { DEPTH_USUAL = 32, TABLES_USUAL = 65536, FACTOR_USUAL = 4, BYTES_LEAST = 4096 };

const char *fb_error_name(fb_error err)
{
    static const char *const names[] = {
#define FB_ERROR_NAME(code, text) [code] = text,
        FB_ERRORS(FB_ERROR_NAME)
#undef FB_ERROR_NAME
    };
    return (unsigned)err < FB_ERROR_COUNT ? names[err] : "unknown error";
}

// ---- UTF-8 -------------------------------------------------------------------------------------

// Bytes of the sequence at s, 0 if it is not one. n > 0.
static size_t utf8_sequence(const uint8_t *s, size_t n)
{
    uint8_t c = s[0];
    size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0xc2 || c > 0xf4 || n <= more) return 0;
    // The second byte's range keeps out overlong forms, surrogates and what lies past U+10FFFF.
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i <= more; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return more + 1;
}

bool fb_utf8(const char *string, size_t n, uint32_t *points)
{
    const uint8_t *s = (const uint8_t *)string;
    size_t i = 0, continued = 0;
    while (i < n) {
        while (n - i >= 8 && !(fb_u64(s + i) & UINT64_C(0x8080808080808080))) i += 8;
        if (i == n) break;
        if (s[i] < 0x80) {
            i++;
            continue;
        }
        size_t bytes = utf8_sequence(s + i, n - i);
        if (bytes == 0) return false;
        i += bytes;
        continued += bytes - 1;
    }
    *points = (uint32_t)(n - continued);
    return true;
}

// ---- the walk ----------------------------------------------------------------------------------

typedef struct walk {
    const uint8_t *p;
    uint32_t n;
    uint32_t depth, tables; // still allowed
    uint64_t bytes;         // still allowed
    bool strict;
    const fb_field *at_fault;
} walk;

static fb_error visit_table(walk *w, uint32_t at, const fb_type *t);

// Where the reference at `at` leads: to 4 aligned bytes inside the buffer.
static fb_error follow(const walk *w, uint32_t at, uint32_t *to)
{
    uint32_t off = fb_u32(w->p + at);
    if (off == 0 || off > w->n - at || w->n - at - off < 4) return FB_E_OFFSET;
    *to = at + off;
    return *to % 4 == 0 ? FB_OK : FB_E_ALIGN;
}

static fb_error charge(walk *w, uint64_t bytes)
{
    if (bytes > w->bytes) return FB_E_BYTES;
    w->bytes -= bytes;
    return FB_OK;
}

static fb_error visit_string(walk *w, uint32_t ref, const fb_field *f)
{
    uint32_t at, points;
    fb_error err = follow(w, ref, &at);
    if (err != FB_OK) return err;
    uint32_t n = fb_u32(w->p + at), room = w->n - at - 4;
    if (n >= room || w->p[at + 4 + n] != 0) return FB_E_STRING;
    if (charge(w, (uint64_t)n + 5) != FB_OK) return FB_E_BYTES;
    const char *s = (const char *)w->p + at + 4;
    if (!fb_utf8(s, n, &points)) return FB_E_UTF8;
    if (f->base == FB_STRING && f->max_len && points > f->max_len) return FB_E_LENGTH;
    if (f->flags & FB_F_RAW_JSON && n && !fb_json_valid(s, n)) return FB_E_JSON;
    return FB_OK;
}

// Enums and floats; `base` is the field's, or that of its elements.
static fb_error check_scalar(const walk *w, uint32_t at, const fb_field *f, unsigned base)
{
    uint64_t bits = fb_load(w->p + at, base);
    if (base == FB_F32 && (bits & 0x7f800000) == 0x7f800000) return FB_E_FLOAT;
    if (base == FB_F64 && (bits << 1) >= UINT64_C(0xffe0000000000000)) return FB_E_FLOAT;
    if (f->enums == NULL || !w->strict) return FB_OK;
    bool known = f->enums->is_flags ? (bits & ~f->enums->mask) == 0
                                    : fb_enum_find(f->enums, (int64_t)bits) != NULL;
    return known ? FB_OK : FB_E_ENUM;
}

static fb_error visit_struct(walk *w, uint32_t at, const fb_type *t)
{
    for (uint32_t i = 0; i < t->n_fields && t->checked; i++) {
        const fb_field *f = &t->fields[i];
        fb_error err = f->base == FB_OBJECT ? visit_struct(w, at + f->at, f->type)
                                            : check_scalar(w, at + f->at, f, f->base);
        if (err == FB_OK) continue;
        if (w->at_fault == NULL) w->at_fault = f;
        return err;
    }
    return FB_OK;
}

static fb_error visit_element(walk *w, uint32_t at, const fb_field *f)
{
    if (f->elem == FB_STRING) return visit_string(w, at, f);
    if (f->elem == FB_OBJECT && f->type->is_struct) return visit_struct(w, at, f->type);
    if (f->elem != FB_OBJECT) return check_scalar(w, at, f, f->elem);
    uint32_t to;
    fb_error err = follow(w, at, &to);
    return err == FB_OK ? visit_table(w, to, f->type) : err;
}

static fb_error visit_vector(walk *w, uint32_t ref, const fb_field *f)
{
    uint32_t at;
    fb_error err = follow(w, ref, &at);
    if (err != FB_OK) return err;
    uint32_t n = fb_u32(w->p + at), start = at + 4;
    uint64_t bytes = (uint64_t)n * f->elem_size;
    if (bytes > w->n - start) return FB_E_VECTOR;
    if (f->max_len && n > f->max_len) return FB_E_LENGTH;
    if (charge(w, bytes + 4) != FB_OK) return FB_E_BYTES;
    bool structs = f->elem == FB_OBJECT && f->type->is_struct;
    uint32_t align = structs ? f->type->align : f->elem_size;
    if (n && start % align) return FB_E_ALIGN;
    bool plain = fb_is_scalar(f->elem) && !fb_is_float(f->elem) && (!f->enums || !w->strict);
    if (plain || (structs && !f->type->checked)) return FB_OK;
    for (uint32_t i = 0; i < n && err == FB_OK; i++)
        err = visit_element(w, start + i * f->elem_size, f);
    return err;
}

// The value of a union and its tag, which is the field before. Either place may be 0: absent.
static fb_error visit_union(walk *w, uint32_t value, uint32_t tag_at, const fb_field *f)
{
    uint32_t to;
    uint8_t tag = tag_at ? w->p[tag_at] : 0;
    if ((tag != 0) != (value != 0)) return FB_E_UNION;
    if (tag == 0) return FB_OK;
    const fb_enum_value *member = fb_enum_find(f->enums, tag);
    if (member == NULL) return FB_E_UNION;
    fb_error err = follow(w, value, &to);
    return err == FB_OK ? visit_table(w, to, member->type) : err;
}

static fb_error visit_field(walk *w, uint32_t at, const fb_field *f)
{
    uint32_t to;
    if (f->base == FB_STRING) return visit_string(w, at, f);
    if (f->base == FB_VECTOR) return visit_vector(w, at, f);
    if (f->base != FB_OBJECT) return check_scalar(w, at, f, f->base);
    if (f->type->is_struct) return visit_struct(w, at, f->type);
    fb_error err = follow(w, at, &to);
    return err == FB_OK ? visit_table(w, to, f->type) : err;
}

// A table's vtable, both inside the buffer.
typedef struct shape {
    uint32_t at;     // of the table
    uint32_t bytes;  // of the table
    uint32_t vtable; // where it is
    uint32_t slots;  // its bytes
} shape;

static fb_error find_shape(walk *w, uint32_t at, shape *s)
{
    assert(at % 4 == 0 && w->n - at >= 4);
    int64_t vtable = (int64_t)at - (int32_t)fb_u32(w->p + at);
    if (vtable < 0 || vtable % 2 || vtable + 4 > w->n) return FB_E_VTABLE;
    s->at = at;
    s->vtable = (uint32_t)vtable;
    s->slots = fb_u16(w->p + vtable);
    s->bytes = fb_u16(w->p + vtable + 2);
    if (s->slots < 4 || s->slots % 2 || s->slots > w->n - s->vtable) return FB_E_VTABLE;
    if (s->bytes < 4 || s->bytes > w->n - at) return FB_E_TABLE;
    return charge(w, s->bytes);
}

// Place of a field in the buffer, 0 when absent.
static fb_error find_field(const walk *w, const shape *s, const fb_field *f, uint32_t *at)
{
    *at = 0;
    uint32_t place = f->slot < s->slots ? fb_u16(w->p + s->vtable + f->slot) : 0;
    if (place == 0) return f->flags & FB_F_REQUIRED ? FB_E_REQUIRED : FB_OK;
    if (place < 4 || place > s->bytes || f->size > s->bytes - place) return FB_E_FIELD;
    *at = s->at + place;
    return *at % f->align == 0 ? FB_OK : FB_E_ALIGN;
}

static fb_error visit_fields(walk *w, const shape *s, const fb_type *t)
{
    uint32_t before = 0; // place of the field before: a union's tag
    for (uint32_t id = 0; id < t->n_fields; id++) {
        const fb_field *f = &t->fields[id];
        uint32_t at;
        fb_error err = find_field(w, s, f, &at);
        if (err == FB_OK && f->base == FB_UNION)
            err = visit_union(w, at, before, f);
        else if (err == FB_OK && at)
            err = visit_field(w, at, f);
        if (err != FB_OK) {
            if (w->at_fault == NULL) w->at_fault = f;
            return err;
        }
        before = at;
    }
    for (uint32_t slot = 4 + 2 * (uint32_t)t->n_fields; w->strict && slot < s->slots; slot += 2)
        if (fb_u16(w->p + s->vtable + slot)) return FB_E_UNKNOWN;
    return FB_OK;
}

static fb_error visit_table(walk *w, uint32_t at, const fb_type *t)
{
    shape s;
    if (w->depth == 0) return FB_E_DEPTH;
    if (w->tables == 0) return FB_E_TABLES;
    w->depth--;
    w->tables--;
    fb_error err = find_shape(w, at, &s);
    if (err == FB_OK) err = visit_fields(w, &s, t);
    w->depth++;
    return err;
}

fb_error fb_verify(const void *buf, size_t n, const fb_type *type, const fb_limits *lim)
{
    static const fb_limits usual = {0};
    assert(buf != NULL || n == 0);
    assert(!type->is_struct);
    if (lim == NULL) lim = &usual;
    if (lim->at_fault) *lim->at_fault = NULL;
    if (n < 8 || n > INT32_MAX) return FB_E_SIZE;
    uint64_t factor = lim->bytes_factor ? lim->bytes_factor : FACTOR_USUAL;
    walk w = {
        .p = buf,
        .n = (uint32_t)n,
        .depth = lim->depth ? lim->depth : DEPTH_USUAL,
        .tables = lim->tables ? lim->tables : TABLES_USUAL,
        .bytes = factor * (n > BYTES_LEAST ? n : BYTES_LEAST),
        .strict = lim->strict,
    };
    uint32_t root;
    fb_error err = follow(&w, 0, &root);
    if (err == FB_OK) err = visit_table(&w, root, type);
    if (lim->at_fault) *lim->at_fault = w.at_fault;
    return err;
}
