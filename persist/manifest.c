// Writing and reading the manifest.
#include "persist/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/limits.h"

enum { MANIFEST_FORMAT = 3 }; // 1: images of before version 3, 2: of version 3
static const char manifest_name[] = "manifest";
static const uint8_t manifest_magic[8] = {'K', 'I', 'T', 'H', 'S', 'N', 'P', 1};

struct manifest_head {
    uint8_t magic[8];
    uint32_t format, partitions, compat, zero;
    uint64_t place, last_stamp;
    uint64_t log_id[2], objects[2], edges[2];
    uint64_t bytes_raw, bytes_disk;
};
_Static_assert(sizeof(struct manifest_head) == 104, "a disk format, without holes");
_Static_assert(sizeof(struct part_sum) == 32, "a disk format, without holes");

static void copy2(uint64_t to[2], const uint64_t from[2])
{
    to[0] = from[0];
    to[1] = from[1];
}

static struct manifest_head head_of(const struct snapshot_info *info)
{
    struct manifest_head h = {.format = MANIFEST_FORMAT,
                              .partitions = info->partitions,
                              .compat = info->compat,
                              .place = info->place,
                              .last_stamp = info->last_stamp,
                              .bytes_raw = info->bytes_raw,
                              .bytes_disk = info->bytes_disk};
    memcpy(h.magic, manifest_magic, sizeof h.magic);
    copy2(h.log_id, info->log_id);
    copy2(h.objects, info->objects);
    copy2(h.edges, info->edges);
    return h;
}

static void info_of(const struct manifest_head *h, struct snapshot_info *out)
{
    *out = (struct snapshot_info){.place = h->place,
                                  .last_stamp = h->last_stamp,
                                  .bytes_raw = h->bytes_raw,
                                  .bytes_disk = h->bytes_disk,
                                  .partitions = h->partitions,
                                  .compat = h->compat};
    copy2(out->log_id, h->log_id);
    copy2(out->objects, h->objects);
    copy2(out->edges, h->edges);
}

static size_t size_of(unsigned partitions)
{
    return sizeof(struct manifest_head) + partitions * sizeof(struct part_sum) + 16;
}

int manifest_write(struct file_dir dir, const struct snapshot_info *info,
                   const struct part_sum *sums)
{
    ASSERT(info->partitions > 0 && info->partitions <= PARTITIONS_MAX);
    size_t n = size_of(info->partitions);
    uint8_t *bytes = malloc(n);
    if (!bytes)
        return ENOMEM;
    struct manifest_head head = head_of(info);
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, sums, info->partitions * sizeof *sums);
    struct hash128 h = hash128(bytes, n - 16, 0);
    memcpy(bytes + n - 16, &h, 16);

    struct file f;
    int e = file_open(&f, dir, manifest_name, FILE_WRITE | FILE_CREATE);
    if (!e) {
        e = file_write(f, bytes, n, 0);
        if (!e)
            e = file_sync(f);
        file_close(&f);
    }
    free(bytes);
    return e;
}

static int parse(const uint8_t *bytes, size_t n, struct manifest_head *head)
{
    if (n < size_of(1))
        return EBADMSG;
    memcpy(head, bytes, sizeof *head);
    if (memcmp(head->magic, manifest_magic, sizeof head->magic) != 0)
        return EBADMSG;
    if (head->partitions == 0 || head->partitions > PARTITIONS_MAX)
        return EBADMSG;
    if (n != size_of(head->partitions))
        return EBADMSG;
    struct hash128 h = hash128(bytes, n - 16, 0);
    if (memcmp(bytes + n - 16, &h, 16) != 0)
        return EBADMSG;
    return head->format == MANIFEST_FORMAT ? 0 : ENOTSUP;
}

int manifest_read(struct file_dir dir, struct snapshot_info *info, struct part_sum **sums)
{
    struct file f;
    int e = file_open(&f, dir, manifest_name, FILE_READ);
    if (e)
        return e;
    // One byte more than may be: a file that is longer is seen to be.
    size_t most = size_of(PARTITIONS_MAX) + 1, got = 0;
    uint8_t *bytes = malloc(most);
    e = bytes ? file_read(f, bytes, most, 0, &got) : ENOMEM;
    file_close(&f);
    struct manifest_head head;
    if (!e)
        e = parse(bytes, got, &head);
    if (!e)
        info_of(&head, info);
    if (!e && sums) {
        size_t n = head.partitions * sizeof **sums;
        *sums = malloc(n);
        if (*sums)
            memcpy(*sums, bytes + sizeof head, n);
        else
            e = ENOMEM;
    }
    free(bytes);
    return e;
}
