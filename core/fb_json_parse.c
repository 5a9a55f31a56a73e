// fb_json_parse.c - reads JSON text straight into a builder, led by the type's descriptor.
//
// Open tables and vectors lie in the builder's scratch memory until they are complete. A union's
// value may come before its tag: its place is remembered and read at the end of the object.
#include "core/fb_json_parse.h"

#include "core/fb_json_print.h"
#include "core/fb_verify.h"

enum { KEY_MAX = 64 }; // of keys written with escapes; no field's name is as long

// Where we are in the document: a chain on the C stack, innermost first.
typedef struct path {
    const struct path *up;
    const char *name; // of a member, NULL for an element
    uint32_t n;       // bytes of the name, or the element's index
} path;

typedef struct reader {
    const uint8_t *s, *p, *end;
    fb_builder *b; // NULL: only check
    fb_json_error *err;
    const path *path;
    uint32_t depth;
} reader;

static fb_ref read_object(reader *r, const fb_type *t);
static bool skip_value(reader *r);

const char *fb_json_code_name(fb_json_code code)
{
    static const char *const names[] = {
#define FB_JSON_CODE_NAME(code, text) [code] = text,
        FB_JSON_CODES(FB_JSON_CODE_NAME)
#undef FB_JSON_CODE_NAME
    };
    return (unsigned)code < FB_JSON_CODE_COUNT ? names[code] : "unknown";
}

// ---- errors ------------------------------------------------------------------------------------

// One part of a pointer at out[n], escaped as RFC 6901 wants; gives the new length, or n when the
// part does not fit.
static size_t write_part(char *out, size_t n, const path *part)
{
    const size_t cap = sizeof((fb_json_error *)0)->pointer - 1;
    char digits[20];
    const char *s = part->name ? part->name : digits;
    size_t bytes = part->name ? part->n : fb_print_u64(digits, part->n), to = n;
    if (to < cap) out[to++] = '/';
    for (size_t i = 0; i < bytes; i++) {
        bool escaped = s[i] == '~' || s[i] == '/';
        if (to + escaped >= cap) return n;
        if (escaped) out[to++] = '~';
        out[to++] = s[i] == '~' ? '0' : s[i] == '/' ? '1' : s[i];
    }
    return to;
}

static size_t write_pointer(char *out, const path *at)
{
    const path *parts[2 * FB_JSON_DEPTH_MAX + 4];
    size_t n = 0, depth = 0;
    for (; at && depth < sizeof parts / sizeof *parts; at = at->up) parts[depth++] = at;
    while (depth > 0) {
        size_t longer = write_part(out, n, parts[--depth]);
        if (longer == n) break;
        n = longer;
    }
    return n;
}

// Notes the first error, at r->p; always false, which is also "no reference".
static bool fail(reader *r, fb_json_code code)
{
    if (r->err->code != FB_JSON_OK) return false;
    r->err->code = code;
    r->err->offset = (uint32_t)(r->p - r->s);
    r->err->pointer[write_pointer(r->err->pointer, r->path)] = 0;
    return false;
}

static bool fail_at(reader *r, const uint8_t *p, fb_json_code code)
{
    r->p = p;
    return fail(r, code);
}

static bool fail_long(reader *r, const uint8_t *p, uint32_t max)
{
    if (r->err->code == FB_JSON_OK) r->err->max = max;
    return fail_at(r, p, FB_JSON_TOO_LONG);
}

static bool fail_missing(reader *r, const fb_field *f)
{
    path here = {r->path, f->name, (uint32_t)strlen(f->name)};
    r->path = &here;
    fail(r, FB_JSON_MISSING);
    r->path = here.up;
    return false;
}

// ---- tokens ------------------------------------------------------------------------------------

// The next byte that is no white space, not taken; 0 at the end.
static uint8_t peek(reader *r)
{
    while (r->p < r->end) {
        uint8_t c = *r->p;
        if (c > ' ' || (c != ' ' && c != '\n' && c != '\t' && c != '\r')) return c;
        r->p++;
    }
    return 0;
}

// Another kind of value than the field's, or none.
static bool wrong(reader *r)
{
    uint8_t c = peek(r);
    bool value = c && (strchr("\"{[tfn-", c) || (c >= '0' && c <= '9'));
    return fail(r, value ? FB_JSON_WRONG_TYPE : FB_JSON_SYNTAX);
}

