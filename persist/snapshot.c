// Snapshots: the directory of parts and a manifest, made beside and renamed, and finding the newest
// whole one. A directory under its final name is always complete; one ending in .tmp never counts.
#include "persist/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/limits.h"
#include "persist/manifest.h"
#include "persist/part.h"

enum {
    BLOCK_BYTES = 2 << 10,     // frames are gathered in blocks of this size
    BLOCKS = PARTITIONS_MAX,   // in all: 2 MiB
    DIR_NAME = 28,             // 20 digits, ".tmp", the end
};

static void dir_name(char out[DIR_NAME], uint64_t place, bool tmp)
{
    snprintf(out, DIR_NAME, "%020llu%s", (unsigned long long)place, tmp ? ".tmp" : "");
}

// ---- names --------------------------------------------------------------------------------------

struct names {
    char (*list)[DIR_NAME];
    unsigned n, room;
    int error;
};

// Names longer than ours are of no interest here and are left out.
static void names_add(void *ctx, const char *name)
{
    struct names *v = ctx;
    if (strlen(name) >= DIR_NAME || v->error)
        return;
    if (v->n == v->room) {
        unsigned room = v->room ? 2 * v->room : 64;
        void *list = realloc(v->list, room * sizeof *v->list);
        if (!list) {
            v->error = ENOMEM;
            return;
        }
        v->list = list;
        v->room = room;
    }
    strcpy(v->list[v->n++], name);
}

static bool is_tmp(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".tmp") == 0;
}

// The place in a final directory's name; false for every other name.
static bool name_place(const char *name, uint64_t *place)
{
    *place = 0;
    for (unsigned i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        *place = *place * 10 + (uint64_t)(name[i] - '0');
    }
    return name[20] == 0;
}

// Removes a directory with the files in it.
static int remove_dir(struct file_dir at, const char *name)
{
    struct file_dir dir;
    int e = file_dir_at(&dir, at, name, false);
    if (e)
        return e;
    struct names v = {0};
    e = file_list(dir, names_add, &v);
    if (!e)
        e = v.error;
    for (unsigned i = 0; i < v.n && !e; i++)
        e = file_unlink(dir, v.list[i]);
    free(v.list);
    file_dir_close(&dir);
    return e ? e : file_dir_remove(at, name);
}

// Under its final name a snapshot must never be there in part: it goes by way of the other name.
static void retire(struct file_dir at, uint64_t place)
{
    char name[DIR_NAME], tmp[DIR_NAME];
    dir_name(name, place, false);
    dir_name(tmp, place, true);
    if (file_rename(at, name, tmp) || file_dir_sync(at))
        return; // snapshot_clean takes it at the next start
    (void)remove_dir(at, tmp);
}

// ---- writing ------------------------------------------------------------------------------------

// The frame of a partition that is being filled: a chain of blocks. Most partitions get only a
// before-image now and then, one or two are being walked.
struct fill {
    uint32_t n;                // bytes
    uint16_t first, last;      // blocks, if n > 0
};

struct snapshot_writer {
    struct file_dir at, dir;   // snapshot/ and the directory being filled
    bool dir_open;
    uint64_t log_id[2], place;
    unsigned partitions;
    int error;                 // sticky
    struct part_packer packer;
    struct part *parts;
    bool *done, *checked;      // a part is whole on disk; and was read back
    struct fill *fill;         // of each partition
    uint8_t *raw;              // a frame in one piece: PART_RAW_MAX bytes
    uint8_t (*block)[BLOCK_BYTES];
    uint16_t next[BLOCKS];     // in a partition's chain, or among the free
    unsigned free, free_n;     // the first free block, and how many
};

static void writer_free(struct snapshot_writer *w)
{
    for (unsigned i = 0; w->parts && i < w->partitions; i++)
        if (w->parts[i].open)
            file_close(&w->parts[i].file);
    part_packer_free(&w->packer);
    free(w->parts);
    free(w->done);
    free(w->checked);
    free(w->fill);
    free(w->raw);
    free(w->block);
    if (w->dir_open)
        file_dir_close(&w->dir);
    file_dir_close(&w->at);
    free(w);
}

