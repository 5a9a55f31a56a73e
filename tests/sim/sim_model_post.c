// Posts with their media, and comments with their answers.
#include <string.h>

#include "core/assert.h"
#include "core/errors.h"
#include "core/id.h"
#include "core/notes.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

// ---- posts -------------------------------------------------------------------------------------

static void sort_media(struct model_object *p)
{
    for (unsigned i = 1; i < p->media; i++)
        for (unsigned k = i; k > 0 && p->medium[k - 1].order > p->medium[k].order; k--) {
            struct model_medium one = p->medium[k];
            p->medium[k] = p->medium[k - 1];
            p->medium[k - 1] = one;
        }
}

static void take_media(struct model_object *p, fb_vec media)
{
    p->media = 0;
    for (uint32_t i = 0; i < media.n; i++)
        p->medium[p->media++] =
            (struct model_medium){i + 1, kt_Media_display_order(kt_at_Media(media, i))};
    sort_media(p);
}

static struct model_note told_of(const struct model_object *o, uint64_t to)
{
    return (struct model_note){.to = to, .actor = o->author, .entity = o->id};
}

// Those who are named from now on; who is so no more is untold, who is so at first told.
static void name(const struct step *s, struct model_object *p, fb_vec ids, bool first)
{
    uint64_t kept[MODEL_NAMED];
    unsigned n = 0;
    for (uint32_t i = 0; i < ids.n; i++) {
        ASSERT(n < MODEL_NAMED);
        if (fb_vec_u64(ids, i) != p->author)
            kept[n++] = fb_vec_u64(ids, i);
        if (first && fb_vec_u64(ids, i) != p->author)
            model_owe_note(s, OP_notify, told_of(p, kept[n - 1]));
    }
    for (unsigned i = 0; i < p->nameds; i++) {
        bool still = false;
        for (unsigned k = 0; k < n; k++)
            still |= kept[k] == p->named[i];
        if (!still)
            model_owe_note(s, OP_withdraw, told_of(p, p->named[i]));
    }
    memcpy(p->named, kept, n * sizeof kept[0]);
    p->nameds = n;
}

// Its text still names them.
void model_untell_named(const struct step *s, const struct model_object *p)
{
    for (unsigned i = 0; i < p->nameds; i++)
        model_owe_note(s, OP_withdraw, told_of(p, p->named[i]));
}

static struct model_object *new_post(const struct step *s, uint64_t id, uint64_t author)
{
    struct model_object *p = model_new(s->m, id, ENTITY_post);
    p->author = author;
    p->language = model_user(s->m, author)->language;
    return p;
}

// ---- what its author has set -------------------------------------------------------------------

enum { PINS = 3 };

static bool pins_full(struct model *m, uint64_t author)
{
    return model_count(m, author, LIST_pinned) >= PINS;
}

// Into the lists that it stands in, or out of them.
static void list_post(const struct step *s, const struct model_object *p, bool in)
{
    struct model_end end = {.owner = p->author, .other = p->id, .stamp = p->id};
    const struct { uint8_t list; bool is; } in_list[] = {
        {LIST_binned, p->binned},
        {LIST_archived, !p->binned && p->rules.archived},
        {LIST_posts, !p->binned && !p->rules.archived},
        {LIST_pinned, !p->binned && p->rules.pinned},
    };
    for (unsigned i = 0; i < sizeof in_list / sizeof in_list[0]; i++) {
        end.list = in_list[i].list;
        if (in_list[i].is && in)
            model_add(s, end);
        else if (in_list[i].is)
            model_remove(s->m, end);
    }
}

static struct model_rules first_rules(const kt_PostCreate *c)
{
    return (struct model_rules){.audience = kt_PostCreate_audience(c),
                                .pinned = kt_PostCreate_is_pinned(c),
                                .no_comments = kt_PostCreate_comments_disabled(c),
                                .no_likes = kt_PostCreate_likes_disabled(c)};
}

