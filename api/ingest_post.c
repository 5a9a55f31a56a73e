// A post's entry holds media in order, and the tags and mentions that its text had when it was
// written: who a name meant is found out here and kept as an id.
#include <string.h>

#include "api/changes.h"
#include "api/ingest.h"
#include "api/media.h"
#include "api/validate.h"
#include "api/words.h"
#include "core/assert.h"
#include "kith_fb.h"
#include "store/names.h"
#include "store/post_tags.h"
#include "store/store.h"

enum { WORDS = 30, PARSED = 256, MEDIA_FOUND = 2 * MEDIA_MAX + 1 };

struct medium {
    const kt_Media *table;     // NULL: only an address
    fb_str url;
    uint32_t order;
};

struct media { struct medium m[MEDIA_FOUND]; unsigned n; };

struct words {
    struct word w[WORDS];
    uint64_t id[WORDS];        // of mentions
    unsigned n;
};

// The parts of a request to create or to change a post; absent ones are empty.
struct draft {
    bool update;
    bool has_caption, has_media, has_tags, has_mentions;
    bool has_audience, has_public, is_public;
    unsigned audience;
    fb_str caption, image_url;
    fb_vec media, urls, tags, mentions;
};

// ---- media -------------------------------------------------------------------------------------

static bool has_url(const struct media *all, fb_str url)
{
    for (unsigned i = 0; i < all->n; i++)
        if (all->m[i].url.n == url.n && memcmp(all->m[i].url.s, url.s, url.n) == 0)
            return true;
    return false;
}

static void add_url(struct media *all, fb_str url)
{
    if (url.n == 0 || has_url(all, url))
        return;
    ASSERT(all->n < MEDIA_FOUND);
    all->m[all->n] = (struct medium){NULL, url, all->n};
    all->n++;
}

// Stable, by display order.
static void sort_media(struct media *all)
{
    for (unsigned i = 1; i < all->n; i++) {
        struct medium m = all->m[i];
        unsigned at = i;
        for (; at > 0 && all->m[at - 1].order > m.order; at--)
            all->m[at] = all->m[at - 1];
        all->m[at] = m;
    }
}

static void gather_media(const struct draft *d, struct media *all)
{
    all->n = 0;
    for (uint32_t i = 0; i < d->media.n; i++) {
        const kt_Media *m = kt_at_Media(d->media, i);
        all->m[all->n++] = (struct medium){m, kt_Media_media_url(m), kt_Media_display_order(m)};
    }
    // The picture goes first unless it is one of the media already.
    if (d->image_url.n > 0 && !has_url(all, d->image_url)) {
        memmove(all->m + 1, all->m, all->n * sizeof all->m[0]);
        all->m[0] = (struct medium){NULL, d->image_url, 0};
        all->n++;
    }
    for (uint32_t i = 0; i < d->urls.n; i++)
        add_url(all, fb_vec_str(d->urls, i));
    sort_media(all);
}

static fb_ref build_medium(fb_builder *b, const struct medium *m)
{
    kt_new_Media w = {0};
    const uint64_t media_id = 1; // bit of the id, which is the server's to give
    if (m->table != NULL)
        ingest_stage(b, (struct fields){&kt_desc_Media, m->table, ~media_id}, &w);
    else
        kt_put_Media_media_url(&w, fb_string(b, m->url.s, m->url.n));
    kt_put_Media_display_order(&w, m->order);
    return kt_end_Media(b, &w);
}

static fb_ref build_media(fb_builder *b, const struct media *all)
{
    uint32_t mark = fb_mark(b);
    for (unsigned i = 0; i < all->n; i++)
        fb_push(b, build_medium(b, &all->m[i]));
    return fb_refs(b, mark);
}

// ---- words -------------------------------------------------------------------------------------

static void add_word(struct words *to, struct word w)
{
    for (unsigned i = 0; i < to->n; i++)
        if (word_same(to->w[i], w))
            return;
    if (to->n < WORDS)
        to->w[to->n++] = w;
}

static bool contains(const struct words *in, struct word w)
{
    for (unsigned i = 0; i < in->n; i++)
        if (word_same(in->w[i], w))
            return true;
    return false;
}

static void add_parsed(struct words *to, fb_str text,
                       unsigned (*parse)(const char *, size_t, struct word *, unsigned))
{
    struct word found[PARSED];
    unsigned n = parse(text.s, text.n, found, PARSED);
    for (unsigned i = 0; i < n; i++)
        add_word(to, found[i]);
}

static struct word given(fb_vec v, uint32_t i, char sign)
{
    fb_str s = fb_vec_str(v, i);
    bool signed_ = s.n > 0 && s.s[0] == sign;
    return (struct word){s.s + signed_, s.n - signed_};
}