static bool literal(reader *r, const char *word, size_t n)
{
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0) return fail(r, FB_JSON_SYNTAX);
    r->p += n;
    return true;
}

// Takes the separator after a member or element; *more says whether another follows.
static bool separator(reader *r, uint8_t close, bool *more)
{
    uint8_t c = peek(r);
    if (c != ',' && c != close) return fail(r, FB_JSON_SYNTAX);
    *more = c == ',';
    r->p++;
    return true;
}

// Takes the bracket that opens; *more says whether anything is inside.
static bool enter(reader *r, uint8_t open, uint8_t close, bool *more)
{
    if (peek(r) != open) return wrong(r);
    if (r->depth == FB_JSON_DEPTH_MAX) return fail(r, FB_JSON_TOO_DEEP);
    r->depth++;
    r->p++;
    *more = peek(r) != close;
    if (!*more) r->p++;
    return true;
}

typedef struct text { // between the quotes
    const uint8_t *s;
    size_t n;
    bool escaped;
} text;

// Takes a string, the next byte is its quote. Escapes are not looked at yet.
static bool scan_string(reader *r, text *t)
{
    const uint8_t *start = r->p + 1, *p = start;
    uint64_t seen = 0;
    t->escaped = false;
    for (;;) {
        while (r->end - p >= 8) {
            uint64_t x = fb_u64(p), marks = fb_json_marks(x);
            if (marks) {
                uint32_t first = (uint32_t)__builtin_ctzll(marks) / 8;
                seen |= x & ((UINT64_C(1) << 8 * first) - 1);
                p += first;
                break;
            }
            seen |= x;
            p += 8;
        }
        if (p == r->end) return fail_at(r, p, FB_JSON_SYNTAX);
        if (*p == '"') break;
        if (*p < 0x20) return fail_at(r, p, FB_JSON_SYNTAX);
        if (*p == '\\') {
            t->escaped = true;
            if (r->end - p < 2) return fail_at(r, p, FB_JSON_SYNTAX);
            p++;
        }
        seen |= *p++;
    }
    t->s = start;
    t->n = (size_t)(p - start);
    uint32_t points;
    bool high = seen & UINT64_C(0x8080808080808080);
    if (high && !fb_utf8((const char *)start, t->n, &points)) return fail(r, FB_JSON_BAD_UTF8);
    r->p = p + 1;
    return true;
}

// Four hexadecimal digits, -1 if they are not.
static int32_t hex4(const uint8_t *p, const uint8_t *end)
{
    int32_t v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i], low = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v * 16 + (c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v * 16 + (low - 'a' + 10);
        else
            return -1;
    }
    return v;
}

static size_t put_utf8(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    size_t n = c < 0x10000 ? 3 : 4;
    to[0] = (uint8_t)(n == 3 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
    if (n == 4) to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    to[n - 2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    to[n - 1] = (uint8_t)(0x80 | (c & 0x3f));
    return n;
}

// The character after \u at *at, which may take a second \u to be whole.
static bool unescape_unicode(reader *r, const uint8_t **at, const uint8_t *end, uint32_t *c)
{
    const uint8_t *p = *at;
    int32_t high = hex4(p, end);
    if (high < 0) return fail_at(r, p, FB_JSON_SYNTAX);
    *c = (uint32_t)high;
    *at = p + 4;
    if (high < 0xd800 || high > 0xdfff) return true;
    int32_t low = end - p >= 10 && p[4] == '\\' && p[5] == 'u' ? hex4(p + 6, end) : -1;
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff) return fail_at(r, p, FB_JSON_BAD_UTF8);
    *c = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    *at = p + 10;
    return true;
}

// Writes the string's bytes to `to`, never more than it has in the text; gives their number in *n.
static bool unescape(reader *r, const text *t, uint8_t *to, size_t *n)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const uint8_t *p = t->s, *end = p + t->n;
    uint8_t *start = to;
    while (p < end) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        const char *e = p[1] ? strchr(escapes, p[1]) : NULL;
        p += 2;
        if (e) {
            *to++ = (uint8_t)meant[e - escapes];
        } else if (p[-1] == 'u') {
            uint32_t c;
            if (!unescape_unicode(r, &p, end, &c)) return false;
            to += put_utf8(to, c);
        } else {
            return fail_at(r, p - 1, FB_JSON_SYNTAX);
        }
    }
    *n = (size_t)(to - start);
    return true;
}