// An archived post is pinned no more, unless it is asked for in the same breath, and refused.
static struct model_rules next_rules(const kt_PostUpdate *u, struct model_rules r)
{
    if (kt_has_PostUpdate_audience(u))
        r.audience = kt_PostUpdate_audience(u);
    if (kt_has_PostUpdate_is_archived(u))
        r.archived = kt_PostUpdate_is_archived(u);
    if (kt_has_PostUpdate_is_archived(u) && r.archived)
        r.pinned = false;
    if (kt_has_PostUpdate_is_pinned(u))
        r.pinned = kt_PostUpdate_is_pinned(u);
    if (kt_has_PostUpdate_comments_disabled(u))
        r.no_comments = kt_PostUpdate_comments_disabled(u);
    if (kt_has_PostUpdate_likes_disabled(u))
        r.no_likes = kt_PostUpdate_likes_disabled(u);
    return r;
}

static unsigned judge_pin(struct model *m, const struct model_object *p, struct model_rules next)
{
    if (!next.pinned)
        return KITH_ok;
    if (next.archived)
        return KITH_not_to_be_pinned;
    return !p->rules.pinned && pins_full(m, p->author) ? KITH_too_many_pins : KITH_ok;
}

// ---- birth -------------------------------------------------------------------------------------

struct birth { uint64_t id, author, parent; bool together; };

static struct birth birth_of(const struct step *s)
{
    uint64_t author = s->e->actor, parent = kt_PostCreate_reply_to_post_id(s->body);
    bool together = parent == 0 || id_slot(parent) == id_slot(author);
    return (struct birth){id_make(s->e->stamp, id_slot(author)), author, parent, together};
}

static struct model_end reply_end(struct birth x, bool at_parent, uint64_t stamp)
{
    return (struct model_end){.owner = at_parent ? x.parent : x.id,
                              .list = at_parent ? LIST_post_replies : LIST_reply_to,
                              .other = at_parent ? x.id : x.parent,
                              .stamp = stamp};
}

static bool has_given(fb_vec tags)
{
    for (uint32_t i = 0; i < tags.n; i++)
        if (fb_vec_str(tags, i).n == 5 && memcmp(fb_vec_str(tags, i).s, "given", 5) == 0)
            return true;
    return false;
}

// At the author's end.
static void born(const struct step *s, struct birth x)
{
    const kt_PostCreate *c = s->body;
    if (model_user(s->m, x.author) == NULL) {
        model_owe_undo(s, reply_end(x, true, 0));
        return;
    }
    struct model_object *p = new_post(s, x.id, x.author);
    model_text(p->text, kt_PostCreate_caption(c));
    memcpy(p->made, p->text, sizeof p->made - 1);
    take_media(p, kt_PostCreate_media(c));
    p->tags = kt_PostCreate_hashtags(c).n;
    p->mentions = kt_PostCreate_mentions(c).n;
    p->rules = first_rules(c);
    p->given = has_given(kt_PostCreate_hashtags(c));
    p->placed = kt_PostCreate_location(c) != NULL;
    list_post(s, p, true);
    name(s, p, kt_PostCreate_mention_ids(c), true);
    if (x.parent != 0)
        model_add(s, reply_end(x, false, s->e->stamp));
}

static bool may_answer(const struct step *s, struct birth x)
{
    const struct model_object *parent = model_post(s->m, x.parent);
    return parent != NULL && model_may(s->m, x.author, parent);
}

// By itself, wherever it is judged.
static unsigned judge_new(const kt_PostCreate *c)
{
    if (kt_PostCreate_reply_to_post_id(c) != 0 && kt_PostCreate_is_pinned(c))
        return KITH_not_to_be_pinned;
    bool empty = kt_PostCreate_media(c).n == 0 && kt_PostCreate_caption(c).n == 0;
    return empty ? KITH_empty_post : KITH_ok;
}

