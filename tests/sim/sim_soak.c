// The long life. Changes come in bursts by several clients at once, each judged at its place in the
// log; between bursts, when nothing moves, reads are asked one by one and compared whole.
//
//   burst ─► settle ─► log judged ─► reads judged ─► … 10,000 operations: everything compared
//                                                      every other time: kill, recover, once more
#include "tests/sim/sim_soak.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/server.h"
#include "api/state.h"
#include "core/graph.h"
#include "persist/wal.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_compare.h"
#include "tests/sim/sim_compose.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_life.h"
#include "tests/sim/sim_reads.h"
#include "tests/sim/sim_soak.h"

enum {
    CHECKPOINT = 10000,
    BURST = 24,                    // changes at the most between two looks
    READS_OF_10 = 3,
    OTHERS = 22,                   // others whom a viewer looks at, each time
    VIEWERS_MAX = 2048,
    REACH_ALL = 50000,             // so many operations have to reach all of ops.def
};

static struct {
    struct soak_options opt;
    uint64_t done, reads, checkpoints, kills, pairs;
    uint64_t viewer[VIEWERS_MAX];
    unsigned viewers;
} soak;

// ---- who and what there is ---------------------------------------------------------------------

static void gather_viewers(void)
{
    soak.viewers = 0;
    for (const struct model_object *o = NULL; (o = model_next(model, ENTITY_user, o)) != NULL;)
        if (soak.viewers < VIEWERS_MAX && model_shown(model, o->id))
            soak.viewer[soak.viewers++] = o->id;
}

static unsigned posts_there(void)
{
    unsigned n = 0;
    for (const struct model_object *o = NULL; (o = model_next(model, ENTITY_post, o)) != NULL;)
        n += model_post(model, o->id) != NULL;
    return n;
}

static uint64_t some_viewer(void)
{
    return soak.viewer[sim_below(&sim.schedule, soak.viewers)];
}

// ---- bursts ------------------------------------------------------------------------------------

static bool settle(void)
{
    sim_clients_stop = true;
    if (!life_settle()) {
        sim_finding("requests or consequences never end", history.before + history.n);
        return false;
    }
    judge_follow(wal_durable_place(life_server()->wal));
    return true;
}

static bool changes(unsigned n)
{
    unsigned goal = history.n + n;
    sim_clients_stop = false;
    while (history.n < goal && history.n < SIM_OPS_MAX)
        sim_world_step();
    return settle();
}

static void reads(unsigned n)
{
    while (n-- > 0) {
        struct sim_op o = {0};
        sim_compose_read(&o, (unsigned)(soak.reads++ % 1000000));
        bool nobody = o.actor == 0;
        if (nobody || model_shown(model, o.actor))
            sim_read_judge(o.op, o.actor, o.json);
        soak.done++;
    }
}

// Until so many operations more are done.
static bool live(uint64_t operations)
{
    uint64_t goal = soak.done + operations;
    while (soak.done < goal) {
        unsigned n = 1 + sim_below(&sim.schedule, BURST), from = history.n;
        if (!changes(n))
            return false;
        soak.done += history.n - from;
        reads(n * READS_OF_10 / (10 - READS_OF_10) + (n & 1));
    }
    return true;
}

// ---- everything --------------------------------------------------------------------------------

static void own(uint64_t me)
{
    static const struct { uint16_t op; const char *field; } all[] = {
        {OP_user_get, "user_id"}, {OP_user_stats, "user_id"}, {OP_followers, "user_id"},
        {OP_following, "user_id"}, {OP_user_posts, "user_id"}, {OP_user_archive, "user_id"},
        {OP_user_comments, "user_id"}, {OP_activities, "user_id"}, {OP_addresses, "user_id"},
        {OP_preferences, "user_id"}, {OP_settings, "user_id"}, {OP_user_collections, "user_id"},
    };
    static const uint16_t mine[] = {
        OP_collections, OP_devices, OP_search_history, OP_blocks, OP_mutes, OP_close_friends,
        OP_follow_requests, OP_follow_requests_sent, OP_bookmarks, OP_feed, OP_notifications,
        OP_notification_count, OP_notification_preferences, OP_suggestions,
    };
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        sim_read_of(all[i].op, me, all[i].field, me);
    for (unsigned i = 0; i < sizeof mine / sizeof mine[0]; i++)
        sim_read_judge(mine[i], me, "{}");
    sim_read_judge(OP_feed, me, "{\"include_self\":true}");
    sim_read_judge(OP_notification_events, me, "{\"after\":\"0\",\"wait\":0}");
}

