// Bytes of the acknowledged log turn: recovery must refuse, or lose nothing. Then they turn back.
#include "tests/sim/sim_rot.h"

#include <stdio.h>

#include "core/limits.h"
#include "persist/recover.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_reach.h"

static bool orderly;

void sim_rot_after_stop(void) { orderly = true; }

struct chosen { char name[64]; unsigned n, pick; };

static void choose(void *ctx, const char *name)
{
    struct chosen *c = ctx;
    if (c->n++ == c->pick)
        snprintf(c->name, sizeof c->name, "%s", name);
}

// A byte in the used part of some page, where batches begin.
static uint64_t some_byte(void)
{
    return (uint64_t)sim_below(&sim.disk, BATCH_MAX / PAGE) * PAGE + sim_below(&sim.disk, 600);
}

static void turn(struct file_dir dir, const struct root *root)
{
    struct file_dir wal;
    struct file f;
    struct chosen c = {.name = "", .pick = sim_below(&sim.disk, 2)};
    uint8_t byte, turned;
    size_t got;
    if (file_dir_at(&wal, dir, "wal", false) != 0)
        return;
    file_list(wal, choose, &c);
    uint64_t at = some_byte();
    if (c.name[0] != 0 && file_open(&f, wal, c.name, FILE_WRITE) == 0) {
        struct recover_options o = {.read_only = true};
        struct wal_position end;
        struct recover_report report;
        file_read(f, &byte, 1, at, &got);
        turned = byte ^ (uint8_t)(1 + sim_below(&sim.disk, 255));
        if (got == 1) {
            file_write(f, &turned, 1, at);
            if (recover_log(dir, root, &o, &end, &report) == 0) {
                sim_reached.turned++;
                sim_reached.decisions[report.decision]++;
                if (!report.refused && end.next_place <= report.witness)
                    sim_finding("damage was passed over", end.next_place);
            }
            file_write(f, &byte, 1, at);
        }
        file_sync(f);
        file_close(&f);
    }
    file_dir_close(&wal);
}

void sim_rot_look(void)
{
    struct file_dir dir;
    struct root root;
    struct recover_options o = {.read_only = true};
    struct wal_position at;
    struct recover_report report;
    if (!sim_open_data(&dir, &root))
        return;
    if (recover_log(dir, &root, &o, &at, &report) == 0) {
        sim_reached.decisions[report.decision]++;
        sim_reached.rewritten += !root.clean && report.witness + 1 < at.next_place;
        sim_say("log: %s", report.line);
        if (orderly && (report.decision != DECISION_D0 || !root.clean))
            sim_finding("an orderly stop leaves a torn log", at.next_place);
        if (report.witness > 100 && sim_chance(&sim.disk, 250))
            turn(dir, &root);
    }
    orderly = false;
    file_dir_close(&dir);
}
