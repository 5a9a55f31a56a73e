// Text that grows: for what is made rarely, at the start or for the operator.
#ifndef KITH_API_TEXT_H
#define KITH_API_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *s;                   // malloc'd, NUL-terminated; NULL = empty
    size_t n, cap;
    bool failed;               // no memory: what was added since is missing
};

void text_free(struct text *t);
void text_bytes(struct text *t, const char *s, size_t n);
void text_add(struct text *t, const char *s);
void text_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
// As a JSON string, with its quotes.
void text_json(struct text *t, const char *s, size_t n);

#endif
