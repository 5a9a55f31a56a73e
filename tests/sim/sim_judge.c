// Entries in the order of the log, answers by the place that they name.
#include "tests/sim/sim_judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/errors.h"
#include "core/hash.h"
#include "core/graph.h"
#include "core/ops.h"
#include "persist/scan.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_client.h"

enum { PLACES_MAX = 1 << 16 };

struct model *model;
uint64_t sim_findings, sim_entries[OP_LIMIT], sim_lost, sim_refusals;

static uint64_t next_place;        // places below this were judged
static uint64_t first_place = 1;   // and those below this are forgotten
static uint64_t read_upto;
static uint64_t follow_segment;    // that the follower is in
static struct expected {
    struct expect x;
    uint64_t parent, body;         // place that owed it; hash of its bytes
    uint64_t actor;
    uint16_t op;
    bool said;
} expected[PLACES_MAX];

static struct expected *expected_at(uint64_t place)
{
    ASSERT(place >= first_place && place - first_place < PLACES_MAX);
    return &expected[place - first_place];
}

void sim_finding(const char *what, uint64_t at)
{
    sim_findings++;
    sim_say("FINDING %s at %" PRIu64, what, at);
    fprintf(stderr, "finding: %s at %" PRIu64 "\n", what, at);
}

bool sim_open_data(struct file_dir *dir, struct root *root)
{
    return file_dir_open(dir, "data", false) == 0 && root_read(*dir, root) == 0;
}

void judge_reset(void)
{
    model_reset(model);
    next_place = first_place = 1;
}

void judge_forget(void)
{
    first_place = next_place;
    model_tidy(model);
}

uint64_t judge_next_place(void) { return next_place; }

// ---- the log -----------------------------------------------------------------------------------

static bool judge_batch(void *ctx, const struct batch *b)
{
    (void)ctx;
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct entry *e = batch_entry(b, at);
        at += e->length;
        if (e->place < next_place || e->place > read_upto)
            continue;
        if (e->place != next_place)
            sim_finding("a hole in the log", e->place);
        struct expected *to = expected_at(e->place);
        *to = (struct expected){.op = e->op, .actor = e->actor};
        to->body = hash64(entry_body(e), entry_body_size(e), e->op);
        if (entry_parent(e) != NULL)
            to->parent = entry_parent(e)->place;
        sim_entries[e->op % OP_LIMIT]++;
        to->said = model_apply(model, e, &to->x);
        if (to->x.orphan)
            sim_finding("a consequence that nothing owed, or once more", e->place);
        next_place = e->place + 1;
    }
    return true;
}

static void follow_from(const struct wal_position *at);

static void read_log(void)
{
    struct file_dir dir;
    struct root root;
    if (!sim_open_data(&dir, &root)) {
        sim_finding("the directory cannot be read", 0);
        return;
    }
    struct recover_options o = {.from_place = next_place, .read_only = true, .batch = judge_batch};
    struct wal_position at;
    struct recover_report report;
    if (recover_log(dir, &root, &o, &at, &report) != 0 || report.refused)
        sim_finding("the log cannot be read again", next_place);
    else
        follow_from(&at);
    file_dir_close(&dir);
}

// Where the log was read to; the segment is opened anew, for what is in memory of it is old.
static struct scan follower;

static void follow_from(const struct wal_position *at)
{
    if (follower.window == NULL && scan_init(&follower, at->log_id) != 0)
        return;
    follower.next_place = at->next_place;
    follower.last_stamp = at->last_stamp;
    follower.last_epoch = 0;
    memcpy(follower.log_id, at->log_id, sizeof follower.log_id);
    memcpy(follower.chain, at->chain, sizeof follower.chain);
    follower.chain_known = true;
    follower.offset = at->offset;
    follow_segment = at->segment;
}

static bool next_segment(struct file_dir wal)
{
    struct scan_head h = {.number = follow_segment + 1};
    if (scan_head_read(&follower, wal, &h) != 0 || !h.whole ||
        !scan_continues(&follower, &h.head) || scan_open(&follower, wal, &h) != 0)
        return false;
    follow_segment = h.number;
    return true;
}

static bool same_segment(struct file_dir wal)
{
    struct scan_head h = {.number = follow_segment};
    uint64_t offset = follower.offset;
    if (scan_head_read(&follower, wal, &h) != 0 || scan_open(&follower, wal, &h) != 0)
        return false;
    follower.offset = offset;
    return true;
}

