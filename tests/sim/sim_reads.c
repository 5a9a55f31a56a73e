// Asking for all pages of a read, and comparing them with what the model says.
#include "tests/sim/sim_reads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/server.h"
#include "api/state.h"
#include "core/assert.h"
#include "core/fb_copy.h"
#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "kith_fb.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_compose.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_life.h"

struct sim_read_counts sim_read_count;

enum { PAGES_MAX = 4000 };

// ---- pages -------------------------------------------------------------------------------------

static const fb_field *items_of(const fb_type *reply)
{
    for (uint32_t i = 0; i < reply->n_fields; i++)
        if (reply->fields[i].elem == FB_OBJECT)
            return &reply->fields[i];
    return NULL;
}

static uint64_t item_id(const fb_field *items, const void *page, uint32_t i)
{
    const void *one = fb_vec_sub(fb_sub_vec(page, items->slot), i);
    const struct doc_row *doc = NULL;
    for (unsigned kind = 0; kind < ENTITY_COUNT; kind++)
        if (doc_row(kind) != NULL && doc_row(kind)->content == items->type)
            doc = doc_row(kind);
    if (doc != NULL)
        return fb_number_of(items->type, one, doc->id_name);
    const char *name = items->type == &kt_desc_Share ? "user_id" : items->type->fields[0].name;
    return fb_number_of(items->type, one, name);
}

static void page_json(char out[SIM_JSON], const struct sim_read *r, unsigned limit,
                      const char *cursor)
{
    bool paged = fb_find_field(r->row->request, "limit") != NULL;
    size_t n = strlen(r->json);
    ASSERT(n >= 2 && r->json[n - 1] == '}');
    n = (size_t)snprintf(out, SIM_JSON, "%.*s", (int)n - 1, r->json);
    const char *comma = n > 1 ? "," : "";
    if (paged)
        n += (size_t)snprintf(out + n, SIM_JSON - n, "%s\"limit\":%u", comma, limit);
    if (cursor[0] != 0)
        n += (size_t)snprintf(out + n, SIM_JSON - n, ",\"cursor\":\"%s\"", cursor);
    snprintf(out + n, SIM_JSON - n, "}");
}

// The first time it may be that the clock has moved something, as the end of a deleted post's
// time: then it is asked once more.
static bool quietly, wrong;

static void differs(const struct sim_read *r, const char *what, uint64_t at)
{
    wrong = true;
    if (quietly)
        return;
    sim_finding(what, at);
    fprintf(stderr, "  %s %s as %" PRIu64 "\n", r->row->name, r->json, r->viewer);
}

// Holds one page against what is left of the list. false: something was found.
static bool same_page(const struct sim_read *r, const void *page, const uint64_t *want, int left)
{
    const fb_field *items = items_of(r->row->reply);
    uint32_t n = fb_sub_vec(page, items->slot).n;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id = item_id(items, page, i);
        const void *one = fb_vec_sub(fb_sub_vec(page, items->slot), i);
        if ((int)i < left && id == want[i] && sim_read_item(r, items->type, one))
            continue;
        differs(r, "a list differs from the model", id);
        if (!quietly)
            fprintf(stderr, "  item %u, wanted %" PRIu64 "\n", i, (int)i < left ? want[i] : 0);
        return false;
    }
    sim_read_count.items[r->op] += n;
    return true;
}

static bool bounded(uint16_t op)
{
    return op == OP_suggestions || op == OP_trending_hashtags || op == OP_notification_events;
}

// How many items this may have by its own limit: those that have no pages end there.
static int shown_of(const struct sim_read *r, int n, unsigned limit)
{
    return bounded(r->op) && n > (int)limit ? (int)limit : n;
}

// Which notifications there are to be read and deleted.
static void learn(const struct sim_read *r, unsigned status, const void *answer)
{
    struct sim_op o = {.op = r->op, .actor = r->viewer};
    if (status == 200 && r->op == OP_notifications)
        sim_learn(&o, answer);
}

