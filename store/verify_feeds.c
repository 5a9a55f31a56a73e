// The definition is slow and plain: all posts of all whom the reader follows and has not muted,
// one list after the other.
#include "store/verify_feeds.h"

#include <string.h>

#include "store/fanout.h"
#include "store/lists.h"
#include "store/read.h"
#include "store/record.h"
#include "store/store.h"
#include "store/timeline.h"
#include "store/top.h"

// The newest of a feed, descending; more: there are older ones.
struct defined {
    uint32_t n;
    bool more;
    uint64_t id[TIMELINE_MAX];
};

struct looking {
    const struct feeds_asked *asked;
    struct shard *s;
    const struct part *p;
    uint64_t users, every, compared;
};

static void put(struct defined *d, uint64_t id)
{
    uint32_t at = d->n;
    while (at > 0 && d->id[at - 1] < id) at--;
    if (d->n == TIMELINE_MAX) d->more = true;
    if (at == TIMELINE_MAX) return;
    d->n += d->n < TIMELINE_MAX;
    memmove(d->id + at + 1, d->id + at, (d->n - at - 1) * sizeof d->id[0]);
    d->id[at] = id;
}

static void put_author(struct defined *d, const struct store *store, uint64_t author)
{
    const struct part *p = store_part(store, id_slot(author));
    const struct seq *posts = seqs_find(p, (struct edge_at){author, LIST_posts});
    uint64_t id = UINT64_MAX;
    if (store_account(store, author) == NULL) return;
    // Behind one that found no room no older one does.
    while (seq_below(posts, id, &id, 1) == 1 && !(d->more && id < d->id[TIMELINE_MAX - 1]))
        put(d, id);
}

static void define(const struct looking *l, uint64_t reader, struct defined *d)
{
    struct edge_list all = edges_all(l->p, (struct edge_at){reader, LIST_following});
    d->n = 0;
    d->more = false;
    for (uint32_t i = 0; i < all.n; i++) {
        uint64_t author = all.other[i];
        bool muted = edges_find(l->p, (struct edge_at){reader, LIST_muting}, author) != 0;
        if (author != 0 && !muted) put_author(d, l->s->store, author);
    }
}

static void say(const struct looking *l, const char *what, uint64_t reader, uint64_t post)
{
    l->asked->found(l->asked->ctx, what, reader, post);
}

// What is merged at a read, from what hangs on the authors, is the definition down to its floor.
static void compare_merged(const struct looking *l, uint64_t reader, const struct defined *d)
{
    struct top merged;
    uint64_t floor = feed_compute(l->s, reader, &merged);
    uint32_t n = 0;
    while (n < d->n && d->id[n] >= floor) n++;
    for (uint32_t i = 0; i < n || i < merged.n; i++) {
        if (i < n && i < merged.n && merged.id[i] == d->id[i]) continue;
        say(l, "feed merged of its authors", reader, i < n ? d->id[i] : merged.id[i]);
        return;
    }
    if (floor == 0 && d->more) say(l, "feed that ends too early", reader, 0);
}

static bool has(const uint64_t *id, uint32_t n, uint64_t one)
{
    for (uint32_t i = 0; i < n; i++)
        if (id[i] == one) return true;
    return false;
}

static const struct post *living(const struct store *s, uint64_t id)
{
    const struct post *post = store_post(s, id);
    return post != NULL && !(post->o.rules & RULE_ARCHIVED) ? post : NULL;
}

// A timeline has what was pushed: all of the definition by authors who push, down to its floor. It
// may have posts that are gone since; they are passed over when they are looked up.
static void compare_timeline(const struct looking *l, uint64_t reader, const struct defined *d)
{
    const struct store *store = l->s->store;
    const struct timeline *t = timeline_find(&l->s->timelines, reader);
    uint64_t id[TIMELINE_MAX];
    if (t == NULL) return;
    uint32_t n = timeline_below(t, 0, id, TIMELINE_MAX);
    for (uint32_t i = 0; i < d->n && d->id[i] >= timeline_floor(t); i++) {
        const struct post *post = living(store, d->id[i]);
        bool pulled = post == NULL || pulled_has(l->s, post->author);
        if (!pulled && !has(id, n, d->id[i]))
            say(l, "post that a timeline lacks", reader, d->id[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        bool older = d->more && id[i] < d->id[d->n - 1];
        if (!older && living(store, id[i]) != NULL && !has(d->id, d->n, id[i]))
            say(l, "post that a timeline should not have", reader, id[i]);
    }
}

static bool look_at(void *ctx, void *record)
{
    struct looking *l = ctx;
    const struct object *o = record;
    struct defined d;
    if (o->kind != ENTITY_user || o->flags & OBJECT_GONE || l->users++ % l->every != 0)
        return true;
    define(l, o->id, &d);
    compare_merged(l, o->id, &d);
    compare_timeline(l, o->id, &d);
    l->compared++;
    return true;
}

static bool count_user(void *ctx, void *record)
{
    uint64_t *users = ctx;
    const struct object *o = record;
    *users += o->kind == ENTITY_user;
    return true;
}

uint64_t verify_feeds(struct store *s, const struct feeds_asked *asked)
{
    uint64_t users = 0, at;
    for (unsigned i = 0; i < s->partitions; i++) {
        at = 0;
        ptable_walk(&s->part[i].objects, &at, count_user, &users);
    }
    struct looking l = {.asked = asked, .every = 1 + users / (asked->most + 1)};
    for (unsigned i = 0; i < s->partitions; i++) {
        l.p = &s->part[i];
        l.s = l.p->shard;
        at = 0;
        ptable_walk(&l.p->objects, &at, look_at, &l);
    }
    return l.compared;
}
