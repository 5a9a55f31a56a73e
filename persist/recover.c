// Recovery: reads the segments in order, and where the next batch is not to be found decides by
// what later bytes testify whether the log ends there or has been damaged. Nothing is changed
// before that decision.
//
//   batches (scan.h) ──► end at (segment, offset) ──► witness ──► refuse, or cut and write again
#include "persist/recover.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "persist/batch.h"
#include "persist/mend.h"
#include "persist/scan.h"
#include "persist/segment.h"

// Where a batch of the current segment lies: what W6 has to know.
struct lying {
    uint64_t offset, last_place;
    uint32_t count;
};

struct recovery {
    struct file_dir wal_dir;
    const struct root *root;
    struct recover_options opt;
    struct recover_report *report;
    struct scan scan;
    struct scan_head *heads;     // of all segments, in order of number
    unsigned count, current;
    uint64_t witness;
    struct lying *lying;
    unsigned lying_count, lying_room;
    uint64_t bytes_done, bytes_all, bytes_told;
    bool dirty;                  // something that is not zero lies behind the end in this segment
    uint64_t dirty_end;
    bool dirty_later;            // or in a later one
    bool ended;                  // and all is read
};

__attribute__((format(printf, 2, 3))) static void say(struct recover_report *r,
                                                      const char *form, ...)
{
    va_list args;
    va_start(args, form);
    vsnprintf(r->line, sizeof r->line, form, args);
    va_end(args);
}

static uint64_t highest(uint64_t a, uint64_t b) { return a > b ? a : b; }

static unsigned long long ull(uint64_t v) { return v; }

static void where(struct recovery *r, unsigned index, uint64_t offset)
{
    char name[SEGMENT_NAME];
    segment_name(name, r->heads[index].number);
    snprintf(r->report->file, sizeof r->report->file, "wal/%s", name);
    r->report->offset = offset;
}

// ---- reading ------------------------------------------------------------------------------------

static void progress(struct recovery *r)
{
    if (r->opt.progress)
        r->opt.progress(r->opt.ctx, r->bytes_done + r->scan.offset, r->bytes_all);
}

static int enter(struct recovery *r, unsigned index)
{
    r->current = index;
    r->lying_count = 0;
    return scan_open(&r->scan, r->wal_dir, &r->heads[index]);
}

static int remember(struct recovery *r, const struct batch_head *head)
{
    if (r->lying_count == r->lying_room) {
        unsigned room = r->lying_room ? 2 * r->lying_room : 256;
        struct lying *list = realloc(r->lying, room * sizeof *list);
        if (!list)
            return ENOMEM;
        r->lying = list;
        r->lying_room = room;
    }
    r->lying[r->lying_count++] =
        (struct lying){r->scan.offset, batch_last_place(head), head->count};
    return 0;
}

// D9: the bytes are as they were written, and yet they cannot be taken.
static void refuse_poison(struct recovery *r, const struct batch_head *head, const char *why)
{
    struct recover_report *rep = r->report;
    where(r, r->current, r->scan.offset);
    rep->decision = DECISION_D9;
    rep->refused = true;
    rep->place_first = head->first_place;
    rep->place_last = batch_last_place(head);
    say(rep,
        "%s, offset %llu: the batch of places %llu to %llu is whole, but %s; nothing was changed",
        rep->file, ull(rep->offset), ull(rep->place_first), ull(rep->place_last), why);
}

// The batch that the scan stands on is the next of the log. 0 or errno; a refusal is in the report.
static int take(struct recovery *r)
{
    const struct batch_head *head = &r->scan.head;
    int e = remember(r, head);
    if (e)
        return e;
    r->witness = highest(r->witness, head->synced_upto);
    struct batch b = {.buf = r->scan.batch,
                      .bytes = head->length,
                      .count = head->count,
                      .first_place = head->first_place,
                      .last_place = batch_last_place(head)};
    if (b.count > 0 && b.last_place >= r->opt.from_place && r->opt.batch &&
        !r->opt.batch(r->opt.ctx, &b)) {
        refuse_poison(r, head, "an entry in it cannot be applied");
        return 0;
    }
    r->report->batches++;
    r->report->entries += b.count;
    scan_next(&r->scan);
    return 0;
}

// Whether the next segment goes on exactly where this one ends: then nothing lies between.
static bool continues(const struct recovery *r)
{
    if (r->current + 1 >= r->count)
        return false;
    const struct scan_head *next = &r->heads[r->current + 1];
    return next->whole && next->number == r->heads[r->current].number + 1 &&
           scan_continues(&r->scan, &next->head);
}

