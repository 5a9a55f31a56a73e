// fb_json_print.c - walks a verified table by its descriptor and writes JSON text.
//
// Every member is written with a comma in front, and the first comma of an object or array is then
// overwritten by its bracket: no member needs to know whether it is the first. Room is asked for
// once a field, with NEED bytes to spare for numbers and brackets.
//
// The tables of a list mostly share a vtable: between the fields that these have, the text is the
// same for all. It is worked out once, as a plan:
//
//   ,"post_id": ▢ ,"author": ▢ ,"image_url":null,"media":[],"post_type": ▢ ,"location":null
#include "core/fb_json_print.h"

enum { NEED = 32 }; // the longest number in quotes, and brackets

enum { PLANS_MAX = 6, PLAN_TEXT = 4096 };

typedef struct step {
    const fb_field *f;
    uint16_t place, tag;   // in the table: of the value, and of a union's tag
    uint16_t text, text_n; // in plans.text: what stands in front of the value
} step;

typedef struct plan {
    const uint8_t *vtable;
    const fb_type *type;
    bool good;             // false: these tables have something that differs, or too much
    uint32_t n;
    step steps[FB_FIELDS_MAX + 1]; // the last without a field: the text behind all values
} plan;

typedef struct plans {
    uint32_t n, text_n;
    plan plan[PLANS_MAX];
    char text[PLAN_TEXT];
} plans;

