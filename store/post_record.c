// Post records from bodies, and the newest posts of an author (post_record.h).
#include "store/post_record.h"

#include <string.h>

#include "core/assert.h"
#include "core/fb_copy.h"
#include "store/post_tags.h"
#include "store/record.h"

// ---- media -------------------------------------------------------------------------------------

void media_sort(struct media_list *m)
{
    for (uint32_t i = 1; i < m->n; i++) {
        struct medium one = m->item[i];
        uint32_t at = i;
        for (; at > 0 && m->item[at - 1].order > one.order; at--) m->item[at] = m->item[at - 1];
        m->item[at] = one;
    }
}

void media_from_tables(struct media_list *m, fb_vec media)
{
    ASSERT(media.n <= MEDIA_MAX);
    m->n = 0;
    for (uint32_t i = 0; i < media.n; i++) {
        const kt_Media *t = kt_at_Media(media, i);
        m->item[m->n++] = (struct medium){
            .media = t, .id = i + 1, .order = kt_Media_display_order(t)};
    }
    media_sort(m);
}

void media_from_urls(struct media_list *m, fb_vec urls)
{
    ASSERT(urls.n <= MEDIA_MAX);
    m->n = 0;
    for (uint32_t i = 0; i < urls.n; i++) {
        m->item[m->n++] = (struct medium){.url = fb_vec_str(urls, i), .id = i + 1, .order = i};
    }
}

void media_from_url(struct media_list *m, fb_str url)
{
    m->n = 1;
    m->item[0] = (struct medium){.url = url, .id = 1};
}

static fb_ref string_of(fb_builder *b, fb_str s)
{
    return s.n > 0 ? fb_string(b, s.s, s.n) : 0;
}

static fb_ref write_medium(fb_builder *b, const struct medium *m)
{
    kt_new_Media w = {0};
    struct fb_field_copy copy = {&kt_desc_Media, &w, &kt_desc_Media, m->media};
    if (m->add != NULL) {
        copy.from = &kt_desc_MediaAdd;
        copy.table = m->add;
    }
    static const char *const fields[] = {"media_type", "thumbnail_url", "alt_text", "width",
                                         "height",     "file_size",     "duration"};
    for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++)
        fb_copy_field(b, copy, fields[i]);
    if (m->url.n > 0)
        kt_put_Media_media_url(&w, string_of(b, m->url));
    else
        fb_copy_field(b, copy, "media_url");
    kt_put_Media_media_id(&w, m->id);
    kt_put_Media_display_order(&w, m->order);
    return kt_end_Media(b, &w);
}

// ---- tags --------------------------------------------------------------------------------------

static struct post_tags tags_of(const struct post_draft *d)
{
    static const char name[] = "hashtags";
    if (fb_has_field(d->type, d->fields, name)) {
        fb_vec apart = fb_sub_vec(d->fields, fb_find_field(d->type, name)->slot);
        return (struct post_tags){NULL, apart, apart.n};
    }
    return d->was != NULL ? post_tags(d->was) : (struct post_tags){0};
}

static fb_ref write_tags(fb_builder *b, const struct post_tags *tags)
{
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < tags->n; i++) {
        fb_str s = post_tag(tags, i);
        fb_push(b, fb_string(b, s.s, s.n));
    }
    return fb_refs(b, mark);
}

// ---- records -----------------------------------------------------------------------------------

// Builds what stands behind the caption on the scratch; tags: NULL where they are no part of it.
// false: it is too large.
struct cold { const void *at; uint32_t n; };
static bool build_cold(struct apply *a, const struct post_draft *d, const struct post_tags *tags,
                       struct cold *cold)
{
    fb_builder *b = apply_build(a);
    kt_new_PostCreate w = {0};
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < d->media.n; i++) fb_push(b, write_medium(b, &d->media.item[i]));
    fb_ref media = fb_refs(b, mark);
    bool any = d->media.n > 0;
    if (any) kt_put_PostCreate_media(&w, media);
    bool apart = tags != NULL && tags->n > 0;
    any |= apart;
    if (apart) kt_put_PostCreate_hashtags(&w, write_tags(b, tags));
    static const char *const fields[] = {"location", "mentions", "mention_ids",
                                         "reply_to_post_id"};
    for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        bool newer = fb_has_field(d->type, d->fields, fields[i]);
        struct fb_field_copy copy = {.to = &kt_desc_PostCreate, .staged = &w};
        copy.from = newer ? d->type : &kt_desc_PostCreate;
        copy.table = newer ? d->fields : d->old;
        any |= fb_copy_field(b, copy, fields[i]);
    }
    any |= d->deleted_ms != 0;
    if (d->deleted_ms != 0) kt_put_PostCreate_deleted_at(&w, d->deleted_ms);
    if (!any) return b->err == FB_OK;
    *cold = (struct cold){.n = (uint32_t)fb_finish(b, kt_end_PostCreate(b, &w))};
    cold->at = fb_data(b);
    return cold->n > 0 && cold->n >> COLD_BITS == 0;
}