// What everybody is shown of everything.
static void shared(uint64_t me)
{
    static const struct { uint16_t op; const char *json; } all[] = {
        {OP_post_list, "{}"},
        {OP_trending_posts, "{}"},
        {OP_search_posts, "{\"query\":\"edit\"}"},
        {OP_search_posts, "{\"query\":\"old\"}"},
        {OP_search_comments, "{\"query\":\"comment\"}"},
        {OP_search_users, "{\"query\":\"v1\"}"},
        {OP_tag_posts, "{\"tag_name\":\"tag2\"}"},
        {OP_location_posts, "{\"name\":\"here\"}"},
    };
    sim_read_judge(OP_reports, 0, "{}");
    sim_read_judge(OP_report_count, 0, "{}");
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        sim_read_judge(all[i].op, me, all[i].json);
}

static void of_user(uint64_t me, uint64_t id)
{
    static const uint16_t all[] = {OP_user_get, OP_user_stats, OP_user_posts, OP_followers,
                                   OP_following, OP_user_collections, OP_mutuals};
    char json[96];
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        sim_read_of(all[i], me, "user_id", id);
    snprintf(json, sizeof json, "{\"user_ids\":[\"%" PRIu64 "\"]}", id);
    sim_read_judge(OP_relationships, me, json);
}

static void of_post(uint64_t me, uint64_t id)
{
    static const uint16_t all[] = {OP_post_get, OP_post_stats, OP_like_count, OP_likes,
                                   OP_comment_list, OP_shares, OP_post_replies};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        sim_read_of(all[i], me, "post_id", id);
}

static void of_object(uint64_t me, const struct model_object *o)
{
    if (o->kind == ENTITY_user) {
        of_user(me, o->id);
    } else if (o->kind == ENTITY_post) {
        of_post(me, o->id);
    } else if (o->kind == ENTITY_comment) {
        sim_read_of(OP_comment_replies, me, "comment_id", o->id);
        sim_read_of(OP_comment_likes, me, "comment_id", o->id);
    } else {
        sim_read_of(OP_collection_get, me, "collection_id", o->id);
        sim_read_of(OP_collection_posts, me, "collection_id", o->id);
    }
}

static bool is_object(const struct model_object *o)
{
    return o->there && (o->kind == ENTITY_user || o->kind == ENTITY_post ||
                        o->kind == ENTITY_comment || o->kind == (unsigned)ENTITY_collection);
}

// Every object by somebody who may be anybody, and by its author.
static void everything(void)
{
    soak.checkpoints++;
    gather_viewers();
    // Reads have left acts in the audit log that nobody waited for.
    life_steps(1000);
    settle();
    judge_quiet();
    compare_state(life_server());
    for (unsigned i = 0; i < soak.viewers; i++) {
        own(soak.viewer[i]);
        shared(soak.viewer[i]);
        // Others each time: ten checkpoints come round.
        uint64_t next = i + soak.checkpoints * OTHERS;
        for (unsigned k = 0; k < OTHERS; k++)
            of_user(soak.viewer[i], soak.viewer[(next + k) % soak.viewers]);
    }
    for (unsigned i = 0; i < model->objects; i++) {
        const struct model_object *o = &model->object[i];
        if (!is_object(o))
            continue;
        of_object(some_viewer(), o);
        if (o->author != 0 && model_shown(model, o->author))
            of_object(o->author, o);
    }
    static const char *const words[] = {"tag", "given", "#tag3"};
    for (unsigned i = 0; i < 3; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"query\":\"%s\"}", words[i]);
        sim_read_judge(OP_search_tags, some_viewer(), json);
    }
    sim_read_judge(OP_search_locations, some_viewer(), "{\"query\":\"here\"}");
    sim_read_judge(OP_tag_list, some_viewer(), "{}");
    sim_read_judge(OP_trending_hashtags, some_viewer(), "{}");
}

static bool recover(void)
{
    soak.kills++;
    life_kill();
    if (!life_begin())
        return false;
    judge_log(UINT64_MAX);
    return settle();
}

// Room for the next ten thousand.
static void forget(void)
{
    sim_clients_forget();
    judge_forget();
    life_snapshot();
    sim_crowd.posts_many = posts_there() > soak.opt.posts;
}

// ---- pairs -------------------------------------------------------------------------------------

static uint64_t some_object(void)
{
    for (;;) {
        const struct model_object *o = &model->object[sim_below(&sim.schedule, model->objects)];
        if (is_object(o))
            return o->id;
    }
}

