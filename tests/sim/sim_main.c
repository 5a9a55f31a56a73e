// The simulator: a whole server in one thread, from one seed, with clients that retry, and kills
// and power losses between. The log is read back after every crash, and each entry is judged by the
// slow model.
//
//   build/sim SEED [COUNT] [--loud]      runs seeds SEED … SEED + COUNT - 1, each one twice when
// COUNT is 1
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/load.h"
#include "api/server.h"
#include "api/snapshotter.h"
#include "api/state.h"
#include "core/assert.h"
#include "core/errors.h"
#include "core/graph.h"
#include "core/logger.h"
#include "kith_fb.h"
#include "persist/recover.h"
#include "store/store.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_model.h"
#include "tests/sim/sim_net.h"

enum { LIVES = 6, OPS_A_LIFE = 420, PARTITIONS = 16, SEGMENT = 2 << 20 };

static struct server *server;
static unsigned cores;
static struct model *model;
static uint64_t harvested;       // places below this were judged
static uint64_t kills, power_losses;
static uint64_t decisions[16], rewritten, snapshots, findings, all_ops[256];
static char key_file[64];

static void finding(const char *what, uint64_t place)
{
    findings++;
    sim_say("FINDING %s at %" PRIu64, what, place);
    fprintf(stderr, "finding: %s at place %" PRIu64 "\n", what, place);
}

void sim_world_step(void)
{
    sim.now_ns += sim_below(&sim.schedule, 20000) + 1;
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

// ---- a life of the server
// ------------------------------------------------------------------------

static struct server_options options(void)
{
    struct server_options o;
    server_options_defaults(&o);
    static const unsigned bounds[] = {0, 2, 1000};
    o.dir = "data";
    o.listen[0] = "sim:0";
    o.listen_count = 1;
    o.admin = NULL;
    o.cores = cores = 1 + sim_below(&sim.schedule, 2);
    o.io = NET_EPOLL;
    o.durability = DURABILITY_STRICT;
    o.fanout_max = bounds[sim_below(&sim.schedule, 3)];
    o.fanout_set = true;
    o.service_key_file = key_file;
    o.partitions = PARTITIONS;
    o.timelines_max = 1 + sim_below(&sim.schedule, 8);
    o.segment_bytes = SEGMENT;
    o.quiet = true;
    return o;
}

static bool begin_life(void)
{
    struct server_options o = options();
    char why[SERVER_WHY] = "";
    enum server_exit e = server_new(&o, &server, why);
    if (e == SERVER_DONE)
        e = server_load(server, why);
    sim_say("start  cores %u  fan-out %u  -> %d %s", cores, o.fanout_max, (int)e, why);
    if (e == SERVER_DONE)
        return true;
    fprintf(stderr, "the server does not start: %d %s\n", (int)e, why);
    finding("an honest disk is refused", 0);
    return false;
}

static void end_life(void)
{
    if (sim_chance(&sim.schedule, 600)) {
        sim_say("power loss");
        power_losses++;
        sim_disk_power_loss();
    } else {
        sim_say("kill");
        kills++;
        sim_disk_kill();
    }
    sim_clients_cut();
    server_abandon(server);
    server = NULL;
    sim_net_reset();
}

// ---- the judge
// -----------------------------------------------------------------------------------

// The request that an entry came from, if its client was answered at that place.
static struct sim_op *answered_at(uint64_t place)
{
    for (unsigned i = 0; i < history.n; i++) {
        struct sim_op *o = &history.op[i];
        if (o->place == place && op_row(o->op)->kind == OPK_CHANGE && o->op != OP_import_users &&
            o->state == OP_DONE)
            return o;
    }
    return NULL;
}

static void judge(const struct entry *e)
{
    struct expect x;
    all_ops[e->op & 255]++;
    if (!model_apply(model, e, &x))
        return;
    struct sim_op *o = answered_at(e->place);
    if (o == NULL || e->op == OP_user_create)
        return;
    if (o->op != e->op)
        finding("an answer names another entry's place", e->place);
    else if (x.error != KITH_ok)
        finding("done, but the model refuses", e->place);
    else if (x.id != 0 && o->id != x.id)
        finding("another id than the model's", e->place);
    else if (x.counted && o->count != x.count)
        finding("another count than the model's", e->place);
}

static bool judge_batch(void *ctx, const struct batch *b)
{
    (void)ctx;
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct entry *e = batch_entry(b, at);
        at += e->length;
        if (e->place < harvested)
            continue;
        if (e->place != harvested)
            finding("a hole in the log", e->place);
        judge(e);
        harvested = e->place + 1;
    }
    return true;
}

