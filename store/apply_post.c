// Posts: born in their author's slot, decided there.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/ahead.h"
#include "store/apply.h"
#include "store/bin.h"
#include "store/check.h"
#include "store/doc.h"
#include "store/fanout.h"
#include "store/hang.h"
#include "store/jobs.h"
#include "store/notes.h"
#include "store/post_lists.h"
#include "store/post_record.h"
#include "store/record.h"
#include "store/sees.h"
#include "store/sources.h"
#include "store/stats.h"

static struct user *find_user(const struct part *p, uint64_t id)
{
    struct object *o = record_find(p, id);
    return o != NULL && o->kind == ENTITY_user ? (struct user *)o : NULL;
}

static struct post *find_post(const struct part *p, uint64_t id)
{
    struct object *o = record_find(p, id);
    return o != NULL && o->kind == ENTITY_post ? (struct post *)o : NULL;
}

static void publish_post(struct part *p, struct object *o, uint64_t author)
{
    struct user *u = find_user(p, author);
    ASSERT(u != NULL);
    record_insert(p, o);
    post_lists_add(p, u, o);
    recent_add(p, u, o->id);
    fanout(p, author, o->id);
}

// ---- create ------------------------------------------------------------------------------------

// A reply has two ends: what it answers has the word, and lists it; its author's slot, where it is
// born, does not wait for that and takes it back if it was refused. A post that answers nothing has
// its author's slot alone.
struct birth { uint64_t id, author, parent; };

static struct birth birth_of(const struct apply *a)
{
    return (struct birth){id_make(a->e->stamp, id_slot(a->e->actor)), a->e->actor,
                          kt_PostCreate_reply_to_post_id(a->body)};
}

static struct edge_at replies_of(struct birth x)
{
    return (struct edge_at){x.parent, LIST_post_replies};
}

static struct edge_at answers_of(struct birth x)
{
    return (struct edge_at){x.id, LIST_reply_to};
}

static void decide_create(struct apply *a, struct part *p)
{
    struct birth x = birth_of(a);
    a->out.id = x.id;
    unsigned error = check_decider(a->s->store, a->e);
    if (error == KITH_ok && a->together && !check_alive(a->s->store, x.author))
        error = KITH_not_found;
    if (error == KITH_ok && x.parent != 0 && !sees_at(p, x.author, record_find(p, x.parent)))
        error = KITH_not_found;
    if (error == KITH_ok && kt_PostCreate_is_pinned(a->body) &&
        post_lists_pins(p, x.author) >= PINS_MAX)
        error = KITH_too_many_pins;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        // What is wrong by itself the other end has not made either.
        if (x.parent != 0 && check_new_post(a->e, a->body) == KITH_ok)
            apply_owe_undo(a, answers_of(x), x.parent, a->e->stamp);
        return;
    }
    if (x.parent != 0) end_add(p, replies_of(x), x.id, a->e->stamp);
    a->out.changed = 1;
}

static unsigned audience_rules(unsigned audience)
{
    static const uint8_t rules[] = {
        [kt_Audience_public] = 0,
        [kt_Audience_followers] = RULE_FOLLOWERS,
        [kt_Audience_close_friends] = RULE_CLOSE_FRIENDS,
    };
    return rules[audience];
}

static unsigned new_rules(const kt_PostCreate *c)
{
    unsigned rules = audience_rules(kt_PostCreate_audience(c));
    if (kt_PostCreate_is_pinned(c)) rules |= RULE_PINNED;
    if (kt_PostCreate_comments_disabled(c)) rules |= RULE_NO_COMMENTS;
    if (kt_PostCreate_likes_disabled(c)) rules |= RULE_NO_LIKES;
    return rules;
}

static struct object *write_new(struct apply *a, struct part *p, struct birth x)
{
    const kt_PostCreate *c = a->body;
    struct post_draft d = {
        .id = x.id,
        .author = x.author,
        .updated_ms = stamp_ms(a->e->stamp),
        .rules = new_rules(c),
        .language = find_user(p, x.author)->o.language,
        .caption = kt_PostCreate_caption(c),
        .type = &kt_desc_PostCreate,
        .fields = c,
    };
    // Three ways to say the same; where several are there, ingest has seen that they agree.
    if (kt_PostCreate_media(c).n > 0)
        media_from_tables(&d.media, kt_PostCreate_media(c));
    else if (kt_PostCreate_media_urls(c).n > 0)
        media_from_urls(&d.media, kt_PostCreate_media_urls(c));
    else if (kt_PostCreate_image_url(c).n > 0)
        media_from_url(&d.media, kt_PostCreate_image_url(c));
    return post_record_write(a, p, &d);
}

