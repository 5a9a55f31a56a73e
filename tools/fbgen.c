// fbgen.c - the schema generator: flatc's binary schema (.bfbs) becomes C readers, writers and
// descriptors; and the judge of whether a new schema still understands what the old one wrote.
//
//   fbgen [--prefix=kt] [--foreign] IN.bfbs OUT.h OUT.c
//   fbgen conform OLD.bfbs NEW.bfbs
//
// --foreign lets through what Kith's dialect refuses but the runtime can carry (floats, nested
// buffers as bytes, implicit ids): other people's schemas in the tests. The schema is flatc's own
// output and trusted; slots of its tables are numbered by hand below. Memory is never freed.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/fb.h"

enum { S_OBJECTS = 4, S_ENUMS = 6 };
enum { O_NAME = 4, O_FIELDS = 6, O_STRUCT = 8, O_ALIGN = 10, O_BYTES = 12, O_DOC = 16 };
enum { F_NAME = 4, F_TYPE = 6, F_ID = 8, F_OFFSET = 10, F_INT = 12, F_REAL = 14 };
enum { F_PADDING = 28, F_OPTIONAL = 26, F_DOC = 24, F_ATTRS = 22, F_REQUIRED = 18, F_GONE = 16 };
enum { T_BASE = 4, T_ELEM = 6, T_INDEX = 8 };
enum { E_NAME = 4, E_VALUES = 6, E_UNION = 8, E_TYPE = 10, E_ATTRS = 12, E_DOC = 14 };
enum { V_NAME = 4, V_VALUE = 6, V_TYPE = 10, V_DOC = 12 };
enum { K_KEY = 4, K_VALUE = 6 };

typedef struct field {
    const void *raw; // the reflection table
    const char *name, *doc;
    unsigned base, elem;
    int index; // of the object or enum, -1 if none
    unsigned id;
    unsigned size, align, elem_size;
    unsigned at;      // place in the staged table or the struct
    unsigned padding; // bytes after it, in a struct
    unsigned flags;
    unsigned max_len;
    unsigned str_as, rare; // rare: 1 where most tables have it not
    unsigned name_at;
    int64_t zero;
    double real;
    const char *alias;
} field;

typedef struct name {
    const char *s;
    unsigned field;
    bool alias;
} name;

typedef struct object {
    const char *full; // with its namespace
    const char *name; // without
    const char *doc;
    field *fields; // by id; a struct's by place
    unsigned n;
    bool is_struct;
    unsigned align, bytes;
    unsigned order[FB_FIELDS_MAX], n_order;
    name *names;
    unsigned n_names;
    bool printed;
} object;

typedef struct value {
    const char *name;
    const char *doc;
    int64_t value;
    int type; // object of a union's member, -1 if none
    unsigned base;
} value;

typedef struct enumeration {
    const char *full;
    const char *name;
    const char *doc;
    value *values;
    unsigned n;
    bool is_union, is_flags;
    unsigned base;
} enumeration;

typedef struct schema {
    object *objects;
    unsigned n_objects;
    enumeration *enums;
    unsigned n_enums;
} schema;

static const char *prefix = "kt";
static bool foreign;
static unsigned complaints;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    complaints++;
}

static void *make(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (p == NULL) abort();
    return p;
}

// ---- reading -----------------------------------------------------------------------------------

static int64_t number(const void *t, uint32_t slot, unsigned base, int64_t absent)
{
    uint32_t at = fb_at(t, slot);
    return at ? (int64_t)fb_load((const uint8_t *)t + at, base) : absent;
}

static bool truth(const void *t, uint32_t slot)
{
    return number(t, slot, FB_BOOL, 0) != 0;
}

// Value of an attribute, NULL when it is not given; "0" when it is given without one.
static const char *attribute(const void *t, uint32_t slot, const char *key)
{
    fb_vec list = fb_sub_vec(t, slot);
    for (uint32_t i = 0; i < list.n; i++) {
        const void *pair = fb_vec_sub(list, i);
        if (strcmp(fb_sub_str(pair, K_KEY).s, key) == 0) return fb_sub_str(pair, K_VALUE).s;
    }
    return NULL;
}

// Lines of a doc comment, joined; flatc keeps the space after the slashes.
static const char *doc_of(const void *t, uint32_t slot)
{
    fb_vec lines = fb_sub_vec(t, slot);
    size_t bytes = 1;
    for (uint32_t i = 0; i < lines.n; i++) bytes += fb_vec_str(lines, i).n + 1;
    char *text = make(bytes, 1);
    for (uint32_t i = 0; i < lines.n; i++) {
        const char *line = fb_vec_str(lines, i).s;
        if (i) strcat(text, "\n");
        strcat(text, *line == ' ' ? line + 1 : line);
    }
    return text;
}

// The name in C: without its namespace; foreign schemas may need it to tell two apart.
static const char *c_name(const char *full)
{
    const char *dot = foreign ? NULL : strrchr(full, '.');
    char *text = strcpy(make(strlen(full) + 1, 1), dot ? dot + 1 : full);
    for (char *c = text; *c; c++)
        if (*c == '.') *c = '_';
    return text;
}

