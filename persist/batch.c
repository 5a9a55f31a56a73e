// Closing and believing batches.
#include "persist/batch.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"

static const uint8_t batch_magic[8] = {'K', 'I', 'T', 'H', 'W', 'A', 'L', 1};

_Static_assert(sizeof(struct batch_head) == 136, "the head is a disk format, without holes");

static void hash_to(uint64_t out[2], const void *bytes, size_t n)
{
    struct hash128 h = hash128(bytes, n, 0);
    out[0] = h.lo;
    out[1] = h.hi;
}

void batch_close(uint8_t *buf, const struct batch_head *given)
{
    ASSERT(given->length <= BATCH_MAX - BATCH_HEAD_BYTES);
    struct batch_head head = *given;
    memcpy(head.magic, batch_magic, sizeof head.magic);
    hash_to(head.payload, buf + BATCH_HEAD_BYTES, head.length);
    hash_to(head.header, &head, offsetof(struct batch_head, header));
    memcpy(buf, &head, sizeof head);
    // W7: what is not used is zero, so that nothing of an older batch reaches the disk again.
    memset(buf + sizeof head, 0, BATCH_HEAD_BYTES - sizeof head);
    uint32_t end = BATCH_HEAD_BYTES + head.length;
    memset(buf + end, 0, batch_disk_bytes(head.length) - end);
}

bool batch_head_whole(const struct batch_head *head)
{
    if (memcmp(head->magic, batch_magic, sizeof head->magic) != 0)
        return false;
    uint64_t hash[2];
    hash_to(hash, head, offsetof(struct batch_head, header));
    if (hash[0] != head->header[0] || hash[1] != head->header[1])
        return false;
    return head->length <= BATCH_MAX - BATCH_HEAD_BYTES && head->first_place > 0;
}

bool batch_payload_whole(const uint8_t *buf)
{
    const struct batch_head *head = (const struct batch_head *)(const void *)buf;
    uint64_t hash[2];
    hash_to(hash, buf + BATCH_HEAD_BYTES, head->length);
    return hash[0] == head->payload[0] && hash[1] == head->payload[1];
}

bool batch_entries_sound(const uint8_t *buf, uint64_t last_stamp)
{
    const struct batch_head *head = (const struct batch_head *)(const void *)buf;
    const uint8_t *entries = buf + BATCH_HEAD_BYTES;
    uint32_t at = 0;
    for (uint32_t i = 0; i < head->count; i++) {
        const struct entry *e = (const struct entry *)(const void *)(entries + at);
        if (!entry_is_sound(e, head->length - at))
            return false;
        if (e->place != head->first_place + i || e->stamp <= last_stamp)
            return false;
        last_stamp = e->stamp + entry_stamps(e) - 1;
        at += e->length;
    }
    return at == head->length && last_stamp == head->last_stamp;
}

void batch_chain_next(const struct batch_head *head, uint64_t chain[2])
{
    uint64_t all[6] = {head->chain[0],  head->chain[1],  head->header[0],
                       head->header[1], head->payload[0], head->payload[1]};
    hash_to(chain, all, sizeof all);
}
