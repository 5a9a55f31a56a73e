#include "tools/kith_body.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "tools/kith_cli.h"

static bool callable(const struct op_row *row)
{
    return row != NULL && row->kind != OPK_INTERNAL && row->number != OP_hello;
}

static const char *callable_name(void *ctx, unsigned i)
{
    (void)ctx;
    const struct op_row *row = op_row(i);
    return callable(row) ? row->name : NULL;
}

const struct op_row *op_by_name(const char *name, const char **near)
{
    *near = NULL;
    for (unsigned i = 0; i < OP_LIMIT; i++) {
        const struct op_row *row = op_row(i);
        if (callable(row) && strcmp(row->name, name) == 0)
            return row;
    }
    *near = nearest_name(name, OP_LIMIT, callable_name, NULL);
    return NULL;
}

// ---- words to JSON -----------------------------------------------------------------------------

static const fb_field *field_by_name(const fb_type *type, const char *name, size_t n)
{
    for (unsigned i = 0; i < type->n_names; i++) {
        const fb_name *f = &type->names[i];
        if (f->n == n && memcmp(f->s, name, n) == 0)
            return &type->fields[f->field];
    }
    return NULL;
}

// Whether the value of such a field is written with quotes.
static bool is_text(const fb_field *f, unsigned base)
{
    if (base == FB_STRING)
        return (f->flags & FB_F_RAW_JSON) == 0;
    return f->enums != NULL || (f->flags & (FB_F_JSON_STR | FB_F_TIME)) != 0;
}

static void add_value(struct string *json, const fb_field *f, const char *value)
{
    if (is_text(f, f->base) || (f->base == FB_OBJECT && (f->flags & FB_F_STR_AS) != 0 &&
                                value[0] != '{')) {
        string_json(json, value, strlen(value));
        return;
    }
    bool texts = f->base == FB_VECTOR && (is_text(f, f->elem) || (f->flags & FB_F_STR_AS) != 0);
    if (!texts || value[0] == '[') {
        string_adds(json, value);
        return;
    }
    string_adds(json, "[");
    while (value[0] != '\0') {
        size_t n = strcspn(value, ",");
        string_json(json, value, n);
        value += n;
        if (value[0] == ',') {
            string_adds(json, ",");
            value++;
        }
    }
    string_adds(json, "]");
}

static const char *type_field_name(void *ctx, unsigned i)
{
    const fb_type *type = ctx;
    return type->names[i].s;
}

static bool no_such_field(const struct op_row *row, const char *word, size_t n, char why[256])
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)n, word);
    const fb_type *type = row->request;
    const char *near =
        nearest_name(name, type->n_names, type_field_name, (void *)(uintptr_t)type);
    snprintf(why, 256, "%s has no field \"%s\"%s%s%s", row->name, name,
             near != NULL ? " (did you mean " : "", near != NULL ? near : "",
             near != NULL ? "?)" : "");
    return false;
}

bool body_json(struct string *json, const struct op_row *row, struct body_words words,
               char why[256])
{
    string_adds(json, "{");
    for (int i = 0; i < words.n; i++) {
        const char *word = words.word[i], *equals = strchr(word, '=');
        if (equals == NULL || equals == word) {
            snprintf(why, 256, "\"%.64s\" is not of the form name=value or name:=json", word);
            return false;
        }
        bool raw = equals[-1] == ':';
        size_t n = (size_t)(equals - word) - raw;
        const fb_field *f = field_by_name(row->request, word, n);
        if (f == NULL)
            return no_such_field(row, word, n, why);
        if (i > 0)
            string_adds(json, ",");
        string_json(json, word, n);
        string_adds(json, ":");
        if (raw)
            string_adds(json, equals + 1);
        else
            add_value(json, f, equals + 1);
    }
    string_adds(json, "}");
    return true;
}

bool body_pack(struct body *b, const fb_type *type, const struct string *json, char why[256])
{
    fb_builder builder;
    fb_json_error err;
    fb_init(&builder, b->buf, b->cap);
    fb_ref root = fb_json_parse(&builder, json->s, json->n, type, &err);
    if (root == 0) {
        snprintf(why, 256, "the request is refused at \"%.80s\" (byte %u): %s", err.pointer,
                 err.offset, fb_json_code_name(err.code));
        return false;
    }
    b->n = fb_finish(&builder, root);
    b->data = fb_data(&builder);
    if (b->n == 0)
        snprintf(why, 256, "the request is too large");
    return b->n != 0;
}

// ---- tables for eyes ---------------------------------------------------------------------------

void table_json(struct string *t, const void *table, const fb_type *type, unsigned flags)
{
    for (size_t cap = 64 << 10;; cap *= 4) {
        char *to = string_room(t, cap);
        size_t n = fb_json_print(to, cap, table, type, flags);
        if (n > 0) {
            t->n += n;
            t->s[t->n] = '\0';
            return;
        }
        ASSERT(cap < (size_t)1 << 32);
    }
}

// A scalar or string field as text; an empty one where it is absent or not of that kind.
static void cell(struct string *t, const void *table, const fb_field *f)
{
    if (f->base == FB_STRING) {
        string_adds(t, fb_sub_str(table, f->slot).s);
        return;
    }
    if (!fb_is_scalar(f->base))
        return;
    uint32_t at = fb_at(table, f->slot);
    uint64_t v = at != 0 ? fb_load((const uint8_t *)table + at, f->base) : f->zero;
    char time[FB_TIME_TEXT + 1] = "";
    if ((f->flags & FB_F_TIME) != 0) {
        if (v != 0 && fb_print_time(time, v) > 0)
            string_add(t, time, FB_TIME_TEXT);
    } else if (f->enums != NULL) {
        string_adds(t, fb_enum_name(f->enums, (int64_t)v));
    } else if (f->base == FB_BOOL) {
        string_adds(t, v != 0 ? "yes" : "no");
    } else if ((f->flags & FB_F_NULLABLE) == 0 || v != f->zero) {
        string_format(t, fb_is_signed(f->base) ? "%lld" : "%llu", (long long)v);
    }
}

