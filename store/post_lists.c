// Lists of posts (post_lists.h).
#include "store/post_lists.h"

#include "store/apply.h"
#include "store/stats.h"

static struct edge_at list_of(const struct user *author, enum list_kind list)
{
    return (struct edge_at){author->o.id, list};
}

struct seq *post_lists_of_core(struct shard *s, const struct object *post)
{
    return post->rules & (RULE_FOLLOWERS | RULE_CLOSE_FRIENDS) ? &s->narrow_posts : &s->open_posts;
}

void post_lists_load(struct part *p, struct user *author, const struct object *post)
{
    struct shard *s = p->shard;
    if (post->flags & OBJECT_BINNED) {
        seqs_add(p, list_of(author, LIST_binned), post->id);
        seq_insert(&s->binned, &s->pool, post->id);
        return;
    }
    if (post->rules & RULE_PINNED) seqs_add(p, list_of(author, LIST_pinned), post->id);
    if (post->rules & RULE_ARCHIVED) {
        seqs_add(p, list_of(author, LIST_archived), post->id);
        return;
    }
    seqs_add(p, list_of(author, LIST_posts), post->id);
    counter_move(&author->posts, 1);
}

void post_lists_add(struct part *p, struct user *author, struct object *post)
{
    struct shard *s = p->shard;
    post_lists_load(p, author, post);
    if (!object_listed(post)) return;
    stats_post(p, (struct post *)post, 1);
    seq_insert(post_lists_of_core(s, post), &s->pool, post->id);
}

void post_lists_remove(struct part *p, struct user *author, struct object *post)
{
    struct shard *s = p->shard;
    if (post->flags & OBJECT_BINNED) {
        seqs_remove(p, list_of(author, LIST_binned), post->id);
        seq_delete(&s->binned, &s->pool, post->id);
        return;
    }
    if (post->rules & RULE_PINNED) seqs_remove(p, list_of(author, LIST_pinned), post->id);
    if (post->rules & RULE_ARCHIVED) {
        seqs_remove(p, list_of(author, LIST_archived), post->id);
        return;
    }
    seqs_remove(p, list_of(author, LIST_posts), post->id);
    counter_move(&author->posts, -1);
    stats_post(p, (struct post *)post, -1);
    seq_delete(post_lists_of_core(s, post), &s->pool, post->id);
}

void post_lists_move(struct part *p, struct user *author, struct object *old,
                     struct object *fresh)
{
    post_lists_remove(p, author, old);
    post_lists_add(p, author, fresh);
}

uint32_t post_lists_pins(const struct part *p, uint64_t author)
{
    const struct seq *pins = seqs_find(p, (struct edge_at){author, LIST_pinned});
    return pins != NULL ? pins->count : 0;
}
