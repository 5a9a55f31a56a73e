// One table of counters; every row has to be above zero in a long run.
#include "tests/sim/sim_reach.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/ops.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_compare.h"
#include "tests/sim/sim_judge.h"

struct sim_reached sim_reached;

static unsigned row(const char *name, uint64_t n, bool wanted)
{
    bool missing = wanted && n == 0;
    printf("  %-38s %12" PRIu64 "%s\n", name, n, missing ? "   NEVER REACHED" : "");
    return missing;
}

static unsigned rows_of_operations(bool wanted)
{
    unsigned missing = 0;
    printf("operations: done, refused, entries\n");
    for (unsigned i = 1; i < OP_LIMIT; i++) {
        const struct op_row *o = op_row(i);
        if (o == NULL)
            continue;
        // What no client sends is reached when the log has it. Digest marks come every 65,536
        // places, which no seed has.
        bool rare = i == OP_digest_mark || i == OP_digest_report;
        // What another service signed nobody has here: tests/e2e/test_auth.py does.
        rare |= i == OP_oauth_login || i == OP_oauth_link || i == OP_oauth_unlink;
        bool reached = (o->kind == OPK_INTERNAL ? sim_entries[i] : sim_done[i]) > 0;
        bool never = wanted && !reached && !rare;
        printf("  %-20s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "%s\n", o->name, sim_done[i],
               sim_refused[i], sim_entries[i], never ? "   NEVER REACHED" : "");
        missing += never;
    }
    return missing;
}

static unsigned rows_of_faults(bool wanted)
{
    const struct sim_counts *c = &sim_count;
    const struct { const char *name; uint64_t n; } rows[] = {
        {"kills", c->kills},
        {"power losses", c->power_losses},
        {"power losses while recovering", c->powers_cut},
        {"orderly stops", sim_reached.stops},
        {"connections broken off", sim_cuts},
        {"clock steps", sim_reached.clock_steps},
        {"leaps of time", sim_reached.leaps},
        {"sectors lost, old", c->sectors_old},
        {"sectors lost, new", c->sectors_new},
        {"sectors lost, zero", c->sectors_zero},
        {"sectors lost, garbage", c->sectors_garbage},
        {"pages lost, stale", c->pages_stale},
        {"directory operations lost", c->directory_ops_lost},
        {"file sizes lost", c->sizes_lost},
        {"writes torn by the end", c->writes_torn},
        {"writes cut short and continued", c->writes_short},
        {"write errors", c->write_errors},
        {"sync errors", c->sync_errors},
        {"refusals for want of space", c->no_space},
        {"stalls", c->stalls},
        {"bytes turned", sim_reached.turned},
    };
    unsigned missing = 0;
    printf("faults\n");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        missing += row(rows[i].name, rows[i].n, wanted);
    return missing;
}

static unsigned rows_of_recovery(bool wanted)
{
    static const bool must[DECISION_D9 + 1] = {
        [DECISION_D0] = true, [DECISION_D1] = true, [DECISION_D2] = true,
        [DECISION_D3] = true, [DECISION_D6] = true,
    };
    unsigned missing = 0;
    printf("recovery\n");
    for (unsigned d = 0; d <= DECISION_D9; d++) {
        char name[4] = {'D', (char)('0' + d)};
        missing += row(name, sim_reached.decisions[d] + sim_compared.decisions[d],
                       wanted && must[d]);
    }
    missing += row("W6: doubtful batches written again", sim_reached.rewritten, wanted);
    missing += row("rotations of the segment", sim_reached.rotations, wanted);
    missing += row("snapshots loaded", sim_compared.snapshots_loaded, wanted);
    missing += row("lives under group", sim_reached.group_lives, wanted);
    missing += row("events that subscriptions brought", sim_events, wanted);
    missing += row("notifications compared", sim_compared.notes, wanted);
    missing += row("answers under group that power took", sim_lost, wanted);
    missing += row("refusals held against their entries", sim_refusals, wanted);
    return missing;
}

unsigned sim_reach_report(uint64_t seeds)
{
    bool wanted = seeds >= SIM_REACH_SEEDS;
    unsigned missing = rows_of_operations(wanted) + rows_of_faults(wanted);
    missing += rows_of_recovery(wanted);
    printf("compared: %" PRIu64 " states, %" PRIu64 " pages, %" PRIu64 " replays\n",
           sim_compared.states, sim_compared.pages, sim_compared.replays);
    printf("%" PRIu64 " seeds, %" PRIu64 " requests, %" PRIu64 " lives, %" PRIu64 " findings, %u "
           "never reached\n", seeds, sim_reached.requests, sim_reached.lives, sim_findings,
           missing);
    return missing;
}
