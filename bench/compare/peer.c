#include "bench/compare/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"

enum { GREETING_MAX = 16 << 10 };

static int greet(int fd, const struct greeting *g)
{
    uint8_t in[GREETING_MAX];
    size_t n = 0;
    int whole = 0;
    if (send(fd, g->bytes->at, g->bytes->n, MSG_NOSIGNAL) != (ssize_t)g->bytes->n)
        return errno;
    while (whole == 0 && n < sizeof in) {
        ssize_t got = read(fd, in + n, sizeof in - n);
        if (got <= 0)
            return got == 0 ? ECONNRESET : errno;
        n += (size_t)got;
        whole = g->greeted(in, n);
    }
    return whole > 0 ? 0 : EPROTO;
}

int peer_open(const struct peer *p, const struct greeting *g, int *fd, char *why)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)p->port)};
    int one = 1;
    inet_pton(AF_INET, p->host, &a.sin_addr);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = connect(*fd, (struct sockaddr *)&a, sizeof a) == 0 ? greet(*fd, g) : errno;
    if (err == 0) {
        setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(*fd, F_SETFL, fcntl(*fd, F_GETFL) | O_NONBLOCK);
        return 0;
    }
    close(*fd);
    snprintf(why, DRIVER_WHY, "%s:%u: %s", p->host, p->port, strerror(err));
    return err;
}

struct first_trip *peer_first(const struct peer *p, const struct job *job)
{
    return &p->first[(size_t)job->connection * p->in_flight + job->slot];
}

void peer_text(const struct peer *p, const struct ask *a, struct text *out)
{
    struct made_post made;
    const char *from = made.text;
    out->n = 0;
    if (a->kind == ASK_COMMENT) {
        from = community_comment(p->community, a->text);
        out->n = strlen(from);
    } else if (a->kind == ASK_POST || a->kind == ASK_UPDATE) {
        community_post(p->community, a->text, &made);
        out->n = made.text_n;
    }
    ASSERT(out->n <= sizeof out->at);
    memcpy(out->at, from, out->n);
}

uint64_t peer_time(struct peer *p)
{
    uint64_t now = clock_wall_ms() << 12;
    p->last_time = now > p->last_time ? now : p->last_time + 1;
    return p->last_time;
}

enum verdict peer_refused(struct peer *p, const void *words, size_t n)
{
    char text[DRIVER_WHY]; // PostgreSQL's has NULs between its parts
    size_t most = n < sizeof p->first_error - 1 ? n : sizeof p->first_error - 1;
    for (size_t i = 0; p->first_error[0] == '\0' && i < most; i++)
        text[i] = ((const char *)words)[i] != '\0' ? ((const char *)words)[i] : ' ';
    if (p->first_error[0] == '\0')
        memcpy(p->first_error, text, most);
    return VERDICT_REFUSED;
}

enum verdict peer_changed(struct peer *p, bool changed)
{
    p->changed += changed;
    p->unchanged += !changed;
    return VERDICT_DONE;
}
