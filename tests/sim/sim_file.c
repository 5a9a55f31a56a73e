// The simulated disk behind core/file.h: what a process sees (the page cache), what is on the
// platter, and the writes between the two.
//
//   inode: cur = as read now · dur = as after the power comes back, at the least · unsynced writes
// in order
//   directory: names now · names on the platter · operations between
#include "core/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/limits.h"
#include "tests/sim/sim.h"

enum { INODES_MAX = 4096, FDS_MAX = 4096, NAMES_MAX = 512, NAME_MAX_LEN = 64 };

struct unsynced { struct unsynced *next; uint64_t seq, at; size_t n; uint8_t data[]; };

struct entry_of_dir { char name[NAME_MAX_LEN]; int inode; };
struct names { struct entry_of_dir e[NAMES_MAX]; unsigned n; };
// A change of a directory that is not on the platter: a name comes to mean an inode, or nothing
// (-1).
struct pending { char name[NAME_MAX_LEN], from[NAME_MAX_LEN]; int inode; };

struct inode {
    bool used, is_dir, locked;
    uint8_t *cur, *dur;
    uint64_t size, dur_size, cap;
    struct unsynced *first, **last;
    struct names *now, *platter;
    struct pending *pending;
    unsigned pending_n;
};

struct file_queue { struct file_write_op *op[64]; uint64_t seq[64]; unsigned n; };

enum { OLD_PAGES = 64 };

static struct {
    struct inode inode[INODES_MAX];
    int fd[FDS_MAX];
    uint64_t seq;
    struct file_queue *queue[16];
    unsigned queues;
    // What a page that lost its place in the drive's map may come back with.
    uint8_t old_page[OLD_PAGES][PAGE];
    unsigned old_pages;
    bool fail_write, fail_sync, full, cutting, cut;
    bool dead;                   // the process is: what its end still asks for is not done
    uint64_t stall_until_ns, operations_left;
} disk;

// ---- faults ------------------------------------------------------------------------------------

void sim_disk_fail_write(void) { disk.fail_write = true; }
void sim_disk_fail_sync(void) { disk.fail_sync = true; }
void sim_disk_full(bool full) { disk.full = full; }
void sim_disk_stall(uint64_t ns)
{
    disk.stall_until_ns = sim.now_ns + ns;
    sim_count.stalls++;
}
void sim_disk_cut_after(uint64_t operations)
{
    disk.cutting = true;
    disk.operations_left = operations;
}
bool sim_disk_was_cut(void) { return disk.cut; }

void sim_disk_heal(void)
{
    disk.fail_write = disk.fail_sync = disk.full = disk.cutting = disk.cut = false;
    disk.stall_until_ns = 0;
}

// Every operation on the disk begins here. true: the power is going.
static bool power_goes(void)
{
    if (disk.dead)
        return true;
    if (!disk.cutting)
        return false;
    if (disk.operations_left > 0) {
        disk.operations_left--;
        return false;
    }
    sim_count.powers_cut += !disk.cut;
    disk.cut = true;
    return true;
}

static bool no_room(void)
{
    sim_count.no_space += disk.full;
    return disk.full;
}

// ---- inodes -------------------------------------------------------------------------------------

static int inode_new(bool is_dir)
{
    for (int i = 0; i < INODES_MAX; i++) {
        struct inode *d = &disk.inode[i];
        if (d->used)
            continue;
        memset(d, 0, sizeof *d);
        d->used = true;
        d->is_dir = is_dir;
        d->last = &d->first;
        if (is_dir) {
            d->now = calloc(1, sizeof *d->now);
            d->platter = calloc(1, sizeof *d->platter);
            d->pending = calloc(NAMES_MAX * 4, sizeof *d->pending);
        }
        return i;
    }
    assert_failed("the simulated disk has an inode left", __FILE__, __LINE__);
}

