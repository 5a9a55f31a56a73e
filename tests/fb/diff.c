// diff.c - our verifier against google's on damaged buffers: what we accept, C++ accepts too, and
// what we accept prints and reads back without harm.
//
//   fb_diff [ROUNDS [SEED]]
#include "kith_fb.h"
#include "torture_fb.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "core/fb_verify.h"
#include "tests/fb/diff_verify.h"
#include "tests/fb/support_random.h"

enum { BYTES_MAX = 65536, TEXT_MAX = 1 << 22, PER_SAMPLE = 2000 };

static uint64_t memory[BYTES_MAX / 8], sample[BYTES_MAX / 8], damaged[BYTES_MAX / 8];
static char text[TEXT_MAX];

// A valid buffer from a random document; gives its bytes.
static size_t make_sample(random_json *r, const fb_type *type)
{
    for (;;) {
        size_t n = random_document(r, type, text, BYTES_MAX);
        fb_builder b;
        fb_json_error err;
        fb_init(&b, memory, sizeof memory);
        fb_ref root = fb_json_parse(&b, text, n, type, &err);
        if (root == 0) {
            fprintf(stderr, "%s %s\n", fb_json_code_name(err.code), err.pointer);
            abort();
        }
        n = fb_finish(&b, root);
        if (n == 0 || n > 4096) continue;
        memcpy(sample, fb_data(&b), n);
        if (fb_verify(sample, n, type, &(fb_limits){.strict = true}) != FB_OK) abort();
        return n;
    }
}

static void store(uint8_t *p, uint64_t v, size_t bytes)
{
    memcpy(p, &v, bytes);
}

// A few changes of the kinds that matter: bits, words near what is there, copies, a shorter end.
static size_t damage(random_json *r, size_t n)
{
    uint8_t *p = (uint8_t *)damaged;
    memcpy(p, sample, n);
    for (uint64_t times = 1 + random_below(r, 3); times > 0; times--) {
        size_t at = random_below(r, n - 8), word = at & ~(size_t)3;
        switch (random_below(r, 8)) {
        case 0: p[at] = (uint8_t)(p[at] ^ (1u << random_below(r, 8))); break;
        case 1: p[at] = (uint8_t)random_below(r, 256); break;
        case 2: store(p + word, fb_u32(p + word) + random_below(r, 33) - 16, 4); break;
        case 3: store(p + word, random_below(r, n + 8), 4); break;
        case 4: store(p + (at & ~(size_t)1), random_below(r, 128), 2); break;
        case 5: memcpy(p + word, p + (random_below(r, n - 8) & ~(size_t)3), 4); break;
        case 6: store(p + word, UINT64_C(1) << random_below(r, 32), 4); break;
        case 7: n = n > 32 ? n - random_below(r, 16) : n; break;
        }
    }
    return n;
}

typedef struct tally {
    uint64_t both, neither, stricter;
} tally;

static void compare(const fb_type *type, bool (*cxx)(const uint8_t *, size_t), size_t n, tally *t)
{
    const uint8_t *p = (const uint8_t *)damaged;
    // The budget for shared parts is ours alone; here it should not decide.
    bool ours = fb_verify(p, n, type, &(fb_limits){.bytes_factor = 100}) == FB_OK;
    bool theirs = cxx(p, n);
    t->both += ours && theirs;
    t->neither += !ours && !theirs;
    t->stricter += !ours && theirs;
    if (ours && !theirs) {
        fprintf(stderr, "accepted by us alone: %s in fb_diff.bin\n", type->name);
        FILE *f = fopen("fb_diff.bin", "wb");
        if (f) fwrite(p, 1, n, f), fclose(f);
        abort();
    }
    if (!ours) return;
    size_t printed = fb_json_print(text, sizeof text, fb_root(p), type, 0);
    fb_builder b;
    fb_json_error err;
    fb_init(&b, memory, sizeof memory);
    // What was damaged may hold unknown enum values or be too deep to read: refusing is fine.
    if (printed) fb_json_parse(&b, text, printed, type, &err);
}

int main(int argc, char **argv)
{
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    random_json r = {.state = seed * 2 + 1};
    tally t = {0};
    for (uint64_t i = 0; i < rounds;) {
        bool post = random_below(&r, 2);
        const fb_type *type = post ? &kt_desc_PostCreate : &to_desc_All;
        size_t n = make_sample(&r, type);
        memcpy(damaged, sample, n);
        if (!(post ? cxx_accepts_post : cxx_accepts_all)((const uint8_t *)damaged, n)) {
            fprintf(stderr, "a whole %s refused by C++\n", type->name);
            return 1;
        }
        for (int j = 0; j < PER_SAMPLE && i < rounds && n > 16; j++, i++)
            compare(type, post ? cxx_accepts_post : cxx_accepts_all, damage(&r, n), &t);
    }
    printf("%" PRIu64 " damaged buffers: %" PRIu64 " accepted by both, %" PRIu64
           " refused by both, %" PRIu64 " refused by us alone, 0 accepted by us alone\n",
           rounds, t.both, t.neither, t.stricter);
    return 0;
}
