// Path and query parameters are put in front of the body's members as one JSON object, so that the
// parser judges them as it judges everything: unknown names, wrong types, two values for one field.
#include "api/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/account.h"
#include "api/answer.h"
#include "api/arrive.h"
#include "api/gate.h"
#include "api/live.h"
#include "api/router.h"
#include "api/validate.h"
#include "core/assert.h"
#include "core/fb_json_parse.h"
#include "net/address.h"

static const char openapi_path[] = "/api/openapi.json";

struct arrival {
    struct reactor *r;
    struct request *q;
    const struct http_request *h;
    struct route_match match;
};

// ---- who and what ------------------------------------------------------------------------------

static bool text_is(struct net_text t, const char *s)
{
    return t.n == strlen(s) && memcmp(t.s, s, t.n) == 0;
}

static bool read_number(struct net_text t, uint64_t *out)
{
    *out = 0;
    for (uint32_t i = 0; i < t.n; i++) {
        if (t.s[i] < '0' || t.s[i] > '9' || *out > UINT64_MAX / 10 - 1)
            return false;
        *out = *out * 10 + (uint64_t)(t.s[i] - '0');
    }
    return t.n > 0;
}

static enum kith_error identify(const struct arrival *a)
{
    struct identity who = {0};
    struct net_text auth = a->h->authorization;
    uint64_t viewer;
    enum kith_error err = KITH_ok;
    if (auth.n > 0) {
        if (auth.n < 8 || strncasecmp(auth.s, "Bearer ", 7) != 0)
            return KITH_invalid_token;
        err = gate_secret(a->r->server, auth.s + 7, auth.n - 7, &who);
    } else if (a->q->row->number == OP_subscribe && live_token(a->h).n > 0) {
        struct net_text token = live_token(a->h);
        err = gate_secret(a->r->server, token.s, token.n, &who);
    }
    if (err == KITH_ok && a->h->viewer.n > 0) {
        if (!who.service)
            return KITH_forbidden;
        if (!read_number(a->h->viewer, &viewer))
            return KITH_bad_request;
        err = gate_act_as(a->r->server, &who, viewer);
    }
    a->q->actor = who.user;
    a->q->session = who.session;
    a->q->service = who.service;
    a->q->service_key = who.service_key;
    return err;
}

// What is written down of where it came from: the last address that a proxy added, and how the
// client calls itself.
static void read_origin(const struct arrival *a)
{
    struct net_text agent = a->h->agent;
    struct request *q = a->q;
    q->forwarded = address_parse(address_last(a->h->forwarded), q->peer);
    bool opens = q->row->number == OP_login || q->row->number == OP_register ||
                 q->row->number == OP_oauth_login;
    if (agent.n == 0 || !opens)
        return;
    q->account = calloc(1, sizeof *q->account);
    for (uint32_t i = 0; q->account != NULL && i < agent.n && i < DEVICE_MAX; i++) {
        bool plain = agent.s[i] >= ' ' && agent.s[i] <= '~';
        q->account->device[i] = plain ? agent.s[i] : '?';
    }
}

static enum kith_error read_head(const struct arrival *a)
{
    uint64_t place = 0;
    if (a->h->place.n > 0 && !read_number(a->h->place, &place))
        return KITH_bad_request;
    arrive_demand(a->r, a->q, place);
    if (a->h->key.n == 0)
        return KITH_ok;
    return arrive_key(a->q, a->h->key.s, a->h->key.n) ? KITH_ok : KITH_bad_request;
}

static bool is_json(struct net_text t)
{
    const size_t n = sizeof "application/json" - 1;
    if (t.n < n || strncasecmp(t.s, "application/json", n) != 0)
        return false;
    return t.n == n || t.s[n] == ';' || t.s[n] == ' ';
}

// ---- one JSON object ---------------------------------------------------------------------------

struct composer { char *s; size_t n, cap; bool full; };

static void put(struct composer *c, const char *s, size_t n)
{
    if (n > c->cap - c->n) {
        c->full = true;
        return;
    }
    memcpy(c->s + c->n, s, n);
    c->n += n;
}

static void put_string(struct composer *c, const char *s, size_t n)
{
    put(c, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)s[i];
        char escaped[8];
        if (ch == '"' || ch == '\\')
            put(c, "\\", 1);
        if (ch < 0x20)
            put(c, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", ch));
        else
            put(c, s + i, 1);
    }
    put(c, "\"", 1);
}

