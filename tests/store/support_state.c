#include "tests/store/support_state.h"
#include "tests/store/support_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define UNPOISON(p, n) ((void)0)
#endif

#include "core/graph.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/owed.h"
#include "store/stream.h"
#include "tests/store/support_engage.h"

enum { BUILD_BYTES = 1 << 20 };
#define START_MS UINT64_C(1700000000000)

uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
    return (uint32_t)(rng_next(r) % n);
}

// ---- the world ---------------------------------------------------------------------------------

// Pages, zero until they are touched: most worlds use little of what they map.
static void *map(void *ctx, size_t bytes)
{
    (void)ctx;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    return p;
}

static void unmap(void *ctx, void *p, size_t bytes)
{
    (void)ctx;
    UNPOISON(p, bytes); // who maps this address next knows nothing of the pool's poison
    assert_int_equal(munmap(p, bytes), 0);
}

static void on_outcome(void *ctx, const struct entry *e, const struct outcome *o)
{
    struct world *w = ((struct ear *)ctx)->world;
    if (e->ticket != w->ticket) return;
    if (!(e->flags & ENTRY_ALL)) {
        assert_false(w->answered);
        w->answered = true;
        w->outcome = *o;
        return;
    }
    w->outcome.count += o->count;
    w->outcome.count2 += o->count2;
    w->outcome.count3 += o->count3;
    w->outcome.error = o->error ? o->error : w->outcome.error;
    w->answered = ++w->shares == w->store->cores;
}

static void on_push(void *ctx, unsigned core, struct push push)
{
    struct world *w = ((struct ear *)ctx)->world;
    assert_in_range(push.readers.n, 1, PUSH_MAX);
    assert_int_not_equal(core, ((struct ear *)ctx)->core);
    shard_push(&w->store->shard[core], push);
}

static void on_pulled(void *ctx, uint64_t author)
{
    struct world *w = ((struct ear *)ctx)->world;
    for (unsigned c = 0; c < w->store->cores; c++)
        if (c != ((struct ear *)ctx)->core) shard_pulled(&w->store->shard[c], author);
}

static void on_noted(void *ctx, uint64_t user)
{
    struct ear *ear = ctx;
    assert_int_equal(store_core(ear->world->store, id_slot(user)), ear->core);
    ear->world->noted++;
}

struct world *world_new(const struct world_options *opt)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    struct store_options so = {
        .cores = opt->cores ? opt->cores : 1,
        .partitions = opt->partitions ? opt->partitions : 16,
        .hash_key = {11, 22},
        .fanout_max = opt->fanout_max,
        .timelines_max = opt->timelines_max,
        .map = map,
        .unmap = unmap,
    };
    w->store = store_new(&so);
    w->now_ms = START_MS;
    w->build = malloc(BUILD_BYTES);
    w->entry = malloc(ENTRY_MAX);
    assert_non_null(w->build);
    assert_non_null(w->entry);
    for (unsigned c = 0; c < so.cores && !opt->deaf; c++) {
        w->ear[c] = (struct ear){w, c};
        w->store->shard[c].hooks =
            (struct shard_hooks){&w->ear[c], on_outcome, on_push, on_pulled, on_noted};
    }
    return w;
}

void world_free(struct world *w)
{
    if (w == NULL) return;
    store_free(w->store);
    free(w->log.bytes);
    free(w->build);
    free(w->entry);
    free(w);
}

static void keep(struct entry_log *log, const struct entry *e)
{
    if (log->n + e->length > log->capacity) {
        log->capacity = 2 * (log->capacity + e->length);
        log->bytes = realloc(log->bytes, log->capacity);
        assert_non_null(log->bytes);
    }
    memcpy(log->bytes + log->n, e, e->length);
    log->n += e->length;
    log->entries++;
}

static void apply(struct world *w, const struct entry *e)
{
    struct store *s = w->store;
    assert_true(entry_is_sound(e, e->length));
    assert_true(store_entry_valid(e));
    if (w->before != NULL) w->before(w->ctx, w);
    for (unsigned c = 0; c < s->cores; c++) shard_apply(&s->shard[c], e);
    for (unsigned c = 0; c < s->cores; c++) quiet_point(&s->quiet, c);
    for (unsigned c = 0; c < s->cores && !w->untidy; c++) shard_tidy(&s->shard[c]);
    w->place = e->place;
    w->stamp = e->stamp + entry_stamps(e) - 1;
}

void world_put(struct world *w, struct entry *e)
{
    uint64_t stamp = stamp_make(w->now_ms, 0);
    e->place = w->place + 1;
    e->stamp = stamp > w->stamp ? stamp : w->stamp + 1;
    keep(&w->log, e);
    apply(w, e);
}

