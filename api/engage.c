// Counts are those of the decider's outcome where an edge has one count, and the published ones
// where there are several.
#include "api/engage.h"

#include "api/answer.h"
#include "kith_fb.h"
#include "store/read.h"
#include "store/store.h"

enum { ANSWER_SMALL = 512 };

static fb_ref bookmark_state(fb_builder *b, const struct request *q)
{
    kt_new_BookmarkState w = {0};
    kt_put_BookmarkState_post_id(&w, request_key(q));
    kt_put_BookmarkState_saved(&w, q->row->number == OP_bookmark);
    kt_put_BookmarkState_save_count(&w, q->outcome.count);
    return kt_end_BookmarkState(b, &w);
}

static fb_ref comment_like_state(fb_builder *b, const struct request *q)
{
    kt_new_CommentLikeState w = {0};
    kt_put_CommentLikeState_comment_id(&w, request_key(q));
    kt_put_CommentLikeState_liked(&w, q->row->number == OP_comment_like);
    kt_put_CommentLikeState_like_count(&w, q->outcome.count);
    return kt_end_CommentLikeState(b, &w);
}

static fb_ref share_state(fb_builder *b, const struct request *q)
{
    kt_new_ShareState w = {0};
    kt_put_ShareState_post_id(&w, request_key(q));
    kt_put_ShareState_shared(&w, q->row->number == OP_share);
    kt_put_ShareState_share_count(&w, q->outcome.count);
    return kt_end_ShareState(b, &w);
}

static fb_ref reaction_state(const struct reactor *r, fb_builder *b, const struct request *q)
{
    uint64_t id = request_key(q);
    const struct post *post = store_post(r->server->store, id);
    kt_new_ReactionState w = {0};
    if (post != NULL && likes_shown(post, q->actor)) {
        kt_put_ReactionState_reactions(&w, build_reactions(b, post));
        kt_put_ReactionState_reaction_count(&w, reactions_count(post));
    }
    kt_put_ReactionState_post_id(&w, id);
    if (q->row->number == OP_react)
        kt_put_ReactionState_reaction(&w, kt_React_reaction_type(request_table(q)));
    return kt_end_ReactionState(b, &w);
}

bool engage_answer(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[ANSWER_SMALL];
    fb_builder b;
    fb_ref root = 0;
    fb_init(&b, buf, sizeof buf);
    switch (q->row->number) {
    case OP_bookmark:
    case OP_unbookmark:
        root = bookmark_state(&b, q);
        break;
    case OP_comment_like:
    case OP_comment_unlike:
        root = comment_like_state(&b, q);
        break;
    case OP_share:
    case OP_unshare:
        root = share_state(&b, q);
        break;
    case OP_react:
    case OP_unreact:
        root = reaction_state(r, &b, q);
        break;
    default:
        return false;
    }
    answer_built(r, q, &b, root);
    return true;
}

void engage_stats(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[ANSWER_SMALL];
    fb_builder b;
    struct eye eye;
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    const struct post *p = sees_post_id(&eye, request_key(q));
    if (p == NULL) {
        answer_error(r, q, KITH_not_found);
        return;
    }
    fb_init(&b, buf, sizeof buf);
    bool shown = likes_shown(p, q->actor);
    kt_new_PostStats w = {0};
    kt_put_PostStats_post_id(&w, p->o.id);
    kt_put_PostStats_like_count(&w, shown ? p->likes : 0);
    kt_put_PostStats_comment_count(&w, p->comments);
    kt_put_PostStats_share_count(&w, post_rare(p)->shares);
    kt_put_PostStats_save_count(&w, post_rare(p)->saves);
    kt_put_PostStats_reaction_count(&w, shown ? reactions_count(p) : 0);
    kt_put_PostStats_reply_count(&w, post_rare(p)->replies);
    kt_put_PostStats_updated_at(&w, p->updated_ms);
    answer_built(r, q, &b, kt_end_PostStats(&b, &w));
}
