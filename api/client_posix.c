// Sockets of the client. All are non-blocking: a request may have to be written while answers wait
// to be read, or both ends would wait for each other.
#include "api/client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/errors.h"
#include "core/fb_build.h"
#include "core/fb_verify.h"
#include "core/ops.h"
#include "kith_fb.h"

enum {
    OUT_FLUSH = 256 << 10,   // queued bytes at which they are written
    IN_FIRST = 256 << 10,
    TIMEOUT_MS = 30000,
    CONNECT_MS = 10000,
};

// ---- connecting --------------------------------------------------------------------------------

static int wait_connected(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n = poll(&p, 1, CONNECT_MS);
    if (n == 0)
        return ETIMEDOUT;
    if (n < 0)
        return errno;
    int err = 0;
    socklen_t size = sizeof err;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0)
        return errno;
    return err;
}

static int connect_to(const struct sockaddr *to, socklen_t size, int *out)
{
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    int err = connect(fd, to, size) == 0 ? 0 : errno;
    if (err == EINPROGRESS)
        err = wait_connected(fd);
    if (err != 0) {
        close(fd);
        return err;
    }
    if (to->sa_family != AF_UNIX) {
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    *out = fd;
    return 0;
}

static int connect_unix(const char *path, int *fd)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        return ENAMETOOLONG;
    memcpy(to.sun_path, path, strlen(path) + 1);
    return connect_to((const struct sockaddr *)&to, sizeof to, fd);
}

static int connect_tcp(const char *address, int *fd, char *why)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || (size_t)(colon - address) >= sizeof host) {
        snprintf(why, CLIENT_WHY, "%s: an address is HOST:PORT or unix:PATH", address);
        return EINVAL;
    }
    size_t n = (size_t)(colon - address);
    bool bracketed = address[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? n - 2 : n), address + bracketed);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int bad = getaddrinfo(host, colon + 1, &hints, &found);
    if (bad != 0) {
        snprintf(why, CLIENT_WHY, "%s: %s", address, gai_strerror(bad));
        return EHOSTUNREACH;
    }
    int err = EHOSTUNREACH;
    for (const struct addrinfo *a = found; a != NULL && err != 0; a = a->ai_next)
        err = connect_to(a->ai_addr, a->ai_addrlen, fd);
    freeaddrinfo(found);
    return err;
}

int client_connect(const char *address, int *fd, char *why)
{
    *fd = -1;
    why[0] = '\0';
    bool local = strncmp(address, "unix:", 5) == 0;
    int err = local ? connect_unix(address + 5, fd) : connect_tcp(address, fd, why);
    if (err != 0 && why[0] == '\0')
        snprintf(why, CLIENT_WHY, "cannot connect to %.128s: %s", address, strerror(err));
    return err;
}

int client_open(struct client *c, const char *address)
{
    memset(c, 0, sizeof *c);
    c->timeout_ms = TIMEOUT_MS;
    int err = client_connect(address, &c->fd, c->why);
    if (err != 0)
        return err;
    c->in_cap = IN_FIRST;
    c->out_cap = OUT_FLUSH;
    c->in = malloc(c->in_cap);
    c->out = malloc(c->out_cap);
    ASSERT(c->in != NULL && c->out != NULL);
    return 0;
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->in);
    free(c->out);
    c->fd = -1;
    c->in = c->out = NULL;
}

// ---- bytes -------------------------------------------------------------------------------------

static int broken(struct client *c, int err, const char *what)
{
    snprintf(c->why, sizeof c->why, "%s", what);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    return err;
}

// Room for n bytes behind in_end.
static void in_reserve(struct client *c, size_t n)
{
    if (c->in_begin > 0) {
        memmove(c->in, c->in + c->in_begin, c->in_end - c->in_begin);
        c->in_end -= c->in_begin;
        c->in_begin = 0;
    }
    if (c->in_end + n <= c->in_cap)
        return;
    while (c->in_end + n > c->in_cap)
        c->in_cap *= 2;
    c->in = realloc(c->in, c->in_cap);
    ASSERT(c->in != NULL);
}

