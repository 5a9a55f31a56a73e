// Who is followed most (popular.h): the first of a ranking. Behind its cut nothing is kept of a
// user but his own count.
#include "store/popular.h"

#include "core/assert.h"
#include "store/store.h"

enum { LOOKS_A_TURN = 128 };      // at records, a cache miss each

bool popular_before(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->score != y->score ? x->score > y->score : x->id < y->id;
}

static void give_back(struct pool *pool, struct ranked *one)
{
    pool_free(pool, one, sizeof *one, MEM_index);
}

static struct ranking_rule rule_of(struct shard *s)
{
    return (struct ranking_rule){&s->pool, popular_before, give_back};
}

static struct ranked ranked_as(const struct user *u)
{
    return (struct ranked){.id = u->o.id, .score = u->followers};
}

static void enter(struct shard *s, struct ranking *to, const struct ranked *as)
{
    struct ranking_rule rule = rule_of(s);
    if (as->score == 0 || ranking_behind(to, &rule, as)) return;
    struct ranked *one = pool_alloc(&s->pool, sizeof *one, MEM_index);
    *one = *as;
    ranking_add(to, &rule, one);
}

// Whether that was there.
static bool leave(struct shard *s, struct ranking *from, const struct ranked *as)
{
    struct ranking_rule rule = rule_of(s);
    struct ranked *one = ranking_find(from, &rule, as);
    if (one == NULL) return false;
    ranking_remove(from, &rule, one);
    give_back(&s->pool, one);
    return true;
}

static bool is_behind(struct shard *s, const struct ranking *r, const struct ranked *as)
{
    struct ranking_rule rule = rule_of(s);
    return as->score == 0 || ranking_behind(r, &rule, as);
}

// ---- those behind move up ----------------------------------------------------------------------

// Few are left before the cut: all records are looked at, some a turn, and `next` gets who is to be
// kept then. Who moves meanwhile moves in both, so it does not matter whether he was looked at yet.
struct look { struct shard *s; uint32_t budget; };

static bool look_at(void *ctx, void *record)
{
    struct look *l = ctx;
    if (l->budget == 0) return false;
    l->budget--;
    const struct user *u = object_user(record);
    if (u == NULL) return true;
    struct ranking *next = &l->s->popular->next;
    struct ranking_rule rule = rule_of(l->s);
    struct ranked as = ranked_as(u);
    if (ranking_find(next, &rule, &as) == NULL) enter(l->s, next, &as);
    return true;
}

static void look(struct shard *s, uint32_t budget)
{
    struct popular *p = s->popular;
    struct look l = {s, budget};
    for (; p->part < s->store->partitions; p->part += s->store->cores, p->at = 0)
        if (!ptable_walk(&s->store->part[p->part].objects, &p->at, look_at, &l)) return;
    struct ranking_rule rule = rule_of(s);
    ranking_clear(&p->kept, &rule);
    p->kept = p->next;
    p->next = (struct ranking){0};
    p->looking = false;
}

static void look_from_the_start(struct shard *s)
{
    s->popular->looking = true;
    s->popular->part = s->core;
    s->popular->at = 0;
}

// Where they go faster than others are found: a reader must not miss any.
static void look_now(struct shard *s)
{
    while (ranking_short(&s->popular->kept)) {
        if (!s->popular->looking) look_from_the_start(s);
        look(s, UINT32_MAX);
    }
}

void popular_tidy(struct shard *s)
{
    if (!s->popular->looking) return;
    look(s, LOOKS_A_TURN);
    look_now(s);
}

static void moved(struct shard *s, const struct ranked *from, const struct ranked *to)
{
    struct popular *p = s->popular;
    bool was = leave(s, &p->kept, from);
    ASSERT(was || is_behind(s, &p->kept, from));
    enter(s, &p->kept, to);
    if (p->looking) {
        leave(s, &p->next, from);
        enter(s, &p->next, to);
    } else if (ranking_low(&p->kept)) {
        look_from_the_start(s);
    }
    look_now(s);
}

void popular_moved(struct shard *s, const struct user *u, int by)
{
    if (object_user(&u->o) == NULL) return;
    struct ranked to = ranked_as(u), from = to;
    from.score -= (uint32_t)by;
    moved(s, &from, &to);
}

void popular_swapped(struct shard *s, const struct object *old, const struct object *fresh)
{
    const struct user *was = object_user(old), *is = object_user(fresh);
    if ((was == NULL) == (is == NULL)) return;
    struct ranked nobody = {.id = old->id};
    struct ranked from = was != NULL ? ranked_as(was) : nobody;
    struct ranked to = is != NULL ? ranked_as(is) : nobody;
    moved(s, &from, &to);
}

uint32_t popular_first(const struct shard *s, struct ranked *out, uint32_t max)
{
    struct order_walk w;
    uint32_t n = 0;
    if (max > POPULAR_MAX) max = POPULAR_MAX;
    const struct ranked *one = order_first(&w, &s->popular->kept.order, popular_before, NULL);
    for (; one != NULL && n < max; one = order_next(&w)) out[n++] = *one;
    return n;
}

// ---- check -------------------------------------------------------------------------------------

struct count { struct shard *s; uint32_t n; bool sound; };

static bool count_one(void *ctx, void *record)
{
    struct count *c = ctx;
    const struct ranking *kept = &c->s->popular->kept;
    const struct user *u = object_user(record);
    if (u == NULL) return true;
    struct ranked as = ranked_as(u);
    if (is_behind(c->s, kept, &as)) return true;
    struct ranking_rule rule = rule_of(c->s);
    c->n++;
    c->sound &= ranking_find(kept, &rule, &as) != NULL;
    return true;
}

bool popular_sound(struct shard *s)
{
    struct count c = {s, 0, true};
    for (unsigned i = s->core; i < s->store->partitions; i += s->store->cores) {
        uint64_t at = 0;
        ptable_walk(&s->store->part[i].objects, &at, count_one, &c);
    }
    return c.sound && c.n == s->popular->kept.n && !ranking_short(&s->popular->kept);
}
