// The pointer to a field is found by walking the table in the order of the verifier: all before the
// first fault is sound, so the walk may read it.
#include "api/validate.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/zones.h"
#include "core/assert.h"
#include "core/hash.h"
#include "core/id.h"
#include "core/limits.h"
#include "kith_fb.h"

// ---- forms -------------------------------------------------------------------------------------

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool valid_username(const char *s, size_t n)
{
    if (n < 1 || n > 50)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && s[i] != '.' && s[i] != '_')
            return false;
    return true;
}

// Labels of letters, digits and inner hyphens, dots between them.
static bool valid_host(const char *s, size_t n, size_t labels_least)
{
    size_t labels = 1, label = 0;
    if (n == 0 || n > 253)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '.') {
            if (label == 0 || s[i - 1] == '-')
                return false;
            labels++;
            label = 0;
            continue;
        }
        bool high = (unsigned char)s[i] >= 0x80;
        if (!high && !is_alnum(s[i]) && (s[i] != '-' || label == 0))
            return false;
        if (++label > 63)
            return false;
    }
    return label > 0 && s[n - 1] != '-' && labels >= labels_least;
}

bool valid_email(const char *s, size_t n)
{
    const char *at = memchr(s, '@', n);
    if (at == NULL || n > 255)
        return false;
    size_t local = (size_t)(at - s), host = n - local - 1;
    if (local == 0 || local > 64 || s[0] == '.' || at[-1] == '.')
        return false;
    for (size_t i = 0; i < local; i++) {
        bool high = (unsigned char)s[i] >= 0x80;
        if (!high && !is_alnum(s[i]) && memchr("!#$%&'*+/=?^_`{|}~.-", s[i], 20) == NULL)
            return false;
        if (s[i] == '.' && s[i + 1] == '.')
            return false;
    }
    return valid_host(at + 1, host, 2);
}

bool valid_phone(const char *s, size_t n)
{
    if (n < 4 || n > 16 || s[0] != '+' || s[1] == '0')
        return false;
    for (size_t i = 1; i < n; i++)
        if (!is_digit(s[i]))
            return false;
    return true;
}

static size_t after_scheme(const char *s, size_t n)
{
    if (n > 8 && strncasecmp(s, "https://", 8) == 0)
        return 8;
    return n > 7 && strncasecmp(s, "http://", 7) == 0 ? 7 : 0;
}

bool valid_url(const char *s, size_t n)
{
    size_t at = after_scheme(s, n);
    if (at == 0)
        return false;
    for (size_t i = at; i < n; i++)
        if ((unsigned char)s[i] <= 0x20 || s[i] == 0x7f || memchr("<>\"\\^`{|}", s[i], 9) != NULL)
            return false;
    size_t end = at;
    while (end < n && memchr("/?#", s[end], 3) == NULL)
        end++;
    const char *colon = memchr(s + at, ':', end - at);
    size_t host = colon != NULL ? (size_t)(colon - s) : end;
    for (size_t i = host + 1; i < end; i++)
        if (!is_digit(s[i]))
            return false;
    return valid_host(s + at, host - at, 1);
}

static unsigned number(const char *s, unsigned digits)
{
    unsigned v = 0;
    for (unsigned i = 0; i < digits; i++)
        v = v * 10 + (unsigned)(s[i] - '0');
    return v;
}