static void tell(struct recovery *r)
{
    if (r->bytes_done + r->scan.offset - r->bytes_told < SCAN_WINDOW)
        return;
    r->bytes_told = r->bytes_done + r->scan.offset;
    progress(r);
}

static bool pauses(const struct recovery *r)
{
    return r->opt.pause && r->opt.pause(r->opt.ctx);
}

// Reads until the next batch is not to be found; *found says what is there instead. SCAN_BATCH: the
// caller wanted a pause.
static int read_on(struct recovery *r, enum scan_found *found)
{
    do {
        *found = scan_look(&r->scan);
        int e = 0;
        if (*found == SCAN_BATCH) {
            e = take(r);
        } else if (*found == SCAN_POISON) {
            refuse_poison(r, &r->scan.head, r->scan.why);
        } else if (continues(r)) {
            r->bytes_done += r->scan.size;
            e = enter(r, r->current + 1);
        } else {
            return 0;
        }
        if (e || r->report->refused)
            return e;
        tell(r);
    } while (*found != SCAN_BATCH || !pauses(r));
    return 0;
}

// ---- witness ------------------------------------------------------------------------------------

static void testify(void *ctx, const struct batch_head *head)
{
    struct recovery *r = ctx;
    r->witness = highest(r->witness, head->synced_upto);
    if (head->first_place >= r->scan.next_place)
        r->report->batches_beyond++;
}

struct twin { const struct batch_head *of; bool found; };

static void compare_heads(void *ctx, const struct batch_head *head)
{
    struct twin *t = ctx;
    t->found |= memcmp(head, t->of, sizeof *head) == 0;
}

// A drive that lost its map of the first page, which was being written, may show there what it has
// elsewhere in the segment. Such a head testifies to no end of the segment before.
static bool begins_with_copy(struct scan *s, const struct scan_head *h)
{
    struct twin t = {.of = &h->head};
    struct scan_rest rest = {.head = compare_heads, .ctx = &t};
    scan_beyond(s, PAGE, &rest);
    return t.found;
}

static int look_later(struct recovery *r, struct scan_head *h, struct scan_rest *rest)
{
    struct scan later = {0};
    int e = scan_init(&later, r->root->log_id);
    if (!e)
        e = scan_open(&later, r->wal_dir, h);
    if (!e) {
        scan_beyond(&later, 0, rest);
        h->whole = h->whole && !begins_with_copy(&later, h);
        h->dirty_end = rest->dirty_end;
        r->dirty_later |= h->dirty_end > 0;
    }
    scan_free(&later);
    return e;
}

// Looks at all that lies behind the end: the rest of this segment and every later one.
static int look_beyond(struct recovery *r, enum scan_found found)
{
    // A head may be whole though its batch is torn or stale: what it says was true when it was
    // sealed.
    uint64_t from = r->scan.offset;
    r->dirty_end = from;
    if (found != SCAN_ZERO && found != SCAN_END) {
        r->dirty = true;
        from += r->scan.head_whole ? batch_disk_bytes(r->scan.head.length) : PAGE;
        from = from < r->scan.size ? from : r->scan.size;
        r->dirty_end = from;
    }
    if (r->scan.head_whole)
        r->witness = highest(r->witness, r->scan.head.synced_upto);
    struct scan_rest rest = {.head = testify, .ctx = r};
    scan_beyond(&r->scan, from, &rest);
    if (rest.dirty_end > r->dirty_end) {
        r->dirty = true;
        r->dirty_end = rest.dirty_end;
    }
    for (unsigned i = r->current + 1; i < r->count; i++) {
        struct scan_head *h = &r->heads[i];
        int e = h->whole && i > r->current + 1 ? 0 : look_later(r, h, &rest);
        if (e)
            return e;
        if (h->whole) // all before it was synced before it was written
            r->witness = highest(r->witness, highest(h->head.synced_upto, h->head.first_place - 1));
    }
    return 0;
}

// ---- the decision -------------------------------------------------------------------------------

