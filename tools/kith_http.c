#include "tools/kith_http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "api/client.h"

enum { TIMEOUT_S = 60 };

static bool write_all(int fd, const struct string *t)
{
    size_t done = 0;
    while (done < t->n) {
        ssize_t n = send(fd, t->s + done, t->n - done, MSG_NOSIGNAL);
        if (n <= 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

// Takes the chunks of a body together. false where they are malformed.
static bool unchunk(struct string *body, const char *s)
{
    for (;;) {
        char *end;
        size_t n = strtoul(s, &end, 16);
        const char *line = strstr(end, "\r\n");
        if (end == s || line == NULL || strlen(line + 2) < n)
            return false;
        if (n == 0)
            return true;
        string_add(body, line + 2, n);
        s = line + 2 + n + 2;
    }
}

static int take_answer(const struct string *all, struct string *body)
{
    int status;
    const char *head_end = strstr(all->s, "\r\n\r\n");
    if (sscanf(all->s, "HTTP/1.%*d %d", &status) != 1 || head_end == NULL)
        return -1;
    const char *chunked = strcasestr(all->s, "\r\ntransfer-encoding: chunked");
    if (chunked != NULL && chunked < head_end)
        return unchunk(body, head_end + 4) ? status : -1;
    string_adds(body, head_end + 4);
    return status;
}

int http_exchange(const struct http_call *call, struct string *body, char *why)
{
    int fd;
    if (client_connect(call->address, &fd, why) != 0)
        return -1;
    struct timeval limit = {.tv_sec = TIMEOUT_S};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    struct string request = {0}, all = {0};
    string_format(&request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n",
                  call->method, call->path, call->address,
                  strcmp(call->method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
    bool sent = write_all(fd, &request);
    bool read = sent && string_read(&all, fd);
    int status = all.n > 0 ? take_answer(&all, body) : -1;
    if (status < 0)
        snprintf(why, 256, "%s%s: %s", call->address, call->path,
                 sent && read ? "the answer is not HTTP" : strerror(errno));
    close(fd);
    string_free(&request);
    string_free(&all);
    return status;
}