fb_builder *world_body(struct world *w)
{
    fb_init(&w->b, w->build, BUILD_BYTES);
    return &w->b;
}

bool world_some(struct world *w)
{
    for (unsigned c = 0; c < w->store->cores; c++) {
        const struct entry *e = shard_owed_next(&w->store->shard[c]);
        if (e == NULL) e = shard_job_next(&w->store->shard[c]);
        if (e == NULL) continue;
        struct entry *copy = malloc(e->length);
        assert_non_null(copy);
        memcpy(copy, e, e->length);
        world_put(w, copy);
        free(copy);
        return true;
    }
    return false;
}

void world_settle(struct world *w)
{
    while (world_some(w)) {}
    // All that was owed was read back.
    for (unsigned i = 0; i < w->store->partitions; i++)
        assert_int_equal(owed_count(&w->store->part[i]), 0);
}

struct outcome world_say(struct world *w, struct change c)
{
    struct entry *e = (struct entry *)(void *)w->entry;
    *e = (struct entry){.op = (uint16_t)c.op, .actor = c.actor, .ticket = ++w->ticket};
    if (c.key != NULL) {
        e->flags = ENTRY_KEY;
        memcpy(e + 1, c.key, sizeof *c.key);
    }
    size_t n = fb_finish(&w->b, c.body);
    assert_true(n > 0);
    memcpy(w->entry + entry_head_size(e), fb_data(&w->b), n);
    e->length = entry_head_size(e) + (uint32_t)n;
    assert_int_equal(store_route(w->store, e), KITH_ok);
    w->answered = false;
    w->shares = 0;
    w->outcome = (struct outcome){0};
    world_put(w, e);
    while (!w->answered) assert_true(world_some(w));
    struct outcome o = w->outcome;
    if (!w->lazy) world_settle(w);
    return o;
}

// ---- the log again -----------------------------------------------------------------------------

void world_apply_log(struct world *w, const struct entry_log *log, uint64_t after)
{
    for (size_t at = 0; at < log->n;) {
        const struct entry *e = (const struct entry *)(const void *)(log->bytes + at);
        if (e->place > after) {
            keep(&w->log, e);
            apply(w, e);
        }
        at += e->length;
    }
}

struct world *world_replay(const struct entry_log *log, const struct world_options *opt)
{
    struct world *w = world_new(opt);
    world_apply_log(w, log, 0);
    return w;
}

struct store_digest world_digest(const struct world *w)
{
    struct store_digest all = {0};
    for (unsigned c = 0; c < w->store->cores; c++) {
        struct store_digest one;
        shard_digest(&w->store->shard[c], &one);
        all.objects.lo += one.objects.lo;
        all.objects.hi += one.objects.hi + (all.objects.lo < one.objects.lo);
        all.edges.lo += one.edges.lo;
        all.edges.hi += one.edges.hi + (all.edges.lo < one.edges.lo);
    }
    return all;
}

void world_check_same(const struct world *a, const struct world *b)
{
    struct store_digest x = world_digest(a), y = world_digest(b);
    assert_memory_equal(&x, &y, sizeof x);
}

static void say_line(void *ctx, const char *line)
{
    (void)ctx;
    print_message("%s\n", line);
}

void world_verify(struct world *w)
{
    struct store_audit audit;
    struct store_digest kept = world_digest(w);
    assert_int_equal(store_verify(w->store, &audit, say_line, NULL), 0);
    assert_memory_equal(&audit.anew, &kept, sizeof kept);
}

// ---- changes in short --------------------------------------------------------------------------

struct outcome say_register(struct world *w, const char *name)
{
    char email[80];
    snprintf(email, sizeof email, "%s@example.org", name);
    fb_builder *b = world_body(w);
    kt_new_UserRecord u = {0};
    kt_put_UserRecord_user_id(&u, (w->ticket * 37 + 5) % SLOTS);
    kt_put_UserRecord_username(&u, fb_cstring(b, name));
    kt_put_UserRecord_email(&u, fb_cstring(b, email));
    kt_put_UserRecord_first_name(&u, fb_cstring(b, "First"));
    kt_put_UserRecord_last_name(&u, fb_cstring(b, name));
    kt_put_UserRecord_bio(&u, fb_cstring(b, "about me"));
    return world_say(w, (struct change){OP_register, 0, kt_end_UserRecord(b, &u), NULL});
}

uint64_t make_user(struct world *w, const char *name)
{
    struct outcome o = say_register(w, name);
    assert_int_equal(o.error, KITH_ok);
    assert_non_null(store_user(w->store, o.id));
    return o.id;
}