static void read_field(field *f, const void *raw)
{
    const void *type = fb_sub(raw, F_TYPE);
    f->raw = raw;
    f->name = fb_sub_str(raw, F_NAME).s;
    f->doc = doc_of(raw, F_DOC);
    f->base = (unsigned)number(type, T_BASE, FB_U8, 0);
    f->elem = (unsigned)number(type, T_ELEM, FB_U8, 0);
    f->index = (int)number(type, T_INDEX, FB_I32, -1);
    f->id = (unsigned)number(raw, F_ID, FB_U16, 0);
    f->at = (unsigned)number(raw, F_OFFSET, FB_U16, 0);
    f->padding = (unsigned)number(raw, F_PADDING, FB_U16, 0);
    f->zero = number(raw, F_INT, FB_I64, 0);
    uint32_t real = fb_at(raw, F_REAL);
    f->real = real ? fb_f64((const uint8_t *)raw + real) : 0;
    static const struct {
        const char *name;
        unsigned flag;
    } marks[] = {{"json_str", FB_F_JSON_STR}, {"time", FB_F_TIME},
                 {"raw_json", FB_F_RAW_JSON}, {"nullable", FB_F_NULLABLE},
                 {"hidden", FB_F_HIDDEN},     {"sensitive", FB_F_SENSITIVE},
                 {"str_as", FB_F_STR_AS},     {"omit_empty", FB_F_OMIT_EMPTY}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (attribute(raw, F_ATTRS, marks[i].name)) f->flags |= marks[i].flag;
    if (truth(raw, F_GONE))
        f->flags |= FB_F_DEPRECATED;
    else if (truth(raw, F_REQUIRED))
        f->flags |= FB_F_REQUIRED;
    const char *max = attribute(raw, F_ATTRS, "max_len");
    f->max_len = max ? (unsigned)strtoul(max, NULL, 10) : 0;
    f->alias = attribute(raw, F_ATTRS, "alias");
    f->rare = attribute(raw, F_ATTRS, "rare") != NULL;
}

static int by_place(const void *a, const void *b)
{
    const field *f = a, *g = b;
    return f->id < g->id ? -1 : f->id > g->id;
}

static void read_object(object *o, const void *raw)
{
    o->full = fb_sub_str(raw, O_NAME).s;
    o->name = c_name(o->full);
    o->doc = doc_of(raw, O_DOC);
    o->is_struct = truth(raw, O_STRUCT);
    o->align = (unsigned)number(raw, O_ALIGN, FB_I32, 0);
    o->bytes = (unsigned)number(raw, O_BYTES, FB_I32, 0);
    fb_vec fields = fb_sub_vec(raw, O_FIELDS);
    o->n = fields.n;
    o->fields = make(o->n, sizeof *o->fields);
    for (uint32_t i = 0; i < fields.n; i++) read_field(&o->fields[i], fb_vec_sub(fields, i));
    qsort(o->fields, o->n, sizeof *o->fields, by_place);
}

static void read_enum(enumeration *e, const void *raw)
{
    e->full = fb_sub_str(raw, E_NAME).s;
    e->name = c_name(e->full);
    e->doc = doc_of(raw, E_DOC);
    e->is_union = truth(raw, E_UNION);
    e->is_flags = attribute(raw, E_ATTRS, "bit_flags") != NULL;
    e->base = (unsigned)number(fb_sub(raw, E_TYPE), T_BASE, FB_U8, 0);
    fb_vec values = fb_sub_vec(raw, E_VALUES);
    e->n = values.n; // in the order of their values
    e->values = make(e->n, sizeof *e->values);
    for (uint32_t i = 0; i < e->n; i++) {
        const void *v = fb_vec_sub(values, i);
        const void *type = fb_sub(v, V_TYPE);
        e->values[i].name = fb_sub_str(v, V_NAME).s;
        e->values[i].doc = doc_of(v, V_DOC);
        e->values[i].value = number(v, V_VALUE, FB_I64, 0);
        e->values[i].base = type ? (unsigned)number(type, T_BASE, FB_U8, 0) : 0;
        e->values[i].type = type ? (int)number(type, T_INDEX, FB_I32, -1) : -1;
    }
}

static const uint8_t *load(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(2);
    }
    size_t n = 0, cap = 1 << 16;
    uint8_t *bytes = make(cap, 1);
    for (size_t got; (got = fread(bytes + n, 1, cap - n, f)) > 0;) {
        n += got;
        if (n == cap && (bytes = realloc(bytes, cap *= 2)) == NULL) abort();
    }
    fclose(f);
    if (n < 16 || memcmp(bytes + 4, "BFBS", 4) != 0) {
        fprintf(stderr, "%s: not a binary schema\n", path);
        exit(2);
    }
    return bytes;
}

static schema *read_schema(const char *path)
{
    const void *root = fb_root(load(path));
    fb_vec objects = fb_sub_vec(root, S_OBJECTS), enums = fb_sub_vec(root, S_ENUMS);
    schema *s = make(1, sizeof *s);
    s->objects = make(objects.n, sizeof *s->objects);
    s->enums = make(enums.n, sizeof *s->enums);
    s->n_objects = objects.n;
    s->n_enums = enums.n;
    for (uint32_t i = 0; i < objects.n; i++) read_object(&s->objects[i], fb_vec_sub(objects, i));
    for (uint32_t i = 0; i < enums.n; i++) read_enum(&s->enums[i], fb_vec_sub(enums, i));
    return s;
}

// ---- the dialect -------------------------------------------------------------------------------

static const object *object_of(const schema *s, const field *f)
{
    bool has = f->base == FB_OBJECT || (f->base == FB_VECTOR && f->elem == FB_OBJECT);
    return has && f->index >= 0 ? &s->objects[f->index] : NULL;
}

static const enumeration *enum_of(const schema *s, const field *f)
{
    unsigned base = f->base == FB_VECTOR ? f->elem : f->base;
    bool has = fb_is_scalar(base) || f->base == FB_UNION;
    return has && f->index >= 0 ? &s->enums[f->index] : NULL;
}

