// Searches for people (search.h). An item's stamp is its class and, where similarity orders, how
// similar it is in thousandths:
//
//   | class 8 | 0 | thousandths 16 |
#include <string.h>

#include "core/graph.h"
#include "kith_fb.h"
#include "store/hunt.h"
#include "store/names.h"
#include "store/record.h"
#include "store/search_parts.h"
#include "store/store.h"
#include "store/trigrams.h"

enum rank_class {
    CLASS_none, CLASS_SIMILAR, CLASS_BIO, CLASS_INFIX, CLASS_WORDS, CLASS_PREFIX, CLASS_EXACT,
};
enum { CLASS_SHIFT = 56, NAMES_BYTES = 3 * TERM_MAX + 2, INFIX_POINTS = 3 };

struct folded { uint32_t n; char text[NAMES_BYTES]; };

// Two hunts on the shard's scratch: by names, and by the bio.
struct people {
    struct shard *s;
    const struct search_read *what;
    struct page *page;
    struct folded query;
    uint32_t query_points;
    struct trigrams grams;
    struct hunts names, bio;
};

static struct language_text of_folded(const struct folded *f)
{
    return (struct language_text){f->text, f->n};
}

// ---- one person ---------------------------------------------------------------------------------

static void fold_more(struct folded *to, const char *s, uint32_t n)
{
    if (to->n > 0 && n > 0 && to->n < NAMES_BYTES) to->text[to->n++] = ' ';
    uint32_t room = NAMES_BYTES - to->n;
    to->n += language_fold((struct language_text){s, n}, to->text + to->n,
                           room < TERM_MAX ? room : TERM_MAX);
}

struct names { struct folded user, full; };

static void names_of_user(const struct user *u, struct names *out)
{
    uint32_t n;
    const char *s = user_string(u, USER_username, &n);
    out->user.n = out->full.n = 0;
    fold_more(&out->user, s, n);
    s = user_string(u, USER_first, &n);
    fold_more(&out->full, s, n);
    s = user_string(u, USER_last, &n);
    fold_more(&out->full, s, n);
}

static bool stands_in(const struct folded *f, const struct folded *in)
{
    for (uint32_t i = 0; i + f->n <= in->n; i++)
        if (memcmp(in->text + i, f->text, f->n) == 0) return true;
    return false;
}

static bool words_stand(const struct people *x, const struct names *n)
{
    struct folded both = n->user;
    fold_more(&both, n->full.text, n->full.n);
    return words_begin(of_folded(&x->query), of_folded(&both));
}

static uint32_t similar(const struct people *x, const struct folded *name)
{
    struct trigrams grams = {0};
    trigrams_add(&grams, of_folded(name), TRIGRAMS_WHOLE);
    uint32_t shared = trigrams_shared(&x->grams, &grams), all = x->grams.n + grams.n - shared;
    return all > 0 && shared * 10 >= all * 3 ? shared * 1000 / all : 0;
}

// The class of a person for this query, and the stamp of it.
static uint64_t judge(struct people *x, const struct user *u)
{
    struct names n;
    names_of_user(u, &n);
    const struct folded *q = &x->query;
    enum rank_class class = CLASS_none;
    bool begins = n.user.n >= q->n && memcmp(n.user.text, q->text, q->n) == 0;
    if (begins)
        class = n.user.n == q->n ? CLASS_EXACT : CLASS_PREFIX;
    else if (words_stand(x, &n))
        class = CLASS_WORDS;
    else if (x->query_points >= INFIX_POINTS && (stands_in(q, &n.user) || stands_in(q, &n.full)))
        class = CLASS_INFIX;
    else if (hunts_have(&x->bio, u->o.id))
        class = CLASS_BIO;
    if (class != CLASS_none) return (uint64_t)class << CLASS_SHIFT;
    uint32_t by_user = similar(x, &n.user), by_full = similar(x, &n.full);
    uint32_t score = by_user > by_full ? by_user : by_full;
    return score > 0 ? (uint64_t)CLASS_SIMILAR << CLASS_SHIFT | score : 0;
}

static uint64_t judge_id(struct people *x, uint64_t id)
{
    const struct object *o = record_find(store_part(x->s->store, id_slot(id)), id);
    const struct user *u = object_user(o);
    return u != NULL ? judge(x, u) : 0;
}

// ---- class by class -----------------------------------------------------------------------------

static const struct postings *name_postings(const struct people *x, const uint64_t *gram)
{
    struct index_place at = {.kind = INDEX_name, .term = trigram_key(gram)};
    return index_find(x->s, at);
}

// A single hunt, on the first part of the scratch.
static void begin_names(struct people *x)
{
    hunts_begin(&x->names);
    hunt_begin(&x->names.hunt[0], x->s->scratch, HUNT_LISTS);
    hunts_share(&x->names);
}