// Checks a string's escapes without keeping what they mean.
static bool check_escapes(reader *r, const text *t)
{
    text one = {.escaped = true};
    const uint8_t *p = t->s, *end = p + t->n;
    while (p < end) {
        uint8_t meant[12];
        size_t n;
        if (*p != '\\') {
            p++;
            continue;
        }
        // A pair of surrogates is 12 bytes; anything longer than its escape is checked next time.
        size_t left = (size_t)(end - p), length = left > 1 && p[1] == 'u' ? 6 : 2;
        int32_t high = length == 6 ? hex4(p + 2, end) : 0;
        if (high >= 0xd800 && high <= 0xdbff) length = 12;
        one.s = p;
        one.n = length < left ? length : left;
        if (!unescape(r, &one, meant, &n)) return false;
        p += one.n;
    }
    return true;
}

typedef struct number {
    uint64_t magnitude;
    bool negative, overflow;
    bool whole; // neither fraction nor exponent
} number;

static bool digits(reader *r, number *n)
{
    const uint8_t *start = r->p;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
        uint64_t digit = *r->p - '0';
        if (!n) continue;
        n->overflow |= n->magnitude > (UINT64_MAX - digit) / 10;
        n->magnitude = n->magnitude * 10 + digit;
    }
    return r->p > start || fail(r, FB_JSON_SYNTAX);
}

// Takes a number; the next byte is a digit or a minus.
static bool scan_number(reader *r, number *n)
{
    *n = (number){.whole = true};
    if (*r->p == '-') {
        n->negative = true;
        r->p++;
    }
    const uint8_t *first = r->p;
    if (!digits(r, n)) return false;
    if (*first == '0' && r->p - first > 1) return fail_at(r, first, FB_JSON_SYNTAX);
    if (r->p < r->end && *r->p == '.') {
        n->whole = false;
        r->p++;
        if (!digits(r, NULL)) return false;
    }
    if (r->p < r->end && (*r->p | 0x20) == 'e') {
        n->whole = false;
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-')) r->p++;
        return digits(r, NULL);
    }
    return true;
}

static bool starts_number(uint8_t c)
{
    return c == '-' || (c >= '0' && c <= '9');
}

// ---- values that are only checked --------------------------------------------------------------

static bool skip_string(reader *r)
{
    text t;
    if (peek(r) != '"') return fail(r, FB_JSON_SYNTAX);
    return scan_string(r, &t) && (!t.escaped || check_escapes(r, &t));
}

static bool skip_object(reader *r)
{
    bool more;
    if (!enter(r, '{', '}', &more)) return false;
    for (uint32_t keys = 0; more; keys++) {
        if (keys == FB_JSON_KEYS_MAX) return fail_long(r, r->p, FB_JSON_KEYS_MAX);
        if (!skip_string(r)) return false;
        if (peek(r) != ':') return fail(r, FB_JSON_SYNTAX);
        r->p++;
        if (!skip_value(r) || !separator(r, '}', &more)) return false;
    }
    r->depth--;
    return true;
}

static bool skip_array(reader *r)
{
    bool more;
    if (!enter(r, '[', ']', &more)) return false;
    while (more)
        if (!skip_value(r) || !separator(r, ']', &more)) return false;
    r->depth--;
    return true;
}

static bool skip_value(reader *r)
{
    uint8_t c = peek(r);
    number n;
    if (c == '"') return skip_string(r);
    if (c == '{') return skip_object(r);
    if (c == '[') return skip_array(r);
    if (c == 't') return literal(r, "true", 4);
    if (c == 'f') return literal(r, "false", 5);
    if (c == 'n') return literal(r, "null", 4);
    return starts_number(c) ? scan_number(r, &n) : fail(r, FB_JSON_SYNTAX);
}

bool fb_json_valid(const char *s, size_t n)
{
    assert(s != NULL || n == 0);
    const uint8_t *bytes = (const uint8_t *)s;
    fb_json_error err = {0};
    reader r = {.s = bytes, .p = bytes, .end = bytes + n, .err = &err};
    return skip_value(&r) && peek(&r) == 0 && r.p == r.end;
}

// ---- scalars -----------------------------------------------------------------------------------

