// Notifications (notes.h).
#include "store/notes.h"

#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/check.h"
#include "store/doc.h"
#include "store/record.h"
#include "store/sees.h"
#include "store/trim.h"

enum { LOOK_MAX = 1024 };      // items that a withdraw looks at, from the thing's own time on

static struct edge_at notes_list(uint64_t user)
{
    return (struct edge_at){user, LIST_notifications};
}

// ---- whom, and how -----------------------------------------------------------------------------

bool may_notify(const struct part *p, uint64_t recipient, uint64_t actor)
{
    if (actor == recipient || actor == 0) return false;
    const struct user *u = store_account(p->shard->store, recipient);
    if (u == NULL || sees_block_at(p, u, actor)) return false;
    return edges_find(p, (struct edge_at){recipient, LIST_muting}, actor) == 0;
}

// What the user's settings leave open, whatever the type.
static unsigned open_to(const struct part *p, uint64_t user)
{
    unsigned open = CHANNEL_EMAIL | CHANNEL_PUSH | CHANNEL_IN_APP;
    const struct doc *d = doc_single(p, user, ENTITY_settings);
    if (d == NULL) return open;
    const kt_Settings *t = doc_content(d);
    open = CHANNEL_IN_APP;
    if (kt_Settings_email_notifications(t)) open |= CHANNEL_EMAIL;
    if (kt_Settings_push_notifications(t)) open |= CHANNEL_PUSH;
    if (kt_Settings_sms_notifications(t)) open |= CHANNEL_SMS;
    return open;
}

unsigned notes_channels(const struct part *p, uint64_t user, enum note_type type)
{
    struct stream_item item;
    unsigned open = open_to(p, user);
    if (p->stream_kinds[LIST_note_preferences - LIST_STREAMS] == 0) return open & CHANNELS_DEFAULT;
    const struct stream *s = streams_find(p, (struct edge_at){user, LIST_note_preferences});
    return open & (stream_find(s, (uint64_t)type, &item) ? item.bits : CHANNELS_DEFAULT);
}

// ---- made and withdrawn ------------------------------------------------------------------------

void notes_add(struct apply *a, struct part *p, const struct note *n)
{
    struct shard *s = a->s;
    if (!may_notify(p, n->to, n->actor)) return;
    unsigned channels = notes_channels(p, n->to, n->type);
    if (channels == 0) return;
    bool shown = channels & CHANNEL_IN_APP;
    struct stream_item item = {
        .number = a->e->stamp,
        .actor = n->actor,
        .entity = n->entity,
        .type = (uint8_t)n->type,
        .flags = shown ? 0 : STREAM_READ | STREAM_SILENT,
        .bits = (uint8_t)channels,
        .data = (uint8_t)n->kind,
    };
    bool added = streams_add(p, notes_list(n->to), &item);
    ASSERT(added);
    if (s->hooks.noted != NULL) s->hooks.noted(s->hooks.ctx, n->to);
}

static fb_ref body_of(fb_builder *b, const struct note *n)
{
    kt_new_Notify w = {0};
    kt_put_Notify_to(&w, n->to);
    kt_put_Notify_actor(&w, n->actor);
    kt_put_Notify_entity(&w, n->entity);
    kt_put_Notify_type(&w, (uint8_t)n->type);
    kt_put_Notify_entity_kind(&w, (uint8_t)n->kind);
    return kt_end_Notify(b, &w);
}

static void owe(struct apply *a, enum op op, const struct note *n)
{
    fb_builder *b = apply_build(a);
    struct consequence c = {op, id_slot(n->entity), n->actor, 0};
    bool owed = apply_owe(a, c, body_of(b, n));
    ASSERT(owed);
}

void notes_owe(struct apply *a, const struct note *n)
{
    owe(a, OP_notify, n);
}

void notes_owe_withdraw(struct apply *a, const struct note *n)
{
    owe(a, OP_withdraw, n);
}

static struct note note_of(const kt_Notify *n)
{
    return (struct note){
        .to = kt_Notify_to(n),
        .actor = kt_Notify_actor(n),
        .entity = kt_Notify_entity(n),
        .type = (enum note_type)kt_Notify_type(n),
        .kind = (enum entity)kt_Notify_entity_kind(n),
    };
}