static int make_dir(struct snapshot_writer *w)
{
    char name[DIR_NAME];
    struct file_dir there;
    dir_name(name, w->place, false);
    int e = file_dir_at(&there, w->at, name, false);
    if (!e)
        file_dir_close(&there);
    if (e != ENOENT)
        return e ? e : EEXIST;
    dir_name(name, w->place, true);
    e = remove_dir(w->at, name); // of an attempt that was interrupted
    if (e && e != ENOENT)
        return e;
    e = file_dir_at(&w->dir, w->at, name, true);
    w->dir_open = e == 0;
    return e;
}

static int make_memory(struct snapshot_writer *w)
{
    w->parts = calloc(w->partitions, sizeof *w->parts);
    w->done = calloc(w->partitions, sizeof *w->done);
    w->checked = calloc(w->partitions, sizeof *w->checked);
    w->fill = calloc(w->partitions, sizeof *w->fill);
    w->raw = malloc(PART_RAW_MAX);
    w->block = malloc(BLOCKS * sizeof *w->block);
    for (unsigned i = 0; i < BLOCKS; i++)
        w->next[i] = (uint16_t)(i + 1);
    w->free_n = BLOCKS;
    bool all = w->parts && w->done && w->checked && w->fill && w->raw && w->block;
    return all ? part_packer_init(&w->packer) : ENOMEM;
}

int snapshot_begin(struct snapshot_writer **out, struct file_dir dir, const struct root *root,
                   uint64_t place)
{
    *out = NULL;
    struct snapshot_writer *w = calloc(1, sizeof *w);
    if (!w)
        return ENOMEM;
    int e = file_dir_at(&w->at, dir, "snapshot", true);
    if (e) {
        free(w);
        return e;
    }
    w->log_id[0] = root->log_id[0];
    w->log_id[1] = root->log_id[1];
    w->place = place;
    w->partitions = root->partitions;
    e = make_memory(w);
    if (!e)
        e = make_dir(w);
    if (e) {
        writer_free(w);
        return e;
    }
    *out = w;
    return 0;
}

static int begin_part(struct snapshot_writer *w, unsigned p)
{
    if (w->parts[p].open)
        return 0;
    struct part_id id = {{w->log_id[0], w->log_id[1]}, w->place, p};
    return part_begin(&w->parts[p], w->dir, &id);
}

// Writes what has been gathered of a part as one frame. The file is made when the first is written,
// so that few are open at a time.
static int flush_part(struct snapshot_writer *w, unsigned p)
{
    struct fill *f = &w->fill[p];
    unsigned b = f->first;
    for (uint32_t at = 0; at < f->n; at += BLOCK_BYTES) {
        uint32_t left = f->n - at;
        memcpy(w->raw + at, w->block[b], left < BLOCK_BYTES ? left : BLOCK_BYTES);
        unsigned next = w->next[b];
        w->next[b] = (uint16_t)w->free;
        w->free = b;
        w->free_n++;
        b = next;
    }
    struct part *part = &w->parts[p];
    part->raw = w->raw;
    part->raw_n = f->n;
    f->n = 0;
    int e = begin_part(w, p);
    if (!e)
        e = part_flush(part, &w->packer);
    part->raw = NULL;
    return e;
}

static int flush_fullest(struct snapshot_writer *w)
{
    unsigned fullest = 0;
    for (unsigned p = 1; p < w->partitions; p++)
        if (w->fill[p].n > w->fill[fullest].n)
            fullest = p;
    return flush_part(w, fullest);
}