static void check_attributes(const schema *s, const object *o, field *f)
{
    unsigned kind = f->base == FB_VECTOR ? f->elem : f->base;
    bool wide = kind == FB_U64 || kind == FB_I64;
    const object *sub = object_of(s, f);
    const struct {
        unsigned flag;
        bool fits;
        const char *rule;
    } rules[] = {
        {FB_F_JSON_STR, wide, "json_str is for long and ulong"},
        {FB_F_TIME, f->base == FB_U64, "time is for ulong"},
        {FB_F_RAW_JSON, f->base == FB_STRING, "raw_json is for strings"},
        {FB_F_NULLABLE, fb_is_scalar(f->base), "nullable is for scalars"},
        {FB_F_STR_AS, sub && !sub->is_struct, "str_as is for tables and vectors of them"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (f->flags & rules[i].flag && !rules[i].fits)
            complain("%s.%s: %s", o->name, f->name, rules[i].rule);
    if (f->alias && (f->flags & FB_F_RAW_JSON || f->base == FB_UNION))
        complain("%s.%s: raw_json and unions have no alias", o->name, f->name);
    if (attribute(f->raw, F_ATTRS, "max_len") &&
        (f->max_len == 0 || (f->base != FB_STRING && f->base != FB_VECTOR)))
        complain("%s.%s: max_len is a number for strings and vectors", o->name, f->name);
    if (!(f->flags & FB_F_STR_AS) || sub == NULL) return;
    const char *target = attribute(f->raw, F_ATTRS, "str_as");
    for (f->str_as = 0; f->str_as < sub->n; f->str_as++)
        if (strcmp(sub->fields[f->str_as].name, target) == 0) break;
    if (f->str_as == sub->n || sub->fields[f->str_as].base != FB_STRING)
        complain("%s.%s: str_as \"%s\" is no string of %s", o->name, f->name, target, sub->name);
}

static void check_field(const schema *s, const object *o, field *f)
{
    const char *at = o->name;
    bool wire = !o->is_struct && !foreign;
    if (f->base > FB_UNION) complain("%s.%s: arrays are refused", at, f->name);
    if (f->base == FB_VECTOR && (f->elem == FB_UTYPE || f->elem >= FB_UNION))
        complain("%s.%s: vectors of unions are refused", at, f->name);
    if (fb_is_scalar(f->base) && truth(f->raw, F_OPTIONAL))
        complain("%s.%s: optional scalars (= null) are refused", at, f->name);
    if (!foreign && (fb_is_float(f->base) || (f->base == FB_VECTOR && fb_is_float(f->elem))))
        complain("%s.%s: floats are refused", at, f->name);
    if (wire && attribute(f->raw, F_ATTRS, "id") == NULL && f->base != FB_UTYPE)
        complain("%s.%s: no explicit id", at, f->name);
    if (!foreign && (attribute(f->raw, F_ATTRS, "nested_flatbuffer") ||
                     attribute(f->raw, F_ATTRS, "flexbuffer")))
        complain("%s.%s: nested buffers are refused", at, f->name);
    check_attributes(s, o, f);
}

static void check_enum(const schema *s, const enumeration *e)
{
    for (unsigned i = 0; i < e->n && e->is_union; i++) {
        const value *v = &e->values[i];
        if (v->value != i) complain("%s.%s: tags must be 0, 1, 2 ...", e->name, v->name);
        if (i == 0) continue;
        if (v->base != FB_OBJECT || v->type < 0 || s->objects[v->type].is_struct)
            complain("%s.%s: union members must be tables", e->name, v->name);
    }
    if (e->n > UINT16_MAX) complain("%s: too many values", e->name);
}

static void check(const schema *s)
{
    for (unsigned i = 0; i < s->n_enums; i++) check_enum(s, &s->enums[i]);
    for (unsigned i = 0; i < s->n_objects; i++) {
        const object *o = &s->objects[i];
        if (!o->is_struct && o->n > FB_FIELDS_MAX) complain("%s: more than 64 fields", o->name);
        if (o->is_struct && (o->align > 8 || o->bytes > UINT16_MAX || o->n > FB_FIELDS_MAX))
            complain("%s: a struct's alignment is at most 8, its fields 64", o->name);
        for (unsigned j = 0; j < o->n; j++) check_field(s, o, &o->fields[j]);
    }
}

// ---- layout ------------------------------------------------------------------------------------

static void measure(const schema *s, field *f)
{
    const object *o = object_of(s, f);
    bool inline_struct = o && o->is_struct;
    f->size = fb_is_scalar(f->base) ? fb_scalar_size(f->base) : 4;
    f->align = f->size;
    if (f->base == FB_OBJECT && inline_struct) {
        f->size = o->bytes;
        f->align = o->align;
    }
    if (f->base == FB_VECTOR) f->elem_size = fb_is_scalar(f->elem) ? fb_scalar_size(f->elem) : 4;
    if (f->base == FB_VECTOR && inline_struct) f->elem_size = o->bytes;
}

// Widest alignment first, so that no gap is ever needed between fields. What is rare stands before
// the widest and behind the others: so what most tables have is copied in few pieces.
static void stage(object *o)
{
    unsigned at = 8;
    o->align = 4;
    for (unsigned turn = 0; turn < 8; turn++)
        for (unsigned i = 0, align = 8u >> turn / 2; i < o->n; i++) {
            field *f = &o->fields[i];
            bool now = f->align == align && f->rare == (align == 8 ? 1 - turn % 2 : turn % 2);
            if (!now || f->flags & FB_F_DEPRECATED) continue;
            f->at = at;
            at += f->size;
            o->order[o->n_order++] = f->id;
            if (align > o->align) o->align = align;
        }
    o->bytes = at - 8;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const name *)a)->s, ((const name *)b)->s);
}

static void add_name(object *o, const char *s, unsigned id, bool alias)
{
    o->names = realloc(o->names, (o->n_names + 1) * sizeof *o->names);
    if (o->names == NULL) abort();
    o->names[o->n_names++] = (name){s, id, alias};
}

