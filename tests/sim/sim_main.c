// The simulator: a whole server in one thread, from one seed, with clients that retry, and kills,
// power losses, failing disks and orderly stops between. The log is read back after every end, and
// each entry is judged by the slow model.
//
//   build/sim SEED [COUNT] [--loud]      runs seeds SEED … SEED + COUNT - 1; every fiftieth, and
//                                        one alone, runs twice and has to tell one story
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/server.h"
#include "api/snapshotter.h"
#include "api/state.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/logger.h"
#include "store/bin.h"
#include "store/jobs.h"
#include "store/owed.h"
#include "store/seq.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_compare.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_life.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_reach.h"
#include "tests/sim/sim_rot.h"
#include "tests/sim/sim_soak.h"

enum {
    CRASHES_MIN = 5,
    OPS_MIN = 2000,
    OPS_A_LIFE = 280,              // at the least; twice that at the most
    STEPS_A_LIFE = 400000,
    MS = 1000000,
};

bool life_calm;
static struct server *server;
static unsigned cores;
static char key_file[64], media_file[64];

void sim_world_step(void)
{
    sim.now_ns += sim_below(&sim.schedule, 20000) + 1;
    if (sim_below(&sim.schedule, 50000) == 0) {
        sim_reached.leaps++; // a quiet second: seals, and timeouts of what waits
        sim.now_ns += UINT64_C(1100) * MS;
    }
    uint32_t who = sim_below(&sim.schedule, 100);
    if (who < 40)
        server_step_core(server, sim_below(&sim.schedule, cores));
    else if (who < 65)
        server_step_writer(server);
    else if (who < 70)
        server_step_control(server);
    else if (who < 74)
        server_step_snapshot(server);
    else if (who < 76)
        server_step_helper(server);
    else
        sim_client_step(sim_below(&sim.schedule, SIM_CLIENTS));
}

// ---- a life of the server ----------------------------------------------------------------------

static bool bins_empty_themselves;

static struct server_options options(void)
{
    struct server_options o;
    server_options_defaults(&o);
    o.keep_activities_s = 0; // what was imported is older than any usual limit
    static const unsigned bounds[] = {0, 2, 1000};
    o.dir = "data";
    o.listen[0] = "sim:0";
    o.listen_count = 1;
    o.admin = NULL;
    o.cores = cores = 1 + sim_below(&sim.schedule, 2);
    o.io = NET_EPOLL;
    if (life_calm)
        o.cores = cores = 2;
    o.durability = sim_chance(&sim.schedule, 250) ? DURABILITY_GROUP : DURABILITY_STRICT;
    o.fanout_max = bounds[sim_below(&sim.schedule, 3)];
    o.fanout_set = true;
    bins_empty_themselves = sim_chance(&sim.schedule, 500);
    o.restore_s = bins_empty_themselves ? 1 : 0; // 0: longer than any run
    o.service_key_file = key_file;
    o.media_file = media_file;
    o.partitions = MODEL_PARTITIONS;
    o.timelines_max = 1 + sim_below(&sim.schedule, 8);
    o.segment_bytes = (1 + sim_chance(&sim.schedule, 200)) * (uint64_t)BATCH_MAX;
    o.quiet = true;
    if (life_calm) {
        o.durability = DURABILITY_STRICT;
        o.restore_s = 1;
        o.timelines_max = 64;
        o.segment_bytes = BATCH_MAX;
    }
    return o;
}

// One start; at times the power goes while it recovers.
static enum server_exit start(bool *cut)
{
    struct server_options o = options();
    char why[SERVER_WHY] = "";
    if (!life_calm && sim_chance(&sim.schedule, 150))
        sim_disk_cut_after(sim_below(&sim.schedule, 120));
    enum server_exit e = server_new(&o, &server, why);
    if (e == SERVER_DONE)
        e = server_load(server, why);
    *cut = sim_disk_was_cut();
    sim_disk_cut_after(UINT64_MAX);
    sim_reached.group_lives += e == SERVER_DONE && o.durability == DURABILITY_GROUP;
    sim_say("start  cores %u  fan-out %u  durability %u  -> %d %s", cores, o.fanout_max,
            (unsigned)o.durability, (int)e, why);
    if (e != SERVER_DONE && !*cut)
        fprintf(stderr, "the server does not start: %d %s\n", (int)e, why);
    return e;
}

