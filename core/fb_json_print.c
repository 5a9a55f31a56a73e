// fb_json_print.c - walks a verified table by its descriptor and writes JSON text.
//
// Every member is written with a comma in front, and the first comma of an object or array is then
// overwritten by its bracket: no member needs to know whether it is the first. Room is asked for
// once a field, with NEED bytes to spare for numbers and brackets.
#include "core/fb_json_print.h"

enum { NEED = 32 }; // the longest number in quotes, and brackets

typedef struct printer {
    char *p, *end;
    unsigned flags;
    bool full; // did not fit: nothing is written any more
} printer;

static void print_table(printer *o, const uint8_t *table, const fb_type *t);

static bool room(printer *o, size_t n)
{
    if ((size_t)(o->end - o->p) >= n) return true;
    o->full = true;
    o->end = o->p;
    return false;
}

static void put(printer *o, const char *s, size_t n)
{
    memcpy(o->p, s, n);
    o->p += n;
}

// ---- numbers -----------------------------------------------------------------------------------

static const char two_digits[] = "00010203040506070809101112131415161718192021222324"
                                 "25262728293031323334353637383940414243444546474849"
                                 "50515253545556575859606162636465666768697071727374"
                                 "75767778798081828384858687888990919293949596979899";

static uint32_t digits_of(uint64_t v)
{
    uint32_t n = 1;
    for (; v >= 10000; v /= 10000) n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

size_t fb_print_u64(char *out, uint64_t v)
{
    uint32_t n = digits_of(v);
    char *p = out + n;
    for (; v >= 100; v /= 100) {
        p -= 2;
        memcpy(p, two_digits + v % 100 * 2, 2);
    }
    if (v >= 10)
        memcpy(out, two_digits + v * 2, 2);
    else
        *out = (char)('0' + v);
    return n;
}

static char *put_two(char *p, uint32_t v)
{
    memcpy(p, two_digits + v * 2, 2);
    return p + 2;
}

size_t fb_print_time(char *out, uint64_t ms)
{
    if (ms > FB_TIME_MAX) return 0;
    uint32_t of_day = (uint32_t)(ms % 86400000);
    // Days from 0000-03-01, so that a leap day is the last of its year; then eras of 400 years.
    uint32_t days = (uint32_t)(ms / 86400000) + 719468;
    uint32_t era = days / 146097, of_era = days % 146097;
    uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * of_year + 2) / 153;
    uint32_t day = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2);
    uint32_t second = of_day / 1000, minute = second / 60, fraction = of_day % 1000;
    char *p = put_two(put_two(out, year / 100), year % 100);
    *p++ = '-';
    p = put_two(p, month);
    *p++ = '-';
    p = put_two(p, day);
    *p++ = 'T';
    p = put_two(p, minute / 60);
    *p++ = ':';
    p = put_two(p, minute % 60);
    *p++ = ':';
    p = put_two(p, second % 60);
    *p++ = '.';
    *p++ = (char)('0' + fraction / 100);
    p = put_two(p, fraction % 100);
    *p = 'Z';
    return FB_TIME_TEXT;
}

static void print_integer(printer *o, uint64_t bits, unsigned base)
{
    if (fb_is_signed(base) && (int64_t)bits < 0) {
        *o->p++ = '-';
        bits = ~bits + 1;
    }
    o->p += fb_print_u64(o->p, bits);
}

static void print_float(printer *o, uint64_t bits, unsigned base)
{
#ifdef FB_FLOATS
    double v = base == FB_F64 ? fb_f64(&bits) : (double)fb_f32(&bits);
    o->p += fb_print_float(o->p, v, base == FB_F32);
#else
    (void)o, (void)bits;
    assert(base == FB_NONE); // the schema generator refuses floats
#endif
}

// ---- enums -------------------------------------------------------------------------------------

static void print_name(printer *o, const fb_enum_value *v)
{
    if (!room(o, v->name_n + NEED)) return;
    put(o, v->name, v->name_n);
}

