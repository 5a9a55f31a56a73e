#include "tools/kith_rows.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/assert.h"
#include "core/fb_json_parse.h"

enum { NOT_WANTED = 255 };

// The column one of whose names is this one.
static unsigned column_of(const struct rows *r, const char *name, size_t n)
{
    for (unsigned i = 0; i < r->columns; i++) {
        for (const char *at = r->names[i]; *at != '\0';) {
            size_t length = strcspn(at, ",");
            if (length == n && strncasecmp(at, name, n) == 0)
                return i;
            at += length + (at[length] == ',');
        }
    }
    return NOT_WANTED;
}

static int bad_row(struct rows *r, const char *what)
{
    snprintf(r->why, sizeof r->why, "%.160s: record %llu: %s", r->source.path,
             (unsigned long long)r->source.records, what);
    return -1;
}

// ---- CSV ---------------------------------------------------------------------------------------

// Takes the field at *at, unquoted in place; *at is moved behind its comma. NULL when it is
// malformed.
static char *csv_field(char **at, size_t *n)
{
    char *from = *at;
    if (*from != '"') {
        size_t length = strcspn(from, ",");
        *at = from[length] == ',' ? from + length + 1 : NULL;
        from[length] = '\0';
        *n = length;
        return from;
    }
    char *read = from + 1, *write = from;
    for (;; read++) {
        if (*read == '\0')
            return NULL;
        if (*read == '"' && *++read != '"')
            break;
        *write++ = *read;
    }
    if (*read != ',' && *read != '\0')
        return NULL;
    *at = *read == ',' ? read + 1 : NULL;
    *write = '\0';
    *n = (size_t)(write - from);
    return from;
}

static int csv_header(struct rows *r)
{
    char *at;
    size_t n;
    if (source_record(&r->source, true, &at, &n) != 1)
        return bad_row(r, "the header line is missing");
    if (n >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    for (r->fields = 0; at != NULL; r->fields++) {
        char *name = csv_field(&at, &n);
        if (name == NULL || r->fields == ROWS_HEADER_MAX)
            return bad_row(r, "a malformed header");
        unsigned column = column_of(r, name, n);
        for (unsigned i = 0; i < r->fields; i++)
            if (r->column_at[i] == column)
                column = NOT_WANTED; // the first of two names stands
        r->column_at[r->fields] = (uint8_t)column;
    }
    return 0;
}

static int csv_next(struct rows *r, struct cell *cell)
{
    char *at;
    size_t n;
    int got;
    do
        got = source_record(&r->source, true, &at, &n);
    while (got == 1 && n == 0);
    if (got <= 0) {
        snprintf(r->why, sizeof r->why, "%s", r->source.why);
        return got;
    }
    unsigned i = 0;
    for (; at != NULL; i++) {
        char *field = csv_field(&at, &n);
        if (field == NULL)
            return bad_row(r, "a quoted field is followed by text, or has no end");
        if (i < r->fields && r->column_at[i] != NOT_WANTED)
            cell[r->column_at[i]] = (struct cell){field, n};
    }
    return i == r->fields ? 1 : bad_row(r, "has not as many fields as the header");
}

// ---- JSON lines --------------------------------------------------------------------------------

static const char *skip_space(const char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

static unsigned hex4(const char *s)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (unsigned)(isdigit((unsigned char)s[i]) ? s[i] - '0'
                                                             : (s[i] | 32) - 'a' + 10);
    return v;
}

static void add_point(struct string *t, unsigned c)
{
    char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3f));
    b[0] = (char)(n == 1 ? c : first[n] | c);
    string_add(t, b, n);
}

// The string at s (behind its quote) unescaped behind what t holds; gives where it ends. The text
// was judged whole by fb_json_valid: it cannot run out.
static const char *json_string(struct string *t, const char *s)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    for (;;) {
        size_t n = strcspn(s, "\"\\");
        string_add(t, s, n);
        s += n;
        if (*s == '"')
            return s + 1;
        if (s[1] != 'u') {
            string_add(t, &meant[strchr(letters, s[1]) - letters], 1);
            s += 2;
            continue;
        }
        unsigned c = hex4(s + 2);
        s += 6;
        if (c >= 0xd800 && c < 0xdc00 && s[0] == '\\' && s[1] == 'u') {
            c = 0x10000 + ((c - 0xd800) << 10) + (hex4(s + 2) - 0xdc00);
            s += 6;
        }
        add_point(t, c);
    }
}

static const char *json_skip(const char *s);

// Calls for each member: one() is given the key and the value's place, gives the value's end.
struct members {
    const char *(*one)(struct members *m, const char *value);
    struct rows *rows;
    struct string key;
};

static const char *json_members(struct members *m, const char *s)
{
    s = skip_space(s + 1);
    while (*s != '}') {
        string_clear(&m->key);
        s = skip_space(json_string(&m->key, s + 1));
        s = skip_space(m->one(m, skip_space(s + 1)));
        if (*s == ',')
            s = skip_space(s + 1);
    }
    return s + 1;
}

