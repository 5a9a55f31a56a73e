// Answers from ids (read.h): tables written from published records and the viewer's own edges. Who
// is shown several times on a page is written once.
#include <string.h>

#include "core/assert.h"
#include "core/fb_copy.h"
#include "core/hash.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/card.h"
#include "store/edges.h"
#include "store/post_tags.h"
#include "store/read.h"
#include "store/record.h"
#include "store/shares.h"
#include "store/store.h"
#include "store/user_record.h"

enum { POST_TYPES = 4, URL_MAX = MEDIA_MAX, MET_SLOTS = 64 };
static const char *const post_types[POST_TYPES] = {"text", "image", "video", "carousel"};

// Somebody who is in the page already.
struct met {
    const struct user *user;
    fb_ref person;
    bool following;
    uint8_t before;            // 1 + index of who was met in the same slot before
};

// A list of the viewer, looked up when something of the page asks it.
struct own { bool known; const struct list_head *set; };

// A page in the making.
struct make {
    fb_builder *b;
    struct view view;
    const struct part *part;                      // the viewer's, NULL = shows no own edges
    struct own liked, following, saved, shared, reacted, comments_liked;
    uint64_t viewer;
    bool followed;                                // every author but the viewer
    fb_ref type[POST_TYPES];
    uint32_t met_n;
    uint8_t met_at[MET_SLOTS];                    // 1 + index of the last one met there
    struct met met[PAGE_MAX];
};
_Static_assert(PAGE_MAX <= UINT8_MAX, "met_at holds an index");

static const struct part *viewers_part(const struct view *v)
{
    if (v->viewer == 0 || v->shard == NULL) return NULL;
    const struct part *p = store_part(v->store, id_slot(v->viewer));
    return p->shard == v->shard ? p : NULL;
}

static void make_begin(struct make *m, fb_builder *b, const struct view *v)
{
    m->b = b;
    m->view = *v;
    m->part = viewers_part(v);
    m->liked = m->following = m->saved = m->shared = (struct own){false, NULL};
    m->reacted = m->comments_liked = m->liked;
    m->viewer = v->viewer;
    m->followed = false;
    memset(m->type, 0, sizeof m->type);
    memset(m->met_at, 0, sizeof m->met_at);
    m->met_n = 0;
}

static const struct list_head *own_list(const struct make *m, struct own *own, enum list_kind list)
{
    if (!own->known)
        *own = (struct own){true, edges_set(m->part, (struct edge_at){m->viewer, list})};
    return own->set;
}

// The stamp of the viewer's own edge to somebody or something.
static uint64_t own_edge(const struct make *m, struct own *own, enum list_kind list, uint64_t other)
{
    return m->part != NULL ? edges_in(m->part, own_list(m, own, list), other) : 0;
}

static fb_ref text(fb_builder *b, const char *s, uint32_t n)
{
    return n > 0 ? fb_string(b, s, n) : 0;
}

// ---- people ------------------------------------------------------------------------------------

// Written at the first meeting.
static const struct met *meet(struct make *m, const struct user *u)
{
    uint8_t *slot = &m->met_at[(uint32_t)(hash_u64(u->o.id, 0) % MET_SLOTS)];
    for (uint32_t i = *slot; i > 0; i = m->met[i - 1].before)
        if (m->met[i - 1].user == u) return &m->met[i - 1];
    ASSERT(m->met_n < PAGE_MAX);
    struct met *met = &m->met[m->met_n++];
    met->user = u;
    met->before = *slot;
    *slot = (uint8_t)m->met_n;
    met->person = card_put(m->b, u);
    met->following = u->o.id != m->viewer &&
                     (m->followed || own_edge(m, &m->following, LIST_following, u->o.id) != 0);
    return met;
}

static fb_ref build_people(fb_builder *b, const struct shown *what)
{
    uint32_t mark = fb_mark(b);
    bool follow = what->list == LIST_followers || what->list == LIST_following;
    for (uint32_t i = 0; i < what->page->n; i++) {
        uint64_t stamp = what->page->item[i].stamp;
        kt_new_Person w = {0};
        card_fields(b, (const struct user *)what->sight[i].o, &w);
        if (follow && stamp != 0) kt_put_Person_followed_since(&w, stamp_ms(stamp));
        bool likes = what->list == LIST_likers || what->list == LIST_comment_likers;
        if (likes && stamp != 0) kt_put_Person_liked_at(&w, stamp_ms(stamp));
        fb_push(b, kt_end_Person(b, &w));
    }
    return fb_refs(b, mark);
}

