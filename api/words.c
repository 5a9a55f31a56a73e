// Above ASCII everything counts as a letter but what is known as punctuation, symbol or emoji:
// scripts are many, and a tag in any of them is a tag.
#include "api/words.h"

#include <string.h>

#include "core/language.h"

// Ranges that no tag holds, ascending.
static const struct { uint32_t first, last; } outside[] = {
    {0x80, 0xa9}, {0xab, 0xb4}, {0xb6, 0xb9}, {0xbb, 0xbf}, {0xd7, 0xd7}, {0xf7, 0xf7},
    {0x37e, 0x37e}, {0x387, 0x387}, {0x55a, 0x55f}, {0x589, 0x58a}, {0x5be, 0x5be},
    {0x5c0, 0x5c0}, {0x5c3, 0x5c3}, {0x5c6, 0x5c6}, {0x5f3, 0x5f4}, {0x600, 0x60f},
    {0x61b, 0x61f}, {0x66a, 0x66d}, {0x6d4, 0x6d4}, {0x964, 0x965}, {0xe3f, 0xe3f},
    {0xe4f, 0xe4f}, {0xe5a, 0xe5b}, {0x1680, 0x1680}, {0x2000, 0x200b}, {0x200e, 0x206f},
    {0x20a0, 0x20cf}, {0x2100, 0x2bff}, {0x2e00, 0x2e7f}, {0x3000, 0x3004}, {0x3008, 0x3020},
    {0x3030, 0x3030}, {0x303d, 0x303f}, {0x30a0, 0x30a0}, {0x30fb, 0x30fb}, {0xe000, 0xf8ff},
    {0xfe00, 0xfe6f}, {0xff00, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff40}, {0xff5b, 0xff65},
    {0xffe0, 0xffff}, {0x1f000, 0x1faff}, {0xe0000, 0x10ffff},
};

static bool is_letter(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '_';
    for (size_t i = 0; i < sizeof outside / sizeof *outside && c >= outside[i].first; i++)
        if (c <= outside[i].last)
            return false;
    return true;
}

// The code point at s[at] and its bytes; the text is known to be UTF-8.
static uint32_t point_at(const char *s, size_t at, size_t n, size_t *bytes)
{
    const uint8_t *p = (const uint8_t *)s + at;
    uint32_t c = p[0];
    size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    if (at + more >= n)
        more = 0;
    *bytes = more + 1;
    if (more > 0)
        c &= 0x3fu >> more;
    for (size_t i = 1; i <= more; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

// Bytes of letters from `at` on.
static size_t run_of_letters(const char *s, size_t at, size_t n, uint32_t *points)
{
    size_t end = at, bytes;
    for (*points = 0; end < n && is_letter(point_at(s, end, n, &bytes)); end += bytes)
        ++*points;
    return end - at;
}

bool word_is_tag(struct word w)
{
    uint32_t points;
    return w.n > 0 && run_of_letters(w.s, 0, w.n, &points) == w.n && points <= TAG_POINTS_MAX;
}

static bool is_name(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.';
}

// A name does not end with the full stop of its sentence.
static size_t run_of_name(const char *s, size_t at, size_t n)
{
    size_t end = at;
    while (end < n && is_name(s[end]))
        end++;
    while (end > at && s[end - 1] == '.')
        end--;
    return end - at;
}

// Most texts have none of what is looked for.
static bool has_sign(const char *s, size_t n, char sign)
{
    return n > 0 && memchr(s, sign, n) != NULL;
}

unsigned words_hashtags(const char *s, size_t n, struct word *out, unsigned max)
{
    unsigned found = 0;
    bool after_letter = false;
    if (!has_sign(s, n, '#'))
        return 0;
    for (size_t at = 0, bytes; at < n && found < max; at += bytes) {
        uint32_t c = point_at(s, at, n, &bytes), points;
        if (c == '#' && !after_letter) {
            size_t tag = run_of_letters(s, at + 1, n, &points);
            if (tag > 0 && points <= TAG_POINTS_MAX)
                out[found++] = (struct word){s + at + 1, (uint32_t)tag};
            bytes += tag;
            after_letter = true;
        } else {
            after_letter = is_letter(c) || c == '&'; // "&#39;" is no tag
        }
    }
    return found;
}

unsigned words_mentions(const char *s, size_t n, struct word *out, unsigned max)
{
    unsigned found = 0;
    bool after_letter = false;
    if (!has_sign(s, n, '@'))
        return 0;
    for (size_t at = 0, bytes; at < n && found < max; at += bytes) {
        uint32_t c = point_at(s, at, n, &bytes);
        if (c == '@' && !after_letter) {
            size_t name = run_of_name(s, at + 1, n);
            if (name > 0 && name <= NAME_BYTES_MAX)
                out[found++] = (struct word){s + at + 1, (uint32_t)name};
            bytes += name;
            after_letter = true;
        } else {
            after_letter = is_letter(c) || c == '.';
        }
    }
    return found;
}

uint32_t word_fold(char *out, struct word w)
{
    return language_fold((struct language_text){w.s, w.n}, out, TAG_BYTES_MAX);
}

bool word_same(struct word a, struct word b)
{
    char x[TAG_BYTES_MAX], y[TAG_BYTES_MAX];
    uint32_t n = word_fold(x, a);
    return word_fold(y, b) == n && memcmp(x, y, n) == 0;
}

static struct word trimmed(struct word w)
{
    while (w.n > 0 && w.s[w.n - 1] == ' ')
        w.n--;
    while (w.n > 0 && w.s[0] == ' ') {
        w.s++;
        w.n--;
    }
    return w;
}

void split_name(struct word full, struct word *first, struct word *last)
{
    full = trimmed(full);
    uint32_t space = full.n;
    while (space > 0 && full.s[space - 1] != ' ')
        space--;
    uint32_t at = space > 0 ? space : full.n;
    *first = trimmed((struct word){full.s, at});
    *last = (struct word){full.s + at, full.n - at};
}
