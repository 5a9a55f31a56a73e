// Which addresses are places in the store, and how they are shown.
#include "api/media.h"

#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/clock.h"

enum { PLACE_MAX = 128, STEPS_OF_LIFE = 4 };

// A place: "/private/17/0123abcd", of an address.
struct place { fb_str at; bool private, plain; uint64_t user; }; // plain: nothing stands around it

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '-' || c == '_' || c == '.';
}

static bool starts(fb_str s, const char *with)
{
    size_t n = strlen(with);
    return s.n > n && memcmp(s.s, with, n) == 0;
}

static void skip(fb_str *s, size_t n)
{
    s->s += n;
    s->n -= (uint32_t)n;
}

// The digits of an id, as Kith writes it: no zero before it, below 2^64.
static uint64_t take_id(fb_str *s)
{
    uint64_t id = 0;
    if (s->n == 0 || s->s[0] == '0')
        return 0;
    while (s->n > 0 && s->s[0] >= '0' && s->s[0] <= '9') {
        uint64_t digit = (uint64_t)(s->s[0] - '0');
        if (id > (UINT64_MAX - digit) / 10)
            return 0;
        id = id * 10 + digit;
        skip(s, 1);
    }
    return id;
}

// What follows the bucket or the base. Nothing that a store or a proxy could read otherwise than we
// do: no escapes, no "..", no further slashes.
static bool read_place(fb_str s, struct place *out)
{
    const char *begin = s.s;
    out->private = starts(s, "/private/");
    if (!out->private && !starts(s, "/public/"))
        return false;
    skip(&s, out->private ? sizeof "/private/" - 1 : sizeof "/public/" - 1);
    out->user = take_id(&s);
    if (out->user == 0 || !starts(s, "/"))
        return false;
    skip(&s, 1);
    if (s.s[0] == '.')
        return false;
    uint32_t n = 0;
    while (n < s.n && is_plain(s.s[n]))
        n++;
    out->at = (fb_str){begin, (uint32_t)(s.s + n - begin)};
    out->plain = n == s.n;
    return n > 0 && out->at.n < PLACE_MAX && (out->plain || s.s[n] == '?' || s.s[n] == '#');
}

// Before the place stands the base; the bucket where the address was signed before, which clients
// that edit a post send back.
static bool find_place(const struct media_store *s, fb_str url, struct place *out)
{
    const char *const before[] = {s->base, s->bucket};
    for (unsigned i = 0; i < 2; i++) {
        fb_str rest = url;
        if (!starts(url, before[i]))
            continue;
        skip(&rest, strlen(before[i]));
        if (!read_place(rest, out))
            continue;
        out->plain &= i == 0;
        return true;
    }
    return false;
}

uint64_t media_owner(const struct media_store *s, fb_str url)
{
    struct place place;
    return s->on && find_place(s, url, &place) ? place.user : 0;
}

// Good from a step of time on that has begun, not from this second: a viewer who reads twice has
// the same address, and his browser the same picture.
static fb_str signed_url(struct media_signer *m, const struct place *place, uint64_t viewer)
{
    const struct media_store *s = m->store;
    char path[MEDIA_BUCKET_MAX + PLACE_MAX], extra[40];
    uint64_t now_s = clock_wall_ms() / 1000;
    unsigned step = s->read_s < STEPS_OF_LIFE ? 1 : s->read_s / STEPS_OF_LIFE;
    snprintf(path, sizeof path, "%s%.*s", s->path, (int)place->at.n, place->at.s);
    // Covered by the signature: the store's log tells for whom an address was made.
    snprintf(extra, sizeof extra, "x-viewer=%llu", (unsigned long long)viewer);
    const struct sigv4_request what = {
        .method = "GET",
        .origin = s->origin,
        .host = s->host,
        .path = path,
        .extra = viewer != 0 ? extra : NULL,
        .at_s = now_s - now_s % step,
        .ttl_s = s->read_s,
    };
    return (fb_str){m->url, (uint32_t)sigv4_presign(&s->key, &m->day, &what, m->url)};
}

static fb_str show(void *ctx, const struct media_shown *what)
{
    struct media_signer *m = ctx;
    struct place place;
    if (!find_place(m->store, what->url, &place) || place.user != what->author)
        return what->url;
    if (place.private || what->narrow)
        return signed_url(m, &place, what->viewer);
    if (place.plain)
        return what->url;
    // It was sent as it had been shown when the post was for fewer.
    int n = snprintf(m->url, sizeof m->url, "%s%.*s", m->store->base, (int)place.at.n, place.at.s);
    return (fb_str){m->url, (uint32_t)n};
}

struct media_hook media_hook(struct media_signer *s)
{
    ASSERT(s->store != NULL);
    return s->store->on ? (struct media_hook){s, show} : (struct media_hook){0};
}

void media_forget(struct media_signer *s)
{
    sodium_memzero(s, sizeof *s);
}
