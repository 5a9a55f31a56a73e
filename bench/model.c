#include "bench/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/id.h"
#include "core/limits.h"
#include "kith_fb.h"

enum { FOLLOWED_FIRST = 1 << 16, PAGE_POSTS = PAGE_DEFAULT };

// ---- the community -----------------------------------------------------------------------------

static void add_follows(struct model *m)
{
    const struct community *c = &m->world->community;
    uint64_t n = c->edges + (c->star ? c->users : 0);
    struct pair *pair = malloc((n + 1) * sizeof *pair);
    m->followee_at = calloc(c->users + 2, sizeof *m->followee_at);
    m->followee = malloc((n + 1) * sizeof *m->followee);
    ASSERT(pair != NULL && m->followee_at != NULL && m->followee != NULL);
    struct community_edges edges;
    community_edges_begin(&edges, c);
    for (n = 0; community_edges_next(&edges, &pair[n]); n++)
        m->followee_at[pair[n].from + 2]++;
    community_edges_end(&edges);
    for (uint32_t u = 2; u <= c->users; u++)
        m->followee_at[u] += m->followee_at[u - 1];
    for (uint64_t i = 0; i < n; i++)
        m->followee[m->followee_at[pair[i].from + 1]++] = pair[i].to;
    free(pair);
}

static void add_posts(struct model *m)
{
    const struct community *c = &m->world->community;
    m->post_at = calloc(c->users + 2, sizeof *m->post_at);
    m->post = malloc((c->posts + 1) * sizeof *m->post);
    m->seen = calloc(c->posts + 1, sizeof *m->seen);
    ASSERT(m->post_at != NULL && m->post != NULL && m->seen != NULL);
    for (uint32_t p = 0; p < c->posts; p++)
        m->post_at[community_author(c, p) + 2]++;
    for (uint32_t u = 2; u <= c->users; u++)
        m->post_at[u] += m->post_at[u - 1];
    // A higher number is a later post.
    for (uint32_t p = (uint32_t)c->posts; p-- > 0;)
        m->post[m->post_at[community_author(c, p) + 1]++] = p;
}

void model_init(struct model *m, const struct world *w)
{
    m->world = w;
    add_follows(m);
    add_posts(m);
    m->followed_n = 0;
    m->followed_cap = FOLLOWED_FIRST;
    m->followed = calloc(m->followed_cap, sizeof *m->followed);
    ASSERT(m->followed != NULL);
}

void model_free(struct model *m)
{
    free(m->followee_at);
    free(m->followee);
    free(m->post_at);
    free(m->post);
    free(m->seen);
    free(m->followed);
    *m = (struct model){0};
}

// ---- what was asked since ----------------------------------------------------------------------

static uint64_t *followed_cell(const struct model *m, uint64_t pair)
{
    uint64_t at = hash_u64(pair, 1);
    while (m->followed[at & (m->followed_cap - 1)] != 0 &&
           m->followed[at & (m->followed_cap - 1)] != pair)
        at++;
    return &m->followed[at & (m->followed_cap - 1)];
}

static void grow_followed(struct model *m)
{
    uint64_t *old = m->followed, cap = m->followed_cap;
    m->followed_cap *= 2;
    m->followed = calloc(m->followed_cap, sizeof *m->followed);
    ASSERT(m->followed != NULL);
    for (uint64_t i = 0; i < cap; i++)
        if (old[i] != 0)
            *followed_cell(m, old[i]) = old[i];
    free(old);
}

void model_sent(struct model *m, const struct job *job)
{
    // In a small community the walk of follows comes round, and takes back what was there.
    if (job->ask.kind == ASK_UNFOLLOW)
        m->deleting = true;
    if (job->ask.kind != ASK_FOLLOW)
        return;
    uint64_t pair = (uint64_t)job->ask.actor << 32 | job->ask.other, *cell = followed_cell(m, pair);
    m->followed_n += *cell == 0;
    *cell = pair;
    if (m->followed_n * 2 > m->followed_cap)
        grow_followed(m);
}