// All that could show somebody something: lists that everything can stand in once a viewer, what
// names the object for each pair.
static void pairs(void)
{
    gather_viewers();
    unsigned each = (unsigned)(soak.opt.pairs / soak.viewers + 1);
    for (unsigned i = 0; i < soak.viewers; i++) {
        own(soak.viewer[i]);
        shared(soak.viewer[i]);
        sim_read_judge(OP_search_posts, soak.viewer[i], "{\"query\":\"post\"}");
        for (unsigned k = 0; k < each; k++, soak.pairs++) {
            const struct model_object *o = model_find(model, some_object());
            of_object(soak.viewer[i], o);
            if (o->kind == ENTITY_comment)
                of_post(soak.viewer[i], o->post);
            else if (o->author != 0)
                of_user(soak.viewer[i], o->author);
        }
    }
}

// ---- a run -------------------------------------------------------------------------------------

static unsigned failed;

static void tell(const char *name, uint64_t findings_before)
{
    bool good = sim_findings == findings_before;
    printf("%s %s\n", good ? "ok" : "FAIL", name);
    failed += !good;
}

static bool long_life(void)
{
    for (uint64_t at = 0; at < soak.opt.operations; at += CHECKPOINT) {
        uint64_t left = soak.opt.operations - at;
        if (!live(left < CHECKPOINT ? left : CHECKPOINT))
            return false;
        everything();
        bool last = left <= CHECKPOINT;
        if (last || at / CHECKPOINT % 5 == 2) {
            if (!recover())
                return false;
            everything();
        }
        printf("%" PRIu64 " operations, %u users, %u posts, %u objects, %" PRIu64 " entries, "
               "%" PRIu64 " pages, %.1f s\n", soak.done, soak.viewers, posts_there(),
               model->objects, model->entries, sim_read_count.pages,
               (double)clock() / CLOCKS_PER_SEC);
        fflush(stdout);
        forget();
    }
    return true;
}

static unsigned unreached(void)
{
    unsigned missing = 0;
    for (unsigned i = 1; i < OP_LIMIT; i++) {
        const struct op_row *row = op_row(i);
        // What nobody has here: marks of 65,536 places in a row, what another service signed.
        bool rare = i == OP_digest_mark || i == OP_digest_report || i == OP_oauth_login ||
                    i == OP_oauth_link || i == OP_oauth_unlink;
        if (row == NULL || rare)
            continue;
        uint64_t n = row->kind == OPK_INTERNAL ? sim_entries[i]
                                               : sim_done[i] + sim_read_count.judged[i];
        printf("  %-28s done %8" PRIu64 "  refused %7" PRIu64 "  entries %8" PRIu64
               "  reads %8" PRIu64 "  hidden %7" PRIu64 "  items %9" PRIu64 "%s\n", row->name,
               sim_done[i], sim_refused[i], sim_entries[i], sim_read_count.judged[i],
               sim_read_count.hidden[i], sim_read_count.items[i], n == 0 ? "  NEVER" : "");
        missing += n == 0;
    }
    return missing;
}

unsigned soak_run(const struct soak_options *o)
{
    soak.opt = *o;
    sim_start(o->seed);
    sim_clients_reset();
    judge_reset();
    life_calm = true;
    sim_crowd = (struct sim_crowd){.users_min = o->users - o->users / 20,
                                   .users_few = o->users,
                                   .users_max = o->users + o->users / 20 + 1,
                                   .reads_apart = true};
    bool alive = life_begin();
    if (alive)
        judge_log(UINT64_MAX);
    alive = alive && long_life();
    if (!alive)
        sim_finding("the long life ends early", soak.done);
    if (unreached() > 0 && o->operations >= REACH_ALL)
        sim_finding("operations that were never reached", 0);
    tell("test_model_long_life_of_200_users", 0);
    uint64_t before = sim_findings;
    if (alive)
        pairs();
    tell("test_SEC_3_pairs_in_process", before);
    before = sim_findings;
    if (alive)
        compare_replay(life_server());
    tell("test_STAT_5_counters_are_recounts", before);
    printf("%" PRIu64 " operations, %" PRIu64 " reads judged by them, %" PRIu64 " checkpoints, %"
           PRIu64 " kills, %" PRIu64 " pairs, %" PRIu64 " pages, %" PRIu64 " asked again, %.1f s "
           "of CPU\n", soak.done, soak.reads, soak.checkpoints, soak.kills, soak.pairs,
           sim_read_count.pages, sim_read_count.again,
           (double)clock() / CLOCKS_PER_SEC);
    printf("%u passed, %u failed\n", 3 - failed, failed);
    return failed;
}
