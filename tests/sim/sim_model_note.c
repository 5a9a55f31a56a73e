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

static unsigned channels(const struct model *m, uint64_t user, unsigned type)
{
    for (unsigned i = 0; i < m->preferences; i++)
        if (m->preference[i].user == user && m->preference[i].type == type)
            return m->preference[i].bits;
    return CHANNELS_DEFAULT;
}

void model_tell(const struct step *s, struct model_note n)
{
    struct model *m = s->m;
    unsigned open = channels(m, n.to, n.type);
    if (n.to == n.actor || n.actor == 0 || model_user(m, n.to) == NULL || open == 0)
        return;
    if (!model_hears(m, n.to, n.actor))
        return;
    ASSERT(m->notes < MODEL_NOTES);
    n.number = s->e->stamp;
    n.silent = !(open & CHANNEL_IN_APP);
    n.read = n.silent;
    m->note[m->notes++] = n;
}

static void drop(struct model *m, unsigned i) { m->note[i] = m->note[--m->notes]; }

void model_untell(struct model *m, uint64_t to, uint64_t number, uint64_t entity)
{
    for (unsigned i = 0; i < m->notes; i++)
        if (m->note[i].to == to && m->note[i].number == number && m->note[i].entity == entity) {
            drop(m, i);
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

unsigned model_notes(struct model *m, uint64_t user, uint64_t *out, unsigned *unread)
{
    unsigned n = 0;
    *unread = 0;
    for (unsigned i = 0; i < m->notes; i++) {
        if (m->note[i].to != user || m->note[i].silent)
            continue;
        if (leads(m, &m->note[i]))
            out[n++] = id_make(m->note[i].number, id_slot(user));
        *unread += !m->note[i].read;
    }
    qsort(out, n, sizeof *out, number_above);
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
    for (unsigned i = 0; i < s->m->notes; i++)
        if (s->m->note[i].to == n.to && s->m->note[i].entity == n.entity &&
            s->m->note[i].actor == n.actor) {
            drop(s->m, i);
            return;
        }
}

static void trim(const struct step *s)
{
    struct model *m = s->m;
    uint64_t owner = kt_Trim_owner(s->body), before = kt_Trim_before(s->body);
    s->out->id = owner;
    for (unsigned i = m->notes; kt_Trim_list(s->body) == LIST_notifications && i-- > 0;)
        if (m->note[i].to == owner && m->note[i].number < before)
            drop(m, i);
    for (unsigned i = m->preferences; kt_Trim_list(s->body) == LIST_note_preferences && i-- > 0;)
        if (m->preference[i].user == owner && m->preference[i].type < before)
            m->preference[i] = m->preference[--m->preferences];
}

static struct model_note *own(const struct step *s, uint64_t id)
{
    uint64_t me = s->e->actor;
    s->out->id = id;
    for (unsigned i = 0; i < s->m->notes && model_user(s->m, me) != NULL; i++) {
        struct model_note *n = &s->m->note[i];
        if (n->to == me && !n->silent && id_make(n->number, id_slot(me)) == id)
            return n;
    }
    s->out->error = KITH_not_found;
    return NULL;
}

static void count_unread(const struct step *s)
{
    static uint64_t id[MODEL_NOTES];
    unsigned unread;
    model_notes(s->m, s->e->actor, id, &unread);
    s->out->count = unread;
    s->out->counted = true;
}

static void note_read(const struct step *s)
{
    struct model_note *n = own(s, kt_NotificationRead_notification_id(s->body));
    if (n == NULL)
        return;
    n->read = true;
    count_unread(s);
}

static void read_all(const struct step *s)
{
    s->out->id = s->e->actor;
    s->out->error = model_user(s->m, s->e->actor) != NULL ? KITH_ok : KITH_not_found;
    for (unsigned i = 0; i < s->m->notes && s->out->error == KITH_ok; i++)
        s->m->note[i].read |= s->m->note[i].to == s->e->actor;
    count_unread(s);
}

static void note_delete(const struct step *s)
{
    struct model_note *n = own(s, kt_NotificationDelete_notification_id(s->body));
    if (n != NULL)
        drop(s->m, (unsigned)(n - s->m->note));
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
    unsigned type = note_named(name.s, name.n), bits = channels(m, s->e->actor, type), i = 0;
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
