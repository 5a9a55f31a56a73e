// What the model says to a read: who is there for whom, lists from their ends, counts by counting.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/fb_copy.h"
#include "core/id.h"
#include "core/language.h"
#include "core/notes.h"
#include "kith_fb.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_reads.h"

static uint64_t number(const struct sim_read *r, const char *field)
{
    return fb_number_of(r->row->request, r->asked, field);
}

static bool between(uint64_t a, enum list_kind list, uint64_t b)
{
    return model_between(model, a, list, b);
}

static bool blocked(uint64_t a, uint64_t b)
{
    return between(a, LIST_blocking, b) || between(a, LIST_blockers, b);
}

static bool sees_comment(uint64_t viewer, const struct model_object *c)
{
    if (model_comment(model, c->id) == NULL || !sim_sees(viewer, c->post))
        return false;
    if (c->removed)
        return model_count(model, c->id, LIST_replies) > 0;
    return c->author == 0 || !model_shown(model, c->author) || !blocked(viewer, c->author);
}

bool sim_sees(uint64_t viewer, uint64_t id)
{
    const struct model_object *o = model_find(model, id);
    if (o == NULL || o->gone)
        return false;
    if (o->kind == ENTITY_comment)
        return sees_comment(viewer, o);
    if (doc_row(o->kind) != NULL && !model_shown(model, o->author))
        return false;
    return model_shown(model, id) && model_shows(model, viewer, o);
}

// ---- lists by their ends -----------------------------------------------------------------------

static const struct { uint16_t op; const char *owner; uint8_t list; } lists[] = {
    {OP_followers, "user_id", LIST_followers},
    {OP_following, "user_id", LIST_following},
    {OP_user_posts, "user_id", LIST_posts},
    {OP_user_archive, "user_id", LIST_archived},
    {OP_user_comments, "user_id", LIST_written},
    {OP_likes, "post_id", LIST_likers},
    {OP_shares, "post_id", LIST_sharers},
    {OP_post_replies, "post_id", LIST_post_replies},
    {OP_comment_list, "post_id", LIST_comments},
    {OP_comment_replies, "comment_id", LIST_replies},
    {OP_comment_likes, "comment_id", LIST_comment_likers},
    {OP_collection_posts, "collection_id", LIST_collected},
    {OP_user_collections, "user_id", LIST_collections},
    {OP_addresses, "user_id", LIST_addresses},
    {OP_preferences, "user_id", LIST_preferences},
    {OP_collections, NULL, LIST_collections},
    {OP_devices, NULL, LIST_devices},
    {OP_search_history, NULL, LIST_searches},
    {OP_blocks, NULL, LIST_blocking},
    {OP_mutes, NULL, LIST_muting},
    {OP_close_friends, NULL, LIST_close_friends},
    {OP_follow_requests, NULL, LIST_requests},
    {OP_follow_requests_sent, NULL, LIST_requested},
    {OP_bookmarks, NULL, LIST_bookmarks},
};

// The pinned ones first.
static unsigned pinned_first(uint64_t user, uint64_t *out)
{
    static uint64_t all[MODEL_OBJECTS];
    unsigned n = model_list(model, user, LIST_posts, all);
    unsigned at = model_list(model, user, LIST_pinned, out);
    for (unsigned i = 0; i < n; i++)
        if (!model_find(model, all[i])->rules.pinned)
            out[at++] = all[i];
    return at;
}

// An item of a list that is there for the viewer.
static bool lists_item(const struct sim_read *r, uint64_t id)
{
    const struct model_object *o = model_find(model, id);
    if (r->op == OP_blocks)
        return model_shown(model, id);
    if (o != NULL && o->kind == ENTITY_comment)
        return model_lists(model, r->viewer, id);
    return sim_sees(r->viewer, id);
}

static int only_shown(const struct sim_read *r, uint64_t *id, unsigned n)
{
    int shown = 0;
    for (unsigned i = 0; i < n; i++)
        if (lists_item(r, id[i]))
            id[shown++] = id[i];
    return shown;
}

// The list is there, but what is in it is not for the viewer.
static bool closed(const struct sim_read *r, const struct model_object *owner)
{
    if (r->op == OP_likes)
        return owner->rules.no_likes && owner->author != r->viewer;
    return r->op == OP_comment_likes && owner->tombstone;
}

