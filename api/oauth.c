// Of the subject a hash is kept, in hex: names are compared without regard to case, subjects are
// not.
#include "api/oauth.h"

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>

#include "api/accounts.h"
#include "api/answer.h"
#include "api/changes.h"
#include "api/providers.h"
#include "api/tickets.h"
#include "api/validate.h"
#include "core/clock.h"
#include "core/random.h"
#include "store/names.h"
#include "store/store.h"

enum { MADE_UP_BYTES = 10 };   // of a username: 16 letters

static fb_str text_of(const char *s) { return (fb_str){s, (uint32_t)strlen(s)}; }

static struct name identity_of(const struct account *a)
{
    return (struct name){NAME_identity, a->identity, (uint32_t)strlen(a->identity)};
}

static fb_str provider_of(const struct request *q)
{
    const void *t = request_table(q);
    if (q->row->number == OP_oauth_link)
        return kt_OauthLink_provider(t);
    return q->row->number == OP_oauth_unlink ? kt_OauthUnlink_provider(t)
                                             : kt_OauthLogin_provider(t);
}

static void write_identity(struct account *a, fb_str provider, const char *subject)
{
    uint8_t hash[SECRET_HEX / 2];
    char hex[SECRET_HEX + 1];
    crypto_generichash_state s;
    crypto_generichash_init(&s, NULL, 0, sizeof hash);
    crypto_generichash_update(&s, (const uint8_t *)provider.s, provider.n);
    crypto_generichash_update(&s, (const uint8_t *)"", 1);
    crypto_generichash_update(&s, (const uint8_t *)subject, strlen(subject));
    crypto_generichash_final(&s, hash, sizeof hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    snprintf(a->identity, sizeof a->identity, "%.*s:%s", (int)provider.n, provider.s, hex);
}

// ---- a new account -----------------------------------------------------------------------------

// The address that the provider vouches for, if nobody has it.
static fb_str free_address(const struct reactor *r, const struct account *a)
{
    fb_str email = text_of(a->email);
    struct name name = {NAME_email, email.s, email.n};
    bool good = valid_email(email.s, email.n) && names_find(r->server->store, name) == 0;
    return good ? email : (fb_str){"", 0};
}

static fb_ref put_username(fb_builder *b, const struct request *q)
{
    uint8_t random[MADE_UP_BYTES];
    char letters[MADE_UP_BYTES / 5 * 8 + 1], name[sizeof letters + 5];
    fb_str given = kt_OauthLogin_username(request_table(q));
    if (given.n > 0)
        return fb_string(b, given.s, given.n);
    random_bytes(random, sizeof random);
    totp_base32(letters, random, sizeof random);
    snprintf(name, sizeof name, "user_%s", letters);
    return fb_cstring(b, name);
}

static void made(struct reactor *r, struct request *q)
{
    enum kith_error error = (enum kith_error)q->outcome.error;
    q->place = q->outcome.place;
    // Somebody was faster with the same token, or with the address: from the beginning.
    bool again = error == KITH_identity_taken || error == KITH_email_taken;
    if (again && clock_mono_ns() < q->deadline_ns) {
        q->run = oauth_begin;
        reactor_park(r, q);
    } else if (error != KITH_ok) {
        answer_error(r, q, error);
    } else {
        q->account->user = q->outcome.id;
        ticket_tell(r, q, text_of(q->account->email));
        accounts_await(r, q);
    }
}

static void make(struct reactor *r, struct request *q)
{
    struct account *a = q->account;
    fb_str email = free_address(r, a);
    uint16_t slot;
    fb_builder b;
    random_bytes(&slot, sizeof slot);
    change_head(r, q, OP_register);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_UserRecord w = {0};
    kt_put_UserRecord_user_id(&w, slot % SLOTS);
    kt_put_UserRecord_username(&w, put_username(&b, q));
    kt_put_UserRecord_identity(&w, fb_cstring(&b, a->identity));
    a->ticket.kind = kt_TicketKind_none;
    if (email.n > 0) {
        ticket_draw(r, q, kt_TicketKind_verify_email);
        kt_put_UserRecord_email(&w, fb_string(&b, email.s, email.n));
        kt_put_UserRecord_verify_hash(&w, fb_cstring(&b, a->ticket.hash));
        kt_put_UserRecord_verify_expires(&w, a->ticket.expires_ms);
    }
    if (change_take(r, &b, kt_end_UserRecord(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_too_large);
    else
        account_log(r, q, made, make);
}

static void log_in(struct reactor *r, struct request *q)
{
    struct account *a = q->account;
    const kt_OauthLogin *t = request_table(q);
    const struct store *s = r->server->store;
    a->user = names_find(s, identity_of(a));
    // A name that was just claimed may have no record yet.
    bool behind = a->user == 0 ? !reactor_fresh(r, q) : store_account(s, a->user) == NULL;
    if (behind && clock_mono_ns() < q->deadline_ns) {
        q->run = oauth_begin;
        reactor_park(r, q);
    } else if (a->user == 0) {
        make(r, q);
    } else {
        a->reactivate = kt_OauthLogin_reactivate(t);
        accounts_log_in(r, q, kt_OauthLogin_code(t));
    }
}

// ---- links -------------------------------------------------------------------------------------

static void changed(struct reactor *r, struct request *q)
{
    q->place = q->outcome.place;
    if (q->outcome.error != KITH_ok)
        answer_error(r, q, (enum kith_error)q->outcome.error);
    else
        answer_empty(r, q);
}

static void log_link(struct reactor *r, struct request *q)
{
    const struct account *a = q->account;
    fb_str provider = provider_of(q);
    fb_builder b;
    change_head(r, q, q->row->number);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_IdentityChange w = {0};
    kt_put_IdentityChange_user_id(&w, q->actor);
    kt_put_IdentityChange_provider(&w, fb_string(&b, provider.s, provider.n));
    if (q->row->number == OP_oauth_link)
        kt_put_IdentityChange_identity(&w, fb_cstring(&b, a->identity));
    if (change_take(r, &b, kt_end_IdentityChange(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_internal);
    else
        account_log(r, q, changed, log_link);
}

// Without password and phone there may be no other way in.
static void unlink_login(struct reactor *r, struct request *q)
{
    const struct user *user = store_user(r->server->store, q->actor);
    if (user == NULL)
        answer_error(r, q, KITH_not_found);
    else if (user->password_n == 0 && user->phone_n == 0)
        answer_error(r, q, KITH_last_way_in);
    else
        log_link(r, q);
}

// ---- in ----------------------------------------------------------------------------------------

void oauth_begin(struct reactor *r, struct request *q)
{
    const void *t = request_table(q);
    struct claims claims;
    struct account *a = q->account;
    bool link = q->row->number == OP_oauth_link;
    if (q->row->number == OP_oauth_unlink) {
        a->user = q->actor;
        unlink_login(r, q);
        return;
    }
    fb_str text = link ? kt_OauthLink_id_token(t) : kt_OauthLogin_id_token(t);
    struct id_token token = {provider_of(q), text, clock_wall_ms() / 1000};
    a->user = link ? q->actor : 0;
    const struct providers *known = provider_set_hold(&r->server->providers);
    bool have = providers_have(known, token.provider);
    bool good = have && providers_judge(known, token, &claims);
    provider_set_release(&r->server->providers, known);
    if (!have) {
        answer_error(r, q, KITH_unknown_provider);
        return;
    }
    if (!good) {
        account_failed(r, q, KITH_invalid_token);
        return;
    }
    write_identity(a, token.provider, claims.subject);
    memcpy(a->email, claims.email, sizeof a->email);
    if (link)
        log_link(r, q);
    else
        log_in(r, q);
}
