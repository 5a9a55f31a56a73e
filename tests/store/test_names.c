// Account names against a plain table.
#include "tests/store/support_prim.h"

// The snapshot is this test's own.
#define image_before_names prim_before_names
#define part_image_generation prim_generation
#include "store/names.c"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/lists.h"

static struct name named(enum name_kind kind, const char *text)
{
    return (struct name){kind, text, (uint32_t)strlen(text)};
}

static void case_is_one(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct part *p = &m->part;
    names_claim(p, named(NAME_username, "Ann_Lee"), 7);
    assert_int_equal(names_find(&m->store, named(NAME_username, "ann_lee")), 7);
    assert_int_equal(names_find(&m->store, named(NAME_username, "ANN_LEE")), 7);
    assert_int_equal(names_find(&m->store, named(NAME_email, "ann_lee")), 0);
    assert_int_equal(names_find(&m->store, named(NAME_username, "ann_le")), 0);
    assert_int_equal(names_find(&m->store, named(NAME_username, "ann\x7flee")), 0);
    assert_int_equal(names_find(&m->store, named(NAME_username, "")), 0);
    // Only ASCII: other bytes are themselves.
    names_claim(p, named(NAME_email, "\xc3\xa4@x"), 8);
    assert_int_equal(names_find(&m->store, named(NAME_email, "\xc3\x84@x")), 0);
    names_claim(p, named(NAME_email, "ann@x"), 7);
    names_claim(p, named(NAME_phone, "+491"), 7);
    struct name out[NAMES_MAX];
    assert_int_equal(names_of(p, 7, out), 3);
    unsigned kinds = 0;
    for (int i = 0; i < 3; i++) {
        kinds |= 1u << out[i].kind;
        if (out[i].kind == NAME_username) assert_string_equal(out[i].text, "Ann_Lee");
    }
    assert_int_equal(kinds, 1u << NAME_username | 1u << NAME_email | 1u << NAME_phone);
    assert_false(names_release(p, named(NAME_username, "ann_lee"), 8));
    assert_false(names_release(p, named(NAME_username, "bob"), 7));
    while (names_of(p, 7, out) > 0) assert_true(names_release(p, out[0], 7));
    assert_true(names_release(p, named(NAME_email, "\xc3\xa4@X"), 8));
    assert_int_equal(names_of(p, 8, out), 0);
    assert_int_equal(p->objects_digest.lo | p->objects_digest.hi, 0);
    prim_drain(m);
    assert_int_equal(m->shard.pool.count[MEM_names], 1);
    prim_free(m);
}

// Of any length: the hash goes piece by piece, and every byte counts.
static void long_names(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    char text[1100];
    memset(text, 'x', sizeof text);
    static const uint32_t length[] = {1, 255, 256, 257, 511, 512, 513, 1024};
    for (uint64_t i = 0; i < 8; i++)
        names_claim(&m->part, (struct name){NAME_email, text, length[i]}, 100 + i);
    for (uint64_t i = 0; i < 8; i++) {
        struct name name = {NAME_email, text, length[i]};
        assert_int_equal(names_find(&m->store, name), 100 + i);
        for (uint32_t k = 0; k < length[i]; k += 51) {
            text[k] = 'y';
            assert_int_equal(names_find(&m->store, name), 0);
            text[k] = 'X';
            assert_int_equal(names_find(&m->store, name), 100 + i);
            text[k] = 'x';
        }
        assert_true(names_release(&m->part, name, 100 + i));
    }
    prim_free(m);
}

// Kind, id and every piece of the text reach the digest.
static void digests_differ(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    char text[2][600];
    memset(text, 'x', sizeof text);
    static const uint32_t length[] = {1, 256, 257, 600};
    struct digest *d = &m->part.objects_digest, seen[64];
    uint32_t n = 0;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned kind = NAME_username; kind <= NAME_phone; kind++)
            for (uint64_t id = 1; id <= 2; id++)
                for (unsigned changed = 0; changed < 2; changed++) {
                    text[1][0] = 'y';
                    struct name name = {(enum name_kind)kind, text[changed], length[i]};
                    names_claim(&m->part, name, id);
                    seen[n++] = *d;
                    for (uint32_t k = 0; k + 1 < n; k++)
                        assert_true(seen[k].lo != d->lo && seen[k].hi != d->hi);
                    assert_true(names_release(&m->part, name, id));
                }
    assert_int_equal(n, 48);
    prim_free(m);
}

enum { IDS = 400, TEXTS = 900 };

