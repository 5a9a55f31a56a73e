// A refresh token is base64url(session id, 24 random bytes); what is kept is the hash of the random
// bytes.
#include "api/accounts.h"

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/account.h"
#include "api/answer.h"
#include "api/audit.h"
#include "api/base64.h"
#include "api/changes.h"
#include "api/ingest.h"
#include "api/oauth.h"
#include "api/second.h"
#include "api/tickets.h"
#include "api/token.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/random.h"
#include "kith_fb.h"
#include "store/names.h"
#include "store/read.h"
#include "store/store.h"

enum {
    REFRESH_BYTES = 8 + REFRESH_RANDOM,
    REFRESH_CHARS = BASE64_CHARS(REFRESH_BYTES),
};
// Longest wait for a new user's record.
#define VISIBLE_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define REFRESH_MS (UINT64_C(30) * 24 * 3600 * 1000)

void accounts_free(struct request *q)
{
    if (q->account == NULL)
        return;
    sodium_memzero(q->account, sizeof *q->account);
    free(q->account);
    q->account = NULL;
}

struct account *account_of(struct reactor *r, struct request *q)
{
    if (q->account == NULL)
        q->account = calloc(1, sizeof *q->account);
    if (q->account == NULL)
        answer_error(r, q, KITH_overloaded);
    return q->account;
}

void account_hash(char out[SECRET_HEX + 1], const void *bytes, size_t n)
{
    uint8_t hash[SECRET_HEX / 2];
    crypto_generichash(hash, sizeof hash, bytes, n, NULL, 0);
    sodium_bin2hex(out, SECRET_HEX + 1, hash, sizeof hash);
}

static void draw_refresh(struct account *a)
{
    random_bytes(a->random, sizeof a->random);
    account_hash(a->hash, a->random, sizeof a->random);
}

void account_fault(struct reactor *r, struct request *q, const char *pointer, const char *code)
{
    snprintf(q->fault.pointer, sizeof q->fault.pointer, "%s", pointer);
    q->fault.code = code;
    answer_fault(r, q, KITH_invalid_field);
}

static fb_ref put_text(fb_builder *b, fb_str s)
{
    return s.n > 0 ? fb_string(b, s.s, s.n) : 0;
}

void account_log(struct reactor *r, struct request *q, account_step *then, account_step *again)
{
    enum kith_error error;
    q->run = then;
    switch (change_log(r, q, &error)) {
    case CHANGE_LOGGED:
        return;
    case CHANGE_WAITS:
        q->run = again;
        reactor_park(r, q);
        return;
    case CHANGE_REFUSED:
        q->outcome = (struct outcome){.error = (uint16_t)error};
        then(r, q);
    }
}

static void failed_outcome(struct reactor *r, struct request *q)
{
    answer_error(r, q, q->account->failure);
}

void account_failed(struct reactor *r, struct request *q, enum kith_error error)
{
    q->account->failure = error;
    if (audit_take(r, q, false) != KITH_ok)
        answer_error(r, q, error);
    else
        account_log(r, q, failed_outcome, failed_outcome);
}

// ---- the session's answer ----------------------------------------------------------------------

static uint64_t now_ms(void)
{
    return clock_wall_ms();
}

static void write_refresh(char out[REFRESH_CHARS], const struct account *a)
{
    uint8_t raw[REFRESH_BYTES];
    memcpy(raw, &a->session, 8);
    memcpy(raw + 8, a->random, REFRESH_RANDOM);
    base64_write(out, raw, sizeof raw);
    sodium_memzero(raw, sizeof raw);
}

