// Loading images (image.h): bytes that may be anything. A record is copied whole, judged, then put
// in by the same functions that apply uses; the digests of the mark must come out. What is derived
// (sequences, counters, newest posts, jobs) is made at the end, and holds the references between
// records to account.
#include <string.h>

#include "core/assert.h"
#include "core/id.h"
#include "store/audit.h"
#include "store/check.h"
#include "store/idsort.h"
#include "store/image.h"
#include "store/image_format.h"
#include "store/hang.h"
#include "store/jobs.h"
#include "store/keys.h"
#include "store/lists.h"
#include "store/names.h"
#include "store/owed.h"
#include "store/popular.h"
#include "store/post_lists.h"
#include "store/post_record.h"
#include "store/queues.h"
#include "store/record.h"
#include "store/sources.h"
#include "store/stats.h"
#include "store/store.h"
#include "store/stream.h"

struct image_loader {
    struct part *part;
    uint8_t *record;             // the one that is being collected
    uint32_t capacity, have;
    uint64_t *born;              // ids of posts and comments: their lists are made in this order
    uint32_t born_n, born_room;
    bool broken, begun, ended;
    struct image_start start;
    struct image_total total;    // of what came
    struct entry_parent owed;    // the last one
};

enum {
    RECORD_MIN = 64 << 10,
    BORN_MIN = 1 << 10,
    BORN_WAVE = 16,              // records that are looked for together
    RESERVE_MAX = 64 << 10,      // records that a table is made for; what has more grows on
    RESERVE_NAMES_MAX = 1 << 20, // the same of the partition that has the names of all
};

struct image_loader *image_load_begin(struct part *p)
{
    struct pool *pool = &p->shard->pool;
    struct image_loader *l = pool_alloc_zero(pool, sizeof *l, MEM_other);
    l->part = p;
    l->capacity = RECORD_MIN;
    l->record = pool_alloc(pool, l->capacity, MEM_other);
    return l;
}

// Content of a record: n bytes at p.
struct content { const uint8_t *p; uint32_t n; };

static bool here(const struct part *p, uint64_t id)
{
    return id != 0 && id >> 63 == 0 && store_part(p->shard->store, id_slot(id)) == p;
}

// ---- records -----------------------------------------------------------------------------------

// What the image says is no more than a hint: the tables grow.
static void reserve(struct part *p, struct ptable *t, uint32_t records)
{
    bool names = store_part(p->shard->store, ACCOUNTS_SLOT) == p;
    uint32_t most = names ? RESERVE_NAMES_MAX : RESERVE_MAX;
    struct ptable_env env = {.shard = p->shard, .kind = MEM_table};
    if (records > 0) ptable_reserve(t, &env, records < most ? records : most);
}

static bool load_start(struct image_loader *l, struct content c)
{
    struct part *p = l->part;
    struct image_start *s = &l->start;
    if (c.n != sizeof *s) return false;
    memcpy(s, c.p, c.n);
    l->begun = true;
    if (s->version != IMAGE_VERSION || s->magic != IMAGE_MAGIC || s->part != p->number ||
        s->partitions != p->shard->store->partitions)
        return false;
    reserve(p, &p->objects, s->objects);
    reserve(p, &p->edges.table, s->sets);
    reserve(p, &p->streams.table, s->streams);
    reserve(p, &p->names_by_id.table, s->names);
    return true;
}

static void remember_born(struct image_loader *l, uint64_t id)
{
    struct pool *pool = &l->part->shard->pool;
    if (l->born_n == l->born_room) {
        uint32_t room = l->born_room == 0 ? BORN_MIN : 2 * l->born_room;
        uint64_t *to = pool_alloc(pool, room * sizeof *to, MEM_other);
        if (l->born_n > 0) memcpy(to, l->born, l->born_n * sizeof *to);
        pool_free(pool, l->born, l->born_room * sizeof *to, MEM_other);
        l->born = to;
        l->born_room = room;
    }
    l->born[l->born_n++] = id;
}