static void follow_log(void)
{
    struct file_dir dir, wal;
    struct root root;
    if (!sim_open_data(&dir, &root) || file_dir_at(&wal, dir, "wal", false) != 0)
        return;
    bool more = same_segment(wal);
    while (more) {
        if (scan_look(&follower) != SCAN_BATCH) {
            more = next_segment(wal);
            continue;
        }
        // On the disk and not yet durable: it is read when it is.
        if (follower.head.first_place + follower.head.count > read_upto + 1)
            break;
        struct batch b = {.buf = follower.batch, .bytes = follower.head.length,
                          .count = follower.head.count,
                          .first_place = follower.head.first_place};
        judge_batch(NULL, &b);
        scan_next(&follower);
    }
    if (follower.number != 0)
        file_close(&follower.file);
    follower.number = 0;
    file_dir_close(&wal);
    file_dir_close(&dir);
}

// ---- answers -----------------------------------------------------------------------------------

// Which entry answers a request: some are answered by what follows from theirs.
static bool answers(unsigned entry, unsigned request)
{
    switch (request) {
    case OP_register:
    case OP_login: return entry == OP_session_create;
    case OP_token_refresh: return entry == OP_session_rotate;
    case OP_logout: return entry == OP_session_delete;
    case OP_user_update:
        return entry == OP_user_update || entry == OP_user_apply || entry == OP_user_rename;
    case OP_user_delete: return entry == OP_names_release;
    // Of a private account it is a request.
    case OP_follow: return entry == OP_follow || entry == OP_follow_request;
    case OP_verify_request:
    case OP_forgot_password:
    case OP_login_code: return entry == OP_ticket_make;
    case OP_react: return entry == OP_react || entry == OP_like;
    case OP_import_users: return entry == OP_import_users || entry == OP_user_create;
    }
    return entry == request;
}

static bool same_rows(const struct sim_op *o, const struct expect *x)
{
    return o->count == x->count && o->repeated == x->repeated && o->refused == x->refused;
}

// Rows that were refused are answered when their other ends are clean again, with the place of
// then: the entry is one of those before that say the same.
static void judge_rows(const struct sim_op *o)
{
    for (uint64_t p = o->place; p >= first_place; p--) {
        const struct expected *e = expected_at(p);
        if (e->op == o->op && e->body == o->body && same_rows(o, &e->x))
            return;
    }
    sim_finding("rows of an import that no entry has", o->place);
}

static const char *compare_answer(const struct sim_op *o, const struct expected *e)
{
    if (o->place == 0 || !answers(e->op, o->op))
        return "an answer names another entry's place";
    if (!e->said || e->x.error != KITH_ok)
        return "done, but the model refuses";
    if (e->x.id != 0 && o->id != 0 && e->x.id != o->id)
        return "another id than the model's";
    // A reaction's answer shows what is counted by then; where likes are for the author alone by
    // then, none.
    bool hidden = (o->op == OP_like || o->op == OP_unlike) && o->count == 0;
    if (e->x.counted && o->op != OP_react && !hidden && o->count != e->x.count)
        return "another count than the model's";
    return NULL;
}

static void judge_answer(const struct sim_op *o)
{
    const struct expected *e = expected_at(o->place > 0 ? o->place : first_place);
    if (o->op == OP_import_edges || o->op == OP_import_posts) {
        judge_rows(o);
        return;
    }
    // A keyed removal, or a change of a reaction, is answered when its other end has heard of it.
    bool react = o->op == OP_react || o->op == OP_unreact || o->op == OP_like;
    if ((e->op == OP_undo && (react || op_row(o->op)->unlink != EDGE_none)) ||
        (e->op == OP_reacted && react))
        e = expected_at(e->parent);
    const char *wrong = compare_answer(o, e);
    if (wrong == NULL)
        return;
    sim_finding(wrong, o->place);
    fprintf(stderr, "  %s %s %s: id %" PRIu64 " count %u; entry %u: error %u id %" PRIu64
            " count %u\n", op_row(o->op)->name, o->key, o->json, o->id, o->count, e->op,
            e->x.error, e->x.id, e->x.count);
}

// Somebody else asked for the same, and the place is that answer's, or of what it answered later.
static bool others_place(const struct sim_op *o)
{
    for (unsigned i = 0; i < history.n; i++) {
        const struct sim_op *other = &history.op[i];
        if (!answers(o->op, other->op) || other->state == OP_REFUSED) continue;
        if (other->place == o->place) return true;
        bool judged = other->place >= first_place && other->place < next_place;
        if (judged && expected_at(other->place)->parent == o->place) return true;
    }
    return false;
}

// What its own entry refused, the model refuses. Who was refused before there was one is told
// another place, or none; and that place may be of an entry that asks for the same for another.
static void judge_refusal(struct sim_op *o)
{
    if (o->judged || o->place < first_place || o->place >= next_place)
        return;
    const struct expected *e = expected_at(o->place);
    o->judged = true;
    if (e->op != o->op || e->body != o->body || e->actor != o->actor || !e->said)
        return;
    sim_refusals++;
    if (e->x.error != KITH_ok || others_place(o))
        return;
    sim_finding("refused, but the model allows it", o->place);
    fprintf(stderr, "  %s %s %s: status %u\n", op_row(o->op)->name, o->key, o->json, o->status);
}

