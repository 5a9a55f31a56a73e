// Cascades (jobs.h): the lists that hang on the object (hang.h) are emptied in turn, then it is
// erased. A post's comments go newest first, so that replies go before what they answer.
#include "store/jobs.h"

#include <string.h>

#include "core/assert.h"
#include "core/fb_build.h"
#include "core/graph.h"
#include "core/id.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/hang.h"
#include "store/record.h"
#include "store/store.h"
#include "store/stream.h"

struct job {
    struct job *next;
    uint64_t object;
    uint64_t cursor;       // of the list: steps for what lies below are still to be made; 0 = all
    uint32_t steps;        // under way
    uint8_t phase;         // number of the list (hanging_at)
    bool post;
};

struct job_list {
    struct job *first;
    uint32_t count, posts; // of all; those of posts
};

enum {
    POST_JOBS_MAX = 64,    // a user's posts go so many at a time, so that jobs stay few
    STEP_BYTES_MAX = 256,
    TRIM_ITEMS = 512,      // of a stream, a step
};

static struct job **find(const struct part *p, uint64_t object)
{
    static struct job *none;
    if (p->jobs == NULL) return &none;
    struct job **at = &p->jobs->first;
    while (*at != NULL && (*at)->object != object) at = &(*at)->next;
    return at;
}

void jobs_add(struct part *p, const struct object *object)
{
    struct shard *s = p->shard;
    if (p->jobs == NULL) p->jobs = pool_alloc_zero(&s->pool, sizeof *p->jobs, MEM_other);
    ASSERT(*find(p, object->id) == NULL);
    struct job *j = pool_alloc_zero(&s->pool, sizeof *j, MEM_other);
    j->object = object->id;
    j->post = object->kind == ENTITY_post;
    p->jobs->posts += j->post;
    j->next = p->jobs->first;
    p->jobs->first = j;
    p->jobs->count++;
    s->job_turn.jobs++;
}

void jobs_remove(struct part *p, uint64_t object)
{
    struct shard *s = p->shard;
    struct job **at = find(p, object), *j = *at;
    if (j == NULL) return;
    *at = j->next;
    p->jobs->count--;
    p->jobs->posts -= j->post;
    s->job_turn.jobs--;
    s->job_turn.steps -= j->steps;
    pool_free(&s->pool, j, sizeof *j, MEM_other);
}

void jobs_stepped(struct part *p, uint64_t object)
{
    struct job *j = *find(p, object);
    // Steps that are read back after a start were counted by the process before.
    if (j == NULL || j->steps == 0) return;
    j->steps--;
    p->shard->job_turn.steps--;
}

uint32_t jobs_count(const struct part *p)
{
    return p->jobs != NULL ? p->jobs->count : 0;
}

// ---- steps -------------------------------------------------------------------------------------

static bool list_next(const struct part *p, const struct hanging *f, struct job *j, uint64_t *item)
{
    struct edge_at at = {j->object, f->list};
    if (f->stream) {
        uint64_t last = stream_skip(streams_find(p, at), j->cursor, TRIM_ITEMS);
        j->cursor = last;
        *item = last + 1;
        return last != 0;
    }
    if (f->edge == EDGE_none) {
        if (seq_below(seqs_find(p, at), j->cursor, item, 1) == 0) return false;
        j->cursor = *item;
        return true;
    }
    struct edge e;
    if (edges_page(p, at, j->cursor, (struct edge_room){&e, 1}) == 0) return false;
    j->cursor = e.stamp;
    *item = e.other;
    return true;
}

static fb_ref unlink_body(fb_builder *b, const struct hanging *f, uint64_t object, uint64_t item)
{
    kt_new_Unlink w = {0};
    kt_put_Unlink_kind(&w, (uint8_t)f->edge);
    kt_put_Unlink_from(&w, f->forward ? object : item);
    kt_put_Unlink_to(&w, f->forward ? item : object);
    return kt_end_Unlink(b, &w);
}