static bool load_object(struct image_loader *l, struct content c)
{
    struct part *p = l->part;
    struct record_head h;
    if (c.n < sizeof h) return false;
    memcpy(&h, c.p, sizeof h);
    if (h.data_n > c.n - sizeof h || record_pad(h.data_n) != c.n - sizeof h) return false;
    if (!here(p, h.id) || !record_sound(&h, c.p + sizeof h)) return false;
    if (record_find(p, h.id) != NULL) return false;
    struct object *o = record_new(p, &h);
    memcpy(record_data_of(o), c.p + sizeof h, h.data_n);
    stats_kept(o, &h);
    record_insert(p, o);
    if (h.kind == ENTITY_post || h.kind == ENTITY_comment) remember_born(l, h.id);
    return true;
}

static bool load_edges(struct image_loader *l, struct content c)
{
    struct part *p = l->part;
    struct image_edges h;
    if (c.n < sizeof h) return false;
    memcpy(&h, c.p, sizeof h);
    if (!here(p, h.owner) || list_edge(h.list) == EDGE_none) return false;
    if (h.n == 0 || h.n > IMAGE_EDGES_MAX) return false;
    if (c.n != sizeof h + h.n * sizeof(struct edge)) return false;
    struct edge_at at = {h.owner, (enum list_kind)h.list};
    return edges_load(p, at, (struct edge_bytes){c.p + sizeof h, h.n});
}

static bool item_sound(const struct stream_item *item)
{
    return item->number != 0 && item->number >> (63 - SLOT_BITS) == 0 &&
           (item->flags & ~STREAM_FLAGS) == 0;
}

static bool load_stream(struct image_loader *l, struct content c)
{
    struct part *p = l->part;
    struct image_stream h;
    if (c.n < sizeof h) return false;
    memcpy(&h, c.p, sizeof h);
    struct edge_at at = {h.owner, (enum list_kind)h.list};
    if (!here(p, h.owner) || h.list < LIST_notifications || h.list > LIST_note_preferences)
        return false;
    struct stream_item item;
    if (h.n == 0) return c.n == sizeof h && stream_load_mark(p, at, h.read_to);
    if (h.n > IMAGE_EDGES_MAX || h.read_to != 0) return false;
    if (c.n != sizeof h + record_pad(h.n * (uint32_t)sizeof item)) return false;
    for (uint32_t i = 0; i < h.n; i++) {
        memcpy(&item, c.p + sizeof h + i * sizeof item, sizeof item);
        if (!item_sound(&item) || !streams_add(p, at, &item)) return false;
    }
    return true;
}

static bool load_name(struct part *p, uint64_t id, struct name name)
{
    struct name held[NAMES_MAX];
    uint32_t n = names_of(p, id, held);
    if (name.kind < NAME_username || name.kind > NAME_identity) return false;
    if (name.n == 0 || name.n > CHECK_NAME_MAX) return false;
    for (uint32_t i = 0; i < n; i++)
        if (held[i].kind == name.kind && name.kind != NAME_identity) return false;
    if (names_find(p->shard->store, name) != 0) return false;
    names_claim(p, name, id);
    return true;
}

static bool load_names(struct image_loader *l, struct content c)
{
    struct part *p = l->part;
    struct image_names h;
    if (store_part(p->shard->store, ACCOUNTS_SLOT) != p || c.n < sizeof h) return false;
    memcpy(&h, c.p, sizeof h);
    uint32_t at = sizeof h;
    if (h.id == 0 || h.n == 0 || h.n > NAMES_MAX) return false;
    for (uint32_t i = 0; i < h.n; i++) {
        struct image_name one;
        if (c.n - at < sizeof one) return false;
        memcpy(&one, c.p + at, sizeof one);
        at += sizeof one;
        if (one.n > c.n - at) return false;
        struct name name = {(enum name_kind)one.kind, (const char *)c.p + at, one.n};
        if (!load_name(p, h.id, name)) return false;
        at += one.n;
    }
    return record_pad(at) == c.n;
}