static void leave(void)
{
    sim_clients_cut();
    if (server != NULL)
        server_abandon(server);
    server = NULL;
    sim_net_reset();
    sim_disk_next_process();
    // Some time passes, and whoever sets the clock may set it back.
    sim.now_ns += (uint64_t)(1 + sim_below(&sim.schedule, 3000)) * MS;
    if (sim_chance(&sim.schedule, 150)) {
        sim_reached.clock_steps++;
        sim.wall_offset_ms += (int64_t)sim_below(&sim.schedule, 20000) - 10000;
    }
}

static uint64_t promised;        // highest place that has to be there at the next start
static uint64_t synced;          // the same if the power goes before it

static bool begin_life(void)
{
    for (;;) {
        bool cut;
        if (start(&cut) == SERVER_DONE)
            return true;
        if (!cut) {
            sim_finding("an honest disk is refused", 0);
            return false;
        }
        sim_say("power loss while starting");
        sim_disk_power_loss();
        promised = synced;
        leave();
    }
}

enum ending { ENDS_BY_KILL, ENDS_BY_POWER, ENDS_BY_STOP };

// How a life ends. Under `group` a power loss may take what was not synced: at the end, or before
// the next start has written it again.
static void power_loss(void)
{
    sim_say("power loss");
    sim_disk_power_loss();
    promised = synced;
}

static void killed(void)
{
    sim_say("kill");
    sim_disk_kill();
}

static bool stopped(void)
{
    sim_say("stop");
    atomic_store(&server->phase, PHASE_DRAINING);
    for (unsigned i = sim_below(&sim.schedule, 2000); i > 0; i--)
        sim_world_step();
    uint64_t errors = sim_count.write_errors + sim_count.sync_errors;
    bool dead = server_dead(server);
    if (server->opt.durability == DURABILITY_GROUP)
        synced = wal_durable_place(server->wal);
    enum server_exit e = server_stop(server);
    server = NULL;
    if (dead || sim_count.write_errors + sim_count.sync_errors > errors) {
        if (e != SERVER_IO)
            sim_finding("a stop on a failing disk says that it went well", (uint64_t)e);
        return false;
    }
    if (e != SERVER_DONE)
        sim_finding("an orderly stop fails", (uint64_t)e);
    sim_rot_after_stop();
    sim_reached.stops++;
    return true;
}

// Whether it was an orderly stop.
static bool end_life(enum ending how)
{
    synced = promised = UINT64_MAX;
    if (server->opt.durability == DURABILITY_GROUP)
        synced = wal_durable_place(server->wal);
    bool orderly = how == ENDS_BY_STOP && stopped();
    if (orderly)
        synced = UINT64_MAX; // all is on disk: a power loss takes nothing
    if (how == ENDS_BY_POWER || (how == ENDS_BY_STOP && sim_chance(&sim.schedule, 500)))
        power_loss();
    else
        killed();
    leave();
    return orderly;
}

// ---- what happens in a life --------------------------------------------------------------------

static void trouble(void)
{
    uint32_t what = sim_below(&sim.schedule, 100);
    if (what < 40)
        sim_disk_stall((uint64_t)sim_below(&sim.schedule, 1500) * MS);
    else if (what < 60)
        sim_disk_full(true);
    else if (what < 80)
        sim_disk_fail_write();
    else
        sim_disk_fail_sync();
    sim_say("trouble %u", what);
}

static uint64_t segment_of(void)
{
    struct wal_stats stats;
    wal_stats(server->wal, &stats);
    return stats.segment;
}

static void ask_snapshot(void)
{
    // What a trim may take away is judged before.
    judge_durable(wal_durable_place(server->wal));
    snapshotter_ask(server->snapshotter, wal_queue(server->wal, cores));
}