static void create(const struct step *s)
{
    const kt_PostCreate *c = s->body;
    struct birth x = birth_of(s);
    s->out->error = judge_new(c);
    if (s->out->error != KITH_ok)
        return;
    bool parent = x.parent == 0 || may_answer(s, x);
    bool author = !x.together || model_user(s->m, x.author) != NULL;
    s->out->error = parent && author ? KITH_ok : KITH_not_found;
    if (s->out->error == KITH_ok && kt_PostCreate_is_pinned(c) &&
        pins_full(s->m, x.author))
        s->out->error = KITH_too_many_pins;
    if (s->out->error == KITH_ok) {
        s->out->id = x.id;
        if (x.parent != 0)
            model_add(s, reply_end(x, true, s->e->stamp));
    } else if (!x.together) {
        model_owe_undo(s, reply_end(x, false, 0));
    }
    if (!x.together || s->out->error == KITH_ok)
        born(s, x);
}

void model_born_again(const struct step *s)
{
    struct birth x = birth_of(s);
    if (judge_new(s->body) != KITH_ok)
        return;
    model_owe_undo(s, reply_end(x, false, 0));
    born(s, x);
}

// The post, if who acts may change it.
static struct model_object *own_post(const struct step *s, uint64_t id)
{
    struct model_object *p = model_post(s->m, id);
    s->out->error = p == NULL ? KITH_not_found : p->author != s->e->actor ? KITH_forbidden
                                                                          : KITH_ok;
    s->out->id = id;
    return s->out->error == KITH_ok ? p : NULL;
}

static void update(const struct step *s)
{
    const kt_PostUpdate *u = s->body;
    struct model_object *p = own_post(s, kt_PostUpdate_post_id(u));
    bool image = kt_has_PostUpdate_image_url(u);
    if (p == NULL)
        return;
    struct model_object fresh = *p;
    if (kt_has_PostUpdate_caption(u))
        model_text(fresh.text, kt_PostUpdate_caption(u));
    if (kt_has_PostUpdate_media(u))
        take_media(&fresh, kt_PostUpdate_media(u));
    else if (image && kt_PostUpdate_image_url(u).n > 0 && fresh.media == 0)
        fresh.medium[fresh.media++] = (struct model_medium){1, 0};
    else if (image && kt_PostUpdate_image_url(u).n == 0 && fresh.media > 0)
        memmove(fresh.medium, fresh.medium + 1, --fresh.media * sizeof fresh.medium[0]);
    if (kt_has_PostUpdate_hashtags(u))
        fresh.tags = kt_PostUpdate_hashtags(u).n;
    if (kt_has_PostUpdate_hashtags(u))
        fresh.given = has_given(kt_PostUpdate_hashtags(u));
    if (kt_has_PostUpdate_mentions(u))
        fresh.mentions = kt_PostUpdate_mentions(u).n;
    struct model_rules rules = next_rules(u, p->rules);
    s->out->error = judge_pin(s->m, p, rules);
    if (fresh.text[0] == 0 && fresh.media == 0)
        s->out->error = KITH_empty_post;
    if (s->out->error != KITH_ok)
        return;
    list_post(s, p, false);
    *p = fresh;
    p->rules = rules;
    list_post(s, p, true);
    if (kt_has_PostUpdate_mentions(u))
        name(s, p, kt_PostUpdate_mention_ids(u), false);
}

static void media_add(const struct step *s)
{
    struct model_object *p = own_post(s, kt_MediaAdd_post_id(s->body));
    if (p == NULL)
        return;
    if (p->media == MODEL_MEDIA) {
        s->out->error = KITH_too_many_media;
        return;
    }
    p->medium[p->media++] = (struct model_medium){id_make(s->e->stamp, id_slot(p->id)),
                                                  kt_MediaAdd_display_order(s->body)};
    sort_media(p);
}

static void media_remove(const struct step *s)
{
    struct model_object *p = own_post(s, kt_MediaRemove_post_id(s->body));
    if (p == NULL)
        return;
    unsigned at = 0;
    while (at < p->media && p->medium[at].id != kt_MediaRemove_media_id(s->body))
        at++;
    if (at == p->media)
        s->out->error = KITH_not_found;
    else if (p->media == 1 && p->text[0] == 0)
        s->out->error = KITH_empty_post;
    else
        memmove(&p->medium[at], &p->medium[at + 1], (--p->media - at) * sizeof p->medium[0]);
}

