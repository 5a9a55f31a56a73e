// Posts with recent engagement (hot.h).
#include "store/hot.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/id.h"
#include "store/edges.h"
#include "store/index.h"
#include "store/record.h"
#include "store/store.h"

// Most posts are liked in few of the hours, so only those have a place.
struct hot_post {
    struct ranked as;              // score: sum of the hours
    uint32_t shape;                // | room: places 7 | bit h: hour h modulo HOT_HOURS has one 25 |
    uint32_t in_hour[];            // of the hours that have one, in the order of their bits
};
_Static_assert(offsetof(struct hot_post, in_hour) == 20, "three hours in 32 bytes");

enum { HOUR_MS = 3600 * 1000, HOURS = (1 << HOT_HOURS) - 1 };

static bool score_before(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->score != y->score ? x->score > y->score : x->id > y->id;
}

static struct ranking_rule rule_of(struct shard *s)
{
    return (struct ranking_rule){&s->pool, score_before, NULL};
}

static bool is_id(const void *record, const void *key)
{
    return ((const struct hot_post *)record)->as.id == *(const uint64_t *)key;
}

static uint64_t rehash(void *ctx, const void *record)
{
    (void)ctx;
    return hash_u64(((const struct hot_post *)record)->as.id, 0);
}

static struct hot_post *find(const struct hot *h, uint64_t id)
{
    return ptable_find(&h->table, hash_u64(id, 0), is_id, &id);
}

static uint32_t room_of(const struct hot_post *p) { return p->shape >> HOT_HOURS; }

static size_t post_bytes(uint32_t room)
{
    return offsetof(struct hot_post, in_hour) + room * sizeof(uint32_t);
}

static void post_free(struct shard *s, struct hot_post *p)
{
    pool_free(&s->pool, p, post_bytes(room_of(p)), MEM_index);
}

static void forget(struct shard *s, struct hot_post *p)
{
    ptable_replace(&s->hot->table, hash_u64(p->as.id, 0), p, NULL);
    post_free(s, p);
}

// ---- hours -------------------------------------------------------------------------------------

static uint32_t hour_bit(uint64_t hour) { return UINT32_C(1) << hour % HOT_HOURS; }

static uint32_t places_in(uint32_t hours)
{
    uint32_t n = 0;
    for (hours &= HOURS; hours != 0; hours &= hours - 1) n++;
    return n;
}

// How many hours below this one have a place, which is where its own is.
static uint32_t hour_place(const struct hot_post *p, uint32_t bit)
{
    return places_in(p->shape & (bit - 1));
}

static uint32_t counted(const struct hot_post *p, uint32_t bit)
{
    return p->shape & bit ? p->in_hour[hour_place(p, bit)] : 0;
}

static void hour_close(struct hot_post *p, uint32_t bit)
{
    uint32_t at = hour_place(p, bit);
    p->shape &= ~bit;
    memmove(&p->in_hour[at], &p->in_hour[at + 1],
            (places_in(p->shape) - at) * sizeof p->in_hour[0]);
}

// There must be room.
static void hour_open(struct hot_post *p, uint32_t bit)
{
    uint32_t at = hour_place(p, bit);
    memmove(&p->in_hour[at + 1], &p->in_hour[at],
            (places_in(p->shape) - at) * sizeof p->in_hour[0]);
    p->in_hour[at] = 0;
    p->shape |= bit;
}

// ---- ranking -----------------------------------------------------------------------------------

static void rank(struct shard *s, struct hot_post *p)
{
    struct ranking_rule rule = rule_of(s);
    ranking_add(&s->hot->ranked, &rule, &p->as);
}

static void unrank(struct shard *s, struct hot_post *p)
{
    struct ranking_rule rule = rule_of(s);
    ranking_remove(&s->hot->ranked, &rule, &p->as);
}

// The hours from..to begin anew: what was counted in their places is too old.
static void clear_hours(struct hot_post *p, uint64_t from, uint64_t to)
{
    uint64_t n = to - from + 1 < HOT_HOURS ? to - from + 1 : HOT_HOURS;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t bit = hour_bit(from + i);
        p->as.score -= counted(p, bit);
        if (p->shape & bit) hour_close(p, bit);
    }
}

struct advance { struct shard *s; uint64_t from, to; struct hot_post *dead; };

static bool advance_one(void *ctx, void *record)
{
    struct advance *a = ctx;
    struct hot_post *p = record;
    if (a->from <= a->to) clear_hours(p, a->from, a->to);
    if (p->as.score > 0)
        rank(a->s, p);
    else
        a->dead = p;
    return p->as.score > 0;
}

// All posts are put in order anew, `from` > `to`: at the same hour.
static void rank_all(struct shard *s, uint64_t from, uint64_t to)
{
    struct advance a = {s, from, to, NULL};
    struct ranking_rule rule = rule_of(s);
    uint64_t at = 0;
    ranking_clear(&s->hot->ranked, &rule);
    while (!ptable_walk(&s->hot->table, &at, advance_one, &a)) forget(s, a.dead);
}

// When so many are gone that a reader would miss them, those behind the cut move up.
static void rank_again(struct shard *s)
{
    if (ranking_short(&s->hot->ranked)) rank_all(s, 1, 0);
}

void hot_advance(struct shard *s, uint64_t now_ms)
{
    struct hot *h = s->hot;
    uint64_t hour = now_ms / HOUR_MS, before = h->hour;
    if (hour <= before) return;
    h->hour = hour;
    rank_all(s, before + 1, hour);
}

// ---- moves -------------------------------------------------------------------------------------

