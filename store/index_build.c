// The index made at once from all records of a core, or words moved that some of them have or had,
// in order of their ids: what index_moved would have made of them one by one.
//
//   records by rising id ──► (term, record) of some thousand of them, grouped by term ──► added
//
// A term that occurs in the batch bears its place in `met` where its postings were, so that no
// table beside the index's own is needed; a word that was seen lately is known by its letters, and
// is neither folded nor stemmed again.
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/id.h"
#include "store/hot.h"
#include "store/idsort.h"
#include "store/index_parts.h"
#include "store/listed.h"
#include "store/record.h"
#include "store/store.h"

enum {
    PAIRS = 1 << 18,               // of one batch
    MET = 1 << 16,                 // terms of one batch
    FEW_PAIRS = 1 << 15,           // the same where there are few records
    FEW_MET = 1 << 14,
    // That a record, what it was and the words before it find.
    ROOM = TERMS_MAX + INDEX_SHORT / 2 + 1024,
    RECORDS_MAX = 1 << 30,
    WAVE = 64,                     // words that are looked up together
    SEEN = 1 << 16,                // words that are known at most
    SEEN_BYTES = 22,               // of a word; longer ones are not kept
    AT_ONCE = 16,                  // records that are looked for together
    RECORD_LINES = 4,
};
#define HELD UINT32_MAX            // postings.count of a term that bears its place in `met`

struct seen {
    struct index_term *term;       // NULL: the word says nothing
    uint8_t group, n;              // group 0: nothing is here
    char s[SEEN_BYTES];
};

// Which texts of a record have a word: what the index has of it, what it says, or both.
enum { WAS = 1, IS = 2, SIDE_BITS = 2, SIDES = (1 << SIDE_BITS) - 1 };

struct word { struct index_place text; struct seen *seen; uint32_t record; uint8_t side; };
struct pair { uint32_t met, what; };      // what: number of the record << SIDE_BITS | sides

struct met {
    struct index_term *term;
    struct postings held;          // the term's own
    uint32_t n;                    // pairs; then where the next of its ids goes
    uint32_t record, pair;         // the last one that has it
};

struct build {
    struct shard *s;
    const uint64_t *id;            // all records
    struct pair *pair;
    uint64_t *grouped;             // their ids
    struct met *met;
    struct seen *seen;             // in twos
    uint64_t seen_mask;
    struct word word[WAVE];
    uint32_t pairs, mets, words, record;
    uint32_t pairs_max, mets_max;
    uint8_t side;                  // of the text in hand
    bool words_only;
    bool dropped;                  // a term, in this batch
};

void index_wait(struct shard *s)
{
    if (s->index != NULL) s->index->waiting = true;
}

// ---- a batch -----------------------------------------------------------------------------------

// What a record had is added before what it has.
static void add(struct build *b, struct index_term *t, uint32_t record, uint8_t side)
{
    if (t->postings.count != HELD) {
        b->met[b->mets] = (struct met){t, t->postings, 0, UINT32_MAX, 0};
        t->postings = (struct postings){.count = HELD, .blocks = b->mets++};
    }
    uint32_t at = t->postings.blocks;
    struct met *m = &b->met[at];
    if (m->record == record) {
        b->pair[m->pair].what |= side;
        return;
    }
    m->record = record;
    m->pair = b->pairs;
    m->n += side == IS;
    b->pair[b->pairs++] = (struct pair){at, record << SIDE_BITS | side};
}

// The pairs come in order of records, so that the ids of each term ascend. What a record has no
// more is taken out at once.
static void group(struct build *b)
{
    struct index *x = b->s->index;
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->mets; i++) {
        uint32_t n = b->met[i].n;
        b->met[i].n = at;
        at += n;
    }
    x->postings += at;
    for (uint32_t i = 0; i < b->pairs; i++) {
        struct pair p = b->pair[i];
        struct met *m = &b->met[p.met];
        uint64_t id = b->id[p.what >> SIDE_BITS];
        if ((p.what & SIDES) == IS)
            b->grouped[m->n++] = id;
        else if ((p.what & SIDES) == WAS)
            x->postings -= postings_remove(&m->held, &b->s->pool, id);
    }
}

// Nothing has the term any more; a word that is known by its letters may lead to it.
static void drop(struct build *b, struct index_term *t)
{
    index_term_drop(b->s, t);
    b->dropped = true;
}