void model_post_down(const struct step *s, struct model_object *p)
{
    if (!p->binned)
        model_untell_named(s, p);
    list_post(s, p, false);
    if (model_bare(s->m, p))
        p->there = false;
    p->gone = true;
}

static void change_sides(const struct step *s, struct model_object *p, bool binned)
{
    // Others may have been pinned meanwhile.
    if (!binned)
        p->rules.pinned &= !pins_full(s->m, p->author);
    list_post(s, p, false);
    p->binned = binned;
    p->removed = false;
    list_post(s, p, true);
    if (binned)
        model_untell_named(s, p);
    model_settle_post(s, p);
}

static void delete(const struct step *s)
{
    struct model_object *p = own_post(s, kt_PostDelete_post_id(s->body));
    if (p == NULL)
        return;
    change_sides(s, p, true);
    p->deleted_ms = stamp_ms(s->e->stamp);
}

static void restore(const struct step *s)
{
    uint64_t id = kt_PostRestore_post_id(s->body);
    struct model_object *p = model_find(s->m, id);
    if (p == NULL || p->kind != ENTITY_post || p->gone || !p->binned || p->removed) {
        own_post(s, id);
        return;
    }
    s->out->id = id;
    if (p->author != s->e->actor || model_user(s->m, p->author) == NULL)
        s->out->error = KITH_not_found;
    else
        change_sides(s, p, false);
}

// By a moderator, whose role is not judged here.
static void post_remove(const struct step *s)
{
    struct model_object *p = model_post(s->m, kt_PostRemove_post_id(s->body));
    s->out->id = kt_PostRemove_post_id(s->body);
    if (p == NULL) {
        s->out->error = KITH_not_found;
        return;
    }
    change_sides(s, p, true);
    p->removed = true;
    p->deleted_ms = stamp_ms(s->e->stamp);
}

static void post_reinstate(const struct step *s)
{
    uint64_t id = kt_PostReinstate_post_id(s->body);
    struct model_object *p = model_find(s->m, id);
    bool kept = p != NULL && p->kind == ENTITY_post && !p->gone && p->binned && p->removed;
    s->out->id = id;
    if (kept ? model_user(s->m, p->author) == NULL : model_post(s->m, id) == NULL)
        s->out->error = KITH_not_found;
    else if (kept)
        change_sides(s, p, false);
}

// ---- posts in bulk -----------------------------------------------------------------------------

static uint64_t free_id(const struct step *s, const kt_ImportPost *row)
{
    uint64_t ms = kt_ImportPost_created_at(row);
    for (unsigned n = 0; n < 1u << STAMP_SEQ_BITS; n++) {
        uint64_t id = id_make(stamp_make(ms, n), id_slot(kt_ImportPost_user_id(row)));
        if (model_find(s->m, id) == NULL)
            return id;
    }
    return 0;
}

static void import(const struct step *s)
{
    struct model *m = s->m;
    uint64_t hi = kt_ImportPosts_source_hi(s->body), lo = kt_ImportPosts_source_lo(s->body);
    uint32_t chunk = kt_ImportPosts_chunk(s->body);
    fb_vec posts = kt_ImportPosts_posts(s->body);
    s->out->counted = true;
    for (unsigned i = 0; i < m->chunks; i++)
        if (m->chunk[i].hi == hi && m->chunk[i].lo == lo && m->chunk[i].chunk == chunk) {
            s->out->repeated = posts.n;
            return;
        }
    ASSERT(m->chunks < MODEL_CHUNKS);
    m->chunk[m->chunks].hi = hi;
    m->chunk[m->chunks].lo = lo;
    m->chunk[m->chunks++].chunk = chunk;
    for (uint32_t i = 0; i < posts.n; i++) {
        const kt_ImportPost *row = kt_at_ImportPost(posts, i);
        if (model_user(m, kt_ImportPost_user_id(row)) == NULL) {
            s->out->refused++;
            continue;
        }
        struct model_object *p = new_post(s, free_id(s, row), kt_ImportPost_user_id(row));
        model_text(p->text, kt_ImportPost_caption(row));
        list_post(s, p, true);
        s->out->count++;
    }
}

