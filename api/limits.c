// A name is hashed together with where it was asked from: a stranger's guesses shut nobody out
// elsewhere. Only failed logins count against it, and they are known when the password was tried:
// those under way at once may be too many, and are then paid back, so the rate holds in the long
// run.
#include "api/limits.h"

#include <string.h>

#include "api/reactor.h"
#include "core/assert.h"
#include "core/hash.h"
#include "core/random.h"
#include "net/address.h"

enum { NAME_BYTES = 320 };       // of a name that are looked at: longer ones are not valid

// ---- rules -------------------------------------------------------------------------------------

static char *put_text(char *out, const char *s)
{
    size_t n = strlen(s);
    memcpy(out, s, n);
    return out + n;
}

static char *put_number(char *out, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + v % 10);
    while (v /= 10);
    memcpy(out, digits + at, sizeof digits - at);
    return out + sizeof digits - at;
}

static void write_texts(struct limit_rule *rule)
{
    char *at = put_text(rule->name, rate_row(rule->rate)->name);
    if (rule->by != LIMIT_USER)
        at = put_text(put_text(at, "-"), limit_by_name(rule->by));
    *at = '\0';
    at = put_text(put_text(rule->head, "RateLimit-Policy: \""), rule->name);
    at = put_number(put_text(at, "\";q="), rule->burst);
    at = put_number(put_text(at, ";w="), limit_seconds(rule->until_full_ns));
    at = put_text(put_text(put_text(at, "\r\nRateLimit: \""), rule->name), "\";r=");
    *at = '\0';
    ASSERT(at < rule->head + sizeof rule->head);
}

static void make_rule(struct limit_rule *rule, struct rate rate)
{
    random_bytes(&rule->seed, sizeof rule->seed);
    if (rate.tokens == 0)
        return;
    ASSERT(rate.seconds > 0 && rate.burst > 0);
    rule->every_ns = (uint64_t)rate.seconds * 1000000000 / rate.tokens;
    rule->until_full_ns = rule->every_ns * rate.burst;
    rule->burst = rate.burst;
    write_texts(rule);
}

bool limits_init(struct limits *l, const struct limit_options *o)
{
    *l = (struct limits){.local = o->local};
    for (unsigned c = 0; c < RATES; c++) {
        for (unsigned by = 0; by < LIMIT_BYS; by++) {
            l->rule[c][by].rate = (uint8_t)c;
            l->rule[c][by].by = (uint8_t)by;
            make_rule(&l->rule[c][by], o->rate[c][by]);
        }
        l->account[c] = l->rule[c][LIMIT_ACCOUNT].every_ns > 0;
    }
    return buckets_init(&l->buckets, BUCKETS_DEFAULT);
}

void limits_free(struct limits *l)
{
    buckets_free(&l->buckets);
}

// ---- requests ----------------------------------------------------------------------------------

bool limits_believe(const struct server *s, uint64_t address)
{
    const struct limit_options *o = &s->opt.limits;
    for (unsigned i = 0; i < o->proxies; i++)
        if (o->proxy[i] == address)
            return true;
    return false;
}

static uint64_t origin(const struct reactor *r, const struct request *q, struct net_text forwarded)
{
    uint64_t peer = net_address(r->net, q->conn);
    return limits_believe(r->server, peer) ? address_read(address_last(forwarded)) : peer;
}

struct bucket_ask limits_ask(const struct limit_rule *rule, const struct request *q, uint64_t key)
{
    uint64_t hash = hash_u64(key, rule->seed);
    return (struct bucket_ask){hash ? hash : 1, q->began_ns, rule->every_ns, rule->until_full_ns};
}

static void refused(struct reactor *r, const struct limit_rule *rule)
{
    stats_add(&r->stats.limited[rule->rate][rule->by], 1);
}

static bool take(struct reactor *r, struct request *q, const struct limit_rule *rule, uint64_t key)
{
    struct bucket_ask ask = limits_ask(rule, q, key);
    struct bucket_level v = buckets_take(&r->server->limits.buckets, &ask);
    if (q->limit.rule == NULL || v.wait_ns > 0)
        q->limit = (struct limit_verdict){rule, v.debt_ns, v.wait_ns};
    if (v.wait_ns == 0)
        return true;
    refused(r, rule);
    return false;
}