static bool load_keys(struct image_loader *l, struct content c)
{
    struct part *p = l->part;
    struct key_item item;
    if (c.n == 0 || c.n % sizeof item != 0) return false;
    for (uint32_t at = 0; at < c.n; at += sizeof item) {
        memcpy(&item, c.p + at, sizeof item);
        uint64_t first = keys_first(p), last = keys_last(p);
        if (last - first >= IDEMPOTENCY_PER_PARTITION) return false;
        if (last > first && keys_at(p, last - 1)->stamp >= item.stamp) return false;
        if (keys_find(p, &item.key) != NULL) return false;
        keys_put(p, &item);
    }
    return true;
}

static bool load_source(struct image_loader *l, struct content c)
{
    struct part *p = l->part;
    struct image_source h;
    if (c.n < sizeof h) return false;
    memcpy(&h, c.p, sizeof h);
    if (h.words == 0 || h.words > SOURCE_CHUNKS_MAX / 64) return false;
    if (c.n != sizeof h + h.words * sizeof(uint64_t)) return false;
    struct source which = {.hi = h.hi, .lo = h.lo};
    for (const struct source *s = sources_first(p); s != NULL; s = s->next)
        if (s->hi == h.hi && s->lo == h.lo) return false;
    for (uint32_t i = 0; i < h.words; i++) {
        uint64_t word;
        memcpy(&word, c.p + sizeof h + i * sizeof word, sizeof word);
        for (; word != 0; word &= word - 1)
            sources_mark(p, &which, i * 64 + (uint32_t)__builtin_ctzll(word));
    }
    return true;
}

static bool load_owed(struct image_loader *l, struct content c)
{
    struct part *p = l->part;
    struct entry *e = (struct entry *)(void *)(l->record + sizeof(struct image_record));
    if (!entry_is_sound(e, c.n) || e->length != c.n || e->place != 0 || e->stamp != 0) return false;
    const struct entry_parent *parent = entry_parent(e);
    if (parent == NULL || parent->decider >= SLOTS || e->ticket != 0) return false;
    if (store_part(p->shard->store, parent->decider) != p) return false;
    bool after = parent->place > l->owed.place ||
                 (parent->place == l->owed.place && parent->ordinal > l->owed.ordinal);
    if (parent->place == 0 || (l->total.records[IMAGE_OWED] > 0 && !after)) return false;
    // As it will be when the log has given it a place.
    e->place = e->stamp = 1;
    bool valid = store_entry_valid(e);
    e->place = e->stamp = 0;
    if (!valid) return false;
    l->owed = *parent;
    owed_add(p, e);
    return true;
}

static bool load_end(struct image_loader *l, struct content c)
{
    l->ended = true;
    return c.n == sizeof l->total && memcmp(c.p, &l->total, c.n) == 0;
}

static bool load_record(struct image_loader *l)
{
    static bool (*const load[IMAGE_KINDS])(struct image_loader *, struct content) = {
        [IMAGE_BEGIN] = load_start, [IMAGE_OBJECT] = load_object, [IMAGE_EDGES] = load_edges,
        [IMAGE_NAMES] = load_names, [IMAGE_KEYS] = load_keys,     [IMAGE_SOURCE] = load_source,
        [IMAGE_OWED] = load_owed,   [IMAGE_END] = load_end,       [IMAGE_STREAM] = load_stream,
    };
    struct image_record head;
    memcpy(&head, l->record, sizeof head);
    if (head.kind == IMAGE_none || head.kind >= IMAGE_KINDS || head.zero != 0) return false;
    if (l->ended || l->begun == (head.kind == IMAGE_BEGIN)) return false;
    struct content c = {l->record + sizeof head, head.bytes - (uint32_t)sizeof head};
    if (!load[head.kind](l, c)) return false;
    l->total.records[head.kind]++;
    return true;
}

// ---- pieces ------------------------------------------------------------------------------------

// Bytes that the record under way has, as far as can be said; 0 = it cannot be one.
static uint32_t wanted(const struct image_loader *l)
{
    struct image_record head;
    if (l->have < sizeof head) return sizeof head;
    memcpy(&head, l->record, sizeof head);
    bool whole = head.bytes > sizeof head && head.bytes % 8 == 0;
    return whole && head.bytes <= IMAGE_RECORD_MAX ? head.bytes : 0;
}