bool valid_date(const char *s, size_t n, uint64_t now_ms)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (n != 10 || s[4] != '-' || s[7] != '-')
        return false;
    for (unsigned i = 0; i < 10; i++)
        if (i != 4 && i != 7 && !is_digit(s[i]))
            return false;
    unsigned y = number(s, 4), m = number(s + 5, 2), d = number(s + 8, 2);
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (y < 1 || m < 1 || m > 12 || d < 1 || d > days[m - 1] + (unsigned)(m == 2 && leap))
        return false;
    // Days since 1970-01-01, of the proleptic Gregorian calendar (March is the year's first month).
    int64_t yy = (int64_t)y - (m <= 2), era = yy / 400, yoe = yy - era * 400;
    int64_t doy = (153 * ((int64_t)m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t day = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    return day <= (int64_t)(now_ms / 86400000);
}

bool has_content(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\n' && s[i] != '\r')
            return true;
    return false;
}

// ---- the table of rules ------------------------------------------------------------------------

enum rule {
    RULE_NONE, RULE_URL, RULE_URL_NEEDED, RULE_EMAIL, RULE_PHONE, RULE_USERNAME, RULE_DATE,
    RULE_PASSWORD, RULE_PAGE, RULE_WAIT, RULE_CREATED, RULE_LAT, RULE_LNG, RULE_HIDDEN,
    RULE_TEXT, RULE_ZONE,
};

// type NULL: any type.
static const struct { const char *type, *field; enum rule rule; } rules[] = {
    {NULL, "avatar_url", RULE_URL},
    {NULL, "cover_url", RULE_URL},
    {NULL, "website", RULE_URL},
    {NULL, "image_url", RULE_URL},
    {NULL, "thumbnail_url", RULE_URL},
    {NULL, "media_urls", RULE_URL_NEEDED},
    {NULL, "media_url", RULE_URL_NEEDED},
    {"Link", "url", RULE_URL_NEEDED},
    {"Register", "email", RULE_EMAIL},
    {"UserUpdate", "email", RULE_EMAIL},
    {"ImportUser", "email", RULE_EMAIL},
    {"Register", "phone_number", RULE_PHONE},
    {"UserUpdate", "phone_number", RULE_PHONE},
    {"ImportUser", "phone_number", RULE_PHONE},
    {"Register", "username", RULE_USERNAME},
    {"UserUpdate", "username", RULE_USERNAME},
    {"ImportUser", "username", RULE_USERNAME},
    {"OauthLogin", "username", RULE_USERNAME},
    {"Register", "password", RULE_PASSWORD},
    {"ResetPassword", "password", RULE_PASSWORD},
    {"ForgotPassword", "email", RULE_EMAIL},
    {"ForgotPassword", "phone_number", RULE_PHONE},
    {"LoginCode", "phone_number", RULE_PHONE},
    {NULL, "date_of_birth", RULE_DATE},
    {NULL, "limit", RULE_PAGE},
    {NULL, "wait", RULE_WAIT},
    {"ImportUser", "created_at", RULE_CREATED},
    {"ImportPost", "created_at", RULE_CREATED},
    {"Location", "lat", RULE_LAT},
    {"Location", "lng", RULE_LNG},
    {"DevicePut", "token", RULE_TEXT},
    {"AddressAdd", "first_name", RULE_TEXT},
    {"AddressAdd", "last_name", RULE_TEXT},
    {"AddressAdd", "address_line_1", RULE_TEXT},
    {"AddressAdd", "city", RULE_TEXT},
    {"AddressAdd", "state", RULE_TEXT},
    {"AddressAdd", "country", RULE_TEXT},
    {"AddressAdd", "postal_code", RULE_TEXT},
    {"AddressChange", "first_name", RULE_TEXT},
    {"AddressChange", "last_name", RULE_TEXT},
    {"AddressChange", "address_line_1", RULE_TEXT},
    {"AddressChange", "city", RULE_TEXT},
    {"AddressChange", "state", RULE_TEXT},
    {"AddressChange", "country", RULE_TEXT},
    {"AddressChange", "postal_code", RULE_TEXT},
    {"PreferencePut", "preference_key", RULE_TEXT},
    {"SearchAdd", "search_term", RULE_TEXT},
    {"CollectionAdd", "name", RULE_TEXT},
    {"CollectionChange", "name", RULE_TEXT},
    {NULL, "cover_image_url", RULE_URL},
    {"SettingsChange", "timezone", RULE_ZONE},
};

static enum rule rule_search(const fb_type *t, const fb_field *f)
{
    if (f->flags & FB_F_HIDDEN)
        return RULE_HIDDEN;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].field, f->name) == 0 &&
            (rules[i].type == NULL || strcmp(rules[i].type, t->name) == 0))
            return rules[i].rule;
    return RULE_NONE;
}