struct object *post_record_write(struct apply *a, struct part *p, const struct post_draft *d)
{
    struct record_head h = {
        .id = d->id,
        .word = {d->author, d->updated_ms},
        .n = {d->caption.n},
        .kind = ENTITY_post,
        .flags = (uint8_t)d->flags,
        .rules = (uint8_t)d->rules,
        .language = (uint8_t)d->language,
    };
    struct post_tags tags = tags_of(d);
    struct tag_place place[TAGGED_MAX];
    struct cold cold = {0};
    h.len[0] = tags_place(d->caption, &tags, place);
    if (!build_cold(a, d, h.len[0] == 0 ? &tags : NULL, &cold)) return NULL;
    h.n[1] = cold.n;
    struct object *o = record_new(p, &h);
    char *to = record_data_of(o);
    if (d->caption.n > 0) memcpy(to, d->caption.s, d->caption.n);
    if (h.len[0] > 0) memcpy(to + d->caption.n + 1, place, h.len[0] * sizeof place[0]);
    if (cold.n > 0) memcpy(to + caption_size(d->caption.n, h.len[0]), cold.at, cold.n);
    return o;
}

struct post_draft post_draft_of(const struct post *post)
{
    const void *cold = post_cold(post);
    struct post_draft d = {
        .id = post->o.id,
        .author = post->author,
        .updated_ms = post->updated_ms,
        .rules = post->o.rules,
        .language = post->o.language,
        .caption = {post_caption(post), post->o.text_n},
        .type = &kt_desc_PostCreate,
        .old = cold != NULL ? kt_root_PostCreate(cold) : NULL,
        .was = post,
    };
    if (d.old == NULL) return d;
    fb_vec media = kt_PostCreate_media(d.old);
    media_from_tables(&d.media, media);
    // Stored in the order that they are shown in, with names of their own.
    for (uint32_t i = 0; i < d.media.n; i++)
        d.media.item[i].id = kt_Media_media_id(d.media.item[i].media);
    return d;
}

// ---- the newest --------------------------------------------------------------------------------

static size_t recent_bytes(uint32_t n)
{
    return sizeof(struct recent) + n * sizeof(uint64_t);
}

static void publish(struct part *p, struct user *u, struct recent *fresh)
{
    struct shard *s = p->shard;
    struct recent *old = atomic_load_explicit(&u->recent, memory_order_relaxed);
    atomic_store_explicit(&u->recent, fresh, memory_order_release);
    if (old == NULL) return;
    struct quiet_block block = {old, recent_bytes(old->n), MEM_recent};
    quiet_retire(&s->store->quiet, &s->limbo, &s->pool, block);
}

static struct recent *recent_new(struct part *p, uint32_t n, bool more)
{
    struct recent *r = pool_alloc(&p->shard->pool, recent_bytes(n), MEM_recent);
    r->n = n;
    r->more = more;
    return r;
}

void recent_add(struct part *p, struct user *author, uint64_t post)
{
    const struct recent *old = atomic_load_explicit(&author->recent, memory_order_relaxed);
    uint32_t had = old != NULL ? old->n : 0, at = 0;
    while (at < had && old->id[at] > post) at++;
    bool full = had == RECENT_MAX;
    if (full && old->more && at == had) return;
    uint32_t n = full ? had : had + 1;
    struct recent *r = recent_new(p, n, full);
    if (at > 0) memcpy(r->id, old->id, at * sizeof r->id[0]);
    if (at < n) r->id[at] = post;
    if (at + 1 < n) memcpy(r->id + at + 1, old->id + at, (n - at - 1) * sizeof r->id[0]);
    publish(p, author, r);
}

void recent_remake(struct part *p, struct user *author)
{
    uint64_t id[RECENT_MAX];
    const struct seq *posts = seqs_find(p, (struct edge_at){author->o.id, LIST_posts});
    uint32_t n = seq_below(posts, 0, id, RECENT_MAX);
    struct recent *r = NULL;
    if (n > 0) {
        r = recent_new(p, n, posts->count > n);
        memcpy(r->id, id, n * sizeof id[0]);
    }
    publish(p, author, r);
}
