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

// What the disk was made to do, over all seeds.
struct sim_counts {
    uint64_t writes, syncs, kills, power_losses;
    uint64_t sectors_old, sectors_new, sectors_zero, sectors_garbage, pages_stale;
    uint64_t directory_ops_lost, sizes_lost, writes_torn, writes_short;
    uint64_t write_errors, sync_errors, no_space, stalls, powers_cut;
};
extern struct sim_counts sim_count;

struct sim_world {
    struct sim_rng schedule, disk, entropy;
    uint64_t now_ns;             // monotonic; the wall clock is this plus wall_offset_ms
    int64_t wall_offset_ms;
    uint64_t story;              // hash of everything said, printed at the end
    bool loud;                   // print the story
};
extern struct sim_world sim;

void sim_start(uint64_t seed);
// Adds a line to the story.
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

// ---- the disk (sim_file.c) ---------------------------------------------------------------------
void sim_disk_reset(void);
// The process is gone: descriptors are closed, writes under way end somewhere, the page cache
// stays.
void sim_disk_kill(void);
// What was left of it is cleared away; another one may come.
void sim_disk_next_process(void);
// The power is gone: what was not synced is old, new, zero, garbage or an older page of elsewhere,
// sector by sector.
void sim_disk_power_loss(void);
// From here on, until the next kill or power loss: the next write of the log fails, with the bytes
// in the page cache and nowhere else; the next sync of a whole file fails the same way.
void sim_disk_fail_write(void);
void sim_disk_fail_sync(void);
// Nothing that is not there yet can be made.
void sim_disk_full(bool full);
// Nothing is finished for so long.
void sim_disk_stall(uint64_t ns);
// No fault of these is left to come.
void sim_disk_heal(void);
// The power goes while the process still runs: after `operations` more, all of them fail.
void sim_disk_cut_after(uint64_t operations);
bool sim_disk_was_cut(void);

#endif
