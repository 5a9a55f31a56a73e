// fb_json_parse.h - JSON text becomes a table, in one pass straight into a builder.
#ifndef KITH_CORE_FB_JSON_PARSE_H
#define KITH_CORE_FB_JSON_PARSE_H

#include "core/fb.h"
#include "core/fb_build.h"

enum { FB_JSON_DEPTH_MAX = 32, FB_JSON_KEYS_MAX = 1024 };

#define FB_JSON_CODES(X)                                                                         \
    X(FB_JSON_OK, "ok")                                                                          \
    X(FB_JSON_SYNTAX, "syntax")               /* not JSON */                                     \
    X(FB_JSON_UNKNOWN_FIELD, "unknown_field") /* or a hidden or deprecated one */                \
    X(FB_JSON_DUPLICATE, "duplicate")         /* the same key twice */                           \
    X(FB_JSON_WRONG_TYPE, "wrong_type")       /* a string for a number, a malformed time ... */  \
    X(FB_JSON_OUT_OF_RANGE, "out_of_range")                                                      \
    X(FB_JSON_TOO_LONG, "too_long")           /* err->max says how long it may be */             \
    X(FB_JSON_BAD_UTF8, "bad_utf8")           /* also a lone surrogate */                        \
    X(FB_JSON_TOO_DEEP, "too_deep")                                                              \
    X(FB_JSON_MISSING, "missing")             /* a required field */                             \
    X(FB_JSON_NO_SPACE, "no_space")           /* the builder's memory is full */                 \
    X(FB_JSON_BAD_ENUM, "bad_enum")                                                              \
    X(FB_JSON_CONFLICT, "conflict")           /* two names of one field with different values */

#define FB_JSON_CODE(code, text) code,
typedef enum fb_json_code { FB_JSON_CODES(FB_JSON_CODE) FB_JSON_CODE_COUNT } fb_json_code;
#undef FB_JSON_CODE

typedef struct fb_json_error {
    fb_json_code code;
    uint32_t offset;   // byte of the text
    uint32_t max;      // for FB_JSON_TOO_LONG: code points, elements or keys allowed
    char pointer[192]; // RFC 6901 pointer to the value at fault, cut after a whole part when long
} fb_json_error;

// Reads n bytes of text as an object of this type. Strict RFC 8259; unknown fields are refused;
// null means absent. Gives 0 with *err set when refused: the builder is then only good for fb_init.
// Inside a raw_json field syntax is checked, but keys may repeat.
fb_ref fb_json_parse(fb_builder *b, const char *s, size_t n, const fb_type *type,
                     fb_json_error *err);

// "unknown_field" for FB_JSON_UNKNOWN_FIELD, and so on. Static memory.
const char *fb_json_code_name(fb_json_code code);

// Whether n bytes are one JSON value, within the same limits of depth and keys.
bool fb_json_valid(const char *s, size_t n);

// An RFC 3339 time in milliseconds since 1970; what is finer is cut off. FB_JSON_OK,
// FB_JSON_WRONG_TYPE (no such form) or FB_JSON_OUT_OF_RANGE (no such time, or before 1970).
fb_json_code fb_parse_time(const char *s, size_t n, uint64_t *ms);

// A JSON number as a double; false when it is not finite. Only declared here, as fb_print_float is.
bool fb_parse_float(const char *s, size_t n, double *v);

#endif