// The next segment that holds batches, if it cannot be joined to the end for another reason than
// damage.
static bool refuse_order(struct recovery *r)
{
    struct recover_report *rep = r->report;
    uint64_t place = r->scan.next_place;
    for (unsigned i = r->current + 1; i < r->count; i++) {
        const struct scan_head *h = &r->heads[i];
        if (!h->whole)
            continue;
        bool gap = h->number != r->heads[i - 1].number + 1;
        bool overlap = h->head.first_place < place;
        bool other = h->head.first_place == place;
        if (!gap && !overlap && !other)
            return false; // places are missing: that is damage, D2
        where(r, i, 0);
        rep->decision = DECISION_D7;
        rep->place_first = overlap ? h->head.first_place : place;
        rep->place_last = overlap ? place - 1 : h->head.first_place - 1;
        if (gap)
            say(rep, "a segment is missing before %s: places %llu to %llu; nothing was changed",
                rep->file, ull(place), ull(rep->place_last));
        else if (overlap)
            say(rep, "%s begins at place %llu, which an earlier segment holds; nothing was changed",
                rep->file, ull(rep->place_first));
        else
            say(rep, "%s does not follow the segment before it; nothing was changed", rep->file);
        return true;
    }
    return false;
}

static const char *found_text(enum scan_found found)
{
    switch (found) {
    case SCAN_BATCH:
    case SCAN_POISON:
        break;
    case SCAN_ZERO:
        return "zeros";
    case SCAN_END:
        return "the end of the file";
    case SCAN_BAD:
        return "bytes that are no whole batch";
    case SCAN_STALE:
        return "a batch that does not continue the log";
    case SCAN_UNREADABLE:
        return "a page that cannot be read";
    }
    return "a batch"; // which is no end: not reached
}

// Acknowledged places cannot be read: D2, D4, D5, D7.
static void refuse_damage(struct recovery *r, enum scan_found found)
{
    struct recover_report *rep = r->report;
    rep->refused = true;
    if (refuse_order(r))
        return;
    where(r, r->current, r->scan.offset);
    rep->place_first = r->scan.next_place;
    rep->place_last = r->witness;
    bool nothing = found == SCAN_ZERO || found == SCAN_END;
    bool later = r->dirty || r->dirty_later;
    if (found == SCAN_UNREADABLE)
        rep->decision = DECISION_D4;
    else if (nothing && later)
        rep->decision = DECISION_D5;
    else if (found == SCAN_END)
        rep->decision = DECISION_D7; // what should follow is not there at all
    else
        rep->decision = DECISION_D2;
    say(rep,
        "%s, offset %llu: %s where place %llu must be; places up to %llu were durable, so "
        "acknowledged changes are damaged; nothing was changed",
        rep->file, ull(rep->offset), found_text(found), ull(rep->place_first), ull(r->witness));
}

static void refuse_clean(struct recovery *r)
{
    struct recover_report *rep = r->report;
    rep->refused = true;
    rep->decision = DECISION_D8;
    rep->place_first = r->scan.next_place;
    rep->place_last = r->scan.next_place;
    say(rep,
        "%s, offset %llu: the last stop was clean, yet something other than zeros lies behind its "
        "last place %llu; nothing was changed",
        rep->file, ull(rep->offset), ull(r->scan.next_place - 1));
}

static void name_end(struct recovery *r, enum scan_found found)
{
    struct recover_report *rep = r->report;
    bool nothing = found == SCAN_ZERO || found == SCAN_END;
    rep->place_first = r->scan.next_place;
    rep->place_last = r->scan.next_place;
    rep->bytes_dropped = r->dirty ? r->dirty_end - r->scan.offset : 0;
    for (unsigned i = r->current + 1; i < r->count; i++)
        rep->bytes_dropped += r->heads[i].dirty_end;
    if (found == SCAN_UNREADABLE)
        rep->decision = DECISION_D4;
    else if (found == SCAN_STALE)
        rep->decision = DECISION_D3;
    else if (!nothing || r->dirty)
        rep->decision = DECISION_D1;
    else
        rep->decision = r->dirty_later ? DECISION_D6 : DECISION_D0;
    if (rep->decision == DECISION_D0)
        say(rep, "the log ends at place %llu", ull(r->scan.next_place - 1));
    else
        say(rep,
            "%s, offset %llu: %s behind place %llu; nothing testifies that more was durable "
            "(witness %llu): %s %llu bytes, %u batches seen beyond",
            rep->file, ull(rep->offset),
            nothing ? "remains of unfinished writes" : found_text(found),
            ull(r->scan.next_place - 1), ull(r->witness),
            r->opt.read_only ? "a start would cut" : "cut", ull(rep->bytes_dropped),
            rep->batches_beyond);
}