static int add_block(struct snapshot_writer *w, unsigned p)
{
    int e = w->free_n == 0 ? flush_fullest(w) : 0; // which may be this part
    if (e)
        return e;
    struct fill *f = &w->fill[p];
    uint16_t b = (uint16_t)w->free;
    w->free = w->next[b];
    w->free_n--;
    if (f->n == 0)
        f->first = b;
    else
        w->next[f->last] = b;
    f->last = b;
    return 0;
}

static int append(struct snapshot_writer *w, unsigned p, const uint8_t *bytes, size_t n)
{
    struct fill *f = &w->fill[p];
    int e = 0;
    while (n > 0 && !e) {
        size_t used = f->n % BLOCK_BYTES;
        if (used == 0)
            e = add_block(w, p);
        if (e)
            break;
        size_t take = n < BLOCK_BYTES - used ? n : BLOCK_BYTES - used;
        memcpy(w->block[f->last] + used, bytes, take);
        f->n += (uint32_t)take;
        bytes += take;
        n -= take;
        if (f->n == PART_RAW_MAX)
            e = flush_part(w, p);
    }
    return e;
}

int snapshot_append(struct snapshot_writer *w, unsigned p, const void *bytes, size_t n)
{
    ASSERT(p < w->partitions);
    ASSERT(!w->done[p]);
    if (!w->error)
        w->error = append(w, p, bytes, n);
    return w->error;
}

int snapshot_part_done(struct snapshot_writer *w, unsigned p)
{
    ASSERT(p < w->partitions);
    ASSERT(!w->done[p]);
    if (!w->error)
        w->error = flush_part(w, p);
    if (!w->error)
        w->error = part_end(&w->parts[p]);
    w->done[p] = true;
    return w->error;
}

static bool sums_equal(const struct part_sum *a, const struct part_sum *b)
{
    return a->bytes_raw == b->bytes_raw && a->bytes_disk == b->bytes_disk &&
           a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1];
}

// Reads it from the disk as it will be read one day, and compares.
int snapshot_check_part(struct snapshot_writer *w, unsigned p)
{
    ASSERT(p < w->partitions);
    ASSERT(w->done[p]);
    if (w->error)
        return w->error;
    struct part_reading how = {.from_disk = true};
    struct part_id id = {{w->log_id[0], w->log_id[1]}, w->place, p};
    struct part_sum sum;
    w->error = part_read(w->dir, &id, &how, &sum);
    if (!w->error && !sums_equal(&sum, &w->parts[p].sum))
        w->error = EBADMSG;
    w->checked[p] = w->error == 0;
    return w->error;
}

static int read_back(struct snapshot_writer *w)
{
    for (unsigned p = 0; p < w->partitions; p++)
        if (!w->checked[p] && snapshot_check_part(w, p))
            break;
    return w->error;
}

static int write_manifest(struct snapshot_writer *w, const struct snapshot_info *given)
{
    struct snapshot_info info = *given;
    info.place = w->place;
    info.partitions = w->partitions;
    info.log_id[0] = w->log_id[0];
    info.log_id[1] = w->log_id[1];
    info.bytes_raw = 0;
    info.bytes_disk = 0;
    struct part_sum *sums = calloc(w->partitions, sizeof *sums);
    if (!sums)
        return ENOMEM;
    for (unsigned p = 0; p < w->partitions; p++) {
        sums[p] = w->parts[p].sum;
        info.bytes_raw += sums[p].bytes_raw;
        info.bytes_disk += sums[p].bytes_disk;
    }
    int e = manifest_write(w->dir, &info, sums);
    free(sums);
    return e ? e : file_dir_sync(w->dir);
}

static int finish(struct snapshot_writer *w, const struct snapshot_info *info)
{
    for (unsigned p = 0; p < w->partitions && !w->error; p++)
        if (!w->done[p])
            snapshot_part_done(w, p);
    if (w->error)
        return w->error;
    int e = file_dir_sync(w->dir);
    if (!e)
        e = read_back(w);
    if (!e)
        e = write_manifest(w, info);
    if (e)
        return e;
    char name[DIR_NAME], tmp[DIR_NAME];
    dir_name(name, w->place, false);
    dir_name(tmp, w->place, true);
    e = file_rename(w->at, tmp, name);
    return e ? e : file_dir_sync(w->at);
}