static void decide_notify(struct apply *a, struct part *p)
{
    struct note n = note_of(a->body);
    a->out.id = n.to;
    a->out.changed = 1;
    notes_add(a, p, &n);
}

// It was made soon after what it is about, so it stands soon behind that time.
static void decide_withdraw(struct apply *a, struct part *p)
{
    struct note n = note_of(a->body);
    struct stream_item item[LOOK_MAX];
    const struct stream *s = streams_find(p, notes_list(n.to));
    uint32_t found = stream_above(s, id_stamp(n.entity), (struct stream_room){item, LOOK_MAX, 0});
    a->out.id = n.to;
    for (uint32_t i = 0; i < found; i++) {
        if (item[i].entity != n.entity || item[i].actor != n.actor) continue;
        a->out.changed = streams_remove(p, notes_list(n.to), item[i].number);
        return;
    }
}

const struct verb verb_notify = {decide_notify, NULL, NULL, NULL};
const struct verb verb_withdraw = {decide_withdraw, NULL, NULL, NULL};

// The item with this stamp, if it is about this.
static void forget(struct part *p, struct edge_at at, uint64_t stamp, uint64_t entity)
{
    struct stream_item item;
    if (at.owner == 0 || !stream_find(streams_find(p, at), stamp, &item)) return;
    if (item.entity == entity) streams_remove(p, at, stamp);
}

void notes_show(struct part *p, struct noted_at at, bool shown)
{
    struct stream_item item;
    struct edge_at list = notes_list(at.user);
    if (!stream_find(streams_find(p, list), at.stamp, &item) || item.entity != at.entity) return;
    if (shown == !(item.flags & STREAM_HIDDEN)) return;
    item.flags ^= STREAM_HIDDEN;
    streams_put(p, list, &item);
}

// ---- edges -------------------------------------------------------------------------------------

static uint64_t author_of(const struct part *p, uint64_t post)
{
    const struct object *o = record_find(p, post);
    return o != NULL && o->kind == ENTITY_post ? ((const struct post *)o)->author : 0;
}

void notes_edge_gone(struct part *p, struct edge_at at, uint64_t other, uint64_t stamp)
{
    if (at.list == LIST_followers || at.list == LIST_requests)
        forget(p, notes_list(at.owner), stamp, other);
    else if (at.list == LIST_likers || at.list == LIST_sharers)
        forget(p, notes_list(author_of(p, at.owner)), stamp, at.owner);
}

void notes_of_edge(struct apply *a, struct part *p, struct graph_edge x)
{
    struct note n = {.actor = x.from};
    if (x.kind == EDGE_like || x.kind == EDGE_share) {
        n.to = author_of(p, x.to);
        n.entity = x.to;
        n.type = x.kind == EDGE_like ? NOTE_like : NOTE_share;
        n.kind = ENTITY_post;
    } else if (x.kind == EDGE_follow || x.kind == EDGE_request) {
        n.to = x.to;
        n.entity = x.from;
        n.type = x.kind == EDGE_follow ? NOTE_follow : NOTE_follow_request;
        n.kind = ENTITY_user;
    } else {
        return;
    }
    notes_add(a, p, &n);
}

// ---- posts -------------------------------------------------------------------------------------

static fb_vec named_by(const struct post *post)
{
    const void *cold = post_cold(post);
    return cold != NULL ? kt_PostCreate_mention_ids(kt_root_PostCreate(cold)) : (fb_vec){0};
}

static bool names(fb_vec ids, uint64_t id)
{
    for (uint32_t i = 0; i < ids.n; i++)
        if (fb_vec_u64(ids, i) == id) return true;
    return false;
}

static struct note post_mention(const struct post *post, uint64_t to)
{
    return (struct note){to, post->author, post->o.id, NOTE_mention, ENTITY_post};
}

void notes_of_post(struct apply *a, const struct post *post)
{
    fb_vec ids = named_by(post);
    for (uint32_t i = 0; i < ids.n; i++) {
        struct note n = post_mention(post, fb_vec_u64(ids, i));
        if (n.to != post->author) notes_owe(a, &n);
    }
}

