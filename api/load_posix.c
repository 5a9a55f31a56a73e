// A thread for each share of the work. Shares run long (megabytes of entries), so that a thread may
// be made and joined each time.
#include "api/load.h"

#include <pthread.h>

#include "core/assert.h"

enum { SHARES_MAX = CORES_MAX + 1 };

struct share {
    pthread_t thread;
    bool threaded;
    unsigned i;
    void (*fn)(void *ctx, unsigned i);
    void *ctx;
};

static void *run_share(void *arg)
{
    struct share *s = arg;
    s->fn(s->ctx, s->i);
    return NULL;
}

void load_parallel(unsigned n, void (*fn)(void *ctx, unsigned i), void *ctx)
{
    struct share share[SHARES_MAX];
    ASSERT(n <= SHARES_MAX);
    for (unsigned i = 1; i < n; i++) {
        share[i] = (struct share){.i = i, .fn = fn, .ctx = ctx};
        share[i].threaded = pthread_create(&share[i].thread, NULL, run_share, &share[i]) == 0;
    }
    if (n > 0)
        fn(ctx, 0);
    for (unsigned i = 1; i < n; i++) {
        // Where the system gives no thread the work is done here: slower, not wrong.
        if (share[i].threaded)
            pthread_join(share[i].thread, NULL);
        else
            fn(ctx, i);
    }
}
