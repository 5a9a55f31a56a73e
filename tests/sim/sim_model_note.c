// Notifications: who must have been told of what. Each is found by what it is about; nothing is
// counted.
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/errors.h"
#include "core/id.h"
#include "core/notes.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

// ---- the notes ---------------------------------------------------------------------------------

unsigned model_channels(const struct model *m, uint64_t user, unsigned type)
{
    for (unsigned i = 0; i < m->preferences; i++)
        if (m->preference[i].user == user && m->preference[i].type == type)
            return m->preference[i].bits;
    return CHANNELS_DEFAULT;
}

static int *bucket_of(struct model *m, uint64_t user)
{
    return &m->note_bucket[user * UINT64_C(0x9e3779b97f4a7c15) >> 40 & (MODEL_BUCKETS - 1)];
}

// The user's notes, one after the other; `at` begins as NULL.
static struct model_note *next_note(struct model *m, uint64_t user, const struct model_note *at)
{
    int i = at == NULL ? *bucket_of(m, user) : at->next;
    while (i > 0 && m->note[i - 1].to != user)
        i = m->note[i - 1].next;
    return i > 0 ? &m->note[i - 1] : NULL;
}

static void keep(const struct step *s, struct model_note n)
{
    struct model *m = s->m;
    int i = m->free_note, *head = bucket_of(m, n.to);
    if (i > 0)
        m->free_note = m->note[i - 1].next;
    else
        i = (int)++m->notes;
    ASSERT(i <= MODEL_NOTES);
    n.number = s->e->stamp;
    n.next = *head;
    m->note[i - 1] = n;
    *head = i;
}

void model_tell(const struct step *s, struct model_note n)
{
    struct model *m = s->m;
    unsigned open = model_channels(m, n.to, n.type);
    if (n.to == n.actor || n.actor == 0 || model_user(m, n.to) == NULL || open == 0)
        return;
    if (!model_hears(m, n.to, n.actor))
        return;
    n.silent = !(open & CHANNEL_IN_APP);
    n.read = n.silent;
    keep(s, n);
}

static void drop(struct model *m, struct model_note *n)
{
    int *at = bucket_of(m, n->to);
    while (&m->note[*at - 1] != n)
        at = &m->note[*at - 1].next;
    int i = *at;
    *at = n->next;
    n->next = m->free_note;
    n->to = 0;
    m->free_note = i;
}

void model_untell(struct model *m, uint64_t to, uint64_t number, uint64_t entity)
{
    for (struct model_note *n = NULL; (n = next_note(m, to, n)) != NULL;)
        if (n->number == number && n->entity == entity) {
            drop(m, n);
            return;
        }
}

void model_owe_note(const struct step *s, enum op op, struct model_note n)
{
    model_owe(s, (struct model_owed){.op = (uint16_t)op, .owner = n.to, .other = n.entity});
}