static const fb_field *field_of(const fb_type *t, const char *name, size_t n)
{
    for (unsigned i = 0; i < t->n_names; i++)
        if (t->names[i].n == n && memcmp(t->names[i].s, name, n) == 0)
            return &t->fields[t->names[i].field];
    return NULL;
}

static bool is_integer(const char *s, size_t n)
{
    size_t i = n > 1 && s[0] == '-';
    if (n == 0 || n > 20 || (s[i] == '0' && n > i + 1))
        return false;
    for (; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return true;
}

// The form that the field's type wants; text that has no such form is left to the parser to refuse.
static void put_value(struct composer *c, const fb_field *f, const char *s, size_t n)
{
    bool number = f != NULL && fb_is_scalar(f->base) && f->base != FB_BOOL && is_integer(s, n);
    bool boolean = f != NULL && f->base == FB_BOOL;
    if (boolean && (n == 4 || n == 5) && (memcmp(s, "true", 4) == 0 || memcmp(s, "false", n) == 0))
        put(c, s, n);
    else if (boolean && n == 1 && (s[0] == '0' || s[0] == '1'))
        put(c, s[0] == '1' ? "true" : "false", s[0] == '1' ? 4 : 5);
    else if (number)
        put(c, s, n);
    else
        put_string(c, s, n);
}

// A list of numbers or texts: its elements with commas between them; nothing is an empty list.
static void put_values(struct composer *c, const fb_field *f, const char *s, size_t n)
{
    fb_field element = *f;
    element.base = f->elem;
    put(c, "[", 1);
    for (size_t at = 0; n > 0 && at <= n;) {
        const char *comma = memchr(s + at, ',', n - at);
        size_t end = comma != NULL ? (size_t)(comma - s) : n;
        put(c, ",", at > 0);
        put_value(c, &element, s + at, end - at);
        at = end + 1;
    }
    put(c, "]", 1);
}

// A parameter of the path or of the query, percent-encoded.
struct parameter { struct net_text name, value; bool query; };

static bool put_member(struct composer *c, const fb_type *t, const struct parameter *p)
{
    char text[HTTP_TARGET_MAX], *key = text, *val = text + p->name.n;
    size_t key_n = p->name.n, val_n = p->value.n;
    if (key_n + val_n > sizeof text)
        return false;
    memcpy(key, p->name.s, key_n);
    memcpy(val, p->value.s, val_n);
    if (!router_decode(val, &val_n, p->query) || (p->query && !router_decode(key, &key_n, true)))
        return false;
    put(c, c->n > 1 ? "," : "", c->n > 1);
    put_string(c, key, key_n);
    put(c, ":", 1);
    const fb_field *f = field_of(t, key, key_n);
    if (f != NULL && f->base == FB_VECTOR && f->elem != FB_OBJECT)
        put_values(c, f, val, val_n);
    else
        put_value(c, f, val, val_n);
    return true;
}

static bool put_query(struct composer *c, const fb_type *t, struct net_text query)
{
    const char *p = query.s, *end = query.s + query.n;
    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        if (amp == NULL)
            amp = end;
        const char *eq = memchr(p, '=', (size_t)(amp - p));
        const char *value = eq != NULL ? eq + 1 : amp, *name_end = eq != NULL ? eq : amp;
        const struct parameter one = {.name = {p, (uint32_t)(name_end - p)},
                                      .value = {value, (uint32_t)(amp - value)},
                                      .query = true};
        if (amp > p && !put_member(c, t, &one))
            return false;
        p = amp + 1;
    }
    return true;
}

static size_t skip_space(struct net_text t, size_t at)
{
    while (at < t.n && memchr(" \t\r\n", t.s[at], 4) != NULL)
        at++;
    return at;
}

