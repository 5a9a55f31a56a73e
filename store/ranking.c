// The first of many, behind a cut (ranking.h).
#include "store/ranking.h"

enum {
    RANKED_LOW = RANKING_SHOWN + RANKING_SHOWN / 2,
    RANKED_CUT = 2 * RANKING_SHOWN,   // left by a cut: as many again must go before all are needed
    RANKED_MAX = 4 * RANKING_SHOWN,
};

static void let_go(const struct ranking_rule *by, struct ranked *one)
{
    one->in = false;
    if (by->left != NULL) by->left(by->pool, one);
}

// Too many: the last go.
static void cut(struct ranking *r, const struct ranking_rule *by)
{
    while (r->n > RANKED_CUT) {
        struct ranked *gone = (struct ranked *)(uintptr_t)order_last(&r->order);
        order_remove(&r->order, by->pool, by->before, gone);
        r->n--;
        let_go(by, gone);
    }
    r->last = *(const struct ranked *)order_last(&r->order);
}

bool ranking_behind(const struct ranking *r, const struct ranking_rule *by,
                    const struct ranked *one)
{
    return r->last.id != 0 && by->before(&r->last, one);
}

void ranking_add(struct ranking *r, const struct ranking_rule *by, struct ranked *one)
{
    if (ranking_behind(r, by, one)) return;
    order_insert(&r->order, by->pool, by->before, one);
    one->in = true;
    if (++r->n > RANKED_MAX) cut(r, by);
}

void ranking_remove(struct ranking *r, const struct ranking_rule *by, struct ranked *one)
{
    if (!one->in) return;
    order_remove(&r->order, by->pool, by->before, one);
    one->in = false;
    r->n--;
}

struct ranked *ranking_find(const struct ranking *r, const struct ranking_rule *by,
                            const struct ranked *key)
{
    struct order_walk w;
    if (ranking_behind(r, by, key)) return NULL;
    const struct ranked *one = order_first(&w, &r->order, by->before, key);
    bool is = one != NULL && one->id == key->id && one->score == key->score;
    return is ? (struct ranked *)(uintptr_t)one : NULL;
}

bool ranking_short(const struct ranking *r)
{
    return r->last.id != 0 && r->n < RANKING_SHOWN;
}

bool ranking_low(const struct ranking *r)
{
    return r->last.id != 0 && r->n < RANKED_LOW;
}

void ranking_clear(struct ranking *r, const struct ranking_rule *by)
{
    struct order_walk w;
    const void *item = order_first(&w, &r->order, by->before, NULL);
    for (; item != NULL; item = order_next(&w)) let_go(by, (struct ranked *)(uintptr_t)item);
    order_clear(&r->order, by->pool);
    *r = (struct ranking){0};
}