static bool open_data(struct file_dir *dir, struct root *root)
{
    return file_dir_open(dir, "data", false) == 0 && root_read(*dir, root) == 0;
}

// Reads what the log holds now and for ever.
static void harvest(void)
{
    struct file_dir dir;
    struct root root;
    if (!open_data(&dir, &root)) {
        finding("the directory cannot be read", 0);
        return;
    }
    struct recover_options o = {.from_place = harvested, .read_only = true, .batch = judge_batch};
    struct wal_position at;
    struct recover_report report;
    if (recover_log(dir, &root, &o, &at, &report) != 0 || report.refused)
        finding("the log cannot be read again", harvested);
    file_dir_close(&dir);
}

// Whatever was answered lies below `harvested` now.
static void judge_answers(void)
{
    for (unsigned i = 0; i < history.n; i++) {
        const struct sim_op *o = &history.op[i];
        if (o->state == OP_DONE && op_row(o->op)->kind == OPK_CHANGE && o->place >= harvested)
            finding("an acknowledged change is lost", o->place);
        if (o->state == OP_DONE && o->op == OP_post_create) {
            bool there = false;
            for (unsigned k = 0; k < model->posts && !there; k++)
                there = model->post[k].id == o->id;
            if (!there)
                finding("an acknowledged post is lost", o->place);
        }
    }
}

static bool is_there(const char *text)
{
    for (unsigned i = 0; i < model->posts; i++)
        if (strcmp(model->post[i].text, text) == 0)
            return true;
    for (unsigned i = 0; i < model->comments; i++)
        if (strcmp(model->comment[i].text, text) == 0)
            return true;
    return false;
}

static void judge_texts(void) // what was sent once is not there twice, what was refused not at all
{
    for (unsigned i = 0; i < history.n; i++) {
        const struct sim_op *o = &history.op[i];
        char text[MODEL_TEXT];
        snprintf(text, sizeof text, o->op == OP_post_create ? "post %u" : "comment %u", i);
        if (o->state == OP_REFUSED && (o->op == OP_post_create || o->op == OP_comment_create) &&
            is_there(text))
            finding("refused, but there", o->place);
    }
    for (unsigned i = 0; i < model->posts; i++)
        for (unsigned k = 0; k < i; k++)
            if (strncmp(model->post[i].text, "post ", 5) == 0 &&
                strcmp(model->post[i].text, model->post[k].text) == 0)
                finding("one post, applied twice", model->post[i].id);
}

// ---- the end: state against model
// ----------------------------------------------------------------

static void say_finding(void *ctx, const char *line)
{
    (void)ctx;
    fprintf(stderr, "verify: %s\n", line);
    finding("the state contradicts itself", 0);
}

static void compare_state(void)
{
    const struct store *s = server_store(server);
    for (unsigned i = 0; i < model->users; i++) {
        const struct model_user *m = &model->user[i];
        const struct user *u = store_user(s, m->id);
        if (u == NULL || u->followers != m->followers || u->following != m->following ||
            u->posts != m->posts)
            finding("a user differs from the model", m->id);
    }
    for (unsigned i = 0; i < model->posts; i++) {
        const struct model_post *m = &model->post[i];
        const struct post *p = store_post(s, m->id);
        if ((p == NULL) != m->gone)
            finding("a post is there or gone against the model", m->id);
        else if (p != NULL && (strcmp(post_caption(p), m->text) != 0 || p->likes != m->likes ||
                               p->comments != m->comments))
            finding("a post differs from the model", m->id);
    }
}