// Where the post is born.
static void other_create(struct apply *a, struct part *p)
{
    struct birth x = birth_of(a);
    if (check_new_post(a->e, a->body) != KITH_ok) return;
    bool ready = a->together || check_alive(a->s->store, x.author);
    struct object *o = ready ? write_new(a, p, x) : NULL;
    if (o != NULL) {
        publish_post(p, o, x.author);
        notes_of_post(a, (struct post *)o);
        if (x.parent != 0) end_add(p, answers_of(x), x.parent, a->e->stamp);
        return;
    }
    if (a->together) {
        apply_refuse(a, KITH_too_large);
        if (x.parent != 0) end_remove(p, replies_of(x), x.id, NULL);
    } else {
        apply_owe_undo(a, replies_of(x), x.id, a->e->stamp);
    }
}

// A repeat was no birth, but the author's slot did not know.
static void again_create(struct apply *a, struct part *p)
{
    (void)p;
    struct birth x = birth_of(a);
    if (check_new_post(a->e, a->body) == KITH_ok)
        apply_owe_undo(a, answers_of(x), x.parent, a->e->stamp);
}

void post_unborn(struct apply *a, struct part *p, uint64_t id)
{
    const struct post *post = find_post(p, id);
    if (post != NULL && !(post->o.flags & OBJECT_GONE)) post_take_down(a, p, id);
}

const struct verb verb_post_create = {decide_create, other_create, again_create, NULL};

// ---- change ------------------------------------------------------------------------------------

static void replace(struct apply *a, struct part *p, struct post_draft *d)
{
    d->updated_ms = stamp_ms(a->e->stamp);
    struct object *fresh = post_record_write(a, p, d);
    if (fresh == NULL) {
        apply_refuse(a, KITH_too_large);
        return;
    }
    struct object *old = record_find(p, d->id);
    struct user *author = find_user(p, d->author);
    unsigned moved = (unsigned)old->rules ^ fresh->rules;
    notes_of_edit(a, (struct post *)old, (struct post *)fresh);
    record_swap(p, old, fresh);
    if (moved & POST_LISTS_RULES) post_lists_move(p, author, old, fresh);
    a->out.changed = 1;
    if (!(moved & RULE_ARCHIVED)) return;
    recent_remake(p, author);
    // Who has not had it meanwhile has it again, at its old place.
    if (!(fresh->rules & RULE_ARCHIVED)) fanout(p, d->author, d->id);
}

static unsigned with(unsigned rules, unsigned rule, bool on)
{
    return on ? rules | rule : rules & ~rule;
}

// What an archived post was pinned for is over.
static unsigned changed_rules(const kt_PostUpdate *u, unsigned rules)
{
    const unsigned audience = RULE_FOLLOWERS | RULE_CLOSE_FRIENDS;
    if (kt_has_PostUpdate_audience(u))
        rules = (rules & ~audience) | audience_rules(kt_PostUpdate_audience(u));
    if (kt_has_PostUpdate_is_archived(u)) {
        rules = with(rules, RULE_ARCHIVED, kt_PostUpdate_is_archived(u));
        if (rules & RULE_ARCHIVED) rules &= ~(unsigned)RULE_PINNED;
    }
    if (kt_has_PostUpdate_is_pinned(u))
        rules = with(rules, RULE_PINNED, kt_PostUpdate_is_pinned(u));
    if (kt_has_PostUpdate_comments_disabled(u))
        rules = with(rules, RULE_NO_COMMENTS, kt_PostUpdate_comments_disabled(u));
    if (kt_has_PostUpdate_likes_disabled(u))
        rules = with(rules, RULE_NO_LIKES, kt_PostUpdate_likes_disabled(u));
    return rules;
}

// Only where the author's posts lie can be told how many of them are pinned.
static unsigned judge_rules(const struct part *p, const struct post *post, unsigned rules)
{
    if (!(rules & RULE_PINNED)) return KITH_ok;
    if (rules & RULE_ARCHIVED) return KITH_not_to_be_pinned;
    bool more = !(post->o.rules & RULE_PINNED);
    return more && post_lists_pins(p, post->author) >= PINS_MAX ? KITH_too_many_pins : KITH_ok;
}