static void unsynced_drop(struct inode *d)
{
    while (d->first != NULL) {
        struct unsynced *u = d->first;
        d->first = u->next;
        free(u);
    }
    d->last = &d->first;
}

static void inode_free(struct inode *d)
{
    unsynced_drop(d);
    free(d->cur);
    free(d->dur);
    free(d->now);
    free(d->platter);
    free(d->pending);
    memset(d, 0, sizeof *d);
}

static void reach(struct inode *d, uint64_t size)
{
    if (size > d->cap) {
        uint64_t cap = d->cap == 0 ? 4096 : d->cap;
        while (cap < size)
            cap *= 2;
        d->cur = realloc(d->cur, cap);
        d->dur = realloc(d->dur, cap);
        memset(d->cur + d->cap, 0, cap - d->cap);
        memset(d->dur + d->cap, 0, cap - d->cap);
        d->cap = cap;
    }
    if (size > d->size)
        d->size = size;
}

static void inode_write(struct inode *d, const void *buf, size_t n, uint64_t at)
{
    if (n == 0)
        return;
    reach(d, at + n);
    memcpy(d->cur + at, buf, n);
    struct unsynced *u = malloc(sizeof *u + n);
    *u = (struct unsynced){.seq = ++disk.seq, .at = at, .n = n};
    memcpy(u->data, buf, n);
    *d->last = u;
    d->last = &u->next;
    sim_count.writes++;
}

// Everything written before `seq` reaches the platter.
static void inode_sync(struct inode *d, uint64_t seq)
{
    while (d->first != NULL && d->first->seq <= seq) {
        struct unsynced *u = d->first;
        memcpy(d->dur + u->at, u->data, u->n);
        if (u->at + u->n > d->dur_size)
            d->dur_size = u->at + u->n;
        d->first = u->next;
        if (d->first == NULL)
            d->last = &d->first;
        free(u);
    }
    if (d->first == NULL)
        d->dur_size = d->size;
    sim_count.syncs++;
}

// ---- names --------------------------------------------------------------------------------------

static struct entry_of_dir *find(struct names *t, const char *name)
{
    for (unsigned i = 0; i < t->n; i++)
        if (strcmp(t->e[i].name, name) == 0)
            return &t->e[i];
    return NULL;
}

static void set_name(struct names *t, const char *name, int inode)
{
    struct entry_of_dir *e = find(t, name);
    if (inode < 0) {
        if (e != NULL)
            *e = t->e[--t->n];
        return;
    }
    if (e == NULL) {
        ASSERT(t->n < NAMES_MAX && strlen(name) < NAME_MAX_LEN);
        e = &t->e[t->n++];
        strcpy(e->name, name);
    }
    e->inode = inode;
}

static void change_name(struct inode *d, const char *from, const char *name, int inode)
{
    ASSERT(d->pending_n < NAMES_MAX * 4);
    struct pending *p = &d->pending[d->pending_n++];
    memset(p, 0, sizeof *p);
    strcpy(p->name, name);
    if (from != NULL) {
        strcpy(p->from, from);
        set_name(d->now, from, -1);
    }
    p->inode = inode;
    set_name(d->now, name, inode);
}

static void platter_take(struct inode *d, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (d->pending[i].from[0] != 0)
            set_name(d->platter, d->pending[i].from, -1);
        set_name(d->platter, d->pending[i].name, d->pending[i].inode);
    }
    d->pending_n = 0;
}

static int fd_new(int inode)
{
    for (int i = 0; i < FDS_MAX; i++)
        if (disk.fd[i] == 0) {
            disk.fd[i] = inode + 1;
            return i;
        }
    assert_failed("the simulated process has a descriptor left", __FILE__, __LINE__);
}
static struct inode *of(int fd)
{
    ASSERT(fd >= 0 && fd < FDS_MAX && disk.fd[fd] > 0);
    return &disk.inode[disk.fd[fd] - 1];
}

