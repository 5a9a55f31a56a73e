#include "tools/kith_data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/limits.h"
#include "tools/kith_cli.h"
#include "tools/kith_progress.h"

static int root_failed(const char *path, const struct root *root, int err)
{
    if (err == ENOENT)
        return failed(EXIT_FAILED, "%s is not a data directory of Kith's", path);
    if (err == EBADMSG)
        return failed(EXIT_DAMAGED, "%s: both slots of the root file are damaged", path);
    if (err == ENOTSUP)
        return failed(EXIT_FAILED, "%s: a version of another format wrote it (%u, compat %u)", path,
                      root->format, root->compat);
    return failed(EXIT_FAILED, "%s: %s", path, strerror(err));
}

int data_open(struct data *d, const char *path, bool lock)
{
    memset(d, 0, sizeof *d);
    d->path = path;
    int err = file_dir_open(&d->dir, path, false);
    if (err != 0)
        return failed(EXIT_FAILED, "%s: %s", path, strerror(err));
    err = root_read(d->dir, &d->root);
    int code = err != 0 ? root_failed(path, &d->root, err) : EXIT_OK;
    if (code == EXIT_OK && lock && file_dir_lock(d->dir) == EWOULDBLOCK)
        code = failed(EXIT_FAILED, "%s is in use: stop its server, or look at a copy", path);
    if (code != EXIT_OK)
        file_dir_close(&d->dir);
    return code;
}

struct load_watch { struct progress progress; const char *phase; };

static void watch(void *ctx, const char *phase, uint64_t done, uint64_t all)
{
    struct load_watch *w = ctx;
    if (w->phase != phase)
        progress_begin(&w->progress, phase);
    w->phase = phase;
    progress_show(&w->progress, done, done, all);
}

static unsigned machine_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > CORES_MAX ? CORES_MAX : (unsigned)n;
}

int data_load(struct data *d, const struct data_load *how)
{
    struct store_options options = {
        .unindexed = true,
        .cores = how->cores != 0 ? how->cores : machine_cores(),
        .partitions = d->root.partitions,
        .hash_key = {d->root.hash_key[0], d->root.hash_key[1]},
        .fanout_max = FANOUT_MAX_DEFAULT,
        .timelines_max = 1,
        .map = pool_map_pages,
        .unmap = pool_unmap_pages,
    };
    if (options.cores > d->root.partitions)
        options.cores = d->root.partitions;
    d->store = store_new(&options);
    struct load_watch w = {0};
    progress_init(&w.progress, how->progress);
    struct load_options load = {
        .read_only = true, .log_only = how->log_only, .until = how->until,
        .progress = watch, .ctx = &w,
    };
    int err = load_state(d->dir, &d->root, d->store, &load, &d->report);
    if (w.progress.terminal && w.progress.on && w.progress.drawn_ns != w.progress.begun_ns)
        fputc('\n', stderr);
    if (err != 0)
        return failed(err == EBADMSG ? EXIT_DAMAGED : EXIT_FAILED, "%s: %s%s%s", d->path,
                      strerror(err), d->report.line[0] != '\0' ? ": " : "", d->report.line);
    if (d->report.recover.refused)
        return failed(EXIT_DAMAGED, "%s: %s", d->path, d->report.line);
    return EXIT_OK;
}

void data_close(struct data *d)
{
    if (d->store != NULL)
        store_free(d->store);
    file_dir_close(&d->dir);
}

struct digest_text digest_hex(struct digest d)
{
    struct digest_text t;
    snprintf(t.s, sizeof t.s, "%016llx%016llx", (unsigned long long)d.hi,
             (unsigned long long)d.lo);
    return t;
}