// Steps until enough was asked; false: the process ended by itself. A life may end just behind a
// rotation, where the newest segment has hardly begun.
static bool live(unsigned ops)
{
    unsigned from = history.n, left = UINT32_MAX;
    uint64_t segment = segment_of(), full_until = 0;
    uint32_t snapshot_at = sim_chance(&sim.schedule, 400) ? ops / 2 : ops;
    uint32_t trouble_at = sim_chance(&sim.schedule, 300) ? sim_below(&sim.schedule, ops) : ops;
    for (unsigned i = 0; i < STEPS_A_LIFE && history.n < from + ops && left > 0; i++, left--) {
        sim_world_step();
        if (server_dead(server))
            return false;
        if (history.n >= from + snapshot_at && snapshot_at < ops) {
            ask_snapshot();
            snapshot_at = ops;
        }
        if (history.n >= from + trouble_at && trouble_at < ops) {
            trouble();
            trouble_at = ops;
            full_until = i + 5000;
        }
        if (i == full_until)
            sim_disk_full(false);
        if (i % 8 == 0 && segment_of() != segment) {
            segment = segment_of();
            sim_reached.rotations++;
            if (sim_chance(&sim.schedule, 500))
                left = sim_below(&sim.schedule, 60);
        }
    }
    sim_disk_full(false);
    return !server_dead(server);
}

static bool cascades_end(void)
{
    if (wal_durable_place(server->wal) < wal_released_place(server->wal))
        return false;
    const struct store *s = server_store(server);
    for (unsigned i = 0; i < s->partitions; i++)
        if (jobs_count(&s->part[i]) > 0 || owed_count(&s->part[i]) > 0)
            return false;
    return true;
}

// What is erased in its time would go while it is compared.
static bool bins_end(void)
{
    const struct store *s = server_store(server);
    for (unsigned c = 0; c < s->cores && bins_empty_themselves; c++)
        if (s->shard[c].binned.count > 0)
            return false;
    return true;
}

// Where nothing happens the clock hardly moves: until the last of what is deleted is due.
static void pass_restore_window(void)
{
    const struct store *s = server_store(server);
    uint64_t window_ms = server->opt.restore_s * UINT64_C(1000);
    uint64_t last_ms = 0, now_ms = clock_wall_ms();
    for (unsigned c = 0; c < s->cores; c++)
        for (uint64_t id = 0; seq_above(&s->shard[c].binned, id, &id, 1) == 1;) {
            uint64_t deleted_ms = bin_deleted_ms(store_find(s, id));
            last_ms = deleted_ms > last_ms ? deleted_ms : last_ms;
        }
    if (last_ms + window_ms >= now_ms)
        sim.now_ns += (last_ms + window_ms + 1 - now_ms) * 1000000;
}

// Steps until the condition holds; false: it never does.
static bool step_until(bool (*holds)(void))
{
    for (unsigned i = 0; i < STEPS_A_LIFE && !server_dead(server); i++) {
        if (holds())
            return true;
        sim_world_step();
    }
    return false;
}

static void some_steps(unsigned n)
{
    while (n-- > 0)
        sim_world_step();
}

// ---- a calm life -------------------------------------------------------------------------------

struct server *life_server(void) { return server; }
bool life_begin(void) { return begin_life(); }
void life_kill(void) { end_life(ENDS_BY_KILL); }
void life_steps(unsigned n) { some_steps(n); }
void life_snapshot(void) { snapshotter_ask(server->snapshotter, wal_queue(server->wal, cores)); }
bool life_settle(void) { return step_until(sim_clients_quiet) && step_until(cascades_end); }

// Nobody asks, all is answered, cascades end; then everything is compared. The disk is well.
static void quiet_moment(void)
{
    sim_clients_stop = true;
    sim_disk_heal();
    if (!step_until(sim_clients_quiet))
        sim_finding("requests are never answered", 0);
    some_steps(1000);
    if (bins_empty_themselves)
        pass_restore_window();
    if (!step_until(bins_end))
        sim_finding("what is deleted is never erased", 0);
    if (!step_until(cascades_end))
        sim_finding("cascades or consequences never end", 0);
    judge_durable(wal_durable_place(server->wal));
    judge_quiet();
    compare_state(server);
    compare_reads();
    // Reads leave acts in the audit log that nobody waits for.
    some_steps(1000);
    sim_clients_stop = false;
}

// ---- a seed ------------------------------------------------------------------------------------

static enum ending draw_ending(void)
{
    uint32_t what = sim_below(&sim.schedule, 100);
    return what < 30 ? ENDS_BY_KILL : what < 88 ? ENDS_BY_POWER : ENDS_BY_STOP;
}

