// Which addresses are places in the store, how they are shown to whom, and what the file may say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/media.h"

#define BUCKET "https://store.example:9000/kith"
#define BASE "https://cdn.example"

static const char *const good_file = "# a store\n\nbucket https://store.example:9000/kith/\n"
                                     "base https://cdn.example:443/\nregion nowhere\n"
                                     "access-key some.body\nsecret-key of/the+tests=\n"
                                     "read-ttl 60\nimage-max 1000\n";
static char why[256];

static bool open_text(struct media_store *s, const char *text, unsigned mode)
{
    char path[] = "/tmp/kith-media-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, (mode_t)mode), 0);
    close(fd);
    bool good = media_open(path, s, why);
    unlink(path);
    return good;
}

static void the_file_says_where(void **state)
{
    (void)state;
    struct media_store s;
    assert_true(open_text(&s, good_file, 0600));
    assert_true(s.on);
    assert_string_equal(s.bucket, BUCKET);
    assert_string_equal(s.origin, "https://store.example:9000");
    assert_string_equal(s.host, "store.example:9000");
    assert_string_equal(s.path, "/kith");
    assert_string_equal(s.base, BASE);
    assert_string_equal(s.key.secret, "of/the+tests=");
    assert_int_equal(s.upload_s, MEDIA_UPLOAD_S);
    assert_int_equal(s.read_s, 60);
    assert_int_equal(s.image_max, 1000);
    assert_int_equal(s.video_max, MEDIA_BYTES_MAX);
    // A bucket that is a host has no path of its own.
    assert_true(open_text(&s, "bucket http://kith.store.example\nregion r\naccess-key a\n"
                              "secret-key of-the-tests\n", 0600));
    assert_string_equal(s.path, "");
    assert_string_equal(s.base, s.bucket);
}

static void a_wrong_file_is_refused(void **state)
{
    (void)state;
    struct media_store s;
    char text[512];
    assert_false(open_text(&s, good_file, 0640));
    assert_non_null(strstr(why, "chmod 600"));
    assert_false(open_text(&s, "", 0600));
    static const struct { const char *line, *said; } rows[] = {
        {"read-ttl 60", "two lines"},      {"colour red", "no colour"},  {"video-max 5k", "bytes"},
        {"upload-ttl 0", "seven days"},    {"upload-ttl", "a word and"}, {"video-max -1", "bytes"},
        {"upload-ttl 604801", "seven days"}, {"video-max 99999999999999999999", "bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "%s%s\n", good_file, rows[i].line);
        assert_false(open_text(&s, text, 0600));
        assert_non_null(strstr(why, rows[i].said));
        assert_false(s.on);
    }
}

static fb_str text_of(const char *s)
{
    return (fb_str){s, (uint32_t)strlen(s)};
}

static void places_have_owners(void **state)
{
    (void)state;
    static const struct { const char *url; uint64_t owner; } rows[] = {
        {BASE "/public/17/0a", 17},
        {BASE "/private/18446744073709551615/A-_.z", UINT64_MAX},
        {BUCKET "/private/17/0a?X-Amz-Date=1", 17},
        {BUCKET "/private/17/0a#x", 17},
        {BASE "/private/18446744073709551616/0a", 0},
        {BASE "/private/017/0a", 0},
        {BASE "/private/0/0a", 0},
        {BASE "/private/17", 0},
        {BASE "/private/17/", 0},
        {BASE "/private/17/?x", 0},
        {BASE "/private/17/../18/0a", 0},
        {BASE "/private/17/.a", 0},
        {BASE "/private/17/a/b", 0},
        {BASE "/private/17/a%41", 0},
        {BASE "/other/17/0a", 0},
        {BASE ".evil.example/private/17/0a", 0},
        {"https://store.example:9000/private/17/0a", 0},
        {BASE, 0},
        {"", 0},
    };
    struct media_store s;
    assert_true(open_text(&s, good_file, 0600));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(media_owner(&s, text_of(rows[i].url)), rows[i].owner);
    s.on = false;
    assert_int_equal(media_owner(&s, text_of(rows[0].url)), 0);
    struct media_signer none = {.store = &s};
    assert_null(media_hook(&none).show);
}

static struct media_store store;
static struct media_signer signer = {.store = &store};

// As a viewer is shown an address in a post of user 17's.
static const char *shown(const char *url, uint64_t viewer, bool narrow)
{
    static char out[SIGV4_URL_MAX];
    struct media_hook hook = media_hook(&signer);
    struct media_shown what = {text_of(url), 17, viewer, narrow};
    fb_str s = hook.show(hook.ctx, &what);
    snprintf(out, sizeof out, "%.*s", (int)s.n, s.s);
    return out;
}

static void who_is_shown_what(void **state)
{
    (void)state;
    assert_true(open_text(&store, good_file, 0600));
    // For everybody: as it is, however it was sent.
    assert_string_equal(shown(BASE "/public/17/a", 5, false), BASE "/public/17/a");
    assert_string_equal(shown(BUCKET "/public/17/a?X-Amz-Date=1", 5, false), BASE "/public/17/a");
    // For some: signed, with nothing of an older signature.
    static const char *const some[] = {BASE "/public/17/a", BUCKET "/public/17/a?X-Amz-Date=1"};
    for (unsigned i = 0; i < 2; i++) {
        const char *url = shown(some[i], 5, true);
        static const char begin[] = BUCKET "/public/17/a?X-Amz-Algorithm=";
        assert_int_equal(strncmp(url, begin, sizeof begin - 1), 0);
        assert_null(strstr(url, "X-Amz-Date=1&"));
        assert_non_null(strstr(url, "&X-Amz-Expires=60&"));
        assert_string_equal(url + strlen(url) - strlen("&x-viewer=5"), "&x-viewer=5");
    }
    // A private place is signed whatever the post is, for nobody in particular too.
    assert_non_null(strstr(shown(BASE "/private/17/a", 0, false), "X-Amz-Signature="));
    assert_null(strstr(shown(BASE "/private/17/a", 0, false), "x-viewer"));
}

static void nobody_signs_what_is_anothers(void **state)
{
    (void)state;
    assert_true(open_text(&store, good_file, 0600));
    static const char *const others[] = {BASE "/private/18/a", BUCKET "/private/18/a?X-Amz-Date=1",
                                         BASE "/public/18/a", "https://x.example/private/17/a"};
    for (unsigned i = 0; i < 4; i++) assert_string_equal(shown(others[i], 5, true), others[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_says_where),
        cmocka_unit_test(a_wrong_file_is_refused),
        cmocka_unit_test(places_have_owners),
        cmocka_unit_test(who_is_shown_what),
        cmocka_unit_test(nobody_signs_what_is_anothers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