// On the user's core.
static void run_answer(struct reactor *r, struct request *q)
{
    const struct account *a = q->account;
    const struct server *s = r->server;
    const struct user *user = store_user(s->store, a->user);
    char token[TOKEN_CHARS], refresh[REFRESH_CHARS];
    if (user == NULL) { // gone meanwhile
        answer_error(r, q, KITH_wrong_credentials);
        return;
    }
    struct token_claims claims = {a->user, a->session, now_ms() / 1000, 0};
    claims.expires_s = claims.issued_s + s->opt.token_ttl_s;
    size_t token_n = token_make(&s->keys.token, &claims, token);
    write_refresh(refresh, a);
    struct view view = {s->store, r->shard, a->user};
    uint32_t name_n, email_n;
    const char *name = user_string(user, USER_username, &name_n);
    const char *email = user_string(user, USER_email, &email_n);
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_Session w = {0};
    kt_put_Session_user(&w, build_user(&b, &view, a->user));
    kt_put_Session_user_id(&w, a->user);
    kt_put_Session_username(&w, fb_string(&b, name, name_n));
    kt_put_Session_email(&w, put_text(&b, (fb_str){email, email_n}));
    kt_put_Session_created_at(&w, id_ms(a->user));
    kt_put_Session_token(&w, fb_string(&b, token, token_n));
    kt_put_Session_refresh_token(&w, fb_string(&b, refresh, REFRESH_CHARS));
    kt_put_Session_expires_at(&w, claims.expires_s * 1000);
    answer_built(r, q, &b, kt_end_Session(&b, &w));
}

static void answer_session(struct reactor *r, struct request *q)
{
    q->actor = q->account->user;
    reactor_move(r, q, reactor_core_of(r, q->actor), run_answer);
}

// ---- a new session -----------------------------------------------------------------------------

static void session_outcome(struct reactor *r, struct request *q)
{
    if (q->outcome.place > q->place)
        q->place = q->outcome.place;
    if (q->outcome.error == KITH_not_found) {
        answer_error(r, q, KITH_wrong_credentials); // deleted meanwhile
    } else if (q->outcome.error != KITH_ok) {
        answer_error(r, q, (enum kith_error)q->outcome.error);
    } else {
        q->account->session = q->outcome.id;
        answer_session(r, q);
    }
}

// As the client calls itself, else as its browser does.
static fb_str device_of(const struct request *q)
{
    const char *s = q->account->device;
    const void *t = request_table(q);
    fb_str given = q->row->number == OP_login      ? kt_Login_device(t)
                   : q->row->number == OP_register ? kt_Register_device(t)
                                                   : kt_OauthLogin_device(t);
    return given.n > 0 ? given : (fb_str){s, (uint32_t)strlen(s)};
}

static void put_proofs(fb_builder *b, kt_new_SessionCreate *w, const struct request *q)
{
    const struct account *a = q->account;
    kt_put_SessionCreate_totp_step(w, a->step);
    if (a->recovery[0] != '\0')
        kt_put_SessionCreate_recovery_hash(w, fb_cstring(b, a->recovery));
    if (a->sent[0] != '\0')
        kt_put_SessionCreate_code_hash(w, fb_cstring(b, a->sent));
    kt_put_SessionCreate_reactivate(w, a->reactivate);
}