fb_ref build_mutuals(fb_builder *b, const struct shown *what, uint32_t count)
{
    kt_new_Mutuals w = {0};
    kt_put_Mutuals_users(&w, build_people(b, what));
    kt_put_Mutuals_count(&w, count);
    if (what->cursor != NULL) kt_put_Mutuals_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Mutuals(b, &w);
}

fb_ref build_users(fb_builder *b, const struct shown *what)
{
    kt_new_Users w = {0};
    kt_put_Users_users(&w, build_people(b, what));
    if (what->cursor != NULL) kt_put_Users_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Users(b, &w);
}

fb_ref build_shares(fb_builder *b, const struct view *v, uint64_t post, const struct shown *what)
{
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++) {
        const struct user *u = (const struct user *)what->sight[i].o;
        uint64_t stamp = what->page->item[i].stamp;
        const struct share_text *said = share_text_find(v->store, post, stamp);
        kt_new_Share w = {0};
        kt_put_Share_user(&w, card_put(b, u));
        if (said != NULL) kt_put_Share_content(&w, fb_string(b, said->data, said->o.text_n));
        kt_put_Share_user_id(&w, u->o.id);
        kt_put_Share_created_at(&w, stamp_ms(stamp));
        fb_push(b, kt_end_Share(b, &w));
    }
    kt_new_Shares w = {0};
    kt_put_Shares_shares(&w, fb_refs(b, mark));
    if (what->cursor != NULL) kt_put_Shares_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Shares(b, &w);
}

// ---- between two users -------------------------------------------------------------------------

enum bond { BOND_following, BOND_followed_by, BOND_requested, BOND_requested_by, BOND_blocked,
            BOND_muted, BOND_close_friend, BONDS };
struct bonds { bool has[BONDS]; };

// All at the viewer's end. p NULL: nothing is known.
static struct bonds bonds_with(const struct part *p, uint64_t viewer, uint64_t user)
{
    static const uint8_t list[BONDS] = {LIST_following, LIST_followers, LIST_requested,
                                        LIST_requests, LIST_blocking, LIST_muting,
                                        LIST_close_friends};
    struct bonds b = {0};
    for (unsigned i = 0; i < BONDS && p != NULL; i++)
        b.has[i] = edges_find(p, (struct edge_at){viewer, (enum list_kind)list[i]}, user) != 0;
    return b;
}

fb_ref build_relationship(fb_builder *b, const struct view *v, uint64_t user)
{
    struct bonds bonds = bonds_with(viewers_part(v), v->viewer, user);
    kt_new_Relationship w = {0};
    kt_put_Relationship_user_id(&w, user);
    kt_put_Relationship_following(&w, bonds.has[BOND_following]);
    kt_put_Relationship_followed_by(&w, bonds.has[BOND_followed_by]);
    kt_put_Relationship_requested(&w, bonds.has[BOND_requested]);
    kt_put_Relationship_requested_by(&w, bonds.has[BOND_requested_by]);
    kt_put_Relationship_blocked(&w, bonds.has[BOND_blocked]);
    kt_put_Relationship_muted(&w, bonds.has[BOND_muted]);
    kt_put_Relationship_close_friend(&w, bonds.has[BOND_close_friend]);
    return kt_end_Relationship(b, &w);
}

// ---- profiles ----------------------------------------------------------------------------------

// Everybody sees these, nobody but the owner those of own_fields.
static void cold_fields(fb_builder *b, const struct user *u, kt_new_User *w, bool own)
{
    static const char *const fields[] = {"bio", "cover_url", "location", "website",
                                         "external_links", "profile_category", "business_info"};
    const void *cold = user_cold(u);
    if (cold == NULL) return;
    struct fb_field_copy copy = {&kt_desc_User, w, &kt_desc_User, kt_root_User(cold)};
    for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++)
        fb_copy_field(b, copy, fields[i]);
    if (own) fb_copy_field(b, copy, "date_of_birth");
}

