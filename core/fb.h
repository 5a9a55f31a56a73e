// fb.h - FlatBuffers as Kith reads them: descriptors of the schema, readers of verified bytes.
//
//   payload  [root u32][0 or 4 bytes 0] ... [vtable][table][what the table refers to] ...
//   table    [own position - vtable's, i32][fields, widest first]
//   vtable   [its bytes u16][bytes of the table u16][place of field 0 in the table u16] ...
//            a place of 0, or a vtable that ends earlier, means that the field is absent
//   string   [n u32][n bytes][NUL]          vector  [n u32][n elements]
//
// References count forward in bytes from where they stand. All is little-endian and read through
// memcpy, so a payload may lie anywhere. Readers trust the bytes: verify first (fb_verify.h).
#ifndef KITH_CORE_FB_H
#define KITH_CORE_FB_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loads are plain copies");

// What may be wrong with bytes (fb_verify) or stop a builder (b->err).
#define FB_ERRORS(X)                                                                              \
    X(FB_OK, "ok")                                                                                \
    X(FB_E_SIZE, "the buffer is too short or too long")                                           \
    X(FB_E_ALIGN, "a value is not aligned")                                                       \
    X(FB_E_OFFSET, "a reference leads out of the buffer")                                         \
    X(FB_E_VTABLE, "a vtable is out of the buffer or malformed")                                  \
    X(FB_E_TABLE, "a table is out of the buffer")                                                 \
    X(FB_E_FIELD, "a field is out of its table")                                                  \
    X(FB_E_REQUIRED, "a required field is absent")                                                \
    X(FB_E_STRING, "a string is out of the buffer or has no end")                                 \
    X(FB_E_UTF8, "a string is not UTF-8")                                                         \
    X(FB_E_VECTOR, "a vector is out of the buffer")                                               \
    X(FB_E_LENGTH, "a string or vector is longer than allowed")                                   \
    X(FB_E_UNION, "a union has an unknown tag, or a tag or a value alone")                        \
    X(FB_E_FLOAT, "a number is not finite")                                                       \
    X(FB_E_JSON, "a field of JSON text is not JSON")                                              \
    X(FB_E_ENUM, "an enum value is unknown")                                                      \
    X(FB_E_UNKNOWN, "a field is unknown")                                                         \
    X(FB_E_DEPTH, "tables are nested too deep")                                                   \
    X(FB_E_TABLES, "too many tables")                                                             \
    X(FB_E_BYTES, "shared parts would unfold to too many bytes")                                  \
    X(FB_E_SPACE, "the builder's memory is full")

#define FB_ERROR_CODE(code, text) code,
typedef enum fb_error { FB_ERRORS(FB_ERROR_CODE) FB_ERROR_COUNT } fb_error;
#undef FB_ERROR_CODE

// Kinds of value; the numbers are those of flatc's reflection schema.
typedef enum fb_base {
    FB_NONE,
    FB_UTYPE, // tag of a union, one byte
    FB_BOOL,
    FB_I8,
    FB_U8,
    FB_I16,
    FB_U16,
    FB_I32,
    FB_U32,
    FB_I64,
    FB_U64,
    FB_F32,
    FB_F64,
    FB_STRING,
    FB_VECTOR,
    FB_OBJECT, // a table, or a struct (fb_type.is_struct)
    FB_UNION,
} fb_base;

enum { // fb_field.flags
    FB_F_REQUIRED = 1 << 0,
    FB_F_DEPRECATED = 1 << 1,
    FB_F_JSON_STR = 1 << 2,   // a 64-bit number as decimal string
    FB_F_TIME = 1 << 3,       // milliseconds since 1970 as RFC 3339
    FB_F_RAW_JSON = 1 << 4,   // a string that holds JSON text
    FB_F_STR_AS = 1 << 5,     // a JSON string stands for a sub-table with fields[str_as] set
    FB_F_NULLABLE = 1 << 6,   // a scalar equal to its default prints as null
    FB_F_SENSITIVE = 1 << 7,  // redacted when logged
    FB_F_HIDDEN = 1 << 8,     // not in JSON, either way
    FB_F_OMIT_EMPTY = 1 << 9, // no key when absent, even in full output
};

enum { FB_FIELDS_MAX = 64, FB_NAMES_MAX = 128 };

typedef struct fb_type fb_type;
typedef struct fb_enum fb_enum;