static void forget_seen(struct build *b)
{
    memset(b->seen, 0, 2 * (b->seen_mask + 1) * sizeof *b->seen);
    b->dropped = false;
}

static void end_batch(struct build *b)
{
    group(b);
    uint32_t from = 0;
    for (uint32_t i = 0; i < b->mets; i++) {
        const struct met *m = &b->met[i];
        struct index_term *t = m->term;
        if (i + 16 < b->mets) __builtin_prefetch(m[16].term);
        if (i + 8 < b->mets && m[8].held.blocks == 1) __builtin_prefetch(m[8].held.only);
        struct id_list ids = {b->grouped + from, m->n - from};
        from = m->n;
        t->postings = m->held;
        if (ids.n > 0) postings_add(&t->postings, &b->s->pool, ids);
        if (t->postings.count == 0) {
            drop(b, t);
            continue;
        }
        enum index_kind kind = (enum index_kind)(t->key[0] & INDEX_KIND_MASK);
        struct index_place at = {kind, {t->key + 1, t->key_n - 1u}, LANGUAGE_english};
        if (at.kind == INDEX_tag || at.kind == INDEX_place) listed_add_all(b->s, at, ids);
    }
    b->pairs = b->mets = 0;
    if (b->dropped) forget_seen(b);
    if (!b->words_only) shard_tidy(b->s);
}

// ---- texts -------------------------------------------------------------------------------------

// A text of these kinds is one term.
static bool whole(enum index_kind kind) { return kind == INDEX_tag || kind == INDEX_place; }

static struct index_term *term_of(const struct build *b, struct index_place text)
{
    struct terms *t = &b->s->index->fresh;
    terms_clear(t);
    if (whole(text.kind))
        terms_add_whole(t, text.term);
    else
        terms_add_word(t, text.term, text.language);
    if (t->n == 0) return NULL;
    struct language_text term = {t->term[0].s, t->term[0].n};
    return index_term(b->s, (struct index_place){text.kind, term, text.language});
}

static bool is_seen(const struct seen *seen, struct index_place text)
{
    return seen->group == index_group(text) && seen->n == text.term.n &&
           memcmp(seen->s, text.term.s, seen->n) == 0;
}

// NULL: it says nothing. A new word takes the second place of two, and the first one when it is
// seen again, so that words that occur once do not drive out the common ones.
static struct index_term *known(const struct build *b, const struct word *w)
{
    if (w->seen == NULL) return term_of(b, w->text);
    struct seen *two = w->seen;
    if (is_seen(&two[0], w->text)) return two[0].term;
    if (is_seen(&two[1], w->text)) {
        struct seen other = two[0];
        two[0] = two[1];
        two[1] = other;
        return two[0].term;
    }
    struct language_text text = w->text.term;
    two[1].term = term_of(b, w->text);
    two[1].group = index_group(w->text);
    two[1].n = (uint8_t)text.n;
    memcpy(two[1].s, text.s, text.n);
    return two[1].term;
}

// Memory was asked for what each word looks at, so that their misses overlap.
static void end_wave(struct build *b)
{
    struct index_term *term[WAVE];
    for (uint32_t i = 0; i < b->words; i++) {
        term[i] = known(b, &b->word[i]);
        if (term[i] != NULL) __builtin_prefetch(term[i]);
    }
    for (uint32_t i = 0; i < b->words; i++)
        if (term[i] != NULL) add(b, term[i], b->word[i].record, b->word[i].side);
    b->words = 0;
}

static void add_word(struct build *b, struct index_place text)
{
    struct language_text t = text.term;
    struct seen *seen = NULL;
    if (t.n <= SEEN_BYTES) {
        seen = &b->seen[2 * (hash64(t.s, t.n, index_group(text)) & b->seen_mask)];
        __builtin_prefetch(seen);
    }
    b->word[b->words++] = (struct word){text, seen, b->record, b->side};
    if (b->words == WAVE) end_wave(b);
}

// All words of a text.
static void add_words(struct build *b, struct index_place text)
{
    for (uint32_t at = 0;;) {
        struct index_place word = {text.kind, terms_word(text.term, &at), text.language};
        if (word.term.n == 0) break;
        add_word(b, word);
    }
}

