// Loading gathers some megabytes of entries before it lets the shards at them side by side, so that
// small batches do not cost a hand-over each. A digest mark ends a gathering early: the sums are
// wanted there.
#include "api/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/entry.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/ahead.h"
#include "store/image.h"
#include "store/index.h"

enum {
    GATHER_BYTES = 4 << 20,
    MARKS_KEPT = 8,          // digest marks whose report has not come yet
};

struct mark {
    uint64_t place;
    struct store_digest digest;
};

struct load {
    struct file_dir dir;
    struct store *store;
    const struct load_options *opt;
    struct load_report *out;
    uint8_t *gathered;       // whole entries, GATHER_BYTES
    size_t gathered_n;
    uint64_t from;           // first place to apply
    struct mark mark[MARKS_KEPT];
    unsigned marks;          // ever made
    int part_error[CORES_MAX];
    _Atomic uint64_t parts_done;
};

static void add_digest(struct digest *to, struct digest d)
{
    to->lo += d.lo;
    to->hi += d.hi + (to->lo < d.lo);
}

void load_digest(const struct store *store, struct store_digest *out)
{
    *out = (struct store_digest){{0, 0}, {0, 0}};
    for (unsigned c = 0; c < store->cores; c++) {
        struct store_digest of_shard;
        shard_digest(&store->shard[c], &of_shard);
        add_digest(&out->objects, of_shard.objects);
        add_digest(&out->edges, of_shard.edges);
    }
}

// ---- the snapshot ------------------------------------------------------------------------------

static int take_piece(void *ctx, const void *bytes, size_t n)
{
    return image_load(ctx, bytes, n) ? 0 : EBADMSG;
}

static int load_part(struct load *l, unsigned p)
{
    struct image_loader *loader = image_load_begin(&l->store->part[p]);
    if (loader == NULL)
        return ENOMEM;
    int err = snapshot_read_part(l->dir, l->out->snapshot.place, p, take_piece, loader);
    bool whole = image_load_end(loader);
    return err != 0 ? err : whole ? 0 : EBADMSG;
}

static void load_parts(void *ctx, unsigned core)
{
    struct load *l = ctx;
    for (unsigned p = core; p < l->store->partitions && l->part_error[core] == 0;
         p += l->store->cores) {
        l->part_error[core] = load_part(l, p);
        uint64_t done = atomic_fetch_add(&l->parts_done, 1) + 1;
        if (core == 0 && l->opt->progress != NULL)
            l->opt->progress(l->opt->ctx, "snapshot", done, l->store->partitions);
    }
}

static void derive(void *ctx, unsigned core)
{
    struct load *l = ctx;
    image_loaded(&l->store->shard[core], l->out->snapshot.place, l->out->snapshot.last_stamp);
}

static int load_snapshot(struct load *l, const struct root *root)
{
    struct load_report *out = l->out;
    int err = snapshot_find(l->dir, root, &out->snapshot, &out->older_snapshot, out->line);
    if (err == ENOENT)
        return 0;
    if (err != 0)
        return err;
    out->have_snapshot = true;
    load_parallel(l->store->cores, load_parts, l);
    for (unsigned c = 0; c < l->store->cores; c++) {
        if (l->part_error[c] == 0)
            continue;
        snprintf(out->line, sizeof out->line, "snapshot %llu cannot be loaded: %s",
                 (unsigned long long)out->snapshot.place, strerror(l->part_error[c]));
        return l->part_error[c];
    }
    load_parallel(l->store->cores, derive, l);
    struct store_digest sum;
    load_digest(l->store, &sum);
    out->snapshot_wrong =
        sum.objects.lo != out->snapshot.objects[0] || sum.objects.hi != out->snapshot.objects[1] ||
        sum.edges.lo != out->snapshot.edges[0] || sum.edges.hi != out->snapshot.edges[1];
    if (out->snapshot_wrong)
        snprintf(out->line, sizeof out->line,
                 "snapshot %llu loads to another digest than it was written with",
                 (unsigned long long)out->snapshot.place);
    return 0;
}

// ---- the log -----------------------------------------------------------------------------------

static void apply_gathered(void *ctx, unsigned core)
{
    struct load *l = ctx;
    struct shard *s = &l->store->shard[core];
    quiet_online(&l->store->quiet, core);
    const struct entry *e[AHEAD_EDGES];
    for (size_t at = 0; at < l->gathered_n;) {
        uint32_t n = 0;
        for (; n < AHEAD_EDGES && at < l->gathered_n; at += e[n++]->length)
            e[n] = (const void *)(l->gathered + at);
        shard_ahead(s, e, n);
        for (uint32_t i = 0; i < n; i++) shard_apply(s, e[i]);
        // After each wave: rows of an import retire more than one call of it gives back.
        quiet_point(&l->store->quiet, core);
        shard_tidy(s);
    }
    quiet_offline(&l->store->quiet, core);
    shard_tidy(s);
}

static void flush_gathered(struct load *l)
{
    if (l->gathered_n > 0)
        load_parallel(l->store->cores, apply_gathered, l);
    l->gathered_n = 0;
}

