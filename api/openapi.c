// A field of a request is a path parameter where the route names it, else a query parameter of a
// GET, else a member of the body. One operationId is an operation's; its further routes are
// numbered.
#include "api/openapi.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "api/server.h"
#include "core/errors.h"
#include "core/fb_copy.h"
#include "core/ops.h"
#include "kith_fb.h"

struct route { const char *method, *path; size_t method_n, path_n; unsigned nth; };

static const char *const tags[] = {
    "accounts", "users", "follows", "posts", "likes", "comments", "feed", "import", "server",
    [14] = "notifications",
};
enum { TAG_OTHERS = 8 };

static const char *tag_of(const struct op_row *row)
{
    unsigned n = row->number / 10;
    return tags[n < sizeof tags / sizeof tags[0] && tags[n] != NULL ? n : TAG_OTHERS];
}

// Which way a table goes. What goes both ways may hold a null, which is taken for an absent field.
enum way { WAY_IN, WAY_OUT, WAY_BOTH };

// ---- schemas -----------------------------------------------------------------------------------

static void member(struct text *t, const char *key, const char *value, bool *first)
{
    if (!*first)
        text_add(t, ",");
    *first = false;
    text_json(t, key, strlen(key));
    text_add(t, ":");
    text_add(t, value);
}

static void description(struct text *t, const char *doc, bool *first)
{
    while (*doc == ' ')
        doc++;
    if (*doc == '\0')
        return;
    member(t, "description", "", first);
    text_json(t, doc, strlen(doc));
}

static void reference(struct text *t, const fb_type *type, bool *first)
{
    char ref[96];
    snprintf(ref, sizeof ref, "\"#/components/schemas/%s\"", type->name);
    member(t, "$ref", ref, first);
}

static void type_of(struct text *t, const char *type, bool null, bool *first)
{
    char value[48];
    snprintf(value, sizeof value, null ? "[\"%s\",\"null\"]" : "\"%s\"", type);
    member(t, "type", value, first);
}

static void enum_of(struct text *t, const fb_field *f, bool null, bool *first)
{
    member(t, "enum", "[", first);
    bool one = true;
    for (unsigned i = 0; i < f->enums->n; i++) {
        const fb_enum_value *v = &f->enums->values[i];
        if (null && (uint64_t)v->value == f->zero)
            continue;
        text_add(t, one ? "" : ",");
        text_json(t, v->name, v->name_n);
        one = false;
    }
    text_add(t, null ? ",null]" : "]");
}

static void scalar(struct text *t, const fb_field *f, enum way way, bool element)
{
    unsigned base = element ? f->elem : f->base;
    bool null = way != WAY_IN && !element && (f->flags & FB_F_NULLABLE), first = true;
    if (f->enums != NULL) {
        type_of(t, "string", null, &first);
        enum_of(t, f, null, &first);
    } else if (f->flags & FB_F_TIME) {
        type_of(t, "string", null, &first);
        member(t, "format", "\"date-time\"", &first);
    } else if ((f->flags & FB_F_JSON_STR) && way == WAY_IN) {
        member(t, "type", "[\"string\",\"integer\"]", &first);
        member(t, "pattern", "\"^[0-9]+$\"", &first);
    } else if (f->flags & FB_F_JSON_STR) {
        type_of(t, "string", null, &first);
        member(t, "pattern", "\"^[0-9]+$\"", &first);
    } else if (base == FB_BOOL) {
        type_of(t, "boolean", null, &first);
    } else {
        bool wide = base == FB_U64 || base == FB_I64 || base == FB_U32;
        type_of(t, "integer", null, &first);
        member(t, "format", wide ? "\"int64\"" : "\"int32\"", &first);
        if (!fb_is_signed(base))
            member(t, "minimum", "0", &first);
    }
}

// The members of a value's schema, without braces; of an element where `element` is set.
static void value_schema(struct text *t, const fb_field *f, enum way way, bool element)
{
    unsigned base = element ? f->elem : f->base;
    bool first = true;
    char max[32];
    if (base == FB_OBJECT) {
        reference(t, f->type, &first);
    } else if (base == FB_STRING && (f->flags & FB_F_RAW_JSON)) {
        return; // any JSON value
    } else if (base == FB_STRING) {
        type_of(t, "string", way != WAY_IN && !element, &first);
        snprintf(max, sizeof max, "%u", f->max_len);
        if (!element && way != WAY_OUT && f->max_len > 0)
            member(t, "maxLength", max, &first);
    } else {
        scalar(t, f, way, element);
    }
}

