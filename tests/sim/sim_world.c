// Randomness, time, events and the story of a run.
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <sodium.h>
#include <string.h>

#include "core/clock.h"
#include "core/event.h"
#include "core/hash.h"
#include "core/random.h"

struct sim_world sim;
struct sim_counts sim_count;

uint64_t sim_next(struct sim_rng *r) // splitmix64, Steele et al. 2014
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t sim_below(struct sim_rng *r, uint32_t n)
{
    return (uint32_t)((sim_next(r) >> 32) * n >> 32);
}

bool sim_chance(struct sim_rng *r, uint32_t of_1000) { return sim_below(r, 1000) < of_1000; }

void sim_start(uint64_t seed)
{
    bool loud = sim.loud;
    memset(&sim, 0, sizeof sim);
    sim.loud = loud;
    sim.schedule.state = seed * 3 + 1;
    sim.disk.state = seed * 5 + 2;
    sim.entropy.state = seed * 7 + 3;
    sim.now_ns = UINT64_C(1000000000);
    sim.wall_offset_ms = INT64_C(1767225600000); // 2026-01-01
    sim_disk_reset();
}

void sim_say(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    sim.story = hash64(line, used, sim.story);
    if (sim.loud)
        printf("%12.6f  %s\n", (double)sim.now_ns / 1e9, line);
}

uint64_t clock_wall_ms(void)
{
    return (uint64_t)((int64_t)(sim.now_ns / 1000000) + sim.wall_offset_ms);
}
uint64_t clock_mono_ns(void) { return sim.now_ns; }
uint64_t clock_coarse_ns(void) { return sim.now_ns; }

void random_bytes(void *out, size_t n)
{
    uint8_t *p = out;
    while (n > 0) {
        uint64_t x = sim_next(&sim.entropy);
        size_t k = n < 8 ? n : 8;
        memcpy(p, &x, k);
        p += k;
        n -= k;
    }
}

// Passwords are hashed by the real function at its lowest cost: these stand before libsodium's.
enum { PASSES = 1, BYTES = 8192 };
int crypto_pwhash_str(char out[crypto_pwhash_STRBYTES], const char *const password,
                      unsigned long long n, unsigned long long passes, size_t bytes)
{
    (void)passes;
    (void)bytes;
    return crypto_pwhash_argon2id_str(out, password, n, PASSES, BYTES);
}
int crypto_pwhash_str_needs_rehash(const char hash[crypto_pwhash_STRBYTES],
                                   unsigned long long passes, size_t bytes)
{
    (void)passes;
    (void)bytes;
    return crypto_pwhash_argon2id_str_needs_rehash(hash, PASSES, BYTES);
}

// Nobody sleeps here: whoever has nothing to do is simply called again later.
int event_init(struct event *e)
{
    e->fd = -1;
    e->asleep = 0;
    return 0;
}
void event_free(struct event *e) { (void)e; }
void event_arm(struct event *e) { (void)e; }
void event_disarm(struct event *e) { (void)e; }
void event_wait(struct event *e, int ms)
{
    (void)e;
    sim.now_ns += (uint64_t)ms * 1000;
}
void event_signal(struct event *e) { (void)e; }