bool limits_pass(struct reactor *r, struct request *q, struct net_text forwarded)
{
    const struct limits *l = &r->server->limits;
    const struct limit_rule *rules = l->rule[q->row->rate];
    if (q->service_key != 0)
        return rules[LIMIT_KEY].every_ns == 0 || take(r, q, &rules[LIMIT_KEY], q->service_key);
    q->address = origin(r, q, forwarded);
    if (q->actor != 0 && rules[LIMIT_USER].every_ns != 0 &&
        !take(r, q, &rules[LIMIT_USER], q->actor))
        return false;
    if (q->address == ADDRESS_NONE || rules[LIMIT_ADDRESS].every_ns == 0 ||
        (address_is_local(q->address) && !l->local))
        return true;
    return take(r, q, &rules[LIMIT_ADDRESS], q->address);
}

uint64_t limits_account(const struct request *q, uint64_t where)
{
    static const char *const fields[] = {"username", "email", "phone_number"};
    const fb_type *t = q->row->request;
    char lower[NAME_BYTES];
    for (unsigned i = 0; i < t->n_fields; i++) {
        for (unsigned k = 0; k < sizeof fields / sizeof *fields; k++) {
            if (t->fields[i].base != FB_STRING || strcmp(t->fields[i].name, fields[k]) != 0)
                continue;
            fb_str s = fb_sub_str(request_table(q), t->fields[i].slot);
            uint32_t n = s.n < NAME_BYTES ? s.n : NAME_BYTES;
            for (uint32_t b = 0; b < n; b++)
                lower[b] = s.s[b] >= 'A' && s.s[b] <= 'Z' ? (char)(s.s[b] + 32) : s.s[b];
            if (n > 0)
                return hash64(lower, n, where) | 1;
        }
    }
    return q->actor;
}

bool limits_pass_account(struct reactor *r, struct request *q)
{
    const struct limits *l = &r->server->limits;
    const struct limit_rule *rule = &l->rule[q->row->rate][LIMIT_ACCOUNT];
    if (q->service_key != 0 || (q->account_hash = limits_account(q, q->address)) == 0)
        return true;
    if (!rate_row(q->row->rate)->failures)
        return take(r, q, rule, q->account_hash);
    struct bucket_ask ask = limits_ask(rule, q, q->account_hash);
    struct bucket_level v = buckets_look(&l->buckets, &ask);
    if (v.wait_ns == 0)
        return true;
    q->limit = (struct limit_verdict){rule, v.debt_ns, v.wait_ns};
    refused(r, rule);
    return false;
}

void limits_ended(struct reactor *r, const struct request *q, unsigned status)
{
    struct limits *l = &r->server->limits;
    if (status != 401 || !rate_row(q->row->rate)->failures)
        return;
    struct bucket_ask ask = limits_ask(&l->rule[q->row->rate][LIMIT_ACCOUNT], q, q->account_hash);
    buckets_owe(&l->buckets, &ask);
}

// ---- what the client is told -------------------------------------------------------------------

uint32_t limit_left(const struct limit_verdict *v)
{
    const struct limit_rule *rule = v->rule;
    return v->debt_ns < rule->until_full_ns
               ? (uint32_t)((rule->until_full_ns - v->debt_ns) / rule->every_ns)
               : 0;
}

uint32_t limit_seconds(uint64_t ns)
{
    return (uint32_t)((ns + 999999999) / 1000000000);
}

size_t limit_header(char out[LIMIT_HEADER], const struct limit_verdict *v)
{
    char *at = put_number(put_text(out, v->rule->head), limit_left(v));
    at = put_number(put_text(at, ";t="), limit_seconds(v->debt_ns));
    at = put_text(at, "\r\n");
    ASSERT(at <= out + LIMIT_HEADER);
    return (size_t)(at - out);
}
