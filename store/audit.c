// Audit records (audit.h).
#include "store/audit.h"

#include <string.h>

#include "core/assert.h"
#include "core/fb_copy.h"
#include "kith_fb.h"
#include "store/record.h"
#include "store/seq.h"

// What an operation that asks for a reason was given; and what it is about.
static void put_reason(fb_builder *b, kt_new_AuditAdd *t, const struct apply *a)
{
    const struct op_row *row = op_row(a->e->op);
    const fb_type *type = op_entry_type(row);
    const char *field = fb_find_field(type, "reason") != NULL ? "reason" : "note";
    if (fb_find_field(type, field) == NULL) return;
    fb_str reason = fb_text_of(type, a->body, field);
    if (reason.n == 0) return;
    kt_put_AuditAdd_object_id(t, fb_number_of(type, a->body, row->key));
    kt_put_AuditAdd_reason(t, fb_string(b, reason.s, reason.n));
}

void audit_owe(struct apply *a)
{
    const struct entry_audit *w = entry_audit(a->e);
    const struct op_row *row = op_row(w->act);
    bool done = a->out.error == KITH_ok;
    if (row == NULL || (done && row->audit == AUDIT_REFUSED)) return;
    fb_builder *b = apply_build(a);
    kt_new_AuditAdd t = {0};
    kt_put_AuditAdd_user_id(&t, w->user);
    kt_put_AuditAdd_actor_id(&t, a->e->actor);
    kt_put_AuditAdd_act(&t, w->act);
    kt_put_AuditAdd_by(&t, w->by);
    kt_put_AuditAdd_done(&t, done);
    kt_put_AuditAdd_value(&t, w->value);
    kt_put_AuditAdd_address_hi(&t, w->address_hi);
    kt_put_AuditAdd_address_lo(&t, w->address_lo);
    kt_put_AuditAdd_decider(&t, a->e->slots[0]);
    put_reason(b, &t, a);
    struct consequence c = {OP_audit_add, a->e->slots[0], a->e->actor, 0};
    bool owed = apply_owe(a, c, kt_end_AuditAdd(b, &t));
    ASSERT(owed);
}

static void clear_old(struct part *p, struct edge_at ring)
{
    uint64_t id;
    const struct seq *all = seqs_find(p, ring);
    if (all == NULL || all->count < AUDITS_PER_SLOT) return;
    uint32_t n = seq_above(all, 0, &id, 1);
    ASSERT(n == 1);
    seqs_remove(p, ring, id);
    record_remove(p, record_find(p, id));
}

static void decide_audit_add(struct apply *a, struct part *p)
{
    const kt_AuditAdd *t = a->body;
    unsigned slot = a->e->slots[0];
    struct edge_at ring = {audit_ring(slot), LIST_audits};
    fb_str reason = kt_AuditAdd_reason(t);
    uint64_t about = kt_AuditAdd_object_id(t);
    struct record_head h = {
        .id = id_make(a->e->stamp, slot),
        .word = {kt_AuditAdd_user_id(t), kt_AuditAdd_actor_id(t), kt_AuditAdd_address_hi(t),
                 kt_AuditAdd_address_lo(t)},
        .n = {kt_AuditAdd_value(t), reason.n},
        .len = {kt_AuditAdd_act(t), kt_AuditAdd_by(t), kt_AuditAdd_done(t)},
        .kind = ENTITY_audit,
    };
    clear_old(p, ring);
    struct object *o = record_new(p, &h);
    if (reason.n > 0) {
        memcpy(record_data_of(o), &about, sizeof about);
        memcpy((char *)record_data_of(o) + sizeof about, reason.s, reason.n);
    }
    record_insert(p, o);
    seqs_add(p, ring, h.id);
    a->out.id = h.id;
    a->out.changed = 1;
}

const struct verb verb_audit_add = {decide_audit_add, NULL, NULL, NULL};

// ---- read --------------------------------------------------------------------------------------

void read_audits(const struct shard *s, struct audits_read what, struct page *page)
{
    enum { AT_ONCE = 64 };
    unsigned slot = id_slot(what.user);
    const struct part *p = store_part(s->store, slot);
    ASSERT(p->shard == s);
    const struct seq *all = seqs_find(p, (struct edge_at){audit_ring(slot), LIST_audits});
    uint64_t id[AT_ONCE], before = what.before;
    uint32_t n;
    page->n = 0;
    page->next = 0;
    while ((n = seq_below(all, before, id, AT_ONCE)) > 0) {
        for (uint32_t i = 0; i < n; i++) {
            const struct audit *act = (const struct audit *)record_find(p, id[i]);
            if (act->user != what.user) continue;
            if (page->n == page->want) {
                page->next = page->item[page->n - 1].id;
                return;
            }
            page->item[page->n++] = (struct page_item){id[i], 0};
        }
        before = id[n - 1];
    }
}
