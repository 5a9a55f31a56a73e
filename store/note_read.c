// Reading notifications (note_read.h). A title is put together here: who, how many others, and what
// they did.
#include "store/note_read.h"

#include <string.h>

#include "core/assert.h"
#include "core/id.h"
#include "core/notes.h"
#include "kith_fb.h"
#include "store/card.h"
#include "store/sees.h"
#include "store/store.h"

enum {
    LOOK_MAX = 4096,           // items of a list that are looked at for one page
    TITLE_BYTES = 1200,        // a name of 201 code points and what follows
    MESSAGE_BYTES = 160,
    ACTORS_SHOWN = 10,
    DATA_BYTES = 96,
    UNLISTED = STREAM_SILENT | STREAM_HIDDEN,
};

// ---- collect -----------------------------------------------------------------------------------

static const struct stream *stream_of(const struct shard *s, uint64_t owner, enum list_kind list)
{
    const struct part *p = store_part(s->store, id_slot(owner));
    ASSERT(p->shard == s);
    return streams_find(p, (struct edge_at){owner, list});
}

bool note_leads(struct eye *e, const struct stream_item *item)
{
    if (sees_user_id(e, item->actor) == NULL) return false;
    switch ((enum entity)item->data) {
    case ENTITY_user: return sees_user_id(e, item->entity) != NULL;
    case ENTITY_post: return sees_post_id(e, item->entity) != NULL;
    case ENTITY_comment: {
        const struct comment *c = sees_comment_id(e, item->entity);
        return c != NULL && !(c->o.flags & OBJECT_TOMBSTONE);
    }
    case ENTITY_session:
    case ENTITY_audit:
    case ENTITY_share_text:
    case ENTITY_none:
    case ENTITY_COUNT: break;
    }
    return false;
}

bool note_stands(const struct store *s, const struct stream_item *item)
{
    if (store_user(s, item->actor) == NULL) return false;
    if (item->data == ENTITY_user) return store_user(s, item->entity) != NULL;
    uint64_t post = note_post(s, item);
    return post != 0 && store_post(s, post) != NULL;
}

uint64_t note_post(const struct store *s, const struct stream_item *item)
{
    const struct comment *c = item->data == ENTITY_comment ? store_comment(s, item->entity) : NULL;
    if (c != NULL) return comment_post(c);
    return item->data == ENTITY_post ? item->entity : 0;
}

uint32_t read_notes(const struct shard *s, struct notes_read what, struct stream_item *out,
                    uint64_t *next)
{
    const struct stream *t = stream_of(s, what.owner, LIST_notifications);
    uint64_t key = what.before;
    uint32_t n = 0, looked = 0;
    struct eye eye;
    eye_open(&eye, &(struct view){s->store, s, what.owner});
    ASSERT(what.want <= PAGE_MAX);
    for (*next = 0; n < what.want && looked < LOOK_MAX;) {
        struct stream_item some[PAGE_MAX];
        struct stream_room room = {some, what.want - n, what.unread};
        uint32_t found = stream_below(t, key, room);
        for (uint32_t i = 0; i < found; i++)
            if (!(some[i].flags & UNLISTED) && note_leads(&eye, &some[i]))
                out[n++] = some[i];
        if (found < room.max) return n;
        looked += found;
        key = some[found - 1].number;
    }
    struct stream_item more;
    if (stream_below(t, key, (struct stream_room){&more, 1, what.unread}) > 0) *next = key;
    return n;
}

uint32_t read_events(const struct shard *s, struct events_read what, struct stream_item *out,
                     uint64_t *last)
{
    const struct stream *t = stream_of(s, what.owner, LIST_notifications);
    ASSERT(what.want <= PAGE_MAX);
    struct eye eye;
    eye_open(&eye, &(struct view){s->store, s, what.owner});
    uint32_t n = 0, looked = 0;
    *last = what.after;
    while (n < what.want && looked < LOOK_MAX) {
        struct stream_item some[PAGE_MAX];
        struct stream_room room = {some, what.want - n, false};
        uint32_t found = stream_above(t, *last, room);
        for (uint32_t i = 0; i < found; i++)
            if (note_leads(&eye, &some[i])) out[n++] = some[i];
        if (found == 0) break;
        *last = some[found - 1].number;
        looked += found;
    }
    return n;
}

