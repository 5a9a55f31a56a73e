// Both counts and used tokens lie in the buckets of the limits (api/buckets.h), so memory is fixed.
// A used token is a bucket of one that is not full again for two turns (api/spent.h); where a line
// has no room, who owes least is forgotten, and a token owes more than most.
#include "api/captcha.h"

#include <stddef.h>
#include <string.h>

#include "api/limits.h"
#include "api/reactor.h"
#include "core/clock.h"
#include "core/fb_copy.h"
#include "core/hash.h"
#include "core/random.h"
#include "net/address.h"

// How long a token can be good at most, where clocks are as right as they have to be.
#define KEPT_NS ((CAPTCHA_LIFE_S + 2 * PROVIDER_LEEWAY_S) * UINT64_C(1000000000))

static const fb_str provider = {"captcha", 7};

bool captcha_open(struct captcha *c, const char *path, char *why)
{
    random_bytes(&c->seed, sizeof c->seed);
    spent_begin(&c->spent, clock_mono_ns(), KEPT_NS);
    if (!provider_set_open(&c->verifier, path, why))
        return false;
    captcha_since(c, clock_wall_ms());
    return true;
}

void captcha_since(struct captcha *c, uint64_t ms)
{
    if (c->verifier.path != NULL)
        spent_raise(&c->spent, ms / 1000 + PROVIDER_LEEWAY_S);
}

void captcha_close(struct captcha *c)
{
    if (c->verifier.path != NULL)
        spent_end(&c->spent);
    provider_set_close(&c->verifier);
}

// ---- who is suspect ----------------------------------------------------------------------------

static bool concerns(const struct reactor *r, const struct request *q)
{
    bool enters = q->row != NULL &&
                  (q->row->number == OP_login || q->row->number == OP_register);
    return enters && r->server->captcha.verifier.path != NULL && q->service_key == 0;
}

// The buckets that q counts in: its address's, and for a login the name's; how many.
struct counted { enum limit_by by; struct bucket_ask ask; };

static unsigned counted_in(const struct reactor *r, const struct request *q, struct counted out[2])
{
    const struct limits *l = &r->server->limits;
    const struct limit_rule *rule = l->rule[RATE_CAPTCHA];
    unsigned n = 0;
    bool known = q->address != ADDRESS_NONE && (l->local || !address_is_local(q->address));
    if (known && rule[LIMIT_ADDRESS].every_ns != 0)
        out[n++] = (struct counted){LIMIT_ADDRESS,
                                    limits_ask(&rule[LIMIT_ADDRESS], q, q->address)};
    uint64_t name = q->row->number == OP_login ? limits_account(q, 0) : 0;
    if (name != 0 && rule[LIMIT_ACCOUNT].every_ns != 0)
        out[n++] = (struct counted){LIMIT_ACCOUNT, limits_ask(&rule[LIMIT_ACCOUNT], q, name)};
    return n;
}

static void owe(struct reactor *r, const struct request *q)
{
    struct counted in[2];
    unsigned n = counted_in(r, q, in);
    for (unsigned i = 0; i < n; i++)
        buckets_owe(&r->server->limits.buckets, &in[i].ask);
}

// By what; LIMIT_BYS: it is not.
static enum limit_by suspect(const struct reactor *r, const struct request *q)
{
    struct counted in[2];
    unsigned n = counted_in(r, q, in);
    enum limit_by by = LIMIT_BYS;
    for (unsigned i = 0; i < n; i++)
        if (buckets_look(&r->server->limits.buckets, &in[i].ask).wait_ns > 0)
            by = in[i].by;
    return by;
}

// ---- tokens ------------------------------------------------------------------------------------

// What a token says of itself.
struct word { char id[JWT_TEXT]; uint64_t issued_s; };

// Whether the verifier says that a challenge was solved.
static bool vouches(const struct jwt *t, struct word *w)
{
    uint64_t expires;
    return jwt_true(t->claims, "success") && jwt_string(t->claims, "jti", w->id) &&
           w->id[0] != '\0' && jwt_number(t->claims, "iat", &w->issued_s) &&
           jwt_number(t->claims, "exp", &expires) && expires >= w->issued_s &&
           expires - w->issued_s <= CAPTCHA_LIFE_S;
}

static struct bucket_ask use_of(const struct request *q, uint64_t hash)
{
    return (struct bucket_ask){hash | 1, q->began_ns, 2 * KEPT_NS, 2 * KEPT_NS};
}

// A registration under an idempotency key may come again with the token that it came with: it is
// done once all the same. A login is not, so a token is one guess.
static bool first_use(struct reactor *r, const struct request *q, const struct word *w)
{
    struct captcha *c = &r->server->captcha;
    struct buckets *used = &r->server->limits.buckets;
    uint64_t hash = hash64(w->id, strlen(w->id), c->seed);
    if (!spent_knows(&c->spent, q->began_ns, w->issued_s))
        return false;
    bool keyed = q->keyed && q->row->number == OP_register;
    struct bucket_ask one = use_of(q, hash);
    struct bucket_ask again = use_of(q, hash64(&q->key, offsetof(struct entry_key, request), hash));
    if (buckets_take(used, &one).wait_ns > 0)
        return keyed && buckets_look(used, &again).wait_ns > 0;
    if (keyed)
        buckets_owe(used, &again);
    return true;
}

static bool solved(struct reactor *r, const struct request *q)
{
    static _Thread_local struct jwt t;
    struct captcha *c = &r->server->captcha;
    struct word word;
    fb_str text = fb_text_of(q->row->request, request_table(q), "captcha");
    struct id_token token = {provider, text, clock_wall_ms() / 1000};
    const struct providers *known = provider_set_hold(&c->verifier);
    bool good = text.n > 0 && providers_signed(known, token, &t);
    provider_set_release(&c->verifier, known);
    return good && vouches(&t, &word) && first_use(r, q, &word);
}

// ---- in ----------------------------------------------------------------------------------------

bool captcha_pass(struct reactor *r, const struct request *q)
{
    if (!concerns(r, q))
        return true;
    enum limit_by by = suspect(r, q);
    if (by != LIMIT_BYS && !solved(r, q)) {
        stats_add(&r->stats.limited[RATE_CAPTCHA][by], 1);
        return false;
    }
    if (q->row->number == OP_register)
        owe(r, q);
    return true;
}

void captcha_ended(struct reactor *r, const struct request *q)
{
    // Who has the right password and is asked for the second factor has guessed nothing.
    bool wrong = q->error == KITH_wrong_credentials || q->error == KITH_wrong_code;
    if (wrong && concerns(r, q) && q->row->number == OP_login)
        owe(r, q);
}