static void make_room(struct image_loader *l, uint32_t bytes)
{
    struct pool *pool = &l->part->shard->pool;
    if (bytes <= l->capacity) return;
    uint8_t *to = pool_alloc(pool, bytes, MEM_other);
    memcpy(to, l->record, l->have);
    pool_free(pool, l->record, l->capacity, MEM_other);
    l->record = to;
    l->capacity = bytes;
}

bool image_load(struct image_loader *l, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;
    while (n > 0 && !l->broken) {
        uint32_t want = wanted(l);
        if (want == 0) {
            l->broken = true;
            break;
        }
        make_room(l, want);
        size_t some = want - l->have;
        if (some > n) some = n;
        memcpy(l->record + l->have, from, some);
        l->have += (uint32_t)some;
        from += some;
        n -= some;
        if (l->have < want || l->have == sizeof(struct image_record)) continue;
        if (!load_record(l)) l->broken = true;
        l->have = 0;
    }
    return !l->broken;
}

// ---- what follows from it ----------------------------------------------------------------------

static struct object *object_of(const struct part *p, uint64_t id, enum entity kind)
{
    struct object *o = id != 0 ? record_find(p, id) : NULL;
    return o != NULL && o->kind == kind ? o : NULL;
}

// `at` is what the record says it belongs to, NULL if that is not here.
static bool derive_post(struct part *p, struct post *post, struct object *at)
{
    if (post->o.flags & OBJECT_GONE) return true;
    if (at == NULL || at->kind != ENTITY_user || id_slot(at->id) != id_slot(post->o.id))
        return false;
    post_lists_load(p, (struct user *)at, &post->o);
    struct seq *all = post_lists_of_core(p->shard, &post->o);
    if (all == &p->shard->narrow_posts && object_listed(&post->o))
        seq_insert(all, &p->shard->pool, post->o.id);
    return true;
}

static bool derive_comment(struct part *p, struct comment *c, struct object *at)
{
    bool placeholder = c->o.flags & OBJECT_TOMBSTONE;
    if (c->o.flags & OBJECT_GONE) return true;
    if (at == NULL || at->kind != ENTITY_post || id_slot(at->id) != id_slot(c->o.id))
        return false;
    struct post *post = (struct post *)at;
    uint64_t post_id = at->id, parent_id = comment_parent(c);
    bool removed = c->o.flags & OBJECT_REMOVED;
    if ((placeholder && !removed) != (c->author == 0)) return false;
    if (removed) seq_insert(&p->shard->binned, &p->shard->pool, c->o.id);
    seqs_add(p, (struct edge_at){post_id, LIST_comments}, c->o.id);
    if (!placeholder) counter_move(&post->comments, 1);
    if (parent_id == 0) return true;
    struct comment *parent = (struct comment *)object_of(p, parent_id, ENTITY_comment);
    if (parent == NULL || comment_post(parent) != post_id || parent_id >= c->o.id) return false;
    seqs_add(p, (struct edge_at){parent_id, LIST_replies}, c->o.id);
    counter_move(&parent->replies, 1);
    return true;
}

static bool derive_session(struct part *p, const struct session *s)
{
    if (object_of(p, s->user, ENTITY_user) == NULL || (s->o.flags & OBJECT_GONE)) return false;
    if (id_slot(s->user) != id_slot(s->o.id)) return false;
    return seqs_add(p, (struct edge_at){s->user, LIST_sessions}, s->o.id);
}

static bool derive_audit(struct part *p, const struct audit *act)
{
    unsigned slot = id_slot(act->o.id);
    if (id_slot(act->user) != slot || (act->o.flags & OBJECT_GONE)) return false;
    return seqs_add(p, (struct edge_at){audit_ring(slot), LIST_audits}, act->o.id);
}

