// Whether somebody exists is found out by the decider alone, after the log: a request for nobody
// takes the same steps, and is answered alike.
#include "api/tickets.h"

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>

#include "api/answer.h"
#include "api/base64.h"
#include "api/changes.h"
#include "api/outbox.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/random.h"
#include "store/names.h"
#include "store/store.h"
#include "store/user_record.h"

enum {
    TICKET_BYTES = 8 + REFRESH_RANDOM,
    TICKET_CHARS = BASE64_CHARS(TICKET_BYTES),
    CODES = 1000000,
};
_Static_assert((int)TICKET_CHARS < (int)OUTBOX_TOKEN, "a token fits an event");

// ---- drawn and told ----------------------------------------------------------------------------

void ticket_code_hash(const struct reactor *r, char out[SECRET_HEX + 1], struct sent_code sent)
{
    uint8_t hash[SECRET_HEX / 2];
    crypto_generichash_state s;
    const uint8_t *key = r->server->keys.token.current;
    crypto_generichash_init(&s, key, TOKEN_KEY, sizeof hash);
    crypto_generichash_update(&s, (const uint8_t *)&sent.user, sizeof sent.user);
    crypto_generichash_update(&s, (const uint8_t *)sent.code.s, sent.code.n);
    crypto_generichash_final(&s, hash, sizeof hash);
    sodium_bin2hex(out, SECRET_HEX + 1, hash, sizeof hash);
}

static uint64_t life_ms(kt_TicketKind kind)
{
    if (kind == kt_TicketKind_verify_email)
        return VERIFY_MS;
    return kind == kt_TicketKind_reset_password ? RESET_MS : CODE_MS;
}

void ticket_draw(const struct reactor *r, struct request *q, kt_TicketKind kind)
{
    struct account *a = q->account;
    struct drawn_ticket *t = &a->ticket;
    t->kind = kind;
    t->expires_ms = clock_wall_ms() + life_ms(kind);
    random_bytes(t->random, sizeof t->random);
    if (kind != kt_TicketKind_login_code) {
        account_hash(t->hash, t->random, sizeof t->random);
        return;
    }
    uint64_t v;
    memcpy(&v, t->random, sizeof v);
    snprintf(t->code, sizeof t->code, "%0*u", (int)LOGIN_CODE, (unsigned)(v % CODES));
    ticket_code_hash(r, t->hash, (struct sent_code){a->user, {t->code, LOGIN_CODE}});
}

void ticket_tell(struct reactor *r, struct request *q, fb_str to)
{
    const struct account *a = q->account;
    const struct drawn_ticket *t = &a->ticket;
    if (t->kind == kt_TicketKind_none)
        return;
    struct outbox_event e = {
        .user = a->user,
        .created_ms = clock_wall_ms(),
        .expires_ms = t->expires_ms,
        .kind = (uint8_t)t->kind,
        .sms = q->row->number == OP_login_code ||
               (q->row->number == OP_forgot_password &&
                kt_ForgotPassword_email(request_table(q)).n == 0),
    };
    snprintf(e.to, sizeof e.to, "%.*s", (int)to.n, to.s);
    if (t->kind == kt_TicketKind_login_code) {
        memcpy(e.token, t->code, sizeof t->code);
    } else {
        uint8_t raw[TICKET_BYTES];
        memcpy(raw, &a->user, 8);
        memcpy(raw + 8, t->random, sizeof t->random);
        base64_write(e.token, raw, sizeof raw);
        sodium_memzero(raw, sizeof raw);
    }
    outbox_add(r->server->outbox, &e);
    sodium_memzero(&e, sizeof e);
}

// ---- asked for ---------------------------------------------------------------------------------

// Where the token goes.
static fb_str destination(const struct reactor *r, const struct request *q)
{
    const void *t = request_table(q);
    uint32_t n = 0;
    if (q->row->number == OP_login_code)
        return kt_LoginCode_phone_number(t);
    if (q->row->number == OP_forgot_password)
        return kt_ForgotPassword_email(t).n > 0 ? kt_ForgotPassword_email(t)
                                                : kt_ForgotPassword_phone_number(t);
    const struct user *user = store_user(r->server->store, q->actor);
    const char *s = user != NULL ? user_string(user, USER_email, &n) : "";
    return (fb_str){s, n};
}

static void made(struct reactor *r, struct request *q)
{
    enum kith_error error = (enum kith_error)q->outcome.error;
    q->place = q->outcome.place;
    if (error == KITH_ok)
        ticket_tell(r, q, destination(r, q));
    if (error == KITH_ok || error == KITH_not_found)
        answer_empty(r, q);
    else
        answer_error(r, q, error);
}

