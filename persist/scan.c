// A window that slides over a segment, and what can be seen in it.
#include "persist/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "persist/batch.h"
#include "persist/segment.h"

int scan_init(struct scan *s, const uint64_t log_id[2])
{
    *s = (struct scan){.log_id = {log_id[0], log_id[1]}, .file = {-1}};
    s->window = aligned_alloc(PAGE, SCAN_WINDOW);
    return s->window ? 0 : ENOMEM;
}

void scan_free(struct scan *s)
{
    if (s->number)
        file_close(&s->file);
    free(s->window);
}

void scan_expect_first(struct scan *s)
{
    s->chain[0] = s->log_id[0];
    s->chain[1] = s->log_id[1];
    s->chain_known = true;
}

int scan_open(struct scan *s, struct file_dir wal_dir, const struct scan_head *segment)
{
    if (s->number)
        file_close(&s->file);
    s->number = 0;
    char name[SEGMENT_NAME];
    segment_name(name, segment->number);
    int e = file_open(&s->file, wal_dir, name, FILE_READ | FILE_DIRECT);
    if (e)
        return e;
    s->number = segment->number;
    s->size = segment->size;
    s->offset = 0;
    s->window_n = 0;
    return 0;
}

// ---- the window ---------------------------------------------------------------------------------

// Reads n bytes to `at` of the window. Where the disk refuses, page by page, so that one bad sector
// hides nothing but its own page.
static void read_into(struct scan *s, size_t at, size_t n)
{
    uint64_t from = s->window_at + at;
    size_t got;
    memset(s->unreadable + at / PAGE, 0, n / PAGE);
    if (file_read(s->file, s->window + at, n, from, &got) == 0 && got == n)
        return;
    for (size_t p = at; p < at + n; p += PAGE) {
        int e = file_read(s->file, s->window + p, PAGE, s->window_at + p, &got);
        s->unreadable[p / PAGE] = e || got < PAGE;
    }
}

// The n bytes at `at` of the segment, which has them. *readable: every page of them is.
static uint8_t *view(struct scan *s, uint64_t at, size_t n, bool *readable)
{
    ASSERT(at % PAGE == 0 && n % PAGE == 0 && n <= SCAN_WINDOW && at + n <= s->size);
    bool inside = at >= s->window_at && at + n <= s->window_at + s->window_n;
    if (!inside) {
        size_t kept = 0;
        if (at >= s->window_at && at < s->window_at + s->window_n) {
            size_t skip = (size_t)(at - s->window_at);
            kept = s->window_n - skip;
            memmove(s->window, s->window + skip, kept);
            memmove(s->unreadable, s->unreadable + skip / PAGE, kept / PAGE);
        }
        s->window_at = at;
        uint64_t left = s->size - at;
        s->window_n = left < SCAN_WINDOW ? (size_t)left : SCAN_WINDOW;
        read_into(s, kept, s->window_n - kept);
    }
    size_t start = (size_t)(at - s->window_at);
    *readable = memchr(s->unreadable + start / PAGE, true, n / PAGE) == NULL;
    return s->window + start;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static bool head_of_log(const struct scan *s, const struct batch_head *head)
{
    return batch_head_whole(head) && head->log_id[0] == s->log_id[0] &&
           head->log_id[1] == s->log_id[1];
}

// ---- what lies there ----------------------------------------------------------------------------

int scan_head_read(struct scan *s, struct file_dir wal_dir, struct scan_head *out)
{
    char name[SEGMENT_NAME];
    segment_name(name, out->number);
    struct file f;
    int e = file_open(&f, wal_dir, name, FILE_READ | FILE_DIRECT);
    if (e)
        return e;
    e = file_size(f, &out->size);
    out->size -= out->size % PAGE;
    size_t got = 0;
    bool read = !e && out->size > 0 && file_read(f, s->window, PAGE, 0, &got) == 0 && got == PAGE;
    file_close(&f);
    s->window_n = 0; // its bytes were borrowed
    if (e || !read)
        return e;
    memcpy(&out->head, s->window, sizeof out->head);
    bool of_log = head_of_log(s, &out->head);
    out->whole = of_log && out->head.segment == out->number;
    out->foreign = !of_log && batch_head_whole(&out->head);
    return 0;
}

bool scan_continues(const struct scan *s, const struct batch_head *head)
{
    if (head->first_place != s->next_place || head->epoch < s->last_epoch)
        return false;
    return !s->chain_known || (head->chain[0] == s->chain[0] && head->chain[1] == s->chain[1]);
}

// The batch at offset has a whole head: is the rest of it what the log needs?
static enum scan_found look_behind_head(struct scan *s)
{
    uint32_t n = batch_disk_bytes(s->head.length);
    if (n > s->size - s->offset)
        return SCAN_BAD;
    bool readable;
    s->batch = view(s, s->offset, n, &readable);
    if (!readable)
        return SCAN_UNREADABLE;
    if (!batch_payload_whole(s->batch))
        return SCAN_BAD;
    if (s->head.segment != s->number || !scan_continues(s, &s->head))
        return SCAN_STALE;
    if (s->head.format != BATCH_FORMAT || s->head.compat > COMPAT_LEVEL) {
        s->why = "it was written by a newer version";
        return SCAN_POISON;
    }
    if (s->head.count > 0 && !batch_entries_sound(s->batch, s->last_stamp)) {
        s->why = "its entries cannot be read";
        return SCAN_POISON;
    }
    return SCAN_BATCH;
}

enum scan_found scan_look(struct scan *s)
{
    s->head_whole = false;
    if (s->offset + PAGE > s->size)
        return SCAN_END;
    bool readable;
    const uint8_t *page = view(s, s->offset, PAGE, &readable);
    if (!readable)
        return SCAN_UNREADABLE;
    memcpy(&s->head, page, sizeof s->head);
    if (batch_head_whole(&s->head)) {
        s->head_whole = head_of_log(s, &s->head);
        return s->head_whole ? look_behind_head(s) : SCAN_STALE;
    }
    return all_zero(page, PAGE) ? SCAN_ZERO : SCAN_BAD;
}

void scan_next(struct scan *s)
{
    s->offset += batch_disk_bytes(s->head.length);
    s->next_place = batch_last_place(&s->head) + 1;
    s->last_stamp = s->head.last_stamp;
    s->last_epoch = s->head.epoch;
    batch_chain_next(&s->head, s->chain);
    s->chain_known = true;
}

void scan_beyond(struct scan *s, uint64_t from, struct scan_rest *rest)
{
    rest->dirty_end = 0;
    for (uint64_t at = from; at + PAGE <= s->size;) {
        bool readable;
        const uint8_t *page = view(s, at, PAGE, &readable);
        uint64_t step = PAGE;
        struct batch_head head;
        memcpy(&head, page, sizeof head);
        if (readable && head_of_log(s, &head)) {
            rest->head(rest->ctx, &head);
            // What its entries contain is not looked at: clients wrote it.
            uint64_t n = batch_disk_bytes(head.length);
            step = n <= s->size - at ? n : s->size - at;
        }
        at += step;
        if (!readable || !all_zero(page, PAGE))
            rest->dirty_end = at;
    }
}