// ---- core/file.h --------------------------------------------------------------------------------

int file_dir_open(struct file_dir *dir, const char *path, bool create)
{
    (void)path; // the simulated machine has one directory
    if (!disk.inode[0].used) {
        if (!create)
            return ENOENT;
        inode_new(true);
    }
    dir->fd = fd_new(0);
    return 0;
}

int file_dir_at(struct file_dir *dir, struct file_dir at, const char *name, bool create)
{
    if (power_goes())
        return EIO;
    struct inode *d = of(at.fd);
    struct entry_of_dir *e = find(d->now, name);
    if (e == NULL && !create)
        return ENOENT;
    int inode = e != NULL ? e->inode : inode_new(true);
    if (e == NULL)
        change_name(d, NULL, name, inode);
    if (!disk.inode[inode].is_dir)
        return ENOTDIR;
    dir->fd = fd_new(inode);
    return 0;
}

void file_dir_close(struct file_dir *dir)
{
    if (dir->fd >= 0)
        disk.fd[dir->fd] = 0;
    dir->fd = -1;
}

int file_dir_sync(struct file_dir dir)
{
    if (power_goes())
        return EIO;
    struct inode *d = of(dir.fd);
    platter_take(d, d->pending_n);
    sim_count.syncs++;
    return 0;
}

int file_dir_lock(struct file_dir dir)
{
    struct inode *d = of(dir.fd);
    if (d->locked)
        return EWOULDBLOCK;
    d->locked = true;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry_of_dir *)a)->name, ((const struct entry_of_dir *)b)->name);
}

static int list(struct file_dir dir, bool dirs, void (*fn)(void *ctx, const char *name), void *ctx)
{
    struct names copy = *of(dir.fd)->now;
    qsort(copy.e, copy.n, sizeof copy.e[0], by_name);
    for (unsigned i = 0; i < copy.n; i++)
        if (disk.inode[copy.e[i].inode].is_dir == dirs)
            fn(ctx, copy.e[i].name);
    return 0;
}
int file_list(struct file_dir dir, void (*fn)(void *ctx, const char *name), void *ctx)
{
    return list(dir, false, fn, ctx);
}
int file_list_dirs(struct file_dir dir, void (*fn)(void *ctx, const char *name), void *ctx)
{
    return list(dir, true, fn, ctx);
}

int file_dir_remove(struct file_dir dir, const char *name)
{
    if (power_goes())
        return EIO;
    struct inode *d = of(dir.fd);
    struct entry_of_dir *e = find(d->now, name);
    if (e == NULL)
        return ENOENT;
    if (disk.inode[e->inode].now->n > 0)
        return ENOTEMPTY;
    change_name(d, NULL, name, -1);
    return 0;
}

int file_open(struct file *f, struct file_dir dir, const char *name, unsigned flags)
{
    if (power_goes())
        return EIO;
    struct inode *d = of(dir.fd);
    struct entry_of_dir *e = find(d->now, name);
    if (e != NULL && (flags & FILE_CREATE))
        return EEXIST;
    if (e == NULL && !(flags & FILE_CREATE))
        return ENOENT;
    if (e == NULL && no_room())
        return ENOSPC;
    int inode = e != NULL ? e->inode : inode_new(false);
    if (e == NULL)
        change_name(d, NULL, name, inode);
    f->fd = fd_new(inode);
    return 0;
}

void file_close(struct file *f)
{
    if (f->fd >= 0)
        disk.fd[f->fd] = 0;
    f->fd = -1;
}

int file_size(struct file f, uint64_t *size)
{
    if (power_goes())
        return EIO;
    *size = of(f.fd)->size;
    return 0;
}

int file_read(struct file f, void *buf, size_t n, uint64_t at, size_t *got)
{
    if (power_goes())
        return EIO;
    const struct inode *d = of(f.fd);
    uint64_t left = at < d->size ? d->size - at : 0;
    *got = n < left ? n : (size_t)left;
    if (*got > 0)
        memcpy(buf, d->cur + at, *got);
    return 0;
}