uint64_t read_last_note(const struct shard *s, uint64_t owner)
{
    return stream_last(stream_of(s, owner, LIST_notifications));
}

bool read_note(const struct shard *s, uint64_t owner, uint64_t number, struct stream_item *out)
{
    struct eye eye;
    eye_open(&eye, &(struct view){s->store, s, owner});
    return stream_find(stream_of(s, owner, LIST_notifications), number, out) &&
           !(out->flags & STREAM_HIDDEN) && note_leads(&eye, out);
}

uint32_t read_unread(const struct shard *s, uint64_t owner)
{
    const struct stream *t = stream_of(s, owner, LIST_notifications);
    if (t == NULL || t->unread == 0) return 0;
    struct eye eye;
    eye_open(&eye, &(struct view){s->store, s, owner});
    struct stream_item some[PAGE_MAX];
    struct stream_room room = {some, PAGE_MAX, true};
    uint32_t shown = 0, looked = 0, found = PAGE_MAX;
    for (uint64_t key = 0; looked < UNREAD_LOOKED_MAX && found == PAGE_MAX; looked += found) {
        found = stream_below(t, key, room);
        for (uint32_t i = 0; i < found; i++) shown += note_leads(&eye, &some[i]);
        if (found > 0) key = some[found - 1].number;
    }
    ASSERT(looked <= t->unread);
    return shown + (t->unread - looked);
}

// ---- texts -------------------------------------------------------------------------------------

struct text { char *s; uint32_t n, cap; };

static void add(struct text *t, const char *s, uint32_t n)
{
    if (n > t->cap - t->n) n = t->cap - t->n;
    memcpy(t->s + t->n, s, n);
    t->n += n;
}

static void add_word(struct text *t, const char *s) { add(t, s, (uint32_t)strlen(s)); }

static void add_number(struct text *t, uint64_t v)
{
    char digits[20];
    uint32_t at = sizeof digits;
    do digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    add(t, digits + at, (uint32_t)sizeof digits - at);
}

static void add_name(struct text *t, const struct user *u)
{
    uint32_t first_n, last_n, name_n;
    const char *first = user_string(u, USER_first, &first_n);
    const char *last = user_string(u, USER_last, &last_n);
    const char *name = user_string(u, USER_username, &name_n);
    add(t, first, first_n);
    if (first_n > 0 && last_n > 0) add_word(t, " ");
    add(t, last, last_n);
    if (first_n + last_n == 0) add(t, name, name_n);
}

static fb_ref build_title(fb_builder *b, const struct user *actor, unsigned type, uint32_t others)
{
    char bytes[TITLE_BYTES];
    struct text t = {bytes, 0, sizeof bytes};
    add_name(&t, actor);
    if (others > 0) {
        add_word(&t, " and ");
        add_number(&t, others);
        add_word(&t, others == 1 ? " other" : " others");
    }
    add_word(&t, " ");
    add_word(&t, note_row(type)->title);
    return fb_string(b, t.s, t.n);
}

// The begin of what was written, cut between two characters.
static fb_ref build_message(fb_builder *b, const struct store *s, const struct stream_item *item)
{
    const char *text = "";
    uint32_t n = 0;
    if (item->data == ENTITY_post) {
        const struct post *p = store_post(s, item->entity);
        if (p != NULL) text = post_caption(p), n = p->o.text_n;
    } else if (item->data == ENTITY_comment) {
        const struct comment *c = store_comment(s, item->entity);
        if (c != NULL) text = c->data, n = c->o.text_n;
    }
    if (n > MESSAGE_BYTES) {
        n = MESSAGE_BYTES;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    }
    return fb_string(b, text, n);
}

// {"post_id":"…","comment_id":"…"}, as far as there is any. A comment may go, on another core,
// between the look that found it and this one: then there is neither.
static fb_ref build_data(fb_builder *b, const struct store *s, const struct stream_item *item)
{
    char bytes[DATA_BYTES];
    struct text t = {bytes, 0, sizeof bytes};
    uint64_t post = note_post(s, item);
    uint64_t comment = post != 0 && item->data == ENTITY_comment ? item->entity : 0;
    add_word(&t, "{");
    if (post != 0) {
        add_word(&t, "\"post_id\":\"");
        add_number(&t, post);
        add_word(&t, "\"");
    }
    if (comment != 0) {
        add_word(&t, ",\"comment_id\":\"");
        add_number(&t, comment);
        add_word(&t, "\"");
    }
    add_word(&t, "}");
    return fb_string(b, t.s, t.n);
}