// ---- comments ----------------------------------------------------------------------------------

static struct model_object *living_comment(struct model *m, uint64_t id)
{
    struct model_object *c = model_comment(m, id);
    return c != NULL && !c->tombstone ? c : NULL;
}

static unsigned may_comment(const struct step *s, const kt_CommentCreate *c, bool together)
{
    uint64_t parent = kt_CommentCreate_parent_id(c);
    if (model_post(s->m, kt_CommentCreate_post_id(c)) == NULL)
        return KITH_not_found;
    if (parent != 0) {
        const struct model_object *to = living_comment(s->m, parent);
        if (to == NULL || to->post != kt_CommentCreate_post_id(c))
            return KITH_wrong_parent;
    }
    return together && model_user(s->m, s->e->actor) == NULL ? KITH_not_found : KITH_ok;
}

static void tell_of_comment(const struct step *s, struct model_object *c, uint64_t asker)
{
    fb_vec ids = kt_CommentCreate_mention_ids(s->body);
    uint64_t author = model_find(s->m, c->post)->author;
    struct model_note n = told_of(c, author);
    n.type = author == asker ? NOTE_reply : NOTE_comment;
    model_tell(s, n);
    if (asker != 0 && asker != author && asker != c->author)
        c->named[c->nameds++] = asker;
    for (uint32_t i = 0; i < ids.n; i++) {
        uint64_t to = fb_vec_u64(ids, i);
        ASSERT(c->nameds < MODEL_NAMED);
        if (to != author && to != c->author && (c->nameds == 0 || to != c->named[0]))
            c->named[c->nameds++] = to;
    }
    for (unsigned i = 0; i < c->nameds; i++)
        model_owe_note(s, OP_notify, told_of(c, c->named[i]));
}

static void untell_of_comment(const struct step *s, struct model_object *c)
{
    model_untell(s->m, model_find(s->m, c->post)->author, id_stamp(c->id), c->id);
    model_untell_named(s, c);
    c->nameds = 0;
}

static void comment(const struct step *s)
{
    const kt_CommentCreate *c = s->body;
    uint64_t post = kt_CommentCreate_post_id(c), parent = kt_CommentCreate_parent_id(c);
    uint64_t id = id_make(s->e->stamp, id_slot(post)), actor = s->e->actor;
    bool together = id_slot(actor) == id_slot(post), author = model_user(s->m, actor) != NULL;
    s->out->error = may_comment(s, c, together);
    if (s->out->error == KITH_ok && !model_may(s->m, actor, model_find(s->m, post)))
        s->out->error = KITH_not_found;
    if (s->out->error == KITH_ok && model_find(s->m, post)->rules.no_comments)
        s->out->error = KITH_comments_disabled;
    if (s->out->error == KITH_ok) {
        struct model_object *made = model_new(s->m, id, ENTITY_comment);
        made->author = actor;
        made->post = post;
        made->parent = parent;
        made->language = kt_CommentCreate_language(c);
        tell_of_comment(s, made, parent != 0 ? model_find(s->m, parent)->author : 0);
        model_text(made->text, kt_CommentCreate_content(c));
        memcpy(made->made, made->text, sizeof made->made - 1);
        model_add(s, (struct model_end){
                         .owner = post, .list = LIST_comments, .other = id, .stamp = id});
        if (parent != 0)
            model_add(s, (struct model_end){
                             .owner = parent, .list = LIST_replies, .other = id, .stamp = id});
        s->out->id = id;
    } else if (!together) {
        model_owe_undo(s, (struct model_end){.owner = actor, .list = LIST_written, .other = id});
    }
    struct model_end written = {.owner = actor, .list = LIST_written, .other = id,
                                .stamp = s->e->stamp};
    if (together ? s->out->error == KITH_ok : author) {
        model_add(s, written);
    } else if (!together)
        model_owe_undo(s, (struct model_end){.owner = id, .list = LIST_writer, .other = actor});
}