// A comment goes as an edge from its author; a placeholder has none.
static fb_ref comment_body(fb_builder *b, const struct part *p, uint64_t comment)
{
    const struct comment *c = (const struct comment *)record_find(p, comment);
    ASSERT(c != NULL);
    kt_new_Unlink w = {0};
    kt_put_Unlink_kind(&w, EDGE_write);
    kt_put_Unlink_from(&w, c->author);
    kt_put_Unlink_to(&w, comment);
    return kt_end_Unlink(b, &w);
}

static fb_ref erase_body(fb_builder *b, uint64_t object)
{
    kt_new_Erase w = {0};
    kt_put_Erase_object_id(&w, object);
    return kt_end_Erase(b, &w);
}

static fb_ref trim_body(fb_builder *b, const struct job *j, const struct hanging *f,
                        uint64_t before)
{
    kt_new_Trim w = {0};
    kt_put_Trim_owner(&w, j->object);
    kt_put_Trim_list(&w, (uint8_t)f->list);
    kt_put_Trim_before(&w, before);
    return kt_end_Trim(b, &w);
}

static const struct entry *step_end(struct part *p, struct job *j, fb_builder *b, fb_ref body)
{
    struct shard *s = p->shard;
    size_t n = fb_finish(b, body);
    ASSERT(n > 0 && sizeof(struct entry) + n <= STEP_BYTES_MAX);
    struct entry *e = s->job_entry;
    *e = (struct entry){.length = (uint32_t)(sizeof *e + n), .actor = j->object};
    memcpy(e + 1, fb_data(b), n);
    return e;
}

// f NULL: the object itself is erased. Of a sequence each item is, but a comment is unlinked.
static const struct entry *step(struct part *p, struct job *j, const struct hanging *f,
                                uint64_t item)
{
    struct shard *s = p->shard;
    fb_builder b;
    fb_init(&b, s->scratch, SCRATCH_BYTES);
    bool trim = f != NULL && f->stream;
    bool comment = f != NULL && f->item == ENTITY_comment;
    bool erase = !trim && (f == NULL || (f->edge == EDGE_none && !comment));
    fb_ref body = trim      ? trim_body(&b, j, f, item)
                  : erase   ? erase_body(&b, item)
                  : comment ? comment_body(&b, p, item)
                            : unlink_body(&b, f, j->object, item);
    step_end(p, j, &b, body);
    s->job_entry->op = trim ? OP_trim : erase ? OP_erase : OP_unlink;
    unsigned routed = store_route(s->store, s->job_entry);
    ASSERT(routed == 0);
    j->steps++;
    s->job_turn.steps++;
    return s->job_entry;
}

// NULL: its steps under way have to be read back first.
static const struct entry *job_next(struct part *p, struct job *j)
{
    const struct object *o = record_find(p, j->object);
    ASSERT(o != NULL);
    struct hanging f;
    for (; hanging_at((enum entity)o->kind, j->phase, &f); j->phase++, j->cursor = 0) {
        uint64_t item;
        if (f.item == ENTITY_post && p->jobs->posts >= POST_JOBS_MAX) return NULL;
        if (list_next(p, &f, j, &item)) return step(p, j, &f, item);
        if (j->steps > 0) return NULL;
    }
    // Not bare yet, it would not be erased, and all would begin again.
    if (j->steps > 0) return NULL;
    j->phase = 0;
    j->cursor = 0;
    return step(p, j, NULL, j->object);
}

const struct entry *shard_job_next(struct shard *s)
{
    struct job_turn *turn = &s->job_turn;
    if (turn->jobs == 0 || turn->steps >= JOB_STEPS_MAX) return NULL;
    if (s->job_entry == NULL) s->job_entry = pool_alloc_zero(&s->pool, STEP_BYTES_MAX, MEM_other);
    unsigned partitions = s->store->partitions;
    for (unsigned i = 0; i < partitions; i++, turn->part = (turn->part + 1) % partitions) {
        struct part *p = &s->store->part[turn->part];
        if (p->shard != s || p->jobs == NULL) continue;
        for (struct job *j = p->jobs->first; j != NULL; j = j->next) {
            const struct entry *e = job_next(p, j);
            if (e != NULL) return e;
        }
    }
    return NULL;
}
