// Any bytes as the address of a medium: none of our places, or one whose signed address is a plain
// path below the bucket and is the same place again.
#include <ctype.h>
#include <string.h>

#include "api/media.h"
#include "api/sigv4.h"
#include "core/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct media_store store = {
    .on = true,
    .key = {"access", "a secret", "region"},
    .bucket = "http://store:9/bucket",
    .origin = "http://store:9",
    .base = "https://cdn.example/m",
    .read_s = 60,
};

static void check_path(fb_str signed_url)
{
    size_t begin = strlen(store.bucket);
    const char *end = memchr(signed_url.s, '?', signed_url.n);
    ASSERT(end != NULL);
    ASSERT(memcmp(signed_url.s, store.bucket, begin) == 0);
    for (const char *c = signed_url.s + begin; c < end; c++) {
        ASSERT(isalnum((unsigned char)*c) || strchr("/-_.", *c) != NULL);
        ASSERT(c[0] != '/' || (c[1] != '/' && c[1] != '.' && c + 1 < end));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const begins[] = {"", "https://cdn.example/m", "http://store:9/bucket",
                                         "https://cdn.example/m/private/1",
                                         "http://store:9/bucket/public/18446744073709551615/a"};
    char url[512], first[SIGV4_URL_MAX];
    if (n < 1 || n > 256)
        return 0;
    const char *begin = begins[bytes[0] % 5];
    size_t at = strlen(begin);
    memcpy(url, begin, at);
    memcpy(url + at, bytes + 1, n - 1);
    url[at + n - 1] = '\0';
    store.host = store.origin + strlen("http://");
    store.path = store.bucket + strlen(store.origin);
    fb_str text = {url, (uint32_t)(at + n - 1)};
    struct media_signer signer = {.store = &store};
    struct media_hook hook = media_hook(&signer);
    uint64_t owner = media_owner(&store, text);
    struct media_shown what = {text, owner, 7, true};
    fb_str shown = hook.show(hook.ctx, &what);
    if (owner == 0) {
        ASSERT(shown.s == text.s && shown.n == text.n);
        return 0;
    }
    check_path(shown);
    memcpy(first, shown.s, shown.n + 1);
    ASSERT(media_owner(&store, (fb_str){first, shown.n}) == owner);
    // Signed again it is the same; for another author it stays as it is.
    what.url = (fb_str){first, shown.n};
    shown = hook.show(hook.ctx, &what);
    ASSERT(strchr(first, '?') - first == strchr(shown.s, '?') - shown.s);
    ASSERT(memcmp(first, shown.s, (size_t)(strchr(first, '?') - first)) == 0);
    what.author = owner - 1;
    shown = hook.show(hook.ctx, &what);
    ASSERT(shown.s == first);
    return 0;
}