static void remember_mark(struct load *l, uint64_t place)
{
    struct mark *m = &l->mark[l->marks++ % MARKS_KEPT];
    m->place = place;
    load_digest(l->store, &m->digest);
}

// A report speaks of a mark before it: the state of this replay there must have been the same.
static void compare_report(struct load *l, const struct entry *e)
{
    const kt_DigestReport *r = fb_root(entry_body(e));
    for (unsigned i = 0; i < MARKS_KEPT && i < l->marks; i++) {
        const struct mark *m = &l->mark[i];
        if (m->place != kt_DigestReport_place(r))
            continue;
        l->out->digests++;
        if (m->digest.objects.hi == kt_DigestReport_objects_hi(r) &&
            m->digest.objects.lo == kt_DigestReport_objects_lo(r) &&
            m->digest.edges.hi == kt_DigestReport_edges_hi(r) &&
            m->digest.edges.lo == kt_DigestReport_edges_lo(r))
            return;
        if (l->out->digests_wrong++ == 0)
            l->out->digest_wrong_place = m->place;
        return;
    }
}

static bool refuse_entry(struct load *l, const struct entry *e)
{
    const struct op_row *row = op_row(e->op);
    snprintf(l->out->line, sizeof l->out->line,
             "the entry at place %llu (operation %u, %s) cannot be applied; "
             "see: kith wal cat --from %llu",
             (unsigned long long)e->place, e->op, row != NULL ? row->name : "unknown",
             (unsigned long long)e->place);
    return false;
}

static bool take_batch(void *ctx, const struct batch *b)
{
    struct load *l = ctx;
    for (uint32_t at = 0; at < b->bytes;) {
        const struct entry *e = batch_entry(b, at);
        at += e->length;
        if (e->place < l->from || (l->opt->until != 0 && e->place > l->opt->until))
            continue;
        if (!store_entry_valid(e))
            return refuse_entry(l, e);
        if (l->gathered_n + e->length > GATHER_BYTES)
            flush_gathered(l);
        memcpy(l->gathered + l->gathered_n, e, e->length);
        l->gathered_n += e->length;
        l->out->entries++;
        if (e->op == OP_digest_mark) {
            flush_gathered(l);
            remember_mark(l, e->place);
        } else if (e->op == OP_digest_report) {
            compare_report(l, e);
        }
    }
    return true;
}

static void log_progress(void *ctx, uint64_t done, uint64_t all)
{
    const struct load *l = ctx;
    if (l->opt->progress != NULL)
        l->opt->progress(l->opt->ctx, "log", done, all);
}

// No core is awake: all that was retired goes.
static void tidy_all(void *ctx, unsigned core)
{
    struct load *l = ctx;
    struct shard *s = &l->store->shard[core];
    while (s->limbo.items > 0) shard_tidy(s);
}

static int load_log(struct load *l, const struct root *root)
{
    l->from = l->out->have_snapshot ? l->out->snapshot.place + 1 : 1;
    struct recover_options opt = {
        .from_place = l->from,
        .read_only = l->opt->read_only,
        .batch = take_batch,
        .ctx = l,
        .progress = log_progress,
    };
    l->gathered = malloc(GATHER_BYTES);
    if (l->gathered == NULL)
        return ENOMEM;
    int err = recover_log(l->dir, root, &opt, &l->out->at, &l->out->recover);
    flush_gathered(l);
    load_parallel(l->store->cores, tidy_all, l);
    free(l->gathered);
    return err;
}

// ---- the index ---------------------------------------------------------------------------------

static void build_index(void *ctx, unsigned core)
{
    struct load *l = ctx;
    struct shard *s = &l->store->shard[core];
    if (l->opt->index_later)
        index_begin(s);
    else
        index_build(s);
    tidy_all(l, core);
}

static void load_index(struct load *l)
{
    if (l->store->shard[0].index != NULL)
        load_parallel(l->store->cores, build_index, l);
}

int load_state(struct file_dir dir, const struct root *root, struct store *store,
               const struct load_options *opt, struct load_report *out)
{
    ASSERT(store->partitions == root->partitions);
    ASSERT(opt->until == 0 || opt->read_only);
    memset(out, 0, sizeof *out);
    struct load *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ENOMEM;
    *l = (struct load){.dir = dir, .store = store, .opt = opt, .out = out};
    // No core runs yet: none may hold up the freeing of what the replay itself retires.
    for (unsigned c = 0; c < store->cores; c++) {
        quiet_offline(&store->quiet, c);
        index_wait(&store->shard[c]);
    }
    int err = opt->log_only ? 0 : load_snapshot(l, root);
    if (err == 0)
        err = load_log(l, root);
    if (err == 0)
        load_index(l);
    for (unsigned c = 0; c < store->cores; c++)
        quiet_online(&store->quiet, c);
    if (err == 0 && out->recover.refused && out->line[0] == '\0')
        snprintf(out->line, sizeof out->line, "%.255s", out->recover.line);
    free(l);
    return err;
}
