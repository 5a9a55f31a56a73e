// Statistics (stats.h): moved by the core that owns the user.
#include "store/stats.h"

#include "core/assert.h"
#include "store/record.h"
#include "store/store.h"

static struct user *author_of(const struct part *p, const struct post *post)
{
    struct object *o = record_find(p, post->author);
    return o != NULL && o->kind == ENTITY_user ? (struct user *)o : NULL;
}

static void add(struct user *u, uint32_t n, int by)
{
    uint32_t has = atomic_load_explicit(&u->received, memory_order_relaxed);
    ASSERT(by > 0 || has >= n);
    atomic_store_explicit(&u->received, by > 0 ? has + n : has - n, memory_order_relaxed);
}

static void now(const struct part *p, struct user *u)
{
    atomic_store_explicit(&u->counted_ms, p->shard->applying_ms, memory_order_relaxed);
}

void stats_moved(struct part *p, struct object *o, enum list_kind list, int by)
{
    if (o->kind == ENTITY_user) {
        now(p, (struct user *)o);
    } else if (list == LIST_likers && o->kind == ENTITY_post && object_listed(o)) {
        struct user *u = author_of(p, (const struct post *)o);
        if (u == NULL) return;
        add(u, 1, by);
        now(p, u);
    }
}

void stats_post(struct part *p, struct post *post, int by)
{
    struct user *u = author_of(p, post);
    ASSERT(u != NULL);
    add(u, atomic_load_explicit(&post->likes, memory_order_relaxed), by);
    now(p, u);
}

enum { KEPT = 2 };             // word of an image's head that a user's record leaves free

void stats_keep(struct record_head *head, const struct object *o)
{
    if (o->kind == ENTITY_user) head->word[KEPT] = ((const struct user *)o)->counted_ms;
}

void stats_kept(struct object *o, const struct record_head *head)
{
    if (o->kind == ENTITY_user) ((struct user *)o)->counted_ms = head->word[KEPT];
}

void stats_load_post(struct part *p, const struct post *post)
{
    struct user *u = author_of(p, post);
    if (u != NULL && object_listed(&post->o))
        add(u, atomic_load_explicit(&post->likes, memory_order_relaxed), 1);
}