// The fields that have a rule, found by their address: every request asks for each of its fields.
enum { FOUND = 512 };
static struct { const fb_field *field; enum rule rule; } found[FOUND];
static pthread_once_t found_once = PTHREAD_ONCE_INIT;

static unsigned found_at(const fb_field *f)
{
    return (unsigned)(hash_u64((uintptr_t)f, 0) % FOUND);
}

static void find_all(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < kt_types_count; i++) {
        for (unsigned j = 0; j < kt_types[i]->n_fields; j++) {
            const fb_field *f = &kt_types[i]->fields[j];
            enum rule rule = rule_search(kt_types[i], f);
            if (rule == RULE_NONE)
                continue;
            ASSERT(++n < FOUND / 2);
            unsigned at = found_at(f);
            while (found[at].field != NULL)
                at = (at + 1) % FOUND;
            found[at].field = f;
            found[at].rule = rule;
        }
    }
}

static enum rule rule_of(const fb_field *f)
{
    unsigned at = found_at(f);
    while (found[at].field != NULL && found[at].field != f)
        at = (at + 1) % FOUND;
    return found[at].field == f ? found[at].rule : RULE_NONE;
}

// ---- the walk ----------------------------------------------------------------------------------

struct place { const struct place *up; const char *name; uint32_t index; };

struct judge {
    struct fault *fault;
    uint64_t now_ms;
    bool schema;               // what the verifier judges, else the rules
};

static enum kith_error walk_table(const struct judge *j, const void *table, const fb_type *t,
                                  const struct place *up);

static size_t write_pointer(char *out, size_t cap, const struct place *p)
{
    if (p == NULL)
        return 0;
    size_t n = write_pointer(out, cap, p->up);
    int more = p->name != NULL ? snprintf(out + n, cap - n, "/%s", p->name)
                               : snprintf(out + n, cap - n, "/%u", p->index);
    return n + (size_t)more < cap ? n + (size_t)more : cap - 1;
}

static enum kith_error fail(const struct judge *j, const struct place *p, const char *code,
                            uint32_t max)
{
    j->fault->pointer[0] = '\0';
    write_pointer(j->fault->pointer, sizeof j->fault->pointer, p);
    j->fault->code = code;
    j->fault->max = max;
    return KITH_invalid_field;
}

static enum kith_error judge_text(const struct judge *j, fb_str s, enum rule rule,
                                  const struct place *p)
{
    switch (rule) {
    case RULE_URL:
        return s.n == 0 || valid_url(s.s, s.n) ? KITH_ok : fail(j, p, "not_a_url", 0);
    case RULE_URL_NEEDED:
        return valid_url(s.s, s.n) ? KITH_ok : fail(j, p, s.n ? "not_a_url" : "missing", 0);
    case RULE_EMAIL:
        return s.n == 0 || valid_email(s.s, s.n) ? KITH_ok : fail(j, p, "not_an_email", 255);
    case RULE_PHONE:
        return s.n == 0 || valid_phone(s.s, s.n) ? KITH_ok : fail(j, p, "not_a_phone_number", 15);
    case RULE_USERNAME:
        return valid_username(s.s, s.n) ? KITH_ok : fail(j, p, "not_a_username", 50);
    case RULE_DATE:
        return s.n == 0 || valid_date(s.s, s.n, j->now_ms) ? KITH_ok : fail(j, p, "not_a_date", 0);
    case RULE_PASSWORD:
        if (s.n < PASSWORD_MIN)
            return fail(j, p, "too_short", 0);
        return s.n <= PASSWORD_MAX ? KITH_ok : fail(j, p, "too_long", PASSWORD_MAX);
    case RULE_TEXT:
        return has_content(s.s, s.n) ? KITH_ok : fail(j, p, "missing", 0);
    case RULE_ZONE:
        return s.n == 0 || zone_known(s.s, s.n) ? KITH_ok : fail(j, p, "unknown_timezone", 0);
    case RULE_NONE:
    case RULE_HIDDEN:
    case RULE_PAGE:
    case RULE_WAIT:
    case RULE_CREATED:
    case RULE_LAT:
    case RULE_LNG:
        break;
    }
    return KITH_ok;
}