static const char *entity_name(uint32_t kind)
{
    static const char *const names[ENTITY_COUNT] = {
        "",
#define ENTITY(number, name) [number] = #name,
#include "core/graph.def"
    };
    return kind < ENTITY_COUNT ? names[kind] : "";
}

// ---- notifications -----------------------------------------------------------------------------

// Those that are shown as one: the newest of them, and who they are. post: of each of the page.
struct group {
    const struct stream_item *item;
    const uint64_t *post;
    uint32_t n, actors;
    bool unread;
    uint64_t actor[PAGE_MAX];
};

// Of users: all who came to this one.
static bool same_matter(const struct noted *what, const struct group *g, uint32_t i, uint32_t k)
{
    const struct stream_item *a = &what->item[i], *b = &what->item[k];
    return a->type == b->type && a->data == b->data && g->post[i] == g->post[k];
}

static void join(struct group *g, const struct stream_item *item)
{
    g->n++;
    g->unread |= !(item->flags & STREAM_READ);
    for (uint32_t i = 0; i < g->actors; i++)
        if (g->actor[i] == item->actor) return;
    g->actor[g->actors++] = item->actor;
}

// What of the page belongs to item `at`, which nothing before it does.
static bool gather(const struct noted *what, uint32_t at, struct group *g)
{
    const struct stream_item *first = &what->item[at];
    for (uint32_t i = 0; what->grouped && i < at; i++)
        if (same_matter(what, g, i, at)) return false;
    g->item = first;
    g->n = g->actors = 0;
    g->unread = false;
    for (uint32_t i = at; i < what->n; i++)
        if (i == at || (what->grouped && same_matter(what, g, i, at)))
            join(g, &what->item[i]);
    return true;
}

static fb_ref build_channels(fb_builder *b, unsigned bits)
{
    static const char *const names[] = {"email", "push", "sms", "in_app"};
    fb_ref made[4] = {0};
    for (unsigned i = 0; i < 4; i++)
        if (bits >> i & 1) made[i] = fb_cstring(b, names[i]);
    uint32_t mark = fb_mark(b);
    for (unsigned i = 0; i < 4; i++)
        if (made[i] != 0) fb_push(b, made[i]);
    return fb_refs(b, mark);
}

static void put_group(fb_builder *b, const struct group *g, kt_new_Notification *w)
{
    uint32_t shown = g->actors < ACTORS_SHOWN ? g->actors : ACTORS_SHOWN;
    kt_put_Notification_count(w, g->n);
    kt_put_Notification_actor_ids(w, fb_vector(b, g->actor, shown, sizeof g->actor[0]));
}

// In two steps, for the page's notifications are pushed one after the other.
static fb_ref build_one(fb_builder *b, const struct store *s, const struct noted *what,
                        const struct group *g)
{
    const struct stream_item *item = g->item;
    const struct user *actor = store_user(s, item->actor);
    kt_new_Notification w = {0};
    ASSERT(actor != NULL);
    kt_put_Notification_actor(&w, card_put(b, actor));
    kt_put_Notification_title(&w, build_title(b, actor, item->type, g->actors - 1));
    kt_put_Notification_message(&w, build_message(b, s, item));
    kt_put_Notification_data(&w, build_data(b, s, item));
    kt_put_Notification_type(&w, fb_cstring(b, note_row(item->type)->name));
    kt_put_Notification_entity_type(&w, fb_cstring(b, entity_name(item->data)));
    kt_put_Notification_notification_id(&w, id_make(item->number, id_slot(what->owner)));
    kt_put_Notification_user_id(&w, what->owner);
    kt_put_Notification_actor_id(&w, item->actor);
    kt_put_Notification_entity_id(&w, item->entity);
    kt_put_Notification_reference_id(&w, item->entity);
    kt_put_Notification_is_read(&w, !g->unread);
    kt_put_Notification_created_at(&w, stamp_ms(item->number));
    if (what->grouped) put_group(b, g, &w);
    if (what->last != 0) kt_put_Notification_channels(&w, build_channels(b, item->bits));
    return kt_end_Notification(b, &w);
}