static void collect_names(object *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        const field *f = &o->fields[i];
        if (f->flags & (FB_F_DEPRECATED | FB_F_HIDDEN)) continue;
        add_name(o, f->name, f->id, false);
        if (f->alias == NULL) continue;
        char *list = strcpy(make(strlen(f->alias) + 1, 1), f->alias);
        for (char *s = strtok(list, ", "); s; s = strtok(NULL, ", ")) add_name(o, s, f->id, true);
    }
    if (o->n_names == 0) return;
    qsort(o->names, o->n_names, sizeof *o->names, by_name);
    for (unsigned i = 0; i < o->n_names; i++) {
        if (!o->names[i].alias) o->fields[o->names[i].field].name_at = i;
        if (i && strcmp(o->names[i - 1].s, o->names[i].s) == 0)
            complain("%s: the name %s stands for two fields", o->name, o->names[i].s);
    }
    if (o->n_names > FB_NAMES_MAX) complain("%s: more than %d names", o->name, FB_NAMES_MAX);
}

static void lay_out(const schema *s)
{
    for (unsigned i = 0; i < s->n_objects; i++) {
        object *o = &s->objects[i];
        for (unsigned j = 0; j < o->n; j++) {
            measure(s, &o->fields[j]);
            if (o->is_struct) o->fields[j].id = j;
        }
        if (!o->is_struct) stage(o);
        collect_names(o);
    }
}

// ---- header ------------------------------------------------------------------------------------

static const char *c_type(unsigned base)
{
    static const char *const names[] = {"void",     "uint8_t",  "bool",    "int8_t",   "uint8_t",
                                        "int16_t",  "uint16_t", "int32_t", "uint32_t", "int64_t",
                                        "uint64_t", "float",    "double"};
    assert(base < sizeof names / sizeof *names);
    return names[base];
}

// What a field is stored as: a bool read from foreign bytes may hold any value.
static const char *stored_type(unsigned base)
{
    return base == FB_BOOL ? "uint8_t" : c_type(base);
}

// The end of the names of the runtime's helpers for this kind: fb_get_u8, fb_put_u8 ...
static const char *suffix(unsigned base)
{
    static const char *const names[] = {"",    "u8",  "bool", "i8",  "u8",  "i16", "u16",
                                        "i32", "u32", "i64",  "u64", "f32", "f64"};
    assert(base < sizeof names / sizeof *names);
    return names[base];
}

static bool fits_int(const enumeration *e)
{
    for (unsigned i = 0; i < e->n; i++)
        if (e->values[i].value > INT32_MAX || e->values[i].value < INT32_MIN) return false;
    return e->base != FB_U64 || e->n == 0 || e->values[0].value >= 0;
}

// printf with each '$' of the format replaced by the prefix.
__attribute__((format(printf, 2, 3))) static void emit(FILE *out, const char *format, ...)
{
    char text[2048];
    size_t n = 0;
    for (; *format; format++) {
        if (*format != '$') text[n++] = *format;
        for (const char *p = prefix; *format == '$' && *p; p++) text[n++] = *p;
        assert(n < sizeof text - 64);
    }
    text[n] = 0;
    va_list args;
    va_start(args, format);
    vfprintf(out, text, args);
    va_end(args);
}

static void print_enum(FILE *out, const enumeration *e)
{
    bool narrow = fits_int(e) && e->n;
    if (narrow) emit(out, "typedef enum $_%s {\n", e->name);
    for (unsigned i = 0; i < e->n; i++) {
        const value *v = &e->values[i];
        if (narrow)
            emit(out, "    $_%s_%s = %" PRId64 ",\n", e->name, v->name, v->value);
        else
            emit(out, "#define $_%s_%s ((%s)UINT64_C(0x%" PRIx64 "))\n", e->name, v->name,
                 c_type(e->base), (uint64_t)v->value);
    }
    if (narrow)
        emit(out, "} $_%s;\n", e->name);
    else
        emit(out, "typedef %s $_%s;\n", c_type(e->base), e->name);
    emit(out, "enum { $_count_%s = %u };\n", e->name, e->n);
    emit(out, "extern const fb_enum $_enum_%s;\n", e->name);
    emit(out, "#define $_name_%s(v) fb_enum_name(&$_enum_%s, (int){v})\n\n", e->name, e->name);
}

// A struct, after those that it holds.
static void print_struct(FILE *out, const schema *s, object *o)
{
    if (o->printed) return;
    o->printed = true;
    for (unsigned i = 0; i < o->n; i++)
        if (o->fields[i].base == FB_OBJECT) print_struct(out, s, &s->objects[o->fields[i].index]);
    emit(out, "typedef struct $_%s {\n", o->name);
    for (unsigned i = 0; i < o->n; i++) {
        const field *f = &o->fields[i];
        const object *sub = object_of(s, f);
        if (sub)
            emit(out, "    $_%s %s;\n", sub->name, f->name);
        else
            emit(out, "    %s %s;\n", stored_type(f->base), f->name);
        if (f->padding) emit(out, "    uint8_t pad_%u_[%u]; // must be 0\n", i, f->padding);
    }
    emit(out, "} $_%s;\n", o->name);
    emit(out, "_Static_assert(sizeof($_%s) == %u, \"as on the wire\");\n", o->name, o->bytes);
    emit(out, "static inline $_%s $_at_%s(fb_vec v, uint32_t i)\n{\n", o->name, o->name);
    emit(out, "    $_%s out;\n    memcpy(&out, fb_elem(v, i, sizeof out), sizeof out);\n", o->name);
    emit(out, "    return out;\n}\n\n");
}

