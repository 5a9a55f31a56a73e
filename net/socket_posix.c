// Addresses and sockets of the kernel.
#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "net/detect.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un file;
    };
    socklen_t size;
};

enum { BACKLOG = 1024 };

static int port_of(const char *text, uint16_t *port)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v > 65535) return EINVAL;
    *port = htons((uint16_t)v);
    return 0;
}

// "host:port", host an address, in brackets where it is IPv6, or localhost.
static int address_inet(struct address *a, const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) return EINVAL;
    size_t n = (size_t)(colon - text);
    memcpy(host, text, n);
    host[n] = 0;
    uint16_t port;
    if (port_of(colon + 1, &port)) return EINVAL;
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = 0;
        a->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
        a->size = sizeof a->v6;
        return inet_pton(AF_INET6, host + 1, &a->v6.sin6_addr) == 1 ? 0 : EINVAL;
    }
    a->v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
    a->size = sizeof a->v4;
    const char *v4 = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    return inet_pton(AF_INET, v4, &a->v4.sin_addr) == 1 ? 0 : EINVAL;
}

static int address_file(struct address *a, const char *path)
{
    a->file = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (*path == 0) return EINVAL;
    if (strlen(path) >= sizeof a->file.sun_path) return ENAMETOOLONG;
    strcpy(a->file.sun_path, path);
    a->size = sizeof a->file;
    return 0;
}

// Removes a socket file nobody listens on any more. 0 where the path is free now.
static int file_clear(const struct address *a)
{
    struct stat st;
    if (lstat(a->file.sun_path, &st)) return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(st.st_mode)) return EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return errno;
    int error = connect(fd, &a->any, a->size) ? errno : 0;
    close(fd);
    // A full backlog is somebody's too.
    if (error != ECONNREFUSED) return EADDRINUSE;
    return unlink(a->file.sun_path) && errno != ENOENT ? errno : 0;
}

static int bind_and_listen(struct listener *l, const struct address *a,
                           const struct listen_options *opt)
{
    int kind = SOCK_STREAM | SOCK_CLOEXEC | (opt->blocking ? 0 : SOCK_NONBLOCK), on = 1;
    l->fd = socket(a->any.sa_family, kind, 0);
    if (l->fd < 0) return errno;
    if (a->any.sa_family != AF_UNIX) {
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        // Accepted sockets inherit it.
        setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (opt->reuse_port && setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on))
            return errno;
    }
    if (a->any.sa_family == AF_INET6)
        setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(l->fd, &a->any, a->size)) return errno;
    if (a->any.sa_family == AF_UNIX) strcpy(l->path, a->file.sun_path);
    if (listen(l->fd, BACKLOG)) return errno;
    struct address bound = { .size = sizeof bound };
    if (getsockname(l->fd, &bound.any, &bound.size)) return errno;
    if (bound.any.sa_family == AF_INET) l->port = ntohs(bound.v4.sin_port);
    if (bound.any.sa_family == AF_INET6) l->port = ntohs(bound.v6.sin6_port);
    return 0;
}

enum { TRIES = 60, TRY_NS = 50000000 };

// The kernel takes the ring of a process that was killed apart after its end, and the sockets that
// it was accepting from with it: whoever is started in its place waits for them, some seconds.
static int listen_soon(struct listener *l, const struct address *a,
                       const struct listen_options *opt)
{
    for (unsigned i = 1;; i++) {
        int error = bind_and_listen(l, a, opt);
        if (error != EADDRINUSE || i == TRIES) return error;
        close(l->fd);
        l->fd = -1;
        nanosleep(&(struct timespec){.tv_nsec = TRY_NS}, NULL);
    }
}

int listener_open(struct listener *l, const struct net_listen *at,
                  const struct listen_options *opt, char *why)
{
    *l = (struct listener){ .fd = -1, .http_only = at->http_only };
    struct address a = { .size = 0 };
    bool file = strncmp(at->address, "unix:", 5) == 0;
    if (file && opt->core != 0) return 0;
    int error = file ? address_file(&a, at->address + 5) : address_inet(&a, at->address);
    if (error) {
        snprintf(why, 256, "%s: not HOST:PORT, [IPV6]:PORT or unix:PATH", at->address);
        return error;
    }
    if (file) error = file_clear(&a);
    if (!error) error = listen_soon(l, &a, opt);
    if (!error) return 0;
    snprintf(why, 256, "cannot listen on %s: %s", at->address, strerror(error));
    listener_close(l);
    return error;
}

void listener_shut(struct listener *l)
{
    // Not left to close: an accept that the kernel still holds would keep the address taken.
    if (l->fd >= 0) shutdown(l->fd, SHUT_RDWR);
    if (l->path[0]) unlink(l->path);
    l->path[0] = 0;
}

void listener_close(struct listener *l)
{
    listener_shut(l);
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
}

int spare_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void spare_refuse(int *spare, const struct listener *l)
{
    if (*spare >= 0) close(*spare);
    struct pollfd waiting = { .fd = l->fd, .events = POLLIN };
    if (poll(&waiting, 1, 0) == 1) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) socket_refuse(fd, l->http_only);
    }
    *spare = spare_open();
}

void socket_refuse(int fd, bool http_only)
{
    static const char full[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n";
    char first[DETECT_BYTES];
    ssize_t n = recv(fd, first, sizeof first, MSG_DONTWAIT);
    if (http_only || (n > 0 && detect(first, (size_t)n) == DETECT_HTTP)) {
        ssize_t sent = send(fd, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)sent;                // a courtesy
        // What he has sent and nobody reads would have the kernel take the answer back.
        char rest[4096];
        while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) == (ssize_t)sizeof rest) continue;
    }
    close(fd);
}

bool socket_peer(int fd, uint8_t address[16])
{
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (getpeername(fd, (struct sockaddr *)&at, &n) != 0) return false;
    memset(address, 0, 16);
    if (at.ss_family == AF_INET6) {
        memcpy(address, &((const struct sockaddr_in6 *)&at)->sin6_addr, 16);
    } else if (at.ss_family == AF_INET) {
        memcpy(address, mapped, sizeof mapped);
        memcpy(address + 12, &((const struct sockaddr_in *)&at)->sin_addr, 4);
    }
    return true;
}