static bool read_integer(reader *r, unsigned base, uint64_t *bits)
{
    const uint8_t *start = r->p;
    number n;
    if (r->p == r->end || !starts_number(*r->p)) return wrong(r);
    if (!scan_number(r, &n)) return false;
    if (!n.whole) return fail_at(r, start, FB_JSON_WRONG_TYPE);
    uint32_t width = 8 * fb_scalar_size(base);
    uint64_t most = UINT64_MAX >> (64 - width);
    if (fb_is_signed(base))
        most = (most >> 1) + n.negative;
    else if (n.negative)
        most = 0;
    if (n.overflow || n.magnitude > most) return fail_at(r, start, FB_JSON_OUT_OF_RANGE);
    *bits = n.negative ? ~n.magnitude + 1 : n.magnitude;
    return true;
}

// A value's name; for flags names with spaces between.
static bool enum_named(const fb_enum *e, const text *t, uint64_t *bits)
{
    const char *s = (const char *)t->s, *end = s + t->n;
    *bits = 0;
    for (;;) {
        const char *space = e->is_flags ? memchr(s, ' ', (size_t)(end - s)) : NULL;
        size_t n = (size_t)((space ? space : end) - s);
        uint32_t i = 0;
        while (i < e->n && (e->values[i].name_n != n || memcmp(e->values[i].name, s, n) != 0)) i++;
        if (i == e->n) return false;
        *bits |= (uint64_t)e->values[i].value;
        if (space == NULL) return true;
        s = space + 1;
    }
}

static bool read_enum(reader *r, const fb_field *f, unsigned base, uint64_t *bits)
{
    const fb_enum *e = f->enums;
    const uint8_t *start = r->p;
    bool known;
    if (peek(r) == '"') {
        text t;
        if (!scan_string(r, &t)) return false;
        known = enum_named(e, &t, bits);
    } else {
        if (!read_integer(r, base, bits)) return false;
        known = e->is_flags ? (*bits & ~e->mask) == 0 : fb_enum_find(e, (int64_t)*bits) != NULL;
    }
    return known || fail_at(r, start, FB_JSON_BAD_ENUM);
}

// n decimal digits at s.
static bool fixed(const char *s, uint32_t n, uint32_t *v)
{
    *v = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return false;
        *v = *v * 10 + (uint32_t)(s[i] - '0');
    }
    return true;
}

// Days since 1970-01-01 of a day of the Gregorian calendar; negative before.
static int64_t days_from(uint32_t year, uint32_t month, uint32_t day)
{
    // Years begin in March, so that a leap day is the last of its year.
    uint32_t y = month <= 2 ? year + 399 : year + 400, m = month <= 2 ? month + 9 : month - 3;
    int64_t days = (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    return days - 719468 - 146097;
}

static bool read_zone(const char *s, size_t n, int64_t *minutes)
{
    uint32_t hour, minute;
    *minutes = 0;
    if (n == 1 && (*s == 'Z' || *s == 'z')) return true;
    if (n != 6 || (*s != '+' && *s != '-') || s[3] != ':') return false;
    if (!fixed(s + 1, 2, &hour) || !fixed(s + 4, 2, &minute)) return false;
    if (hour > 23 || minute > 59) return false;
    *minutes = (int64_t)hour * 60 + minute;
    if (*s == '-') *minutes = -*minutes;
    return true;
}

fb_json_code fb_parse_time(const char *s, size_t n, uint64_t *ms)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint32_t year, month, day, hour, minute, second, fraction = 0;
    int64_t zone;
    if (n < 20 || s[4] != '-' || s[7] != '-' || (s[10] | 0x20) != 't') return FB_JSON_WRONG_TYPE;
    if (s[13] != ':' || s[16] != ':') return FB_JSON_WRONG_TYPE;
    if (!fixed(s, 4, &year) || !fixed(s + 5, 2, &month) || !fixed(s + 8, 2, &day) ||
        !fixed(s + 11, 2, &hour) || !fixed(s + 14, 2, &minute) || !fixed(s + 17, 2, &second))
        return FB_JSON_WRONG_TYPE;
    size_t at = 19;
    if (s[at] == '.') {
        size_t first = ++at;
        uint32_t unit = 100;
        for (; at < n && s[at] >= '0' && s[at] <= '9'; at++, unit /= 10)
            fraction += unit * (uint32_t)(s[at] - '0');
        if (at == first) return FB_JSON_WRONG_TYPE;
    }
    if (at == n || !read_zone(s + at, n - at, &zone)) return FB_JSON_WRONG_TYPE;
    if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return FB_JSON_OUT_OF_RANGE;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    uint32_t length = month == 2 && leap ? 29 : lengths[month - 1];
    if (day < 1 || day > length) return FB_JSON_OUT_OF_RANGE;
    int64_t minutes = days_from(year, month, day) * 1440 + hour * 60 + minute - zone;
    int64_t time = minutes * 60000 + second * 1000 + fraction;
    if (time < 0 || (uint64_t)time > FB_TIME_MAX) return FB_JSON_OUT_OF_RANGE;
    *ms = (uint64_t)time;
    return FB_JSON_OK;
}

