// A read waits for marks on the core that answers it, since the pushes it must see are in that
// core's mailboxes.
#include "api/reads.h"

#include "api/answer.h"
#include "api/engage.h"
#include "api/lists.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/logger.h"
#include "kith_fb.h"
#include "store/names.h"
#include "store/read.h"
#include "store/store.h"

static void answer_found(struct reactor *r, struct request *q, fb_builder *b, fb_ref root)
{
    if (root == 0 && b->err == FB_OK)
        answer_error(r, q, KITH_not_found);
    else
        answer_built(r, q, b, root);
}

static void read_like_count(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[128];
    fb_builder b;
    uint64_t id = request_key(q);
    struct eye eye;
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    const struct post *post = sees_post_id(&eye, id);
    fb_init(&b, buf, sizeof buf);
    fb_ref root = 0;
    if (post != NULL) {
        kt_new_LikeCount w = {0};
        kt_put_LikeCount_post_id(&w, id);
        kt_put_LikeCount_like_count(&w, likes_shown(post, q->actor) ? post->likes : 0);
        root = kt_end_LikeCount(&b, &w);
    }
    answer_found(r, q, &b, root);
}

static void read_object(struct reactor *r, struct request *q)
{
    struct view view = {r->server->store, r->shard, q->actor};
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    fb_ref root = 0;
    if (q->row->number == OP_user_by_name) {
        fb_str s = kt_UserByName_username(request_table(q));
        uint64_t id = names_find(r->server->store, (struct name){NAME_username, s.s, s.n});
        root = id != 0 ? build_user(&b, &view, id) : 0;
    } else if (q->row->number == OP_user_get) {
        root = build_user(&b, &view, request_key(q));
    } else {
        root = build_post(&b, &view, request_key(q));
    }
    answer_found(r, q, &b, root);
}

// A core that is behind what was answered long ago is in trouble; a client may ask for what never
// was.
static void answer_late(struct reactor *r, struct request *q)
{
    const struct server *s = r->server;
    if (q->demand <= wal_released_place(s->wal))
        log_event(LOG_WARN, "a core is late", log_u64("request", q->number),
                  log_u64("demand", q->demand), log_u64("seen", r->seen), log_u64("core", r->core));
    answer_error(r, q, KITH_place_timeout);
}

static void run_read(struct reactor *r, struct request *q)
{
    if (!reactor_fresh(r, q)) {
        if (clock_mono_ns() < q->deadline_ns)
            reactor_park(r, q);
        else
            answer_late(r, q);
        return;
    }
    q->place = r->seen;
    switch (q->row->number) {
    case OP_user_get:
    case OP_user_by_name:
    case OP_post_get:
        read_object(r, q);
        return;
    case OP_like_count:
        read_like_count(r, q);
        return;
    case OP_post_stats:
        engage_stats(r, q);
        return;
    default:
        lists_begin(r, q);
    }
}

void reads_ahead(struct reactor *r, struct request *const *q, uint32_t n)
{
    uint64_t viewer[READ_AHEAD_MAX];
    uint32_t viewers = 0;
    ASSERT(n <= READ_AHEAD_MAX);
    for (uint32_t i = 0; i < n; i++) {
        bool feed = q[i]->row != NULL && q[i]->row->number == OP_feed;
        if (feed && reactor_core_of(r, q[i]->actor) == r->core)
            viewer[viewers++] = q[i]->actor;
    }
    read_ahead(r->shard, (struct id_list){viewer, viewers});
}

void reads_begin(struct reactor *r, struct request *q)
{
    reactor_move(r, q, lists_core(r, q), run_read);
}