// An image by itself is the first medium's address; an empty one takes the first medium away.
static void change_image(struct media_list *m, fb_str url)
{
    if (m->n == 0 && url.n > 0) {
        media_from_url(m, url);
    } else if (url.n > 0) {
        m->item[0].url = url;
    } else if (m->n > 0) {
        m->n--;
        memmove(m->item, m->item + 1, m->n * sizeof m->item[0]);
    }
}

static void decide_update(struct apply *a, struct part *p)
{
    const kt_PostUpdate *u = a->body;
    a->out.id = kt_PostUpdate_post_id(u);
    const struct post *post = find_post(p, a->out.id);
    unsigned error = check_decider(a->s->store, a->e);
    unsigned rules = error == KITH_ok ? changed_rules(u, post->o.rules) : 0;
    if (error == KITH_ok) error = judge_rules(p, post, rules);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct post_draft d = post_draft_of(post);
    d.rules = rules;
    d.type = &kt_desc_PostUpdate;
    d.fields = u;
    if (kt_has_PostUpdate_caption(u)) d.caption = kt_PostUpdate_caption(u);
    if (kt_has_PostUpdate_media(u))
        media_from_tables(&d.media, kt_PostUpdate_media(u));
    else if (kt_has_PostUpdate_image_url(u))
        change_image(&d.media, kt_PostUpdate_image_url(u));
    replace(a, p, &d);
}

// A medium that is added later is named by the entry's stamp, so that no name comes twice.
static void decide_media_add(struct apply *a, struct part *p)
{
    const kt_MediaAdd *m = a->body;
    a->out.id = kt_MediaAdd_post_id(m);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct post_draft d = post_draft_of(find_post(p, a->out.id));
    ASSERT(d.media.n < MEDIA_MAX);
    d.media.item[d.media.n++] = (struct medium){
        .add = m,
        .id = id_make(a->e->stamp, id_slot(a->out.id)),
        .order = kt_MediaAdd_display_order(m),
    };
    media_sort(&d.media);
    replace(a, p, &d);
}

static void decide_media_remove(struct apply *a, struct part *p)
{
    const kt_MediaRemove *m = a->body;
    a->out.id = kt_MediaRemove_post_id(m);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct post_draft d = post_draft_of(find_post(p, a->out.id));
    uint32_t n = 0;
    for (uint32_t i = 0; i < d.media.n; i++)
        if (d.media.item[i].id != kt_MediaRemove_media_id(m)) d.media.item[n++] = d.media.item[i];
    d.media.n = n;
    replace(a, p, &d);
}

const struct verb verb_post_update = {decide_update, NULL, NULL, NULL};
const struct verb verb_media_add = {decide_media_add, NULL, NULL, NULL};
const struct verb verb_media_remove = {decide_media_remove, NULL, NULL, NULL};

// ---- delete ------------------------------------------------------------------------------------

void post_take_down(struct apply *a, struct part *p, uint64_t id)
{
    struct post *post = find_post(p, id);
    ASSERT(post != NULL);
    ASSERT(!(post->o.flags & OBJECT_GONE));
    struct user *u = find_user(p, post->author);
    ASSERT(u != NULL);
    notes_of_post_gone(a, post);
    post_lists_remove(p, u, &post->o);
    recent_remake(p, u);
    if (hanging_none(p, &post->o))
        record_remove(p, &post->o);
    else
        jobs_add(p, record_flag(p, &post->o, OBJECT_GONE));
}

// Not by a cascade: its time is over, unless it was restored meanwhile.
static bool may_erase(const struct apply *a, const struct post *post)
{
    if (a->e->actor != 0) return true;
    uint64_t deleted = post_deleted_ms(post);
    return deleted != 0 && deleted == kt_Erase_deleted_at(a->body);
}

// One step further down: a post that is not gone is gone, a session ends, what is gone and bare is
// erased.
static void decide_erase(struct apply *a, struct part *p)
{
    uint64_t id = kt_Erase_object_id(a->body);
    struct object *o = record_find(p, id);
    a->out.id = id;
    if (o == NULL) return;
    bool gone = o->flags & OBJECT_GONE;
    if (o->kind == ENTITY_session) {
        seqs_remove(p, (struct edge_at){((struct session *)o)->user, LIST_sessions}, id);
        record_remove(p, o);
    } else if (doc_row(o->kind) != NULL && !gone) {
        doc_take_down(p, (struct doc *)o);
    } else if (o->kind == ENTITY_post && !gone) {
        if (!may_erase(a, (struct post *)o)) return;
        post_take_down(a, p, id);
    } else if (o->kind == ENTITY_comment && !gone) {
        uint64_t deleted = bin_deleted_ms(o);
        if (deleted == 0 || deleted != kt_Erase_deleted_at(a->body)) return;
        comment_erase(a, p, id);
    } else if (gone && hanging_none(p, o)) {
        jobs_remove(p, id);
        record_remove(p, o);
    } else {
        return;
    }
    a->out.changed = 1;
}