static bool may_follow(const struct model *m, uint32_t from, uint32_t to)
{
    for (uint64_t i = m->followee_at[from]; i < m->followee_at[from + 1]; i++)
        if (m->followee[i] == to)
            return true;
    return m->crowded || *followed_cell(m, (uint64_t)from << 32 | to) != 0;
}

// ---- a page ------------------------------------------------------------------------------------

// The newest posts that `user` must see, by number; returns how many.
static unsigned expected_page(const struct model *m, uint32_t user, uint32_t *out)
{
    unsigned n = 0;
    for (uint64_t i = m->followee_at[user]; i < m->followee_at[user + 1]; i++) {
        uint32_t author = m->followee[i];
        for (uint32_t k = m->post_at[author]; k < m->post_at[author + 1]; k++) {
            uint32_t p = m->post[k];
            if (n == PAGE_POSTS && p < out[n - 1])
                break;
            unsigned at = n < PAGE_POSTS ? n++ : n - 1;
            for (; at > 0 && out[at - 1] < p; at--)
                out[at] = out[at - 1];
            out[at] = p;
        }
    }
    return n;
}

// The community's post with this id; false where it is a later one.
static bool known_post(const struct model *m, uint64_t id, uint32_t *number)
{
    const struct world *w = m->world;
    uint64_t begin = w->when.end_ms - w->when.span_ms;
    uint64_t step = w->when.span_ms / w->community.posts, ms = id_ms(id);
    if (step == 0 || ms < begin || (ms - begin) / step >= w->community.posts)
        return false;
    *number = (uint32_t)((ms - begin) / step);
    return w->post[*number] == id;
}

static bool wrong(char *why, const char *what, uint64_t id)
{
    snprintf(why, DRIVER_WHY, "validated: %s (%llu)", what, (unsigned long long)id);
    return false;
}

static bool post_content_agrees(struct model *m, const struct job *job, const void *p, char *why)
{
    const struct world *w = m->world;
    uint64_t id = kt_Post_post_id(p);
    uint32_t number;
    if (!known_post(m, id, &number))
        return true;
    struct made_post made;
    community_post_in(&w->community, number, w->when, &made);
    fb_str caption = kt_Post_caption(p);
    if (!m->deleting && (caption.n != made.text_n || memcmp(caption.s, made.text, caption.n) != 0))
        return wrong(why, "a post has not the text that it was given", id);
    if (kt_Post_user_id(p) != w->user[made.author])
        return wrong(why, "a post has not the author who wrote it", id);
    struct model_seen *seen = &m->seen[number];
    uint32_t comments = kt_Post_comment_count(p);
    if (job->sent_ns > seen->at_ns && comments < seen->comments)
        return wrong(why, "a post has fewer comments than were seen before", id);
    if (comments >= seen->comments)
        *seen = (struct model_seen){comments, clock_mono_ns()};
    return true;
}

static bool author_agrees(const struct model *m, uint32_t viewer, const void *p, char *why)
{
    const struct world *w = m->world;
    const void *author = kt_Post_author(p);
    unsigned user;
    uint64_t id = kt_Post_post_id(p);
    if (author == NULL || kt_Person_user_id(author) != kt_Post_user_id(p))
        return wrong(why, "a post comes with somebody else's name", id);
    if (sscanf(kt_Person_username(author).s, "u%u", &user) != 1 || user >= w->community.users ||
        w->user[user] != kt_Post_user_id(p))
        return wrong(why, "an author has not the name that was given", id);
    if (!may_follow(m, viewer, user))
        return wrong(why, "a feed has a post of somebody who is not followed", id);
    if (!kt_Post_following(p))
        return wrong(why, "a feed's author is not marked as followed", id);
    return true;
}

