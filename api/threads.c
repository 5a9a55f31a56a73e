// A loop sleeps inside its step; ending them wakes all.
#include "api/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/control.h"
#include "api/helper.h"
#include "api/reactor.h"
#include "api/snapshotter.h"
#include "core/clock.h"
#include "core/logger.h"
#include "core/quiet.h"
#include "store/store.h"

enum { SLEEP_MS = 250, CONTROL_MS = 20, REST_LEAST_NS = 200 * 1000, NAME_BYTES = 16 };

struct thread {
    pthread_t id;
    bool running;
    struct server *server;
    unsigned i;
};

struct threads {
    struct thread core[CORES_MAX], helper[HELPER_THREADS];
    struct thread writer, control, snapshot;
};

static bool ends(const struct server *s)
{
    return atomic_load_explicit(&s->stopping, memory_order_acquire);
}

static void *run_core(void *arg)
{
    const struct thread *t = arg;
    struct server *s = t->server;
    struct reactor *r = s->reactor[t->i];
    quiet_online(&s->store->quiet, t->i);
    while (!ends(s) && !server_dead(s))
        reactor_turn(r, SLEEP_MS);
    quiet_offline(&s->store->quiet, t->i);
    return NULL;
}

static void wake_all(struct server *s)
{
    for (unsigned c = 0; c < s->cores; c++)
        if (s->reactor[c] != NULL && s->reactor[c]->net != NULL)
            net_wake(s->reactor[c]->net);
    control_wake(s->control);
    if (s->wal != NULL)
        wal_kick(s->wal);
    for (unsigned i = 0; s->helpers != NULL && i < HELPER_THREADS; i++)
        event_signal(helper_event(s->helpers, i));
    if (s->snapshotter != NULL)
        event_signal(snapshotter_event(s->snapshotter));
}

static void *run_writer(void *arg)
{
    const struct thread *t = arg;
    struct server *s = t->server;
    while (!ends(s) && !server_dead(s)) {
        server_write(s, SLEEP_MS);
        if (server_dead(s))
            wake_all(s);
    }
    return NULL;
}

static void *run_control(void *arg)
{
    const struct thread *t = arg;
    const struct timespec pause = {.tv_nsec = CONTROL_MS * 1000000L};
    while (!ends(t->server)) {
        control_step(t->server->control, CONTROL_MS);
        if (t->server->opt.admin == NULL) // no port to wait at
            nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *run_helper(void *arg)
{
    const struct thread *t = arg;
    struct helpers *h = t->server->helpers;
    struct event *e = helper_event(h, t->i);
    while (!ends(t->server)) {
        if (helper_step(h))
            continue;
        event_arm(e);
        if (ends(t->server) || helper_step(h))
            event_disarm(e);
        else
            event_wait(e, SLEEP_MS);
    }
    return NULL;
}

static uint64_t nap(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
    return 0;
}

static void *run_snapshot(void *arg)
{
    const struct thread *t = arg;
    struct snapshotter *n = t->server->snapshotter;
    struct event *e = snapshotter_event(n);
    uint64_t rest = 0;
    while (!ends(t->server)) {
        uint64_t began = clock_mono_ns();
        if (snapshotter_step(n)) {
            rest += snapshotter_rest_ns(n, clock_mono_ns() - began);
            if (rest >= REST_LEAST_NS)
                rest = nap(rest);
            continue;
        }
        event_arm(e);
        if (ends(t->server) || snapshotter_step(n))
            event_disarm(e);
        else
            event_wait(e, CONTROL_MS);
    }
    return NULL;
}

static int start(struct server *s, struct thread *t, const char *name, void *(*run)(void *))
{
    t->server = s;
    int err = pthread_create(&t->id, NULL, run, t);
    t->running = err == 0;
    if (t->running)
        pthread_setname_np(t->id, name);
    return err;
}

int threads_begin(struct server *s)
{
    s->threads = calloc(1, sizeof *s->threads);
    if (s->threads == NULL)
        return ENOMEM;
    return start(s, &s->threads->control, "kith-control", run_control);
}

int threads_serve(struct server *s)
{
    struct threads *t = s->threads;
    char name[NAME_BYTES];
    int err = start(s, &t->writer, "kith-writer", run_writer);
    for (unsigned i = 0; i < HELPER_THREADS && err == 0; i++) {
        t->helper[i].i = i;
        err = start(s, &t->helper[i], "kith-helper", run_helper);
    }
    if (err == 0)
        err = start(s, &t->snapshot, "kith-snapshot", run_snapshot);
    for (unsigned c = 0; c < s->cores && err == 0; c++) {
        t->core[c].i = c;
        snprintf(name, sizeof name, "kith-core-%u", c);
        err = start(s, &t->core[c], name, run_core);
    }
    return err;
}

static bool all_idle(const struct server *s)
{
    for (unsigned c = 0; c < s->cores; c++)
        if (!atomic_load(&s->shared[c].idle))
            return false;
    return true;
}

void threads_drain(struct server *s, int ms)
{
    const struct timespec nap = {0, 5 * 1000 * 1000};
    wake_all(s);
    for (int waited = 0; waited < ms && !all_idle(s) && !server_dead(s); waited += 5) {
        nanosleep(&nap, NULL);
        wake_all(s);
    }
}

static void end(struct thread *t)
{
    if (t->running)
        pthread_join(t->id, NULL);
    t->running = false;
}

void threads_end(struct server *s)
{
    struct threads *t = s->threads;
    if (t == NULL)
        return;
    atomic_store(&s->stopping, true);
    wake_all(s);
    for (unsigned c = 0; c < s->cores; c++)
        end(&t->core[c]);
    for (unsigned i = 0; i < HELPER_THREADS; i++)
        end(&t->helper[i]);
    end(&t->writer);
    end(&t->snapshot);
    end(&t->control);
    free(t);
    s->threads = NULL;
}