static unsigned list_places(struct file_dir at, uint64_t **out);

int snapshot_finish(struct snapshot_writer *w, const struct snapshot_info *info)
{
    unsigned keep = info->keep > 0 ? info->keep : SNAPSHOTS_KEPT;
    int e = finish(w, info);
    if (e) {
        snapshot_abort(w);
        return e;
    }
    uint64_t *places;
    unsigned n = list_places(w->at, &places);
    for (unsigned i = keep; i < n; i++)
        retire(w->at, places[i]);
    free(places);
    writer_free(w);
    return 0;
}

void snapshot_abort(struct snapshot_writer *w)
{
    char tmp[DIR_NAME];
    dir_name(tmp, w->place, true);
    (void)remove_dir(w->at, tmp); // what cannot be removed now goes at the next start
    writer_free(w);
}

// ---- reading ------------------------------------------------------------------------------------

// Places of all directories with a final name, newest first; *out is malloc'd.
static unsigned list_places(struct file_dir at, uint64_t **out)
{
    struct names v = {0};
    *out = NULL;
    unsigned n = 0;
    if (file_list_dirs(at, names_add, &v) == 0 && v.n > 0)
        *out = calloc(v.n, sizeof **out);
    for (unsigned i = v.n; *out && i-- > 0;)
        n += name_place(v.list[i], &(*out)[n]);
    free(v.list);
    return n;
}

static int open_snapshot(struct file_dir *out, struct file_dir at, uint64_t place)
{
    char name[DIR_NAME];
    dir_name(name, place, false);
    return file_dir_at(out, at, name, false);
}

struct verifying {
    struct file_dir dir;
    const struct snapshot_info *info;
    const struct part_sum *sums;
    unsigned threads;
    struct bad { unsigned part; int error; } *bad; // of each thread the first; part: none if beyond
};

static void verify_share(void *ctx, unsigned i)
{
    struct verifying *v = ctx;
    const struct snapshot_info *info = v->info;
    struct part_reading how = {0};
    unsigned p = i;
    for (; p < info->partitions; p += v->threads) {
        struct part_id id = {{info->log_id[0], info->log_id[1]}, info->place, p};
        struct part_sum sum;
        int e = part_read(v->dir, &id, &how, &sum);
        v->bad[i].error = e;
        if (e || !sums_equal(&sum, &v->sums[p]))
            break;
    }
    v->bad[i].part = p;
}

// NULL, or what is wrong with the first part that is damaged.
static const char *verify_parts(const struct snapshot_search *how, struct verifying *v,
                                char text[64])
{
    static const char no_memory[] = "no memory to read it";
    v->bad = calloc(how->threads, sizeof *v->bad);
    if (!v->bad)
        return no_memory;
    v->threads = how->threads;
    how->parallel(how->threads, verify_share, v);
    struct bad first = v->bad[0];
    for (unsigned i = 1; i < how->threads; i++)
        if (v->bad[i].part < first.part)
            first = v->bad[i];
    free(v->bad);
    if (first.part >= v->info->partitions)
        return NULL;
    snprintf(text, 64, "part-%04u: %s", first.part,
             first.error == ENOMEM ? no_memory : "damaged");
    return text;
}

static const char other_format[] = "manifest: of another format";

// NULL if the snapshot at info->place is whole and of this data directory, else why not.
static const char *verify(struct file_dir at, const struct snapshot_search *how,
                          struct snapshot_info *info, char text[64])
{
    const struct root *root = how->root;
    struct file_dir dir;
    struct part_sum *sums = NULL;
    uint64_t place = info->place;
    if (open_snapshot(&dir, at, place))
        return "cannot be opened";
    const char *why = NULL;
    int e = manifest_read(dir, info, &sums);
    if (e == ENOTSUP)
        why = other_format;
    else if (e)
        why = e == ENOENT ? "manifest: missing" : "manifest: damaged";
    else if (info->log_id[0] != root->log_id[0] || info->log_id[1] != root->log_id[1])
        why = "manifest: of another log";
    else if (info->partitions != root->partitions || info->place != place)
        why = "manifest: of another snapshot";
    else
        why = verify_parts(how, &(struct verifying){dir, info, sums, 0, NULL}, text);
    free(sums);
    file_dir_close(&dir);
    return why;
}

