// Suggestions and mutual followers (people.h): what the acting user's core knows is sent to those
// that know the rest, and put together when it is back.
#include "api/people.h"

#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/cursor.h"
#include "api/gather.h"
#include "core/assert.h"
#include "kith_fb.h"
#include "store/card.h"
#include "store/people.h"
#include "store/popular.h"
#include "store/read.h"
#include "store/store.h"

static struct view view_of(const struct reactor *r, const struct request *q)
{
    return (struct view){r->server->store, r->shard, q->actor};
}

// ---- suggestions -------------------------------------------------------------------------------

static uint32_t suggest_limit(const struct request *q)
{
    return kt_SuggestionList_limit(request_table(q));
}

// Counted by each core for itself: then little is sent and put together.
static void count_followed(struct reactor *r, struct share *share)
{
    const struct gathering *g = share->of;
    struct id_list by = {g->input, g->input_n};
    uint32_t n = people_followed(r->shard, by, NULL, 0), slots = tally_slots(n);
    struct tally *all = malloc((n + 1) * sizeof *all), *room = malloc((n + 1) * sizeof *room);
    uint32_t *slot = malloc(slots * sizeof *slot);
    if (all != NULL && room != NULL && slot != NULL) {
        people_followed(r->shard, by, all, n);
        share->n = tally_up(all, n, (struct tally_room){room, slot});
        share->result = all;
        all = NULL;
    }
    free(all);
    free(room);
    free(slot);
}

// Who is followed most, where nobody is known by way of others: the first input_n of each core.
static void name_popular(struct reactor *r, struct share *share)
{
    uint32_t max = share->of->input_n;
    struct ranked *all = malloc(max * sizeof *all);
    share->result = all;
    share->n = all != NULL ? popular_first(r->shard, all, max) : 0;
}

// Of what the cores have named the first input_n of all, whatever the number of cores. NULL: no
// memory.
static struct tally *first_of_all(const struct gathering *g, uint32_t *n)
{
    uint32_t at[CORES_MAX] = {0};
    struct tally *all = malloc(g->input_n * sizeof *all);
    for (unsigned c = 0; c < g->cores; c++)
        if (g->share[c].result == NULL) {
            free(all);
            return NULL;
        }
    *n = 0;
    while (all != NULL && *n < g->input_n) {
        const struct ranked *best = NULL;
        unsigned of = 0;
        for (unsigned c = 0; c < g->cores; c++) {
            const struct ranked *one = (const struct ranked *)g->share[c].result + at[c];
            if (at[c] == g->share[c].n || (best != NULL && !popular_before(one, best)))
                continue;
            best = one;
            of = c;
        }
        if (best == NULL)
            break;
        all[(*n)++] = (struct tally){best->id, 0, 0};
        at[of]++;
    }
    return all;
}

// The shares of all cores as one list, each id once; NULL: no memory.
static struct tally *put_together(const struct gathering *g, uint32_t *n)
{
    uint32_t sum = 0;
    for (unsigned c = 0; c < g->cores; c++) {
        if (g->share[c].result == NULL)
            return NULL;
        sum += g->share[c].n;
    }
    struct tally *all = malloc((sum + 1) * sizeof *all), *room = malloc((sum + 1) * sizeof *room);
    uint32_t *slot = malloc(tally_slots(sum) * sizeof *slot);
    uint32_t at = 0;
    for (unsigned c = 0; c < g->cores && all != NULL; c++) {
        memcpy(all + at, g->share[c].result, g->share[c].n * sizeof *all);
        at += g->share[c].n;
    }
    bool whole = all != NULL && room != NULL && slot != NULL;
    if (whole)
        *n = g->cores > 1 ? tally_up(all, sum, (struct tally_room){room, slot}) : sum;
    free(room);
    free(slot);
    if (!whole) {
        free(all);
        all = NULL;
    }
    return all;
}

static fb_ref build_suggestion(fb_builder *b, const struct store *s, const struct suggested *one)
{
    kt_new_Suggestion w = {0};
    kt_put_Suggestion_user(&w, card_put(b, store_user(s, one->id)));
    kt_put_Suggestion_reason(&w, fb_cstring(b, one->n > 0 ? "mutuals" : "popular"));
    kt_put_Suggestion_user_id(&w, one->id);
    kt_put_Suggestion_mutual_count(&w, one->n);
    return kt_end_Suggestion(b, &w);
}

static void answer_suggestions(struct reactor *r, struct request *q, struct suggest_room best)
{
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    uint32_t mark = fb_mark(&b);
    for (uint32_t i = 0; i < best.max; i++)
        fb_push(&b, build_suggestion(&b, r->server->store, &best.out[i]));
    kt_new_Suggestions w = {0};
    kt_put_Suggestions_suggestions(&w, fb_refs(&b, mark));
    answer_built(r, q, &b, kt_end_Suggestions(&b, &w));
}

// What the cores have told, as one list; NULL: no memory.
typedef struct tally *(*joining)(const struct gathering *g, uint32_t *n);

// The best of it; none: nobody is to be suggested by them. false: no memory.
static bool best_of(struct reactor *r, struct request *q, joining join, struct suggest_room *best)
{
    struct view view = view_of(r, q);
    uint32_t n = 0;
    struct tally *all = join(q->gathering, &n);
    if (all == NULL)
        return false;
    best->max = people_best(&view, all, n, *best);
    free(all);
    return true;
}