// '{' parameters, and what a header field brings ',' members of the body. A body that is no object
// stands alone, for its own error.
static bool compose(const struct arrival *a, struct composer *c)
{
    const fb_type *t = a->match.row->request;
    put(c, "{", 1);
    for (unsigned i = 0; i < a->match.params; i++) {
        const struct route_param *p = &a->match.param[i];
        const struct parameter one = {.name = {p->name, (uint32_t)strlen(p->name)},
                                      .value = p->value};
        if (!put_member(c, t, &one))
            return false;
    }
    const struct parameter captcha = {.name = {"captcha", 7}, .value = a->h->captcha};
    if (captcha.value.n > 0 && field_of(t, "captcha", 7) != NULL && !put_member(c, t, &captcha))
        return false;
    if (!put_query(c, t, a->h->query))
        return false;
    size_t at = skip_space(a->h->body, 0);
    if (a->h->body.n == 0) {
        put(c, "}", 1);
        return true;
    }
    if (at == a->h->body.n || a->h->body.s[at] != '{') {
        c->n = 0;
        put(c, a->h->body.s, a->h->body.n);
        return true;
    }
    size_t first = skip_space(a->h->body, at + 1);
    if (c->n > 1 && first < a->h->body.n && a->h->body.s[first] != '}')
        put(c, ",", 1);
    put(c, a->h->body.s + at + 1, a->h->body.n - at - 1);
    return true;
}

static struct net_text composed(const struct composer *c)
{
    return (struct net_text){c->s, (uint32_t)c->n};
}

static fb_ref parse(const struct arrival *a, fb_builder *b, struct net_text text,
                    fb_json_error *err)
{
    fb_init(b, a->r->build, BUILD_BYTES);
    memset(err, 0, sizeof *err);
    return fb_json_parse(b, text.s, text.n, a->match.row->request, err);
}

// A body may repeat a path or query parameter if it says the same: then it is parsed as it is, and
// compared.
static bool repeats_agree(const struct arrival *a, struct composer *c, fb_builder *b, fb_ref *root)
{
    fb_builder one;
    fb_json_error err;
    const fb_type *t = a->match.row->request;
    struct net_text none = {NULL, 0};
    struct http_request without = *a->h;
    struct arrival params = *a;
    without.body = none;
    params.h = &without;
    *c = (struct composer){c->s, 0, c->cap, false};
    if (!compose(&params, c))
        return false;
    *root = parse(a, b, a->h->body, &err);
    size_t n = *root != 0 ? fb_finish(b, *root) : 0;
    uint8_t *copy = n > 0 ? malloc(n) : NULL;
    if (copy == NULL)
        return false;
    memcpy(copy, fb_data(b), n);
    fb_ref wanted = parse(a, &one, composed(c), &err);
    bool same = wanted != 0 && fb_finish(&one, wanted) > 0;
    const uint8_t *body = fb_root(copy), *given = same ? fb_root(fb_data(&one)) : NULL;
    for (unsigned i = 0; same && i < t->n_fields; i++) {
        const fb_field *f = &t->fields[i];
        uint32_t at = fb_at(given, f->slot), in = fb_at(body, f->slot);
        if (at == 0)
            continue;
        if (f->base == FB_STRING) {
            fb_str x = fb_sub_str(given, f->slot), y = fb_sub_str(body, f->slot);
            same = in != 0 && x.n == y.n && memcmp(x.s, y.s, x.n) == 0;
        } else {
            same = in != 0 && fb_is_scalar(f->base) &&
                   fb_load(given + at, f->base) == fb_load(body + in, f->base);
        }
    }
    if (same)
        same = request_keep_body(a->q, copy, (uint32_t)n);
    free(copy);
    return same;
}

static enum kith_error read_fields(const struct arrival *a)
{
    struct composer c = {.cap = (size_t)a->h->body.n + 8 * HTTP_TARGET_MAX};
    fb_builder b;
    fb_json_error err;
    c.s = reactor_text(a->r, c.cap);
    if (c.s == NULL)
        return KITH_overloaded;
    if (!compose(a, &c) || c.full)
        return KITH_bad_request;
    fb_ref root = parse(a, &b, composed(&c), &err);
    size_t n = root != 0 ? fb_finish(&b, root) : 0;
    if (n > 0)
        return request_keep_body(a->q, fb_data(&b), (uint32_t)n) ? KITH_ok : KITH_overloaded;
    if (root != 0)
        return KITH_too_large;
    if (err.code == FB_JSON_DUPLICATE && a->h->body.n > 0 && repeats_agree(a, &c, &b, &root))
        return KITH_ok;
    enum kith_error error = validate_json(&err, &a->q->fault);
    // A parameter twice in path and query, or otherwise in the body; a body that repeats itself is
    // bad.
    if (err.code == FB_JSON_DUPLICATE && (a->h->body.n == 0 || root != 0))
        error = KITH_conflicting_aliases;
    return error;
}