static enum kith_error add_tags(struct request *q, struct words *to, fb_vec tags)
{
    for (uint32_t i = 0; i < tags.n; i++) {
        struct word w = given(tags, i, '#');
        char pointer[32] = "/hashtags/";
        if (word_is_tag(w)) {
            add_word(to, w);
            continue;
        }
        size_t n = strlen(pointer);
        if (i >= 10)
            pointer[n++] = (char)('0' + i / 10);
        pointer[n++] = (char)('0' + i % 10);
        pointer[n] = '\0';
        return ingest_fault(q, pointer, "not_a_tag", TAG_POINTS_MAX);
    }
    return KITH_ok;
}

static void add_names(struct words *to, fb_vec names)
{
    for (uint32_t i = 0; i < names.n; i++) {
        struct word w = given(names, i, '@');
        if (valid_username(w.s, w.n))
            add_word(to, w);
    }
}

// Names that are nobody's mean nobody: they are left out.
static void resolve(const struct store *s, struct words *names)
{
    unsigned n = 0;
    for (unsigned i = 0; i < names->n; i++) {
        struct name name = {NAME_username, names->w[i].s, names->w[i].n};
        uint64_t id = names_find(s, name);
        if (id == 0)
            continue;
        names->w[n] = names->w[i];
        names->id[n++] = id;
    }
    names->n = n;
}

// What an edit leaves alone: the words of the old post that its old text did not bring along.
static void keep_given(struct words *to, struct post_tags old, fb_str old_text,
                       unsigned (*parse)(const char *, size_t, struct word *, unsigned))
{
    struct words parsed = {.n = 0};
    add_parsed(&parsed, old_text, parse);
    for (uint32_t i = 0; i < old.n; i++) {
        fb_str s = post_tag(&old, i);
        struct word w = {s.s, s.n};
        if (!contains(&parsed, w))
            add_word(to, w);
    }
}

unsigned ingest_named(const struct reactor *r, fb_str text, uint64_t *id)
{
    struct words names;
    names.n = 0;
    add_parsed(&names, text, words_mentions);
    resolve(r->server->store, &names);
    unsigned n = names.n < MENTIONS_MAX ? names.n : MENTIONS_MAX;
    memcpy(id, names.id, n * sizeof *id);
    return n;
}

static fb_ref build_tags(fb_builder *b, const struct words *tags)
{
    uint32_t mark = fb_mark(b);
    for (unsigned i = 0; i < tags->n; i++) {
        char text[TAG_BYTES_MAX];
        fb_push(b, fb_string(b, text, word_fold(text, tags->w[i])));
    }
    return fb_refs(b, mark);
}

static fb_ref build_names(fb_builder *b, const struct words *names)
{
    uint32_t mark = fb_mark(b);
    for (unsigned i = 0; i < names->n; i++)
        fb_push(b, fb_string(b, names->w[i].s, names->w[i].n));
    return fb_refs(b, mark);
}

// ---- drafts ------------------------------------------------------------------------------------

static struct draft draft_create(const kt_PostCreate *p)
{
    return (struct draft){
        .has_caption = true, .has_media = true, .has_tags = true, .has_mentions = true,
        .caption = kt_PostCreate_caption(p), .image_url = kt_PostCreate_image_url(p),
        .media = kt_PostCreate_media(p), .urls = kt_PostCreate_media_urls(p),
        .tags = kt_PostCreate_hashtags(p), .mentions = kt_PostCreate_mentions(p),
        .has_audience = kt_has_PostCreate_audience(p), .audience = kt_PostCreate_audience(p),
        .has_public = kt_has_PostCreate_is_public(p), .is_public = kt_PostCreate_is_public(p),
    };
}

static struct draft draft_update(const kt_PostUpdate *p)
{
    return (struct draft){
        .update = true,
        .has_caption = kt_has_PostUpdate_caption(p), .has_media = kt_has_PostUpdate_media(p),
        .has_tags = kt_has_PostUpdate_hashtags(p),
        .has_mentions = kt_has_PostUpdate_mentions(p),
        .caption = kt_PostUpdate_caption(p), .image_url = kt_PostUpdate_image_url(p),
        .media = kt_PostUpdate_media(p), .tags = kt_PostUpdate_hashtags(p),
        .mentions = kt_PostUpdate_mentions(p),
        .has_audience = kt_has_PostUpdate_audience(p), .audience = kt_PostUpdate_audience(p),
        .has_public = kt_has_PostUpdate_is_public(p), .is_public = kt_PostUpdate_is_public(p),
    };
}

// is_public is the audience in two words (false: the followers); an entry has the audience alone.
static enum kith_error settle_audience(struct draft *d)
{
    if (!d->has_public)
        return KITH_ok;
    if (d->has_audience)
        return d->is_public == (d->audience == kt_Audience_public) ? KITH_ok
                                                                   : KITH_conflicting_aliases;
    d->has_audience = true;
    d->audience = d->is_public ? kt_Audience_public : kt_Audience_followers;
    return KITH_ok;
}