static void judge_answers(uint64_t promised)
{
    for (unsigned i = 0; i < history.n; i++) {
        struct sim_op *o = &history.op[i];
        if (o->state == OP_REFUSED)
            judge_refusal(o);
        if (o->state != OP_DONE || o->judged || op_row(o->op)->kind != OPK_CHANGE)
            continue;
        if (o->op == OP_logout && o->place == 0) // the session had ended before
            continue;
        o->judged = o->place < next_place;
        if (o->judged) {
            judge_answer(o);
        } else if (read_upto < UINT64_MAX && o->place > read_upto) {
            continue; // answered under `group`, not durable yet
        } else if (o->place <= promised) {
            sim_finding("an acknowledged change is lost", o->place);
        } else {
            o->state = OP_LOST;
            sim_lost++;
        }
    }
}

// What a client was told of is not taken back while both ends are there, unless it asked for that.
static void judge_undone(void)
{
    for (uint64_t p = first_place; p < next_place; p++) {
        uint64_t place = expected_at(p)->x.undone;
        for (unsigned i = 0; place != 0 && i < history.n; i++) {
            const struct sim_op *o = &history.op[i];
            bool kept = o->op == OP_follow || o->op == OP_like || o->op == OP_collect ||
                        o->op == OP_bookmark || o->op == OP_comment_like || o->op == OP_share;
            if (o->place == place && o->state == OP_DONE && kept)
                sim_finding("an edge that was answered is undone", place);
        }
    }
}

void judge_log(uint64_t promised)
{
    read_upto = UINT64_MAX;
    read_log();
    judge_answers(promised);
}

void judge_durable(uint64_t upto)
{
    read_upto = upto;
    read_log();
    judge_answers(upto);
}

void judge_follow(uint64_t upto)
{
    read_upto = upto;
    follow_log();
    if (next_place <= upto)
        sim_finding("the log ends below what is durable", next_place);
    judge_answers(upto);
}

// ---- quiet -------------------------------------------------------------------------------------

// Who is gone by now is not let in again, and is not told what became of the first attempt.
static bool turned_away(const struct sim_op *o)
{
    bool away = o->status == 401 || o->status == 403;
    return o->retried && o->place == 0 && away;
}

// What was sent once is not there twice, what was refused not at all, what is done is there.
static void judge_made(void)
{
    static unsigned seen[SIM_OPS_MAX];
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < model->objects; i++) {
        const struct model_object *o = &model->object[i];
        unsigned nr = 0;
        bool of_post = o->kind == ENTITY_post && sscanf(o->made, "post %u", &nr) == 1;
        bool of_comment = o->kind == ENTITY_comment && sscanf(o->made, "comment %u", &nr) == 1;
        if (!of_post && !of_comment)
            continue;
        if (nr < history.before)
            continue; // judged long ago
        nr -= history.before;
        const char *wrong = NULL;
        if (nr >= history.n || seen[nr]++ > 0)
            wrong = "one request, applied twice";
        else if (history.op[nr].state == OP_REFUSED && !turned_away(&history.op[nr]))
            wrong = "refused, but there";
        else if (history.op[nr].state == OP_LOST)
            wrong = "lost, but there";
        if (wrong == NULL)
            continue;
        sim_finding(wrong, o->id);
        fprintf(stderr, "  %s: request %u, status %u at %" PRIu64 "\n", o->made, nr,
                nr < history.n ? history.op[nr].status : 0,
                nr < history.n ? history.op[nr].place : 0);
    }
    for (unsigned i = 0; i < history.n; i++) {
        const struct sim_op *o = &history.op[i];
        // A reply is born at its author's end, who may be gone by then.
        bool unborn = o->op == OP_post_create && model_user(model, o->actor) == NULL;
        if (o->state == OP_DONE && seen[i] == 0 && !unborn &&
            (o->op == OP_post_create || o->op == OP_comment_create))
            sim_finding("an acknowledged post or comment was never made", o->place);
    }
}

// Cascades have ended, and every consequence has come.
static void judge_rest(void)
{
    for (unsigned i = 0; i < model->objects; i++)
        if (model->object[i].there && model->object[i].gone)
            sim_finding("a cascade has not ended", model->object[i].id);
    for (unsigned i = 0; i < model->oweds; i++)
        sim_finding("a consequence has never come", model->owed[i].place);
    for (unsigned i = 0; i < model->names; i++)
        if (model_user(model, model->name[i].id) == NULL)
            sim_finding("a name is held by nobody", model->name[i].id);
}

void judge_quiet(void)
{
    judge_undone();
    judge_made();
    judge_rest();
}