// Reads what is there. 0, EAGAIN when nothing is, or the end of the connection.
static int read_some(struct client *c)
{
    if (c->in_cap - c->in_end < 64 << 10)
        in_reserve(c, 64 << 10);
    ssize_t n = read(c->fd, c->in + c->in_end, c->in_cap - c->in_end);
    if (n > 0) {
        c->in_end += (size_t)n;
        return 0;
    }
    if (n == 0)
        return broken(c, ECONNRESET, "the server closed the connection");
    if (errno == EAGAIN || errno == EINTR)
        return EAGAIN;
    int err = errno;
    return broken(c, err, strerror(err));
}

static int wait_for(struct client *c, short events)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    int n = poll(&p, 1, c->timeout_ms);
    if (n == 0)
        return broken(c, ETIMEDOUT, "no answer in time");
    return n < 0 && errno != EINTR ? broken(c, errno, strerror(errno)) : 0;
}

int client_flush(struct client *c)
{
    while (c->fd >= 0 && c->out_done < c->out_n) {
        ssize_t n = send(c->fd, c->out + c->out_done, c->out_n - c->out_done, MSG_NOSIGNAL);
        if (n > 0) {
            c->out_done += (size_t)n;
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            // What the server said before it closed may still be read.
            int err = errno;
            return c->in_end > c->in_begin ? 0 : broken(c, err, strerror(err));
        }
        int err = wait_for(c, POLLIN | POLLOUT);
        if (err == 0)
            err = read_some(c);
        if (err != 0 && err != EAGAIN)
            return err;
    }
    c->out_n = c->out_done = 0;
    return c->fd >= 0 ? 0 : ENOTCONN;
}

// ---- frames ------------------------------------------------------------------------------------

static size_t key_bytes(const char *key)
{
    return key == NULL ? 0 : (1 + strlen(key) + 7) / 8 * 8;
}

size_t client_frame_bytes(const struct client_request *r)
{
    return sizeof(struct frame_head) + key_bytes(r->key) + r->body_n;
}

void client_frame_write(uint8_t *at, const struct client_request *r, uint32_t number)
{
    size_t key_n = key_bytes(r->key);
    struct frame_head head = {
        .length = (uint32_t)(key_n + r->body_n),
        .op = r->op,
        .flags = r->key != NULL ? FRAME_KEY : 0,
        .request = number,
        .magic = FRAME_MAGIC,
        .place = r->place,
        .actor = r->actor,
    };
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    if (r->key != NULL) {
        memset(at, 0, key_n);
        at[0] = (uint8_t)strlen(r->key);
        memcpy(at + 1, r->key, strlen(r->key));
    }
    memcpy(at + key_n, r->body, r->body_n);
}

uint32_t client_send(struct client *c, const struct client_request *r)
{
    ASSERT(r->key == NULL || strlen(r->key) <= IDEMPOTENCY_KEY_MAX);
    size_t n = client_frame_bytes(r);
    if (c->out_n > 0 && c->out_n + n > OUT_FLUSH && client_flush(c) != 0)
        return 0;
    if (c->fd < 0)
        return 0;
    if (c->out_n + n > c->out_cap) {
        c->out_cap = c->out_n + n;
        c->out = realloc(c->out, c->out_cap);
        ASSERT(c->out != NULL);
    }
    if (++c->last_request == 0)
        c->last_request = 1;
    client_frame_write(c->out + c->out_n, r, c->last_request);
    c->out_n += n;
    c->waiting++;
    return c->last_request;
}

bool client_check(struct answer *a)
{
    const struct op_row *row = op_row(a->head.op);
    a->table = a->problem = NULL;
    const fb_type *type = a->head.status != 0 ? &kt_desc_Problem : row != NULL ? row->reply : NULL;
    if (type == NULL)
        return false;
    if (a->head.length == 0 && a->head.status == 0 && type == &kt_desc_Empty)
        return true;
    fb_limits limits = {.tables = 1u << 20};
    if (fb_verify(a->payload, a->head.length, type, &limits) != FB_OK)
        return false;
    *(a->head.status != 0 ? &a->problem : &a->table) = fb_root(a->payload);
    return true;
}