static void own_fields(fb_builder *b, const struct user *u, kt_new_User *w)
{
    kt_put_User_email(w, card_text(b, u, USER_email));
    kt_put_User_phone_number(w, card_text(b, u, USER_phone));
    // Put even where it is 0: shown as null.
    kt_put_User_last_login_at(w, u->last_login_ms);
    struct user_state state;
    user_state(u, &state);
    kt_put_User_email_verified(w, state.email_verified);
    kt_put_User_two_factor_enabled(w, state.two_factor);
    kt_put_User_role(w, state.role);
    kt_put_User_is_findable(w, u->o.rules & RULE_FINDABLE);
}

static void public_fields(fb_builder *b, const struct user *u, kt_new_User *w)
{
    kt_put_User_user_id(w, u->o.id);
    kt_put_User_username(w, card_text(b, u, USER_username));
    kt_put_User_full_name(w, card_full_name(b, u));
    kt_put_User_first_name(w, card_text(b, u, USER_first));
    kt_put_User_last_name(w, card_text(b, u, USER_last));
    kt_put_User_avatar_url(w, card_text(b, u, USER_avatar));
    kt_put_User_gender(w, (kt_Gender)u->gender);
    kt_put_User_is_active(w, true);
    kt_put_User_is_private(w, u->o.rules & RULE_PRIVATE);
    kt_put_User_is_verified(w, u->o.flags & OBJECT_VERIFIED);
    kt_put_User_two_factor_enabled(w, false);
    kt_put_User_followers_count(w, u->followers);
    kt_put_User_following_count(w, u->following);
    kt_put_User_posts_count(w, u->posts);
    kt_put_User_created_at(w, id_ms(u->o.id));
    kt_put_User_updated_at(w, u->updated_ms);
}

fb_ref build_user(fb_builder *b, const struct view *v, uint64_t user)
{
    struct eye eye;
    eye_open(&eye, v);
    const struct user *u = sees_user_id(&eye, user);
    if (u == NULL) return 0;
    bool own = v->viewer == user;
    kt_new_User w = {0};
    public_fields(b, u, &w);
    cold_fields(b, u, &w, own);
    if (own) own_fields(b, u, &w);
    // A login is activity too, and the one that is still known after a start.
    uint64_t active = atomic_load_explicit(&u->last_active_ms, memory_order_relaxed);
    if (own || sees_author(&eye, u))
        kt_put_User_last_active_at(&w, active != 0 ? active : u->last_login_ms);
    const struct part *p = viewers_part(v);
    struct bonds bonds = bonds_with(p, v->viewer, user);
    kt_put_User_following(&w, bonds.has[BOND_following]);
    kt_put_User_requested(&w, bonds.has[BOND_requested]);
    kt_put_User_followed_by(&w, bonds.has[BOND_followed_by]);
    return kt_end_User(b, &w);
}

// ---- posts -------------------------------------------------------------------------------------

static fb_ref strings(fb_builder *b, fb_vec all)
{
    if (all.n == 0) return 0;
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < all.n; i++) {
        fb_str s = fb_vec_str(all, i);
        fb_push(b, fb_string(b, s.s, s.n));
    }
    return fb_refs(b, mark);
}

fb_str read_media_url(const struct view *v, struct sight at, fb_str url)
{
    const struct shard *s = v->shard;
    if (s == NULL || s->media.show == NULL || url.n == 0) return url;
    const struct post *p = (const struct post *)at.o;
    bool narrow = p->o.rules & (RULE_FOLLOWERS | RULE_CLOSE_FRIENDS) ||
                  at.author->o.rules & RULE_PRIVATE;
    return s->media.show(s->media.ctx, &(struct media_shown){url, p->author, v->viewer, narrow});
}

