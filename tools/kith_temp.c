#include "tools/kith_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/random.h"
#include "tools/kith_cli.h"

enum { KEY_BYTES = 32 };

static bool write_key(struct temp *t)
{
    uint8_t bytes[KEY_BYTES];
    random_bytes(bytes, sizeof bytes);
    for (unsigned i = 0; i < KEY_BYTES; i++)
        snprintf(t->key + 2 * i, 3, "%02x", bytes[i]);
    int fd = open(t->key_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool whole = dprintf(fd, "%s\n", t->key) > 0;
    return close(fd) == 0 && whole;
}

bool temp_make(struct temp *t, const char *purpose)
{
    memset(t, 0, sizeof *t);
    const char *base = getenv("TMPDIR");
    if (base == NULL || strlen(base) > 200)
        base = "/tmp";
    snprintf(t->path, sizeof t->path, "%s/kith-%s-XXXXXX", base, purpose);
    if (mkdtemp(t->path) == NULL) {
        failed(EXIT_FAILED, "no temporary directory under %s: %s", base, strerror(errno));
        return false;
    }
    snprintf(t->data, sizeof t->data, "%s/data", t->path);
    snprintf(t->key_file, sizeof t->key_file, "%s/service.key", t->path);
    if (write_key(t))
        return true;
    failed(EXIT_FAILED, "%s: %s", t->key_file, strerror(errno));
    temp_remove(t);
    return false;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void temp_remove(const struct temp *t)
{
    nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