typedef struct fb_field {
    const char *name;
    const char *key;      // `,"name":` as the printer copies it
    const char *doc;      // doc comment, lines joined by '\n'; "" if none
    const fb_type *type;  // the table or struct, or that of the elements; else NULL
    const fb_enum *enums; // the enum or union; else NULL
    uint64_t zero;        // default, as fb_load gives it
    uint32_t key_n;
    uint32_t max_len;   // code points of a string, elements of a vector; 0 = no bound
    uint16_t slot;      // byte in the vtable: 4 + 2 * id
    uint16_t at;        // byte in the staged table, or in the struct
    uint16_t size;      // bytes in the table or struct
    uint16_t elem_size; // bytes of a vector's element where it stands in the vector
    uint16_t flags;
    uint8_t align;
    uint8_t base; // fb_base
    uint8_t elem; // fb_base of a vector's elements
    uint8_t id;
    uint8_t str_as;  // id of the field of `type` that FB_F_STR_AS sets
    uint8_t name_at; // own place in the type's names
} fb_field;

typedef struct fb_name { // a name that JSON input may use
    const char *s;
    uint32_t n;
    uint8_t field; // id
} fb_name;

struct fb_type {
    const char *name;
    const char *doc;
    const fb_field *fields; // by id (of a struct: in order of place)
    const fb_name *names;   // sorted by bytes, then by length; hidden ones left out
    const uint8_t *order;   // ids as they lie in the staged table: widest alignment first
    uint64_t all;           // bit by id: every field that can be written
    uint64_t required;      // bit by id
    uint64_t refs;          // bit by id: fields that hold a reference
    uint64_t unions;        // bit by id: values of unions; their tags have the id before
    uint16_t n_fields;
    uint16_t n_names;
    uint16_t n_order;
    uint16_t size; // bytes of all fields staged, without the presence mask; of a struct its size
    uint8_t align;
    bool is_struct;
    bool checked; // a struct with values to check in it: floats, enums
};

typedef struct fb_enum_value {
    const char *name;
    const char *doc;
    int64_t value; // of an unsigned 64-bit enum: the same bits
    const fb_type *type; // of a union's member
    uint32_t name_n;
} fb_enum_value;

struct fb_enum {
    const char *name;
    const char *doc;
    const fb_enum_value *values; // by value
    uint64_t mask;               // all values ored: what flags may hold
    uint16_t n;
    uint8_t base; // fb_base that it is stored as
    bool is_union;
    bool is_flags;
};

typedef struct fb_str { // n bytes and a NUL after them; absent: ""
    const char *s;
    uint32_t n;
} fb_str;

typedef struct fb_vec { // n elements from p on, unaligned; absent: n = 0
    const uint8_t *p;
    uint32_t n;
} fb_vec;

// The compiler's own memcpy: the C library's checks what is constant here, again in every unit.
static inline uint8_t fb_u8(const void *p)
{
    return *(const uint8_t *)p;
}