static int by_ends(const struct sim_read *r, unsigned row, uint64_t *out)
{
    uint64_t owner = lists[row].owner != NULL ? number(r, lists[row].owner) : r->viewer;
    if (r->row->auth == AUTH_SELF && owner != r->viewer)
        return READ_ANY;
    if (!sim_sees(r->viewer, owner))
        return READ_GONE;
    if (closed(r, model_find(model, owner)))
        return 0;
    unsigned n = r->op == OP_user_posts
                     ? pinned_first(owner, out)
                     : model_list(model, owner, (enum list_kind)lists[row].list, out);
    return only_shown(r, out, n);
}

// ---- lists by looking at everything ------------------------------------------------------------

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static bool is_word(char c) { return isalnum((unsigned char)c) != 0; }

// The stem of a word that is there; a word that says nothing has none.
struct stem { char s[MODEL_TEXT]; uint32_t n; };

static struct stem stem_of(unsigned language, const char *word, size_t n)
{
    char folded[MODEL_TEXT];
    struct stem to = {.n = 0};
    struct language_text w = {word, (uint32_t)n};
    w = (struct language_text){folded, language_fold(w, folded, sizeof folded)};
    if (!language_stop((enum language)language, w))
        to.n = language_stem((enum language)language, w, to.s, sizeof to.s);
    return to;
}

// The next word, from *at on; 0: there is none.
static size_t next_word(const char **at)
{
    size_t n = 0;
    while (**at != 0 && !is_word(**at))
        ++*at;
    while (is_word((*at)[n]))
        n++;
    return n;
}

static bool text_has(const struct model_object *o, const struct stem *wanted)
{
    const char *at = o->text;
    for (size_t n; (n = next_word(&at)) > 0; at += n) {
        struct stem has = stem_of(o->language, at, n);
        if (has.n == wanted->n && memcmp(has.s, wanted->s, has.n) == 0)
            return true;
    }
    return false;
}

// As the text's language has them.
static bool has_words(const struct model_object *o, const char *query)
{
    bool any = false;
    for (size_t n; (n = next_word(&query)) > 0; query += n) {
        struct stem wanted = stem_of(o->language, query, n);
        if (wanted.n > 0 && !text_has(o, &wanted))
            return false;
        any |= wanted.n > 0;
    }
    return any;
}

bool sim_has_tag(const struct model_object *p, const char *tag)
{
    char sign[MODEL_TEXT + 2] = "#";
    if (strcmp(tag, "given") == 0)
        return p->given;
    strncat(sign, tag, MODEL_TEXT);
    const char *at = strstr(p->text, sign);
    return at != NULL && !is_word(at[strlen(sign)]);
}

static bool listed(const struct model_object *o)
{
    return o->kind == ENTITY_post && model_post(model, o->id) == o && !o->rules.archived;
}

static bool is_tag(const char *s)
{
    return strncmp(s, "tag", 3) == 0 || strcmp(s, "given") == 0;
}

static bool found(const struct sim_read *r, const struct model_object *o, const char *query)
{
    switch (r->op) {
    // Those for few are found elsewhere: at their authors, in feeds, by their words.
    case OP_post_list: return listed(o) && o->rules.audience == 0;
    case OP_tag_posts: return listed(o) && sim_has_tag(o, query + (query[0] == '#'));
    case OP_location_posts: return listed(o) && o->placed && strcmp(query, "here") == 0;
    case OP_search_posts:
        if (query[0] == '#')
            return listed(o) && sim_has_tag(o, query + 1);
        return listed(o) &&
               (has_words(o, query) || (is_tag(query) && sim_has_tag(o, query)));
    case OP_search_comments:
        return o->kind == ENTITY_comment && !o->gone && !o->tombstone &&
               has_words(o, query);
    }
    return false;
}

static int by_looking(const struct sim_read *r, uint64_t *out)
{
    char query[MODEL_TEXT] = "";
    static const char *const fields[] = {"query", "tag_name", "name"};
    for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fb_find_field(r->row->request, fields[i]) != NULL) {
            fb_str s = fb_text_of(r->row->request, r->asked, fields[i]);
            if (s.n < sizeof query)
                memcpy(query, s.s, s.n);
        }
    unsigned n = 0;
    unsigned kind = r->op == OP_search_comments ? ENTITY_comment : ENTITY_post;
    for (const struct model_object *o = NULL; (o = model_next(model, kind, o)) != NULL;)
        if (found(r, o, query) && lists_item(r, o->id))
            out[n++] = o->id;
    qsort(out, n, sizeof *out, newest_first);
    return (int)n;
}

// Whosever they are, of one status.
static int reports(const struct sim_read *r, uint64_t *out)
{
    unsigned n = 0;
    for (const struct model_object *o = NULL; (o = model_next(model, ENTITY_report, o)) != NULL;)
        if (model_doc(model, o->id, ENTITY_report) == o && o->queue == number(r, "status"))
            out[n++] = o->id;
    qsort(out, n, sizeof *out, newest_first);
    return (int)n;
}

