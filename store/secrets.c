// Secrets in a record (secrets.h).
#include "store/secrets.h"

#include <string.h>

static bool same(fb_str a, fb_str b)
{
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

void secrets_get(struct secrets *s, const kt_Secrets *from)
{
    *s = (struct secrets){0};
    if (from == NULL) return;
    s->totp = kt_Secrets_totp(from);
    s->totp_step = kt_Secrets_totp_step(from);
    fb_vec codes = kt_Secrets_recovery(from), tickets = kt_Secrets_tickets(from);
    for (uint32_t i = 0; i < codes.n && i < RECOVERY_CODES; i++)
        s->recovery[s->recoveries++] = fb_vec_str(codes, i);
    for (uint32_t i = 0; i < tickets.n; i++) {
        const kt_Ticket *t = kt_at_Ticket(tickets, i);
        secrets_ticket(s, (struct ticket){(kt_TicketKind)kt_Ticket_kind(t), kt_Ticket_hash(t),
                                          kt_Ticket_expires_at(t), kt_Ticket_tries(t)});
    }
}

static fb_ref put_ticket(fb_builder *b, const struct ticket *t)
{
    kt_new_Ticket w = {0};
    kt_put_Ticket_kind(&w, t->kind);
    kt_put_Ticket_hash(&w, fb_string(b, t->hash.s, t->hash.n));
    kt_put_Ticket_expires_at(&w, t->expires_ms);
    kt_put_Ticket_tries(&w, t->tries);
    return kt_end_Ticket(b, &w);
}

fb_ref secrets_put(fb_builder *b, const struct secrets *s)
{
    if (s->totp.n == 0 && s->recoveries == 0 && s->tickets == 0) return 0;
    kt_new_Secrets w = {0};
    if (s->totp.n > 0) kt_put_Secrets_totp(&w, fb_string(b, s->totp.s, s->totp.n));
    kt_put_Secrets_totp_step(&w, s->totp_step);
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < s->recoveries; i++)
        fb_push(b, fb_string(b, s->recovery[i].s, s->recovery[i].n));
    if (s->recoveries > 0) kt_put_Secrets_recovery(&w, fb_refs(b, mark));
    mark = fb_mark(b);
    for (uint32_t i = 0; i < s->tickets; i++) fb_push(b, put_ticket(b, &s->ticket[i]));
    if (s->tickets > 0) kt_put_Secrets_tickets(&w, fb_refs(b, mark));
    return kt_end_Secrets(b, &w);
}

struct ticket *secrets_find(struct secrets *s, kt_TicketKind kind)
{
    for (uint32_t i = 0; i < s->tickets; i++)
        if (s->ticket[i].kind == kind) return &s->ticket[i];
    return NULL;
}

void secrets_ticket(struct secrets *s, struct ticket t)
{
    struct ticket *old = secrets_find(s, t.kind);
    if (old != NULL) *old = t;
    else if (s->tickets < TICKET_KINDS) s->ticket[s->tickets++] = t;
}

void secrets_spend(struct secrets *s, kt_TicketKind kind)
{
    struct ticket *t = secrets_find(s, kind);
    if (t != NULL) *t = s->ticket[--s->tickets];
}

bool ticket_is(const struct ticket *t, fb_str hash, uint64_t now_ms)
{
    return t != NULL && now_ms < t->expires_ms && same(t->hash, hash);
}

bool secrets_recover(struct secrets *s, fb_str hash)
{
    for (uint32_t i = 0; i < s->recoveries; i++) {
        if (!same(s->recovery[i], hash)) continue;
        // The others stay in their order: what is kept does not depend on what was looked at.
        memmove(s->recovery + i, s->recovery + i + 1,
                (--s->recoveries - i) * sizeof s->recovery[0]);
        return true;
    }
    return false;
}
