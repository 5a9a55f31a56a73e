// Searches over texts (search.h).
#include "store/search.h"

#include <string.h>

#include "core/assert.h"
#include "core/graph.h"
#include "store/hunt.h"
#include "store/record.h"
#include "store/search_parts.h"
#include "store/store.h"

void search_take(struct page *page, uint64_t id, uint64_t stamp)
{
    if (page->n < page->want) {
        page->item[page->n++] = (struct page_item){id, stamp};
        return;
    }
    page->next = page->item[page->n - 1].id;
    page->next_stamp = page->item[page->n - 1].stamp;
}

void search_stopped(struct page *page, uint64_t from, uint64_t stamp)
{
    bool some = page->n > 0;
    page->next = some ? page->item[page->n - 1].id : from + 1;
    page->next_stamp = some ? page->item[page->n - 1].stamp : stamp;
}

void read_term(struct shard *s, const struct term_read *what, struct page *page)
{
    struct posting_walk *w = s->scratch;
    char folded[TERM_MAX];
    struct language_text term = {folded, language_fold(what->term, folded, TERM_MAX)};
    page->n = 0;
    page->next = 0;
    index_settle(s);
    posting_walk(w, index_find(s, (struct index_place){.kind = what->kind, .term = term}));
    uint64_t id = posting_below(w, what->before);
    for (; id != 0 && page->next == 0; id = posting_below(w, id)) search_take(page, id, 0);
}

// ---- what is asked of texts ---------------------------------------------------------------------

struct search_room search_room(const struct shard *s, struct posting_walk *room,
                               enum index_kind kind)
{
    struct search_room r = {.walk = room};
    const char *end = (const char *)s->scratch + SCRATCH_BYTES;
    uint32_t lists = (uint32_t)((size_t)(end - (const char *)room) / sizeof *room), spoken = 1;
    for (unsigned l = 0; l < LANGUAGES; l++) {
        if (!index_speaks(s, kind, (enum language)l)) continue;
        r.spoken |= 1u << l;
        spoken++;
    }
    r.lists = lists / spoken < HUNT_LISTS ? lists / spoken : HUNT_LISTS;
    return r;
}

struct hunt *search_hunt(struct hunts *all, struct search_room room)
{
    struct hunt *h = &all->hunt[all->n];
    ASSERT(all->n < HUNTS);
    hunt_begin(h, room.walk + (size_t)all->n * room.lists, room.lists);
    return h;
}

void search_words(const struct shard *s, struct hunt *h, struct search_words what)
{
    for (uint32_t i = 0; i < what.words->n; i++) {
        struct language_text term = {what.words->term[i].s, what.words->term[i].n};
        hunt_in(h, index_find(s, (struct index_place){what.kind, term, what.language}));
    }
}

// ---- what is asked for --------------------------------------------------------------------------

enum {
    PHRASES_MAX = 16,
    TAGS_MAX = 64,
    PHRASE_STEPS = 60,         // what reading a text anew counts as
};

struct phrase { uint32_t first, n; };   // of the words

// What is asked for, as a language has it, and where it is looked for: in the texts of each
// language by its own stems, so that whoever asks finds what the text's author would find.
struct query {
    const struct search_read *what;
    struct terms *words;
    unsigned in;                        // enum language of the words, LANGUAGES: not read yet
    uint32_t phrases, tags;
    struct phrase phrase[PHRASES_MAX];
    struct language_text tag[TAGS_MAX];
    struct hunts hunts;
    uint32_t bare;                      // which of them has tags alone, HUNTS = none
    struct posting_walk tagged;         // of a query of one word: posts that have it as a tag
};

static uint32_t tag_run(struct language_text t, uint32_t at)
{
    uint32_t from = at;
    while (at < t.n) {
        uint8_t c = (uint8_t)t.s[at];
        uint32_t word = at;
        struct language_text rest = {t.s + at, t.n - at};
        uint32_t end = 0;
        if (c == '_') {
            at++;
            continue;
        }
        struct language_text next = terms_word(rest, &end);
        if (next.n == 0 || next.s != t.s + word) break;
        at += next.n;
    }
    return at - from;
}