// A cell of a row: what a person has of a sub-table is its name.
static void row_cell(struct string *t, const void *table, const fb_field *f)
{
    string_clear(t);
    if (f->base != FB_OBJECT || f->type->is_struct) {
        cell(t, table, f);
    } else {
        const void *sub = fb_sub(table, f->slot);
        const fb_field *name = field_by_name(f->type, "username", 8);
        if (sub != NULL && name != NULL)
            cell(t, sub, name);
    }
    for (size_t i = 0; i < t->n; i++)
        if (iscntrl((unsigned char)t->s[i]))
            t->s[i] = ' ';
}

enum { COLUMNS_MAX = 64, COLUMN_WIDTH = 40 };

// Code points, near enough to the width on a screen.
static int width(const struct string *t)
{
    int n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += ((uint8_t)t->s[i] & 0xc0) != 0x80;
    return n;
}

static void print_cell(const struct string *t, int wide)
{
    int n = 0;
    size_t i = 0;
    for (; i < t->n && n < wide; n++)
        for (i++; i < t->n && ((uint8_t)t->s[i] & 0xc0) == 0x80; i++)
            ;
    printf("%.*s%*s  ", (int)i, t->n > 0 ? t->s : "", wide - n, "");
}

static void rows_print(fb_vec rows, const fb_type *type)
{
    int wide[COLUMNS_MAX] = {0};
    struct string t = {0};
    for (uint32_t r = 0; r < rows.n; r++) {
        for (unsigned i = 0; i < type->n_fields && i < COLUMNS_MAX; i++) {
            row_cell(&t, fb_vec_sub(rows, r), &type->fields[i]);
            int w = width(&t) < COLUMN_WIDTH ? width(&t) : COLUMN_WIDTH;
            wide[i] = w > wide[i] ? w : wide[i];
        }
    }
    for (unsigned i = 0; i < type->n_fields && i < COLUMNS_MAX; i++) {
        int name = (int)strlen(type->fields[i].name);
        if (wide[i] > 0 && wide[i] < name)
            wide[i] = name;
        if (wide[i] > 0)
            printf("%-*s  ", wide[i], type->fields[i].name);
    }
    printf("\n");
    for (uint32_t r = 0; r < rows.n; r++) {
        for (unsigned i = 0; i < type->n_fields && i < COLUMNS_MAX; i++) {
            if (wide[i] == 0)
                continue;
            row_cell(&t, fb_vec_sub(rows, r), &type->fields[i]);
            print_cell(&t, wide[i]);
        }
        printf("\n");
    }
    string_free(&t);
}

static void vector_print(const char *name, fb_vec v, const fb_field *f)
{
    if (f->elem == FB_OBJECT) {
        printf("%s: %u\n", name, v.n);
        if (v.n > 0)
            rows_print(v, f->type);
        return;
    }
    printf("%-20s ", name);
    for (uint32_t i = 0; i < v.n; i++) {
        if (f->elem == FB_STRING)
            printf("%s%s", i > 0 ? ", " : "", fb_vec_str(v, i).s);
        else
            printf("%s%llu", i > 0 ? ", " : "",
                   (unsigned long long)fb_load(fb_elem(v, i, f->elem_size), f->elem));
    }
    printf("\n");
}

static void table_print_under(const char *prefix, const void *table, const fb_type *type)
{
    struct string t = {0};
    for (unsigned i = 0; i < type->n_fields; i++) {
        const fb_field *f = &type->fields[i];
        char name[128];
        snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", f->name);
        if (f->base == FB_VECTOR) {
            vector_print(name, fb_sub_vec(table, f->slot), f);
        } else if (f->base == FB_OBJECT && !f->type->is_struct) {
            const void *sub = fb_sub(table, f->slot);
            if (sub != NULL)
                table_print_under(name, sub, f->type);
        } else {
            string_clear(&t);
            cell(&t, table, f);
            if (t.n > 0)
                printf("%-20s %s\n", name, t.s);
        }
    }
    string_free(&t);
}

void table_print(const void *table, const fb_type *type)
{
    table_print_under("", table, type);
}

static const char *base_name(const fb_field *f, unsigned base)
{
    if ((f->flags & FB_F_TIME) != 0)
        return "time";
    if ((f->flags & FB_F_JSON_STR) != 0)
        return "id";
    if (base == FB_STRING)
        return (f->flags & FB_F_RAW_JSON) != 0 ? "json" : "text";
    if (base == FB_BOOL)
        return "true|false";
    if (base == FB_OBJECT)
        return f->type->name;
    return f->enums != NULL ? f->enums->name : "number";
}

void type_help(const fb_type *type)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        const fb_field *f = &type->fields[i];
        if ((f->flags & FB_F_HIDDEN) != 0)
            continue;
        bool list = f->base == FB_VECTOR;
        printf("  %-28s %s%s%s", f->name, list ? "list of " : "",
               base_name(f, list ? f->elem : f->base),
               (f->flags & FB_F_REQUIRED) != 0 ? ", required" : "");
        if (f->enums != NULL)
            for (unsigned v = 0; v < f->enums->n; v++)
                printf("%s%s", v == 0 ? ": " : "|", f->enums->values[v].name);
        printf("\n");
    }
}