int file_write(struct file f, const void *buf, size_t n, uint64_t at)
{
    if (power_goes())
        return EIO;
    struct inode *d = of(f.fd);
    if (at + n > d->size && no_room())
        return ENOSPC;
    inode_write(d, buf, n, at);
    return 0;
}

// A sync that fails marks the pages clean all the same: they are read as written, and a later sync
// does nothing for them.
static bool sync_fails(struct inode *d)
{
    if (!disk.fail_sync)
        return false;
    disk.fail_sync = false;
    sim_count.sync_errors++;
    unsynced_drop(d);
    return true;
}

int file_sync(struct file f)
{
    if (power_goes())
        return EIO;
    if (sync_fails(of(f.fd)))
        return EIO;
    inode_sync(of(f.fd), UINT64_MAX);
    return 0;
}

int file_fill(struct file f, uint64_t size)
{
    if (power_goes())
        return EIO;
    struct inode *d = of(f.fd);
    if (size > d->size && no_room())
        return ENOSPC;
    static const uint8_t zeros[65536];
    for (uint64_t at = d->size; at < size;) {
        size_t n = size - at < sizeof zeros ? (size_t)(size - at) : sizeof zeros;
        inode_write(d, zeros, n, at);
        at += n;
    }
    return 0;
}

int file_rename(struct file_dir dir, const char *from, const char *to)
{
    if (power_goes())
        return EIO;
    struct inode *d = of(dir.fd);
    struct entry_of_dir *e = find(d->now, from);
    if (e == NULL)
        return ENOENT;
    change_name(d, from, to, e->inode);
    return 0;
}

int file_unlink(struct file_dir dir, const char *name)
{
    if (power_goes())
        return EIO;
    struct inode *d = of(dir.fd);
    if (find(d->now, name) == NULL)
        return ENOENT;
    change_name(d, NULL, name, -1);
    return 0;
}

int file_free_bytes(struct file_dir dir, uint64_t *bytes)
{
    (void)dir;
    *bytes = disk.full ? 0 : UINT64_C(1) << 40;
    return 0;
}

struct file_queue *file_queue_new(unsigned depth, bool use_uring)
{
    (void)depth;
    (void)use_uring;
    struct file_queue *q = calloc(1, sizeof *q);
    ASSERT(disk.queues < 16);
    disk.queue[disk.queues++] = q;
    return q;
}

static void queue_forget(struct file_queue *q)
{
    for (unsigned i = 0; i < disk.queues; i++)
        if (disk.queue[i] == q)
            disk.queue[i] = disk.queue[--disk.queues];
    free(q);
}
void file_queue_free(struct file_queue *q)
{
    if (q != NULL)
        queue_forget(q);
}

void file_queue_submit(struct file_queue *q, struct file_write_op *op)
{
    ASSERT(q->n < 64);
    q->seq[q->n] = disk.seq;
    q->op[q->n++] = op;
}

bool file_queue_notify(struct file_queue *q, int event_fd)
{
    (void)q;
    (void)event_fd;
    return false;
}

// What was written over again need not reach the platter any more.
static void forget_covered(struct inode *d, uint64_t from, uint64_t to)
{
    struct unsynced **at = &d->first;
    d->last = &d->first;
    while (*at != NULL) {
        struct unsynced *u = *at;
        if (u->at >= from && u->at + u->n <= to) {
            *at = u->next;
            free(u);
        } else {
            d->last = at = &u->next;
        }
    }
}