static void compare_feed(uint64_t viewer)
{
    static uint64_t want[MODEL_POSTS];
    unsigned n = model_feed(model, viewer, want, MODEL_POSTS), seen = 0;
    char cursor[256] = "";
    do {
        char json[512];
        unsigned status;
        snprintf(json, sizeof json,
                 cursor[0] != 0 ? "{\"limit\":7,\"cursor\":\"%s\"}" : "{\"limit\":7}", cursor);
        const kt_Posts *page = kt_root_Posts(sim_ask(OP_feed, viewer, json, &status));
        if (status != 200) {
            finding("a feed is refused", viewer);
            return;
        }
        fb_vec posts = kt_Posts_posts(page);
        for (uint32_t i = 0; i < posts.n; i++, seen++)
            if (seen >= n || kt_Post_post_id(kt_at_Post(posts, i)) != want[seen]) {
                finding("a feed differs from the model", viewer);
                return;
            }
        snprintf(cursor, sizeof cursor, "%s", kt_Posts_next_cursor(page).s);
    } while (cursor[0] != 0);
    if (seen != n)
        finding("a feed ends too early", viewer);
}

// The same log with another number of cores: the same digest.
static void compare_replay(void)
{
    struct file_dir dir;
    struct root root;
    if (!open_data(&dir, &root)) {
        finding("the directory cannot be read", 0);
        return;
    }
    struct store_digest live, again, anew;
    load_digest(server_store(server), &live);
    struct store_options so = {.cores = 3 - cores,
                               .partitions = root.partitions,
                               .hash_key = {root.hash_key[0], root.hash_key[1]},
                               .fanout_max = 5,
                               .timelines_max = 4,
                               .map = pool_map_pages,
                               .unmap = pool_unmap_pages};
    struct store *s = store_new(&so);
    struct load_options lo = {.read_only = true};
    struct load_report report;
    if (load_state(dir, &root, s, &lo, &report) != 0 || report.recover.refused)
        finding("the state cannot be loaded again", 0);
    load_digest(s, &again);
    if (memcmp(&live, &again, sizeof live) != 0)
        finding("two replays differ", harvested);
    struct store_counts counts;
    store_verify(s, &counts, &anew, say_finding, NULL);
    if (memcmp(&again, &anew, sizeof anew) != 0)
        finding("the digest kept is not the digest computed", harvested);
    snapshots += report.have_snapshot;
    decisions[report.recover.decision]++;
    store_free(s);
    file_dir_close(&dir);
}

static void settle(void)
{
    sim_clients_stop = true;
    for (unsigned i = 0; i < 400000 && !sim_clients_quiet(); i++)
        sim_world_step();
    if (!sim_clients_quiet())
        finding("requests are never answered", 0);
    for (unsigned i = 0; i < 20000; i++)
        sim_world_step();
}

// ---- rot
// -----------------------------------------------------------------------------------------

static void first_segment(void *ctx, const char *name)
{
    char *first = ctx;
    if (first[0] == 0)
        snprintf(first, 64, "%s", name);
}

// A byte of the acknowledged log turns: recovery must refuse, or lose nothing. Then it turns back.
static void rot(struct file_dir dir, const struct root *root, uint64_t next_place)
{
    struct file_dir wal;
    struct file f;
    char name[64] = "";
    uint8_t byte;
    size_t got;
    if (file_dir_at(&wal, dir, "wal", false) != 0)
        return;
    file_list(wal, first_segment, name);
    uint64_t at = sim_below(&sim.disk, 256 << 10);
    if (name[0] != 0 && file_open(&f, wal, name, FILE_WRITE) == 0) {
        struct recover_options o = {.from_place = 1, .read_only = true};
        struct wal_position end;
        struct recover_report report;
        file_read(f, &byte, 1, at, &got);
        uint8_t turned = byte ^ (uint8_t)(1 + sim_below(&sim.disk, 255));
        file_write(f, &turned, 1, at);
        if (got == 1 && recover_log(dir, root, &o, &end, &report) == 0) {
            decisions[report.decision]++;
            if (!report.refused && end.next_place != next_place)
                finding("damage was passed over", end.next_place);
        }
        file_write(f, &byte, 1, at);
        file_sync(f);
        file_close(&f);
    }
    file_dir_close(&wal);
}

// ---- a seed
// --------------------------------------------------------------------------------------

static void look_at_log(void) // how recovery will see what the crash left
{
    struct file_dir dir;
    struct root root;
    struct recover_options o = {.from_place = 1, .read_only = true};
    struct wal_position at;
    struct recover_report report;
    if (!open_data(&dir, &root))
        return;
    if (recover_log(dir, &root, &o, &at, &report) == 0) {
        decisions[report.decision]++;
        rewritten += report.witness + 1 < at.next_place;
        sim_say("log: %s", report.line);
        if (report.witness > 100 && sim_chance(&sim.disk, 200))
            rot(dir, &root, at.next_place);
    }
    file_dir_close(&dir);
}