static void comment_update(const struct step *s)
{
    struct model_object *c = living_comment(s->m, kt_CommentUpdate_comment_id(s->body));
    s->out->error = c == NULL ? KITH_not_found : c->author != s->e->actor ? KITH_forbidden
                                                                          : KITH_ok;
    s->out->id = kt_CommentUpdate_comment_id(s->body);
    if (s->out->error == KITH_ok)
        model_text(c->text, kt_CommentUpdate_content(s->body));
}

// A comment with answers stays as a placeholder; one that goes takes placeholders above it along.
void model_comment_down(const struct step *s, uint64_t id)
{
    struct model *m = s->m;
    struct model_object *c = model_find(m, id);
    if (c != NULL && !c->tombstone)
        untell_of_comment(s, c);
    while (c != NULL) {
        if (model_count(m, c->id, LIST_replies) > 0) {
            c->tombstone = true;
            c->removed = false;
            c->author = 0;
            c->text[0] = 0;
            return;
        }
        if (model_bare(m, c))
            c->there = false;
        c->gone = true;
        model_remove(m, (struct model_end){
                            .owner = c->post, .list = LIST_comments, .other = c->id});
        if (c->parent == 0)
            return;
        model_remove(m, (struct model_end){
                            .owner = c->parent, .list = LIST_replies, .other = c->id});
        c = model_find(m, c->parent);
        if (c == NULL || !c->tombstone || c->removed)
            return;
    }
}

static void comment_remove(const struct step *s)
{
    struct model_object *c = living_comment(s->m, kt_CommentRemove_comment_id(s->body));
    s->out->id = kt_CommentRemove_comment_id(s->body);
    if (c == NULL) {
        s->out->error = KITH_not_found;
        return;
    }
    untell_of_comment(s, c);
    c->tombstone = c->removed = true;
    c->deleted_ms = stamp_ms(s->e->stamp);
}

static void comment_reinstate(const struct step *s)
{
    struct model_object *c = model_comment(s->m, kt_CommentReinstate_comment_id(s->body));
    s->out->id = kt_CommentReinstate_comment_id(s->body);
    if (c == NULL || (c->tombstone && !c->removed))
        s->out->error = KITH_not_found;
    else
        c->tombstone = c->removed = false;
}

static void comment_delete(const struct step *s)
{
    uint64_t id = kt_CommentDelete_comment_id(s->body);
    struct model_object *c = living_comment(s->m, id);
    s->out->id = id;
    if (c == NULL) {
        s->out->error = KITH_not_found;
        return;
    }
    if (c->author != s->e->actor && model_post(s->m, c->post)->author != s->e->actor) {
        s->out->error = KITH_forbidden;
        return;
    }
    model_comment_erase(s, c);
}

void model_comment_erase(const struct step *s, struct model_object *c)
{
    uint64_t id = c->id, author = c->author;
    model_comment_down(s, id);
    if (id_slot(author) == id_slot(id))
        model_remove(s->m, (struct model_end){
                               .owner = author, .list = LIST_written, .other = id});
    else
        model_owe(s, (struct model_owed){.op = OP_unlink, .owner = author, .other = id,
                                         .partition = id_slot(id) % MODEL_PARTITIONS});
}

bool model_content(const struct step *s)
{
    static void (*const verbs[OP_LIMIT])(const struct step *) = {
        [OP_post_create] = create,        [OP_post_update] = update,
        [OP_post_delete] = delete,        [OP_media_add] = media_add,
        [OP_post_restore] = restore,
        [OP_media_remove] = media_remove, [OP_import_posts] = import,
        [OP_comment_create] = comment,    [OP_comment_update] = comment_update,
        [OP_comment_delete] = comment_delete,
        [OP_post_remove] = post_remove,   [OP_post_reinstate] = post_reinstate,
        [OP_comment_remove] = comment_remove,
        [OP_comment_reinstate] = comment_reinstate,
    };
    if (s->e->op >= OP_LIMIT || verbs[s->e->op] == NULL)
        return false;
    verbs[s->e->op](s);
    return true;
}