// Further names that the field has in requests.
static void aliases(struct text *t, const fb_type *type, const fb_field *f, bool *first)
{
    bool any = false;
    for (unsigned i = 0; i < type->n_names; i++) {
        const fb_name *name = &type->names[i];
        if (name->field != f->id || strcmp(name->s, f->name) == 0)
            continue;
        if (!any)
            member(t, "x-aliases", "[", first);
        text_add(t, any ? "," : "");
        text_json(t, name->s, name->n);
        any = true;
    }
    text_add(t, any ? "]" : "");
}

static bool string_stands_for_it(const fb_field *f, enum way way)
{
    return way == WAY_IN && (f->flags & FB_F_STR_AS);
}

static void element_schema(struct text *t, const fb_field *f, enum way way)
{
    if (string_stands_for_it(f, way))
        text_add(t, "\"anyOf\":[{\"type\":\"string\"},{");
    value_schema(t, f, way, true);
    text_add(t, string_stands_for_it(f, way) ? "}]" : "");
}

static void field_schema(struct text *t, const fb_field *f, enum way way)
{
    bool first = true;
    char max[32];
    text_add(t, "{");
    if (f->base == FB_VECTOR) {
        member(t, "type", "\"array\"", &first);
        member(t, "items", "{", &first);
        element_schema(t, f, way);
        text_add(t, "}");
        snprintf(max, sizeof max, "%u", f->max_len);
        if (f->max_len > 0)
            member(t, "maxItems", max, &first);
    } else if (f->base == FB_OBJECT && (way != WAY_IN || string_stands_for_it(f, way))) {
        member(t, "anyOf", "[{", &first);
        value_schema(t, f, way, false);
        text_format(t, "},{\"type\":\"%s\"}]", way == WAY_IN ? "string" : "null");
    } else {
        size_t before = t->n;
        value_schema(t, f, way, false);
        first = t->n == before;
    }
    description(t, f->doc, &first);
    if (way == WAY_IN && fb_is_scalar(f->base) && f->enums == NULL && f->zero != 0) {
        snprintf(max, sizeof max, "%llu", (unsigned long long)f->zero);
        member(t, "default", max, &first);
    }
    text_add(t, "}");
}

// The aliases go into the schema that has just been closed.
static void reopen_for_aliases(struct text *t, const fb_type *type, const fb_field *f)
{
    bool first = t->s[t->n - 2] == '{';
    t->n--;
    aliases(t, type, f, &first);
    text_add(t, "}");
}

static bool shown(const fb_field *f)
{
    return !(f->flags & (FB_F_HIDDEN | FB_F_DEPRECATED));
}

// Every field of an answer is there but those that are left out when empty.
static bool always_there(const fb_field *f, enum way way)
{
    return way == WAY_OUT ? !(f->flags & FB_F_OMIT_EMPTY) : (f->flags & FB_F_REQUIRED) != 0;
}

static void required(struct text *t, const fb_type *type, enum way way, uint64_t without)
{
    bool any = false;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const fb_field *f = &type->fields[i];
        if (!shown(f) || !always_there(f, way) || without >> f->id & 1)
            continue;
        text_add(t, any ? "," : ",\"required\":[");
        text_json(t, f->name, strlen(f->name));
        any = true;
    }
    if (any)
        text_add(t, "]");
}

// An object of the type's fields that are not in `without`.
static void object_schema(struct text *t, const fb_type *type, enum way way, uint64_t without)
{
    bool first = true;
    text_add(t, "{\"type\":\"object\",\"properties\":{");
    for (unsigned i = 0; i < type->n_fields; i++) {
        const fb_field *f = &type->fields[i];
        if (!shown(f) || without >> f->id & 1)
            continue;
        member(t, f->name, "", &first);
        field_schema(t, f, way);
        if (way != WAY_OUT)
            reopen_for_aliases(t, type, f);
    }
    text_add(t, "}");
    required(t, type, way, without);
    if (way != WAY_OUT)
        text_add(t, ",\"additionalProperties\":false");
    first = false;
    description(t, type->doc, &first);
    text_add(t, "}");
}

// ---- which tables are components ---------------------------------------------------------------

struct used { bool output[kt_types_count], input[kt_types_count]; };

static unsigned index_of(const fb_type *type)
{
    unsigned i = 0;
    while (kt_types[i] != type)
        i++;
    return i;
}

static void use(struct used *u, const fb_type *type, bool output, bool itself)
{
    bool *seen = output ? &u->output[index_of(type)] : &u->input[index_of(type)];
    if (itself && *seen)
        return;
    *seen |= itself;
    for (unsigned i = 0; i < type->n_fields; i++)
        if (type->fields[i].type != NULL && shown(&type->fields[i]))
            use(u, type->fields[i].type, output, true);
}