static void names_no_more(struct apply *a, const struct post *post, fb_vec now)
{
    fb_vec ids = named_by(post);
    for (uint32_t i = 0; i < ids.n; i++) {
        struct note n = post_mention(post, fb_vec_u64(ids, i));
        if (n.to != post->author && !names(now, n.to))
            notes_owe_withdraw(a, &n);
    }
}

void notes_of_edit(struct apply *a, const struct post *before, const struct post *after)
{
    names_no_more(a, before, named_by(after));
}

void notes_of_post_binned(struct apply *a, const struct post *post)
{
    names_no_more(a, post, (fb_vec){0});
}

void notes_of_post_gone(struct apply *a, const struct post *post)
{
    if (!(post->o.flags & OBJECT_BINNED)) names_no_more(a, post, (fb_vec){0});
}

// ---- comments ----------------------------------------------------------------------------------

static uint64_t comment_of(const struct apply *a)
{
    return id_make(a->e->stamp, id_slot(kt_CommentCreate_post_id(a->body)));
}

static void hear(struct comment_told *told, uint64_t actor, uint64_t user)
{
    if (user == 0 || user == actor || told->n == COMMENT_TOLD_MAX) return;
    for (uint32_t i = 0; i < told->n; i++)
        if (told->id[i] == user) return;
    told->id[told->n++] = user;
}

void notes_hearers(const struct apply *a, const struct part *p, struct comment_told *told)
{
    const kt_CommentCreate *c = a->body;
    uint64_t author = author_of(p, kt_CommentCreate_post_id(c));
    uint64_t parent = kt_CommentCreate_parent_id(c);
    const struct object *o = parent != 0 ? record_find(p, parent) : NULL;
    uint64_t asker = o != NULL ? ((const struct comment *)o)->author : 0;
    fb_vec named = kt_CommentCreate_mention_ids(c);
    told->n = 0;
    if (asker != author) hear(told, a->e->actor, asker);
    told->asker = asker != a->e->actor ? asker : 0;
    for (uint32_t i = 0; i < named.n && i < MENTIONS_MAX; i++)
        if (fb_vec_u64(named, i) != author) hear(told, a->e->actor, fb_vec_u64(named, i));
}

static struct note comment_note(uint64_t comment, uint64_t actor)
{
    return (struct note){.actor = actor, .entity = comment, .kind = ENTITY_comment};
}

void notes_of_comment(struct apply *a, struct part *p, const struct comment_told *told)
{
    uint64_t post = kt_CommentCreate_post_id(a->body);
    struct note n = comment_note(comment_of(a), a->e->actor);
    n.to = author_of(p, post);
    n.type = n.to == told->asker ? NOTE_reply : NOTE_comment;
    if (n.to != n.actor) notes_add(a, p, &n);
    for (uint32_t i = 0; i < told->n; i++) {
        n.to = told->id[i];
        n.type = n.to == told->asker ? NOTE_reply : NOTE_mention;
        notes_owe(a, &n);
    }
}

void notes_of_comment_gone(struct apply *a, struct part *p, const struct comment *c)
{
    forget(p, notes_list(author_of(p, comment_post(c))), id_stamp(c->o.id), c->o.id);
    notes_of_comment_hidden(a, c);
}

void notes_of_comment_hidden(struct apply *a, const struct comment *c)
{
    struct note n = comment_note(c->o.id, c->author);
    for (uint32_t i = 0; i < c->told_n; i++) {
        n.to = comment_told(c, i);
        notes_owe_withdraw(a, &n);
    }
}

// ---- the recipient's own -----------------------------------------------------------------------

static bool is_own(const struct apply *a, uint64_t notification)
{
    return id_slot(notification) == id_slot(a->e->actor);
}

static bool find_own(const struct apply *a, const struct part *p, struct stream_item *item)
{
    return check_alive(a->s->store, a->e->actor) && is_own(a, a->out.id) &&
           stream_find(streams_find(p, notes_list(a->e->actor)), id_stamp(a->out.id), item) &&
           !(item->flags & (STREAM_SILENT | STREAM_HIDDEN));
}