// ---- in ----------------------------------------------------------------------------------------

static void refuse(const struct arrival *a, enum kith_error error)
{
    if (error == KITH_invalid_field || error == KITH_unknown_field ||
        error == KITH_conflicting_aliases)
        answer_fault(a->r, a->q, error);
    else
        answer_error(a->r, a->q, error);
}

static void refuse_method(const struct arrival *a, bool options)
{
    char extra[ALLOW_BYTES + 16], json[1024];
    snprintf(extra, sizeof extra, "Allow: %s\r\n", a->match.allow);
    struct plain p = {.status = 204, .extra = extra};
    if (!options) {
        a->q->error = KITH_method_not_allowed;
        p.status = 405;
        p.content_type = "application/problem+json";
        p.n = answer_problem_json(json, sizeof json, KITH_method_not_allowed, a->q->number);
        p.body = json;
    }
    answer_plain(a->r, a->q, &p);
}

static bool answered_openapi(const struct arrival *a)
{
    const struct server *s = a->r->server;
    if (!text_is(a->h->path, openapi_path))
        return false;
    struct plain p = {200, "application/json", NULL, s->openapi, s->openapi_n};
    if (a->h->method == HTTP_GET || a->h->method == HTTP_HEAD) {
        answer_plain(a->r, a->q, &p);
        return true;
    }
    struct arrival here = *a;
    snprintf(here.match.allow, sizeof here.match.allow, "GET, HEAD, OPTIONS");
    refuse_method(&here, a->h->method == HTTP_OPTIONS);
    return true;
}

static enum kith_error enter(const struct arrival *a)
{
    enum kith_error err = identify(a);
    // Whoever is too often here is told so, whatever else is wrong: bad tokens count too.
    return limits_pass(a->r, a->q, a->h->forwarded) ? err : KITH_rate_limited;
}

static void arrived_live(struct arrival *a)
{
    a->q->row = op_row(OP_subscribe);
    a->q->op = OP_subscribe;
    enum kith_error err = enter(a);
    if (err == KITH_ok)
        live_begin(a->r, a->q, a->h);
    else
        answer_error(a->r, a->q, err);
}

static void arrived(struct arrival *a)
{
    if (answered_openapi(a))
        return;
    if (live_path(a->h->path)) {
        arrived_live(a);
        return;
    }
    if (!router_find(a->r->server->router, a->h->method, a->h->path, &a->match)) {
        answer_error(a->r, a->q, KITH_no_route);
        return;
    }
    if (a->match.row == NULL) {
        refuse_method(a, a->h->method == HTTP_OPTIONS);
        return;
    }
    a->q->row = a->match.row;
    a->q->op = a->match.row->number;
    enum kith_error err = enter(a);
    if (err == KITH_ok && (a->q->actor != 0 || a->q->service))
        net_trust(a->r->net, a->q->conn);
    if (err == KITH_ok)
        read_origin(a);
    if (err == KITH_ok)
        err = read_head(a);
    if (err == KITH_ok && a->h->body.n > 0 && !is_json(a->h->content_type))
        err = KITH_unsupported_media_type;
    if (err == KITH_ok && !arrive_known(a->q))
        err = KITH_unauthenticated;
    if (err == KITH_ok)
        err = read_fields(a);
    if (err == KITH_ok)
        arrive(a->r, a->q);
    else
        refuse(a, err);
}

void http_arrived(void *ctx, net_conn c, const struct http_request *h)
{
    struct arrival a = {.r = ctx, .h = h};
    a.q = request_new(&a.r->requests);
    if (a.q == NULL) {
        struct http_answer busy = {.status = 503, .extra = "Retry-After: 1\r\n",
                                   .head = h->method == HTTP_HEAD};
        net_send_http(a.r->net, c, h->sequence, &busy);
        return;
    }
    arrive_from(a.q, c, CHANNEL_HTTP, h->sequence);
    a.q->head = h->method == HTTP_HEAD;
    arrived(&a);
}
