// Gatherings (gather.h).
#include "api/gather.h"

#include <stdlib.h>

#include "api/mail.h"
#include "core/assert.h"

struct gathering *gather_new(struct reactor *r, struct request *q)
{
    unsigned cores = r->server->cores;
    struct gathering *g = calloc(1, sizeof *g + cores * sizeof g->share[0]);
    if (g == NULL)
        return NULL;
    g->request = q;
    g->home = r->core;
    g->cores = cores;
    for (unsigned c = 0; c < cores; c++)
        g->share[c] = (struct share){.of = g, .core = c};
    ASSERT(q->gathering == NULL);
    q->gathering = g;
    return g;
}

void gather_free(struct request *q)
{
    struct gathering *g = q->gathering;
    if (g == NULL)
        return;
    for (unsigned c = 0; c < g->cores; c++)
        free(g->share[c].result);
    free(g->input);
    free(g);
    q->gathering = NULL;
}

static void ask(struct reactor *r, struct share *share)
{
    if (share->core != r->core) {
        share->of->request->trace.asked++;
        mail_send(r, share->core, MAIL_SHARE, &share);
        return;
    }
    share->of->work(r, share);
}

void gather_all(struct reactor *r, struct gathering *g)
{
    unsigned cores = r->server->cores;
    g->due = cores;
    for (unsigned c = 0; c < cores; c++)
        ask(r, &g->share[c]);
    gather_told(r, &g->share[r->core]);
}

void gather_one(struct reactor *r, struct gathering *g, unsigned core)
{
    g->due = 1;
    ask(r, &g->share[core]);
    if (core == r->core)
        gather_told(r, &g->share[core]);
}

void gather_asked(struct reactor *r, struct share *share)
{
    share->of->work(r, share);
    mail_send(r, share->of->home, MAIL_SHARE_DONE, &share);
}

void gather_told(struct reactor *r, struct share *share)
{
    struct gathering *g = share->of;
    ASSERT(g->due > 0 && g->home == r->core);
    if (--g->due == 0)
        g->done(r, g->request);
}
