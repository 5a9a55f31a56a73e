// What stands in a text: hashtags, mentions; and the parts of a name.
#ifndef KITH_API_WORDS_H
#define KITH_API_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word { const char *s; uint32_t n; };

enum { TAG_POINTS_MAX = 100, TAG_BYTES_MAX = 4 * TAG_POINTS_MAX, NAME_BYTES_MAX = 50 };

// The tags ("#sunset" gives "sunset") of n bytes of UTF-8, at most max, in order, repeats included.
// A tag is letters, digits and '_'; it begins where no such character stands before its '#'.
unsigned words_hashtags(const char *s, size_t n, struct word *out, unsigned max);
// The names ("@jane" gives "jane") that could be usernames.
unsigned words_mentions(const char *s, size_t n, struct word *out, unsigned max);
// Whether all of it is one tag.
bool word_is_tag(struct word w);
// As tags are kept: without regard to case, accents coded in one way. Writes at most TAG_BYTES_MAX
// bytes and gives their number.
uint32_t word_fold(char *out, struct word w);
// The same but for that.
bool word_same(struct word a, struct word b);
// Splits a full name at its last space; one word is a first name.
void split_name(struct word full, struct word *first, struct word *last);

#endif