static void judge_list(const struct sim_read *r, const uint64_t *want, int n)
{
    char json[SIM_JSON], cursor[256] = "";
    const fb_field *items = items_of(r->row->reply);
    unsigned limit = 30 + sim_below(&sim.schedule, 71), pages = 0, status;
    int seen = 0, all = shown_of(r, n, limit);
    do {
        page_json(json, r, limit, cursor);
        const void *page = sim_ask(r->op, r->viewer, json, &status);
        sim_read_count.pages++;
        learn(r, status, page);
        page = fb_root(page);
        if (status != 200) {
            differs(r, "a list is refused", status);
            return;
        }
        if (!same_page(r, page, want + seen, all - seen))
            return;
        seen += (int)fb_sub_vec(page, items->slot).n;
        fb_str next = {"", 0};
        if (fb_find_field(r->row->reply, "next_cursor") != NULL)
            next = fb_text_of(r->row->reply, page, "next_cursor");
        snprintf(cursor, sizeof cursor, "%.*s", (int)next.n, next.n > 0 ? next.s : "");
    } while (cursor[0] != 0 && ++pages < PAGES_MAX);
    if (seen != all)
        differs(r, "a list ends too early", (uint64_t)seen);
}

// ---- a read ------------------------------------------------------------------------------------

static void judge_gone(const struct sim_read *r)
{
    unsigned status;
    sim_ask(r->op, r->viewer, r->json, &status);
    sim_read_count.hidden[r->op]++;
    if (status != 404)
        differs(r, "something hidden is shown", status);
}

static void answer_differs(const struct sim_read *r, const void *answer)
{
    static char text[8192];
    differs(r, "an answer differs from the model", 0);
    if (quietly)
        return;
    size_t n = fb_json_print(text, sizeof text, answer, r->row->reply, FB_JSON_FULL);
    fprintf(stderr, "  %.*s\n", n <= sizeof text ? (int)n : 0, text);
}

static void judge_one(const struct sim_read *r)
{
    unsigned status;
    bool there;
    const void *answer = fb_root(sim_ask(r->op, r->viewer, r->json, &status));
    bool same = sim_read_one(r, status == 200 ? answer : NULL, &there);
    if (!there && status == 404)
        sim_read_count.hidden[r->op]++;
    else if (!there || status != 200)
        differs(r, there ? "something is not shown" : "something hidden is shown", status);
    else if (!same)
        answer_differs(r, answer);
}

static void judge(const struct sim_read *r)
{
    static uint64_t want[MODEL_NOTES];
    if (items_of(r->row->reply) == NULL || r->row->reply == &kt_desc_Post ||
        r->row->reply == &kt_desc_User) {
        judge_one(r);
        return;
    }
    int n = sim_read_list(r, want);
    if (n >= 0) {
        judge_list(r, want, n);
    } else if (n == READ_GONE) {
        judge_gone(r);
    } else {
        judge_one(r);
    }
}

// Entries that move what reads show.
static uint64_t moves(void) { return model->entries - sim_entries[OP_audit_add]; }

void sim_read_judge(uint16_t op, uint64_t viewer, const char *json)
{
    static _Alignas(8) uint8_t buf[4096];
    fb_builder b;
    fb_json_error error;
    struct sim_read r = {.op = op, .viewer = viewer, .json = json, .row = op_row(op)};
    fb_init(&b, buf, sizeof buf);
    fb_ref root = fb_json_parse(&b, json, strlen(json), r.row->request, &error);
    size_t n = fb_finish(&b, root);
    ASSERT(n > 0);
    r.asked = fb_root(fb_data(&b));
    sim_read_count.judged[op]++;
    quietly = true;
    wrong = false;
    judge(&r);
    quietly = false;
    if (!wrong)
        return;
    uint64_t before = moves();
    bool settled = life_settle();
    judge_follow(wal_durable_place(life_server()->wal));
    sim_read_count.again++;
    if (!settled || moves() == before)
        differs(&r, "nothing moved, and an answer differs from the model", 0);
    judge(&r);
}

void sim_read_of(uint16_t op, uint64_t viewer, const char *field, uint64_t id)
{
    char json[96];
    snprintf(json, sizeof json, "{\"%s\":\"%" PRIu64 "\"}", field, id);
    sim_read_judge(op, viewer, json);
}