int snapshot_find_by(const struct snapshot_search *how, struct snapshot_info *out, bool *older,
                     char why[256])
{
    *older = false;
    why[0] = 0;
    struct file_dir at;
    int e = file_dir_at(&at, how->dir, "snapshot", false);
    if (e)
        return e;
    uint64_t *places;
    unsigned n = list_places(at, &places);
    e = ENOENT;
    for (unsigned i = 0; i < n && e; i++) {
        char text[64];
        *out = (struct snapshot_info){.place = places[i]};
        const char *bad = verify(at, how, out, text);
        if (!bad) {
            e = 0;
            break;
        }
        if (bad == other_format)
            continue; // of another build: no damage
        if (!*older) // the newest one's fault is what the operator must know
            snprintf(why, 256, "snapshot %llu is not whole (%s)",
                     (unsigned long long)places[i], bad);
        *older = true;
    }
    free(places);
    file_dir_close(&at);
    return e;
}

static void one_by_one(unsigned n, void (*fn)(void *ctx, unsigned i), void *ctx)
{
    for (unsigned i = 0; i < n; i++)
        fn(ctx, i);
}

int snapshot_find(struct file_dir dir, const struct root *root, struct snapshot_info *out,
                  bool *older, char why[256])
{
    const struct snapshot_search how = {dir, root, 1, one_by_one};
    return snapshot_find_by(&how, out, older, why);
}

int snapshot_read_part(struct file_dir dir, uint64_t place, unsigned p,
                       int (*piece)(void *ctx, const void *bytes, size_t n), void *ctx)
{
    struct file_dir at, one;
    int e = file_dir_at(&at, dir, "snapshot", false);
    if (e)
        return e;
    e = open_snapshot(&one, at, place);
    file_dir_close(&at);
    if (e)
        return e;
    struct snapshot_info info;
    struct part_sum *sums = NULL, sum;
    e = manifest_read(one, &info, &sums);
    if (!e && (p >= info.partitions || info.place != place))
        e = EBADMSG;
    if (!e) {
        struct part_id id = {{info.log_id[0], info.log_id[1]}, place, p};
        struct part_reading how = {.piece = piece, .ctx = ctx};
        e = part_read(one, &id, &how, &sum);
    }
    if (!e && !sums_equal(&sum, &sums[p]))
        e = EBADMSG;
    free(sums);
    file_dir_close(&one);
    return e;
}

unsigned snapshot_list(struct file_dir dir, struct snapshot_info *out, unsigned max)
{
    struct file_dir at;
    if (file_dir_at(&at, dir, "snapshot", false))
        return 0;
    uint64_t *places;
    unsigned n = list_places(at, &places), found = 0;
    for (unsigned i = 0; i < n && found < max; i++) {
        struct file_dir one;
        if (open_snapshot(&one, at, places[i]))
            continue;
        found += manifest_read(one, &out[found], NULL) == 0;
        file_dir_close(&one);
    }
    free(places);
    file_dir_close(&at);
    return found;
}

void snapshot_clean(struct file_dir dir)
{
    struct file_dir at;
    if (file_dir_at(&at, dir, "snapshot", false))
        return;
    struct names v = {0};
    if (file_list_dirs(at, names_add, &v) == 0)
        for (unsigned i = 0; i < v.n; i++)
            if (is_tmp(v.list[i]))
                (void)remove_dir(at, v.list[i]);
    free(v.list);
    file_dir_close(&at);
}