// Operations whose body is one id, in the first field.
struct outcome say_id(struct world *w, enum op op, uint64_t actor, uint64_t id)
{
    fb_builder *b = world_body(w);
    kt_new_Like like = {0};
    kt_put_Like_post_id(&like, id);
    return world_say(w, (struct change){op, actor, kt_end_Like(b, &like), NULL});
}

struct outcome say_post(struct world *w, uint64_t actor, const char *caption)
{
    fb_builder *b = world_body(w);
    kt_new_PostCreate p = {0};
    kt_put_PostCreate_caption(&p, fb_cstring(b, caption));
    return world_say(w, (struct change){OP_post_create, actor, kt_end_PostCreate(b, &p), NULL});
}

struct outcome say_comment(struct world *w, uint64_t actor, uint64_t post, uint64_t parent)
{
    fb_builder *b = world_body(w);
    kt_new_CommentCreate c = {0};
    kt_put_CommentCreate_post_id(&c, post);
    kt_put_CommentCreate_content(&c, fb_cstring(b, "a comment"));
    kt_put_CommentCreate_parent_id(&c, parent);
    fb_ref body = kt_end_CommentCreate(b, &c);
    return world_say(w, (struct change){OP_comment_create, actor, body, NULL});
}

struct outcome say_edges(struct world *w, unsigned kind, uint64_t (*row)[2], uint32_t n)
{
    uint64_t ends[2][IMPORT_EDGES_MAX];
    for (uint32_t i = 0; i < n; i++) {
        ends[0][i] = row[i][0];
        ends[1][i] = row[i][1];
    }
    fb_builder *b = world_body(w);
    kt_new_ImportEdges e = {0};
    kt_put_ImportEdges_kind(&e, (kt_EdgeKind)kind);
    kt_put_ImportEdges_from(&e, fb_vector(b, ends[0], n, 8));
    kt_put_ImportEdges_to(&e, fb_vector(b, ends[1], n, 8));
    fb_ref body = kt_end_ImportEdges(b, &e);
    return world_say(w, (struct change){OP_import_edges, 0, body, NULL});
}

// ---- chaos -------------------------------------------------------------------------------------

enum { USER = CHAOS_USER, POST = CHAOS_POST, COMMENT = CHAOS_COMMENT, SESSION = CHAOS_SESSION };

uint64_t chaos_any(struct chaos *c, unsigned kind)
{
    uint32_t n = c->n[kind] < 64 ? c->n[kind] : 64;
    return n > 0 ? c->id[kind][rng_below(&c->rng, n)] : 1 + rng_below(&c->rng, 5);
}

static uint64_t any(struct chaos *c, unsigned kind)
{
    return chaos_any(c, kind);
}

void chaos_known(struct chaos *c, unsigned kind, struct outcome o)
{
    if (kind == CHAOS_KINDS) return;
    if (o.error == KITH_ok && o.id != 0) c->id[kind][c->n[kind]++ % 64] = o.id;
}

static void known(struct chaos *c, unsigned kind, struct outcome o)
{
    chaos_known(c, kind, o);
}

static const char *any_name(struct chaos *c)
{
    static char name[24];
    snprintf(name, sizeof name, "n%u", rng_below(&c->rng, 60));
    return name;
}

static struct outcome chaos_id(struct chaos *c, enum op op, uint64_t actor, uint64_t id)
{
    struct entry_key key = {1 + rng_below(&c->rng, 40), 7, op};
    fb_builder *b = world_body(c->w);
    kt_new_Like like = {0};
    kt_put_Like_post_id(&like, id);
    bool keyed = rng_below(&c->rng, 4) == 0;
    struct change change = {op, actor, kt_end_Like(b, &like), keyed ? &key : NULL};
    return world_say(c->w, change);
}

static void chaos_edges(struct chaos *c)
{
    uint64_t rows[9][2];
    for (uint32_t i = 0; i < 9; i++) {
        rows[i][0] = any(c, USER);
        rows[i][1] = any(c, i % 2);
    }
    say_edges(c->w, rng_below(&c->rng, 2) ? EDGE_follow : EDGE_like, rows, 9);
}

static void chaos_session(struct chaos *c)
{
    char hash[65];
    fb_builder *b = world_body(c->w);
    kt_new_SessionCreate s = {0};
    memset(hash, 'a' + (int)rng_below(&c->rng, 20), 64);
    hash[64] = 0;
    kt_put_SessionCreate_user_id(&s, any(c, USER));
    kt_put_SessionCreate_refresh_hash(&s, fb_cstring(b, hash));
    kt_put_SessionCreate_expires_at(&s, c->w->now_ms + rng_below(&c->rng, 300));
    kt_put_SessionCreate_login(&s, rng_below(&c->rng, 2));
    fb_ref body = kt_end_SessionCreate(b, &s);
    known(c, SESSION, world_say(c->w, (struct change){OP_session_create, 0, body, NULL}));
}