static const char *json_skip(const char *s)
{
    unsigned depth = 0;
    struct string drop = {0};
    do {
        s = skip_space(s);
        if (*s == '"') {
            s = json_string(&drop, s + 1);
        } else if (*s == '{' || *s == '[') {
            depth++;
            s++;
            continue;
        } else if (*s == '}' || *s == ']') {
            depth--;
            s++;
        } else {
            s += strcspn(s, ",:]} \t\r\n");
        }
        s = skip_space(s);
        while (depth > 0 && (*s == ',' || *s == ':'))
            s++;
    } while (depth > 0);
    string_free(&drop);
    return s;
}

static const char *take_username(struct members *m, const char *value)
{
    bool wanted = m->key.n == 8 && memcmp(m->key.s, "username", 8) == 0 && *value == '"';
    return wanted ? json_string(&m->rows->unescaped, value + 1) : json_skip(value);
}

static const char *take_list(struct rows *r, const char *s)
{
    s = skip_space(s + 1);
    while (*s != ']') {
        if (*s == ',') {
            string_adds(&r->unescaped, ",");
            s = skip_space(s + 1);
            continue;
        }
        s = skip_space(*s == '"' ? json_string(&r->unescaped, s + 1) : json_skip(s));
    }
    return s + 1;
}

static const char *take_value(struct rows *r, const char *s)
{
    if (*s == '"')
        return json_string(&r->unescaped, s + 1);
    if (*s == '[')
        return take_list(r, s);
    if (*s == '{') { // who an author is stands in a sub-object in our own exports
        struct members m = {.one = take_username, .rows = r};
        s = json_members(&m, s);
        string_free(&m.key);
        return s;
    }
    const char *end = json_skip(s);
    size_t n = strcspn(s, ",]} \t\r\n");
    if (strncmp(s, "null", 4) != 0)
        string_add(&r->unescaped, s, n);
    return end;
}

static const char *take_member(struct members *m, const char *value)
{
    struct rows *r = m->rows;
    unsigned column = column_of(r, m->key.s != NULL ? m->key.s : "", m->key.n);
    if (column == NOT_WANTED || r->place[column] != 0)
        return json_skip(value);
    r->place[column] = r->unescaped.n;
    const char *end = take_value(r, value);
    string_add(&r->unescaped, "", 1);
    return end;
}

static int json_next(struct rows *r, struct cell *cell)
{
    char *line;
    size_t n;
    int got;
    do
        got = source_record(&r->source, false, &line, &n);
    while (got == 1 && *skip_space(line) == '\0');
    if (got <= 0) {
        snprintf(r->why, sizeof r->why, "%s", r->source.why);
        return got;
    }
    const char *object = skip_space(line);
    if (*object != '{' || !fb_json_valid(line, n))
        return bad_row(r, "is not one JSON object");
    string_clear(&r->unescaped);
    string_add(&r->unescaped, "", 1); // place 0 = absent
    memset(r->place, 0, sizeof r->place);
    struct members m = {.one = take_member, .rows = r};
    json_members(&m, object);
    string_free(&m.key);
    for (unsigned i = 0; i < r->columns; i++)
        if (r->place[i] != 0) {
            const char *s = r->unescaped.s + r->place[i];
            cell[i] = (struct cell){s, strlen(s)};
        }
    return 1;
}

// ---- both --------------------------------------------------------------------------------------

int rows_open(struct rows *r, const char *path, const char *const *names, unsigned columns)
{
    ASSERT(columns <= ROWS_COLUMNS_MAX);
    memset(r, 0, sizeof *r);
    r->names = names;
    r->columns = columns;
    int err = source_open(&r->source, path);
    if (err != 0) {
        snprintf(r->why, sizeof r->why, "%.160s: %s", path, strerror(err));
        return err;
    }
    r->json = source_peek(&r->source) == '{';
    if (!r->json && csv_header(r) != 0) {
        rows_close(r);
        return EINVAL;
    }
    return 0;
}

void rows_close(struct rows *r)
{
    source_close(&r->source);
    string_free(&r->unescaped);
}

bool rows_has(const struct rows *r, unsigned column)
{
    if (r->json)
        return true;
    for (unsigned i = 0; i < r->fields; i++)
        if (r->column_at[i] == column)
            return true;
    return false;
}

int rows_next(struct rows *r, struct cell *cell)
{
    for (unsigned i = 0; i < r->columns; i++)
        cell[i] = (struct cell){"", 0};
    return r->json ? json_next(r, cell) : csv_next(r, cell);
}

uint64_t rows_time(struct cell c)
{
    char text[48];
    if (c.n == 0 || c.n > 40)
        return 0;
    uint64_t ms = 0;
    size_t digits = strspn(c.s, "0123456789");
    if (digits == c.n && digits >= 9) {
        for (size_t i = 0; i < digits && i < 15; i++)
            ms = ms * 10 + (uint64_t)(c.s[i] - '0');
        return digits > 11 ? ms : ms * 1000;
    }
    snprintf(text, sizeof text, "%s", c.s);
    if (c.n == 10)
        strcat(text, "T00:00:00");
    if (strlen(text) > 10 && text[10] == ' ')
        text[10] = 'T';
    size_t n = strlen(text);
    bool zone = text[n - 1] == 'Z' || strpbrk(text + 10, "+") != NULL ||
                (n > 19 && strchr(text + 19, '-') != NULL);
    if (!zone)
        strcat(text, "Z");
    return fb_parse_time(text, strlen(text), &ms) == FB_JSON_OK ? ms : 0;
}