static void print_default(FILE *out, const field *f)
{
    if (fb_is_float(f->base))
        emit(out, "%s%.17g", f->base == FB_F32 ? "(float)" : "", f->real);
    else if (f->base == FB_BOOL)
        emit(out, "%s", f->zero ? "true" : "false");
    else if (f->zero >= INT16_MIN && f->zero <= INT16_MAX)
        emit(out, "%" PRId64, f->zero);
    else
        emit(out, "(%s)UINT64_C(0x%" PRIx64 ")", c_type(f->base), (uint64_t)f->zero);
}

static void print_struct_reader(FILE *out, const object *o, const field *f, const object *sub)
{
    emit(out, "static inline bool $_%s_%s(const $_%s *p, $_%s *out)\n{\n", o->name, f->name,
         o->name, sub->name);
    emit(out, "    uint32_t at = fb_at(p, %u);\n    if (!at) return false;\n", 4 + 2 * f->id);
    emit(out, "    memcpy(out, (const uint8_t *)p + at, sizeof *out);\n    return true;\n}\n");
}

// A line a field, because every unit of the tree reads all of them: a function is read and kept, a
// macro that nobody uses is passed over.
static void print_reader(FILE *out, const schema *s, const object *o, const field *f)
{
    const object *sub = object_of(s, f);
    const enumeration *e = enum_of(s, f);
    const char *t = o->name;
    unsigned slot = 4 + 2 * f->id;
    emit(out, "#define $_has_%s_%s(p) fb_has((const $_%s *){p}, %u)\n", t, f->name, t, slot);
    if (f->base == FB_OBJECT && sub->is_struct) {
        print_struct_reader(out, o, f, sub);
        return;
    }
    emit(out, "#define $_%s_%s(p) ", t, f->name);
    if (fb_is_scalar(f->base)) {
        emit(out, "fb_get_%s((const $_%s *){p}, %u, ", suffix(f->base), t, slot);
        print_default(out, f);
        emit(out, ")\n");
    } else if (f->base == FB_OBJECT) {
        emit(out, "((const $_%s *)fb_sub((const $_%s *){p}, %u))\n", sub->name, t, slot);
    } else {
        const char *kind = f->base == FB_STRING ? "_str" : f->base == FB_VECTOR ? "_vec" : "";
        emit(out, "fb_sub%s((const $_%s *){p}, %u)\n", kind, t, slot);
    }
    for (unsigned i = 1; f->base == FB_UNION && i < e->n; i++)
        emit(out, "#define $_%s_%s_as_%s(p) ((const $_%s *)fb_sub_as((const $_%s *){p}, %u, %u))\n",
             t, f->name, e->values[i].name, s->objects[e->values[i].type].name, t, slot, i);
}

static void print_staged(FILE *out, const schema *s, const object *o)
{
    emit(out, "typedef struct $_new_%s {\n    uint64_t set; // bit by id: fields put\n", o->name);
    for (unsigned i = 0; i < o->n_order; i++) {
        const field *f = &o->fields[o->order[i]];
        const object *sub = object_of(s, f);
        if (f->base == FB_OBJECT && sub->is_struct)
            emit(out, "    $_%s f_%s;\n", sub->name, f->name);
        else
            emit(out, "    %s f_%s;\n", fb_is_scalar(f->base) ? stored_type(f->base) : "fb_ref",
                 f->name);
    }
    emit(out, "} $_new_%s;\n", o->name);
    if (o->n_order == 0) return;
    const field *last = &o->fields[o->order[o->n_order - 1]];
    emit(out, "_Static_assert(offsetof($_new_%s, f_%s) == %u, \"as described\");\n", o->name,
         last->name, last->at);
}

// Two places to write: what a value of the union is, and the value.
static void print_union_putter(FILE *out, const object *o, const field *f, const char *tags)
{
    emit(out, "static inline void $_put_%s_%s($_new_%s *w, $_%s tag, fb_ref ref)\n{\n", o->name,
         f->name, o->name, tags);
    emit(out, "    if (ref != 0) $_put_%s_%s_type(w, tag);\n", o->name, f->name);
    emit(out, "    fb_put_ref(w, %u, %u, ref);\n}\n", f->at, f->id);
}

static void print_struct_putter(FILE *out, const object *o, const field *f, const object *sub)
{
    emit(out, "static inline void $_put_%s_%s($_new_%s *w, const $_%s *v)\n{\n", o->name, f->name,
         o->name, sub->name);
    emit(out, "    w->f_%s = *v;\n    w->set |= UINT64_C(1) << %u;\n}\n", f->name, f->id);
}

static void print_putter(FILE *out, const schema *s, const object *o, const field *f)
{
    const object *sub = object_of(s, f);
    const enumeration *e = enum_of(s, f);
    const char *t = o->name;
    if (f->base == FB_UNION) {
        print_union_putter(out, o, f, e->name);
    } else if (f->base == FB_OBJECT && sub->is_struct) {
        print_struct_putter(out, o, f, sub);
    } else if (!fb_is_scalar(f->base)) {
        emit(out, "#define $_put_%s_%s(w, ref) fb_put_ref(($_new_%s *){w}, %u, %u, ref)\n", t,
             f->name, t, f->at, f->id);
    } else {
        emit(out, "#define $_put_%s_%s(w, v) fb_put_%s(($_new_%s *){w}, %u, %u, ", t, f->name,
             suffix(f->base), t, f->at, f->id);
        if (e)
            emit(out, "(%s)($_%s){v})\n", c_type(f->base), e->name);
        else
            emit(out, "v)\n");
    }
}