static fb_ref build_all(fb_builder *b, const struct store *s, const struct noted *what)
{
    uint64_t post[PAGE_MAX];
    struct group g = {.post = post};
    ASSERT(what->n <= PAGE_MAX);
    for (uint32_t i = 0; what->grouped && i < what->n; i++)
        post[i] = note_post(s, &what->item[i]);
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->n; i++) {
        if (note_row(what->item[i].type) == NULL || !gather(what, i, &g)) continue;
        fb_push(b, build_one(b, s, what, &g));
    }
    return fb_refs(b, mark);
}

fb_ref build_notifications(fb_builder *b, const struct store *s, const struct noted *what)
{
    kt_new_Notifications w = {0};
    kt_put_Notifications_notifications(&w, build_all(b, s, what));
    if (what->cursor != NULL) kt_put_Notifications_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Notifications(b, &w);
}

fb_ref build_events(fb_builder *b, const struct store *s, const struct noted *what)
{
    kt_new_NotificationEvents w = {0};
    kt_put_NotificationEvents_events(&w, build_all(b, s, what));
    uint64_t last = what->last != 0 ? id_make(what->last, id_slot(what->owner)) : 0;
    kt_put_NotificationEvents_last_id(&w, last);
    return kt_end_NotificationEvents(b, &w);
}

fb_ref build_note(fb_builder *b, const struct store *s, uint64_t owner,
                  const struct stream_item *item)
{
    const struct noted what = {.owner = owner, .item = item, .n = 1, .last = item->number};
    struct group g;
    gather(&what, 0, &g);
    return build_one(b, s, &what, &g);
}

// ---- activities --------------------------------------------------------------------------------

fb_ref build_activities(fb_builder *b, const struct store *s, const struct noted *what)
{
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->n; i++) {
        const struct stream_item *item = &what->item[i];
        const char *name = activity_name(item->type);
        kt_new_Activity w = {0};
        if (name == NULL) continue;
        kt_put_Activity_activity_type(&w, fb_cstring(b, name));
        kt_put_Activity_entity_type(&w, fb_cstring(b, entity_name(item->data)));
        kt_put_Activity_metadata(&w, build_data(b, s, item));
        kt_put_Activity_activity_id(&w, id_make(item->number, id_slot(what->owner)));
        kt_put_Activity_user_id(&w, what->owner);
        kt_put_Activity_entity_id(&w, item->entity);
        kt_put_Activity_created_at(&w, stamp_ms(item->number));
        fb_push(b, kt_end_Activity(b, &w));
    }
    kt_new_Activities w = {0};
    kt_put_Activities_activities(&w, fb_refs(b, mark));
    if (what->cursor != NULL) kt_put_Activities_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Activities(b, &w);
}

// ---- preferences -------------------------------------------------------------------------------

fb_ref build_preference(fb_builder *b, const struct shard *s, uint64_t user, unsigned type)
{
    struct stream_item item = {.bits = CHANNELS_DEFAULT};
    const struct note_row *row = note_row(type);
    kt_new_NotificationPreference w = {0};
    if (row == NULL) return 0;
    stream_find(stream_of(s, user, LIST_note_preferences), type, &item);
    kt_put_NotificationPreference_notification_type(&w, fb_cstring(b, row->name));
    kt_put_NotificationPreference_email_enabled(&w, item.bits & CHANNEL_EMAIL);
    kt_put_NotificationPreference_push_enabled(&w, item.bits & CHANNEL_PUSH);
    kt_put_NotificationPreference_sms_enabled(&w, item.bits & CHANNEL_SMS);
    kt_put_NotificationPreference_in_app_enabled(&w, item.bits & CHANNEL_IN_APP);
    if (item.entity != 0) {
        kt_put_NotificationPreference_created_at(&w, stamp_ms(item.entity));
        kt_put_NotificationPreference_updated_at(&w, stamp_ms(item.actor));
    }
    return kt_end_NotificationPreference(b, &w);
}

fb_ref build_preferences(fb_builder *b, const struct shard *s, uint64_t user)
{
    uint32_t mark = fb_mark(b);
    for (unsigned type = 1; type < NOTE_LIMIT; type++)
        if (note_row(type) != NULL) fb_push(b, build_preference(b, s, user, type));
    kt_new_NotificationPreferences w = {0};
    kt_put_NotificationPreferences_preferences(&w, fb_refs(b, mark));
    return kt_end_NotificationPreferences(b, &w);
}