static void add_phrase(struct query *q, struct language_text text)
{
    struct phrase p = {q->words->n, 0};
    terms_add(q->words, text, (enum language)q->in);
    p.n = q->words->n - p.first;
    if (p.n > 1 && q->phrases < PHRASES_MAX) q->phrase[q->phrases++] = p;
}

static struct language_text part(struct language_text t, uint32_t from, uint32_t to)
{
    return (struct language_text){t.s + from, to - from};
}

// The end of what begins at `at` and is neither quoted nor a tag.
static uint32_t plain_run(struct language_text t, uint32_t at, bool tags)
{
    while (at < t.n && t.s[at] != '"' && !(tags && t.s[at] == '#')) at++;
    return at;
}

static void parse(struct query *q, struct language_text t, bool tags)
{
    for (uint32_t at = 0; at < t.n;) {
        uint32_t end = plain_run(t, at, tags);
        terms_add(q->words, part(t, at, end), (enum language)q->in);
        if (end == t.n) return;
        at = end + 1;
        if (t.s[end] == '"') {
            uint32_t close = plain_run(t, at, false);
            add_phrase(q, part(t, at, close));
            at = close + 1;
        } else {
            uint32_t run = tag_run(t, at);
            if (run > 0 && q->tags < TAGS_MAX) q->tag[q->tags++] = part(t, at, at + run);
            at += run;
        }
    }
}

// The words are those of this language from here on.
static void understand(struct query *q, unsigned language)
{
    if (q->in == language) return;
    q->in = language;
    q->phrases = q->tags = 0;
    terms_clear(q->words);
    parse(q, q->what->query, q->what->kind != SEARCH_comments);
}

static const struct postings *tag_postings(const struct shard *s, struct language_text tag)
{
    char folded[TERM_MAX];
    struct language_text f = {folded, language_fold(tag, folded, TERM_MAX)};
    return index_find(s, (struct index_place){.kind = INDEX_tag, .term = f});
}

// A query without spaces or signs may be a tag as it stands.
static void also_tagged(const struct shard *s, struct query *q, struct language_text t)
{
    while (t.n > 0 && t.s[0] == ' ') t = part(t, 1, t.n);
    while (t.n > 0 && t.s[t.n - 1] == ' ') t.n--;
    understand(q, LANGUAGE_english);
    bool one = t.n > 0 && tag_run(t, 0) == t.n && q->words->n > 0;
    posting_walk(&q->tagged, one ? tag_postings(s, t) : NULL);
}

// One more hunt, for the words that are understood and the tags.
static void add_hunt(struct shard *s, struct query *q, struct search_room room)
{
    enum index_kind kind = q->what->kind == SEARCH_comments ? INDEX_comment : INDEX_post;
    struct hunt *h = search_hunt(&q->hunts, room);
    search_words(s, h, (struct search_words){kind, (enum language)q->in, q->words});
    for (uint32_t i = 0; i < q->tags; i++) hunt_in(h, tag_postings(s, q->tag[i]));
    if (h->n > 0 && !h->nowhere) hunts_share(&q->hunts);
}

// Texts in whose language the query has no word have all of its words: their tags are looked at.
static bool is_bare(struct query *q)
{
    bool bare = false;
    for (unsigned l = 0; l < LANGUAGES && q->tags > 0 && !bare; l++) {
        understand(q, l);
        bare = q->words->n == 0;
    }
    return bare;
}

static void begin(struct shard *s, struct query *q, const struct search_read *what)
{
    bool posts = what->kind != SEARCH_comments;
    q->what = what;
    q->words = &s->index->other;
    q->in = LANGUAGES;
    q->bare = HUNTS;
    hunts_begin(&q->hunts);
    posting_walk(&q->tagged, NULL);
    struct search_room room = search_room(s, s->scratch, posts ? INDEX_post : INDEX_comment);
    for (unsigned l = 0; l < LANGUAGES; l++) {
        if (!(room.spoken >> l & 1)) continue;
        understand(q, l);
        if (q->words->n > 0) add_hunt(s, q, room);
    }
    understand(q, LANGUAGE_english);
    if (is_bare(q)) {
        q->bare = q->hunts.n;
        add_hunt(s, q, room);
    }
    if (posts) also_tagged(s, q, what->query);
}

// ---- what is found ------------------------------------------------------------------------------