static int feed(const struct sim_read *r, uint64_t *out)
{
    unsigned n = model_feed(model, r->viewer, out, MODEL_OBJECTS);
    if (number(r, "include_self") != 0)
        n += model_list(model, r->viewer, LIST_posts, out + n);
    qsort(out, n, sizeof *out, newest_first);
    return (int)n;
}

static int events(const struct sim_read *r, uint64_t *out)
{
    unsigned n = model_events(model, r->viewer, id_stamp(number(r, "after")), out);
    return fb_has_field(r->row->request, r->asked, "after") ? (int)n : READ_ANY;
}

// ---- ranked ------------------------------------------------------------------------------------

struct ranked { uint64_t score, second, id; bool low_first; };

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->second != y->second)
        return x->second < y->second ? 1 : -1;
    return (x->id > y->id) == x->low_first ? 1 : -1;
}

static struct ranked rank[MODEL_OBJECTS];

static int ranked_ids(unsigned n, uint64_t *out)
{
    qsort(rank, n, sizeof *rank, by_rank);
    for (unsigned i = 0; i < n; i++)
        out[i] = rank[i].id;
    return (int)n;
}

static int trending(const struct sim_read *r, uint64_t *out)
{
    unsigned n = 0;
    for (const struct model_object *o = NULL; (o = model_next(model, ENTITY_post, o)) != NULL;) {
        if (!listed(o) || !sim_sees(r->viewer, o->id))
            continue;
        uint64_t score = model_count(model, o->id, LIST_likers) + model_comments(model, o->id);
        if (score > 0)
            rank[n++] = (struct ranked){.score = score, .id = o->id};
    }
    return ranked_ids(n, out);
}

static unsigned known_by(uint64_t viewer, uint64_t id)
{
    unsigned n = 0;
    for (int i = model_first(model, viewer, LIST_following); i > 0; i = model->end[i - 1].next) {
        const struct model_end *x = &model->end[i - 1];
        n += x->owner == viewer && x->list == LIST_following && model_shown(model, x->other) &&
             between(x->other, LIST_following, id);
    }
    return n;
}

static bool to_suggest(uint64_t viewer, uint64_t id)
{
    return id != viewer && sim_sees(viewer, id) && !between(viewer, LIST_following, id) &&
           !between(viewer, LIST_requested, id) && !between(viewer, LIST_dismissed, id);
}

static int suggestions(const struct sim_read *r, uint64_t *out)
{
    bool any = false;
    unsigned n = 0;
    for (const struct model_object *o = NULL; (o = model_next(model, ENTITY_user, o)) != NULL;) {
        uint64_t id = o->id;
        if (!to_suggest(r->viewer, id))
            continue;
        unsigned followers = model_count(model, id, LIST_followers);
        rank[n] = (struct ranked){known_by(r->viewer, id), followers, id, true};
        any |= rank[n].score > 0;
        n += rank[n].score > 0 || followers > 0;
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++)
        if (!any || rank[i].score > 0)
            rank[kept++] = rank[i];
    return ranked_ids(kept, out);
}

static int mutuals(const struct sim_read *r, uint64_t *out)
{
    uint64_t user = number(r, "user_id");
    if (!sim_sees(r->viewer, user))
        return READ_GONE;
    unsigned n = model_list(model, r->viewer, LIST_following, out), kept = 0;
    for (unsigned i = 0; i < n; i++)
        if (between(out[i], LIST_following, user) && sim_sees(r->viewer, out[i]))
            out[kept++] = out[i];
    return (int)kept;
}

int sim_read_list(const struct sim_read *r, uint64_t *out)
{
    unsigned unread;
    for (unsigned i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (lists[i].op == r->op)
            return by_ends(r, i, out);
    switch (r->op) {
    case OP_post_list:
    case OP_tag_posts:
    case OP_location_posts:
    case OP_search_posts:
    case OP_search_comments: return by_looking(r, out);
    case OP_feed: return feed(r, out);
    case OP_reports: return reports(r, out);
    case OP_notifications: return (int)model_notes(model, r->viewer, out, &unread);
    case OP_notification_events: return events(r, out);
    case OP_activities:
        if (number(r, "user_id") != r->viewer)
            return READ_ANY;
        return (int)model_acts(model, r->viewer, out);
    case OP_trending_posts: return trending(r, out);
    case OP_suggestions: return suggestions(r, out);
    case OP_mutuals: return mutuals(r, out);
    }
    return READ_ANY;
}
