// The only place that knows utf8proc and libstemmer. A stemmer has a buffer of its own, so every
// thread has its own stemmers; they are made at the first word of their language, and all of them
// together take 18 KB.
#include "core/language.h"

#include <libstemmer.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/assert.h"
#include "core/stop_words.h"

// ---- letters -----------------------------------------------------------------------------------

// Scripts that are written without spaces; marks among them are told by their category.
static const struct { uint32_t first, last; } alone[] = {
    {0x0e00, 0x0eff}, {0x1000, 0x109f}, {0x1780, 0x17ff}, {0x3040, 0x309f}, {0x3400, 0x4dbf},
    {0x4e00, 0x9fff}, {0xf900, 0xfaff}, {0x20000, 0x3ffff},
};

static bool is_alone(uint32_t c)
{
    for (unsigned i = 0; i < sizeof alone / sizeof *alone && c >= alone[i].first; i++)
        if (c <= alone[i].last) return true;
    return false;
}

enum letter language_letter(uint32_t c)
{
    if (c < 0x80) return language_ascii((uint8_t)c);
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    if (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME) return LETTER_mark;
    bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
    bool number = category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
    if (!letter && !number) return LETTER_none;
    return is_alone(c) ? LETTER_alone : LETTER_word;
}

// ---- folding -----------------------------------------------------------------------------------

static bool is_ascii(struct language_text w)
{
    uint8_t all = 0;
    for (uint32_t i = 0; i < w.n; i++) all |= (uint8_t)w.s[i];
    return all < 0x80;
}

static uint32_t fold_ascii(struct language_text w, char *out, uint32_t room)
{
    uint32_t n = w.n < room ? w.n : room;
    for (uint32_t i = 0; i < n; i++) {
        char c = w.s[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return n;
}

enum { FOLD_MAX = 400, POINTS = 1024 };  // bytes of a word that count, and what they unfold to

uint32_t language_fold(struct language_text w, char *out, uint32_t room)
{
    if (is_ascii(w)) return fold_ascii(w, out, room);
    utf8proc_int32_t point[POINTS];
    uint32_t bytes = w.n < FOLD_MAX ? w.n : FOLD_MAX;
    // A word that is cut is cut between two points.
    while (bytes < w.n && bytes > 0 && ((uint8_t)w.s[bytes] & 0xc0) == 0x80) bytes--;
    utf8proc_option_t folding = UTF8PROC_CASEFOLD | UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)w.s, (utf8proc_ssize_t)bytes,
                                            point, POINTS, folding);
    if (n < 0 || n > POINTS) return 0;
    n = utf8proc_normalize_utf32(point, n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    uint32_t to = 0;
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        utf8proc_uint8_t one[4];
        uint32_t some = (uint32_t)utf8proc_encode_char(point[i], one);
        if (to + some > room) break;
        memcpy(out + to, one, some);
        to += some;
    }
    return to;
}

// What is no I of other languages is put in its place; folding leaves both as they are.
static uint32_t turkish(struct language_text w, char *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w.n && n <= FOLD_MAX; i++) {
        bool dotted = i + 1 < w.n && memcmp(w.s + i, "\u0130", 2) == 0;
        if (w.s[i] == 'I') {
            memcpy(out + n, "\u0131", 2);
            n += 2;
        } else {
            out[n++] = dotted ? 'i' : w.s[i];
            i += dotted;
        }
    }
    return n;
}

uint32_t language_fold_in(enum language l, struct language_text w, char *out, uint32_t room)
{
    char other[FOLD_MAX + 2];
    if (l == LANGUAGE_turkish) w = (struct language_text){other, turkish(w, other)};
    return language_fold(w, out, room);
}

// ---- words that say nothing ---------------------------------------------------------------------

static int compare(const char *known, struct language_text w)
{
    size_t n = strlen(known);
    int c = memcmp(known, w.s, n < w.n ? n : w.n);
    return c != 0 ? c : n < w.n ? -1 : n > w.n;
}

bool language_stop(enum language l, struct language_text w)
{
    const struct stop_words *list = &stop_words[l];
    size_t lo = 0, hi = list->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare(list->word[mid], w);
        if (c == 0) return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

// ---- stems -------------------------------------------------------------------------------------

static const char *const names[LANGUAGES] = {
#define LANGUAGE(number, algorithm, tags) [number] = #algorithm,
#include "core/languages.def"
#undef LANGUAGE
};

struct stemmers { struct sb_stemmer *of[LANGUAGES]; };

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static _Thread_local struct stemmers *own;

static void free_stemmers(void *p)
{
    struct stemmers *s = p;
    for (unsigned l = 0; l < LANGUAGES; l++)
        if (s->of[l] != NULL) sb_stemmer_delete(s->of[l]);
    free(s);
    own = NULL;
}

// The main thread ends with the process, without its keys' destructors.
static void free_at_exit(void)
{
    if (own != NULL) free_stemmers(own);
}

static void make_key(void)
{
    int error = pthread_key_create(&key, free_stemmers);
    ASSERT(error == 0);
    atexit(free_at_exit);
}

static struct sb_stemmer *stemmer_of(enum language l)
{
    if (own == NULL) {
        pthread_once(&key_once, make_key);
        own = calloc(1, sizeof *own);
        ASSERT(own != NULL);
        pthread_setspecific(key, own);
    }
    if (own->of[l] == NULL) own->of[l] = sb_stemmer_new(names[l], "UTF_8");
    ASSERT(own->of[l] != NULL);
    return own->of[l];
}

uint32_t language_stem(enum language l, struct language_text w, char *out, uint32_t room)
{
    struct language_text stem = w;
    ASSERT(l < LANGUAGES);
    if (l != LANGUAGE_none) {
        struct sb_stemmer *s = stemmer_of(l);
        stem.s = (const char *)sb_stemmer_stem(s, (const sb_symbol *)w.s, (int)w.n);
        ASSERT(stem.s != NULL);
        stem.n = (uint32_t)sb_stemmer_length(s);
        if (stem.n == 0) stem = w;
    }
    uint32_t n = stem.n < room ? stem.n : room;
    memcpy(out, stem.s, n);
    return n;
}
