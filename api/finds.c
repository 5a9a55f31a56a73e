// Tables of the index's reads (finds.h).
#include "api/finds.h"

#include <stdlib.h>
#include <string.h>

#include "api/lists.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/hot.h"
#include "store/listed.h"
#include "store/search.h"

enum { WINDOW_MS = 24 * 3600 * 1000 };

// ---- what is asked -----------------------------------------------------------------------------

static struct language_text text_of(fb_str s)
{
    return (struct language_text){s.s, s.n};
}

bool finds_page(const struct request *q, uint32_t *limit, fb_str *cursor)
{
    const void *t = request_table(q);
    switch (q->row->number) {
    case OP_search_posts:
        *limit = kt_PostSearch_limit(t);
        *cursor = kt_PostSearch_cursor(t);
        return true;
    case OP_search_users:
    case OP_search_comments:
    case OP_search_tags:
    case OP_search_locations:
        *limit = kt_Search_limit(t);
        *cursor = kt_Search_cursor(t);
        return true;
    case OP_tag_list:
        *limit = kt_TagList_limit(t);
        *cursor = kt_TagList_cursor(t);
        return true;
    case OP_tag_posts:
        *limit = kt_TagPosts_limit(t);
        *cursor = kt_TagPosts_cursor(t);
        return true;
    case OP_location_posts:
        *limit = kt_LocationPosts_limit(t);
        *cursor = kt_LocationPosts_cursor(t);
        return true;
    case OP_trending_hashtags:
        *limit = kt_TrendingTags_limit(t);
        *cursor = (fb_str){"", 0};
        return true;
    case OP_trending_posts:
        *limit = kt_TrendingPosts_limit(t);
        *cursor = kt_TrendingPosts_cursor(t);
        return true;
    default:
        return false;
    }
}

static struct language_text without_sign(fb_str s)
{
    bool sign = s.n > 0 && s.s[0] == '#';
    return (struct language_text){s.s + sign, s.n - sign};
}

void finds_begin(const struct request *q, struct find *f)
{
    const void *t = request_table(q);
    *f = (struct find){.now_ms = clock_wall_ms()};
    switch (q->row->number) {
    case OP_search_posts: {
        bool popular = kt_PostSearch_sort(t) == kt_SearchSort_popular;
        f->kind = FIND_SEARCH;
        f->what = popular ? SEARCH_popular : SEARCH_posts;
        f->query = text_of(kt_PostSearch_query(t));
        return;
    }
    case OP_search_users:
    case OP_search_comments:
        f->kind = FIND_SEARCH;
        f->what = q->row->number == OP_search_users ? SEARCH_users : SEARCH_comments;
        f->query = text_of(kt_Search_query(t));
        return;
    case OP_search_tags:
    case OP_search_locations: {
        bool tags = q->row->number == OP_search_tags;
        f->kind = FIND_LISTED;
        f->what = tags ? INDEX_tag : INDEX_place;
        f->query = tags ? without_sign(kt_Search_query(t)) : text_of(kt_Search_query(t));
        return;
    }
    case OP_tag_list: {
        bool name = kt_TagList_order(t) == kt_TagOrder_name;
        f->kind = name ? FIND_LISTED : FIND_TOP;
        f->what = name ? (unsigned)INDEX_tag : (unsigned)LISTED_BY_COUNT;
        return;
    }
    case OP_tag_posts:
        f->kind = FIND_TERM;
        f->what = INDEX_tag;
        f->query = without_sign(kt_TagPosts_tag_name(t));
        return;
    case OP_location_posts:
        f->kind = FIND_TERM;
        f->what = INDEX_place;
        f->query = text_of(kt_LocationPosts_name(t));
        return;
    case OP_trending_hashtags:
        f->kind = FIND_TOP;
        f->what = LISTED_BY_RECENT;
        return;
    case OP_trending_posts:
        f->kind = FIND_HOT;
        return;
    default:
        ASSERT(false);
    }
}

bool finds_from(const struct store *s, const struct find *f, uint64_t key)
{
    return f->kind != FIND_LISTED || key == 0 || listed_sum(s, key).any != NULL;
}

uint64_t finds_scope(const struct find *f)
{
    const char *text = f->query.s != NULL ? f->query.s : "";
    return hash64(text, f->query.n, (uint64_t)f->kind << 8 | f->what);
}

// ---- one core's answer -------------------------------------------------------------------------

static void look_up_listed(struct shard *s, struct question *w)
{
    char folded[TERM_MAX];
    struct listed_read read = {(enum index_kind)w->find.what, w->find.query, w->key};
    if (read.kind == INDEX_tag)
        read.query = (struct language_text){folded,
                                            language_fold(w->find.query, folded, TERM_MAX)};
    read_listed(s, &read, &w->page);
}

