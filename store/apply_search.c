// Searches that a user had kept: born in the user's slot, dead with the user.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/record.h"

static struct edge_at searches_of(uint64_t user)
{
    return (struct edge_at){user, LIST_searches};
}

void search_end(struct part *p, uint64_t id)
{
    struct object *o = record_find(p, id);
    ASSERT(o != NULL);
    seqs_remove(p, searches_of(((struct past_search *)o)->user), id);
    record_remove(p, o);
}

static void drop_oldest(struct part *p, uint64_t user)
{
    uint64_t oldest;
    const struct seq *all = seqs_find(p, searches_of(user));
    if (all == NULL || all->count < SEARCHES_PER_USER_MAX) return;
    seq_above(all, 0, &oldest, 1);
    search_end(p, oldest);
}

static void decide_remember(struct apply *a, struct part *p)
{
    const kt_SearchRemember *r = a->body;
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    fb_str term = kt_SearchRemember_search_term(r);
    uint64_t user = a->e->actor;
    struct record_head h = {
        .id = id_make(a->e->stamp, id_slot(user)),
        .word = {user, kt_SearchRemember_clicked_result_id(r), kt_SearchRemember_search_type(r)},
        .n = {term.n},
        .kind = ENTITY_search,
    };
    drop_oldest(p, user);
    struct object *o = record_new(p, &h);
    memcpy(record_data_of(o), term.s, term.n);
    record_insert(p, o);
    seqs_add(p, searches_of(user), h.id);
    a->out.id = h.id;
    a->out.changed = 1;
}

static void decide_forget(struct apply *a, struct part *p)
{
    a->out.id = kt_SearchForget_search_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    search_end(p, a->out.id);
    a->out.changed = 1;
}

static void decide_forget_all(struct apply *a, struct part *p)
{
    uint64_t id[SEARCHES_PER_USER_MAX], user = a->e->actor;
    uint32_t n = seq_below(seqs_find(p, searches_of(user)), 0, id, SEARCHES_PER_USER_MAX);
    for (uint32_t i = 0; i < n; i++) search_end(p, id[i]);
    a->out.changed = n > 0;
}

const struct verb verb_search_remember = {decide_remember, NULL, NULL, NULL};
const struct verb verb_search_forget = {decide_forget, NULL, NULL, NULL};
const struct verb verb_search_forget_all = {decide_forget_all, NULL, NULL, NULL};
