// Three things go on side by side: a share for each core, which reads its partitions' images and
// later applies what was gathered of the log, and one more that gathers the next megabytes
// meanwhile. They meet when all are done, megabytes later, and the gathered is handed over: so
// small batches cost no hand-over each, and no core waits for the disk.
//
//   cores:   images │ apply 1 │ apply 2 │ …
//   reader:  read 1 │ read 2  │ read 3  │ …
#include "api/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/entry.h"
#include "core/limits.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/ahead.h"
#include "store/image.h"
#include "store/index.h"

enum {
    GATHER_BYTES = 4 << 20,
    MARKS_KEPT = 32,         // digest marks whose report has not come yet
};

// Of one core: what its partitions' sums were at a digest mark.
struct mark {
    uint64_t place;
    struct store_digest digest;
};
struct marks {
    struct mark mark[MARKS_KEPT];
    uint64_t n;              // ever made
};

// Whole entries, and which of them are reports of digests.
struct gathered {
    uint8_t *bytes;
    size_t n;
    size_t report[MARKS_KEPT];
    unsigned reports;
};

struct load {
    struct file_dir dir;
    struct store *store;
    const struct load_options *opt;
    struct load_report *out;
    struct recovery *log;
    struct gathered gathered[2];
    struct gathered *fill, *apply;
    bool more;               // of the log
    int log_error;
    uint64_t log_done, log_all; // bytes
    uint64_t from;           // first place to apply
    struct marks marks[CORES_MAX];
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

static void load_parts(struct load *l, unsigned core)
{
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

// What the cores have read: whether it is the state that was written.
static int conclude_snapshot(struct load *l)
{
    struct load_report *out = l->out;
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

// ---- the log: reading --------------------------------------------------------------------------

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

static void gather_entry(struct load *l, const struct entry *e)
{
    struct gathered *g = l->fill;
    ASSERT(g->n + e->length <= GATHER_BYTES + BATCH_MAX);
    if (e->op == OP_digest_report && g->reports < MARKS_KEPT)
        g->report[g->reports++] = g->n;
    memcpy(g->bytes + g->n, e, e->length);
    g->n += e->length;
    l->out->entries++;
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
        gather_entry(l, e);
    }
    return true;
}

static bool is_full(void *ctx)
{
    const struct load *l = ctx;
    return l->fill->n >= GATHER_BYTES;
}

static void log_progress(void *ctx, uint64_t done, uint64_t all)
{
    struct load *l = ctx;
    l->log_done = done;
    l->log_all = all;
}

static void read_more(struct load *l)
{
    l->log_error = recover_more(l->log, &l->out->recover, &l->more);
}

// ---- the log: applying -------------------------------------------------------------------------

static void remember_mark(struct load *l, unsigned core, uint64_t place)
{
    struct marks *marks = &l->marks[core];
    struct mark *m = &marks->mark[marks->n++ % MARKS_KEPT];
    m->place = place;
    shard_digest(&l->store->shard[core], &m->digest);
}

static void apply_wave(struct load *l, unsigned core, const struct entry *const *e, uint32_t n)
{
    struct shard *s = &l->store->shard[core];
    shard_ahead(s, e, n);
    for (uint32_t i = 0; i < n; i++) {
        shard_apply(s, e[i]);
        if (e[i]->op == OP_digest_mark)
            remember_mark(l, core, e[i]->place);
    }
    // After each wave: rows of an import retire more than one call of it gives back.
    quiet_point(&l->store->quiet, core);
    shard_tidy(s);
}

static void apply_gathered(struct load *l, unsigned core)
{
    const struct entry *e[AHEAD_EDGES];
    quiet_online(&l->store->quiet, core);
    for (size_t at = 0; at < l->apply->n;) {
        uint32_t n = 0;
        for (; n < AHEAD_EDGES && at < l->apply->n; at += e[n++]->length)
            e[n] = (const void *)(l->apply->bytes + at);
        apply_wave(l, core, e, n);
    }
    quiet_offline(&l->store->quiet, core);
    shard_tidy(&l->store->shard[core]);
}

// The sums of all cores at the mark; false: it is not among those that are remembered.
static bool digest_at(const struct load *l, uint64_t place, struct store_digest *out)
{
    *out = (struct store_digest){{0, 0}, {0, 0}};
    unsigned found = 0;
    for (unsigned c = 0; c < l->store->cores; c++)
        for (unsigned i = 0; i < MARKS_KEPT && i < l->marks[c].n; i++) {
            const struct mark *m = &l->marks[c].mark[i];
            if (m->place != place)
                continue;
            add_digest(&out->objects, m->digest.objects);
            add_digest(&out->edges, m->digest.edges);
            found++;
        }
    return found == l->store->cores;
}

// A report speaks of a mark before it: the state of this replay there must have been the same.
static void compare_report(struct load *l, const struct entry *e)
{
    const kt_DigestReport *r = fb_root(entry_body(e));
    struct store_digest was;
    if (!digest_at(l, kt_DigestReport_place(r), &was))
        return;
    l->out->digests++;
    if (was.objects.hi == kt_DigestReport_objects_hi(r) &&
        was.objects.lo == kt_DigestReport_objects_lo(r) &&
        was.edges.hi == kt_DigestReport_edges_hi(r) && was.edges.lo == kt_DigestReport_edges_lo(r))
        return;
    if (l->out->digests_wrong++ == 0)
        l->out->digest_wrong_place = kt_DigestReport_place(r);
}

// ---- both --------------------------------------------------------------------------------------

// The shares of the cores, and that of the reader behind them.
static void load_images(void *ctx, unsigned share)
{
    struct load *l = ctx;
    if (share == l->store->cores)
        read_more(l);
    else if (l->out->have_snapshot)
        load_parts(l, share);
}

static void apply_and_read(void *ctx, unsigned share)
{
    struct load *l = ctx;
    if (share < l->store->cores)
        apply_gathered(l, share);
    else if (l->more && l->log_error == 0)
        read_more(l);
}

// What was read is what is applied next.
static void hand_over(struct load *l)
{
    struct gathered *applied = l->apply;
    l->apply = l->fill;
    l->fill = applied;
    applied->n = 0;
    applied->reports = 0;
}

static void apply_log(struct load *l)
{
    for (hand_over(l); l->apply->n > 0 || (l->more && l->log_error == 0); hand_over(l)) {
        if (l->opt->progress != NULL)
            l->opt->progress(l->opt->ctx, "log", l->log_done, l->log_all);
        load_parallel(l->store->cores + 1, apply_and_read, l);
        for (unsigned i = 0; i < l->apply->reports; i++)
            compare_report(l, (const void *)(l->apply->bytes + l->apply->report[i]));
    }
}

// No core is awake: all that was retired goes.
static void tidy_all(void *ctx, unsigned core)
{
    struct load *l = ctx;
    struct shard *s = &l->store->shard[core];
    while (s->limbo.items > 0) shard_tidy(s);
}

static int load_both(struct load *l)
{
    load_parallel(l->store->cores + 1, load_images, l);
    int err = l->out->have_snapshot ? conclude_snapshot(l) : 0;
    if (err != 0)
        return err;
    apply_log(l);
    load_parallel(l->store->cores, tidy_all, l);
    return l->log_error;
}

static int open_log(struct load *l, const struct root *root)
{
    l->from = l->out->have_snapshot ? l->out->snapshot.place + 1 : 1;
    struct recover_options opt = {
        .from_place = l->from,
        .read_only = l->opt->read_only,
        .batch = take_batch,
        .pause = is_full,
        .ctx = l,
        .progress = log_progress,
    };
    for (unsigned i = 0; i < 2; i++) {
        l->gathered[i].bytes = malloc(GATHER_BYTES + BATCH_MAX);
        if (l->gathered[i].bytes == NULL)
            return ENOMEM;
    }
    l->fill = &l->gathered[0];
    l->apply = &l->gathered[1];
    return recover_begin(&l->log, l->dir, root, &opt);
}

static int find_snapshot(struct load *l, const struct root *root)
{
    struct load_report *out = l->out;
    const struct snapshot_search how = {l->dir, root, l->store->cores, load_parallel};
    int err = snapshot_find_by(&how, &out->snapshot, &out->older_snapshot, out->line);
    out->have_snapshot = err == 0;
    return err == ENOENT ? 0 : err;
}

static int load_from(struct load *l, const struct root *root)
{
    int err = l->opt->log_only ? 0 : find_snapshot(l, root);
    if (err == 0)
        err = open_log(l, root);
    if (err == 0)
        err = load_both(l);
    recover_end(l->log, &l->out->at);
    free(l->gathered[0].bytes);
    free(l->gathered[1].bytes);
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
    int err = load_from(l, root);
    if (err == 0)
        load_index(l);
    for (unsigned c = 0; c < store->cores; c++)
        quiet_online(&store->quiet, c);
    if (err == 0 && out->recover.refused && out->line[0] == '\0')
        snprintf(out->line, sizeof out->line, "%.255s", out->recover.line);
    free(l);
    return err;
}