static void components(struct text *t)
{
    struct used u = {0};
    bool first = true;
    for (unsigned op = 0; op < OP_LIMIT; op++) {
        const struct op_row *row = op_row(op);
        if (row == NULL || row->http == NULL)
            continue;
        use(&u, row->reply, true, true);
        use(&u, row->request, false, false);
    }
    use(&u, &kt_desc_Problem, true, true);
    text_add(t, "\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\","
                "\"scheme\":\"bearer\",\"description\":\"An access token, or a service key.\"}},"
                "\"schemas\":{");
    for (unsigned i = 0; i < kt_types_count; i++) {
        if (!u.output[i] && !u.input[i])
            continue;
        member(t, kt_types[i]->name, "", &first);
        enum way way = !u.input[i] ? WAY_OUT : u.output[i] ? WAY_BOTH : WAY_IN;
        object_schema(t, kt_types[i], way, 0);
    }
    text_add(t, "}}");
}

// ---- operations --------------------------------------------------------------------------------

static bool next_route(const char **at, struct route *out)
{
    const char *s = *at;
    if (s == NULL || *s == '\0')
        return false;
    const char *bar = strstr(s, " | "), *end = bar != NULL ? bar : s + strlen(s);
    const char *space = strchr(s, ' ');
    size_t method_n = (size_t)(space - s), path_n = (size_t)(end - space - 1);
    *out = (struct route){s, space + 1, method_n, path_n, out->nth + 1};
    *at = bar != NULL ? bar + 3 : end;
    return true;
}

static bool in_path(const struct route *r, const char *name)
{
    char braced[80];
    int n = snprintf(braced, sizeof braced, "{%s}", name);
    return memmem(r->path, r->path_n, braced, (size_t)n) != NULL;
}

static bool is_get(const struct route *r)
{
    return r->method_n == 3 && memcmp(r->method, "GET", 3) == 0;
}

static void parameter(struct text *t, const fb_field *f, const char *in, bool *first)
{
    bool path = strcmp(in, "path") == 0;
    text_add(t, *first ? "{" : ",{");
    *first = false;
    text_format(t, "\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,\"schema\":", f->name, in,
                path ? "true" : "false");
    field_schema(t, f, WAY_IN);
    if (f->base == FB_VECTOR)
        text_add(t, ",\"style\":\"form\",\"explode\":false");
    text_add(t, "}");
}

static void header(struct text *t, const char *name, const char *doc, bool *first)
{
    text_add(t, *first ? "{" : ",{");
    *first = false;
    text_format(t, "\"name\":\"%s\",\"in\":\"header\",\"required\":false,", name);
    text_format(t, "\"description\":\"%s\",", doc);
    text_add(t, "\"schema\":{\"type\":\"string\"}}");
}

static void parameters(struct text *t, const struct op_row *row, const struct route *r)
{
    bool first = true;
    text_add(t, "\"parameters\":[");
    for (unsigned i = 0; i < row->request->n_fields; i++) {
        const fb_field *f = &row->request->fields[i];
        if (!shown(f))
            continue;
        if (in_path(r, f->name))
            parameter(t, f, "path", &first);
        else if (is_get(r) && f->base != FB_OBJECT && f->elem != FB_OBJECT)
            parameter(t, f, "query", &first);
    }
    header(t, "Kith-Log-Place", "Not older than this place of the log.", &first);
    header(t, "Kith-Viewer", "The user acted for, under a service key.", &first);
    if (row->kind == OPK_CHANGE)
        header(t, "Idempotency-Key", "Repeats are answered as the first one was.", &first);
    if (fb_find_field(row->request, "captcha") != NULL)
        header(t, "Kith-Captcha", "The same as the body's captcha.", &first);
    text_add(t, "]");
}

static void body(struct text *t, const struct op_row *row, const struct route *r)
{
    uint64_t path = 0, left = 0;
    for (unsigned i = 0; i < row->request->n_fields; i++) {
        const fb_field *f = &row->request->fields[i];
        if (in_path(r, f->name))
            path |= UINT64_C(1) << f->id;
        else if (shown(f))
            left |= UINT64_C(1) << f->id;
    }
    if (is_get(r) || left == 0)
        return;
    text_format(t, ",\"requestBody\":{\"required\":%s,\"content\":"
                   "{\"application/json\":{\"schema\":",
                row->request->required & left ? "true" : "false");
    object_schema(t, row->request, WAY_IN, path);
    text_add(t, "}}}");
}

static void refusal(struct text *t, unsigned status, const char *words)
{
    text_format(t, ",\"%u\":{\"description\":\"%s\",\"content\":{\"application/problem+json\":"
                   "{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}",
                status, words);
}