static struct name text_of(uint32_t k, char *buffer, bool upper)
{
    int n = snprintf(buffer, 32, upper ? "NAME%u@X" : "name%u@x", k / 3);
    return (struct name){(enum name_kind)(1 + k % 3), buffer, (uint32_t)n};
}

static void random_operations(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct part *p = &m->part;
    struct prim_random r = {5};
    uint64_t holder[TEXTS] = {0};
    char buffer[32];
    for (int step = 0; step < 60000; step++) {
        uint32_t k = prim_below(&r, TEXTS);
        uint64_t id = 1 + prim_below(&r, IDS);
        struct name name = text_of(k, buffer, step % 2 == 0), out[NAMES_MAX];
        assert_int_equal(names_find(&m->store, name), holder[k]);
        assert_int_equal(names_release(p, name, id + (holder[k] == id)), false);
        if (holder[k] != 0) {
            assert_true(names_release(p, name, holder[k]));
            holder[k] = 0;
        } else if (names_of(p, id, out) < 3) {
            names_claim(p, name, id);
            holder[k] = id;
        }
        if (step % 500 == 0) prim_drain(m);
    }
    uint32_t held = 0, listed = 0;
    for (uint32_t k = 0; k < TEXTS; k++) held += holder[k] != 0;
    for (uint64_t id = 1; id <= IDS; id++) {
        struct name out[NAMES_MAX];
        uint32_t n = names_of(p, id, out);
        for (uint32_t i = 0; i < n; i++) assert_int_equal(names_find(&m->store, out[i]), id);
        listed += n;
    }
    assert_int_equal(held, listed);
    assert_int_equal(p->names.live, held);
    struct digest before = p->objects_digest;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t k = TEXTS; k-- > 0;) {
            struct name name = text_of(k, buffer, pass == 0);
            if (holder[k] == 0) continue;
            if (pass == 0) assert_true(names_release(p, name, holder[k]));
            if (pass == 1) names_claim(p, name, holder[k]);
        }
    // Neither order nor case reaches the digest.
    assert_int_equal(p->objects_digest.lo, before.lo);
    assert_int_equal(p->objects_digest.hi, before.hi);
    for (uint32_t k = 0; k < TEXTS; k++)
        if (holder[k] != 0) assert_true(names_release(p, text_of(k, buffer, false), holder[k]));
    assert_int_equal(p->objects_digest.lo | p->objects_digest.hi, 0);
    assert_int_equal(p->names_by_id.table.live, 0);
    prim_drain(m);
    // What is left is the table itself, one segment, which counts as names too.
    assert_int_equal(m->shard.pool.count[MEM_names], 1);
    prim_free(m);
}

static void says_before_it_changes(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct part *p = &m->part;
    prim_heard.generation = 4;
    p->image = PRIM_IMAGE;
    names_claim(p, named(NAME_username, "a"), 7);
    assert_int_equal(prim_heard.names, 0);
    const struct list_head *h = lists_find(&p->names_by_id, &m->store,
                                           (struct edge_at){7, LIST_none});
    assert_int_equal(h->image, 4);
    names_claim(p, named(NAME_email, "a"), 7);
    assert_int_equal(prim_heard.names, 1);
    assert_int_equal(prim_heard.names_id, 7);
    assert_true(names_release(p, named(NAME_email, "A"), 7));
    assert_int_equal(prim_heard.names, 2);
    assert_true(names_release(p, named(NAME_username, "A"), 7));
    assert_int_equal(prim_heard.names, 3);
    prim_free(m);
}

static void memory(void **state)
{
    (void)state;
    enum { USERS = 50000 };
    struct prim *m = prim_new(0);
    char text[32];
    for (uint64_t id = 1; id <= USERS; id++) {
        snprintf(text, sizeof text, "user%08u", (unsigned)id);
        names_claim(&m->part, named(NAME_username, text), id);
    }
    prim_drain(m);
    uint64_t used = m->shard.pool.used[MEM_names] + m->shard.pool.used[MEM_table];
    printf("a user's name of 12 bytes: %.1f bytes\n", (double)used / USERS);
    assert_true(used <= (uint64_t)USERS * 128);
    for (uint64_t id = 1; id <= USERS; id++) {
        snprintf(text, sizeof text, "user%08u", (unsigned)id);
        assert_int_equal(names_find(&m->store, named(NAME_username, text)), id);
        assert_true(names_release(&m->part, named(NAME_username, text), id));
    }
    prim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_is_one),       cmocka_unit_test(long_names),
        cmocka_unit_test(random_operations), cmocka_unit_test(says_before_it_changes),
        cmocka_unit_test(memory),            cmocka_unit_test(digests_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