static bool read_time(reader *r, uint64_t *ms)
{
    const uint8_t *start = r->p;
    text t;
    if (peek(r) != '"') {
        if (!read_integer(r, FB_U64, ms)) return false;
        return *ms <= FB_TIME_MAX || fail_at(r, start, FB_JSON_OUT_OF_RANGE);
    }
    if (!scan_string(r, &t)) return false;
    fb_json_code code = fb_parse_time((const char *)t.s, t.n, ms);
    return code == FB_JSON_OK || fail_at(r, start, code);
}

static bool read_quoted(reader *r, unsigned base, uint64_t *bits)
{
    const uint8_t *start = r->p++;
    if (r->p == r->end || !starts_number(*r->p)) return fail_at(r, start, FB_JSON_WRONG_TYPE);
    if (!read_integer(r, base, bits)) return false;
    if (r->p == r->end || *r->p != '"') return fail_at(r, start, FB_JSON_WRONG_TYPE);
    r->p++;
    return true;
}

static bool read_float(reader *r, unsigned base, uint64_t *bits)
{
#ifdef FB_FLOATS
    const uint8_t *start = r->p;
    number n;
    double v;
    if (!starts_number(peek(r))) return wrong(r);
    if (!scan_number(r, &n)) return false;
    if (!fb_parse_float((const char *)start, (size_t)(r->p - start), &v))
        return fail_at(r, start, FB_JSON_OUT_OF_RANGE);
    float narrow = (float)v;
    uint64_t least = 0;
    memcpy(&least, &narrow, sizeof narrow);
    if (base == FB_F32 && (least & 0x7f800000) == 0x7f800000)
        return fail_at(r, start, FB_JSON_OUT_OF_RANGE);
    *bits = least;
    if (base == FB_F64) memcpy(bits, &v, sizeof v);
    return true;
#else
    (void)bits;
    assert(base == FB_NONE); // the schema generator refuses floats
    return fail(r, FB_JSON_WRONG_TYPE);
#endif
}

// `base` is the field's, or that of its elements; what fb_load would give goes to *bits.
static bool read_scalar(reader *r, const fb_field *f, unsigned base, uint64_t *bits)
{
    uint8_t c = peek(r);
    if (f->enums) return read_enum(r, f, base, bits);
    if (f->flags & FB_F_TIME) return read_time(r, bits);
    if (f->flags & FB_F_JSON_STR && c == '"') return read_quoted(r, base, bits);
    if (fb_is_float(base)) return read_float(r, base, bits);
    if (base != FB_BOOL) return read_integer(r, base, bits);
    *bits = c == 't';
    if (c != 't' && c != 'f') return wrong(r);
    return c == 't' ? literal(r, "true", 4) : literal(r, "false", 5);
}

// ---- strings, tables, vectors ------------------------------------------------------------------

static bool no_space(reader *r)
{
    return fail(r, FB_JSON_NO_SPACE);
}

static fb_ref finish_string(reader *r, const fb_field *f, const uint8_t *start, fb_str s)
{
    uint32_t points = s.n;
    if (f->base == FB_STRING && f->max_len && s.n > f->max_len) fb_utf8(s.s, s.n, &points);
    if (f->base == FB_STRING && f->max_len && points > f->max_len)
        return fail_long(r, start, f->max_len);
    fb_ref ref = fb_string(r->b, s.s, s.n);
    return ref ? ref : no_space(r);
}

