// Keys of the data directory are made with mode 0600 in a directory of mode 0700 (core/file.h); the
// service key file is the operator's, so its mode is looked at.
#include "api/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/random.h"

static int key_read(struct file_dir keys, const char *name, uint8_t *out, size_t n)
{
    struct file f;
    int err = file_open(&f, keys, name, FILE_READ);
    if (err != 0)
        return err;
    size_t got = 0;
    err = file_read(f, out, n, 0, &got);
    file_close(&f);
    return err != 0 ? err : got == n ? 0 : EBADMSG;
}

// Written beside and renamed: a crash leaves no half of a key.
static int key_make(struct file_dir keys, const char *name, uint8_t *out, size_t n)
{
    struct file f;
    random_bytes(out, n);
    (void)file_unlink(keys, "new.key");
    int err = file_open(&f, keys, "new.key", FILE_WRITE | FILE_CREATE);
    if (err != 0)
        return err;
    err = file_write(f, out, n, 0);
    if (err == 0)
        err = file_sync(f);
    file_close(&f);
    if (err == 0)
        err = file_rename(keys, "new.key", name);
    return err != 0 ? err : file_dir_sync(keys);
}

static int key_open(struct file_dir keys, const char *name, uint8_t *out, size_t n)
{
    int err = key_read(keys, name, out, n);
    return err == ENOENT ? key_make(keys, name, out, n) : err;
}

int keys_open(struct file_dir dir, struct keys *out, const char **which)
{
    struct file_dir keys;
    memset(out, 0, sizeof *out);
    *which = "keys";
    int err = file_dir_at(&keys, dir, "keys", true);
    if (err != 0)
        return err;
    *which = "keys/token.key";
    err = key_open(keys, "token.key", out->token.current, TOKEN_KEY);
    if (err == 0) {
        *which = "keys/token.prev";
        err = key_read(keys, "token.prev", out->token.previous, TOKEN_KEY);
        out->token.have_previous = err == 0;
        err = err == ENOENT ? 0 : err;
    }
    if (err == 0) {
        *which = "keys/cursor.key";
        err = key_open(keys, "cursor.key", out->cursor, CURSOR_KEY);
    }
    file_dir_close(&keys);
    return err;
}

// ---- service keys ------------------------------------------------------------------------------

static void key_hash(uint8_t out[SERVICE_HASH], const char *s, size_t n)
{
    crypto_generichash(out, SERVICE_HASH, (const uint8_t *)s, n, NULL, 0);
}

static bool add_line(struct service_keys *out, const char *s, size_t n, char *why)
{
    while (n > 0 && (s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    if (n == 0 || s[0] == '#')
        return true;
    if (n < SERVICE_KEY_MIN || n > SERVICE_KEY_MAX) {
        snprintf(why, 256, "a service key has %d to %d characters", SERVICE_KEY_MIN,
                 SERVICE_KEY_MAX);
        return false;
    }
    if (out->n == SERVICE_KEYS_MAX) {
        snprintf(why, 256, "more than %d service keys", SERVICE_KEYS_MAX);
        return false;
    }
    key_hash(out->hash[out->n++], s, n);
    return true;
}

static bool read_lines(struct service_keys *out, const char *text, size_t n, char *why)
{
    size_t at = 0;
    while (at < n) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t line = end != NULL ? (size_t)(end - text) - at : n - at;
        if (!add_line(out, text + at, line, why))
            return false;
        at += line + 1;
    }
    if (out->n == 0)
        snprintf(why, 256, "the service key file holds no key");
    return out->n > 0;
}

bool service_keys_open(const char *path, struct service_keys *out, char *why)
{
    enum { FILE_BYTES = 64 << 10 };
    static char text[FILE_BYTES];
    struct stat st;
    out->n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, 256, "service key file %.150s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        snprintf(why, 256, "service key file %.150s may be read by others: chmod 600 it", path);
        close(fd);
        return false;
    }
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    if (n < 0 || n == FILE_BYTES) {
        snprintf(why, 256, "service key file %.150s cannot be read whole", path);
        return false;
    }
    bool good = read_lines(out, text, (size_t)n, why);
    sodium_memzero(text, sizeof text);
    return good;
}

unsigned service_keys_match(const struct service_keys *keys, const char *s, size_t n)
{
    uint8_t hash[SERVICE_HASH];
    if (n < SERVICE_KEY_MIN || n > SERVICE_KEY_MAX)
        return 0;
    key_hash(hash, s, n);
    unsigned right = 0;
    for (unsigned i = 0; i < keys->n; i++)
        right |= (sodium_memcmp(hash, keys->hash[i], SERVICE_HASH) == 0) * (i + 1);
    return right;
}