// Names, and what may be longer than terms_add takes.
static void add_terms(struct build *b, enum index_kind kind, const struct index_texts *texts)
{
    struct terms *t = &b->s->index->fresh;
    end_wave(b);
    index_terms(texts, kind, t);
    for (uint32_t i = 0; i < t->n; i++) {
        struct index_place at = {kind, {t->term[i].s, t->term[i].n}, texts->language};
        add(b, index_term(b->s, at), b->record, b->side);
    }
}

static void add_texts(struct build *b, enum index_kind kind, const struct index_texts *texts)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < texts->n; i++) bytes += texts->text[i].n;
    if (kind == INDEX_name || bytes > INDEX_SHORT) {
        add_terms(b, kind, texts);
        return;
    }
    for (uint32_t i = 0; i < texts->n; i++)
        if (whole(kind))
            add_word(b, (struct index_place){.kind = kind, .term = texts->text[i]});
        else
            add_words(b, (struct index_place){kind, texts->text[i], texts->language});
}

// ---- records -----------------------------------------------------------------------------------

// What the index has of a record that says something else by now.
static void add_was(struct build *b, uint64_t id)
{
    const struct index_was *was = later_was(b->s, id);
    b->side = WAS;
    add_words(b, (struct index_place){(enum index_kind)was->kind, {was->s, was->n},
                                      (enum language)was->language});
    b->side = IS;
}

static void add_record(struct build *b, const struct object *o)
{
    struct index_texts texts;
    for (unsigned i = 0; i < INDEX_SOURCES; i++) {
        enum index_kind kind = index_sources[i].kind;
        if (o->kind != index_sources[i].of || (b->words_only && !index_words(kind))) continue;
        index_texts(o, kind, &texts);
        add_texts(b, kind, &texts);
    }
}

// A batch ends between two records: within it a record is known by its number.
static void begin_record(struct build *b, uint32_t record)
{
    if (b->pairs_max - b->pairs < ROOM || b->mets_max - b->mets < ROOM) {
        end_wave(b);
        end_batch(b);
    }
    b->record = record;
}

static void add_records(struct build *b, uint64_t n)
{
    const struct object *found[AT_ONCE];
    for (uint64_t i = 0; i < n; i += AT_ONCE) {
        uint32_t some = n - i < AT_ONCE ? (uint32_t)(n - i) : AT_ONCE;
        records_find(b->s->store, (struct record_wish){b->id + i, some, RECORD_LINES}, found);
        for (uint32_t k = 0; k < some; k++) {
            begin_record(b, (uint32_t)i + k);
            if (b->words_only) add_was(b, b->id[i + k]);
            if (found[k] != NULL) add_record(b, found[k]);
        }
    }
    end_wave(b);
    end_batch(b);
}

static size_t room_bytes(const struct build *b)
{
    return b->pairs_max * (sizeof *b->pair + sizeof *b->grouped) + b->mets_max * sizeof *b->met;
}

static void take_room(struct build *b, void *room)
{
    b->met = room;
    b->grouped = (uint64_t *)(b->met + b->mets_max);
    b->pair = (struct pair *)(b->grouped + b->pairs_max);
}

static size_t seen_for(struct build *b, uint64_t n)
{
    size_t seen = 64;
    while (seen < SEEN && seen < 2 * n) seen *= 2;
    b->seen_mask = seen / 2 - 1;
    return seen * sizeof *b->seen;
}

void index_build_words(struct shard *s, struct id_list records)
{
    struct build b = {.s = s, .id = records.id, .pairs_max = FEW_PAIRS, .mets_max = FEW_MET,
                      .side = IS, .words_only = true};
    struct index *x = s->index;
    if (x->room == NULL) x->room = pool_alloc(&s->pool, room_bytes(&b), MEM_other);
    take_room(&b, x->room);
    size_t seen = seen_for(&b, records.n);
    b.seen = pool_alloc_zero(&s->pool, seen, MEM_other);
    add_records(&b, records.n);
    pool_free(&s->pool, b.seen, seen, MEM_other);
}

// ---- all that was read from disk ---------------------------------------------------------------

struct index_making {
    struct build b;
    uint64_t *id;                  // rising
    uint64_t n, done, room;        // room: of id[]
    size_t seen;                   // bytes
};

