// Which step a code belongs to is found out here, by the clock; that no step is used twice is seen
// to by the decider.
#include "api/second.h"

#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>

#include "api/answer.h"
#include "api/changes.h"
#include "core/clock.h"
#include "core/random.h"
#include "store/store.h"
#include "store/user_record.h"

enum { RECOVERY_BYTES = 10, RECOVERY_LETTERS = 16, RECOVERY_GROUP = 4 };

// ---- codes -------------------------------------------------------------------------------------

// Letters as they were drawn, whatever case and dashes they are typed with.
static size_t recovery_letters(char out[RECOVERY_LETTERS], fb_str code)
{
    size_t n = 0;
    for (uint32_t i = 0; i < code.n; i++) {
        char c = code.s[i];
        if (c == '-' || c == ' ')
            continue;
        if (n == RECOVERY_LETTERS)
            return 0;
        out[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return n;
}

static bool read_key(uint8_t out[TOTP_KEY], fb_str hex)
{
    size_t n = 0;
    int bad = sodium_hex2bin(out, TOTP_KEY, hex.s, hex.n, NULL, &n, NULL);
    return bad == 0 && n == TOTP_KEY;
}

static bool take_code(struct account *a, const struct user_state *state, fb_str code)
{
    char letters[RECOVERY_LETTERS];
    uint8_t key[TOTP_KEY];
    a->step = 0;
    a->recovery[0] = '\0';
    if (recovery_letters(letters, code) == RECOVERY_LETTERS) {
        account_hash(a->recovery, letters, sizeof letters);
        return true;
    }
    if (read_key(key, state->secrets.totp))
        a->step = totp_match(key, code.s, code.n, clock_wall_ms() / 1000);
    sodium_memzero(key, sizeof key);
    return a->step != 0;
}

enum kith_error second_judge(struct account *a, const struct user *user, fb_str code)
{
    struct user_state state;
    user_state(user, &state);
    if (!state.two_factor)
        return KITH_ok;
    if (code.n == 0)
        return KITH_two_factor_required;
    return take_code(a, &state, code) ? KITH_ok : KITH_wrong_code;
}

// ---- answers -----------------------------------------------------------------------------------

static void answer_key(struct reactor *r, struct request *q)
{
    const struct user *user = store_user(r->server->store, q->actor);
    char secret[TOTP_KEY_CHARS + 1], url[256];
    uint32_t n = 0;
    const char *name = user != NULL ? user_string(user, USER_username, &n) : "";
    totp_base32(secret, q->account->key, TOTP_KEY);
    snprintf(url, sizeof url,
             "otpauth://totp/Kith:%.*s?secret=%s&issuer=Kith&algorithm=SHA1&digits=%d&period=%d",
             (int)n, name, secret, TOTP_DIGITS, TOTP_STEP_S);
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_TotpKey w = {0};
    kt_put_TotpKey_secret(&w, fb_cstring(&b, secret));
    kt_put_TotpKey_url(&w, fb_cstring(&b, url));
    answer_built(r, q, &b, kt_end_TotpKey(&b, &w));
}

static void answer_codes(struct reactor *r, struct request *q)
{
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_RecoveryCodes w = {0};
    uint32_t mark = fb_mark(&b);
    for (unsigned i = 0; i < RECOVERY_CODES; i++)
        fb_push(&b, fb_cstring(&b, q->account->codes[i]));
    kt_put_RecoveryCodes_recovery_codes(&w, fb_refs(&b, mark));
    answer_built(r, q, &b, kt_end_RecoveryCodes(&b, &w));
}

static void changed(struct reactor *r, struct request *q)
{
    q->place = q->outcome.place;
    if (q->outcome.error != KITH_ok)
        answer_error(r, q, (enum kith_error)q->outcome.error);
    else if (q->row->number == OP_totp_enable)
        answer_key(r, q);
    else if (q->row->number == OP_totp_confirm)
        answer_codes(r, q);
    else
        answer_empty(r, q);
}

// ---- entries -----------------------------------------------------------------------------------

static void draw_codes(fb_builder *b, kt_new_TotpChange *w, struct account *a)
{
    uint32_t mark = fb_mark(b);
    for (unsigned i = 0; i < RECOVERY_CODES; i++) {
        uint8_t random[RECOVERY_BYTES];
        char letters[RECOVERY_LETTERS + 1], hash[SECRET_HEX + 1], *to = a->codes[i];
        random_bytes(random, sizeof random);
        totp_base32(letters, random, sizeof random);
        account_hash(hash, letters, RECOVERY_LETTERS);
        for (unsigned k = 0; k < RECOVERY_LETTERS; k++) {
            if (k > 0 && k % RECOVERY_GROUP == 0)
                *to++ = '-';
            *to++ = letters[k];
        }
        *to = '\0';
        fb_push(b, fb_cstring(b, hash));
    }
    kt_put_TotpChange_recovery(w, fb_refs(b, mark));
}

static void log_change(struct reactor *r, struct request *q)
{
    struct account *a = q->account;
    char hex[2 * TOTP_KEY + 1];
    fb_builder b;
    change_head(r, q, q->row->number);
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_TotpChange w = {0};
    kt_put_TotpChange_user_id(&w, a->user);
    sodium_bin2hex(hex, sizeof hex, a->key, TOTP_KEY);
    if (q->row->number != OP_totp_disable)
        kt_put_TotpChange_key(&w, fb_cstring(&b, hex));
    if (q->row->number == OP_totp_confirm)
        draw_codes(&b, &w, a);
    kt_put_TotpChange_step(&w, a->step);
    if (a->recovery[0] != '\0')
        kt_put_TotpChange_recovery_hash(&w, fb_cstring(&b, a->recovery));
    sodium_memzero(hex, sizeof hex);
    if (change_take(r, &b, kt_end_TotpChange(&b, &w)) != KITH_ok)
        answer_error(r, q, KITH_internal);
    else
        account_log(r, q, changed, log_change);
}

static enum kith_error judge_code(struct account *a, const struct user_state *state,
                                  const struct request *q)
{
    const void *t = request_table(q);
    bool confirm = q->row->number == OP_totp_confirm;
    if (confirm && state->two_factor)
        return KITH_two_factor_on;
    if (confirm ? !read_key(a->key, state->secrets.totp) : !state->two_factor)
        return KITH_two_factor_off;
    bool right = take_code(a, state, confirm ? kt_TotpConfirm_code(t) : kt_TotpDisable_code(t));
    return right && (!confirm || a->step != 0) ? KITH_ok : KITH_wrong_code;
}

void second_begin(struct reactor *r, struct request *q)
{
    struct account *a = q->account;
    const struct user *user = store_user(r->server->store, q->actor);
    struct user_state state;
    if (user == NULL) {
        answer_error(r, q, KITH_not_found);
        return;
    }
    // What was changed a moment ago on another connection may not have come here yet.
    if (!reactor_fresh(r, q) && clock_mono_ns() < q->deadline_ns) {
        q->run = second_begin;
        reactor_park(r, q);
        return;
    }
    a->user = q->actor;
    // What is shown once is not shown again to who repeats himself.
    q->keyed = false;
    user_state(user, &state);
    if (q->row->number == OP_totp_enable) {
        random_bytes(a->key, sizeof a->key);
        log_change(r, q);
        return;
    }
    enum kith_error error = judge_code(a, &state, q);
    if (error == KITH_wrong_code)
        account_failed(r, q, error);
    else if (error != KITH_ok)
        answer_error(r, q, error);
    else
        log_change(r, q);
}
