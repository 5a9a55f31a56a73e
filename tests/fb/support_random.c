// support_random.c - random documents that a type accepts, led by its descriptor.
#include "tests/fb/support_random.h"

#include <stdio.h>

#include "core/fb_json_print.h"

static void random_object(random_json *r, const fb_type *t, unsigned depth);

uint64_t random_below(random_json *r, uint64_t limit)
{
    // splitmix64
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % limit;
}

static void put(random_json *r, const char *s, size_t n)
{
    assert((size_t)(r->end - r->p) > n);
    memcpy(r->p, s, n);
    r->p += n;
}

static void puts_(random_json *r, const char *s)
{
    put(r, s, strlen(s));
}

static void random_string(random_json *r, uint32_t max)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         " ",
                                         "0",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\u00e9",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "\\ud83d\\ude00",
                                         "/",
                                         "<",
                                         "\\u0001",
                                         "~",
                                         "x"};
    uint64_t n = random_below(r, random_below(r, 4) ? 12 : 60);
    if (max && n > max) n = max;
    puts_(r, "\"");
    for (; n > 0; n--) puts_(r, pieces[random_below(r, sizeof pieces / sizeof *pieces)]);
    puts_(r, "\"");
}

static void random_integer(random_json *r, unsigned base)
{
    uint32_t width = 8 * fb_scalar_size(base), bits = 1 + (uint32_t)random_below(r, width);
    uint64_t v = random_below(r, UINT64_MAX) >> (64 - bits);
    char text[24];
    if (fb_is_signed(base)) {
        v &= UINT64_MAX >> (65 - width);
        if (random_below(r, 2)) put(r, "-", 1);
        if (random_below(r, 2) == 0) v >>= 1;
    }
    put(r, text, fb_print_u64(text, v));
}

static void random_enum(random_json *r, const fb_enum *e)
{
    const fb_enum_value *v = &e->values[random_below(r, e->n)];
    if (e->is_union && v->value == 0) v = &e->values[1];
    puts_(r, "\"");
    put(r, v->name, v->name_n);
    const fb_enum_value *more = &e->values[random_below(r, e->n)];
    if (e->is_flags && more != v) {
        puts_(r, " ");
        put(r, more->name, more->name_n);
    }
    puts_(r, "\"");
}

static void random_scalar(random_json *r, const fb_field *f, unsigned base)
{
    char text[32];
    if (f->enums) {
        random_enum(r, f->enums);
    } else if (base == FB_BOOL) {
        puts_(r, random_below(r, 2) ? "true" : "false");
    } else if (f->flags & FB_F_TIME && (r->plain || random_below(r, 2))) {
        put(r, text, fb_print_u64(text, random_below(r, FB_TIME_MAX)));
    } else if (f->flags & FB_F_TIME) {
        puts_(r, "\"");
        put(r, text, fb_print_time(text, random_below(r, FB_TIME_MAX)));
        puts_(r, "\"");
    } else if (fb_is_float(base)) {
        snprintf(text, sizeof text, "%d.%u", (int)random_below(r, 2000) - 1000,
                 (unsigned)random_below(r, 8) * 125);
        puts_(r, text);
    } else {
        bool quoted = f->flags & FB_F_JSON_STR && random_below(r, 2);
        if (quoted) puts_(r, "\"");
        random_integer(r, base);
        if (quoted) puts_(r, "\"");
    }
}

static void random_raw(random_json *r)
{
    static const char *const values[] = {
        "{}", "[ ]", "\"\\u0000x\"", "-1.5e-7", "true", "0", "{\"a\" : [1,{\"b\":null}]}"};
    puts_(r, values[random_below(r, sizeof values / sizeof *values)]);
}

static void random_one(random_json *r, const fb_field *f, unsigned base, unsigned depth)
{
    if (fb_is_scalar(base))
        random_scalar(r, f, base);
    else if (base == FB_STRING && f->flags & FB_F_RAW_JSON)
        random_raw(r);
    else if (base == FB_STRING)
        random_string(r, f->base == FB_STRING ? f->max_len : 0);
    else if (f->flags & FB_F_STR_AS && !r->plain && random_below(r, 2) && !f->type->required)
        random_string(r, f->type->fields[f->str_as].max_len);
    else
        random_object(r, f->type, depth + 1);
}

static void random_vector(random_json *r, const fb_field *f, unsigned depth)
{
    uint64_t n = random_below(r, depth > 3 ? 2 : 6);
    if (f->max_len && n > f->max_len) n = f->max_len;
    puts_(r, "[");
    for (uint64_t i = 0; i < n; i++) {
        if (i) puts_(r, ",");
        random_one(r, f, f->elem, depth);
    }
    puts_(r, "]");
}

// Its tag and its value, in either order.
static void random_union(random_json *r, const fb_field *f, unsigned depth)
{
    const fb_enum_value *v = &f->enums->values[1 + random_below(r, f->enums->n - 1u)];
    bool tag_first = r->plain || random_below(r, 2);
    for (int i = 0; i < 2; i++) {
        if (i) puts_(r, ",");
        puts_(r, "\"");
        puts_(r, f->name);
        if (tag_first == (i == 0)) {
            puts_(r, "_type\":\"");
            puts_(r, v->name);
            puts_(r, "\"");
        } else {
            puts_(r, "\":");
            random_object(r, v->type, depth + 1);
        }
    }
}

static const char *random_name(random_json *r, const fb_type *t, const fb_field *f)
{
    for (uint32_t i = 0; i < t->n_names && !r->plain; i++)
        if (t->names[i].field == f->id && random_below(r, 3) == 0) return t->names[i].s;
    return f->name;
}

static void random_object(random_json *r, const fb_type *t, unsigned depth)
{
    uint64_t chance = random_below(r, 3), n = 0; // few fields, half of them, most
    const char *space = random_below(r, 8) || r->plain ? "" : " ";
    puts_(r, "{");
    for (uint32_t i = 0; i < t->n_fields; i++) {
        const fb_field *f = &t->fields[i];
        bool must = t->is_struct || f->flags & FB_F_REQUIRED;
        if (f->flags & (FB_F_DEPRECATED | FB_F_HIDDEN) || f->base == FB_UTYPE) continue;
        if (r->plain && f->flags & FB_F_RAW_JSON) continue;
        if (!must && random_below(r, 4) > chance) continue;
        if (!must && depth > 5 && !fb_is_scalar(f->base)) continue;
        if (n++) puts_(r, ",");
        puts_(r, space);
        if (f->base == FB_UNION) {
            random_union(r, f, depth);
            continue;
        }
        puts_(r, "\"");
        puts_(r, random_name(r, t, f));
        puts_(r, "\":");
        puts_(r, space);
        if (!must && !r->plain && random_below(r, 20) == 0)
            puts_(r, "null");
        else if (f->base == FB_VECTOR)
            random_vector(r, f, depth);
        else
            random_one(r, f, f->base, depth);
    }
    puts_(r, "}");
}

size_t random_document(random_json *r, const fb_type *type, char *out, size_t cap)
{
    r->p = out;
    r->end = out + cap;
    random_object(r, type, 0);
    return (size_t)(r->p - out);
}