// The first batch of the current segment that nothing testifies to be durable. A seal counts as
// durable only when a durable batch with entries lies behind it: it has no place that could be
// testified to.
static uint64_t doubtful_from(const struct recovery *r)
{
    uint64_t from = 0;
    for (unsigned i = 0; i < r->lying_count; i++) {
        if (r->lying[i].count == 0 || r->lying[i].last_place > r->witness)
            continue;
        from = i + 1 < r->lying_count ? r->lying[i + 1].offset : r->scan.offset;
    }
    return from;
}

static int mend(struct recovery *r, enum scan_found found)
{
    int e = 0;
    if (r->dirty)
        e = mend_zero(r->wal_dir, r->heads[r->current].number, r->scan.offset, r->dirty_end);
    if (!e && found == SCAN_UNREADABLE)
        e = mend_check(r->wal_dir, r->heads[r->current].number, r->scan.offset, r->dirty_end);
    for (unsigned i = r->current + 1; i < r->count && !e; i++)
        if (r->heads[i].dirty_end > 0)
            e = mend_zero(r->wal_dir, r->heads[i].number, 0, r->heads[i].dirty_end);
    if (e || r->root->clean)
        return e; // after a clean stop all is durable
    struct mend_range range = {.log_id = {r->root->log_id[0], r->root->log_id[1]},
                               .segment = r->heads[r->current].number,
                               .from = doubtful_from(r),
                               .to = r->scan.offset};
    return range.from < range.to ? mend_again(r->wal_dir, &range) : 0;
}

static int conclude(struct recovery *r, enum scan_found found)
{
    int e = look_beyond(r, found);
    if (e)
        return e;
    r->report->witness = r->witness;
    where(r, r->current, r->scan.offset);
    bool joined = true;
    for (unsigned i = r->current + 1; i < r->count; i++)
        joined &= !r->heads[i].whole;
    if (r->witness >= r->scan.next_place || !joined) {
        refuse_damage(r, found);
        return 0;
    }
    if (r->root->clean && (r->dirty || r->dirty_later)) {
        refuse_clean(r);
        return 0;
    }
    name_end(r, found);
    return r->opt.read_only ? 0 : mend(r, found);
}

// ---- where to begin -----------------------------------------------------------------------------

static int read_heads(struct recovery *r)
{
    uint64_t *list;
    int e = segment_list(r->wal_dir, &list, &r->count);
    if (e)
        return e;
    r->heads = calloc(r->count + 1, sizeof *r->heads);
    if (!r->heads)
        e = ENOMEM;
    for (unsigned i = 0; i < r->count && !e; i++) {
        r->heads[i].number = list[i];
        e = scan_head_read(&r->scan, r->wal_dir, &r->heads[i]);
    }
    free(list);
    return e;
}

static bool refuse_foreign(struct recovery *r)
{
    struct recover_report *rep = r->report;
    for (unsigned i = 0; i < r->count; i++) {
        const struct scan_head *h = &r->heads[i];
        if (!h->foreign)
            continue;
        where(r, i, 0);
        rep->decision = DECISION_D7;
        rep->refused = true;
        rep->place_first = h->head.first_place;
        rep->place_last = batch_last_place(&h->head);
        say(rep, "%s is of another log (%016llx%016llx); nothing was changed", rep->file,
            ull(h->head.log_id[1]), ull(h->head.log_id[0]));
        return true;
    }
    return false;
}

// The segment that holds from_place. Older ones may be there, even with gaps, after a trim that was
// interrupted: they are not looked at.
static bool find_start(const struct recovery *r, unsigned *index)
{
    bool found = false;
    for (unsigned i = 0; i < r->count; i++) {
        const struct scan_head *h = &r->heads[i];
        bool begins = r->opt.from_place == 0 ? !found : h->head.first_place <= r->opt.from_place;
        if (!h->whole || !begins)
            continue;
        *index = i;
        found = true;
    }
    return found;
}

static void refuse_missing(struct recovery *r)
{
    struct recover_report *rep = r->report;
    rep->decision = DECISION_D7;
    rep->refused = true;
    rep->witness = r->witness;
    rep->place_first = highest(r->opt.from_place, 1);
    rep->place_last = r->witness;
    for (unsigned i = 0; i < r->count; i++) {
        if (!r->heads[i].whole)
            continue;
        rep->place_last = r->heads[i].head.first_place - 1;
        where(r, i, 0);
        break;
    }
    say(rep,
        "wal/ has no segment with place %llu (up to place %llu the log was durable); nothing was "
        "changed",
        ull(rep->place_first), ull(r->witness));
}