static enum kith_error judge_number(const struct judge *j, uint64_t v, enum rule rule,
                                    const struct place *p)
{
    int64_t degrees = (int64_t)v;
    if (rule == RULE_PAGE && (v < 1 || v > PAGE_MAX))
        return fail(j, p, "out_of_range", PAGE_MAX);
    if (rule == RULE_WAIT && v > WAIT_MAX_S)
        return fail(j, p, "out_of_range", WAIT_MAX_S);
    if (rule == RULE_CREATED && v != 0 && (v < KITH_EPOCH_MS || v > j->now_ms + 60000))
        return fail(j, p, "out_of_range", 0);
    if (rule == RULE_LAT && (degrees < -900000000 || degrees > 900000000))
        return fail(j, p, "out_of_range", 900000000);
    if (rule == RULE_LNG && (degrees < -1800000000 || degrees > 1800000000))
        return fail(j, p, "out_of_range", 1800000000);
    return KITH_ok;
}

// What the verifier may have found wrong with a string.
static enum kith_error judge_string(const struct judge *j, fb_str s, const fb_field *f,
                                    const struct place *p)
{
    uint32_t points;
    if (!fb_utf8(s.s, s.n, &points))
        return fail(j, p, "bad_utf8", 0), KITH_bad_request;
    if (f->base == FB_STRING && f->max_len && points > f->max_len)
        return fail(j, p, "too_long", f->max_len);
    if ((f->flags & FB_F_RAW_JSON) && s.n && !fb_json_valid(s.s, s.n))
        return fail(j, p, "syntax", 0);
    return KITH_ok;
}

static enum kith_error walk_string(const struct judge *j, fb_str s, const fb_field *f,
                                   const struct place *p)
{
    return j->schema ? judge_string(j, s, f, p) : judge_text(j, s, rule_of(f), p);
}

static enum kith_error walk_vector(const struct judge *j, fb_vec v, const fb_field *f,
                                   const struct place *p)
{
    if (j->schema && f->max_len && v.n > f->max_len)
        return fail(j, p, "too_long", f->max_len);
    if (f->elem != FB_STRING && f->elem != FB_OBJECT)
        return KITH_ok;
    for (uint32_t i = 0; i < v.n; i++) {
        const struct place here = {p, NULL, i};
        enum kith_error err = f->elem == FB_STRING
                                  ? walk_string(j, fb_vec_str(v, i), f, &here)
                                  : walk_table(j, fb_vec_sub(v, i), f->type, &here);
        if (err != KITH_ok)
            return err;
    }
    return KITH_ok;
}

static enum kith_error walk_scalar(const struct judge *j, const uint8_t *at, const fb_field *f,
                                   const struct place *p)
{
    uint64_t v = fb_load(at, f->base);
    if (!j->schema)
        return judge_number(j, v, rule_of(f), p);
    bool known = f->enums == NULL || fb_enum_find(f->enums, (int64_t)v) != NULL;
    return known ? KITH_ok : fail(j, p, "bad_enum", 0);
}

