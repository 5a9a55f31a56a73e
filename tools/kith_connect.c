#include "tools/kith_connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_MAX = 2048 };

int read_secret(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return errno;
    bool got = fgets(out, (int)cap, f) != NULL;
    fclose(f);
    if (!got)
        return ENODATA;
    out[strcspn(out, "\r\n")] = '\0';
    return out[0] != '\0' ? 0 : ENODATA;
}

static const char *or_environment(const char *given, const char *name)
{
    return given != NULL ? given : getenv(name);
}

int connect_server(struct client *c, const struct connect_options *o)
{
    const char *to = or_environment(o->to, "KITH_TO");
    const char *token = or_environment(o->token, "KITH_TOKEN");
    // What stands on the command line goes before what the environment says.
    const char *file = o->key_file;
    if (file == NULL && o->token == NULL)
        file = getenv("KITH_SERVICE_KEY_FILE");
    char key[SECRET_MAX] = "";
    if (file != NULL) {
        int err = read_secret(file, key, sizeof key);
        if (err != 0)
            return failed(EXIT_USAGE, "%s: %s", file, strerror(err));
    }
    if (client_open(c, to != NULL ? to : KITH_DEFAULT_ADDRESS) != 0)
        return failed(EXIT_CONNECT, "%s", c->why);
    struct client_identity who = {.viewer = o->viewer};
    if (key[0] != '\0')
        who.service_key = key;
    else
        who.token = token;
    if (who.service_key == NULL && who.token == NULL)
        return EXIT_OK;
    int err = client_hello(c, &who);
    memset(key, 0, sizeof key);
    if (err == 0)
        return EXIT_OK;
    client_close(c);
    return failed(err == EACCES ? EXIT_FAILED : EXIT_CONNECT, "%s", c->why);
}