static void decide_read(struct apply *a, struct part *p)
{
    struct stream_item item;
    a->out.id = kt_NotificationRead_notification_id(a->body);
    if (!find_own(a, p, &item)) {
        apply_refuse(a, KITH_not_found);
        return;
    }
    if (!(item.flags & STREAM_READ)) {
        item.flags |= STREAM_READ;
        streams_put(p, notes_list(a->e->actor), &item);
        a->out.changed = 1;
    }
}

static void decide_read_all(struct apply *a, struct part *p)
{
    a->out.id = a->e->actor;
    if (!check_alive(a->s->store, a->e->actor)) {
        apply_refuse(a, KITH_not_found);
        return;
    }
    a->out.changed = streams_read_all(p, notes_list(a->e->actor)) > 0;
}

static void decide_delete(struct apply *a, struct part *p)
{
    struct stream_item item;
    a->out.id = kt_NotificationDelete_notification_id(a->body);
    if (!find_own(a, p, &item)) {
        apply_refuse(a, KITH_not_found);
        return;
    }
    a->out.changed = streams_remove(p, notes_list(a->e->actor), item.number);
}

const struct verb verb_notification_read = {decide_read, NULL, NULL, NULL};
const struct verb verb_notifications_read = {decide_read_all, NULL, NULL, NULL};
const struct verb verb_notification_delete = {decide_delete, NULL, NULL, NULL};

// ---- preferences -------------------------------------------------------------------------------

static void change_bit(uint8_t *bits, enum note_channel channel, bool given, bool open)
{
    if (!given) return;
    *bits = (uint8_t)(open ? *bits | channel : *bits & ~(unsigned)channel);
}

// An item a type, numbered by it: entity is when it was made, actor when it was changed.
static void decide_preference(struct apply *a, struct part *p)
{
    const kt_PreferenceSet *w = a->body;
    fb_str name = kt_PreferenceSet_notification_type(w);
    struct edge_at at = {a->e->actor, LIST_note_preferences};
    struct stream_item item = {.number = note_named(name.s, name.n)};
    a->out.id = item.number;
    if (item.number == NOTE_none || !check_alive(a->s->store, at.owner)) {
        apply_refuse(a, KITH_not_found);
        return;
    }
    bool there = stream_find(streams_find(p, at), item.number, &item);
    if (!there) {
        item.bits = CHANNELS_DEFAULT;
        item.entity = a->e->stamp;
    }
    item.actor = a->e->stamp;
    item.flags = STREAM_READ;
    change_bit(&item.bits, CHANNEL_EMAIL, kt_has_PreferenceSet_email_enabled(w),
               kt_PreferenceSet_email_enabled(w));
    change_bit(&item.bits, CHANNEL_PUSH, kt_has_PreferenceSet_push_enabled(w),
               kt_PreferenceSet_push_enabled(w));
    change_bit(&item.bits, CHANNEL_SMS, kt_has_PreferenceSet_sms_enabled(w),
               kt_PreferenceSet_sms_enabled(w));
    change_bit(&item.bits, CHANNEL_IN_APP, kt_has_PreferenceSet_in_app_enabled(w),
               kt_PreferenceSet_in_app_enabled(w));
    if (there)
        streams_put(p, at, &item);
    else
        streams_add(p, at, &item);
    a->out.changed = 1;
}

const struct verb verb_preference_set = {decide_preference, NULL, NULL, NULL};

// ---- old ones ----------------------------------------------------------------------------------

static void decide_trim(struct apply *a, struct part *p)
{
    const kt_Trim *t = a->body;
    struct edge_at at = {kt_Trim_owner(t), (enum list_kind)kt_Trim_list(t)};
    a->out.id = at.owner;
    bool stream = at.list >= LIST_notifications && at.list <= LIST_note_preferences;
    if (stream)
        a->out.count = streams_trim(p, at, kt_Trim_before(t));
    else if (trim_may(at.list))
        a->out.count = trim_records(p, at, kt_Trim_before(t));
    a->out.changed = a->out.count > 0;
}

const struct verb verb_trim = {decide_trim, NULL, NULL, NULL};