static bool derive_doc(struct part *p, const struct doc *d)
{
    if (d->o.flags & OBJECT_GONE) return true;
    if (object_of(p, d->owner, ENTITY_user) == NULL) return false;
    if (id_slot(d->owner) != id_slot(d->o.id)) return false;
    queues_add(p, d);
    return seqs_add(p, (struct edge_at){d->owner, doc_list(d->o.kind)}, d->o.id);
}

static bool derive_share(struct part *p, const struct share_text *t)
{
    struct edge_at at = {t->post, LIST_sharers};
    return !(t->o.flags & OBJECT_GONE) && edges_find(p, at, t->author) == id_stamp(t->o.id);
}

struct derive { struct part *p; bool ok; };

static bool derive_one(struct part *p, void *record)
{
    const struct object *o = record;
    if (doc_row(o->kind) != NULL) return derive_doc(p, record);
    switch ((enum entity)o->kind) {
    case ENTITY_user:
    case ENTITY_post:
    case ENTITY_comment: return true;
    case ENTITY_session: return derive_session(p, record);
    case ENTITY_audit: return derive_audit(p, record);
    case ENTITY_share_text: return derive_share(p, record);
    case ENTITY_none:
    case ENTITY_COUNT: break;
    }
    return false;
}

static bool derive_object(void *ctx, void *record)
{
    struct derive *d = ctx;
    const struct object *o = record;
    d->ok = derive_one(d->p, record);
    if (d->ok && (o->flags & OBJECT_GONE)) jobs_add(d->p, o);
    return d->ok;
}

static bool derive_set(void *ctx, void *list)
{
    struct derive *d = ctx;
    const struct list_head *set = list;
    struct edge_at at = {set->owner, (enum list_kind)set->list};
    struct object *o = object_of(d->p, at.owner, list_owner(at.list));
    d->ok = o != NULL;
    if (o == NULL) return false;
    hanging_count(d->p, o, set);
    if (at.list == LIST_followers)
        popular_moved(d->p->shard, (struct user *)o, (int)((struct user *)o)->followers);
    return true;
}

static bool derive_stream(void *ctx, void *list)
{
    struct derive *d = ctx;
    struct stream *s = list;
    d->ok = object_of(d->p, s->owner, ENTITY_user) != NULL && stream_loaded(s);
    return d->ok;
}

static bool derive_recent(void *ctx, void *record)
{
    struct derive *d = ctx;
    struct object *o = record;
    if (o->kind == ENTITY_user) recent_remake(d->p, record);
    if (o->kind == ENTITY_post) stats_load_post(d->p, record);
    return true;
}

// Records of this partition, in waves; NULL: there is none.
static void own_records(const struct part *p, struct id_list ids, struct object **out)
{
    const struct object *found[BORN_WAVE];
    records_find(p->shard->store, (struct record_wish){ids.id, ids.n, 1}, found);
    for (uint32_t i = 0; i < ids.n; i++) out[i] = (struct object *)(uintptr_t)found[i];
}

// What a post or comment belongs to. Other partitions are being filled by other threads: where it
// names something there, itself, which is of the wrong kind.
static uint64_t belongs_to(const struct part *p, const struct object *o)
{
    uint64_t to = o->kind == ENTITY_post ? ((const struct post *)o)->author
                                         : comment_post((const struct comment *)o);
    return here(p, to) ? to : o->id;
}

// By rising ids, so that lists are appended to and an answer comes after what it answers.
static bool derive_born(const struct image_loader *l)
{
    struct part *p = l->part;
    struct object *born[BORN_WAVE], *at[BORN_WAVE];
    uint64_t at_id[BORN_WAVE];
    bool ok = true;
    for (uint32_t i = 0; i < l->born_n && ok; i += BORN_WAVE) {
        uint32_t n = l->born_n - i < BORN_WAVE ? l->born_n - i : BORN_WAVE;
        own_records(p, (struct id_list){l->born + i, n}, born);
        for (uint32_t k = 0; k < n; k++) at_id[k] = belongs_to(p, born[k]);
        own_records(p, (struct id_list){at_id, n}, at);
        for (uint32_t k = 0; k < n && ok; k++)
            ok = born[k]->kind == ENTITY_post
                     ? derive_post(p, (struct post *)born[k], at[k])
                     : derive_comment(p, (struct comment *)born[k], at[k]);
    }
    return ok;
}