const struct verb verb_erase = {decide_erase, NULL, NULL, NULL};

// ---- in bulk -----------------------------------------------------------------------------------

// Ids of the author's slot in the millisecond of created_at. The entry's own millisecond and what
// comes later belong to live entries.
static uint64_t nth_id(const struct apply *a, const kt_ImportPost *row, unsigned seq)
{
    uint64_t ms = kt_ImportPost_created_at(row), now = stamp_ms(a->e->stamp);
    if (ms >= now) ms = now - 1;
    if (ms < KITH_EPOCH_MS) ms = KITH_EPOCH_MS;
    return id_make(stamp_make(ms, seq), id_slot(kt_ImportPost_user_id(row)));
}

// The lowest that is free; 0 = none is left.
static uint64_t free_id(const struct apply *a, const struct part *p, const kt_ImportPost *row)
{
    for (unsigned seq = 0; seq < 1u << STAMP_SEQ_BITS; seq++) {
        uint64_t id = nth_id(a, row, seq);
        if (id != 0 && record_find(p, id) == NULL) return id;
    }
    return 0;
}

static bool import_row(struct apply *a, struct part *p, const kt_ImportPost *row)
{
    uint64_t author = kt_ImportPost_user_id(row);
    if (!check_alive(a->s->store, author)) return false;
    fb_str caption = kt_ImportPost_caption(row), image = kt_ImportPost_image_url(row);
    if (caption.n == 0 && image.n == 0) return false;
    uint64_t id = free_id(a, p, row);
    if (id == 0) return false;
    struct post_draft d = {
        .id = id,
        .author = author,
        .updated_ms = id_ms(id),
        .language = find_user(p, author)->o.language,
        .caption = caption,
        .type = &kt_desc_ImportPost,
        .fields = row,
    };
    if (image.n > 0) media_from_url(&d.media, image);
    struct object *o = post_record_write(a, p, &d);
    if (o == NULL) return false;
    publish_post(p, o, author);
    return true;
}

static void mark_source(struct apply *a, const struct source *which, uint32_t chunk)
{
    struct store *store = a->s->store;
    for (unsigned i = a->s->core; i < store->partitions; i += store->cores)
        if (store->part[i].place < a->e->place) sources_mark(&store->part[i], which, chunk);
}

// The rows from this one on.
static void rows_ahead(const struct apply *a, fb_vec posts, uint32_t from)
{
    struct ahead_post x[AHEAD_EDGES];
    uint32_t n = 0;
    for (uint32_t i = from; i < posts.n && n < AHEAD_EDGES; i++) {
        const kt_ImportPost *row = kt_at_ImportPost(posts, i);
        x[n++] = (struct ahead_post){kt_ImportPost_user_id(row), nth_id(a, row, 0)};
    }
    ahead_posts(a->s, x, n);
}

static void import_posts(struct apply *a)
{
    const kt_ImportPosts *body = a->body;
    struct source which = {.hi = kt_ImportPosts_source_hi(body),
                           .lo = kt_ImportPosts_source_lo(body)};
    uint32_t chunk = kt_ImportPosts_chunk(body);
    fb_vec posts = kt_ImportPosts_posts(body);
    for (uint32_t i = 0; i < posts.n; i++) {
        if (i % AHEAD_EDGES == 0) rows_ahead(a, posts, i);
        const kt_ImportPost *row = kt_at_ImportPost(posts, i);
        struct part *p = apply_half(a, id_slot(kt_ImportPost_user_id(row)));
        if (p == NULL) continue;
        if (chunk >= SOURCE_CHUNKS_MAX)
            a->out.count3++;
        else if (sources_done(p, &which, chunk))
            a->out.count2++;
        else if (import_row(a, p, row))
            a->out.count++;
        else
            a->out.count3++;
    }
    if (chunk < SOURCE_CHUNKS_MAX) mark_source(a, &which, chunk);
    a->out.changed = a->out.count > 0;
}

const struct verb verb_import_posts = {.all = import_posts};
