// Bounds and forms of fields beyond what the schema says: one table by type and field. Both
// protocols pass here, so a value that JSON could not bring in cannot come in as a table either.
#ifndef KITH_API_VALIDATE_H
#define KITH_API_VALIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/request.h"
#include "core/fb_json_parse.h"
#include "core/fb_verify.h"

// Judges a frame's payload: KITH_ok, or the refusal with its field in *fault.
enum kith_error validate_payload(const void *payload, uint32_t n, const fb_type *type,
                                 struct fault *fault);
// The refusal that a JSON error stands for.
enum kith_error validate_json(const fb_json_error *err, struct fault *fault);
// Judges the fields of a request's table, all the way down. now_ms: wall clock.
enum kith_error validate_table(const struct op_row *row, const void *table, uint64_t now_ms,
                               struct fault *fault);

// The forms by themselves.
bool valid_username(const char *s, size_t n);
bool valid_email(const char *s, size_t n);
bool valid_phone(const char *s, size_t n);
bool valid_url(const char *s, size_t n);
// "YYYY-MM-DD", a day that there is, not after the one of now_ms.
bool valid_date(const char *s, size_t n, uint64_t now_ms);
// Something else than white space.
bool has_content(const char *s, size_t n);

#endif
