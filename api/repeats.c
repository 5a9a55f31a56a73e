// Counted in the buckets of the limits, by a hash of who says it and of the text without names,
// spaces and signs: what is put in so that no two are the same. Only who says it too often costs a
// look at the followers.
#include "api/repeats.h"

#include "api/ingest.h"
#include "api/limits.h"
#include "core/fb_copy.h"
#include "core/hash.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/edges.h"
#include "store/names.h"
#include "store/store.h"

enum { REACHED_MAX = 2 * MENTIONS_MAX + 1 };

static fb_str text_of(const struct request *q)
{
    const void *t = request_table(q);
    switch (q->row->number) {
    case OP_comment_create:
        return kt_CommentCreate_content(t);
    case OP_comment_update:
        return kt_CommentUpdate_content(t);
    case OP_share:
        return kt_SharePost_content(t);
    case OP_post_create:
        return kt_PostCreate_caption(t);
    default:
        return (fb_str){NULL, 0};
    }
}

// Whose the post or comment is that q says it at, 0 = at nobody's.
static uint64_t host_of(const struct reactor *r, const struct request *q)
{
    const struct store *s = r->server->store;
    const void *t = request_table(q);
    if (q->row->number == OP_post_create)
        return store_author(s, kt_PostCreate_reply_to_post_id(t));
    if (q->row->number != OP_comment_update)
        return store_author(s, request_key(q));
    const struct comment *c = store_comment(s, request_key(q));
    return c != NULL ? store_author(s, comment_post(c)) : 0;
}

// Whom it reaches beside those who follow its author anyway. Returns how many.
static unsigned reached(const struct reactor *r, const struct request *q, uint64_t *who)
{
    uint64_t named[REACHED_MAX], host = host_of(r, q);
    unsigned names = ingest_named(r, text_of(q), named), n = 0;
    fb_vec more = {0};
    if (q->row->number == OP_post_create)
        more = kt_PostCreate_mentions(request_table(q));
    for (uint32_t i = 0; i < more.n && i < MENTIONS_MAX; i++) {
        fb_str name = fb_vec_str(more, i);
        named[names] = names_find(r->server->store, (struct name){NAME_username, name.s, name.n});
        names += named[names] != 0;
    }
    if (host != 0 && host != q->actor)
        who[n++] = host;
    for (unsigned i = 0; i < names; i++)
        if (named[i] != q->actor && named[i] != host)
            who[n++] = named[i];
    return n;
}

static bool in_name(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.';
}

// Letters in lower case and digits; what is not ASCII as it is. out has room for s.n bytes.
static size_t plain_text(char *out, fb_str s)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (c == '@')
            while (i + 1 < s.n && in_name(s.s[i + 1]))
                i++;
        else if (c >= 'A' && c <= 'Z')
            out[n++] = (char)(c + 32);
        else if ((in_name(c) && c != '_' && c != '.') || (unsigned char)c >= 0x80)
            out[n++] = c;
    }
    return n;
}

bool repeats_over(struct reactor *r, struct request *q)
{
    const struct limit_rule *rule = &r->server->limits.rule[RATE_REPEAT][LIMIT_USER];
    uint64_t who[REACHED_MAX];
    fb_str text = text_of(q);
    bool counted = rule->every_ns != 0 && q->service_key == 0 && q->actor != 0 && text.n > 0;
    unsigned n = counted ? reached(r, q, who) : 0;
    if (n == 0 || text.n > BUILD_BYTES)
        return false;
    size_t length = plain_text((char *)r->build, text);
    q->said_hash = hash64(r->build, length, q->actor);
    struct bucket_ask ask = limits_ask(rule, q, q->said_hash);
    while (q->said < n && buckets_take(&r->server->limits.buckets, &ask).wait_ns == 0)
        q->said++;
    return q->said < n;
}

bool repeats_known(struct reactor *r, struct request *q)
{
    const struct limit_rule *rule = &r->server->limits.rule[RATE_REPEAT][LIMIT_USER];
    const struct part *p = store_part(r->server->store, id_slot(q->actor));
    uint64_t who[REACHED_MAX];
    unsigned n = reached(r, q, who), strangers = 0;
    for (unsigned i = 0; i < n; i++)
        strangers += edges_find(p, (struct edge_at){q->actor, LIST_followers}, who[i]) == 0;
    if (strangers == 0)
        return true;
    q->limit = (struct limit_verdict){rule, rule->until_full_ns, rule->every_ns};
    stats_add(&r->stats.limited[rule->rate][rule->by], 1);
    return false;
}

void repeats_ended(struct reactor *r, const struct request *q)
{
    const struct limit_rule *rule = &r->server->limits.rule[RATE_REPEAT][LIMIT_USER];
    // What has a place was done, whatever became of its answer.
    bool done = q->place != 0 || q->error == KITH_unknown_outcome;
    if (done || error_row(q->error)->http < 500)
        return;
    struct bucket_ask ask = limits_ask(rule, q, q->said_hash);
    buckets_give(&r->server->limits.buckets, &ask, q->said);
}
