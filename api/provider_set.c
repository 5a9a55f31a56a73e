// Two sets take turns. One is read again only when nobody holds it: who takes hold says so first
// and then looks whether it still counts.
#include "api/provider_set.h"

#include <string.h>
#include <sys/stat.h>

#include "core/hash.h"

static uint64_t stamp_of(const char *path, uint64_t so_far)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return hash64(path, strlen(path), so_far);
    uint64_t said[] = {(uint64_t)st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
                       (uint64_t)st.st_mtim.tv_nsec, so_far};
    return hash64(said, sizeof said, 0);
}

static uint64_t stamp(const struct provider_set *s)
{
    const struct providers *p = &s->of[atomic_load(&s->now)];
    uint64_t all = stamp_of(s->path, 0);
    for (unsigned i = 0; i < p->n; i++)
        all = stamp_of(p->key[i].file, all);
    return all;
}

bool provider_set_open(struct provider_set *s, const char *path, char *why)
{
    s->path = path;
    if (!providers_open(path, &s->of[0], why))
        return false;
    s->stamp = stamp(s);
    return true;
}

void provider_set_close(struct provider_set *s)
{
    for (unsigned i = 0; i < 2; i++)
        providers_close(&s->of[i]);
}

const struct providers *provider_set_hold(struct provider_set *s)
{
    for (;;) {
        unsigned now = atomic_load(&s->now);
        atomic_fetch_add(&s->held[now], 1);
        if (atomic_load(&s->now) == now)
            return &s->of[now];
        atomic_fetch_sub(&s->held[now], 1);
    }
}

void provider_set_release(struct provider_set *s, const struct providers *p)
{
    atomic_fetch_sub(&s->held[p - s->of], 1);
}

enum provider_news provider_set_look(struct provider_set *s)
{
    char why[sizeof s->why] = "";
    unsigned other = 1 - atomic_load(&s->now);
    if (s->path == NULL || stamp(s) == s->stamp || atomic_load(&s->held[other]) > 0)
        return PROVIDERS_SAME;
    providers_close(&s->of[other]);
    if (!providers_open(s->path, &s->of[other], why)) {
        bool again = strcmp(s->why, why) == 0;
        memcpy(s->why, why, sizeof why);
        return again ? PROVIDERS_SAME : PROVIDERS_BAD;
    }
    atomic_store(&s->now, other);
    s->stamp = stamp(s);
    s->why[0] = '\0';
    return PROVIDERS_NEW;
}
