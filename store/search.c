// Searches over texts (search.h).
#include "store/search.h"

#include <string.h>

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
    posting_walk(w, index_find(s, what->kind, term));
    uint64_t id = posting_below(w, what->before);
    for (; id != 0 && page->next == 0; id = posting_below(w, id)) search_take(page, id, 0);
}

// ---- what is asked for --------------------------------------------------------------------------

enum {
    PHRASES_MAX = 16,
    PHRASE_STEPS = 60,         // what reading a text anew counts as
};

struct phrase { uint32_t first, n; };   // of the words

struct query {
    struct terms *words;
    uint32_t phrases;
    struct phrase phrase[PHRASES_MAX];
    struct hunt *hunt;
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

static void want_tag(struct shard *s, struct query *q, struct language_text tag)
{
    char folded[TERM_MAX];
    struct language_text f = {folded, language_fold(tag, folded, TERM_MAX)};
    hunt_in(q->hunt, index_find(s, INDEX_tag, f));
}

static void want_phrase(struct query *q, struct language_text text)
{
    struct phrase p = {q->words->n, 0};
    terms_add(q->words, text, LANGUAGE_english);
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

static void parse(struct shard *s, struct query *q, struct language_text t, bool tags)
{
    for (uint32_t at = 0; at < t.n;) {
        uint32_t end = plain_run(t, at, tags);
        terms_add(q->words, part(t, at, end), LANGUAGE_english);
        if (end == t.n) return;
        at = end + 1;
        if (t.s[end] == '"') {
            uint32_t close = plain_run(t, at, false);
            want_phrase(q, part(t, at, close));
            at = close + 1;
        } else {
            uint32_t run = tag_run(t, at);
            if (run > 0) want_tag(s, q, part(t, at, at + run));
            at += run;
        }
    }
}

// A query without spaces or signs may be a tag as it stands.
static void also_tagged(struct shard *s, struct query *q, struct language_text t)
{
    while (t.n > 0 && t.s[0] == ' ') t = part(t, 1, t.n);
    while (t.n > 0 && t.s[t.n - 1] == ' ') t.n--;
    bool one = t.n > 0 && tag_run(t, 0) == t.n && q->words->n > 0;
    char folded[TERM_MAX];
    struct language_text f = {folded, language_fold(t, folded, TERM_MAX)};
    posting_walk(&q->tagged, one ? index_find(s, INDEX_tag, f) : NULL);
}

static void begin(struct shard *s, struct query *q, const struct search_read *what)
{
    bool posts = what->kind != SEARCH_comments;
    q->words = &s->index->other;
    q->phrases = 0;
    q->hunt = (struct hunt *)s->scratch;
    terms_clear(q->words);
    hunt_begin(q->hunt);
    parse(s, q, what->query, posts);
    for (uint32_t i = 0; i < q->words->n; i++) {
        struct language_text term = {q->words->term[i].s, q->words->term[i].n};
        hunt_in(q->hunt, index_find(s, posts ? INDEX_post : INDEX_comment, term));
    }
    posting_walk(&q->tagged, NULL);
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

static bool has_phrases(struct shard *s, const struct query *q, const struct object *o)
{
    struct terms *text = &s->index->fresh;
    if (q->phrases == 0) return true;
    q->hunt->steps -= q->hunt->steps < PHRASE_STEPS ? q->hunt->steps : PHRASE_STEPS;
    terms_clear(text);
    terms_add(text, text_of(o), LANGUAGE_english);
    for (uint32_t i = 0; i < q->phrases; i++)
        if (!has_phrase(text, q->words->term + q->phrase[i].first, q->phrase[i].n)) return false;
    return true;
}

// The next post or comment down that is one; 0 = none, or the work is done for this turn.
static uint64_t found_below(struct shard *s, struct query *q, uint64_t before)
{
    for (;;) {
        uint64_t id = hunt_all(q->hunt, before), tagged = posting_below(&q->tagged, before);
        uint64_t known = id != 0 ? id : q->hunt->stopped;
        if (tagged > known) return tagged;
        if (id == 0) return 0;
        const struct object *o = record_find(store_part(s->store, id_slot(id)), id);
        if (id == tagged || (o != NULL && has_phrases(s, q, o))) return id;
        before = id;
    }
}

static void newest(struct shard *s, struct query *q, const struct search_read *what,
                   struct page *page)
{
    uint64_t id = found_below(s, q, what->before);
    for (; id != 0 && page->next == 0; id = found_below(s, q, id)) search_take(page, id, 0);
    if (page->next == 0 && q->hunt->stopped != 0) search_stopped(page, q->hunt->stopped, 0);
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
        if (q->hunt->steps > 0) q->hunt->steps--;
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