static uint64_t run_seed(uint64_t seed)
{
    sim_start(seed);
    sim_clients_reset();
    memset(model, 0, sizeof *model);
    harvested = 1;
    uint64_t before = findings;
    bool alive = begin_life();
    for (unsigned life = 0; alive && life < LIVES; life++) {
        unsigned from = history.n;
        unsigned ops = OPS_A_LIFE / 2 + sim_below(&sim.schedule, OPS_A_LIFE);
        for (unsigned i = 0; i < 200000 && history.n < from + ops; i++) {
            sim_world_step();
            if (life % 2 == 1 && history.n == from + ops / 2 && sim_chance(&sim.schedule, 20))
                snapshotter_ask(server->snapshotter, wal_queue(server->wal, cores));
        }
        if (life + 1 == LIVES)
            break;
        end_life();
        look_at_log();
        alive = begin_life();
        if (alive)
            harvest();
        judge_answers();
    }
    if (alive) {
        settle();
        harvest();
        judge_answers();
        judge_texts();
        compare_state();
        for (unsigned i = 0; i < model->users; i += 3)
            compare_feed(model->user[i].id);
        compare_replay();
        end_life();
    }
    sim_say("end: %u requests, %" PRIu64 " entries", history.n, model->entries);
    if (findings > before)
        printf("seed %" PRIu64 ": %" PRIu64 " findings; make sim SEED=%" PRIu64 "\n", seed,
               findings - before, seed);
    return sim.story;
}

static void write_key(void)
{
    snprintf(key_file, sizeof key_file, "build/sim-%d.key", (int)getpid());
    FILE *f = fopen(key_file, "w");
    ASSERT(f != NULL);
    fputs("simulated-service-key-0123456789\n", f);
    fclose(f);
    chmod(key_file, 0600);
}

static int reached(uint64_t count) // what the seeds of a long run must have met
{
    int missing = 0;
    if (count < 100)
        return 0;
    static const unsigned wanted[] = {
        OP_user_create,    OP_follow,      OP_unfollow,    OP_post_create,    OP_post_update,
        OP_post_delete,    OP_like,        OP_unlike,      OP_comment_create, OP_comment_update,
        OP_comment_delete, OP_user_update, OP_import_users};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (all_ops[wanted[i]] == 0)
            missing += printf("never reached: operation %s\n", op_row(wanted[i])->name) > 0;
    if (decisions[DECISION_D0] == 0 || decisions[DECISION_D1] == 0 || decisions[DECISION_D2] == 0)
        missing += printf("never reached: D0, D1 or D2\n") > 0;
    if (rewritten == 0 || snapshots == 0)
        missing += printf("never reached: W6 or a snapshot\n") > 0;
    return missing;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 && argv[2][0] != '-' ? strtoull(argv[2], NULL, 10) : 1;
    sim.loud = argc > 1 && strcmp(argv[argc - 1], "--loud") == 0;
    model = calloc(1, sizeof *model);
    logger_start((struct logger_options){.level = LOG_ERROR, .fd = 2});
    write_key();
    uint64_t requests = 0, failed = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t was = findings, story = run_seed(seed + i);
        requests += history.n;
        bool loud = sim.loud;
        sim.loud = false;
        if ((count == 1 || i % 50 == 0) && run_seed(seed + i) != story) {
            findings++;
            printf("seed %" PRIu64 " tells two stories\n", seed + i);
        }
        sim.loud = loud;
        failed += findings > was;
    }
    unlink(key_file);
    printf("%" PRIu64 " seeds, %" PRIu64 " requests, %" PRIu64 " kills, %" PRIu64 " power losses, "
           "D0 %" PRIu64 " D1 %" PRIu64 " D2 %" PRIu64 " D3 %" PRIu64 " D6 %" PRIu64 ", W6 %" PRIu64
           ", %" PRIu64 " findings\n",
           count, requests, kills, power_losses, decisions[0], decisions[1], decisions[2],
           decisions[3], decisions[6], rewritten, findings);
    int missing = reached(count);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", count - failed, failed + (uint64_t)missing);
    return failed > 0 || missing > 0;
}