// The name of a value, the names of flags with spaces between; false when some have no name.
static bool print_enum(printer *o, const fb_enum *e, uint64_t bits)
{
    const fb_enum_value *v = e->is_flags ? NULL : fb_enum_find(e, (int64_t)bits);
    if (e->is_flags ? bits == 0 || bits & ~e->mask : v == NULL) return false;
    char *start = o->p;
    if (v) {
        *o->p++ = '"';
        print_name(o, v);
    }
    for (uint32_t i = 0; i < e->n && e->is_flags && !o->full; i++) {
        if (!(bits & (uint64_t)e->values[i].value)) continue;
        *o->p++ = ' ';
        print_name(o, &e->values[i]);
    }
    if (o->full) return true;
    *start = '"';
    *o->p++ = '"';
    return true;
}

// ---- strings -----------------------------------------------------------------------------------

static char *put_escaped(char *p, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn.fr"; // from 8 on; a vertical tab has none
    if (c >= 0x20 && c != '"' && c != '\\') {
        *p++ = (char)c;
        return p;
    }
    *p++ = '\\';
    if (c >= 0x20) {
        *p++ = (char)c;
    } else if (c >= 8 && c <= 13 && c != 11) {
        *p++ = letters[c - 8];
    } else {
        memcpy(p, "u00", 3);
        p[3] = hex[c >> 4];
        p[4] = hex[c & 15];
        p += 5;
    }
    return p;
}

static void print_string(printer *o, const char *s, size_t n)
{
    if (!room(o, n + NEED)) return;
    char *p = o->p;
    *p++ = '"';
    size_t i = 0;
    while (n - i >= 8) {
        uint64_t x = fb_u64(s + i);
        if (!fb_json_marks(x)) {
            memcpy(p, &x, 8);
            p += 8;
            i += 8;
            continue;
        }
        o->p = p;
        if (!room(o, 6 * 8 + (n - i) + NEED)) return;
        for (size_t stop = i + 8; i < stop; i++) p = put_escaped(p, (uint8_t)s[i]);
    }
    o->p = p;
    if (!room(o, 6 * (n - i) + NEED)) return;
    for (; i < n; i++) p = put_escaped(p, (uint8_t)s[i]);
    *p++ = '"';
    o->p = p;
}

// ---- values ------------------------------------------------------------------------------------

// At least NEED bytes of room are left. `base` is the field's, or that of its elements.
static void print_scalar(printer *o, const uint8_t *at, const fb_field *f, unsigned base)
{
    uint64_t bits = at ? fb_load(at, base) : f->zero;
    if (f->flags & FB_F_NULLABLE && o->flags & FB_JSON_FULL && bits == f->zero) {
        put(o, "null", 4);
    } else if (base == FB_UTYPE && bits == 0) {
        put(o, "null", 4);
    } else if (f->enums && print_enum(o, f->enums, bits)) {
        return;
    } else if (f->flags & FB_F_TIME && bits <= FB_TIME_MAX) {
        *o->p++ = '"';
        o->p += fb_print_time(o->p, bits);
        *o->p++ = '"';
    } else if (f->flags & FB_F_JSON_STR) {
        *o->p++ = '"';
        print_integer(o, bits, base);
        *o->p++ = '"';
    } else if (base == FB_BOOL) {
        put(o, bits ? "true" : "false", bits ? 4 : 5);
    } else if (fb_is_float(base)) {
        print_float(o, bits, base);
    } else {
        print_integer(o, bits, base);
    }
}

static void print_raw(printer *o, fb_str s)
{
    if (s.n == 0) s = (fb_str){"null", 4};
    if (room(o, (size_t)s.n + NEED)) put(o, s.s, s.n);
}

static void print_struct(printer *o, const uint8_t *at, const fb_type *t)
{
    char *start = o->p;
    for (uint32_t i = 0; i < t->n_fields; i++) {
        const fb_field *f = &t->fields[i];
        if (!room(o, f->key_n + NEED)) return;
        put(o, f->key, f->key_n);
        if (f->base == FB_OBJECT)
            print_struct(o, at + f->at, f->type);
        else
            print_scalar(o, at + f->at, f, f->base);
        if (o->full) return;
    }
    *start = '{';
    *o->p++ = '}';
}