// Room for `room` hours and what the pool gives beyond.
static struct hot_post *post_alloc(struct shard *s, uint32_t room)
{
    size_t bytes = pool_size(post_bytes(room));
    struct hot_post *p = pool_alloc_zero(&s->pool, bytes, MEM_index);
    p->shape = (uint32_t)((bytes - post_bytes(0)) / sizeof p->in_hour[0]) << HOT_HOURS;
    return p;
}

static struct hot_post *post_new(struct shard *s, uint64_t id)
{
    struct hot_post *p = post_alloc(s, 1);
    p->as.id = id;
    struct ptable_env env = {s, MEM_index, rehash, NULL};
    ptable_insert(&s->hot->table, &env, hash_u64(id, 0), p);
    return p;
}

// One like or comment more or less in an hour; the post, out of the ranking, may be moved.
static struct hot_post *post_count(struct shard *s, struct hot_post *p, uint32_t bit, int by)
{
    uint32_t n = places_in(p->shape);
    if (!(p->shape & bit) && n == room_of(p)) {
        struct hot_post *to = post_alloc(s, n + 1);
        to->as = p->as;
        to->shape |= p->shape & HOURS;
        memcpy(to->in_hour, p->in_hour, n * sizeof p->in_hour[0]);
        ptable_replace(&s->hot->table, hash_u64(p->as.id, 0), p, to);
        post_free(s, p);
        p = to;
    }
    if (!(p->shape & bit)) hour_open(p, bit);
    p->as.score += (uint32_t)by;
    if ((p->in_hour[hour_place(p, bit)] += (uint32_t)by) == 0) hour_close(p, bit);
    return p;
}

void hot_moved(struct part *part, uint64_t post, uint64_t stamp, int by)
{
    struct shard *s = part->shard;
    struct hot *h = s->hot;
    if (h == NULL || s->index->waiting) return;
    uint64_t hour = stamp_ms(stamp) / HOUR_MS;
    if (by > 0) hot_advance(s, stamp_ms(stamp));
    if (hour + HOT_HOURS <= h->hour) return;
    struct hot_post *p = find(h, post);
    uint32_t bit = hour_bit(hour);
    // Of a post that was gone nothing is left to be taken back.
    if (by < 0 && (p == NULL || counted(p, bit) == 0)) return;
    if (p == NULL) {
        // Its author acts on an archived one too.
        const struct object *o = record_find(part, post);
        if (o == NULL || !object_listed(o)) return;
        p = post_new(s, post);
    } else {
        unrank(s, p);
    }
    p = post_count(s, p, bit, by);
    if (p->as.score > 0)
        rank(s, p);
    else
        forget(s, p);
    rank_again(s);
}

void hot_drop(struct part *part, uint64_t post)
{
    struct shard *s = part->shard;
    struct hot_post *p = s->hot != NULL ? find(s->hot, post) : NULL;
    if (p == NULL) return;
    unrank(s, p);
    forget(s, p);
    rank_again(s);
}

void hot_ahead(const struct shard *s, const uint64_t *post, uint32_t n)
{
    struct ptable_spot spot[HOT_AHEAD];
    ASSERT(n <= HOT_AHEAD);
    if (s->hot == NULL) return;
    for (uint32_t i = 0; i < n; i++)
        spot[i] = ptable_spot(&s->hot->table, hash_u64(post[i], 0));
    for (uint32_t i = 0; i < n; i++) {
        const struct hot_post *p = ptable_guess(spot[i]);
        if (p != NULL) __builtin_prefetch(p, 1);
    }
}

void hot_likes(struct part *p, uint64_t post)
{
    struct edge some[64];
    const struct edge_room room = {some, sizeof some / sizeof some[0]};
    struct edge_at at = {post, LIST_likers};
    uint64_t before = 0;
    for (;;) {
        uint32_t n = edges_page(p, at, before, room);
        for (uint32_t i = 0; i < n; i++) {
            before = some[i].stamp;
            if (stamp_ms(before) / HOUR_MS + HOT_HOURS <= p->shard->hot->hour) return;
            hot_moved(p, post, before, 1);
        }
        if (n < room.max) return;
    }
}

void hot_comments(struct part *p, uint64_t post)
{
    uint64_t id[64], before = 0;
    const struct seq *comments = seqs_find(p, (struct edge_at){post, LIST_comments});
    for (;;) {
        uint32_t n = seq_below(comments, before, id, 64);
        for (uint32_t i = 0; i < n; i++) {
            before = id[i];
            if (id_ms(before) / HOUR_MS + HOT_HOURS <= p->shard->hot->hour) return;
            const struct object *o = record_find(p, before);
            if (!(o->flags & OBJECT_TOMBSTONE)) hot_moved(p, post, id_stamp(before), 1);
        }
        if (n < 64) return;
    }
}

void read_hot(const struct shard *s, struct page_item after, struct page *page)
{
    struct order_walk w;
    struct ranked key = {.id = after.id, .score = (uint32_t)after.stamp};
    const void *from = after.id != 0 ? &key : NULL;
    const struct hot_post *p = order_first(&w, &s->hot->ranked.order, score_before, from);
    if (p != NULL && p->as.id == after.id) p = order_next(&w);
    page->n = 0;
    page->next = page->next_stamp = 0;
    // Those behind are there or not by what happened before: nobody is to see that.
    uint32_t behind = p != NULL ? order_behind(&w) : 0;
    for (; p != NULL && behind++ < HOT_RANKED && page->next == 0; p = order_next(&w)) {
        if (page->n < page->want) {
            page->item[page->n++] = (struct page_item){p->as.id, p->as.score};
            continue;
        }
        page->next = page->item[page->n - 1].id;
        page->next_stamp = page->item[page->n - 1].stamp;
    }
}