static bool feed_agrees(struct model *m, const struct job *job, const void *table, char *why)
{
    uint32_t want[PAGE_POSTS];
    unsigned n = expected_page(m, job->ask.actor, want), met = 0;
    fb_vec posts = kt_Posts_posts(table);
    uint64_t last = UINT64_MAX;
    for (uint32_t i = 0; i < posts.n; i++) {
        const void *p = kt_at_Post(posts, i);
        uint64_t id = kt_Post_post_id(p);
        if (id >= last)
            return wrong(why, "a feed is not newest first", id);
        last = id;
        if (!author_agrees(m, job->ask.actor, p, why) || !post_content_agrees(m, job, p, why))
            return false;
        met += met < n && m->world->post[want[met]] == id;
    }
    if (posts.n > PAGE_POSTS)
        return wrong(why, "a feed has more than was asked for", posts.n);
    // What comes behind the page's last post may be missing on a full page, nothing else.
    if (!m->deleting && met < n &&
        (posts.n < PAGE_POSTS || m->world->post[want[met]] > last))
        return wrong(why, "a feed misses a post", m->world->post[want[met]]);
    return true;
}

// ---- searches ----------------------------------------------------------------------------------

// Every post has all words of the query, and the words of one post find at least that.
static bool found_posts_agree(const struct model *m, const struct ask *a, const void *t, char *why)
{
    struct query query;
    queries_draw_post(m->queries, a->text, &query);
    fb_vec posts = kt_Posts_posts(t);
    uint64_t last = UINT64_MAX;
    for (uint32_t i = 0; i < posts.n; i++) {
        const void *p = kt_at_Post(posts, i);
        uint64_t id = kt_Post_post_id(p);
        fb_str caption = kt_Post_caption(p);
        if (id >= last)
            return wrong(why, "what was found is not newest first", id);
        last = id;
        if (!queries_match(&query, (struct language_text){caption.s, caption.n})) {
            snprintf(why, DRIVER_WHY, "validated: \"%.100s\" found a post without it (%llu)",
                     query.s, (unsigned long long)id);
            return false;
        }
    }
    if (posts.n > 0 || kt_Posts_next_cursor(t).n > 0)
        return true;
    snprintf(why, DRIVER_WHY, "validated: \"%.100s\" finds nothing, and is in a post", query.s);
    return false;
}

// Names that begin so come first, and there is one.
static bool found_users_agree(const struct model *m, const struct ask *a, const void *t, char *why)
{
    struct query query;
    queries_draw_user(m->queries, a->text, &query);
    fb_vec users = kt_Users_users(t);
    fb_str name = users.n > 0 ? kt_Person_username(kt_at_Person(users, 0)) : (fb_str){"", 0};
    if (name.n >= query.n && strncasecmp(name.s, query.s, query.n) == 0)
        return true;
    snprintf(why, DRIVER_WHY, "validated: \"%.100s\" begins a name, and \"%.50s\" is found",
             query.s, name.s);
    return false;
}

// ---- suggestions -------------------------------------------------------------------------------

static uint32_t mutuals(const struct model *m, uint32_t user, uint32_t other)
{
    uint32_t n = 0;
    for (uint64_t i = m->followee_at[user]; i < m->followee_at[user + 1]; i++) {
        uint32_t by = m->followee[i];
        for (uint64_t k = m->followee_at[by]; k < m->followee_at[by + 1]; k++)
            n += m->followee[k] == other;
    }
    return n;
}