static void print_table(FILE *out, const schema *s, const object *o)
{
    const char *t = o->name;
    emit(out, "// ---- %s\n\n", t);
    for (unsigned i = 0; i < o->n; i++)
        if (!(o->fields[i].flags & FB_F_DEPRECATED)) print_reader(out, s, o, &o->fields[i]);
    emit(out, "#define $_root_%s(buf) ((const $_%s *)fb_root(buf))\n", t, t);
    emit(out, "#define $_at_%s(v, i) ((const $_%s *)fb_vec_sub(v, i))\n", t, t);
    print_staged(out, s, o);
    for (unsigned i = 0; i < o->n; i++)
        if (!(o->fields[i].flags & FB_F_DEPRECATED)) print_putter(out, s, o, &o->fields[i]);
    emit(out, "#define $_end_%s(b, w) fb_table(b, &$_desc_%s, (const $_new_%s *){w})\n\n", t, t,
         t);
}

static uint64_t mixed(uint64_t hash, const char *s, uint64_t n)
{
    for (; *s; s++) hash = (hash ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
    for (unsigned i = 0; i < 64; i += 8) hash = (hash ^ (n >> i & 255)) * UINT64_C(0x100000001b3);
    return hash;
}

// FNV-1a of what the two sides of a connection must agree on: no comments, no limits.
static uint64_t schema_hash(const schema *s)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < s->n_objects; i++) {
        const object *o = &s->objects[i];
        hash = mixed(hash, o->full, o->n);
        for (unsigned j = 0; j < o->n; j++) {
            const field *f = &o->fields[j];
            hash = mixed(hash, f->name, f->base << 8 | f->elem);
            hash = mixed(hash, "", (uint64_t)f->zero);
            hash = mixed(hash, "", (uint64_t)f->id << 32 | f->flags);
            hash = mixed(hash, "", (uint64_t)(int64_t)f->index);
        }
    }
    for (unsigned i = 0; i < s->n_enums; i++) {
        hash = mixed(hash, s->enums[i].full, s->enums[i].base);
        for (unsigned j = 0; j < s->enums[i].n; j++)
            hash = mixed(hash, s->enums[i].values[j].name, (uint64_t)s->enums[i].values[j].value);
    }
    return hash;
}

static void print_header(FILE *out, const schema *s, const char *source)
{
    emit(out, "// Generated by fbgen from %s: readers and writers. Do not edit.\n", source);
    emit(out, "#ifndef KITH_GENERATED_$_H\n#define KITH_GENERATED_$_H\n\n");
    emit(out, "#include \"core/fb.h\"\n#include \"core/fb_build.h\"\n\n");
    emit(out, "// To be read as functions: `(const $_T *){p}` takes what a parameter of that type\n"
              "// takes, with the same warnings, once. A slot is a field's place in vtables;\n"
              "// what is put has a place in the staged table and an id in its set.\n\n"
              "// What both sides of a connection must agree on.\n");
    emit(out, "#define $_schema_hash UINT64_C(0x%016" PRIx64 ")\n\n", schema_hash(s));
    for (unsigned i = 0; i < s->n_objects; i++)
        emit(out, "extern const fb_type $_desc_%s;\n", s->objects[i].name);
    emit(out, "\n// All tables and structs, by name.\n");
    emit(out, "enum { $_types_count = %u };\n", s->n_objects);
    emit(out, "extern const fb_type *const $_types[];\n");
    emit(out, "const fb_type *$_type_by_name(const char *name); // NULL when there is none\n\n");
    for (unsigned i = 0; i < s->n_enums; i++) print_enum(out, &s->enums[i]);
    for (unsigned i = 0; i < s->n_objects; i++)
        if (s->objects[i].is_struct) print_struct(out, s, &s->objects[i]);
    for (unsigned i = 0; i < s->n_objects; i++)
        if (!s->objects[i].is_struct)
            emit(out, "typedef struct $_%s $_%s;\n", s->objects[i].name, s->objects[i].name);
    emit(out, "\n");
    for (unsigned i = 0; i < s->n_objects; i++)
        if (!s->objects[i].is_struct) print_table(out, s, &s->objects[i]);
    emit(out, "#endif\n");
}

// ---- source ------------------------------------------------------------------------------------