// url: already written, thumbnail: as it is to be shown.
static fb_ref build_medium(fb_builder *b, const kt_Media *m, fb_ref url, fb_str thumbnail)
{
    kt_new_Media w = {0};
    fb_str alt = kt_Media_alt_text(m);
    kt_put_Media_media_id(&w, kt_Media_media_id(m));
    kt_put_Media_media_type(&w, (kt_MediaType)kt_Media_media_type(m));
    kt_put_Media_media_url(&w, url);
    kt_put_Media_thumbnail_url(&w, text(b, thumbnail.s, thumbnail.n));
    kt_put_Media_alt_text(&w, text(b, alt.s, alt.n));
    kt_put_Media_width(&w, kt_Media_width(m));
    kt_put_Media_height(&w, kt_Media_height(m));
    kt_put_Media_file_size(&w, kt_Media_file_size(m));
    kt_put_Media_duration(&w, kt_Media_duration(m));
    kt_put_Media_display_order(&w, kt_Media_display_order(m));
    return kt_end_Media(b, &w);
}

// The media, and the two older views of them: all addresses, and the first one.
static void put_media(struct make *m, struct sight at, kt_new_Post *w, fb_vec media)
{
    fb_builder *b = m->b;
    fb_ref url[URL_MAX] = {0};
    ASSERT(media.n <= URL_MAX);
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < media.n; i++) {
        const kt_Media *one = kt_at_Media(media, i);
        fb_str s = read_media_url(&m->view, at, kt_Media_media_url(one));
        url[i] = fb_string(b, s.s, s.n);
        s = read_media_url(&m->view, at, kt_Media_thumbnail_url(one));
        fb_push(b, build_medium(b, one, url[i], s));
    }
    kt_put_Post_media(w, fb_refs(b, mark));
    for (uint32_t i = 0; i < media.n; i++) fb_push(b, url[i]);
    kt_put_Post_media_urls(w, fb_refs(b, mark));
    kt_put_Post_image_url(w, url[0]);
}

static unsigned type_of(fb_vec media)
{
    if (media.n == 0) return 0;
    if (media.n > 1) return 3;
    return kt_Media_media_type(kt_at_Media(media, 0)) == kt_MediaType_video ? 2 : 1;
}

static void put_type(struct make *m, kt_new_Post *w, unsigned type)
{
    fb_ref *shared = &m->type[type];
    if (*shared == 0) *shared = fb_cstring(m->b, post_types[type]);
    kt_put_Post_post_type(w, *shared);
}

static void put_tags(struct make *m, const struct post *post, kt_new_Post *w)
{
    if (post->tagged == 0 && post->cold_n == 0) return;
    struct post_tags tags = post_tags(post);
    if (tags.n == 0) return;
    uint32_t mark = fb_mark(m->b);
    for (uint32_t i = 0; i < tags.n; i++) {
        fb_str s = post_tag(&tags, i);
        fb_push(m->b, fb_string(m->b, s.s, s.n));
    }
    kt_put_Post_hashtags(w, fb_refs(m->b, mark));
}

static void put_cold(struct make *m, struct sight at, kt_new_Post *w)
{
    fb_builder *b = m->b;
    const void *buf = post_cold((const struct post *)at.o);
    put_tags(m, (const struct post *)at.o, w);
    if (buf == NULL) {
        put_type(m, w, 0);
        return;
    }
    const kt_PostCreate *cold = kt_root_PostCreate(buf);
    fb_vec media = kt_PostCreate_media(cold);
    put_type(m, w, type_of(media));
    if (media.n > 0) put_media(m, at, w, media);
    const kt_Location *location = kt_PostCreate_location(cold);
    if (location != NULL) kt_put_Post_location(w, fb_copy(b, &kt_desc_Location, location));
    kt_put_Post_mentions(w, strings(b, kt_PostCreate_mentions(cold)));
    fb_vec ids = kt_PostCreate_mention_ids(cold);
    if (ids.n > 0) kt_put_Post_mention_ids(w, fb_vector(b, ids.p, ids.n, sizeof(uint64_t)));
    uint64_t parent = kt_PostCreate_reply_to_post_id(cold);
    if (parent == 0) return;
    struct eye eye;
    eye_open(&eye, &m->view);
    if (sees_post_id(&eye, parent) != NULL) kt_put_Post_reply_to_post_id(w, parent);
}

bool likes_shown(const struct post *post, uint64_t viewer)
{
    return !(post->o.rules & RULE_NO_LIKES) || post->author == viewer;
}

uint32_t reactions_count(const struct post *post)
{
    return post->likes + post_reacted(post);
}

