#include "tools/kith_source.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "core/assert.h"

enum {
    RAW_BYTES = 256 << 10,
    BUF_FIRST = 1 << 20,
    RECORD_MAX = 64 << 20, // beyond that the file is not what it is said to be
};

static int source_fail(struct source *s, const char *what)
{
    snprintf(s->why, sizeof s->why, "%.160s: %.80s", s->path, what);
    return -1;
}

// Reads more of the file. Bytes there now, 0 at the end, -1.
static int raw_fill(struct source *s)
{
    if (s->raw_at < s->raw_n)
        return 1;
    s->raw_at = s->raw_n = 0;
    ssize_t n;
    do
        n = read(s->fd, s->raw, RAW_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return source_fail(s, strerror(errno));
    s->raw_n = (size_t)n;
    s->bytes_read += (uint64_t)n;
    return n > 0;
}

int source_open(struct source *s, const char *path)
{
    static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    *s = (struct source){.path = path};
    s->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return errno;
    struct stat st;
    if (fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode))
        s->bytes_all = (uint64_t)st.st_size;
    s->cap = BUF_FIRST;
    s->raw = malloc(RAW_BYTES);
    s->buf = malloc(s->cap + 1);
    ASSERT(s->raw != NULL && s->buf != NULL);
    if (raw_fill(s) < 0) {
        int err = errno;
        source_close(s);
        return err;
    }
    if (s->raw_n >= sizeof magic && memcmp(s->raw, magic, sizeof magic) == 0) {
        s->unpack = ZSTD_createDStream();
        ASSERT(s->unpack != NULL);
    }
    return 0;
}

void source_close(struct source *s)
{
    ZSTD_freeDStream(s->unpack);
    free(s->raw);
    free(s->buf);
    if (s->fd >= 0)
        close(s->fd);
    s->raw = NULL;
    s->buf = NULL;
    s->unpack = NULL;
    s->fd = -1;
}

static void buf_room(struct source *s)
{
    if (s->at > 0) {
        memmove(s->buf, s->buf + s->at, s->n - s->at);
        s->n -= s->at;
        s->at = 0;
    }
    if (s->cap - s->n < RAW_BYTES) {
        s->cap *= 2;
        s->buf = realloc(s->buf, s->cap + 1);
        ASSERT(s->buf != NULL);
    }
}

// More bytes into buf. 1, 0 at the end, -1.
static int buf_fill(struct source *s)
{
    if (s->end)
        return 0;
    if (s->n - s->at > RECORD_MAX)
        return source_fail(s, "a record of more than 64 MiB");
    buf_room(s);
    size_t before = s->n;
    while (s->n == before) {
        int more = raw_fill(s);
        if (more < 0)
            return -1;
        if (more == 0) {
            s->end = true;
            return s->unpacking ? source_fail(s, "the zstd file is cut off") : 0;
        }
        ZSTD_inBuffer in = {s->raw, s->raw_n, s->raw_at};
        ZSTD_outBuffer out = {s->buf, s->cap, s->n};
        if (s->unpack == NULL) {
            size_t n = s->raw_n - s->raw_at;
            memcpy(s->buf + s->n, s->raw + s->raw_at, n);
            out.pos += n;
            in.pos += n;
        } else {
            size_t left = ZSTD_decompressStream(s->unpack, &out, &in);
            if (ZSTD_isError(left))
                return source_fail(s, ZSTD_getErrorName(left));
            s->unpacking = left != 0;
        }
        s->raw_at = in.pos;
        s->n = out.pos;
    }
    return 1;
}

// Where the record that begins at s->at ends; seen and open go on from where the last look ended.
static char *record_end(struct source *s, size_t *seen, bool *open, bool quoted)
{
    char *from = s->buf + s->at;
    size_t have = s->n - s->at;
    if (!quoted) {
        char *end = memchr(from + *seen, '\n', have - *seen);
        *seen = have;
        return end;
    }
    for (; *seen < have; ++*seen) {
        char c = from[*seen];
        if (c == '"')
            *open = !*open;
        else if (c == '\n' && !*open)
            return from + *seen;
    }
    return NULL;
}

int source_record(struct source *s, bool quoted, char **record, size_t *n)
{
    size_t seen = 0;
    bool open = false;
    char *end;
    while ((end = record_end(s, &seen, &open, quoted)) == NULL) {
        int more = buf_fill(s);
        if (more < 0)
            return -1;
        if (more == 0)
            break;
    }
    if (end == NULL) {
        if (s->at == s->n)
            return 0;
        if (open)
            return source_fail(s, "a quoted field has no end");
        end = s->buf + s->n; // the last record may lack its line end
        s->n++;
    }
    *record = s->buf + s->at;
    s->at = (size_t)(end - s->buf) + 1;
    if (end > *record && end[-1] == '\r')
        end--;
    *end = '\0';
    *n = (size_t)(end - *record);
    s->records++;
    return 1;
}

int source_peek(struct source *s)
{
    for (size_t i = s->at;; i++) {
        while (i >= s->n) {
            size_t ahead = i - s->at;
            if (buf_fill(s) <= 0)
                return -1;
            i = s->at + ahead;
        }
        if (!isspace((unsigned char)s->buf[i]))
            return (unsigned char)s->buf[i];
    }
}

int source_sha256(const char *path, uint8_t out[32])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    uint8_t *buf = malloc(RAW_BYTES);
    ASSERT(buf != NULL);
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    ssize_t n;
    int err = 0;
    while ((n = read(fd, buf, RAW_BYTES)) != 0) {
        if (n > 0)
            crypto_hash_sha256_update(&state, buf, (unsigned long long)n);
        else if (errno != EINTR) {
            err = errno;
            break;
        }
    }
    crypto_hash_sha256_final(&state, out);
    free(buf);
    close(fd);
    return err;
}