static struct language_text text_of(const struct object *o)
{
    if (o->kind == ENTITY_comment) {
        const struct comment *c = (const struct comment *)o;
        return (struct language_text){c->data, c->o.text_n};
    }
    const struct post *p = (const struct post *)o;
    return (struct language_text){post_caption(p), p->o.text_n};
}

// Whether the words of a phrase stand in the text from its word number i on, as far from each other
// as in the phrase; what stands between them is not looked at.
static bool phrase_at(const struct terms *text, uint32_t i, const struct term *phrase, uint32_t n)
{
    uint32_t start = text->term[i].at - phrase[0].at, k = 0;
    for (; i < text->n && k < n; i++) {
        uint32_t at = text->term[i].at - start;
        if (at < phrase[k].at) continue;
        if (at > phrase[k].at || term_compare(&text->term[i], &phrase[k]) != 0) return false;
        k++;
    }
    return k == n;
}

static bool has_phrase(const struct terms *text, const struct term *phrase, uint32_t n)
{
    for (uint32_t i = 0; i < text->n; i++)
        if (phrase_at(text, i, phrase, n)) return true;
    return false;
}

static bool has_phrases(struct shard *s, struct query *q, const struct object *o)
{
    struct terms *text = &s->index->fresh;
    if (q->phrases == 0) return true;
    hunts_spend(&q->hunts, PHRASE_STEPS);
    terms_clear(text);
    terms_add(text, text_of(o), (enum language)o->language);
    for (uint32_t i = 0; i < q->phrases; i++)
        if (!has_phrase(text, q->words->term + q->phrase[i].first, q->phrase[i].n)) return false;
    return true;
}

// Whether a text that a hunt has found is one: their order it has not looked at.
static bool fits(struct shard *s, struct query *q, const struct object *o)
{
    bool bare = q->hunts.from == q->bare;
    if (!bare && memchr(q->what->query.s, '"', q->what->query.n) == NULL) return true;
    understand(q, o->language);
    return bare ? q->words->n == 0 : has_phrases(s, q, o);
}

// The next post or comment down that is one; 0 = none, or the work is done for this turn.
static uint64_t found_below(struct shard *s, struct query *q, uint64_t before)
{
    for (;;) {
        uint64_t id = hunts_next(&q->hunts, before), tagged = posting_below(&q->tagged, before);
        uint64_t known = id != 0 ? id : q->hunts.stopped;
        if (tagged > known) return tagged;
        if (id == 0) return 0;
        const struct object *o = record_find(store_part(s->store, id_slot(id)), id);
        if (id == tagged || (o != NULL && fits(s, q, o))) return id;
        before = id;
    }
}

static void newest(struct shard *s, struct query *q, const struct search_read *what,
                   struct page *page)
{
    uint64_t id = found_below(s, q, what->before);
    for (; id != 0 && page->next == 0; id = found_below(s, q, id)) search_take(page, id, 0);
    if (page->next == 0 && q->hunts.stopped != 0) search_stopped(page, q->hunts.stopped, 0);
}

// All that the bounded work finds, the most liked of them.
static void popular(struct shard *s, struct query *q, const struct search_read *what,
                    struct page *page)
{
    struct page_item last = {what->before, what->before_stamp};
    for (uint64_t id = found_below(s, q, 0); id != 0; id = found_below(s, q, id)) {
        const struct object *o = record_find(store_part(s->store, id_slot(id)), id);
        const struct post *p = (const struct post *)o;
        struct page_item item = {id, atomic_load_explicit(&p->likes, memory_order_relaxed)};
        hunts_spend(&q->hunts, 1);
        if (last.id == 0 || page_ranked(NULL, last, item)) page_keep(page, item);
    }
    if (page->next == 0) return;
    page->next = page->item[page->n - 1].id;
    page->next_stamp = page->item[page->n - 1].stamp;
}

void read_search(struct shard *s, const struct search_read *what, struct page *page)
{
    struct query q;
    page->n = 0;
    page->next = page->next_stamp = 0;
    index_settle(s);
    if (what->kind == SEARCH_users) {
        search_users(s, what, page);
        return;
    }
    begin(s, &q, what);
    if (what->kind == SEARCH_popular)
        popular(s, &q, what, page);
    else
        newest(s, &q, what, page);
}
