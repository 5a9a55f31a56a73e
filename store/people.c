// People by way of people (people.h).
#include "store/people.h"

#include <string.h>

#include "store/store.h"

static struct edge_at list_of(uint64_t owner, enum list_kind list)
{
    return (struct edge_at){owner, list};
}

static const struct part *part_of(const struct shard *s, uint64_t id)
{
    const struct part *p = store_part(s->store, id_slot(id));
    return p->shard == s ? p : NULL;
}

// ---- on every core -----------------------------------------------------------------------------

uint32_t people_followed(const struct shard *s, struct id_list by, struct tally *out, uint32_t max)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < by.n; i++) {
        const struct part *p = part_of(s, by.id[i]);
        if (p == NULL || store_user(s->store, by.id[i]) == NULL) continue;
        uint32_t taken = 0;
        struct edge_list all = edges_all(p, list_of(by.id[i], LIST_following));
        for (uint32_t k = all.n; k-- > 0 && taken < SUGGEST_EACH;) {
            if (all.other[k] == 0) continue;
            if (found < max) out[found] = (struct tally){all.other[k], 1, 0};
            found++;
            taken++;
        }
    }
    return found;
}

uint32_t people_following(const struct shard *s, uint64_t user, struct edge *all, uint32_t n)
{
    const struct part *p = part_of(s, user);
    if (p == NULL) return 0;
    const struct list_head *followers = edges_set(p, list_of(user, LIST_followers));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct edge e = all[i];
        if (edges_in(p, followers, e.other) != 0) all[kept++] = e;
    }
    return kept;
}

// ---- on the viewer's core ----------------------------------------------------------------------

uint32_t people_followees(const struct shard *s, uint64_t viewer, struct edge_room room)
{
    const struct part *p = part_of(s, viewer);
    return p != NULL ? edges_page(p, list_of(viewer, LIST_following), 0, room) : 0;
}

static const uint8_t known[] = {LIST_following, LIST_requested, LIST_dismissed};

uint32_t people_left_out(const struct shard *s, uint64_t viewer)
{
    const struct part *p = part_of(s, viewer);
    if (p == NULL) return 0;
    uint32_t n = 1 + edges_count(p, list_of(viewer, LIST_blocking)) +
                 edges_count(p, list_of(viewer, LIST_blockers));
    for (unsigned i = 0; i < sizeof known; i++)
        n += edges_count(p, list_of(viewer, (enum list_kind)known[i]));
    return n;
}

static bool wanted(struct eye *eye, uint64_t id)
{
    uint64_t viewer = eye->view.viewer;
    if (id == viewer || eye->part == NULL) return false;
    for (unsigned i = 0; i < sizeof known; i++)
        if (edges_find(eye->part, list_of(viewer, (enum list_kind)known[i]), id) != 0) return false;
    return sees_user_id(eye, id) != NULL;
}

static bool before(const struct suggested *a, const struct suggested *b)
{
    if (a->n != b->n) return a->n > b->n;
    if (a->followers != b->followers) return a->followers > b->followers;
    return a->id < b->id;
}

// Into its place, if it is among the best.
static void put(struct suggest_room room, uint32_t *n, struct suggested one)
{
    uint32_t at = *n;
    if (at == room.max && !before(&one, &room.out[at - 1])) return;
    if (at == room.max) at--;
    else (*n)++;
    for (; at > 0 && before(&one, &room.out[at - 1]); at--) room.out[at] = room.out[at - 1];
    room.out[at] = one;
}

uint32_t people_best(const struct view *v, const struct tally *all, uint32_t n,
                     struct suggest_room room)
{
    struct eye eye;
    uint32_t found = 0;
    eye_open(&eye, v);
    for (uint32_t i = 0; i < n && room.max > 0; i++) {
        // The record is looked at only of those who may get in.
        if (found == room.max && all[i].n < room.out[found - 1].n) continue;
        const struct user *u = store_user(v->store, all[i].id);
        if (u == NULL) continue;
        struct suggested one = {all[i].id, all[i].n, u->followers};
        if (found == room.max && !before(&one, &room.out[found - 1])) continue;
        if (wanted(&eye, one.id)) put(room, &found, one);
    }
    return found;
}