static fb_ref read_string(reader *r, const fb_field *f)
{
    if (peek(r) != '"') return wrong(r);
    const uint8_t *start = r->p;
    text t;
    if (!scan_string(r, &t)) return 0;
    if (!t.escaped) return finish_string(r, f, start, (fb_str){(const char *)t.s, (uint32_t)t.n});
    uint32_t mark = fb_mark(r->b);
    uint8_t *plain = fb_scratch(r->b, t.n);
    size_t n;
    if (plain == NULL) return no_space(r);
    if (!unescape(r, &t, plain, &n)) return 0;
    fb_ref ref = finish_string(r, f, start, (fb_str){(const char *)plain, (uint32_t)n});
    r->b->scratch = mark;
    return ref;
}

static fb_ref read_raw(reader *r, const fb_field *f)
{
    peek(r);
    const uint8_t *start = r->p;
    if (!skip_value(r)) return 0;
    fb_str s = {(const char *)start, (uint32_t)(r->p - start)};
    return finish_string(r, f, start, s);
}

static uint8_t *stage(reader *r, const fb_type *t)
{
    uint8_t *staged = fb_scratch(r->b, 8 + (size_t)t->size);
    if (staged == NULL) return no_space(r), NULL;
    memset(staged, 0, 8 + (size_t)t->size);
    return staged;
}

// A string in place of a sub-table: the one field of it that stands for all.
static fb_ref read_short(reader *r, const fb_field *f)
{
    const fb_field *only = &f->type->fields[f->str_as];
    uint64_t set = UINT64_C(1) << only->id, missing = f->type->required & ~set;
    uint32_t mark = fb_mark(r->b);
    uint8_t *staged = stage(r, f->type);
    fb_ref string = staged ? read_string(r, only) : 0;
    if (string == 0) return 0;
    if (missing) return fail_missing(r, &f->type->fields[__builtin_ctzll(missing)]);
    memcpy(staged, &set, sizeof set);
    memcpy(staged + only->at, &string, sizeof string);
    fb_ref ref = fb_table(r->b, f->type, staged);
    r->b->scratch = mark;
    return ref ? ref : no_space(r);
}

static bool read_struct(reader *r, const fb_type *t, uint8_t *to);

// One element into the scratch memory: its bytes, or a reference to it.
static bool read_element(reader *r, const fb_field *f)
{
    fb_ref ref;
    if (fb_is_scalar(f->elem)) {
        uint64_t bits;
        if (!read_scalar(r, f, f->elem, &bits)) return false;
        uint8_t *to = fb_scratch(r->b, f->elem_size);
        if (to) memcpy(to, &bits, f->elem_size);
        return to || no_space(r);
    }
    if (f->elem == FB_OBJECT && f->type->is_struct) {
        uint8_t *to = fb_scratch(r->b, f->elem_size);
        return to ? read_struct(r, f->type, to) : no_space(r);
    }
    if (f->elem == FB_STRING)
        ref = read_string(r, f);
    else if (f->flags & FB_F_STR_AS && peek(r) == '"')
        ref = read_short(r, f);
    else
        ref = read_object(r, f->type);
    if (ref) fb_push(r->b, ref);
    return ref != 0 && (r->b->err == FB_OK || no_space(r));
}

static fb_ref read_vector(reader *r, const fb_field *f)
{
    bool more;
    if (!enter(r, '[', ']', &more)) return 0;
    uint32_t mark = fb_mark(r->b), n = 0;
    for (; more; n++) {
        if (f->max_len && n == f->max_len) return fail_long(r, r->p, f->max_len);
        path here = {r->path, NULL, n};
        r->path = &here;
        if (!read_element(r, f)) return 0;
        r->path = here.up;
        if (!separator(r, ']', &more)) return 0;
    }
    r->depth--;
    bool refs = f->elem == FB_STRING || (f->elem == FB_OBJECT && !f->type->is_struct);
    const uint8_t *elements = r->b->end - r->b->cap + mark;
    fb_ref ref = refs ? fb_refs(r->b, mark) : fb_vector(r->b, elements, n, f->elem_size);
    r->b->scratch = mark;
    return ref ? ref : no_space(r);
}

// A field's value into its place: the value itself, or a reference.
static bool read_value(reader *r, const fb_field *f, uint8_t *to)
{
    fb_ref ref;
    if (fb_is_scalar(f->base)) {
        uint64_t bits;
        if (!read_scalar(r, f, f->base, &bits)) return false;
        memcpy(to, &bits, f->size);
        return true;
    }
    if (f->base == FB_OBJECT && f->type->is_struct) return read_struct(r, f->type, to);
    if (f->base == FB_STRING)
        ref = f->flags & FB_F_RAW_JSON ? read_raw(r, f) : read_string(r, f);
    else if (f->base == FB_VECTOR)
        ref = read_vector(r, f);
    else if (f->flags & FB_F_STR_AS && peek(r) == '"')
        ref = read_short(r, f);
    else
        ref = read_object(r, f->type);
    memcpy(to, &ref, sizeof ref);
    return ref != 0;
}

