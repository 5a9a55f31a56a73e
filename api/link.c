// Path parameters come from the route's own text, everything else goes into the query.
#include "api/link.h"

#include <stdbool.h>
#include <string.h>

#include "core/fb_json_print.h"

struct out { char *s; size_t n, cap; bool full; };

static void put(struct out *o, const char *s, size_t n)
{
    if (o->full || n > o->cap - o->n) {
        o->full = true;
        return;
    }
    memcpy(o->s + o->n, s, n);
    o->n += n;
}

static void put_text(struct out *o, const char *s)
{
    put(o, s, strlen(s));
}

static void put_encoded(struct out *o, const char *s, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        char hex[3] = {'%', digits[c >> 4], digits[c & 15]};
        if (plain)
            put(o, s + i, 1);
        else
            put(o, hex, 3);
    }
}

static const fb_field *field_named(const fb_type *t, const char *name, size_t n)
{
    for (unsigned i = 0; i < t->n_fields; i++)
        if (strlen(t->fields[i].name) == n && memcmp(t->fields[i].name, name, n) == 0)
            return &t->fields[i];
    return NULL;
}

// A field as a parameter shows it; lists have none that is a vector or a table.
static void put_value(struct out *o, const uint8_t *table, const fb_field *f)
{
    uint32_t at = fb_at(table, f->slot);
    char digits[20];
    if (f->base == FB_STRING) {
        fb_str s = fb_sub_str(table, f->slot);
        put_encoded(o, s.s, s.n);
        return;
    }
    if (!fb_is_scalar(f->base))
        return;
    uint64_t v = at ? fb_load(table + at, f->base) : f->zero;
    if (f->enums != NULL)
        put_text(o, fb_enum_name(f->enums, (int64_t)v));
    else if (f->base == FB_BOOL)
        put_text(o, v ? "true" : "false");
    else
        put(o, digits, fb_print_u64(digits, v));
}

// The route's path with its parameters; marks in *used the fields that stand in it.
static void put_path(struct out *o, const struct request *q, uint64_t *used)
{
    const uint8_t *table = request_table(q);
    const char *p = strchr(q->row->http, ' ') + 1;
    while (*p != '\0' && *p != ' ') {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (end == NULL) {
            put(o, p++, 1);
            continue;
        }
        const fb_field *f = field_named(q->row->request, p + 1, (size_t)(end - p - 1));
        if (f != NULL) {
            put_value(o, table, f);
            *used |= UINT64_C(1) << f->id;
        }
        p = end + 1;
    }
}

static bool is_place(const char *name)
{
    return strcmp(name, "cursor") == 0 || strcmp(name, "last_seen_post_id") == 0 ||
           strcmp(name, "last_seen_post_created_at") == 0 || strcmp(name, "offset") == 0;
}

size_t link_next(char *out, size_t cap, const struct request *q, fb_str cursor)
{
    struct out o = {out, 0, cap - 1, false};
    uint64_t used = 0;
    const uint8_t *table = request_table(q);
    put_text(&o, "Link: <");
    put_path(&o, q, &used);
    put_text(&o, "?");
    for (unsigned i = 0; i < q->row->request->n_fields; i++) {
        const fb_field *f = &q->row->request->fields[i];
        bool shown = !(used >> f->id & 1) && !is_place(f->name) && fb_at(table, f->slot) != 0;
        if (!shown)
            continue;
        put_text(&o, f->name);
        put_text(&o, "=");
        put_value(&o, table, f);
        put_text(&o, "&");
    }
    put_text(&o, "cursor=");
    put_encoded(&o, cursor.s, cursor.n);
    put_text(&o, ">; rel=\"next\"\r\n");
    if (o.full)
        return 0;
    out[o.n] = '\0';
    return o.n;
}
