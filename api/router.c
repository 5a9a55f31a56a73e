// A segment's text is looked for first, then the parameter; where the first leads nowhere the
// second is tried.
#include "api/router.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

struct node {
    const char *text;          // of the segment; the parameter's name without braces
    size_t n;
    bool param;
    struct node *child, *sibling; // parameters come last
    const struct op_row *row[ROUTE_METHODS]; // by enum http_method, GET to DELETE
};

struct router {
    struct node root;
};

static const char *const method_names[ROUTE_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

static void free_below(struct node *n)
{
    while (n->child != NULL) {
        struct node *c = n->child;
        n->child = c->sibling;
        free_below(c);
        free(c);
    }
}

void router_free(struct router *r)
{
    if (r == NULL)
        return;
    free_below(&r->root);
    free(r);
}

static struct node *child_of(struct node *at, const char *text, size_t n)
{
    bool param = n > 2 && text[0] == '{';
    if (param) {
        text++;
        n -= 2;
    }
    struct node **link = &at->child;
    for (; *link != NULL; link = &(*link)->sibling) {
        struct node *c = *link;
        if (c->param == param && c->n == n && memcmp(c->text, text, n) == 0)
            return c;
        if (!param && c->param)
            break;
    }
    struct node *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct node){.text = text, .n = n, .param = param, .sibling = *link};
    *link = c;
    return c;
}

static int method_of(const char *s, size_t n)
{
    for (int m = 0; m < ROUTE_METHODS; m++)
        if (strlen(method_names[m]) == n && memcmp(method_names[m], s, n) == 0)
            return m;
    return -1;
}

// One "METHOD /path" of a row.
static bool add(struct router *r, const struct op_row *row, const char *s, size_t n)
{
    const char *space = memchr(s, ' ', n), *end = s + n;
    ASSERT(space != NULL);
    int method = method_of(s, (size_t)(space - s));
    ASSERT(method >= 0);
    struct node *at = &r->root;
    const char *p = space + 1;
    while (p < end) {
        ASSERT(*p == '/');
        const char *next = memchr(p + 1, '/', (size_t)(end - p - 1));
        if (next == NULL)
            next = end;
        at = child_of(at, p + 1, (size_t)(next - p - 1));
        if (at == NULL)
            return false;
        p = next;
    }
    ASSERT(at->row[method] == NULL);
    at->row[method] = row;
    return true;
}

static bool add_all(struct router *r, const struct op_row *row)
{
    const char *s = row->http;
    for (;;) {
        const char *bar = strstr(s, " | ");
        size_t n = bar != NULL ? (size_t)(bar - s) : strlen(s);
        if (!add(r, row, s, n))
            return false;
        if (bar == NULL)
            return true;
        s = bar + 3;
    }
}

struct router *router_new(void)
{
    struct router *r = calloc(1, sizeof *r);
    for (unsigned op = 0; r != NULL && op < OP_LIMIT; op++) {
        const struct op_row *row = op_row(op);
        if (row == NULL || row->http == NULL || add_all(r, row))
            continue;
        router_free(r);
        return NULL;
    }
    return r;
}

static const struct node *walk(const struct node *at, struct net_text rest, struct route_match *out)
{
    if (rest.n == 0) {
        for (unsigned m = 0; m < ROUTE_METHODS; m++)
            if (at->row[m] != NULL)
                return at;
        return NULL;
    }
    if (rest.s[0] != '/')
        return NULL;
    const char *end = memchr(rest.s + 1, '/', rest.n - 1);
    uint32_t n = (uint32_t)(end != NULL ? end - rest.s - 1 : (ptrdiff_t)rest.n - 1);
    struct net_text segment = {rest.s + 1, n}, after = {rest.s + 1 + n, rest.n - 1 - n};
    unsigned params = out->params;
    for (const struct node *c = at->child; c != NULL; c = c->sibling) {
        bool same = c->param ? n > 0 && params < ROUTE_PARAMS_MAX
                             : c->n == n && memcmp(c->text, segment.s, n) == 0;
        if (!same)
            continue;
        if (c->param)
            out->param[out->params++] = (struct route_param){c->text, segment};
        const struct node *found = walk(c, after, out);
        if (found != NULL)
            return found;
        out->params = params;
    }
    return NULL;
}

static void write_allow(const struct node *at, char *out)
{
    size_t n = 0;
    for (unsigned m = 0; m < ROUTE_METHODS; m++) {
        if (at->row[m] == NULL)
            continue;
        const char *names[] = {method_names[m], m == HTTP_GET ? "HEAD" : NULL};
        for (unsigned i = 0; i < 2 && names[i] != NULL; i++) {
            if (n > 0) {
                memcpy(out + n, ", ", 2);
                n += 2;
            }
            memcpy(out + n, names[i], strlen(names[i]));
            n += strlen(names[i]);
        }
    }
    memcpy(out + n, ", OPTIONS", sizeof ", OPTIONS");
    ASSERT(n + sizeof ", OPTIONS" <= ALLOW_BYTES);
}

// A parameter's name ends at its brace in ops.def; the match wants it as text of its own.
static void name_params(struct route_match *out)
{
    const struct op_row *row = out->row;
    for (unsigned i = 0; row != NULL && i < out->params; i++) {
        size_t n = strcspn(out->param[i].name, "}");
        for (unsigned f = 0; f < row->request->n_fields; f++) {
            const char *name = row->request->fields[f].name;
            if (strlen(name) == n && memcmp(name, out->param[i].name, n) == 0)
                out->param[i].name = name;
        }
    }
}

bool router_find(const struct router *r, enum http_method method, struct net_text path,
                 struct route_match *out)
{
    out->row = NULL;
    out->params = 0;
    const struct node *at = walk(&r->root, path, out);
    if (at == NULL)
        return false;
    write_allow(at, out->allow);
    if (method == HTTP_HEAD)
        method = HTTP_GET;
    if ((int)method < ROUTE_METHODS)
        out->row = at->row[method];
    name_params(out);
    return true;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool router_decode(char *s, size_t *n, bool query)
{
    size_t to = 0;
    for (size_t i = 0; i < *n; i++) {
        char c = s[i];
        if (c == '%') {
            bool whole = i + 2 < *n;
            int hi = whole ? hex(s[i + 1]) : -1, lo = whole ? hex(s[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return false;
            c = (char)(hi << 4 | lo);
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        s[to++] = c;
    }
    *n = to;
    return true;
}
