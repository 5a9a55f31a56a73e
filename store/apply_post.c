// Posts: born in their author's slot, decided there.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/doc.h"
#include "store/fanout.h"
#include "store/hang.h"
#include "store/jobs.h"
#include "store/notes.h"
#include "store/post_record.h"
#include "store/record.h"
#include "store/sources.h"
#include "store/stats.h"

static struct edge_at posts_of(uint64_t author)
{
    return (struct edge_at){author, LIST_posts};
}

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
    struct shard *s = p->shard;
    struct user *u = find_user(p, author);
    ASSERT(u != NULL);
    record_insert(p, o);
    seqs_add(p, posts_of(author), o->id);
    counter_move(&u->posts, 1);
    stats_post(p, (struct post *)o, 1);
    recent_add(p, u, o->id);
    seq_insert(&s->all_posts, &s->pool, o->id);
    fanout(p, author, o->id);
}

// ---- create ------------------------------------------------------------------------------------

static void decide_create(struct apply *a, struct part *p)
{
    const kt_PostCreate *c = a->body;
    uint64_t author = a->e->actor;
    struct post_draft d = {
        .id = id_make(a->e->stamp, id_slot(author)),
        .author = author,
        .updated_ms = stamp_ms(a->e->stamp),
        .caption = kt_PostCreate_caption(c),
        .type = &kt_desc_PostCreate,
        .fields = c,
    };
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    // Three ways to say the same; where several are there, ingest has seen that they agree.
    if (kt_PostCreate_media(c).n > 0)
        media_from_tables(&d.media, kt_PostCreate_media(c));
    else if (kt_PostCreate_media_urls(c).n > 0)
        media_from_urls(&d.media, kt_PostCreate_media_urls(c));
    else if (kt_PostCreate_image_url(c).n > 0)
        media_from_url(&d.media, kt_PostCreate_image_url(c));
    struct object *o = post_record_write(a, p, &d);
    if (o == NULL) {
        apply_refuse(a, KITH_too_large);
        return;
    }
    publish_post(p, o, author);
    notes_of_post(a, (struct post *)o);
    activity_add(a, p, &(struct activity){ACTIVITY_post_create, ENTITY_post, d.id, 0});
    a->out.id = d.id;
    a->out.changed = 1;
}

const struct verb verb_post_create = {decide_create, NULL, NULL, NULL};

// ---- change ------------------------------------------------------------------------------------

static void replace(struct apply *a, struct part *p, struct post_draft *d)
{
    d->updated_ms = stamp_ms(a->e->stamp);
    struct object *fresh = post_record_write(a, p, d);
    if (fresh == NULL) {
        apply_refuse(a, KITH_too_large);
        return;
    }
    struct post *old = find_post(p, d->id);
    notes_of_edit(a, old, (struct post *)fresh);
    record_swap(p, &old->o, fresh);
    a->out.changed = 1;
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
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct post_draft d = post_draft_of(find_post(p, a->out.id));
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
    struct shard *s = p->shard;
    struct post *post = find_post(p, id);
    ASSERT(post != NULL);
    ASSERT(!(post->o.flags & OBJECT_GONE));
    struct user *u = find_user(p, post->author);
    ASSERT(u != NULL);
    notes_of_post_gone(a, p, post);
    stats_post(p, post, -1);
    seqs_remove(p, posts_of(post->author), id);
    counter_move(&u->posts, -1);
    recent_remake(p, u);
    seq_delete(&s->all_posts, &s->pool, id);
    if (hanging_none(p, &post->o))
        record_remove(p, &post->o);
    else
        jobs_add(p, record_flag(p, &post->o, OBJECT_GONE));
}

static void decide_delete(struct apply *a, struct part *p)
{
    a->out.id = kt_PostDelete_post_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    post_take_down(a, p, a->out.id);
    a->out.changed = 1;
}

const struct verb verb_post_delete = {decide_delete, NULL, NULL, NULL};

// One step further down: a living post is gone, a session ends, what is gone and bare is erased.
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
        post_take_down(a, p, id);
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

// The lowest free id of the author's slot in the millisecond of created_at; 0 = none is left. The
// entry's own millisecond and what comes later belong to live entries.
static uint64_t free_id(const struct apply *a, const struct part *p, const kt_ImportPost *row)
{
    uint64_t ms = kt_ImportPost_created_at(row), now = stamp_ms(a->e->stamp);
    if (ms >= now) ms = now - 1;
    if (ms < KITH_EPOCH_MS) ms = KITH_EPOCH_MS;
    unsigned slot = id_slot(kt_ImportPost_user_id(row));
    for (unsigned seq = 0; seq < 1u << STAMP_SEQ_BITS; seq++) {
        uint64_t id = id_make(stamp_make(ms, seq), slot);
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

static void import_posts(struct apply *a)
{
    const kt_ImportPosts *body = a->body;
    struct source which = {.hi = kt_ImportPosts_source_hi(body),
                           .lo = kt_ImportPosts_source_lo(body)};
    uint32_t chunk = kt_ImportPosts_chunk(body);
    fb_vec posts = kt_ImportPosts_posts(body);
    for (uint32_t i = 0; i < posts.n; i++) {
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