static inline uint16_t fb_u16(const void *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t fb_u32(const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t fb_u64(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline float fb_f32(const void *p)
{
    float v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline double fb_f64(const void *p)
{
    double v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

// Place of a field in its table, 0 when absent. `slot` is 4 + 2 * id.
static inline uint32_t fb_at(const void *table, uint32_t slot)
{
    const uint8_t *t = table;
    const uint8_t *vtable = t - (int32_t)fb_u32(t);
    return slot < fb_u16(vtable) ? fb_u16(vtable + slot) : 0;
}

// What the reference at p refers to.
static inline const void *fb_follow(const void *p)
{
    return (const uint8_t *)p + fb_u32(p);
}

static inline const void *fb_root(const void *buf)
{
    return fb_follow(buf);
}

// The sub-table (or union value) in a field, NULL when absent.
static inline const void *fb_sub(const void *table, uint32_t slot)
{
    uint32_t at = fb_at(table, slot);
    return at ? fb_follow((const uint8_t *)table + at) : NULL;
}

// The value of a union in a field if it is of this kind, else NULL. The tag is the field before.
static inline const void *fb_sub_as(const void *table, uint32_t slot, uint8_t tag)
{
    uint32_t at = fb_at(table, slot - 2);
    return at && fb_u8((const uint8_t *)table + at) == tag ? fb_sub(table, slot) : NULL;
}

static inline bool fb_has(const void *table, uint32_t slot)
{
    return fb_at(table, slot) != 0;
}

// fb_get_u8 ... fb_get_f64: the number in a field, `zero` when absent.
#define FB_GETTER(kind, type)                                                                     \
    static inline type fb_get_##kind(const void *table, uint32_t slot, type zero)                 \
    {                                                                                             \
        uint32_t at = fb_at(table, slot);                                                         \
        if (at) __builtin_memcpy(&zero, (const uint8_t *)table + at, sizeof zero);                \
        return zero;                                                                              \
    }
FB_GETTER(u8, uint8_t)
FB_GETTER(i8, int8_t)
FB_GETTER(u16, uint16_t)
FB_GETTER(i16, int16_t)
FB_GETTER(u32, uint32_t)
FB_GETTER(i32, int32_t)
FB_GETTER(u64, uint64_t)
FB_GETTER(i64, int64_t)
FB_GETTER(f32, float)
FB_GETTER(f64, double)
#undef FB_GETTER

// Foreign bytes may hold any value that stands for true.
static inline bool fb_get_bool(const void *table, uint32_t slot, bool zero)
{
    return fb_get_u8(table, slot, zero) != 0;
}

// A 64-bit number in a field, 0 when absent.
static inline uint64_t fb_sub_u64(const void *table, uint32_t slot)
{
    uint32_t at = fb_at(table, slot);
    return at ? fb_u64((const uint8_t *)table + at) : 0;
}

static inline fb_str fb_str_at(const void *string)
{
    return (fb_str){(const char *)string + 4, fb_u32(string)};
}

static inline fb_vec fb_vec_at(const void *vector)
{
    return (fb_vec){(const uint8_t *)vector + 4, fb_u32(vector)};
}

static inline fb_str fb_sub_str(const void *table, uint32_t slot)
{
    const void *string = fb_sub(table, slot);
    return string ? fb_str_at(string) : (fb_str){"", 0};
}

static inline fb_vec fb_sub_vec(const void *table, uint32_t slot)
{
    const void *vector = fb_sub(table, slot);
    return vector ? fb_vec_at(vector) : (fb_vec){NULL, 0};
}

static inline const uint8_t *fb_elem(fb_vec v, uint32_t i, uint32_t size)
{
    assert(i < v.n);
    return v.p + (size_t)i * size;
}

static inline const void *fb_vec_sub(fb_vec v, uint32_t i)
{
    return fb_follow(fb_elem(v, i, 4));
}

static inline fb_str fb_vec_str(fb_vec v, uint32_t i)
{
    return fb_str_at(fb_vec_sub(v, i));
}

static inline uint8_t fb_vec_u8(fb_vec v, uint32_t i)
{
    return fb_u8(fb_elem(v, i, 1));
}

static inline uint16_t fb_vec_u16(fb_vec v, uint32_t i)
{
    return fb_u16(fb_elem(v, i, 2));
}

static inline uint32_t fb_vec_u32(fb_vec v, uint32_t i)
{
    return fb_u32(fb_elem(v, i, 4));
}

static inline uint64_t fb_vec_u64(fb_vec v, uint32_t i)
{
    return fb_u64(fb_elem(v, i, 8));
}

static inline float fb_vec_f32(fb_vec v, uint32_t i)
{
    return fb_f32(fb_elem(v, i, 4));
}

static inline double fb_vec_f64(fb_vec v, uint32_t i)
{
    return fb_f64(fb_elem(v, i, 8));
}

static inline bool fb_is_scalar(unsigned base)
{
    return base >= FB_UTYPE && base <= FB_F64;
}

static inline bool fb_is_signed(unsigned base)
{
    return base == FB_I8 || base == FB_I16 || base == FB_I32 || base == FB_I64;
}

static inline bool fb_is_float(unsigned base)
{
    return base == FB_F32 || base == FB_F64;
}

static inline bool fb_is_ref(const fb_field *f)
{
    return f->base == FB_STRING || f->base == FB_VECTOR || f->base == FB_UNION ||
           (f->base == FB_OBJECT && !f->type->is_struct);
}

// Bytes of a scalar.
static inline uint32_t fb_scalar_size(unsigned base)
{
    static const uint8_t size[] = {0, 1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
    assert(fb_is_scalar(base));
    return size[base];
}

// A scalar of any kind in 64 bits: signed ones sign-extended, floats as their bits.
static inline uint64_t fb_load(const uint8_t *p, unsigned base)
{
    bool is_signed = fb_is_signed(base);
    uint32_t size = fb_scalar_size(base);
    if (size == 8) return fb_u64(p);
    if (size == 4) return is_signed ? (uint64_t)(int32_t)fb_u32(p) : fb_u32(p);
    if (size == 2) return is_signed ? (uint64_t)(int16_t)fb_u16(p) : fb_u16(p);
    return is_signed ? (uint64_t)(int8_t)*p : *p;
}

// The enum's row for a value, NULL when unknown.
static inline const fb_enum_value *fb_enum_find(const fb_enum *e, int64_t value)
{
    if (value >= 0 && value < e->n && e->values[value].value == value) return &e->values[value];
    for (uint32_t i = 0; i < e->n; i++)
        if (e->values[i].value == value) return &e->values[i];
    return NULL;
}

// Name of an enum's value, "" when unknown.
static inline const char *fb_enum_name(const fb_enum *e, int64_t value)
{
    const fb_enum_value *v = fb_enum_find(e, value);
    return v ? v->name : "";
}

#endif