static void responses(struct text *t, const struct op_row *row)
{
    unsigned status = row->status ? row->status : 200;
    text_format(t, ",\"responses\":{\"%u\":{\"description\":\"Done\"", status);
    if (row->reply == &kt_desc_ExportPage)
        text_add(t, ",\"content\":{\"application/x-ndjson\":{\"schema\":{\"type\":\"string\"}}}");
    else if (status != 204)
        text_format(t, ",\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
                       "\"#/components/schemas/%s\"}}}", row->reply->name);
    text_add(t, "}");
    refusal(t, 400, "Malformed request or unknown field");
    refusal(t, 401, "Authentication needed");
    if (row->auth != AUTH_OPEN)
        refusal(t, 403, "Not allowed");
    if (row->key != NULL || row->number == OP_user_by_name)
        refusal(t, 404, "Not found");
    if (row->number == OP_media_ticket)
        refusal(t, 404, "No store for media is configured");
    if (row->kind == OPK_CHANGE)
        refusal(t, 409, "Taken or conflicting");
    refusal(t, 422, "A field is wrong");
    refusal(t, 503, "Overloaded, try again");
    text_add(t, "}");
}

// "post_create" as "Post create".
static void summary(struct text *t, const char *name)
{
    char words[64];
    size_t n = strlen(name);
    for (size_t i = 0; i <= n && i < sizeof words; i++)
        words[i] = name[i] == '_' ? ' ' : name[i];
    words[0] = (char)(words[0] - 'a' + 'A');
    text_format(t, "\"summary\":\"%s\",", words);
}

static void operation(struct text *t, const struct op_row *row, const struct route *r)
{
    char method[8] = "";
    for (size_t i = 0; i < r->method_n && i < sizeof method - 1; i++)
        method[i] = (char)(r->method[i] | 32);
    text_format(t, "\"%s\":{\"operationId\":\"%s", method, row->name);
    if (r->nth > 1)
        text_format(t, "_%u", r->nth);
    text_format(t, "\",\"tags\":[\"%s\"],", tag_of(row));
    summary(t, row->name);
    text_add(t, row->auth == AUTH_OPEN ? "\"security\":[{},{\"bearer\":[]}],"
                                       : "\"security\":[{\"bearer\":[]}],");
    parameters(t, row, r);
    body(t, row, r);
    responses(t, row);
    text_add(t, "}");
}

// All operations of one path; the path is written where it is seen first.
static void path_item(struct text *t, const struct route *path)
{
    bool any = false;
    text_json(t, path->path, path->path_n);
    text_add(t, ":{");
    for (unsigned op = 0; op < OP_LIMIT; op++) {
        const struct op_row *row = op_row(op);
        const char *at = row != NULL ? row->http : NULL;
        struct route r = {0};
        while (next_route(&at, &r)) {
            if (r.path_n != path->path_n || memcmp(r.path, path->path, r.path_n) != 0)
                continue;
            text_add(t, any ? "," : "");
            operation(t, row, &r);
            any = true;
        }
    }
    text_add(t, "}");
}

static bool seen_before(const struct route *path, unsigned op)
{
    for (unsigned i = 0; i <= op; i++) {
        const struct op_row *row = op_row(i);
        const char *at = row != NULL ? row->http : NULL;
        struct route r = {0};
        while (next_route(&at, &r)) {
            if (r.path == path->path)
                return false;
            if (r.path_n == path->path_n && memcmp(r.path, path->path, r.path_n) == 0)
                return true;
        }
    }
    return false;
}

static void paths(struct text *t)
{
    bool any = false;
    text_add(t, "\"paths\":{");
    for (unsigned op = 0; op < OP_LIMIT; op++) {
        const struct op_row *row = op_row(op);
        const char *at = row != NULL ? row->http : NULL;
        struct route r = {0};
        while (next_route(&at, &r)) {
            if (seen_before(&r, op))
                continue;
            text_add(t, any ? "," : "");
            path_item(t, &r);
            any = true;
        }
    }
    text_add(t, "},");
}

void openapi_write(struct text *out)
{
    text_format(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Kith\",\"version\":\"%s\","
                     "\"summary\":\"Users, posts, follows, likes, comments and home feeds.\"},",
                KITH_VERSION);
    text_add(out, "\"servers\":[{\"url\":\"/\"}],\"tags\":[");
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (tags[i] != NULL)
            text_format(out, "%s{\"name\":\"%s\"}", i ? "," : "", tags[i]);
    text_add(out, "],");
    paths(out);
    components(out);
    text_add(out, "}");
}
