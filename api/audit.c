// Behind a proxy, one on this machine or of --proxy, the address is the one that the proxy names.
#include "api/audit.h"

#include <arpa/inet.h>
#include <string.h>

#include "api/account.h"
#include "api/changes.h"
#include "api/limits.h"
#include "core/id.h"
#include "kith_fb.h"
#include "net/address.h"
#include "store/doc.h"
#include "store/names.h"
#include "store/store.h"

enum { ADDRESS = 16 };

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

// ---- from where --------------------------------------------------------------------------------

void audit_peer(const struct reactor *r, struct request *q)
{
    if (q->row->audit == AUDIT_NONE && q->row->number != OP_user_update)
        return;
    // A reader who is not one for the audit log is not asked where he is.
    if (q->row->audit == AUDIT_READ && !audit_read_due(r, q))
        return;
    uint64_t peer = net_address(r->net, q->conn);
    bool proxy = address_is_local(peer) || limits_believe(r->server, peer);
    if (!q->forwarded || !proxy)
        net_peer(r->net, q->conn, q->peer);
}

// ---- what is written ---------------------------------------------------------------------------

bool audit_due(const struct request *q, unsigned op)
{
    // Of a chain the entry that lets somebody in is the act.
    if (op == OP_audit_add || op == OP_register)
        return false;
    return q->row->audit == AUDIT_ACT || q->row->audit == AUDIT_REFUSED || op == OP_user_rename;
}

static uint64_t subject(const struct reactor *r, const struct request *q)
{
    const struct store *s = r->server->store;
    if (q->account != NULL && q->account->user != 0)
        return q->account->user;
    if (q->row->number == OP_session_revoke) {
        const struct session *session = store_session(s, request_key(q));
        return session != NULL ? session->user : q->actor;
    }
    if (q->row->number == OP_user_by_name) {
        fb_str name = kt_UserByName_username(request_table(q));
        return names_find(s, (struct name){NAME_username, name.s, name.n});
    }
    if (q->row->number == OP_report_resolve) {
        const struct doc *d = store_doc(s, request_key(q), ENTITY_report);
        return d != NULL ? store_author(s, kt_Report_object_id(doc_content(d))) : 0;
    }
    if (q->row->role == kt_Role_moderator)
        return store_author(s, request_key(q));
    return q->row->key != NULL ? request_key(q) : q->actor;
}

static uint32_t value(const struct request *q)
{
    const void *t = request_table(q);
    if (q->row->number == OP_role_set)
        return kt_RoleSet_role(t);
    if (q->row->number == OP_verified_set)
        return kt_VerifiedSet_is_verified(t);
    return 0;
}

static uint64_t half(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

void audit_fill(const struct reactor *r, const struct request *q, struct entry_audit *out)
{
    // What is nobody's id is nobody.
    uint64_t user = subject(r, q);
    *out = (struct entry_audit){
        .address_hi = half(q->peer),
        .address_lo = half(q->peer + 8),
        .user = user >> 63 ? 0 : user,
        .act = q->row->number,
        .by = q->service      ? AUDIT_BY_SERVICE
              : q->actor != 0 ? AUDIT_BY_USER
                              : AUDIT_BY_NOBODY,
        .value = value(q),
    };
}

bool audit_read_due(const struct reactor *r, const struct request *q)
{
    if (q->row->audit != AUDIT_READ)
        return false;
    // Whoever goes on with a cursor was written down when he began.
    if (q->row->number == OP_user_export)
        return (q->service || q->actor != request_key(q)) &&
               kt_UserList_cursor(request_table(q)).n == 0;
    // A profile shows what is personal to its owner alone.
    return q->row->auth == AUTH_ROLE ||
           (q->service && q->actor != 0 && subject(r, q) == q->actor);
}

enum kith_error audit_take(struct reactor *r, const struct request *q, bool done)
{
    struct entry_audit w;
    fb_builder b;
    audit_fill(r, q, &w);
    change_head(r, q, OP_audit_add);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_AuditAdd t = {0};
    kt_put_AuditAdd_user_id(&t, w.user);
    kt_put_AuditAdd_actor_id(&t, q->actor);
    kt_put_AuditAdd_act(&t, w.act);
    kt_put_AuditAdd_by(&t, w.by);
    kt_put_AuditAdd_done(&t, done);
    kt_put_AuditAdd_value(&t, w.value);
    kt_put_AuditAdd_address_hi(&t, w.address_hi);
    kt_put_AuditAdd_address_lo(&t, w.address_lo);
    kt_put_AuditAdd_decider(&t, (uint16_t)id_slot(w.user));
    return change_take(r, &b, kt_end_AuditAdd(&b, &t));
}

// ---- what is read ------------------------------------------------------------------------------

static fb_ref build_address(fb_builder *b, const struct audit *a)
{
    uint8_t bytes[ADDRESS];
    char text[INET6_ADDRSTRLEN];
    for (unsigned i = 0; i < ADDRESS; i++)
        bytes[i] = (uint8_t)(a->address[i / 8] >> (56 - 8 * (i % 8)));
    bool v4 = memcmp(bytes, mapped, sizeof mapped) == 0;
    if (a->address[0] == 0 && a->address[1] == 0)
        return 0;
    const char *s = v4 ? inet_ntop(AF_INET, bytes + 12, text, sizeof text)
                       : inet_ntop(AF_INET6, bytes, text, sizeof text);
    return s != NULL ? fb_cstring(b, s) : 0;
}

static const char *detail(const struct audit *a)
{
    static const char *const roles[] = {"user", "moderator", "admin"};
    if (a->act == OP_role_set && a->value < sizeof roles / sizeof roles[0])
        return roles[a->value];
    if (a->act == OP_verified_set)
        return a->value ? "true" : "false";
    return NULL;
}

static fb_ref build_act(fb_builder *b, const struct audit *a)
{
    static const char *const by[] = {"nobody", "user", "service"};
    const struct op_row *row = op_row(a->act);
    kt_new_AuditAct w = {0};
    kt_put_AuditAct_audit_id(&w, a->o.id);
    kt_put_AuditAct_created_at(&w, id_ms(a->o.id));
    kt_put_AuditAct_act(&w, fb_cstring(b, row != NULL ? row->name : "unknown"));
    kt_put_AuditAct_done(&w, a->done != 0);
    kt_put_AuditAct_user_id(&w, a->user);
    kt_put_AuditAct_actor_id(&w, a->actor);
    kt_put_AuditAct_by(&w, fb_cstring(b, by[a->by <= AUDIT_BY_SERVICE ? a->by : 0]));
    kt_put_AuditAct_address(&w, build_address(b, a));
    if (a->o.text_n > 0) {
        kt_put_AuditAct_object_id(&w, audit_object(a));
        kt_put_AuditAct_reason(&w, fb_string(b, audit_reason(a), a->o.text_n));
    }
    if (detail(a) != NULL)
        kt_put_AuditAct_detail(&w, fb_cstring(b, detail(a)));
    return kt_end_AuditAct(b, &w);
}

fb_ref audit_build(fb_builder *b, const struct shown *what)
{
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++)
        fb_push(b, build_act(b, (const struct audit *)what->sight[i].o));
    kt_new_Audits w = {0};
    kt_put_Audits_audits(&w, fb_refs(b, mark));
    if (what->cursor != NULL)
        kt_put_Audits_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Audits(b, &w);
}