static void print_element(printer *o, const uint8_t *at, const fb_field *f)
{
    if (f->elem == FB_OBJECT && f->type->is_struct) {
        print_struct(o, at, f->type);
    } else if (f->elem == FB_OBJECT) {
        print_table(o, fb_follow(at), f->type);
    } else if (f->elem == FB_STRING) {
        fb_str s = fb_str_at(fb_follow(at));
        print_string(o, s.s, s.n);
    } else {
        print_scalar(o, at, f, f->elem);
    }
}

static void print_vector(printer *o, fb_vec v, const fb_field *f)
{
    char *start = o->p;
    for (uint32_t i = 0; i < v.n; i++) {
        if (!room(o, 1 + NEED)) return;
        *o->p++ = ',';
        print_element(o, v.p + (size_t)i * f->elem_size, f);
        if (o->full) return;
    }
    if (v.n == 0) o->p++;
    *start = '[';
    *o->p++ = ']';
}

// An absent field in full output.
static void print_absent(printer *o, const fb_field *f)
{
    if (fb_is_scalar(f->base))
        print_scalar(o, NULL, f, f->base);
    else if (f->base == FB_VECTOR)
        put(o, "[]", 2);
    else
        put(o, "null", 4);
}

// The value of a present field; at is its place, tag that of a union's tag.
static void print_value(printer *o, const uint8_t *at, const fb_field *f, const uint8_t *tag)
{
    if (fb_is_scalar(f->base)) {
        print_scalar(o, at, f, f->base);
    } else if (f->base == FB_STRING) {
        fb_str s = fb_str_at(fb_follow(at));
        if (f->flags & FB_F_RAW_JSON)
            print_raw(o, s);
        else
            print_string(o, s.s, s.n);
    } else if (f->base == FB_VECTOR) {
        print_vector(o, fb_vec_at(fb_follow(at)), f);
    } else if (f->base == FB_UNION) {
        print_table(o, fb_follow(at), fb_enum_find(f->enums, *tag)->type);
    } else if (f->type->is_struct) {
        print_struct(o, at, f->type);
    } else {
        print_table(o, fb_follow(at), f->type);
    }
}

// Whether the key is left out.
static bool left_out(const printer *o, const uint8_t *at, const fb_field *f)
{
    if (f->flags & (FB_F_DEPRECATED | FB_F_HIDDEN)) return true;
    if (at == NULL) return !(o->flags & FB_JSON_FULL) || f->flags & FB_F_OMIT_EMPTY;
    return f->flags & FB_F_OMIT_EMPTY && o->flags & FB_JSON_FULL && f->base == FB_VECTOR &&
           fb_vec_at(fb_follow(at)).n == 0;
}

static void print_table(printer *o, const uint8_t *table, const fb_type *t)
{
    const uint8_t *vtable = table - (int32_t)fb_u32(table), *before = NULL;
    uint32_t slots = fb_u16(vtable);
    char *start = o->p;
    if (!room(o, NEED)) return;
    for (uint32_t id = 0; id < t->n_fields; id++) {
        const fb_field *f = &t->fields[id];
        uint32_t place = f->slot < slots ? fb_u16(vtable + f->slot) : 0;
        const uint8_t *at = place ? table + place : NULL, *tag = before;
        before = at;
        if (left_out(o, at, f)) continue;
        if (!room(o, f->key_n + NEED)) return;
        put(o, f->key, f->key_n);
        if (f->flags & FB_F_SENSITIVE && o->flags & FB_JSON_REDACT && at)
            put(o, "\"***\"", 5);
        else if (at)
            print_value(o, at, f, tag);
        else
            print_absent(o, f);
        if (o->full) return;
    }
    if (o->p == start) o->p++;
    *start = '{';
    *o->p++ = '}';
}

size_t fb_json_print(char *out, size_t cap, const void *table, const fb_type *type, unsigned flags)
{
    assert(out != NULL || cap == 0);
    assert(table != NULL && !type->is_struct);
    printer o = {.p = out, .end = out + cap, .flags = flags};
    print_table(&o, table, type);
    return o.full ? 0 : (size_t)(o.p - out);
}