// A log without one whole segment head: new, or all of it lost.
static int begin_empty(struct recovery *r)
{
    r->scan.next_place = 1;
    scan_expect_first(&r->scan);
    bool whole = false;
    for (unsigned i = 0; i < r->count; i++)
        whole |= r->heads[i].whole;
    if (whole || r->opt.from_place > 1) {
        refuse_missing(r);
        return 0;
    }
    if (r->count == 0) {
        if (r->witness > 0)
            refuse_missing(r);
        else
            say(r->report, "the log is empty");
        return 0;
    }
    int e = enter(r, 0);
    return e ? e : conclude(r, scan_look(&r->scan));
}

static int begin(struct recovery *r, bool *more)
{
    unsigned start;
    *more = find_start(r, &start);
    if (!*more)
        return begin_empty(r);
    for (unsigned i = start; i < r->count; i++)
        r->bytes_all += r->heads[i].size;
    r->scan.next_place = r->heads[start].head.first_place;
    if (r->heads[start].number == 1)
        scan_expect_first(&r->scan);
    return enter(r, start);
}

static void fill_position(const struct recovery *r, struct wal_position *at)
{
    const struct scan *s = &r->scan;
    *at = (struct wal_position){
        .log_id = {r->root->log_id[0], r->root->log_id[1]},
        .epoch = highest(r->root->epoch, s->last_epoch) + 1,
        .segment = r->count ? r->heads[r->current].number : 0,
        .offset = r->count ? s->offset : 0,
        .next_place = s->next_place,
        .last_stamp = s->last_stamp,
        .durable = s->next_place - 1,
        .chain = {s->chain[0], s->chain[1]},
    };
}

static int prepare(struct recovery *r, bool *more)
{
    int e = scan_init(&r->scan, r->root->log_id);
    // A mending that a power loss interrupted is finished first, or batches in it look torn.
    if (!e && !r->opt.read_only)
        e = mend_resume(r->wal_dir, r->root->log_id);
    if (!e)
        e = read_heads(r);
    if (e)
        return e;
    r->witness = highest(r->root->durable_place, r->root->snapshot_place);
    if (!r->opt.read_only && r->opt.from_place > 0)
        r->witness = highest(r->witness, r->opt.from_place - 1);
    return refuse_foreign(r) ? 0 : begin(r, more);
}

int recover_begin(struct recovery **out, struct file_dir dir, const struct root *root,
                  const struct recover_options *opt)
{
    struct recovery *r = calloc(1, sizeof *r);
    *out = r;
    if (!r)
        return ENOMEM;
    r->root = root;
    r->opt = *opt;
    int e = file_dir_at(&r->wal_dir, dir, "wal", !opt->read_only);
    if (e) {
        free(r);
        *out = NULL;
    }
    return e;
}

// Reads on, up to a pause or what the log ends with.
static int read_log(struct recovery *r, bool *more)
{
    enum scan_found found;
    int e = read_on(r, &found);
    *more = !e && !r->report->refused && found == SCAN_BATCH;
    if (*more)
        return 0;
    if (!e && !r->report->refused)
        e = conclude(r, found);
    progress(r);
    return e;
}

int recover_more(struct recovery *r, struct recover_report *report, bool *more)
{
    bool first = r->report == NULL;
    r->report = report;
    if (first)
        *report = (struct recover_report){0};
    *more = !first;
    int e = first ? prepare(r, more) : 0;
    if (!e && *more)
        e = read_log(r, more);
    r->ended = !e && !*more && !report->refused;
    return e;
}

void recover_end(struct recovery *r, struct wal_position *at)
{
    *at = (struct wal_position){0};
    if (!r)
        return;
    if (r->ended)
        fill_position(r, at);
    scan_free(&r->scan);
    free(r->heads);
    free(r->lying);
    file_dir_close(&r->wal_dir);
    free(r);
}

int recover_log(struct file_dir dir, const struct root *root, const struct recover_options *opt,
                struct wal_position *at, struct recover_report *report)
{
    struct recovery *r;
    struct recover_options whole = *opt;
    whole.pause = NULL;
    *report = (struct recover_report){0};
    int e = recover_begin(&r, dir, root, &whole);
    bool more;
    if (!e)
        e = recover_more(r, report, &more);
    recover_end(r, at);
    return e;
}