static void popular_told(struct reactor *r, struct request *q)
{
    struct suggested out[PAGE_MAX];
    struct suggest_room best = {out, suggest_limit(q)};
    if (best_of(r, q, first_of_all, &best))
        answer_suggestions(r, q, best);
    else
        answer_error(r, q, KITH_overloaded);
}

static void ask_popular(struct reactor *r, struct request *q)
{
    gather_free(q);
    struct gathering *g = gather_new(r, q);
    if (g == NULL) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    // Nobody who is left out is missed, unless there are very many of them.
    uint32_t max = suggest_limit(q) + people_left_out(r->shard, q->actor);
    g->input_n = max < POPULAR_MAX ? max : POPULAR_MAX;
    g->work = name_popular;
    g->done = popular_told;
    gather_all(r, g);
}

static void followed_told(struct reactor *r, struct request *q)
{
    struct suggested out[PAGE_MAX];
    struct suggest_room best = {out, suggest_limit(q)};
    if (!best_of(r, q, put_together, &best))
        answer_error(r, q, KITH_overloaded);
    else if (best.max == 0)
        ask_popular(r, q);
    else
        answer_suggestions(r, q, best);
}

// Ids instead of edges, in place: what the other cores are sent.
static uint32_t take_ids(uint64_t *ids, const struct edge *all, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        ids[i] = all[i].other;
    return n;
}

void people_suggest(struct reactor *r, struct request *q)
{
    struct gathering *g = gather_new(r, q);
    struct edge *all = malloc(SUGGEST_FOLLOWEES * sizeof *all);
    if (g != NULL)
        g->input = malloc(SUGGEST_FOLLOWEES * sizeof(uint64_t));
    if (g == NULL || all == NULL || g->input == NULL) {
        free(all);
        answer_error(r, q, KITH_overloaded);
        return;
    }
    uint32_t n = people_followees(r->shard, q->actor, (struct edge_room){all, SUGGEST_FOLLOWEES});
    g->input_n = take_ids(g->input, all, n);
    free(all);
    g->work = count_followed;
    g->done = followed_told;
    gather_all(r, g);
}

// ---- mutuals -----------------------------------------------------------------------------------

static struct cursor_scope mutuals_scope(const struct request *q)
{
    return (struct cursor_scope){q->actor, request_key(q), q->row->number};
}

static void keep_followers(struct reactor *r, struct share *share)
{
    struct gathering *g = share->of; // one core has it: it may be changed
    g->input_n = people_following(r->shard, request_key(g->request), g->input, g->input_n);
}

// Of all that are there for the viewer a page, and how many there are.
static uint32_t take_page(struct eye *eye, const struct gathering *g, uint64_t before,
                          struct page *page)
{
    const struct edge *all = g->input;
    uint32_t count = 0;
    page->n = 0;
    page->next = 0;
    for (uint32_t i = 0; i < g->input_n; i++) {
        if (sees_user_id(eye, all[i].other) == NULL)
            continue;
        count++;
        if (before != 0 && all[i].stamp >= before)
            continue;
        if (page->n < page->want)
            page->item[page->n++] = (struct page_item){all[i].other, all[i].stamp};
        else if (page->next == 0)
            page->next = page->item[page->n - 1].stamp;
    }
    return count;
}

static void mutuals_told(struct reactor *r, struct request *q)
{
    struct view view = view_of(r, q);
    struct cursor_scope scope = mutuals_scope(q);
    const kt_UserList *t = request_table(q);
    struct page page = {.want = kt_UserList_limit(t)};
    struct sight sight[PAGE_MAX];
    char cursor[CURSOR_CHARS + 1];
    uint64_t before = 0;
    struct eye eye;
    fb_builder b;
    if (kt_UserList_cursor(t).n > 0 &&
        !cursor_read(kt_UserList_cursor(t), r->server->keys.cursor, &scope, &before)) {
        answer_error(r, q, KITH_invalid_cursor);
        return;
    }
    eye_open(&eye, &view);
    uint32_t count = take_page(&eye, q->gathering, before, &page);
    page_see(&eye, &page, (struct wanted){.kind = ENTITY_user}, sight);
    if (page.next != 0)
        cursor_write(cursor, r->server->keys.cursor, &scope, page.next);
    fb_init(&b, r->build, BUILD_BYTES);
    struct shown shown = {&page, sight, LIST_following, page.next != 0 ? cursor : NULL, false};
    answer_built(r, q, &b, build_mutuals(&b, &shown, count));
}

void people_mutuals(struct reactor *r, struct request *q)
{
    struct view view = view_of(r, q);
    struct eye eye;
    eye_open(&eye, &view);
    if (sees_user_id(&eye, request_key(q)) == NULL) {
        answer_error(r, q, KITH_not_found);
        return;
    }
    uint32_t n = edges_count(eye.part, (struct edge_at){q->actor, LIST_following});
    struct gathering *g = gather_new(r, q);
    if (g != NULL)
        g->input = malloc((n + 1) * sizeof(struct edge));
    if (g == NULL || g->input == NULL) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    g->input_n = people_followees(r->shard, q->actor, (struct edge_room){g->input, n});
    g->work = keep_followers;
    g->done = mutuals_told;
    gather_one(r, g, reactor_core_of(r, request_key(q)));
}