static bool derive_all(struct image_loader *l)
{
    struct part *p = l->part;
    size_t bytes = l->born_n * sizeof *l->born;
    uint64_t *spare = pool_alloc(&p->shard->pool, bytes, MEM_other);
    idsort(l->born, spare, l->born_n);
    pool_free(&p->shard->pool, spare, bytes, MEM_other);
    struct derive d = {p, derive_born(l)};
    uint64_t at = 0;
    if (d.ok) ptable_walk(&p->objects, &at, derive_object, &d);
    at = 0;
    if (d.ok) lists_walk(&p->edges, &at, derive_set, &d);
    at = 0;
    if (d.ok) lists_walk(&p->streams, &at, derive_stream, &d);
    at = 0;
    if (d.ok) ptable_walk(&p->objects, &at, derive_recent, &d);
    return d.ok;
}

static bool digests_agree(const struct image_loader *l)
{
    const struct part *p = l->part;
    const struct image_start *s = &l->start;
    return p->objects_digest.lo == s->objects_lo && p->objects_digest.hi == s->objects_hi &&
           p->edges_digest.lo == s->edges_lo && p->edges_digest.hi == s->edges_hi;
}

bool image_load_end(struct image_loader *l)
{
    struct part *p = l->part;
    bool whole = !l->broken && l->ended && l->have == 0;
    bool ok = whole && digests_agree(l) && derive_all(l);
    pool_free(&p->shard->pool, l->born, l->born_room * sizeof *l->born, MEM_other);
    pool_free(&p->shard->pool, l->record, l->capacity, MEM_other);
    pool_free(&p->shard->pool, l, sizeof *l, MEM_other);
    return ok;
}

// The posts of a shard, in one array.
struct posts { uint64_t *id; uint32_t n; };

static bool count_posts(void *ctx, void *list)
{
    const struct seq *q = list;
    if (q->list == LIST_posts) ((struct posts *)ctx)->n += q->count;
    return true;
}

static bool gather_posts(void *ctx, void *list)
{
    struct posts *all = ctx;
    const struct seq *q = list;
    if (q->list == LIST_posts) all->n += seq_above(q, 0, all->id + all->n, q->count);
    return true;
}

static void walk_seqs(const struct shard *s, bool (*fn)(void *ctx, void *list), struct posts *all)
{
    const struct store *store = s->store;
    all->n = 0;
    for (unsigned i = s->core; i < store->partitions; i += store->cores) {
        uint64_t at = 0;
        lists_walk(&store->part[i].seqs, &at, fn, all);
    }
}

// Those that are not for everybody are in their list since derive_post; the others come by rising
// ids.
static void derive_all_posts(struct shard *s)
{
    struct posts all = {NULL, 0};
    walk_seqs(s, count_posts, &all);
    size_t bytes = 2 * all.n * sizeof *all.id;
    all.id = pool_alloc(&s->pool, bytes, MEM_other);
    uint64_t *narrow = all.id + all.n;
    walk_seqs(s, gather_posts, &all);
    idsort(all.id, narrow, all.n);
    uint32_t narrow_n = seq_above(&s->narrow_posts, 0, narrow, all.n);
    for (uint32_t i = 0, k = 0; i < all.n; i++) {
        if (k < narrow_n && narrow[k] == all.id[i])
            k++;
        else
            seq_insert(&s->open_posts, &s->pool, all.id[i]);
    }
    pool_free(&s->pool, all.id, bytes, MEM_other);
}

void image_loaded(struct shard *s, uint64_t place, uint64_t stamp)
{
    const struct store *store = s->store;
    derive_all_posts(s);
    for (unsigned i = s->core; i < store->partitions; i += store->cores)
        store->part[i].place = place;
    s->place = place;
    s->stamp = stamp;
}