// Whether a whole answer lies in `in`; where its size is known, room is made for all of it.
static bool have_answer(struct client *c, struct frame_head *head)
{
    size_t have = c->in_end - c->in_begin;
    if (have < sizeof *head)
        return false;
    memcpy(head, c->in + c->in_begin, sizeof *head);
    if (head->magic != FRAME_MAGIC || have >= sizeof *head + head->length)
        return true;
    if (c->in_begin + sizeof *head + head->length > c->in_cap)
        in_reserve(c, sizeof *head + head->length - have);
    return false;
}

int client_recv(struct client *c, struct answer *out)
{
    // What was read before goes out first: requests are then written many at a time.
    while (!have_answer(c, &out->head)) {
        if (c->fd < 0)
            return ENOTCONN;
        int err = client_flush(c);
        if (err == 0 && have_answer(c, &out->head))
            break;
        if (err == 0)
            err = read_some(c);
        if (err == EAGAIN)
            err = wait_for(c, POLLIN);
        if (err != 0)
            return err;
    }
    if (out->head.magic != FRAME_MAGIC)
        return broken(c, EPROTO, "the answer is not a frame of Kith's");
    out->payload = c->in + c->in_begin + sizeof out->head;
    c->in_begin += sizeof out->head + out->head.length;
    if (c->waiting > 0)
        c->waiting--;
    return client_check(out) ? 0 : broken(c, EPROTO, "an answer has not its declared shape");
}

int client_call(struct client *c, const struct client_request *r, struct answer *out)
{
    uint32_t number = client_send(c, r);
    if (number == 0)
        return ENOTCONN;
    int err = client_recv(c, out);
    if (err == 0 && out->head.request != number)
        return broken(c, EPROTO, "the answer is to another request");
    return err;
}

// ---- words -------------------------------------------------------------------------------------

void client_problem(const struct answer *a, char *out, size_t cap)
{
    if (a->problem == NULL) {
        snprintf(out, cap, "done");
        return;
    }
    fb_str code = kt_Problem_code(a->problem), title = kt_Problem_title(a->problem);
    fb_str detail = kt_Problem_detail(a->problem);
    int n = snprintf(out, cap, "%s: %s%s%s", code.s, title.s, detail.n > 0 ? ": " : "", detail.s);
    fb_vec errors = kt_Problem_errors(a->problem);
    for (uint32_t i = 0; i < errors.n && n > 0 && (size_t)n < cap; i++) {
        const kt_FieldError *e = kt_at_FieldError(errors, i);
        n += snprintf(out + n, cap - (size_t)n, " [%s %s]", kt_FieldError_pointer(e).s,
                      kt_FieldError_code(e).s);
    }
}

unsigned client_error(const struct answer *a)
{
    if (a->problem == NULL)
        return KITH_ok;
    fb_str code = kt_Problem_code(a->problem);
    for (unsigned i = 0; i < 256; i++)
        if (error_row(i)->number == i && strcmp(error_row(i)->name, code.s) == 0)
            return i;
    return KITH_internal;
}

int client_hello(struct client *c, const struct client_identity *who)
{
    uint8_t buf[8192];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_Hello w = {0};
    if (who->token != NULL)
        kt_put_Hello_token(&w, fb_cstring(&b, who->token));
    if (who->service_key != NULL)
        kt_put_Hello_service_key(&w, fb_cstring(&b, who->service_key));
    if (who->viewer != 0)
        kt_put_Hello_viewer(&w, who->viewer);
    struct client_request r = {.op = OP_hello};
    r.body_n = fb_finish(&b, kt_end_Hello(&b, &w));
    r.body = fb_data(&b);
    if (r.body_n == 0) {
        snprintf(c->why, sizeof c->why, "the token or key is too long");
        return EINVAL;
    }
    struct answer a;
    int err = client_call(c, &r, &a);
    if (err == 0 && a.head.status != 0) {
        client_problem(&a, c->why, sizeof c->why);
        return EACCES;
    }
    return err;
}
