#include "bench/queries.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/fb_verify.h"
#include "core/hash.h"

enum { WORDS_MAX = 64 };       // of a text that are drawn from

// ---- words -------------------------------------------------------------------------------------

// The character at *at of valid UTF-8; moves behind it.
static uint32_t next_point(struct language_text text, uint32_t *at)
{
    uint8_t lead = (uint8_t)text.s[(*at)++];
    if (lead < 0x80)
        return lead;
    unsigned more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    uint32_t point = lead & (0x3fu >> more);
    for (; more > 0 && *at < text.n; more--)
        point = point << 6 | ((uint8_t)text.s[(*at)++] & 0x3f);
    return point;
}

struct language_text queries_word(struct language_text text, uint32_t *at)
{
    while (*at < text.n) {
        uint32_t begin = *at, end;
        if (language_letter(next_point(text, at)) != LETTER_word)
            continue;
        for (end = *at; *at < text.n; end = *at) {
            enum letter l = language_letter(next_point(text, at));
            if (l != LETTER_word && l != LETTER_mark)
                break;
        }
        *at = end;
        return (struct language_text){text.s + begin, end - begin};
    }
    return (struct language_text){NULL, 0};
}

// The next word that is worth a search, folded, in out[QUERY_WORD_MAX]; its length, 0 at the end.
static uint32_t next_searched(struct language_text text, uint32_t *at, char *out)
{
    struct language_text w;
    while ((w = queries_word(text, at)).n > 0) {
        if (w.n < QUERY_WORD_MIN || w.n > QUERY_WORD_MAX / 2)
            continue;
        uint32_t n = language_fold(w, out, QUERY_WORD_MAX);
        if (!language_stop(LANGUAGE_english, (struct language_text){out, n}))
            return n;
    }
    return 0;
}

// ---- what there is -----------------------------------------------------------------------------

static void add_place(struct query_places *p, struct query_place one)
{
    if (p->n == p->cap) {
        p->cap = 2 * p->cap + 1024;
        p->place = realloc(p->place, p->cap * sizeof *p->place);
        ASSERT(p->place != NULL);
    }
    p->place[p->n++] = one;
}

static struct query_place add_bytes(struct queries *q, const char *s, size_t n)
{
    if (q->n + n > q->cap) {
        q->cap = 2 * q->cap + n + 4096;
        q->bytes = realloc(q->bytes, q->cap);
        ASSERT(q->bytes != NULL);
    }
    memcpy(q->bytes + q->n, s, n);
    q->n += n;
    return (struct query_place){q->n - n, (uint32_t)n};
}

static struct language_text text_at(const struct queries *q, struct query_place p)
{
    return (struct language_text){q->bytes + p.at, p.n};
}

static uint32_t *known_cell(const struct queries *q, struct language_text w)
{
    uint64_t at = hash64(w.s, w.n, 1);
    for (;; at++) {
        uint32_t *cell = &q->known[at & (q->known_cap - 1)];
        if (*cell == 0)
            return cell;
        struct query_place p = q->word.place[*cell - 1];
        if (p.n == w.n && memcmp(q->bytes + p.at, w.s, w.n) == 0)
            return cell;
    }
}

static void grow_known(struct queries *q)
{
    free(q->known);
    q->known_cap = q->known_cap > 0 ? 2 * q->known_cap : 1 << 12;
    q->known = calloc(q->known_cap, sizeof *q->known);
    ASSERT(q->known != NULL);
    for (uint32_t i = 0; i < q->word.n; i++)
        *known_cell(q, text_at(q, q->word.place[i])) = i + 1;
}

static void add_word(struct queries *q, struct language_text w)
{
    if (2 * (q->word.n + 1) > q->known_cap)
        grow_known(q);
    uint32_t *cell = known_cell(q, w);
    if (*cell != 0)
        return;
    add_place(&q->word, add_bytes(q, w.s, w.n));
    *cell = q->word.n;
}

void queries_add_text(struct queries *q, const char *s, size_t n)
{
    char word[QUERY_WORD_MAX];
    uint32_t points, at = 0, words = 0;
    if (n > UINT32_MAX || !fb_utf8(s, n, &points))
        return;
    struct language_text text = {s, (uint32_t)n};
    for (uint32_t got; (got = next_searched(text, &at, word)) > 0; words++)
        add_word(q, (struct language_text){word, got});
    q->text_bytes += n;
    if (words > 0)
        add_place(&q->text, add_bytes(q, s, n));
}

void queries_add_name(struct queries *q, const char *s, size_t n)
{
    if (n >= QUERY_PREFIX_MIN)
        add_place(&q->name, add_bytes(q, s, n));
}

void queries_free(struct queries *q)
{
    free(q->bytes);
    free(q->text.place);
    free(q->name.place);
    free(q->word.place);
    free(q->known);
    *q = (struct queries){0};
}

// ---- drawing -----------------------------------------------------------------------------------

static uint32_t pick(uint64_t random, uint64_t what, uint32_t n)
{
    return (uint32_t)(((hash_u64(random, what) >> 32) * n) >> 32);
}

static void put_word(struct query *out, const char *s, uint32_t n)
{
    if (out->n > 0)
        out->s[out->n++] = ' ';
    memcpy(out->s + out->n, s, n);
    out->n += n;
    out->s[out->n] = '\0';
}

void queries_draw_post(const struct queries *q, uint64_t random, struct query *out)
{
    static _Thread_local char word[WORDS_MAX][QUERY_WORD_MAX];
    uint32_t length[WORDS_MAX], n = 0, at = 0;
    ASSERT(q->text.n > 0);
    out->n = 0;
    if (pick(random, 1, 4) == 0) {
        struct language_text w = text_at(q, q->word.place[pick(random, 2, q->word.n)]);
        put_word(out, w.s, w.n);
        return;
    }
    struct language_text text = text_at(q, q->text.place[pick(random, 3, q->text.n)]);
    while (n < WORDS_MAX && (length[n] = next_searched(text, &at, word[n])) > 0)
        n++;
    uint32_t first = pick(random, 4, n), second = pick(random, 5, n);
    put_word(out, word[first], length[first]);
    if (pick(random, 6, 3) > 0 && second != first)
        put_word(out, word[second], length[second]);
}

void queries_draw_user(const struct queries *q, uint64_t random, struct query *out)
{
    ASSERT(q->name.n > 0);
    struct language_text name = text_at(q, q->name.place[pick(random, 7, q->name.n)]);
    uint32_t n = QUERY_PREFIX_MIN + pick(random, 8, QUERY_PREFIX_MAX - QUERY_PREFIX_MIN + 1);
    out->n = 0;
    put_word(out, name.s, n < name.n ? n : name.n);
}

// ---- judging -----------------------------------------------------------------------------------

static uint32_t stem(struct language_text word, char *out)
{
    char folded[QUERY_MAX];
    uint32_t n = language_fold(word, folded, sizeof folded);
    return language_stem(LANGUAGE_english, (struct language_text){folded, n}, out, QUERY_MAX);
}

static bool stands_in(struct language_text word, struct language_text text)
{
    char want[QUERY_MAX], got[QUERY_MAX];
    uint32_t at = 0, n = stem(word, want);
    for (struct language_text w; (w = queries_word(text, &at)).n > 0;)
        if (stem(w, got) == n && memcmp(want, got, n) == 0)
            return true;
    return false;
}

bool queries_match(const struct query *query, struct language_text text)
{
    uint32_t at = 0;
    for (struct language_text w; (w = queries_word((struct language_text){query->s, query->n},
                                                   &at)).n > 0;)
        if (!stands_in(w, text))
            return false;
    return true;
}
