// Who is followed most (popular.h).
#include "store/popular.h"

#include <stdbool.h>

static void find_least(struct popular *p)
{
    p->least = UINT32_MAX;
    for (uint32_t i = 0; i < p->n; i++)
        if (p->followers[i] < p->least) p->least = p->followers[i];
}

void popular_moved(struct popular *p, uint64_t id, uint32_t followers)
{
    // One less than the least has left the list, or was never in it.
    if (p->n == POPULAR_MAX && followers + 1 < p->least) return;
    uint32_t at = 0, lowest = 0;
    while (at < p->n && p->id[at] != id) {
        if (p->followers[at] < p->followers[lowest]) lowest = at;
        at++;
    }
    if (at == p->n) {
        if (p->n == POPULAR_MAX && followers <= p->least) return;
        at = p->n < POPULAR_MAX ? p->n++ : lowest;
    }
    // Whoever takes another's place takes the least one's.
    bool was_least = p->id[at] != id || p->followers[at] == p->least;
    p->id[at] = id;
    p->followers[at] = followers;
    if (p->n == POPULAR_MAX && (was_least || followers < p->least)) find_least(p);
}
