// The simulated world: one seed decides time, randomness, the disk's mind and who runs next. The
// parts of it stand in at link time for core/*_posix.c and the socket backends.
#ifndef KITH_TESTS_SIM_SIM_H
#define KITH_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

// A stream of numbers; the world has one for scheduling, one for the disk, one for random_bytes, so
// that a change in one does not shuffle the others.
struct sim_rng { uint64_t state; };
uint64_t sim_next(struct sim_rng *r);
uint32_t sim_below(struct sim_rng *r, uint32_t n); // 0 … n - 1
bool sim_chance(struct sim_rng *r, uint32_t of_1000);

struct sim_counts {
    uint64_t writes, syncs, power_losses, kills, sectors_old, sectors_new, sectors_zero,
        sectors_garbage, directory_ops_lost, sizes_lost;
};

struct sim_world {
    struct sim_rng schedule, disk, entropy;
    uint64_t now_ns;             // monotonic; the wall clock is this plus wall_offset_ms
    int64_t wall_offset_ms;
    struct sim_counts count;
    uint64_t story;              // hash of everything said, printed at the end
    bool loud;                   // print the story
};
extern struct sim_world sim;

void sim_start(uint64_t seed);
// Adds a line to the story.
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

// ---- the disk (sim_file.c)
// -----------------------------------------------------------------------
void sim_disk_reset(void);
// The process is gone: descriptors are closed, writes under way end somewhere, the page cache
// stays.
void sim_disk_kill(void);
// The power is gone: what was not synced is old, new, zero or garbage, sector by sector.
void sim_disk_power_loss(void);

#endif