bool index_owes(const struct shard *s, uint64_t id)
{
    const struct index_making *m = s->index != NULL ? s->index->making : NULL;
    if (m == NULL) return false;
    uint64_t lo = m->done, hi = m->n;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (m->id[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->n && m->id[lo] == id;
}

uint64_t index_left(const struct shard *s)
{
    const struct index_making *m = s->index != NULL ? s->index->making : NULL;
    return m != NULL ? m->n - m->done : 0;
}

// What is hot is known at once: few posts are, and what comes goes on from there.
static void warm_again(struct part *p, const struct object *o)
{
    if (o->kind == ENTITY_post) {
        const struct post *post = (const struct post *)o;
        if (atomic_load_explicit(&post->likes, memory_order_relaxed) > 0) hot_likes(p, o->id);
    } else if (o->kind == ENTITY_comment && !(o->flags & OBJECT_TOMBSTONE)) {
        hot_moved(p, comment_post((const struct comment *)o), id_stamp(o->id), 1);
    }
}

struct gather { struct part *p; struct index_making *to; };

static bool gather(void *ctx, void *record)
{
    struct gather *g = ctx;
    const struct object *o = record;
    bool indexed = o->kind == ENTITY_post || o->kind == ENTITY_user || o->kind == ENTITY_comment;
    if (!indexed || !object_listed(o)) return true;
    g->to->id[g->to->n++] = o->id;
    warm_again(g->p, o);
    return true;
}

static void gather_all(const struct shard *s, struct index_making *to)
{
    const struct store *store = s->store;
    for (unsigned i = s->core; i < store->partitions; i += store->cores) {
        struct gather g = {&store->part[i], to};
        uint64_t at = 0;
        ptable_walk(&store->part[i].objects, &at, gather, &g);
    }
}

static void making_free(struct shard *s, struct index_making *m)
{
    struct pool *pool = &s->pool;
    pool_free(pool, m->b.seen, m->seen, MEM_other);
    if (m->n > 0) pool_free(pool, m->b.met, room_bytes(&m->b), MEM_other);
    pool_free(pool, m->id, m->room * sizeof *m->id, MEM_other);
    pool_free(pool, m, sizeof *m, MEM_other);
    s->index->making = NULL;
}

void index_begin(struct shard *s)
{
    if (s->index == NULL || !s->index->waiting) return;
    struct pool *pool = &s->pool;
    s->index->waiting = false;
    hot_advance(s, stamp_ms(s->stamp));
    listed_begin(s);
    struct index_making *m = pool_alloc_zero(pool, sizeof *m, MEM_other);
    for (unsigned i = s->core; i < s->store->partitions; i += s->store->cores)
        m->room += s->store->part[i].objects.live;
    m->id = pool_alloc(pool, m->room * sizeof *m->id, MEM_other);
    gather_all(s, m);
    ASSERT(m->n < RECORDS_MAX);
    uint64_t *spare = pool_alloc(pool, m->room * sizeof *spare, MEM_other);
    idsort(m->id, spare, m->n);
    pool_free(pool, spare, m->room * sizeof *spare, MEM_other);
    if (m->n == 0) {
        making_free(s, m);
        return;
    }
    m->b = (struct build){.s = s, .pairs_max = PAIRS, .mets_max = MET, .side = IS};
    take_room(&m->b, pool_alloc(pool, room_bytes(&m->b), MEM_other));
    m->seen = seen_for(&m->b, m->n);
    m->b.seen = pool_alloc_zero(pool, m->seen, MEM_other);
    s->index->making = m;
    atomic_fetch_add(&s->store->unindexed, 1);
}

bool index_some(struct shard *s, uint64_t records)
{
    struct index *x = s->index;
    struct index_making *m = x != NULL ? x->making : NULL;
    if (m == NULL) return false;
    if (x->freed) memset(m->b.seen, 0, m->seen);
    x->freed = false;
    uint64_t n = m->n - m->done < records ? m->n - m->done : records;
    m->b.id = m->id + m->done;
    add_records(&m->b, n);
    m->done += n;
    if (m->done < m->n) return true;
    making_free(s, m);
    atomic_fetch_sub(&s->store->unindexed, 1);
    return false;
}

void index_build(struct shard *s)
{
    index_begin(s);
    index_some(s, UINT64_MAX);
}