static void want_gram(struct people *x, uint64_t gram)
{
    hunt_in(&x->names.hunt[0], name_postings(x, &gram));
}

// Those whose names may be of the class: a username that begins so is looked for by its beginning,
// or all whose first name it is would be looked at.
static void want_names(struct people *x, enum rank_class class)
{
    struct trigrams grams = {0};
    enum trigram_ends ends = class == CLASS_EXACT   ? TRIGRAMS_WHOLE
                             : class == CLASS_INFIX ? TRIGRAMS_INFIX
                                                    : TRIGRAMS_PREFIXES;
    trigrams_add(&grams, of_folded(&x->query), ends);
    begin_names(x);
    if (class >= CLASS_PREFIX) want_gram(x, trigram_of_begin(of_folded(&x->query)));
    for (uint32_t i = 0; i < grams.n; i++) want_gram(x, grams.gram[i]);
}

// The words of the query as the language of each bio has them.
static void want_bio(struct people *x)
{
    struct terms *words = &x->s->index->other;
    struct posting_walk *behind = (struct posting_walk *)x->s->scratch + HUNT_LISTS;
    struct search_room room = search_room(x->s, behind, INDEX_bio);
    hunts_begin(&x->bio);
    for (unsigned l = 0; l < LANGUAGES; l++) {
        if (!(room.spoken >> l & 1)) continue;
        terms_clear(words);
        terms_add(words, x->what->query, (enum language)l);
        struct hunt *h = search_hunt(&x->bio, room);
        search_words(x->s, h, (struct search_words){INDEX_bio, (enum language)l, words});
        if (h->n > 0 && !h->nowhere) hunts_share(&x->bio);
    }
}

// Those of a class in the order of ids. What the index offers may be of a better class, or none.
static void read_class(struct people *x, enum rank_class class, struct hunts *h)
{
    uint64_t stamp = (uint64_t)class << CLASS_SHIFT;
    uint64_t before = x->what->before_stamp == stamp ? x->what->before : 0;
    uint64_t id = hunts_next(h, before);
    for (; id != 0 && x->page->next == 0; id = hunts_next(h, id))
        if (judge_id(x, id) == stamp) search_take(x->page, id, stamp);
    if (x->page->next == 0 && h->stopped != 0) search_stopped(x->page, h->stopped, stamp);
}

// Who is similar enough shares three tenths of the query's trigrams at least.
static void read_similar(struct people *x)
{
    struct page_item last = {x->what->before, x->what->before_stamp};
    begin_names(x);
    struct hunt *names = &x->names.hunt[0];
    for (uint32_t i = 0; i < x->grams.n; i++) {
        const struct postings *p = name_postings(x, &x->grams.gram[i]);
        if (p != NULL) hunt_in(names, p);
    }
    uint32_t least = (x->grams.n * 3 + 9) / 10;
    uint64_t id = hunt_some(names, 0, least);
    for (; id != 0; id = hunt_some(names, id, least)) {
        struct page_item item = {id, judge_id(x, id)};
        if (item.stamp >> CLASS_SHIFT != CLASS_SIMILAR) continue;
        if (last.stamp == 0 || page_ranked(NULL, last, item)) page_keep(x->page, item);
    }
    if (x->page->next == 0) return;
    x->page->next = x->page->item[x->page->n - 1].id;
    x->page->next_stamp = x->page->item[x->page->n - 1].stamp;
}

static void trim(struct language_text *t)
{
    while (t->n > 0 && t->s[0] == ' ') {
        t->s++;
        t->n--;
    }
    while (t->n > 0 && t->s[t->n - 1] == ' ') t->n--;
}

void search_users(struct shard *s, const struct search_read *what, struct page *page)
{
    struct people x = {.s = s, .what = what, .page = page};
    struct language_text text = what->query;
    trim(&text);
    if (text.n > 0 && text.s[0] == '@') text = (struct language_text){text.s + 1, text.n - 1};
    fold_more(&x.query, text.s, text.n);
    for (uint32_t i = 0; i < x.query.n; i++)
        x.query_points += ((uint8_t)x.query.text[i] & 0xc0) != 0x80;
    trigrams_add(&x.grams, of_folded(&x.query), TRIGRAMS_WHOLE);
    want_bio(&x);
    uint64_t from = what->before_stamp >> CLASS_SHIFT;
    if (x.query.n == 0) return;
    for (enum rank_class class = CLASS_EXACT; class > CLASS_none && page->next == 0; class--) {
        if (from != 0 && class > from) continue;
        if (class == CLASS_SIMILAR) {
            read_similar(&x);
            continue;
        }
        want_names(&x, class);
        bool infix = class == CLASS_INFIX && x.query_points < INFIX_POINTS;
        if (!infix) read_class(&x, class, class == CLASS_BIO ? &x.bio : &x.names);
    }
}