// Tags and mentions as they shall be. The old post is read where an edit says only a part.
static enum kith_error gather_words(const struct reactor *r, struct request *q,
                                    const struct draft *d, struct words both[2])
{
    struct words *tags = &both[0], *names = &both[1];
    const struct post *old = d->update ? store_post(r->server->store, request_key(q)) : NULL;
    const void *bytes = old != NULL ? post_cold(old) : NULL;
    const kt_PostCreate *cold = bytes != NULL ? kt_root_PostCreate(bytes) : NULL;
    fb_str old_text = old != NULL ? (fb_str){post_caption(old), old->o.text_n} : (fb_str){"", 0};
    fb_str text = d->has_caption ? d->caption : old_text;
    tags->n = names->n = 0;
    enum kith_error error = add_tags(q, tags, d->tags);
    if (error != KITH_ok)
        return error;
    add_names(names, d->mentions);
    if (old != NULL && !d->has_tags)
        keep_given(tags, post_tags(old), old_text, words_hashtags);
    if (cold != NULL && !d->has_mentions) {
        fb_vec mentions = kt_PostCreate_mentions(cold);
        keep_given(names, (struct post_tags){.apart = mentions, .n = mentions.n}, old_text,
                   words_mentions);
    }
    add_parsed(tags, text, words_hashtags);
    add_parsed(names, text, words_mentions);
    resolve(r->server->store, names);
    return KITH_ok;
}

struct made { const struct draft *draft; const struct media *media; const struct words *both; };

static fb_ref build_create(fb_builder *b, const kt_PostCreate *p, const struct made *made)
{
    kt_new_PostCreate w = {0};
    const struct media *media = made->media;
    const struct words *both = made->both;
    enum { CAPTION = 1 << 0, LOCATION = 1 << 4, PINNED_TO_REPLY = 0xf << 11 };
    uint64_t mask = CAPTION | LOCATION | PINNED_TO_REPLY;
    ingest_stage(b, (struct fields){&kt_desc_PostCreate, p, mask}, &w);
    if (made->draft->has_audience)
        kt_put_PostCreate_audience(&w, (kt_Audience)made->draft->audience);
    if (media->n > 0)
        kt_put_PostCreate_media(&w, build_media(b, media));
    if (both[0].n > 0)
        kt_put_PostCreate_hashtags(&w, build_tags(b, &both[0]));
    if (both[1].n > 0) {
        kt_put_PostCreate_mentions(&w, build_names(b, &both[1]));
        kt_put_PostCreate_mention_ids(&w, fb_vector(b, both[1].id, both[1].n, 8));
    }
    return kt_end_PostCreate(b, &w);
}

static fb_ref build_update(fb_builder *b, const kt_PostUpdate *p, const struct made *made)
{
    kt_new_PostUpdate w = {0};
    const struct draft *d = made->draft;
    const struct words *both = made->both;
    enum { POST_ID = 1 << 0, CAPTION = 1 << 1, IMAGE = 1 << 2, LOCATION = 1 << 4,
           PINNED_TO_LIKES = 0xf << 10 };
    // A picture by itself changes the first medium; an empty list takes all media away.
    uint64_t mask = POST_ID | CAPTION | LOCATION | (d->has_media ? 0 : IMAGE);
    mask |= PINNED_TO_LIKES;
    ingest_stage(b, (struct fields){&kt_desc_PostUpdate, p, mask}, &w);
    if (d->has_audience)
        kt_put_PostUpdate_audience(&w, (kt_Audience)d->audience);
    if (d->has_media)
        kt_put_PostUpdate_media(&w, build_media(b, made->media));
    if (d->has_caption || d->has_tags)
        kt_put_PostUpdate_hashtags(&w, build_tags(b, &both[0]));
    if (d->has_caption || d->has_mentions) {
        kt_put_PostUpdate_mentions(&w, build_names(b, &both[1]));
        kt_put_PostUpdate_mention_ids(&w, fb_vector(b, both[1].id, both[1].n, 8));
    }
    return kt_end_PostUpdate(b, &w);
}

enum kith_error ingest_post(struct reactor *r, struct request *q)
{
    const void *table = request_table(q);
    bool update = q->row->number == OP_post_update;
    struct draft d = update ? draft_update(table) : draft_create(table);
    struct words both[2];
    struct media media;
    fb_builder b;
    gather_media(&d, &media);
    if (media.n > MEDIA_MAX)
        return KITH_too_many_media;
    uint64_t author = update ? 0 : kt_PostCreate_user_id(table);
    if (author != 0 && author != q->actor)
        return KITH_forbidden;
    if (!update && media.n == 0 && !has_content(d.caption.s, d.caption.n))
        return KITH_empty_post;
    enum kith_error error = media_own(r, q);
    if (error == KITH_ok)
        error = settle_audience(&d);
    if (error == KITH_ok)
        error = gather_words(r, q, &d, both);
    if (error != KITH_ok)
        return error;
    struct made made = {&d, &media, both};
    fb_init(&b, r->build, BUILD_BYTES);
    return change_take(r, &b, update ? build_update(&b, table, &made)
                                     : build_create(&b, table, &made));
}