// A synced write: on the platter when it is done, and nothing else with it.
static void write_through(struct inode *d, const struct file_write_op *op)
{
    reach(d, op->at + op->n);
    forget_covered(d, op->at, op->at + op->n);
    memcpy(d->cur + op->at, op->buf, op->n);
    memcpy(d->dur + op->at, op->buf, op->n);
    if (op->at + op->n > d->dur_size)
        d->dur_size = op->at + op->n;
    if (op->n >= PAGE)
        memcpy(disk.old_page[disk.old_pages++ % OLD_PAGES], op->buf, PAGE);
    sim_count.writes++;
    sim_count.syncs++;
}

static int carry_out(struct file_queue *q, unsigned i)
{
    struct file_write_op *op = q->op[i];
    struct inode *d = of(op->file.fd);
    if (power_goes())
        return EIO;
    if (op->n > 0 && op->at + op->n > d->size && no_room())
        return ENOSPC;
    if (disk.fail_write && op->n > 0 && op->at + op->n <= d->size) {
        disk.fail_write = false;
        sim_count.write_errors++;
        memcpy(d->cur + op->at, op->buf, op->n);
        return EIO;
    }
    if (!op->sync) {
        inode_write(d, op->buf, op->n, op->at);
        return 0;
    }
    if (op->n == 0 && sync_fails(d))
        return EIO;
    if (op->n == 0)
        inode_sync(d, q->seq[i]);
    else
        write_through(d, op);
    return 0;
}

// Half of a write is done, the rest goes on later.
static bool cut_short(struct file_queue *q, unsigned i)
{
    struct file_write_op *op = q->op[i];
    struct inode *d = of(op->file.fd);
    size_t half = op->n / 2 / SECTOR * SECTOR;
    if (op->phase != 0 || half == 0 || op->at + op->n > d->size || !sim_chance(&sim.disk, 30))
        return false;
    op->phase = 1;
    inode_write(d, op->buf, half, op->at);
    sim_count.writes_short++;
    return true;
}

unsigned file_queue_reap(struct file_queue *q, struct file_write_op **out, unsigned max,
                         int wait_ms)
{
    unsigned done = 0;
    if (q->n > 0 && sim.now_ns < disk.stall_until_ns) {
        if (wait_ms == 0)
            return 0;
        sim.now_ns = disk.stall_until_ns;
    }
    while (q->n > 0 && done < max && (wait_ms > 0 || sim_chance(&sim.disk, 600))) {
        unsigned i = sim_below(&sim.disk, q->n);
        struct file_write_op *op = q->op[i];
        if (cut_short(q, i))
            continue;
        op->error = carry_out(q, i);
        op->written = op->n;
        out[done++] = op;
        q->op[i] = q->op[--q->n];
        q->seq[i] = q->seq[q->n];
    }
    return done;
}

// ---- the end of the world -----------------------------------------------------------------------

void sim_disk_reset(void)
{
    for (int i = 0; i < INODES_MAX; i++)
        if (disk.inode[i].used)
            inode_free(&disk.inode[i]);
    for (unsigned i = 0; i < disk.queues; i++)
        free(disk.queue[i]);
    memset(&disk, 0, sizeof disk);
}

void sim_disk_next_process(void) { disk.dead = false; }

void sim_disk_kill(void)
{
    for (unsigned k = 0; k < disk.queues; k++) {
        struct file_queue *q = disk.queue[k];
        for (unsigned i = 0; i < q->n; i++) {
            struct file_write_op *op = q->op[i];
            size_t sectors = op->n / SECTOR;
            size_t n = sim_below(&sim.disk, (uint32_t)sectors + 1) * (size_t)SECTOR;
            if (sim_chance(&sim.disk, 500))
                n = op->n;
            sim_count.writes_torn += n < op->n;
            if (disk.fd[op->file.fd] > 0)
                inode_write(of(op->file.fd), op->buf, n, op->at);
        }
        q->n = 0; // freed by its owner, who does not know yet
    }
    memset(disk.fd, 0, sizeof disk.fd);
    for (int i = 0; i < INODES_MAX; i++)
        disk.inode[i].locked = false;
    sim_disk_heal();
    disk.dead = true;
    sim_count.kills++;
}