static void chaos_update(struct chaos *c, enum op op)
{
    uint64_t user = any(c, USER);
    fb_builder *b = world_body(c->w);
    kt_new_UserUpdate u = {0};
    kt_put_UserUpdate_user_id(&u, user);
    if (op == OP_user_rename) kt_put_UserUpdate_username(&u, fb_cstring(b, any_name(c)));
    if (rng_below(&c->rng, 2)) kt_put_UserUpdate_phone_number(&u, fb_cstring(b, any_name(c)));
    kt_put_UserUpdate_bio(&u, fb_cstring(b, any_name(c)));
    world_say(c->w, (struct change){op, user, kt_end_UserUpdate(b, &u), NULL});
}

static void chaos_users(struct chaos *c)
{
    fb_builder *b = world_body(c->w);
    kt_new_ImportUsers all = {0};
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < 4; i++) {
        kt_new_ImportUser u = {0};
        kt_put_ImportUser_username(&u, fb_cstring(b, any_name(c)));
        kt_put_ImportUser_email(&u, fb_cstring(b, any_name(c)));
        kt_put_ImportUser_created_at(&u, START_MS - 100000 - rng_below(&c->rng, 2));
        fb_push(b, kt_end_ImportUser(b, &u));
    }
    kt_put_ImportUsers_users(&all, fb_refs(b, mark));
    fb_ref body = kt_end_ImportUsers(b, &all);
    world_say(c->w, (struct change){OP_import_users, 0, body, NULL});
}

static void chaos_posts(struct chaos *c)
{
    fb_builder *b = world_body(c->w);
    kt_new_ImportPosts all = {0};
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < 5; i++) {
        kt_new_ImportPost p = {0};
        kt_put_ImportPost_user_id(&p, any(c, USER));
        kt_put_ImportPost_image_url(&p, fb_cstring(b, "u:i"));
        kt_put_ImportPost_created_at(&p, START_MS - 50 + rng_below(&c->rng, 100));
        fb_push(b, kt_end_ImportPost(b, &p));
    }
    kt_put_ImportPosts_posts(&all, fb_refs(b, mark));
    kt_put_ImportPosts_source_lo(&all, rng_below(&c->rng, 3));
    kt_put_ImportPosts_chunk(&all, rng_below(&c->rng, 4) * 300 + c->chunks++ / 4);
    fb_ref body = kt_end_ImportPosts(b, &all);
    world_say(c->w, (struct change){OP_import_posts, 0, body, NULL});
}

// Names up to three users.
static void chaos_post(struct chaos *c)
{
    uint64_t named[3], actor = any(c, USER);
    uint32_t n = 0;
    for (uint32_t i = rng_below(&c->rng, 4); i > 0; i--) {
        named[n] = any(c, USER);
        bool again = (n > 0 && named[0] == named[n]) || (n > 1 && named[1] == named[n]);
        n += !again;
    }
    fb_builder *b = world_body(c->w);
    kt_new_PostCreate p = {0};
    kt_put_PostCreate_caption(&p, fb_cstring(b, "p"));
    if (n > 0) kt_put_PostCreate_mention_ids(&p, fb_vector(b, named, n, 8));
    struct change say = {OP_post_create, actor, kt_end_PostCreate(b, &p), NULL};
    known(c, POST, world_say(c->w, say));
}

static void chaos_edit(struct chaos *c)
{
    fb_builder *b = world_body(c->w);
    uint64_t named[1] = {any(c, USER)}, post = any(c, POST);
    const struct post *there = store_post(c->w->store, post);
    kt_new_PostUpdate p = {0};
    kt_put_PostUpdate_post_id(&p, post);
    kt_put_PostUpdate_mention_ids(&p, fb_vector(b, named, 1, 8));
    uint64_t actor = there != NULL ? there->author : 1;
    world_say(c->w, (struct change){OP_post_update, actor, kt_end_PostUpdate(b, &p), NULL});
}

