#include "bench/pipeline.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/assert.h"
#include "core/errors.h"

enum { BACKOFF_FIRST_MS = 4, BACKOFF_MAX_MS = 1000, TRIES_MAX = 64 };

void pipeline_init(struct pipeline *p, struct client *c)
{
    memset(p, 0, sizeof *p);
    p->client = c;
}

void pipeline_free(struct pipeline *p)
{
    for (unsigned i = 0; i < PIPELINE_WINDOW; i++)
        free(p->flight[i].body);
}

// Refusals that a moment's patience may mend.
static bool may_pass(const struct answer *a)
{
    unsigned error = client_error(a);
    return error == KITH_overloaded || error == KITH_rate_limited || error == KITH_not_ready ||
           error == KITH_place_timeout || error == KITH_unknown_outcome;
}

static void back_off(unsigned tries)
{
    unsigned ms = (unsigned)BACKOFF_FIRST_MS << (tries < 8 ? tries : 8);
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static bool send_flight(struct pipeline *p, struct flight *f)
{
    struct client_request r = {.op = f->op, .actor = f->actor, .body = f->body, .body_n = f->n};
    f->request = client_send(p->client, &r);
    return f->request != 0;
}

static bool take_one(struct pipeline *p)
{
    struct answer a;
    if (client_recv(p->client, &a) != 0)
        return false;
    for (unsigned i = 0; i < PIPELINE_WINDOW; i++) {
        struct flight *f = &p->flight[i];
        if (f->request == 0 || f->request != a.head.request)
            continue;
        if (a.head.status != 0 && may_pass(&a) && f->tries < TRIES_MAX) {
            back_off(f->tries++);
            p->retries++;
            return send_flight(p, f);
        }
        f->request = 0;
        p->waiting--;
        p->ended = !p->done(p->ctx, f->tag, &a);
        return !p->ended;
    }
    return true; // an answer to nothing of ours
}

bool pipeline_send(struct pipeline *p, const struct pipeline_request *r)
{
    while (p->waiting == PIPELINE_WINDOW)
        if (!take_one(p))
            return false;
    if (p->ended)
        return false;
    struct flight *f = p->flight;
    while (f->request != 0)
        f++;
    if (r->n > f->cap) {
        f->body = realloc(f->body, r->n);
        ASSERT(f->body != NULL);
        f->cap = r->n;
    }
    memcpy(f->body, r->body, r->n);
    f->n = r->n;
    f->op = r->op;
    f->actor = r->actor;
    f->tag = r->tag;
    f->tries = 0;
    p->waiting++;
    return send_flight(p, f);
}

bool pipeline_drain(struct pipeline *p)
{
    while (p->waiting > 0)
        if (!take_one(p))
            return false;
    return !p->ended;
}