static void sector_lost(struct inode *d, uint64_t sector, const struct unsynced *u, uint64_t limit)
{
    uint64_t from = sector * SECTOR, to = from + SECTOR < limit ? from + SECTOR : limit;
    uint64_t a = u->at > from ? u->at : from, b = u->at + u->n < to ? u->at + u->n : to;
    if (a >= b)
        return;
    uint32_t fate = sim_below(&sim.disk, 100);
    if (fate < 45) {
        sim_count.sectors_old++;
    } else if (fate < 90) {
        memcpy(d->dur + a, u->data + (a - u->at), b - a);
        sim_count.sectors_new++;
    } else if (fate < 95) {
        memset(d->dur + a, 0, b - a);
        sim_count.sectors_zero++;
    } else {
        for (uint64_t i = a; i < b; i++)
            d->dur[i] = (uint8_t)sim_next(&sim.disk);
        sim_count.sectors_garbage++;
    }
}

// The drive lost its map of this page: it shows what was once written to another.
static void page_stale(struct inode *d, const struct unsynced *u)
{
    unsigned n = disk.old_pages < OLD_PAGES ? disk.old_pages : OLD_PAGES;
    bool whole = u->n >= PAGE && u->at % PAGE == 0 && u->at + PAGE <= d->dur_size;
    if (!whole || n == 0 || !sim_chance(&sim.disk, 80))
        return;
    memcpy(d->dur + u->at, disk.old_page[sim_below(&sim.disk, n)], PAGE);
    sim_count.pages_stale++;
}

static void inode_power_loss(struct inode *d)
{
    if (d->is_dir) {
        unsigned keep = sim_below(&sim.disk, d->pending_n + 1);
        sim_count.directory_ops_lost += d->pending_n - keep;
        platter_take(d, keep);
        *d->now = *d->platter;
        return;
    }
    if (d->size > d->dur_size) {
        bool lost = sim_chance(&sim.disk, 300);
        sim_count.sizes_lost += lost;
        if (!lost)
            d->dur_size = d->size;
    }
    bool all_old = sim_chance(&sim.disk, 150), all_new = sim_chance(&sim.disk, 150);
    for (const struct unsynced *u = d->first; u != NULL && !all_old; u = u->next) {
        if (all_new && u->at + u->n <= d->dur_size)
            memcpy(d->dur + u->at, u->data, u->n);
        else
            for (uint64_t s = u->at / SECTOR; s * SECTOR < u->at + u->n; s++)
                sector_lost(d, s, u, d->dur_size);
    }
    for (const struct unsynced *u = d->first; u != NULL && !all_old && !all_new; u = u->next)
        page_stale(d, u);
    unsynced_drop(d);
    if (d->cap > 0) {
        memset(d->dur + d->dur_size, 0, d->cap - d->dur_size);
        memcpy(d->cur, d->dur, d->cap);
    }
    d->size = d->dur_size;
}

// Inodes that no name on the platter leads to are gone.
static void mark(int inode, bool *seen)
{
    seen[inode] = true;
    const struct inode *d = &disk.inode[inode];
    for (unsigned i = 0; d->is_dir && i < d->now->n; i++)
        mark(d->now->e[i].inode, seen);
}

void sim_disk_power_loss(void)
{
    sim_disk_kill();
    sim_count.kills--;
    sim_count.power_losses++;
    for (int i = 0; i < INODES_MAX; i++)
        if (disk.inode[i].used)
            inode_power_loss(&disk.inode[i]);
    static bool seen[INODES_MAX];
    memset(seen, 0, sizeof seen);
    if (disk.inode[0].used)
        mark(0, seen);
    for (int i = 1; i < INODES_MAX; i++)
        if (disk.inode[i].used && !seen[i])
            inode_free(&disk.inode[i]);
}