fb_ref build_reactions(fb_builder *b, const struct post *post)
{
    const struct post_rare *rare = post_rare(post);
    kt_new_Reactions w = {0};
    if (post->likes > 0) kt_put_Reactions_like(&w, post->likes);
    if (rare->reacted[0] > 0) kt_put_Reactions_love(&w, rare->reacted[0]);
    if (rare->reacted[1] > 0) kt_put_Reactions_haha(&w, rare->reacted[1]);
    if (rare->reacted[2] > 0) kt_put_Reactions_wow(&w, rare->reacted[2]);
    if (rare->reacted[3] > 0) kt_put_Reactions_sad(&w, rare->reacted[3]);
    if (rare->reacted[4] > 0) kt_put_Reactions_angry(&w, rare->reacted[4]);
    return kt_end_Reactions(b, &w);
}

// Most posts have none of these: fields that are not put show their defaults.
static void put_rules(kt_new_Post *w, const struct post *p)
{
    unsigned rules = p->o.rules;
    unsigned narrow = rules & (RULE_FOLLOWERS | RULE_CLOSE_FRIENDS);
    kt_put_Post_is_public(w, narrow == 0);
    if (rules == 0) return;
    if (narrow != 0)
        kt_put_Post_audience(w, rules & RULE_CLOSE_FRIENDS ? kt_Audience_close_friends
                                                           : kt_Audience_followers);
    kt_put_Post_is_pinned(w, rules & RULE_PINNED);
    kt_put_Post_is_archived(w, rules & RULE_ARCHIVED);
    kt_put_Post_comments_disabled(w, rules & RULE_NO_COMMENTS);
    kt_put_Post_likes_disabled(w, rules & RULE_NO_LIKES);
}

static void put_reactions(struct make *m, kt_new_Post *w, const struct post *p)
{
    uint64_t id = p->o.id;
    bool liked = p->likes > 0 && own_edge(m, &m->liked, LIST_liked, id) != 0;
    unsigned own = liked ? kt_Reaction_like : kt_Reaction_none;
    uint32_t reacted = post_reacted(p);
    if (reacted > 0 && !liked) {
        uint64_t stamp = own_edge(m, &m->reacted, LIST_reacted, id);
        if (stamp != 0) own = kt_Reaction_like + (stamp & TYPE_MASK);
    }
    if (own != kt_Reaction_none) kt_put_Post_reaction(w, (kt_Reaction)own);
    kt_put_Post_liked(w, liked);
    if (!likes_shown(p, m->viewer)) return;
    if (reacted > 0) kt_put_Post_reactions(w, build_reactions(m->b, p));
    kt_put_Post_like_count(w, p->likes);
    kt_put_Post_reaction_count(w, p->likes + reacted);
}

// Each is there for few posts, and then for few viewers.
static void put_saves(struct make *m, kt_new_Post *w, const struct post *p)
{
    const struct post_rare *rare = post_rare(p);
    if (rare->saves > 0) {
        kt_put_Post_save_count(w, rare->saves);
        kt_put_Post_saved(w, own_edge(m, &m->saved, LIST_bookmarks, p->o.id) != 0);
    }
    kt_put_Post_share_count(w, rare->shares);
    if (rare->shares > 0)
        kt_put_Post_shared(w, own_edge(m, &m->shared, LIST_shared, p->o.id) != 0);
    if (rare->replies > 0) kt_put_Post_reply_count(w, rare->replies);
}

static fb_ref make_post(struct make *m, struct sight at)
{
    const struct post *p = (const struct post *)at.o;
    uint64_t id = p->o.id;
    kt_new_Post w = {0};
    const struct met *author = meet(m, at.author);
    kt_put_Post_author(&w, author->person);
    put_cold(m, at, &w);
    kt_put_Post_caption(&w, fb_string(m->b, post_caption(p), p->o.text_n));
    kt_put_Post_post_id(&w, id);
    kt_put_Post_user_id(&w, p->author);
    kt_put_Post_created_at(&w, id_ms(id));
    kt_put_Post_updated_at(&w, p->updated_ms);
    kt_put_Post_comment_count(&w, p->comments);
    put_rules(&w, p);
    put_reactions(m, &w, p);
    put_saves(m, &w, p);
    kt_put_Post_following(&w, author->following);
    return kt_end_Post(m->b, &w);
}