static void chaos_comment(struct chaos *c)
{
    uint64_t named[2] = {any(c, USER), any(c, USER)};
    fb_builder *b = world_body(c->w);
    kt_new_CommentCreate w = {0};
    kt_put_CommentCreate_post_id(&w, any(c, POST));
    kt_put_CommentCreate_content(&w, fb_cstring(b, "a comment"));
    kt_put_CommentCreate_parent_id(&w, rng_below(&c->rng, 2) ? any(c, COMMENT) : 0);
    if (rng_below(&c->rng, 3) == 0)
        kt_put_CommentCreate_mention_ids(&w, fb_vector(b, named, 2, 8));
    struct change say = {OP_comment_create, any(c, USER), kt_end_CommentCreate(b, &w), NULL};
    known(c, COMMENT, world_say(c->w, say));
}

// Of somebody's notifications any one, or none that is there.
static void chaos_note(struct chaos *c)
{
    struct stream_item item = {0};
    uint64_t user = any(c, USER);
    const struct part *p = store_part(c->w->store, id_slot(user));
    const struct stream *s = streams_find(p, (struct edge_at){user, LIST_notifications});
    uint32_t which = s != NULL ? rng_below(&c->rng, s->count + 1) : 0;
    uint64_t number = which > 0 ? stream_skip(s, 0, which) : 5;
    uint64_t id = id_make(number, id_slot(user));
    fb_builder *b = world_body(c->w);
    kt_new_PreferenceSet w = {0};
    bool there = stream_find(s, number, &item) && !(item.flags & (STREAM_SILENT | STREAM_HIDDEN));
    there = there && store_user(c->w->store, user) != NULL;
    switch (rng_below(&c->rng, 6)) {
    case 0:
        assert_int_equal(say_id(c->w, OP_notification_delete, user, id).error,
                         there ? KITH_ok : KITH_not_found);
        break;
    case 1:
        chaos_id(c, OP_notifications_read, user, 0);
        break;
    case 2:
        kt_put_PreferenceSet_notification_type(
            &w, fb_cstring(b, rng_below(&c->rng, 2) ? "like" : "mention"));
        kt_put_PreferenceSet_in_app_enabled(&w, rng_below(&c->rng, 2));
        kt_put_PreferenceSet_push_enabled(&w, rng_below(&c->rng, 2));
        kt_put_PreferenceSet_email_enabled(&w, rng_below(&c->rng, 2));
        world_say(c->w, (struct change){OP_notification_preference_set, user,
                                        kt_end_PreferenceSet(b, &w), NULL});
        break;
    default:
        assert_int_equal(say_id(c->w, OP_notification_read, user, id).error,
                         there ? KITH_ok : KITH_not_found);
    }
}

static void chaos_rare(struct chaos *c)
{
    uint64_t u = any(c, USER);
    switch (rng_below(&c->rng, 9)) {
    case 0: chaos_id(c, OP_user_delete, u, u); break;
    case 1: chaos_id(c, OP_post_delete, u, any(c, POST)); break;
    case 2: chaos_users(c); break;
    case 3: chaos_posts(c); break;
    case 4: chaos_update(c, OP_user_rename); break;
    case 5: chaos_update(c, OP_user_update); break;
    case 6: chaos_id(c, OP_session_delete, 0, any(c, SESSION)); break;
    case 7: chaos_edit(c); break;
    default: chaos_session(c);
    }
}

static void chaos_deed(struct chaos *c)
{
    bool born;
    struct drawn drawn = {any(c, USER), any(c, POST), any(c, COMMENT)};
    struct outcome o = chaos_engage(c, drawn, &born);
    if (born) known(c, POST, o);
}

void chaos_step(struct chaos *c)
{
    c->w->now_ms += rng_below(&c->rng, 2);
    switch (rng_below(&c->rng, 17)) {
    case 0: known(c, USER, say_register(c->w, any_name(c))); break;
    case 1: chaos_id(c, OP_follow, any(c, USER), any(c, USER)); break;
    case 2: chaos_id(c, OP_unfollow, any(c, USER), any(c, USER)); break;
    case 3: chaos_id(c, OP_like, any(c, USER), any(c, POST)); break;
    case 4: chaos_id(c, OP_unlike, any(c, USER), any(c, POST)); break;
    case 5: chaos_post(c); break;
    case 6:
    case 7: chaos_comment(c); break;
    case 8: chaos_id(c, OP_comment_delete, any(c, USER), any(c, COMMENT)); break;
    case 9: chaos_edges(c); break;
    case 10:
    case 11: chaos_doc(c); break;
    case 12: chaos_note(c); break;
    case 13:
    case 14: chaos_deed(c); break;
    default: chaos_rare(c);
    }
}

void page_seen(const struct store *s, struct page *page, enum entity kind, struct sight *sight)
{
    struct eye eye;
    eye_open(&eye, &(struct view){s, NULL, 0});
    page_see(&eye, page, (struct wanted){kind, false, false}, sight);
}