// Ends this life, looks at what it left, begins the next one; false: there is none.
static bool next_life(enum ending how, unsigned *crashes)
{
    *crashes += !end_life(how);
    sim_rot_look();
    sim_reached.lives++;
    if (!begin_life())
        return false;
    judge_log(promised);
    return true;
}

static bool live_and_die(unsigned life, unsigned *crashes)
{
    bool lives = live(OPS_A_LIFE + sim_below(&sim.schedule, OPS_A_LIFE));
    if (lives && life == 2 && sim_chance(&sim.schedule, 300))
        quiet_moment();
    enum ending how = draw_ending();
    if (!lives)
        how = sim_chance(&sim.schedule, 500) ? ENDS_BY_POWER : ENDS_BY_KILL;
    return next_life(how, crashes);
}

static uint64_t run_seed(uint64_t seed)
{
    sim_start(seed);
    sim_clients_reset();
    judge_reset();
    uint64_t before = sim_findings;
    unsigned crashes = 0;
    bool alive = begin_life();
    for (unsigned life = 0; alive && (crashes < CRASHES_MIN || history.n < OPS_MIN); life++)
        alive = live_and_die(life, &crashes);
    if (alive && !live(OPS_A_LIFE / 4))
        alive = next_life(ENDS_BY_KILL, &crashes);
    if (alive) {
        quiet_moment();
        compare_replay(server);
        end_life(ENDS_BY_KILL);
    }
    sim_say("end: %u requests, %" PRIu64 " entries", history.n, model->entries);
    if (sim_findings > before)
        printf("seed %" PRIu64 ": %" PRIu64 " findings; make sim SEED=%" PRIu64 "\n", seed,
               sim_findings - before, seed);
    return sim.story;
}

static void write_secret(char path[64], const char *kind, const char *text)
{
    snprintf(path, 64, "/tmp/kith-sim-%d.%s", (int)getpid(), kind);
    FILE *f = fopen(path, "w");
    ASSERT(f != NULL);
    fputs(text, f);
    fclose(f);
    chmod(path, 0600);
}

static void write_files(void)
{
    write_secret(key_file, "key", "simulated-service-key-0123456789\n");
    write_secret(media_file, "media", "bucket https://a.example/kith\nregion nowhere\n"
                                      "access-key simulated\nsecret-key simulated\n");
}

static void unlink_files(void)
{
    unlink(key_file);
    unlink(media_file);
}

// sim --soak OPERATIONS [SEED [PAIRS]]
static int soak(int argc, char **argv)
{
    struct soak_options o = {.seed = 1, .operations = strtoull(argv[2], NULL, 10), .users = 200,
                             .posts = 1200, .pairs = 10000};
    if (argc > 3)
        o.seed = strtoull(argv[3], NULL, 10);
    if (argc > 4)
        o.pairs = strtoull(argv[4], NULL, 10);
    unsigned failed = soak_run(&o);
    unlink_files();
    return failed > 0;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 && argv[2][0] != '-' ? strtoull(argv[2], NULL, 10) : 1;
    sim.loud = argc > 1 && strcmp(argv[argc - 1], "--loud") == 0;
    model = calloc(1, sizeof *model);
    // What failing disks make a server say is no news here.
    logger_start((struct logger_options){.level = LOG_ERROR, .fd = open("/dev/null", O_WRONLY)});
    write_files();
    // It draws when it is first called: not out of a seed's randomness.
    ASSERT(sodium_init() >= 0);
    if (argc > 2 && strcmp(argv[1], "--soak") == 0)
        return soak(argc, argv);
    uint64_t failed = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t was = sim_findings, story = run_seed(seed + i);
        sim_reached.requests += history.n;
        bool loud = sim.loud;
        sim.loud = false;
        if ((count == 1 || i % 50 == 0) && run_seed(seed + i) != story) {
            sim_findings++;
            printf("seed %" PRIu64 " tells two stories\n", seed + i);
        }
        sim.loud = loud;
        failed += sim_findings > was;
    }
    unlink_files();
    unsigned missing = sim_reach_report(count);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", count - failed, failed + missing);
    return failed > 0 || missing > 0;
}