// Behind what this core named in the round before.
static void look_up_top(struct shard *s, struct question *w)
{
    struct page *page = &w->page;
    bool ended = w->find.named && page->next == 0;
    page->want = PAGE_MAX;
    if (ended)
        page->n = 0;
    else
        read_listed_top(s, (enum listed_rank)w->find.what, page);
    w->find.named = true;
}

void finds_look_up(struct shard *s, struct question *w)
{
    const struct find *f = &w->find;
    listed_advance(s, f->now_ms - WINDOW_MS, 0);
    switch (f->kind) {
    case FIND_SEARCH:
        read_search(s, &(struct search_read){(enum search_kind)f->what, f->query, w->key,
                                             w->key_stamp}, &w->page);
        return;
    case FIND_TERM:
        read_term(s, &(struct term_read){(enum index_kind)f->what, f->query, w->key}, &w->page);
        return;
    case FIND_LISTED:
        look_up_listed(s, w);
        return;
    case FIND_TOP:
        look_up_top(s, w);
        return;
    case FIND_HOT:
        hot_advance(s, f->now_ms);
        read_hot(s, (struct page_item){w->key, w->key_stamp}, &w->page);
        return;
    case FIND_none:
        break;
    }
    ASSERT(false);
}

// ---- together ----------------------------------------------------------------------------------

// One that is nobody's any more comes last, and is left out of the answer.
static bool by_name(const void *ctx, struct page_item a, struct page_item b)
{
    const struct listed *x = listed_sum(ctx, a.id).any, *y = listed_sum(ctx, b.id).any;
    if (x == NULL || y == NULL)
        return x != NULL || (y == NULL && a.id < b.id);
    return listed_before(x, y);
}

struct page_order finds_order(const struct store *s, const struct find *f)
{
    return (struct page_order){f->kind == FIND_LISTED ? by_name : page_ranked, s};
}

// ---- the answer --------------------------------------------------------------------------------

static fb_ref build_tag(fb_builder *b, const struct listed_sum *sum)
{
    kt_new_Tag w = {0};
    kt_put_Tag_tag_id(&w, sum->any->id);
    kt_put_Tag_tag_name(&w, fb_string(b, sum->any->name, sum->any->name_n));
    kt_put_Tag_post_count(&w, sum->count);
    kt_put_Tag_recent_count(&w, sum->recent);
    kt_put_Tag_updated_at(&w, id_ms(sum->newest));
    return kt_end_Tag(b, &w);
}

// As its newest post spells it.
static fb_ref build_place(fb_builder *b, const struct store *s, const struct listed_sum *sum)
{
    kt_new_Place w = {0};
    const struct post *p = store_post(s, sum->newest);
    const void *cold = p != NULL ? post_cold(p) : NULL;
    const kt_Location *at = cold != NULL ? kt_PostCreate_location(kt_root_PostCreate(cold)) : NULL;
    fb_str name = at != NULL ? kt_Location_name(at) : (fb_str){sum->any->name, sum->any->name_n};
    kt_put_Place_location_id(&w, sum->any->id);
    kt_put_Place_name(&w, fb_string(b, name.s, name.n));
    if (at != NULL && kt_has_Location_lat(at))
        kt_put_Place_lat(&w, kt_Location_lat(at));
    if (at != NULL && kt_has_Location_lng(at))
        kt_put_Place_lng(&w, kt_Location_lng(at));
    kt_put_Place_post_count(&w, sum->count);
    return kt_end_Place(b, &w);
}

fb_ref finds_build(fb_builder *b, const struct store *s, const struct find *f,
                   const struct shown *what)
{
    bool places = f->kind == FIND_LISTED && f->what == INDEX_place;
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++) {
        struct listed_sum sum = listed_sum(s, what->page->item[i].id);
        if (sum.any != NULL && sum.count > 0)
            fb_push(b, places ? build_place(b, s, &sum) : build_tag(b, &sum));
    }
    fb_ref cursor = what->cursor != NULL ? fb_cstring(b, what->cursor) : 0;
    if (places) {
        kt_new_Places w = {0};
        kt_put_Places_locations(&w, fb_refs(b, mark));
        if (cursor != 0)
            kt_put_Places_next_cursor(&w, cursor);
        return kt_end_Places(b, &w);
    }
    kt_new_Tags w = {0};
    kt_put_Tags_tags(&w, fb_refs(b, mark));
    if (cursor != 0)
        kt_put_Tags_next_cursor(&w, cursor);
    return kt_end_Tags(b, &w);
}