// ---- objects -----------------------------------------------------------------------------------

typedef struct members { // of an object being read
    const fb_type *type;
    uint8_t *staged;                   // the fields, by their `at`
    uint64_t set;                      // bit by id
    uint64_t named[FB_NAMES_MAX / 64]; // bit by place in type->names
    uint64_t late;                     // bit by id: unions that came before their tags
    uint32_t where[FB_FIELDS_MAX];     // by id: where in the text the value of a set field starts
} members;

static bool read_key(reader *r, char *plain, fb_str *key)
{
    text t;
    if (peek(r) != '"') return fail(r, FB_JSON_SYNTAX);
    if (!scan_string(r, &t)) return false;
    *key = (fb_str){(const char *)t.s, (uint32_t)t.n};
    if (t.escaped) {
        size_t n = 0;
        if (!check_escapes(r, &t)) return false;
        if (t.n <= KEY_MAX && !unescape(r, &t, (uint8_t *)plain, &n)) return false;
        *key = (fb_str){plain, (uint32_t)n};
    }
    if (peek(r) != ':') return fail(r, FB_JSON_SYNTAX);
    return true;
}

// Place of a key among the type's names, -1 if it has no such; `guess` is the field most likely.
static int find_name(const fb_type *t, fb_str key, uint32_t guess)
{
    if (guess < t->n_fields) {
        const fb_field *f = &t->fields[guess];
        bool usable = !(f->flags & (FB_F_HIDDEN | FB_F_DEPRECATED));
        if (usable && f->key_n == key.n + 4 && memcmp(f->name, key.s, key.n) == 0)
            return f->name_at;
    }
    int low = 0, high = t->n_names - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        const fb_name *name = &t->names[middle];
        int order = memcmp(key.s, name->s, key.n < name->n ? key.n : name->n);
        if (order == 0 && key.n == name->n) return middle;
        if (order < 0 || (order == 0 && key.n < name->n))
            high = middle - 1;
        else
            low = middle + 1;
    }
    return -1;
}

static bool read_union(reader *r, members *m, const fb_field *f)
{
    const fb_field *tag = f - 1;
    const fb_enum_value *member = fb_enum_find(f->enums, m->staged[tag->at]);
    if (member == NULL || member->type == NULL) return fail(r, FB_JSON_BAD_ENUM);
    fb_ref ref = read_object(r, member->type);
    memcpy(m->staged + f->at, &ref, sizeof ref);
    return ref != 0;
}

static bool same_string(const fb_builder *b, fb_ref one, fb_ref other)
{
    fb_str s = fb_str_at(b->end - one), t = fb_str_at(b->end - other);
    return s.n == t.n && memcmp(s.s, t.s, s.n) == 0;
}

// A field's value under a second name: it must be the same. Tables and vectors compare as text.
static bool read_again(reader *r, members *m, const fb_field *f)
{
    const uint8_t *start = r->p, *at = m->staged + f->at;
    bool same;
    if (fb_is_scalar(f->base)) {
        uint64_t bits;
        if (!read_scalar(r, f, f->base, &bits)) return false;
        same = memcmp(&bits, at, f->size) == 0;
    } else if (f->base == FB_STRING) {
        fb_ref ref = read_string(r, f);
        if (ref == 0) return false;
        same = same_string(r->b, fb_u32(at), ref);
    } else {
        if (!skip_value(r)) return false;
        const uint8_t *end = r->p, *first = r->s + m->where[f->id];
        r->p = first;
        if (!skip_value(r)) return false;
        same = r->p - first == end - start && memcmp(first, start, (size_t)(end - start)) == 0;
        r->p = end;
    }
    return same || fail_at(r, start, FB_JSON_CONFLICT);
}