static enum kith_error walk_field(const struct judge *j, const uint8_t *table, const fb_field *f,
                                  const struct place *p)
{
    uint32_t at = fb_at(table, f->slot);
    if (at == 0) {
        bool needed = j->schema ? (f->flags & FB_F_REQUIRED) != 0
                                : rule_of(f) == RULE_URL_NEEDED && f->base == FB_STRING;
        return needed ? fail(j, p, "missing", 0) : KITH_ok;
    }
    if (!j->schema && rule_of(f) == RULE_HIDDEN)
        return fail(j, p, "unknown_field", 0), KITH_unknown_field;
    if (f->base == FB_STRING)
        return walk_string(j, fb_sub_str(table, f->slot), f, p);
    if (f->base == FB_VECTOR)
        return walk_vector(j, fb_sub_vec(table, f->slot), f, p);
    if (f->base == FB_OBJECT)
        return walk_table(j, fb_sub(table, f->slot), f->type, p);
    return fb_is_scalar(f->base) ? walk_scalar(j, table + at, f, p) : KITH_ok;
}

static enum kith_error walk_table(const struct judge *j, const void *table, const fb_type *t,
                                  const struct place *up)
{
    for (unsigned i = 0; i < t->n_fields; i++) {
        const struct place here = {up, t->fields[i].name, 0};
        enum kith_error err = walk_field(j, table, &t->fields[i], &here);
        if (err != KITH_ok)
            return err;
    }
    return KITH_ok;
}

// ---- what the callers see ----------------------------------------------------------------------

enum kith_error validate_payload(const void *payload, uint32_t n, const fb_type *type,
                                 struct fault *fault)
{
    const fb_limits limits = {.depth = FB_DEPTH_MAX, .tables = FB_TABLES_MAX, .strict = true};
    const struct judge j = {.fault = fault, .schema = true};
    fault->pointer[0] = '\0';
    fb_error err = fb_verify(payload, n, type, &limits);
    switch (err) {
    case FB_OK:
        return KITH_ok;
    case FB_E_UNKNOWN:
        return KITH_unknown_field;
    case FB_E_REQUIRED:
    case FB_E_UTF8:
    case FB_E_LENGTH:
    case FB_E_JSON:
    case FB_E_ENUM: {
        enum kith_error error = walk_table(&j, fb_root(payload), type, NULL);
        return error != KITH_ok ? error : KITH_bad_request;
    }
    case FB_E_SIZE:
    case FB_E_ALIGN:
    case FB_E_OFFSET:
    case FB_E_VTABLE:
    case FB_E_TABLE:
    case FB_E_FIELD:
    case FB_E_STRING:
    case FB_E_VECTOR:
    case FB_E_UNION:
    case FB_E_FLOAT:
    case FB_E_DEPTH:
    case FB_E_TABLES:
    case FB_E_BYTES:
    case FB_E_SPACE:
    case FB_ERROR_COUNT:
        break;
    }
    return KITH_bad_request;
}

enum kith_error validate_json(const fb_json_error *err, struct fault *fault)
{
    snprintf(fault->pointer, sizeof fault->pointer, "%s", err->pointer);
    fault->code = fb_json_code_name(err->code);
    fault->max = err->max;
    switch (err->code) {
    case FB_JSON_OK:
        return KITH_ok;
    case FB_JSON_UNKNOWN_FIELD:
        return KITH_unknown_field;
    case FB_JSON_CONFLICT:
        return KITH_conflicting_aliases;
    case FB_JSON_NO_SPACE:
        return KITH_too_large;
    case FB_JSON_WRONG_TYPE:
    case FB_JSON_OUT_OF_RANGE:
    case FB_JSON_TOO_LONG:
    case FB_JSON_MISSING:
    case FB_JSON_BAD_ENUM:
    case FB_JSON_TOO_DEEP:
        return err->pointer[0] != '\0' ? KITH_invalid_field : KITH_bad_request;
    case FB_JSON_SYNTAX:
    case FB_JSON_DUPLICATE:
    case FB_JSON_BAD_UTF8:
    case FB_JSON_CODE_COUNT:
        break;
    }
    return KITH_bad_request;
}

enum kith_error validate_table(const struct op_row *row, const void *table, uint64_t now_ms,
                               struct fault *fault)
{
    const struct judge j = {.fault = fault, .now_ms = now_ms};
    fault->pointer[0] = '\0';
    pthread_once(&found_once, find_all);
    return walk_table(&j, table, row->request, NULL);
}