// Somebody else, not followed yet, by as many of the followed as there are, the most first. Nothing
// is followed in the scenario that asks.
static bool suggestions_agree(const struct model *m, const struct ask *a, const void *t, char *why)
{
    const struct world *w = m->world;
    fb_vec all = kt_Suggestions_suggestions(t);
    uint32_t last = UINT32_MAX;
    for (uint32_t i = 0; i < all.n; i++) {
        const void *s = kt_at_Suggestion(all, i);
        uint64_t id = kt_Suggestion_user_id(s);
        uint32_t n = kt_Suggestion_mutual_count(s);
        unsigned user;
        if (sscanf(kt_Person_username(kt_Suggestion_user(s)).s, "u%u", &user) != 1 ||
            user >= w->community.users || w->user[user] != id)
            return wrong(why, "somebody is suggested by a name that is not his", id);
        if (user == a->actor || (!m->crowded && may_follow(m, a->actor, user)))
            return wrong(why, "somebody is suggested who is followed already", id);
        if (n > last)
            return wrong(why, "suggestions are not by falling number of mutuals", id);
        if (!m->crowded && n != mutuals(m, a->actor, user))
            return wrong(why, "a suggestion has not the mutuals that it says", id);
        last = n;
    }
    return all.n > 0 || wrong(why, "nobody is suggested", w->user[a->actor]);
}

// ---- the others --------------------------------------------------------------------------------

static bool text_agrees(fb_str got, const char *want, size_t n)
{
    return got.n == n && memcmp(got.s, want, n) == 0;
}

static bool state_agrees(const struct model *m, const struct job *job, const void *t, char *why)
{
    const struct world *w = m->world;
    const struct ask *a = &job->ask;
    struct made_post made;
    switch (a->kind) {
    case ASK_LIKE:
    case ASK_UNLIKE:
        return (kt_LikeState_post_id(t) == w->post[a->post] &&
                kt_LikeState_liked(t) == (a->kind == ASK_LIKE) &&
                (a->kind == ASK_UNLIKE || kt_LikeState_like_count(t) > 0)) ||
               wrong(why, "a like's answer is not of that like", w->post[a->post]);
    case ASK_FOLLOW:
    case ASK_UNFOLLOW:
        return kt_FollowState_following(t) == (a->kind == ASK_FOLLOW) ||
               wrong(why, "a follow's answer is not of that follow", w->user[a->other]);
    case ASK_COMMENT: {
        const char *text = community_comment(&w->community, a->text);
        return (kt_Comment_post_id(t) == w->post[a->post] &&
                text_agrees(kt_Comment_content(t), text, strlen(text))) ||
               wrong(why, "a comment is not the one made", w->post[a->post]);
    }
    case ASK_UPDATE: // another update may have come before the answer was built
        return kt_Post_user_id(t) == w->user[a->actor] ||
               wrong(why, "an updated post is somebody else's", w->user[a->actor]);
    case ASK_POST:
        community_post(&w->community, a->text, &made);
        return (kt_Post_user_id(t) == w->user[a->actor] &&
                text_agrees(kt_Post_caption(t), made.text, made.text_n)) ||
               wrong(why, "a post is not the one made", w->user[a->actor]);
    case ASK_GET:
        return kt_Post_post_id(t) == w->post[a->post] ||
               wrong(why, "another post was given", w->post[a->post]);
    case ASK_LIKERS:
        return kt_Users_users(t).n <= PAGE_POSTS ||
               wrong(why, "a list has more than was asked for", w->post[a->post]);
    case ASK_LIKE_COUNT:
        return kt_LikeCount_post_id(t) == w->post[a->post] ||
               wrong(why, "another post's count was given", w->post[a->post]);
    case ASK_USER:
        return kt_User_user_id(t) == w->user[a->other] ||
               wrong(why, "another user was given", w->user[a->other]);
    case ASK_SEARCH_POSTS: return found_posts_agree(m, a, t, why);
    case ASK_SEARCH_USERS: return found_users_agree(m, a, t, why);
    case ASK_SUGGEST: return suggestions_agree(m, a, t, why);
    case ASK_FEED: case ASK_PING: case ASK_ECHO: case ASK_DELETE: case ASK_KINDS:
        return true;
    }
    return true;
}

bool model_agrees(struct model *m, const struct job *job, const void *table, char *why)
{
    if (job->ask.kind == ASK_FEED)
        return feed_agrees(m, job, table, why);
    return state_agrees(m, job, table, why);
}