static void print_string(FILE *out, const char *s)
{
    fputc('"', out);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            emit(out, "\\%c", c);
        else if (c < 0x20 || c == '?')
            emit(out, "\\%03o", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void print_enum_rows(FILE *out, const schema *s, const enumeration *e)
{
    uint64_t mask = 0;
    if (e->n) emit(out, "static const fb_enum_value values_%s[] = {\n", e->name);
    for (unsigned i = 0; i < e->n; i++) {
        const value *v = &e->values[i];
        mask |= (uint64_t)v->value;
        emit(out, "    {.name = \"%s\", .name_n = %zu, ", v->name, strlen(v->name));
        emit(out, ".value = (int64_t)UINT64_C(0x%" PRIx64 "), .doc = ", (uint64_t)v->value);
        print_string(out, v->doc);
        if (e->is_union && v->type >= 0)
            emit(out, ", .type = &$_desc_%s", s->objects[v->type].name);
        emit(out, "},\n");
    }
    if (e->n) emit(out, "};\n");
    emit(out, "const fb_enum $_enum_%s = {\n    .name = \"%s\", .doc = ", e->name, e->name);
    print_string(out, e->doc);
    emit(out, ",\n    ");
    if (e->n) emit(out, ".values = values_%s, ", e->name);
    emit(out, ".n = %u, .mask = UINT64_C(0x%" PRIx64 "), .base = %u,\n", e->n, mask, e->base);
    emit(out, "    .is_union = %d, .is_flags = %d,\n};\n\n", e->is_union, e->is_flags);
}

static uint64_t default_bits(const field *f)
{
    uint64_t bits = (uint64_t)f->zero;
    float narrow = (float)f->real;
    if (f->base == FB_F64) memcpy(&bits, &f->real, sizeof bits);
    if (f->base == FB_F32) {
        bits = 0;
        memcpy(&bits, &narrow, sizeof narrow);
    }
    return bits;
}

static void print_field_row(FILE *out, const schema *s, const field *f, bool in_struct)
{
    const object *sub = object_of(s, f);
    const enumeration *e = enum_of(s, f);
    emit(out, "    {.name = \"%s\", .key = \",\\\"%s\\\":\", .key_n = %zu, .id = %u, .slot = %u,\n",
         f->name, f->name, strlen(f->name) + 4, f->id, in_struct ? 0 : 4 + 2 * f->id);
    emit(out, "     .base = %u, .elem = %u, .at = %u, .size = %u, .align = %u, .elem_size = %u,\n",
         f->base, f->elem, f->at, f->size, f->align, f->elem_size);
    emit(out, "     .flags = 0x%x, .max_len = %u, .str_as = %u, .name_at = %u,\n", f->flags,
         f->max_len, f->str_as, f->name_at);
    emit(out, "     .zero = UINT64_C(%" PRIu64 "), ", default_bits(f));
    if (sub) emit(out, ".type = &$_desc_%s, ", sub->name);
    if (e) emit(out, ".enums = &$_enum_%s, ", e->name);
    emit(out, ".doc = ");
    print_string(out, f->doc);
    emit(out, "},\n");
}

// Whether a struct holds values that can be wrong: floats or enums, at any depth.
static bool checked(const schema *s, const object *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        const field *f = &o->fields[i];
        const object *sub = object_of(s, f);
        if (fb_is_float(f->base) || enum_of(s, f) || (sub && checked(s, sub))) return true;
    }
    return false;
}

static void print_arrays(FILE *out, const schema *s, const object *o)
{
    if (o->n) emit(out, "static const fb_field fields_%s[] = {\n", o->name);
    for (unsigned i = 0; i < o->n; i++) print_field_row(out, s, &o->fields[i], o->is_struct);
    if (o->n) emit(out, "};\n");
    if (o->n_names) emit(out, "static const fb_name names_%s[] = {\n", o->name);
    for (unsigned i = 0; i < o->n_names; i++)
        emit(out, "    {\"%s\", %zu, %u},\n", o->names[i].s, strlen(o->names[i].s),
             o->names[i].field);
    if (o->n_names) emit(out, "};\n");
    if (o->n_order) emit(out, "static const uint8_t order_%s[] = {", o->name);
    for (unsigned i = 0; i < o->n_order; i++) emit(out, "%s%u", i ? ", " : "", o->order[i]);
    if (o->n_order) emit(out, "};\n");
}

static void print_type(FILE *out, const schema *s, const object *o)
{
    uint64_t all = 0, required = 0, refs = 0, unions = 0;
    for (unsigned i = 0; i < o->n && !o->is_struct; i++) {
        const field *f = &o->fields[i];
        const object *sub = object_of(s, f);
        uint64_t bit = UINT64_C(1) << f->id;
        if (f->flags & FB_F_DEPRECATED) continue;
        all |= bit;
        if (f->flags & FB_F_REQUIRED) required |= bit;
        if (f->base == FB_UNION) unions |= bit;
        bool inline_struct = f->base == FB_OBJECT && sub->is_struct;
        if (!fb_is_scalar(f->base) && !inline_struct) refs |= bit;
    }
    print_arrays(out, s, o);
    emit(out, "const fb_type $_desc_%s = {\n    .name = \"%s\", .doc = ", o->name, o->name);
    print_string(out, o->doc);
    emit(out, ",\n    ");
    if (o->n) emit(out, ".fields = fields_%s, ", o->name);
    if (o->n_names) emit(out, ".names = names_%s, ", o->name);
    if (o->n_order) emit(out, ".order = order_%s, ", o->name);
    emit(out, "\n    .all = UINT64_C(0x%" PRIx64 "), .required = UINT64_C(0x%" PRIx64 "),\n", all,
         required);
    emit(out, "    .refs = UINT64_C(0x%" PRIx64 "), .unions = UINT64_C(0x%" PRIx64 "),\n", refs,
         unions);
    emit(out, "    .n_fields = %u, .n_names = %u, .n_order = %u,\n", o->n, o->n_names, o->n_order);
    emit(out, "    .size = %u, .align = %u, .is_struct = %d, .checked = %d,\n};\n\n", o->bytes,
         o->align, o->is_struct, o->is_struct && checked(s, o));
}

static int by_type_name(const void *a, const void *b)
{
    return strcmp((*(const object *const *)a)->name, (*(const object *const *)b)->name);
}

static void print_source(FILE *out, const schema *s, const char *header)
{
    const char *slash = strrchr(header, '/');
    emit(out, "// Generated by fbgen: descriptors of the schema. Do not edit.\n");
    emit(out, "#include \"%s\"\n\n", slash ? slash + 1 : header);
    for (unsigned i = 0; i < s->n_enums; i++) print_enum_rows(out, s, &s->enums[i]);
    for (unsigned i = 0; i < s->n_objects; i++) print_type(out, s, &s->objects[i]);
    const object **sorted = make(s->n_objects, sizeof *sorted);
    for (unsigned i = 0; i < s->n_objects; i++) sorted[i] = &s->objects[i];
    qsort(sorted, s->n_objects, sizeof *sorted, by_type_name);
    emit(out, "const fb_type *const $_types[] = {\n");
    for (unsigned i = 0; i < s->n_objects; i++) emit(out, "    &$_desc_%s,\n", sorted[i]->name);
    emit(out, "};\n\nconst fb_type *$_type_by_name(const char *name)\n{\n"
              "    size_t low = 0, high = $_types_count;\n    while (low < high) {\n"
              "        size_t middle = (low + high) / 2;\n"
              "        int order = strcmp(name, $_types[middle]->name);\n"
              "        if (order == 0) return $_types[middle];\n"
              "        if (order < 0) high = middle;\n        else low = middle + 1;\n"
              "    }\n    return NULL;\n}\n");
}

// ---- conform -----------------------------------------------------------------------------------

static const char *type_name(const schema *s, const field *f)
{
    const object *o = object_of(s, f);
    const enumeration *e = enum_of(s, f);
    return o ? o->full : e ? e->full : "";
}

static void conform_field(const schema *old, const schema *new, const field *f, const field *g)
{
    const char *at = f->name;
    const unsigned shown = FB_F_JSON_STR | FB_F_TIME | FB_F_RAW_JSON | FB_F_HIDDEN;
    if (f->base != g->base || f->elem != g->elem ||
        strcmp(type_name(old, f), type_name(new, g)) != 0)
        complain("  field %s: retyped", at);
    if (f->id != g->id) complain("  field %s: renumbered from %u to %u", at, f->id, g->id);
    if (f->at != g->at) complain("  field %s: moved", at);
    if (f->zero != g->zero || f->real < g->real || f->real > g->real)
        complain("  field %s: another default", at);
    if (g->flags & FB_F_REQUIRED && !(f->flags & FB_F_REQUIRED))
        complain("  field %s: newly required", at);
    if ((f->flags ^ g->flags) & shown) complain("  field %s: shown otherwise in JSON", at);
    if (g->max_len && (f->max_len == 0 || g->max_len < f->max_len))
        complain("  field %s: max_len lowered, so older entries may be refused", at);
    if (f->flags & FB_F_DEPRECATED && !(g->flags & FB_F_DEPRECATED))
        complain("  field %s: deprecated before, in use again", at);
}

static const field *field_called(const object *o, const char *called)
{
    for (unsigned i = 0; i < o->n; i++)
        if (strcmp(o->fields[i].name, called) == 0) return &o->fields[i];
    return NULL;
}

static void conform_object(const schema *old, const schema *new, const object *o, const object *p)
{
    if (o->is_struct != p->is_struct) complain("  table and struct exchanged");
    if (o->is_struct && (o->bytes != p->bytes || o->n != p->n)) complain("  another layout");
    for (unsigned i = 0; i < o->n; i++) {
        const field *f = &o->fields[i], *g = field_called(p, f->name);
        if (g)
            conform_field(old, new, f, g);
        else if (i < p->n && field_called(o, p->fields[i].name) == NULL)
            complain("  field %s: renamed to %s", f->name, p->fields[i].name);
        else
            complain("  field %s: removed (mark it deprecated instead)", f->name);
    }
    for (unsigned i = 0; i < p->n; i++)
        if (p->fields[i].flags & FB_F_REQUIRED && field_called(o, p->fields[i].name) == NULL)
            complain("  field %s: new and required", p->fields[i].name);
}

static void conform_enum(const enumeration *e, const enumeration *f)
{
    if (e->base != f->base || e->is_union != f->is_union || e->is_flags != f->is_flags)
        complain("  another underlying type");
    for (unsigned i = 0; i < e->n; i++) {
        unsigned j = 0;
        while (j < f->n && strcmp(e->values[i].name, f->values[j].name) != 0) j++;
        if (j == f->n)
            complain("  value %s: removed or renamed", e->values[i].name);
        else if (e->values[i].value != f->values[j].value)
            complain("  value %s: renumbered", e->values[i].name);
    }
}

// Whether what the old schema wrote is still understood; says what is not.
static int conform(const char *old_path, const char *new_path)
{
    const schema *old = read_schema(old_path), *new = read_schema(new_path);
    for (unsigned i = 0; i < old->n_objects; i++) {
        const object *o = &old->objects[i];
        unsigned before = complaints, j = 0;
        while (j < new->n_objects && strcmp(o->full, new->objects[j].full) != 0) j++;
        if (j < new->n_objects)
            conform_object(old, new, o, &new->objects[j]);
        else
            complain("  removed");
        if (complaints > before) fprintf(stderr, "^ %s\n", o->full);
    }
    for (unsigned i = 0; i < old->n_enums; i++) {
        const enumeration *e = &old->enums[i];
        unsigned before = complaints, j = 0;
        while (j < new->n_enums && strcmp(e->full, new->enums[j].full) != 0) j++;
        if (j < new->n_enums)
            conform_enum(e, &new->enums[j]);
        else
            complain("  removed");
        if (complaints > before) fprintf(stderr, "^ %s\n", e->full);
    }
    return complaints ? 1 : 0;
}

static FILE *create(const char *path)
{
    FILE *out = fopen(path, "w");
    if (out) return out;
    perror(path);
    exit(2);
}

static int generate(const char *in, const char *header, const char *source)
{
    const schema *s = read_schema(in);
    check(s);
    if (complaints == 0) lay_out(s);
    if (complaints) return 1;
    const char *slash = strrchr(in, '/');
    FILE *h = create(header), *c = create(source);
    print_header(h, s, slash ? slash + 1 : in);
    print_source(c, s, header);
    bool failed = ferror(h) || ferror(c);
    return fclose(h) != 0 || fclose(c) != 0 || failed ? 2 : 0;
}

int main(int argc, char **argv)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strncmp(argv[i], "--prefix=", 9) == 0)
            prefix = argv[i] + 9;
        else if (strcmp(argv[i], "--foreign") == 0)
            foreign = true;
        else
            break;
    }
    if (argc - i == 3 && strcmp(argv[i], "conform") == 0) return conform(argv[i + 1], argv[i + 2]);
    if (argc - i == 3) return generate(argv[i], argv[i + 1], argv[i + 2]);
    fprintf(stderr, "usage: fbgen [--prefix=kt] [--foreign] IN.bfbs OUT.h OUT.c\n"
                    "       fbgen conform OLD.bfbs NEW.bfbs\n");
    return 2;
}