typedef struct printer {
    char *p, *end;
    unsigned flags;
    uint32_t lists;   // of more than one element, that it is in
    bool full;        // did not fit: nothing is written any more
    uint64_t time_ms; // the last one written
    char time[FB_TIME_TEXT];
    plans *plans;
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

static char *put_two(char *p, uint32_t v)
{
    memcpy(p, two_digits + v * 2, 2);
    return p + 2;
}

static uint32_t digits_of(uint64_t v)
{
    uint32_t n = 1;
    for (; v >= 10000; v /= 10000) n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

size_t fb_print_u64(char *out, uint64_t v)
{
    if (v < 10) {
        *out = (char)('0' + v);
        return 1;
    }
    uint32_t n = digits_of(v);
    char *p = out + n;
    for (; v >= 10000; v /= 10000) {
        uint32_t four = (uint32_t)(v % 10000);
        p -= 4;
        put_two(put_two(p, four / 100), four % 100);
    }
    uint32_t rest = (uint32_t)v;
    for (; rest >= 100; rest /= 100) put_two(p -= 2, rest % 100);
    if (rest >= 10)
        put_two(out, rest);
    else
        *out = (char)('0' + rest);
    return n;
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

// The moments of a table are often one: made and changed at once.
static void print_time(printer *o, uint64_t ms)
{
    if (o->time_ms != ms) fb_print_time(o->time, ms);
    o->time_ms = ms;
    *o->p++ = '"';
    put(o, o->time, FB_TIME_TEXT);
    *o->p++ = '"';
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

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

// Copies 16 bytes; false: some of them are to be escaped.
static bool put_plain16(char *to, const char *s)
{
    bytes16 x;
    memcpy(&x, s, sizeof x);
    words2 marks = (words2)((x < 0x20) | (x == '"') | (x == '\\'));
    memcpy(to, &x, sizeof x);
    return (marks[0] | marks[1]) == 0;
}

// The same with 4 to 7 bytes.
static bool put_plain4(char *to, const char *s, size_t n)
{
    uint32_t first = fb_u32(s), last = fb_u32(s + n - 4);
    memcpy(to, &first, 4);
    memcpy(to + n - 4, &last, 4);
    return fb_json_marks(first | (uint64_t)last << 32) == 0;
}

static void print_string(printer *o, const char *s, size_t n)
{
    if (!room(o, n + NEED)) return;
    char *p = o->p;
    *p++ = '"';
    size_t i = 0;
    for (; n - i >= 16 && put_plain16(p, s + i); i += 16) p += 16;
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
    if (i < n && n >= 8 && !fb_json_marks(fb_u64(s + n - 8))) {
        // The last eight, some of which are written already, as they are.
        p += n - i;
        memcpy(p - 8, s + n - 8, 8);
        i = n;
    } else if (n >= 4 && n < 8 && put_plain4(p, s, n)) {
        p += n;
        i = n;
    }
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
    } else if (base == FB_BOOL) {
        memcpy(o->p, bits ? "true    " : "false   ", 8);
        o->p += bits ? 4 : 5;
    } else if (base == FB_UTYPE && bits == 0) {
        put(o, "null", 4);
    } else if (f->enums && print_enum(o, f->enums, bits)) {
        return;
    } else if (f->flags & FB_F_TIME && bits <= FB_TIME_MAX) {
        print_time(o, bits);
    } else if (f->flags & FB_F_JSON_STR) {
        *o->p++ = '"';
        print_integer(o, bits, base);
        *o->p++ = '"';
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
    o->lists += v.n > 1;
    for (uint32_t i = 0; i < v.n; i++) {
        if (!room(o, 1 + NEED)) return;
        *o->p++ = ',';
        print_element(o, v.p + (size_t)i * f->elem_size, f);
        if (o->full) return;
    }
    o->lists -= v.n > 1;
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

static uint16_t place_of(const uint8_t *vtable, const fb_field *f)
{
    return f->slot < fb_u16(vtable) ? fb_u16(vtable + f->slot) : 0;
}

// ---- plans -------------------------------------------------------------------------------------

// Fills in a plan; the text of it goes where `o` writes. false: such tables have no plan.
static bool make_plan(printer *o, plan *p, const char *text)
{
    uint16_t before = 0, from = (uint16_t)(o->p - text);
    for (uint32_t id = 0; id < p->type->n_fields; id++) {
        const fb_field *f = &p->type->fields[id];
        uint16_t place = place_of(p->vtable, f), tag = before;
        before = place;
        // What decides whether the key stands there must be the same for all.
        if (place && f->flags & FB_F_OMIT_EMPTY && f->base == FB_VECTOR) return false;
        if (place ? f->flags & (FB_F_DEPRECATED | FB_F_HIDDEN) : left_out(o, NULL, f)) continue;
        if (!room(o, f->key_n + NEED)) return false;
        put(o, f->key, f->key_n);
        if (!place) {
            print_absent(o, f);
            if (o->full) return false;
            continue;
        }
        uint16_t now = (uint16_t)(o->p - text);
        p->steps[p->n++] = (step){f, place, tag, from, (uint16_t)(now - from)};
        from = now;
    }
    p->steps[p->n] = (step){NULL, 0, 0, from, (uint16_t)(o->p - text - from)};
    return true;
}

// Who was copied whole, as authors are, has a copy of the vtable with him.
static bool same_vtable(const uint8_t *a, const uint8_t *b)
{
    return a == b || (fb_u16(a) == fb_u16(b) && memcmp(a, b, fb_u16(a)) == 0);
}

// NULL: print them field by field.
static const plan *plan_for(printer *o, const uint8_t *vtable, const fb_type *t)
{
    plans *all = o->plans;
    for (uint32_t i = 0; i < all->n; i++)
        if (all->plan[i].type == t && same_vtable(all->plan[i].vtable, vtable))
            return all->plan[i].good ? &all->plan[i] : NULL;
    if (all->n == PLANS_MAX) return NULL;
    plan *p = &all->plan[all->n++];
    p->vtable = vtable;
    p->type = t;
    p->n = 0;
    printer text = {.p = all->text + all->text_n, .end = all->text + PLAN_TEXT, .flags = o->flags,
                    .time_ms = UINT64_MAX};
    p->good = make_plan(&text, p, all->text);
    if (!p->good) return NULL;
    all->text_n = (uint32_t)(text.p - all->text);
    return p;
}

static void print_planned(printer *o, const uint8_t *table, const plan *p)
{
    char *start = o->p;
    for (const step *s = p->steps;; s++) {
        if (!room(o, s->text_n + NEED)) return;
        put(o, o->plans->text + s->text, s->text_n);
        if (s->f == NULL) break;
        print_value(o, table + s->place, s->f, table + s->tag);
        if (o->full) return;
    }
    if (o->p == start) o->p++;
    *start = '{';
    *o->p++ = '}';
}

// ---- tables ------------------------------------------------------------------------------------

static void print_table(printer *o, const uint8_t *table, const fb_type *t)
{
    const uint8_t *vtable = table - (int32_t)fb_u32(table), *before = NULL;
    // A field that is not to be read is none of a plan.
    bool many = o->lists > 0 && !(o->flags & FB_JSON_REDACT);
    const plan *planned = many ? plan_for(o, vtable, t) : NULL;
    if (planned) {
        print_planned(o, table, planned);
        return;
    }
    char *start = o->p;
    if (!room(o, NEED)) return;
    for (uint32_t id = 0; id < t->n_fields; id++) {
        const fb_field *f = &t->fields[id];
        uint32_t place = place_of(vtable, f);
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
    plans all; // nothing of it is cleared but what counts it
    all.n = all.text_n = 0;
    printer o = {.p = out, .end = out + cap, .flags = flags, .plans = &all, .time_ms = UINT64_MAX};
    print_table(&o, table, type);
    return o.full ? 0 : (size_t)(o.p - out);
}
