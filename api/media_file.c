// The file of --media-file: a word and its value on each line. Only what needs no escapes in an
// address is taken, so that the path that is signed is the path that is sent.
#include <ctype.h>
#include <errno.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/media.h"

enum { LINE_BYTES = 1024, WHY = 256 };

struct words {
    char bucket[LINE_BYTES], base[LINE_BYTES], region[LINE_BYTES], access[LINE_BYTES],
        secret[LINE_BYTES], upload_ttl[LINE_BYTES], read_ttl[LINE_BYTES], image_max[LINE_BYTES],
        video_max[LINE_BYTES];
};

// ---- lines -------------------------------------------------------------------------------------

static char *word_named(struct words *w, const char *name)
{
    const struct { const char *name; char *to; } all[] = {
        {"bucket", w->bucket},         {"base", w->base},
        {"region", w->region},         {"access-key", w->access},
        {"secret-key", w->secret},     {"upload-ttl", w->upload_ttl},
        {"read-ttl", w->read_ttl},     {"image-max", w->image_max},
        {"video-max", w->video_max},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(name, all[i].name) == 0)
            return all[i].to;
    return NULL;
}

static bool add_line(struct words *w, const char *line, char *why)
{
    char name[32] = "", value[LINE_BYTES] = "", more[2] = "";
    if (line[strspn(line, " \t\r\n")] == '\0' || line[0] == '#')
        return true;
    bool good = sscanf(line, "%31s %1023s %1s", name, value, more) == 2;
    char *to = good ? word_named(w, name) : NULL;
    if (!good)
        snprintf(why, WHY, "a line of the media file is a word and its value");
    else if (to == NULL)
        snprintf(why, WHY, "the media file: there is no %s", name);
    else if (to[0] != '\0')
        snprintf(why, WHY, "the media file has two lines of %s", name);
    else
        memcpy(to, value, strlen(value) + 1);
    sodium_memzero(value, sizeof value);
    return good && to != NULL && why[0] == '\0';
}

static bool read_lines(FILE *f, struct words *w, char *why)
{
    char line[LINE_BYTES];
    bool good = true;
    while (good && fgets(line, sizeof line, f) != NULL) {
        size_t n = strlen(line);
        good = n + 1 < sizeof line || line[n - 1] == '\n';
        if (good)
            good = add_line(w, line, why);
        else
            snprintf(why, WHY, "the media file has a line of %d bytes or more", LINE_BYTES - 1);
    }
    sodium_memzero(line, sizeof line);
    return good;
}

// ---- values ------------------------------------------------------------------------------------

static bool only(const char *s, const char *also)
{
    for (; *s != '\0'; s++)
        if (!isalnum((unsigned char)*s) && strchr(also, *s) == NULL)
            return false;
    return true;
}

// Copies an address: a scheme, a host in small letters, no port that goes without saying, no slash
// at the end.
static bool take_url(char to[MEDIA_BUCKET_MAX + 1], const char *url)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    const char *host = url + (tls ? 8 : 7);
    if (!tls && strncmp(url, "http://", 7) != 0)
        return false;
    size_t n = strcspn(host, "/");
    const char *path = host + n, *usual = tls ? ":443" : ":80";
    size_t path_n = strlen(path);
    while (path_n > 0 && path[path_n - 1] == '/')
        path_n--;
    if (n > strlen(usual) && strncmp(path - strlen(usual), usual, strlen(usual)) == 0)
        n -= strlen(usual);
    if (n == 0 || !isalnum((unsigned char)host[0]) || (size_t)(host - url) + n + path_n >
        MEDIA_BUCKET_MAX || !only(path, "/-._~") || strstr(path, "//") || strstr(path, "/."))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-:", host[i]) == NULL)
            return false;
    snprintf(to, MEDIA_BUCKET_MAX + 1, "%.*s%.*s%.*s", (int)(host - url), url, (int)n, host,
             (int)path_n, path);
    return true;
}

static bool take_word(char *to, const char *word, size_t most, const char *also)
{
    size_t n = strlen(word);
    if (n == 0 || n > most || !only(word, also))
        return false;
    memcpy(to, word, n + 1);
    return true;
}

// Empty: what it is already.
static bool take_number(uint64_t *to, const char *word, uint64_t most)
{
    if (word[0] == '\0')
        return true;
    char *end;
    errno = 0;
    unsigned long long v = strtoull(word, &end, 10);
    *to = v;
    return isdigit((unsigned char)word[0]) && *end == '\0' && errno == 0 && v > 0 && v <= most;
}

static const char *take_all(struct media_store *out, const struct words *w)
{
    uint64_t upload = MEDIA_UPLOAD_S, read = MEDIA_READ_S;
    out->image_max = out->video_max = MEDIA_BYTES_MAX;
    if (!take_url(out->bucket, w->bucket))
        return "bucket: http:// or https://, a host in small letters, and at most a path of "
               "letters, digits and -._~";
    if (!take_url(out->base, w->base[0] != '\0' ? w->base : w->bucket))
        return "base is an address as bucket is";
    if (!take_word(out->key.region, w->region, SIGV4_NAME_MAX, "-_"))
        return "region is a word of letters, digits, - and _";
    if (!take_word(out->key.access, w->access, SIGV4_ACCESS_MAX, "-._"))
        return "access-key is a word of letters, digits and -._";
    if (strlen(w->secret) < 8 || strlen(w->secret) > SIGV4_SECRET_MAX)
        return "secret-key has 8 to 128 characters";
    if (!take_number(&upload, w->upload_ttl, SIGV4_TTL_MAX_S))
        return "upload-ttl is from one second to 604800, which is seven days";
    if (!take_number(&read, w->read_ttl, SIGV4_TTL_MAX_S))
        return "read-ttl is from one second to 604800, which is seven days";
    if (!take_number(&out->image_max, w->image_max, MEDIA_BYTES_MAX) ||
        !take_number(&out->video_max, w->video_max, MEDIA_BYTES_MAX))
        return "image-max and video-max are bytes, at most 5368709120";
    memcpy(out->key.secret, w->secret, strlen(w->secret) + 1);
    out->upload_s = (unsigned)upload;
    out->read_s = (unsigned)read;
    return NULL;
}

// ---- the file ----------------------------------------------------------------------------------

static void split(struct media_store *out)
{
    const char *host = strstr(out->bucket, "://") + 3;
    out->path = host + strcspn(host, "/");
    snprintf(out->origin, sizeof out->origin, "%.*s", (int)(out->path - out->bucket), out->bucket);
    out->host = out->origin + (host - out->bucket);
}

bool media_open(const char *path, struct media_store *out, char *why)
{
    struct words *w = calloc(1, sizeof *w);
    struct stat st;
    FILE *f = w != NULL ? fopen(path, "re") : NULL;
    *out = (struct media_store){0};
    why[0] = '\0';
    if (f == NULL || fstat(fileno(f), &st) != 0) {
        snprintf(why, WHY, "media file %.150s: %s", path, strerror(errno));
    } else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        snprintf(why, WHY, "media file %.150s may be read by others: chmod 600 it", path);
    } else {
        setvbuf(f, NULL, _IONBF, 0); // its text is left nowhere else
        if (read_lines(f, w, why)) {
            const char *wrong = take_all(out, w);
            if (wrong != NULL)
                snprintf(why, WHY, "the media file: %s", wrong);
        }
    }
    if (f != NULL)
        fclose(f);
    if (w != NULL)
        sodium_memzero(w, sizeof *w);
    free(w);
    out->on = why[0] == '\0';
    if (out->on)
        split(out);
    return out->on;
}