static void open_session(struct reactor *r, struct request *q)
{
    struct account *a = q->account;
    fb_builder b;
    draw_refresh(a);
    change_head(r, q, OP_session_create);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_SessionCreate w = {0};
    kt_put_SessionCreate_user_id(&w, a->user);
    kt_put_SessionCreate_refresh_hash(&w, fb_string(&b, a->hash, SECRET_HEX));
    kt_put_SessionCreate_expires_at(&w, now_ms() + REFRESH_MS);
    kt_put_SessionCreate_login(&w, a->login);
    if (a->login && a->job.weak && !a->job.failed)
        kt_put_SessionCreate_password_hash(&w, fb_cstring(&b, a->job.hash));
    kt_put_SessionCreate_device(&w, put_text(&b, device_of(q)));
    if (a->login)
        put_proofs(&b, &w, q);
    if (change_take(r, &b, kt_end_SessionCreate(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_internal);
    else
        account_log(r, q, session_outcome, open_session);
}

// ---- registration ------------------------------------------------------------------------------

static void wait_user(struct reactor *r, struct request *q)
{
    if (store_user(r->server->store, q->account->user) != NULL)
        open_session(r, q);
    else if (clock_mono_ns() > q->deadline_ns)
        answer_error(r, q, KITH_unknown_outcome);
    else
        reactor_park(r, q);
}

void accounts_await(struct reactor *r, struct request *q)
{
    q->deadline_ns = clock_mono_ns() + VISIBLE_NS;
    q->run = wait_user;
    wait_user(r, q);
}

static void register_outcome(struct reactor *r, struct request *q)
{
    q->place = q->outcome.place;
    if (q->outcome.error != KITH_ok) {
        answer_error(r, q, (enum kith_error)q->outcome.error);
        return;
    }
    q->account->user = q->outcome.id;
    ticket_tell(r, q, kt_Register_email(request_table(q)));
    accounts_await(r, q);
}

static void put_names(fb_builder *b, kt_new_UserRecord *w, const kt_Register *t)
{
    fb_str full = kt_Register_full_name(t);
    if (full.n == 0) {
        kt_put_UserRecord_first_name(w, put_text(b, kt_Register_first_name(t)));
        kt_put_UserRecord_last_name(w, put_text(b, kt_Register_last_name(t)));
        return;
    }
    fb_str first, last;
    ingest_names(full, &first, &last);
    kt_put_UserRecord_first_name(w, put_text(b, first));
    kt_put_UserRecord_last_name(w, put_text(b, last));
}

static void register_hashed(struct reactor *r, struct request *q)
{
    const struct helper_job *job = &q->account->job;
    const kt_Register *t = request_table(q);
    fb_builder b;
    if (job->failed) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    change_head(r, q, OP_register);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_UserRecord w = {0};
    // Any slot will do; the stamp makes the rest of the id.
    uint16_t slot;
    random_bytes(&slot, sizeof slot);
    kt_put_UserRecord_user_id(&w, slot % SLOTS);
    kt_put_UserRecord_username(&w, put_text(&b, kt_Register_username(t)));
    kt_put_UserRecord_email(&w, put_text(&b, kt_Register_email(t)));
    kt_put_UserRecord_phone_number(&w, put_text(&b, kt_Register_phone_number(t)));
    kt_put_UserRecord_password_hash(&w, fb_cstring(&b, job->hash));
    put_names(&b, &w, t);
    kt_put_UserRecord_bio(&w, put_text(&b, kt_Register_bio(t)));
    kt_put_UserRecord_avatar_url(&w, put_text(&b, kt_Register_avatar_url(t)));
    kt_put_UserRecord_date_of_birth(&w, put_text(&b, kt_Register_date_of_birth(t)));
    if (kt_has_Register_gender(t))
        kt_put_UserRecord_gender(&w, kt_Register_gender(t));
    if (kt_Register_email(t).n > 0) {
        struct drawn_ticket *ticket = &q->account->ticket;
        ticket_draw(r, q, kt_TicketKind_verify_email);
        kt_put_UserRecord_verify_hash(&w, fb_cstring(&b, ticket->hash));
        kt_put_UserRecord_verify_expires(&w, ticket->expires_ms);
    }
    if (change_take(r, &b, kt_end_UserRecord(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_too_large);
    else
        account_log(r, q, register_outcome, register_hashed);
}

static bool taken(const struct store *s, enum name_kind kind, fb_str text)
{
    return text.n > 0 && names_find(s, (struct name){kind, text.s, text.n}) != 0;
}

// What is known to be taken need not be hashed for; the decider has the last word.
static enum kith_error names_taken(const struct reactor *r, const struct request *q)
{
    const struct store *s = r->server->store;
    const kt_Register *t = request_table(q);
    if (!reactor_fresh(r, q) || q->keyed)
        return KITH_ok;
    if (taken(s, NAME_username, kt_Register_username(t)))
        return KITH_username_taken;
    if (taken(s, NAME_email, kt_Register_email(t)))
        return KITH_email_taken;
    return taken(s, NAME_phone, kt_Register_phone_number(t)) ? KITH_phone_taken : KITH_ok;
}

void account_submit(struct reactor *r, struct request *q, fb_str password, account_step *then)
{
    struct helper_job *job = &q->account->job;
    ASSERT(password.n <= PASSWORD_MAX);
    job->request = q;
    job->core = r->core;
    job->password_n = password.n;
    memcpy(job->password, password.s, password.n);
    q->run = then;
    if (!helper_submit(r->server->helpers, job))
        answer_error(r, q, KITH_overloaded);
}

static void begin_register(struct reactor *r, struct request *q)
{
    const kt_Register *t = request_table(q);
    enum kith_error error = names_taken(r, q);
    fb_str first, last;
    if (!ingest_names(kt_Register_full_name(t), &first, &last)) {
        account_fault(r, q, "/full_name", "too_long");
        return;
    }
    bool part = kt_Register_first_name(t).n > 0 || kt_Register_last_name(t).n > 0;
    if (kt_Register_email(t).n == 0 && kt_Register_phone_number(t).n == 0)
        error = KITH_self_contact_missing;
    else if (kt_Register_full_name(t).n > 0 && part)
        error = KITH_conflicting_aliases;
    if (error != KITH_ok)
        answer_error(r, q, error);
    else
        account_submit(r, q, kt_Register_password(t), register_hashed);
}

// ---- login -------------------------------------------------------------------------------------

// The password is right, or the code that was sent will be judged: is there a second factor?
void accounts_log_in(struct reactor *r, struct request *q, fb_str code)
{
    struct account *a = q->account;
    const struct user *user = store_account(r->server->store, a->user);
    a->login = true;
    enum kith_error error = user == NULL ? KITH_wrong_credentials : second_judge(a, user, code);
    if (error == KITH_ok)
        open_session(r, q);
    else
        account_failed(r, q, error);
}

static void login_verified(struct reactor *r, struct request *q)
{
    const kt_Login *t = request_table(q);
    fb_str code = kt_Login_code(t).n > 0 ? kt_Login_code(t) : kt_Login_totp_code(t);
    if (q->account->job.right)
        accounts_log_in(r, q, code);
    else
        account_failed(r, q, KITH_wrong_credentials);
}

static bool login_name(const kt_Login *t, struct name *out)
{
    const struct { enum name_kind kind; fb_str s; } names[] = {
        {NAME_username, kt_Login_username(t)},
        {NAME_email, kt_Login_email(t)},
        {NAME_phone, kt_Login_phone_number(t)},
    };
    unsigned n = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (names[i].s.n == 0)
            continue;
        *out = (struct name){names[i].kind, names[i].s.s, names[i].s.n};
        n++;
    }
    return n == 1;
}

static void begin_login(struct reactor *r, struct request *q)
{
    const kt_Login *t = request_table(q);
    struct account *a = q->account;
    fb_str password = kt_Login_password(t), sent = kt_Login_code(t);
    bool by_code = password.n == 0 && sent.n > 0 && kt_Login_phone_number(t).n > 0;
    struct name name;
    if (!login_name(t, &name)) {
        account_fault(r, q, "/username", "exactly_one_of_username_email_phone_number");
        return;
    }
    if (password.n > PASSWORD_MAX || (password.n == 0 && !by_code)) {
        account_fault(r, q, "/password", password.n == 0 ? "missing" : "too_long");
        return;
    }
    uint64_t id = names_find(r->server->store, name);
    const struct user *user = id != 0 ? store_account(r->server->store, id) : NULL;
    if (user == NULL && !reactor_fresh(r, q) && clock_mono_ns() < q->deadline_ns) {
        q->run = begin_login;
        reactor_park(r, q);
        return;
    }
    uint32_t n = 0;
    const char *stored = user != NULL ? user_string(user, USER_password, &n) : "";
    a->user = user != NULL ? id : 0;
    a->reactivate = kt_Login_reactivate(t);
    if (by_code) {
        ticket_code_hash(r, a->sent, (struct sent_code){a->user, sent});
        accounts_log_in(r, q, kt_Login_totp_code(t));
        return;
    }
    a->job.verify = true;
    if (n <= HASH_CHARS)
        memcpy(a->job.stored, stored, n);
    account_submit(r, q, password, login_verified);
}

// ---- refresh and logout ------------------------------------------------------------------------

// What is wrong with the token is not said.
static void refresh_outcome(struct reactor *r, struct request *q)
{
    enum kith_error error = (enum kith_error)q->outcome.error;
    q->place = q->outcome.place;
    if (error == KITH_ok)
        answer_session(r, q);
    else
        answer_error(r, q, error_row(error)->http >= 500 ? error : KITH_invalid_token);
}

static void begin_refresh(struct reactor *r, struct request *q)
{
    struct account *a = q->account;
    fb_str token = kt_TokenRefresh_refresh_token(request_table(q));
    uint8_t raw[REFRESH_BYTES];
    char old[SECRET_HEX + 1];
    fb_builder b;
    if (!base64_read(raw, sizeof raw, token.s, token.n)) {
        answer_error(r, q, KITH_invalid_token);
        return;
    }
    memcpy(&a->session, raw, 8);
    account_hash(old, raw + 8, REFRESH_RANDOM);
    const struct session *session = store_session(r->server->store, a->session);
    if (session == NULL || session->expires_ms < now_ms()) {
        answer_error(r, q, KITH_invalid_token);
        return;
    }
    a->user = session->user;
    draw_refresh(a);
    change_head(r, q, OP_session_rotate)->actor = a->user;
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_SessionRotate w = {0};
    kt_put_SessionRotate_session_id(&w, a->session);
    kt_put_SessionRotate_old_hash(&w, fb_string(&b, old, SECRET_HEX));
    kt_put_SessionRotate_new_hash(&w, fb_string(&b, a->hash, SECRET_HEX));
    kt_put_SessionRotate_expires_at(&w, now_ms() + REFRESH_MS);
    if (change_take(r, &b, kt_end_SessionRotate(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_internal);
    else
        account_log(r, q, refresh_outcome, begin_refresh);
}

static void logout_outcome(struct reactor *r, struct request *q)
{
    q->place = q->outcome.place;
    if (q->outcome.error != KITH_ok && q->outcome.error != KITH_not_found)
        answer_error(r, q, (enum kith_error)q->outcome.error);
    else
        answer_empty(r, q);
}

static void begin_logout(struct reactor *r, struct request *q)
{
    fb_builder b;
    if (q->session == 0) { // a service key has no session to end
        answer_empty(r, q);
        return;
    }
    change_head(r, q, OP_session_delete);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_SessionDelete w = {0};
    kt_put_SessionDelete_session_id(&w, q->session);
    if (change_take(r, &b, kt_end_SessionDelete(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_internal);
    else
        account_log(r, q, logout_outcome, begin_logout);
}

// ---- users in bulk -----------------------------------------------------------------------------

static uint64_t holder(const struct store *s, const kt_ImportUser *row)
{
    fb_str name = kt_ImportUser_username(row);
    return names_find(s, (struct name){NAME_username, name.s, name.n});
}

// The outcome's id has a bit for each row that was refused.
static void import_ids(const struct reactor *r, struct request *q, fb_vec users)
{
    struct account *a = q->account;
    for (uint32_t i = 0; i < users.n; i++) {
        bool refused = q->outcome.id >> i & 1;
        a->id[i] = refused ? 0 : holder(r->server->store, kt_at_ImportUser(users, i));
    }
}

static void import_wait(struct reactor *r, struct request *q)
{
    const struct account *a = q->account;
    fb_vec users = kt_ImportUsers_users(request_table(q));
    const struct store *store = r->server->store;
    bool late = clock_mono_ns() > q->deadline_ns;
    for (uint32_t i = 0; i < users.n; i++) {
        // Whoever is deactivated is there; who is gone meanwhile has left the name.
        if (a->id[i] == 0 || late || store_account(store, a->id[i]) != NULL ||
            holder(store, kt_at_ImportUser(users, i)) != a->id[i])
            continue;
        reactor_park(r, q);
        return;
    }
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_ImportedUsers w = {0};
    kt_put_ImportedUsers_user_ids(&w, fb_vector(&b, a->id, users.n, 8));
    answer_built(r, q, &b, kt_end_ImportedUsers(&b, &w));
}

static void import_outcome(struct reactor *r, struct request *q)
{
    q->place = q->outcome.place;
    if (q->outcome.error != KITH_ok) {
        answer_error(r, q, (enum kith_error)q->outcome.error);
        return;
    }
    import_ids(r, q, kt_ImportUsers_users(request_table(q)));
    q->deadline_ns = clock_mono_ns() + VISIBLE_NS;
    q->run = import_wait;
    import_wait(r, q);
}

// Who has no time of birth in the row is born now.
static fb_ref build_import(fb_builder *b, fb_vec users, uint64_t now)
{
    kt_new_ImportUsers w = {0};
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < users.n; i++) {
        const kt_ImportUser *row = kt_at_ImportUser(users, i);
        kt_new_ImportUser u = {0};
        ingest_stage(b, (struct fields){&kt_desc_ImportUser, row, UINT64_MAX}, &u);
        if (kt_ImportUser_created_at(row) == 0)
            kt_put_ImportUser_created_at(&u, now);
        fb_push(b, kt_end_ImportUser(b, &u));
    }
    kt_put_ImportUsers_users(&w, fb_refs(b, mark));
    return kt_end_ImportUsers(b, &w);
}

static void begin_import(struct reactor *r, struct request *q)
{
    fb_vec users = kt_ImportUsers_users(request_table(q));
    fb_builder b;
    if (users.n == 0) {
        account_fault(r, q, "/users", "missing");
        return;
    }
    change_head(r, q, OP_import_users);
    fb_init(&b, r->build, BUILD_BYTES);
    if (change_take(r, &b, build_import(&b, users, now_ms())) != KITH_ok)
        answer_error(r, q, KITH_too_large);
    else
        account_log(r, q, import_outcome, begin_import);
}

// ---- in ----------------------------------------------------------------------------------------

void accounts_begin(struct reactor *r, struct request *q)
{
    if (account_of(r, q) == NULL)
        return;
    switch (q->row->number) {
    case OP_register:
        begin_register(r, q);
        return;
    case OP_login:
        begin_login(r, q);
        return;
    case OP_token_refresh:
        begin_refresh(r, q);
        return;
    case OP_logout:
        begin_logout(r, q);
        return;
    case OP_import_users:
        begin_import(r, q);
        return;
    case OP_oauth_login:
    case OP_oauth_link:
    case OP_oauth_unlink:
        oauth_begin(r, q);
        return;
    case OP_totp_enable:
    case OP_totp_confirm:
    case OP_totp_disable:
        second_begin(r, q);
        return;
    default:
        tickets_begin(r, q);
    }
}

bool accounts_take(const struct op_row *row)
{
    static const uint16_t ops[] = {
        OP_register,     OP_login,          OP_token_refresh,   OP_logout,
        OP_import_users, OP_totp_enable,    OP_totp_confirm,    OP_totp_disable,
        OP_verify_email, OP_verify_request, OP_forgot_password, OP_reset_password,
        OP_login_code,   OP_oauth_login,    OP_oauth_link,      OP_oauth_unlink,
    };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (ops[i] == row->number)
            return true;
    return false;
}
