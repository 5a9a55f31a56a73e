// Account names in the accounts slot's partition.
//
//   by text: ptable of name_record, found by any core · by id: list of an id's records, the owner's
#include "store/names.h"

#include <string.h>

#include "core/assert.h"
#include "store/digest.h"
#include "store/image_hooks.h"
#include "store/lists.h"
#include "store/store.h"

struct name_record {           // immutable, published
    uint64_t id;
    uint32_t n;
    uint8_t kind, zero[3];
    char text[];               // as written, n bytes and a NUL
};

struct name_set {              // of one id, found through part->names_by_id; count = of record[]
    struct list_head head;
    struct name_record *record[];  // head.shape of them fit
};
enum { NAMES_FIRST = 3 };      // room until somebody has an identity besides

enum { PIECE = 256 };          // bytes lowered at a time

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static size_t record_bytes(uint32_t n) { return sizeof(struct name_record) + (size_t)n + 1; }

// Of kind and text in lower case, piece by piece: a piece's hash is the seed of the next.
static struct hash128 hash_lower(struct name name, uint64_t seed)
{
    struct hash128 h = {seed + (uint64_t)name.kind, 0};
    for (uint32_t done = 0; done < name.n; done += PIECE) {
        char piece[PIECE];
        uint32_t n = name.n - done < PIECE ? name.n - done : PIECE;
        for (uint32_t i = 0; i < n; i++) piece[i] = lower(name.text[done + i]);
        h = hash128(piece, n, h.lo ^ h.hi);
    }
    return h;
}

static uint64_t name_hash(const struct store *s, struct name name)
{
    return hash_lower(name, s->hash_key[0]).lo;
}

static bool same_name(const void *record, const void *key)
{
    const struct name_record *r = record;
    const struct name *name = key;
    if (r->kind != name->kind || r->n != name->n) return false;
    for (uint32_t i = 0; i < name->n; i++)
        if (lower(r->text[i]) != lower(name->text[i])) return false;
    return true;
}

static struct name name_of(const struct name_record *r)
{
    return (struct name){(enum name_kind)r->kind, r->text, r->n};
}

struct hash128 names_digest(const struct store *s, struct name name, uint64_t id)
{
    struct hash128 text = hash_lower(name, s->hash_key[1]);
    uint64_t bytes[4] = {id, name.kind, text.lo, text.hi};
    return digest_bytes(s, 2, bytes, sizeof bytes);
}

static uint64_t rehash(void *ctx, const void *record)
{
    return name_hash(ctx, name_of(record));
}

uint64_t names_find(const struct store *s, struct name name)
{
    const struct part *p = store_part(s, ACCOUNTS_SLOT);
    const struct name_record *r = ptable_find(&p->names, name_hash(s, name), same_name, &name);
    return r != NULL ? r->id : 0;
}

struct name_print names_print(const struct store *s, struct name name)
{
    return (struct name_print){name_hash(s, name), hash_lower(name, s->hash_key[1]).lo};
}

struct print_key { const struct store *store; struct name_print print; };

static bool same_print(const void *record, const void *key)
{
    const struct print_key *k = key;
    struct name_print is = names_print(k->store, name_of(record));
    return is.of == k->print.of && is.again == k->print.again;
}

uint64_t names_find_print(const struct store *s, struct name_print print)
{
    const struct part *p = store_part(s, ACCOUNTS_SLOT);
    struct print_key key = {s, print};
    const struct name_record *r = ptable_find(&p->names, print.of, same_print, &key);
    return r != NULL ? r->id : 0;
}

static struct name_set *set_of(const struct part *p, uint64_t id)
{
    return lists_find(&p->names_by_id, p->shard->store, (struct edge_at){id, LIST_none});
}

static size_t set_bytes(unsigned room)
{
    return sizeof(struct name_set) + room * sizeof(struct name_record *);
}

// A set with more room in the place of one that is full; NULL = of none.
static struct name_set *set_grow(struct part *p, uint64_t id, struct name_set *old)
{
    struct pool *pool = &p->shard->pool;
    unsigned room = old == NULL ? NAMES_FIRST : NAMES_MAX;
    struct name_set *set = pool_alloc_zero(pool, set_bytes(room), MEM_names);
    set->head.owner = id;
    set->head.image = part_image_generation(p);
    if (old != NULL) memcpy(set, old, set_bytes(old->head.count));
    set->head.shape = (uint16_t)room;
    if (old == NULL) {
        lists_insert(p, &p->names_by_id, set);
        return set;
    }
    lists_replace(p, &p->names_by_id, old, set);
    pool_free(pool, old, set_bytes(old->head.shape), MEM_names);
    return set;
}

void names_claim(struct part *p, struct name name, uint64_t id)
{
    struct shard *sh = p->shard;
    ASSERT(id != 0);
    ASSERT(name.n > 0);
    ASSERT(names_find(sh->store, name) == 0);
    struct name_set *set = set_of(p, id);
    if (set != NULL && p->image != NULL) image_before_names(p, id);
    ASSERT(set == NULL || set->head.count < NAMES_MAX);
    if (set == NULL || set->head.count == set->head.shape) set = set_grow(p, id, set);
    struct name_record *r = pool_alloc(&sh->pool, record_bytes(name.n), MEM_names);
    *r = (struct name_record){.id = id, .n = name.n, .kind = (uint8_t)name.kind};
    memcpy(r->text, name.text, name.n);
    r->text[name.n] = 0;
    set->record[set->head.count++] = r;
    struct ptable_env env = {sh, MEM_names, rehash, sh->store};
    ptable_insert(&p->names, &env, name_hash(sh->store, name), r);
    digest_add(&p->objects_digest, names_digest(sh->store, name_of(r), r->id));
}

bool names_release(struct part *p, struct name name, uint64_t id)
{
    struct shard *sh = p->shard;
    uint64_t hash = name_hash(sh->store, name);
    struct name_record *r = ptable_find(&p->names, hash, same_name, &name);
    if (r == NULL || r->id != id) return false;
    if (p->image != NULL) image_before_names(p, id);
    struct name_set *set = set_of(p, id);
    ASSERT(set != NULL);
    uint32_t k = 0;
    while (set->record[k] != r) k++;
    ASSERT(k < set->head.count);
    set->record[k] = set->record[--set->head.count];
    if (set->head.count == 0) {
        lists_remove(p, &p->names_by_id, set);
        pool_free(&sh->pool, set, set_bytes(set->head.shape), MEM_names);
    }
    digest_sub(&p->objects_digest, names_digest(sh->store, name_of(r), r->id));
    ptable_replace(&p->names, hash, r, NULL);
    quiet_retire(&sh->store->quiet, &sh->limbo, &sh->pool,
                 (struct quiet_block){r, record_bytes(r->n), MEM_names});
    return true;
}

uint32_t names_of(const struct part *p, uint64_t id, struct name out[NAMES_MAX])
{
    const struct name_set *set = set_of(p, id);
    if (set == NULL) return 0;
    for (uint32_t i = 0; i < set->head.count; i++) out[i] = name_of(set->record[i]);
    return set->head.count;
}
