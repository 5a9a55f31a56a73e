// A growing piece of text, and JSON written into it.
#ifndef KITH_TOOLS_KITH_STRING_H
#define KITH_TOOLS_KITH_STRING_H

#include <stdbool.h>
#include <stddef.h>

struct string {
    char *s;        // NUL-terminated once anything was added; owned
    size_t n, cap;
};

void string_free(struct string *t);
void string_clear(struct string *t);
// Room for n bytes more behind t->n.
char *string_room(struct string *t, size_t n);
void string_add(struct string *t, const char *s, size_t n);
void string_adds(struct string *t, const char *s);
void string_format(struct string *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The bytes as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void string_json(struct string *t, const char *s, size_t n);
// All of a stream. false on a read error.
bool string_read(struct string *t, int fd);
// The bytes as valid UTF-8: what is not becomes U+FFFD.
void string_utf8(struct string *t, const char *s, size_t n);

#endif