fb_ref build_post(fb_builder *b, const struct view *v, uint64_t post)
{
    struct eye eye;
    eye_open(&eye, v);
    const struct post *p = sees_post_id(&eye, post);
    if (p == NULL) return 0;
    struct make m;
    make_begin(&m, b, v);
    return make_post(&m, (struct sight){&p->o, store_user(v->store, p->author)});
}

static void ask_edges(struct make *m, const struct shown *what)
{
    if (m->part == NULL) return;
    const struct list_head *liked = own_list(m, &m->liked, LIST_liked);
    const struct list_head *following =
        m->followed ? NULL : own_list(m, &m->following, LIST_following);
    for (uint32_t i = 0; i < what->page->n; i++) {
        edges_ahead(m->part, liked, what->page->item[i].id);
        edges_ahead(m->part, following, what->sight[i].author->o.id);
    }
}

fb_ref build_posts(fb_builder *b, const struct view *v, const struct shown *what)
{
    struct make m;
    make_begin(&m, b, v);
    m.followed = what->followed;
    ask_edges(&m, what);
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++) fb_push(b, make_post(&m, what->sight[i]));
    kt_new_Posts w = {0};
    kt_put_Posts_posts(&w, fb_refs(b, mark));
    if (what->cursor != NULL) kt_put_Posts_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Posts(b, &w);
}

// ---- comments ----------------------------------------------------------------------------------

static fb_ref make_comment(struct make *m, struct sight at)
{
    const struct comment *c = (const struct comment *)at.o;
    kt_new_Comment w = {0};
    if (at.author != NULL) {
        kt_put_Comment_author(&w, meet(m, at.author)->person);
        kt_put_Comment_user_id(&w, c->author);
        kt_put_Comment_content(&w, fb_string(m->b, c->data, c->o.text_n));
        kt_put_Comment_like_count(&w, c->likes);
        uint64_t own = c->likes > 0
                           ? own_edge(m, &m->comments_liked, LIST_liked_comments, c->o.id) : 0;
        kt_put_Comment_liked(&w, own != 0);
    }
    kt_put_Comment_comment_id(&w, c->o.id);
    kt_put_Comment_post_id(&w, comment_post(c));
    kt_put_Comment_parent_id(&w, comment_parent(c));
    kt_put_Comment_reply_count(&w, c->replies);
    kt_put_Comment_is_edited(&w, c->o.flags & OBJECT_EDITED);
    // Its author is gone, or took it back: what it answers and what answers it stays.
    kt_put_Comment_is_deleted(&w, at.author == NULL);
    kt_put_Comment_created_at(&w, id_ms(c->o.id));
    kt_put_Comment_updated_at(&w, comment_updated_ms(c));
    return kt_end_Comment(m->b, &w);
}

fb_ref build_comment(fb_builder *b, const struct view *v, uint64_t comment)
{
    struct eye eye;
    eye_open(&eye, v);
    const struct comment *c = sees_comment_id(&eye, comment);
    if (c == NULL) return 0;
    struct make m;
    make_begin(&m, b, v);
    return make_comment(&m, (struct sight){&c->o, store_user(v->store, comment_writer(c))});
}

fb_ref build_new_comment(fb_builder *b, const struct store *s, uint64_t comment)
{
    enum { ELSE = OBJECT_HIDDEN | OBJECT_TOMBSTONE | OBJECT_REMOVED };
    const struct object *o = store_find(s, comment);
    const struct comment *c = (const struct comment *)o;
    if (o == NULL || o->kind != ENTITY_comment || o->flags & ELSE || c->likes > 0) return 0;
    const struct user *author = store_user(s, c->author);
    if (author == NULL) return 0;
    struct make m;
    make_begin(&m, b, &(struct view){s, NULL, 0});
    return make_comment(&m, (struct sight){o, author});
}

fb_ref build_comments(fb_builder *b, const struct view *v, const struct shown *what)
{
    struct make m;
    make_begin(&m, b, v);
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++) fb_push(b, make_comment(&m, what->sight[i]));
    kt_new_Comments w = {0};
    kt_put_Comments_comments(&w, fb_refs(b, mark));
    if (what->cursor != NULL) kt_put_Comments_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Comments(b, &w);
}