static int number_above(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

// Whether actor and thing are there for the one who was told.
static bool leads(struct model *m, const struct model_note *n)
{
    const struct model_object *actor = model_user(m, n->actor), *o = model_find(m, n->entity);
    return actor != NULL && model_shown(m, n->actor) && model_shows(m, n->to, actor) &&
           o != NULL && !o->removed && model_shown(m, n->entity) && model_shows(m, n->to, o);
}

// Whether it is older than the unread ones that are looked at.
static bool is_far(struct model *m, const struct model_note *n)
{
    unsigned newer = 0;
    for (const struct model_note *x = NULL; (x = next_note(m, n->to, x)) != NULL;)
        newer += !x->silent && !x->hidden && !x->read && x->number > n->number;
    return newer >= UNREAD_LOOKED_MAX;
}

unsigned model_notes(struct model *m, uint64_t user, uint64_t *out, unsigned *unread)
{
    unsigned n = 0;
    *unread = 0;
    for (const struct model_note *x = NULL; (x = next_note(m, user, x)) != NULL;) {
        if (x->silent || x->hidden)
            continue;
        bool shown = leads(m, x);
        if (shown)
            out[n++] = id_make(x->number, id_slot(user));
        *unread += !x->read && (shown || is_far(m, x));
    }
    qsort(out, n, sizeof *out, number_above);
    return n;
}

static bool of_act(struct model *m, uint64_t user, uint64_t entity)
{
    const struct model_object *o = model_find(m, entity);
    if (o == NULL || o->tombstone || !model_shown(m, entity) || !model_shows(m, user, o))
        return false;
    return o->kind != ENTITY_comment || model_lists(m, user, o->id);
}

unsigned model_acts(struct model *m, uint64_t user, uint64_t *out)
{
    static const uint8_t lists[] = {LIST_liked, LIST_following, LIST_written};
    unsigned n = 0;
    for (unsigned k = 0; k < sizeof lists; k++)
        for (int i = model_first(m, user, lists[k]); i > 0; i = m->end[i - 1].next) {
            const struct model_end *x = &m->end[i - 1];
            if (x->owner == user && x->list == lists[k] && of_act(m, user, x->other))
                out[n++] = id_make(x->stamp, id_slot(user));
        }
    for (const struct model_object *o = NULL; (o = model_next(m, ENTITY_post, o)) != NULL;)
        if (o->author == user && of_act(m, user, o->id))
            out[n++] = id_make(id_stamp(o->id), id_slot(user));
    qsort(out, n, sizeof *out, number_above);
    return n;
}

const struct model_note *model_note(struct model *m, uint64_t user, uint64_t id)
{
    for (const struct model_note *n = NULL; (n = next_note(m, user, n)) != NULL;)
        if (id_make(n->number, id_slot(user)) == id)
            return n;
    return NULL;
}

static int number_below(const void *a, const void *b) { return number_above(b, a); }

unsigned model_events(struct model *m, uint64_t user, uint64_t after, uint64_t *out)
{
    unsigned n = 0;
    for (const struct model_note *x = NULL; (x = next_note(m, user, x)) != NULL;)
        if (x->number > after && leads(m, x))
            out[n++] = id_make(x->number, id_slot(user));
    qsort(out, n, sizeof *out, number_below);
    return n;
}

// ---- entries -----------------------------------------------------------------------------------

static struct model_note note_of(const struct step *s)
{
    return (struct model_note){.to = kt_Notify_to(s->body), .actor = kt_Notify_actor(s->body),
                               .entity = kt_Notify_entity(s->body),
                               .type = kt_Notify_type(s->body)};
}

static void notify(const struct step *s)
{
    struct model_note n = note_of(s);
    model_paid(s, n.to, n.entity);
    s->out->id = n.to;
    model_tell(s, n);
}

static void withdraw(const struct step *s)
{
    struct model_note n = note_of(s);
    model_paid(s, n.to, n.entity);
    s->out->id = n.to;
    for (struct model_note *x = NULL; (x = next_note(s->m, n.to, x)) != NULL;)
        if (x->entity == n.entity && x->actor == n.actor) {
            drop(s->m, x);
            return;
        }
}

static void trim(const struct step *s)
{
    struct model *m = s->m;
    uint64_t owner = kt_Trim_owner(s->body), before = kt_Trim_before(s->body);
    s->out->id = owner;
    bool notes = kt_Trim_list(s->body) == LIST_notifications;
    for (struct model_note *n = NULL, *next = NULL; notes; n = next) {
        next = next_note(m, owner, n);
        if (n != NULL && n->number < before)
            drop(m, n);
        if (next == NULL)
            break;
    }
    for (unsigned i = m->preferences; kt_Trim_list(s->body) == LIST_note_preferences && i-- > 0;)
        if (m->preference[i].user == owner && m->preference[i].type < before)
            m->preference[i] = m->preference[--m->preferences];
}

static struct model_note *own(const struct step *s, uint64_t id)
{
    uint64_t me = s->e->actor;
    s->out->id = id;
    if (model_user(s->m, me) != NULL)
        for (struct model_note *n = NULL; (n = next_note(s->m, me, n)) != NULL;)
            if (!n->silent && !n->hidden && id_make(n->number, id_slot(me)) == id)
                return n;
    s->out->error = KITH_not_found;
    return NULL;
}

static void note_read(const struct step *s)
{
    struct model_note *n = own(s, kt_NotificationRead_notification_id(s->body));
    if (n == NULL)
        return;
    n->read = true;
}

static void read_all(const struct step *s)
{
    s->out->id = s->e->actor;
    s->out->error = model_user(s->m, s->e->actor) != NULL ? KITH_ok : KITH_not_found;
    if (s->out->error == KITH_ok)
        for (struct model_note *n = NULL; (n = next_note(s->m, s->e->actor, n)) != NULL;)
            n->read = true;
    s->out->counted = true; // nothing is unread
}

static void note_delete(const struct step *s)
{
    struct model_note *n = own(s, kt_NotificationDelete_notification_id(s->body));
    if (n != NULL)
        drop(s->m, n);
}

static void set_bit(unsigned *bits, unsigned bit, bool given, bool on)
{
    if (given)
        *bits = on ? *bits | bit : *bits & ~bit;
}

static void prefer(const struct step *s)
{
    struct model *m = s->m;
    const kt_PreferenceSet *w = s->body;
    fb_str name = kt_PreferenceSet_notification_type(w);
    unsigned type = note_named(name.s, name.n), bits = model_channels(m, s->e->actor, type), i = 0;
    s->out->error = model_user(m, s->e->actor) != NULL ? KITH_ok : KITH_not_found;
    if (s->out->error != KITH_ok)
        return;
    set_bit(&bits, CHANNEL_EMAIL, kt_has_PreferenceSet_email_enabled(w),
            kt_PreferenceSet_email_enabled(w));
    set_bit(&bits, CHANNEL_PUSH, kt_has_PreferenceSet_push_enabled(w),
            kt_PreferenceSet_push_enabled(w));
    set_bit(&bits, CHANNEL_IN_APP, kt_has_PreferenceSet_in_app_enabled(w),
            kt_PreferenceSet_in_app_enabled(w));
    while (i < m->preferences &&
           (m->preference[i].user != s->e->actor || m->preference[i].type != type))
        i++;
    ASSERT(i < MODEL_NAMES);
    m->preferences += i == m->preferences;
    m->preference[i].user = s->e->actor;
    m->preference[i].type = type;
    m->preference[i].bits = bits;
}

bool model_noted(const struct step *s)
{
    static void (*const verbs[OP_LIMIT])(const struct step *) = {
        [OP_notify] = notify,
        [OP_withdraw] = withdraw,
        [OP_trim] = trim,
        [OP_notification_read] = note_read,
        [OP_notifications_read] = read_all,
        [OP_notification_delete] = note_delete,
        [OP_notification_preference_set] = prefer,
    };
    if (s->e->op >= OP_LIMIT || verbs[s->e->op] == NULL)
        return false;
    verbs[s->e->op](s);
    return true;
}
