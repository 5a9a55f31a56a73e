#include "tools/kith_string.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"

void string_free(struct string *t)
{
    free(t->s);
    *t = (struct string){0};
}

void string_clear(struct string *t)
{
    t->n = 0;
    if (t->s != NULL)
        t->s[0] = '\0';
}

char *string_room(struct string *t, size_t n)
{
    if (t->n + n + 1 > t->cap) {
        size_t cap = t->cap * 2 > 256 ? t->cap * 2 : 256;
        while (cap < t->n + n + 1)
            cap *= 2;
        t->s = realloc(t->s, cap);
        ASSERT(t->s != NULL);
        t->cap = cap;
    }
    return t->s + t->n;
}

void string_add(struct string *t, const char *s, size_t n)
{
    char *to = string_room(t, n);
    if (n > 0)
        memcpy(to, s, n);
    t->n += n;
    t->s[t->n] = '\0';
}

void string_adds(struct string *t, const char *s)
{
    string_add(t, s, strlen(s));
}

void string_format(struct string *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    ASSERT(n >= 0);
    vsnprintf(string_room(t, (size_t)n), (size_t)n + 1, format, again);
    t->n += (size_t)n;
    va_end(args);
    va_end(again);
}

// Bytes of the UTF-8 sequence at s, 0 when it is not one.
static size_t utf8_length(const uint8_t *s, size_t n)
{
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    // Overlong forms, surrogates, and what lies above U+10FFFF.
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

void string_utf8(struct string *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length((const uint8_t *)s + i, n - i);
        if (length == 0)
            string_adds(t, "\xef\xbf\xbd");
        else
            string_add(t, s + i, length);
        i += length > 0 ? length : 1;
    }
}

void string_json(struct string *t, const char *s, size_t n)
{
    string_add(t, "\"", 1);
    for (size_t i = 0; i < n;) {
        uint8_t c = (uint8_t)s[i];
        if (c == '"' || c == '\\') {
            string_format(t, "\\%c", c);
            i++;
        } else if (c < 0x20) {
            string_format(t, "\\u%04x", c);
            i++;
        } else {
            size_t length = utf8_length((const uint8_t *)s + i, n - i);
            string_utf8(t, s + i, length > 0 ? length : 1);
            i += length > 0 ? length : 1;
        }
    }
    string_add(t, "\"", 1);
}

bool string_read(struct string *t, int fd)
{
    for (;;) {
        char *to = string_room(t, 64 << 10);
        ssize_t n = read(fd, to, 64 << 10);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            t->s[t->n] = '\0';
            return n == 0;
        }
        t->n += (size_t)n;
    }
}
