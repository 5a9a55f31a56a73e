// The root file: two pages, each a slot. A generation lies in the slot of its parity, so that a
// write always goes over the older one and a torn write leaves the newer.
//
//   0     8      96     112          4096
//   +-----+------+------+--- zeros --+-----+------+------+--- zeros --+
//   |magic| root | hash |            |magic| root | hash |            |
//   +-----+------+------+------------+-----+------+------+------------+
#include "persist/root.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/random.h"
#include "persist/wal.h"

struct slot {
    uint8_t magic[8];
    struct root root;
    uint64_t hash[2];      // XXH3-128 of all before
};
_Static_assert(sizeof(struct root) == 88, "root is a disk format, without holes");
_Static_assert(sizeof(struct slot) <= SECTOR, "a slot is one sector: whole, or not there");

static const uint8_t root_magic[8] = {'K', 'I', 'T', 'H', 'R', 'O', 'O', 1};

static void slot_hash(const struct slot *s, uint64_t out[2])
{
    struct hash128 h = hash128(s, offsetof(struct slot, hash), 0);
    out[0] = h.lo;
    out[1] = h.hi;
}

static void slot_fill(uint8_t page[PAGE], const struct root *r)
{
    struct slot s = {.root = *r};
    memcpy(s.magic, root_magic, sizeof s.magic);
    slot_hash(&s, s.hash);
    memset(page, 0, PAGE);
    memcpy(page, &s, sizeof s);
}

static bool slot_read(const uint8_t page[PAGE], unsigned parity, struct root *out)
{
    struct slot s;
    memcpy(&s, page, sizeof s);
    uint64_t hash[2];
    slot_hash(&s, hash);
    if (memcmp(s.magic, root_magic, sizeof s.magic) != 0)
        return false;
    if (hash[0] != s.hash[0] || hash[1] != s.hash[1] || s.root.generation % 2 != parity)
        return false;
    *out = s.root;
    return true;
}

static int make_dirs(struct file_dir dir)
{
    static const char *const names[] = {"wal", "snapshot", "keys"};
    for (unsigned i = 0; i < 3; i++) {
        struct file_dir made;
        int e = file_dir_at(&made, dir, names[i], true);
        if (e)
            return e;
        file_dir_close(&made);
    }
    return file_dir_sync(dir);
}

// Both slots hold the same but for the generation: from the first moment one may be lost.
static int write_first(struct file_dir dir, struct root *r)
{
    uint8_t pages[2 * PAGE];
    struct root older = *r;
    older.generation = 1;
    r->generation = 2;
    slot_fill(pages, r);
    slot_fill(pages + PAGE, &older);

    struct file f;
    int e = file_unlink(dir, "root.tmp"); // of an init that was interrupted
    if (e && e != ENOENT)
        return e;
    e = file_open(&f, dir, "root.tmp", FILE_WRITE | FILE_CREATE);
    if (e)
        return e;
    e = file_write(f, pages, sizeof pages, 0);
    if (!e)
        e = file_sync(f);
    file_close(&f);
    if (!e)
        e = file_rename(dir, "root.tmp", "root");
    return e ? e : file_dir_sync(dir);
}

int root_create(struct file_dir dir, unsigned partitions, struct root *out)
{
    ASSERT(partitions > 0 && partitions <= PARTITIONS_MAX);
    ASSERT((partitions & (partitions - 1)) == 0);
    struct file f;
    int e = file_open(&f, dir, "root", FILE_READ);
    if (e != ENOENT) {
        if (!e)
            file_close(&f);
        return e ? e : EEXIST;
    }
    *out = (struct root){.format = ROOT_FORMAT, .compat = COMPAT_LEVEL, .partitions = partitions};
    random_bytes(out->log_id, sizeof out->log_id);
    random_bytes(&out->node_id, sizeof out->node_id);
    random_bytes(out->hash_key, sizeof out->hash_key);
    out->log_id[0] |= 1; // never all zero
    e = make_dirs(dir);
    return e ? e : write_first(dir, out);
}

int root_read(struct file_dir dir, struct root *out)
{
    uint8_t pages[2 * PAGE] = {0};
    struct file f;
    int e = file_open(&f, dir, "root", FILE_READ);
    if (e)
        return e;
    // Slot by slot: one that cannot be read must not take the other with it.
    for (unsigned i = 0; i < 2; i++) {
        size_t got;
        if (file_read(f, pages + i * PAGE, PAGE, i * PAGE, &got))
            memset(pages + i * PAGE, 0, PAGE);
    }
    file_close(&f);

    struct root slots[2];
    bool whole[2];
    for (unsigned i = 0; i < 2; i++)
        whole[i] = slot_read(pages + i * PAGE, i, &slots[i]);
    if (!whole[0] && !whole[1])
        return EBADMSG;
    bool both = whole[0] && whole[1];
    unsigned pick = both ? slots[1].generation > slots[0].generation : whole[1];
    *out = slots[pick];
    // The lost slot may have been the newer one, and have said that the server was running again.
    if (!both)
        out->clean = 0;
    return out->format != ROOT_FORMAT || out->compat > COMPAT_LEVEL ? ENOTSUP : 0;
}

int root_write(struct file_dir dir, struct root *r)
{
    uint8_t page[PAGE];
    struct root next = *r;
    next.generation++;
    slot_fill(page, &next);
    struct file f;
    int e = file_open(&f, dir, "root", FILE_WRITE);
    if (e)
        return e;
    e = file_write(f, page, PAGE, next.generation % 2 * PAGE);
    if (!e)
        e = file_sync(f);
    file_close(&f);
    if (!e)
        *r = next;
    return e;
}