static void make(struct reactor *r, struct request *q)
{
    struct account *a = q->account;
    const struct drawn_ticket *t = &a->ticket;
    fb_builder b;
    // Nobody's: any slot, for it is not told from others by the core that it keeps busy.
    uint16_t slot;
    random_bytes(&slot, sizeof slot);
    change_head(r, q, OP_ticket_make);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_Ticket ticket = {0};
    kt_put_Ticket_kind(&ticket, t->kind);
    kt_put_Ticket_hash(&ticket, fb_cstring(&b, t->hash));
    kt_put_Ticket_expires_at(&ticket, t->expires_ms);
    kt_new_TicketMake w = {0};
    kt_put_TicketMake_ticket(&w, kt_end_Ticket(&b, &ticket));
    kt_put_TicketMake_user_id(&w, a->user != 0 ? a->user : slot % SLOTS);
    if (change_take(r, &b, kt_end_TicketMake(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_internal);
    else
        account_log(r, q, made, make);
}

static void begin_named(struct reactor *r, struct request *q, struct name name)
{
    q->account->user = names_find(r->server->store, name);
    if (q->account->user == 0 && !reactor_fresh(r, q) && clock_mono_ns() < q->deadline_ns) {
        q->run = tickets_begin;
        reactor_park(r, q);
        return;
    }
    bool code = q->row->number == OP_login_code;
    ticket_draw(r, q, code ? kt_TicketKind_login_code : kt_TicketKind_reset_password);
    make(r, q);
}

static void begin_forgot(struct reactor *r, struct request *q)
{
    const kt_ForgotPassword *t = request_table(q);
    fb_str email = kt_ForgotPassword_email(t), phone = kt_ForgotPassword_phone_number(t);
    if ((email.n > 0) == (phone.n > 0))
        account_fault(r, q, "/email", "exactly_one_of_email_phone_number");
    else if (email.n > 0)
        begin_named(r, q, (struct name){NAME_email, email.s, email.n});
    else
        begin_named(r, q, (struct name){NAME_phone, phone.s, phone.n});
}

static void begin_verify(struct reactor *r, struct request *q)
{
    const struct user *user = store_user(r->server->store, q->actor);
    struct user_state state = {0};
    if (user != NULL)
        user_state(user, &state);
    if (user == NULL || state.email_verified) {
        answer_error(r, q, user == NULL ? KITH_not_found : KITH_conflict);
        return;
    }
    if (destination(r, q).n == 0) {
        answer_error(r, q, KITH_self_contact_missing);
        return;
    }
    q->account->user = q->actor;
    ticket_draw(r, q, kt_TicketKind_verify_email);
    make(r, q);
}

// ---- brought back ------------------------------------------------------------------------------

static void used(struct reactor *r, struct request *q)
{
    enum kith_error error = (enum kith_error)q->outcome.error;
    q->place = q->outcome.place;
    if (error == KITH_ok)
        answer_empty(r, q);
    else
        answer_error(r, q, error == KITH_not_found ? KITH_token_spent : error);
}

// The token's user and hash; false: it is none of ours.
static bool read_token(struct account *a, fb_str token)
{
    uint8_t raw[TICKET_BYTES];
    if (!base64_read(raw, sizeof raw, token.s, token.n))
        return false;
    memcpy(&a->user, raw, 8);
    account_hash(a->ticket.hash, raw + 8, REFRESH_RANDOM);
    return a->user != 0 && !(a->user >> 63);
}

static void use(struct reactor *r, struct request *q)
{
    const struct account *a = q->account;
    fb_builder b;
    if (a->job.failed) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    change_head(r, q, q->row->number);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_TicketUse w = {0};
    kt_put_TicketUse_user_id(&w, a->user);
    kt_put_TicketUse_hash(&w, fb_cstring(&b, a->ticket.hash));
    if (q->row->number == OP_reset_password)
        kt_put_TicketUse_password_hash(&w, fb_cstring(&b, a->job.hash));
    if (change_take(r, &b, kt_end_TicketUse(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_internal);
    else
        account_log(r, q, used, use);
}

static void begin_use(struct reactor *r, struct request *q)
{
    const void *t = request_table(q);
    bool reset = q->row->number == OP_reset_password;
    if (!read_token(q->account, reset ? kt_ResetPassword_token(t) : kt_VerifyEmail_token(t)))
        answer_error(r, q, KITH_token_spent);
    else if (reset)
        account_submit(r, q, kt_ResetPassword_password(t), use);
    else
        use(r, q);
}

// ---- in ----------------------------------------------------------------------------------------

void tickets_begin(struct reactor *r, struct request *q)
{
    fb_str phone;
    switch (q->row->number) {
    case OP_forgot_password:
        begin_forgot(r, q);
        return;
    case OP_login_code:
        phone = kt_LoginCode_phone_number(request_table(q));
        begin_named(r, q, (struct name){NAME_phone, phone.s, phone.n});
        return;
    case OP_verify_request:
        begin_verify(r, q);
        return;
    default:
        begin_use(r, q);
    }
}