static bool read_member(reader *r, members *m, const fb_field *f)
{
    uint64_t bit = UINT64_C(1) << f->id;
    r->p++; // the colon
    if (peek(r) == 'n') return literal(r, "null", 4);
    if (m->set & bit) return read_again(r, m, f);
    m->where[f->id] = (uint32_t)(r->p - r->s);
    if (f->base == FB_UNION) {
        if (!(m->set & bit >> 1)) {
            m->late |= bit;
            return skip_value(r);
        }
        if (!read_union(r, m, f)) return false;
    } else if (!read_value(r, f, m->staged + f->at)) {
        return false;
    }
    m->set |= bit;
    return true;
}

static bool read_members(reader *r, members *m, bool more)
{
    uint32_t guess = 0;
    while (more) {
        char plain[KEY_MAX];
        fb_str key;
        peek(r);
        const uint8_t *start = r->p;
        if (!read_key(r, plain, &key)) return false;
        path here = {r->path, key.s, key.n};
        r->path = &here;
        int name = find_name(m->type, key, guess);
        if (name < 0) return fail_at(r, start, FB_JSON_UNKNOWN_FIELD);
        uint64_t bit = UINT64_C(1) << (name & 63);
        if (m->named[name >> 6] & bit) return fail_at(r, start, FB_JSON_DUPLICATE);
        m->named[name >> 6] |= bit;
        const fb_field *f = &m->type->fields[m->type->names[name].field];
        if (!read_member(r, m, f)) return false;
        r->path = here.up;
        guess = f->id + 1u;
        if (!separator(r, '}', &more)) return false;
    }
    return true;
}

// Unions at the end of their object: those that came before their tags; and both or neither.
static bool settle_unions(reader *r, members *m)
{
    for (uint64_t left = m->type->unions; left; left &= left - 1) {
        const fb_field *f = &m->type->fields[__builtin_ctzll(left)], *tag = f - 1;
        uint64_t bit = left & (~left + 1);
        if (m->set & bit >> 1 && m->staged[tag->at] == 0) m->set &= ~(bit >> 1);
        if (m->late & bit && m->set & bit >> 1) {
            const uint8_t *end = r->p;
            path here = {r->path, f->name, f->key_n - 4};
            r->path = &here;
            r->p = r->s + m->where[f->id];
            if (!read_union(r, m, f)) return false;
            r->path = here.up;
            r->p = end;
            m->set |= bit;
        }
        bool has_tag = m->set & bit >> 1, has_value = (m->set | m->late) & bit;
        if (has_tag != has_value) return fail_missing(r, has_tag ? f : tag);
    }
    return true;
}

static bool read_struct(reader *r, const fb_type *t, uint8_t *to)
{
    bool more;
    members m = {.type = t, .staged = to};
    memset(to, 0, t->size);
    if (!enter(r, '{', '}', &more) || !read_members(r, &m, more)) return false;
    r->depth--;
    for (uint32_t i = 0; i < t->n_fields; i++)
        if (!(m.set >> i & 1)) return fail_missing(r, &t->fields[i]);
    return true;
}

static fb_ref read_object(reader *r, const fb_type *t)
{
    bool more;
    members m;
    if (!enter(r, '{', '}', &more)) return 0;
    uint32_t mark = fb_mark(r->b);
    m.type = t;
    m.staged = stage(r, t);
    m.set = m.late = 0;
    memset(m.named, 0, sizeof m.named);
    if (m.staged == NULL || !read_members(r, &m, more)) return 0;
    if (t->unions && !settle_unions(r, &m)) return 0;
    uint64_t missing = t->required & ~m.set;
    if (missing) return fail_missing(r, &t->fields[__builtin_ctzll(missing)]);
    memcpy(m.staged, &m.set, sizeof m.set);
    fb_ref ref = fb_table(r->b, t, m.staged);
    r->b->scratch = mark;
    r->depth--;
    return ref ? ref : no_space(r);
}

fb_ref fb_json_parse(fb_builder *b, const char *s, size_t n, const fb_type *type,
                     fb_json_error *err)
{
    assert(s != NULL || n == 0);
    assert(!type->is_struct && err != NULL);
    const uint8_t *bytes = (const uint8_t *)s;
    reader r = {.s = bytes, .p = bytes, .end = bytes + n, .b = b, .err = err};
    err->code = FB_JSON_OK;
    err->offset = 0;
    err->max = 0;
    err->pointer[0] = 0;
    if (n > INT32_MAX || b->err != FB_OK) return no_space(&r);
    fb_ref ref = read_object(&r, type);
    if (ref && (peek(&r) || r.p != r.end)) return fail(&r, FB_JSON_SYNTAX);
    return ref;
}
