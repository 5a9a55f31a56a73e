// Everything here is read from atomics or belongs to the control thread.
#include "api/admin.h"

#include <stdio.h>
#include <string.h>

#include "api/stats.h"
#include "api/text.h"

struct reply { unsigned status; const char *type; };

// Who asks.
struct caller {
    struct admin *admin;
    net_conn conn;
    const struct http_request *h;
};

static const char json_type[] = "application/json", text_type[] = "text/plain; charset=utf-8";

static void send(const struct caller *c, struct reply reply, const struct text *body)
{
    struct http_answer answer = {
        .status = body->failed ? 500 : reply.status,
        .content_type = reply.type,
        .body = body->s != NULL ? body->s : "",
        .body_size = body->n,
        .head = c->h->method == HTTP_HEAD,
    };
    net_send_http(c->admin->net, c->conn, c->h->sequence, &answer);
}

static const char *phase_name(int phase)
{
    switch ((enum phase)phase) {
    case PHASE_START:
        return "starting";
    case PHASE_SNAPSHOT:
        return "loading snapshot";
    case PHASE_LOG:
        return "reading log";
    case PHASE_SERVING:
        return "serving";
    case PHASE_DRAINING:
        return "draining";
    }
    return "unknown";
}

static void live(const struct caller *c)
{
    struct text t = {0};
    text_add(&t, "ok\n");
    send(c, (struct reply){200, text_type}, &t);
    text_free(&t);
}

static void ready(const struct caller *c)
{
    struct server *s = c->admin->server;
    int phase = atomic_load(&s->phase);
    bool good = phase == PHASE_SERVING && !server_dead(s);
    struct text t = {0};
    text_format(&t, "{\"ready\":%s,\"phase\":\"%s\",\"done\":%llu,\"all\":%llu}\n",
                good ? "true" : "false", server_dead(s) ? "dead" : phase_name(phase),
                (unsigned long long)atomic_load(&s->progress_done),
                (unsigned long long)atomic_load(&s->progress_all));
    send(c, (struct reply){good ? 200 : 503, json_type}, &t);
    text_free(&t);
}

static void metrics(const struct caller *c)
{
    struct text t = {0};
    stats_prometheus(c->admin->server, &t);
    send(c, (struct reply){200, "text/plain; version=0.0.4; charset=utf-8"}, &t);
    text_free(&t);
}

static void varz(const struct caller *c)
{
    struct text t = {0};
    stats_json(c->admin->server, &t);
    send(c, (struct reply){200, json_type}, &t);
    text_free(&t);
}

static void problem(const struct caller *c, struct reply reply, const char *title)
{
    struct text t = {0};
    text_format(&t, "{\"title\":\"%s\",\"status\":%u,\"code\":\"%s\"}\n", title, reply.status,
                reply.type);
    send(c, (struct reply){reply.status, "application/problem+json"}, &t);
    text_free(&t);
}

static bool keep(const struct caller *c, enum admin_wait what)
{
    struct admin *a = c->admin;
    if (a->waits == ADMIN_WAITS)
        return false;
    a->wait[a->waits].conn = c->conn;
    a->wait[a->waits].sequence = c->h->sequence;
    a->wait[a->waits].what = what;
    a->waits++;
    return true;
}

static void snapshot(const struct caller *c)
{
    struct admin *a = c->admin;
    if (a->snapshot_wanted || snapshotter_busy(a->server->snapshotter))
        problem(c, (struct reply){409, "conflict"}, "A snapshot is being taken");
    else if (!keep(c, ADMIN_SNAPSHOT))
        problem(c, (struct reply){503, "overloaded"}, "Too many wait");
    else
        a->snapshot_wanted = true;
}

// Where the next segment is ready, or cannot be, nothing older shares the mark's.
void admin_snapshot_step(struct admin *a)
{
    struct wal_stats w;
    if (!a->snapshot_wanted || snapshotter_busy(a->server->snapshotter))
        return;
    wal_stats(a->server->wal, &w);
    if (w.spares > 0 || w.no_space)
        a->snapshot_wanted = !snapshotter_ask(a->server->snapshotter, a->queue);
}

static void digest(const struct caller *c)
{
    if (keep(c, ADMIN_DIGEST))
        c->admin->digest_wanted = true;
    else
        problem(c, (struct reply){503, "overloaded"}, "Too many wait");
}

// Answers all that waited for this.
static void tell(struct admin *a, enum admin_wait what, unsigned status, const struct text *t)
{
    unsigned n = 0;
    for (unsigned i = 0; i < a->waits; i++) {
        if (a->wait[i].what != what) {
            a->wait[n++] = a->wait[i];
            continue;
        }
        struct http_answer answer = {.status = status, .content_type = json_type, .body = t->s,
                                     .body_size = t->n};
        net_send_http(a->net, a->wait[i].conn, a->wait[i].sequence, &answer);
    }
    a->waits = n;
}

void admin_snapshot_ended(struct admin *a, const struct snapshot_result *result)
{
    struct text t = {0};
    if (result->error == 0)
        text_format(&t, "{\"place\":%llu}\n", (unsigned long long)result->place);
    else
        text_format(&t,
                    "{\"title\":\"The snapshot was given up\",\"status\":500,\"detail\":\"%s\"}\n",
                    strerror(result->error));
    tell(a, ADMIN_SNAPSHOT, result->error == 0 ? 200 : 500, &t);
    text_free(&t);
}

void admin_digest_ended(struct admin *a)
{
    const struct digests *d = &a->server->digests;
    struct text t = {0};
    text_format(&t,
                "{\"place\":%llu,\"objects\":\"%016llx%016llx\",\"edges\":\"%016llx%016llx\"}\n",
                (unsigned long long)d->place, (unsigned long long)d->sum.objects.hi,
                (unsigned long long)d->sum.objects.lo, (unsigned long long)d->sum.edges.hi,
                (unsigned long long)d->sum.edges.lo);
    tell(a, ADMIN_DIGEST, 200, &t);
    text_free(&t);
}

static const struct {
    const char *path;
    enum http_method method;
    bool serving;                  // only then
    void (*fn)(const struct caller *c);
} routes[] = {
    {"/livez", HTTP_GET, false, live},
    {"/readyz", HTTP_GET, false, ready},
    {"/metrics", HTTP_GET, true, metrics},
    {"/varz", HTTP_GET, true, varz},
    {"/digest", HTTP_GET, true, digest},
    {"/snapshot", HTTP_POST, true, snapshot},
};

void admin_http(void *ctx, net_conn c, const struct http_request *h)
{
    struct admin *a = ctx;
    const struct caller caller = {a, c, h};
    enum http_method method = h->method == HTTP_HEAD ? HTTP_GET : h->method;
    bool serving = atomic_load(&a->server->phase) == PHASE_SERVING && !server_dead(a->server);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        size_t n = strlen(routes[i].path);
        if (h->path.n != n || memcmp(h->path.s, routes[i].path, n) != 0)
            continue;
        if (method != routes[i].method)
            problem(&caller, (struct reply){405, "method_not_allowed"}, "Method not allowed here");
        else if (routes[i].serving && !serving)
            problem(&caller, (struct reply){503, "not_ready"}, "Not ready");
        else
            routes[i].fn(&caller);
        return;
    }
    problem(&caller, (struct reply){404, "no_route"}, "No such route");
}
