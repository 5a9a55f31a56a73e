#include "tools/kith_people.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/assert.h"
#include "core/hash.h"

#define YEAR_2010_MS UINT64_C(1262304000000)
#define SECONDS_MAX UINT64_C(400000000)

void people_free(struct people *p)
{
    free(p->person);
    free(p->index);
    free(p->taken);
    string_free(&p->names);
    *p = (struct people){0};
}

static bool is_person(const struct people *p, size_t i, uint64_t key, const char *name)
{
    const struct person *person = &p->person[i];
    if (person->key != key || (person->given_at != 0) != (name != NULL))
        return false;
    return name == NULL || strcmp(p->names.s + person->given_at, name) == 0;
}

// The index cell of a person, or the free one where he belongs.
static uint32_t *cell_of(const struct people *p, uint64_t key, const char *name)
{
    size_t at = hash_u64(key, 7) & (p->index_cap - 1);
    while (p->index[at] != 0 && !is_person(p, p->index[at] - 1, key, name))
        at = (at + 1) & (p->index_cap - 1);
    return &p->index[at];
}

static size_t find(const struct people *p, uint64_t key, const char *name)
{
    if (p->index_cap == 0)
        return PEOPLE_NONE;
    uint32_t found = *cell_of(p, key, name);
    return found == 0 ? PEOPLE_NONE : found - 1;
}

static const char *given_name(const struct people *p, size_t i)
{
    return p->person[i].given_at != 0 ? p->names.s + p->person[i].given_at : NULL;
}

static uint64_t username_hash(const char *username)
{
    char low[PEOPLE_NAME_MAX + 1];
    size_t n = 0;
    for (; username[n] != '\0'; n++)
        low[n] = (char)tolower((unsigned char)username[n]);
    return hash64(low, n, 1);
}

// The cell of a username in `taken`, or the free one where it belongs.
static uint32_t *taken_cell(const struct people *p, const char *username)
{
    size_t at = username_hash(username) & (p->index_cap - 1);
    while (p->taken[at] != 0 && strcasecmp(people_username(p, p->taken[at] - 1), username) != 0)
        at = (at + 1) & (p->index_cap - 1);
    return &p->taken[at];
}

static void index_one(struct people *p, size_t i)
{
    *cell_of(p, p->person[i].key, given_name(p, i)) = (uint32_t)i + 1;
    *taken_cell(p, people_username(p, i)) = (uint32_t)i + 1;
}

static void index_all(struct people *p, size_t cap)
{
    free(p->index);
    free(p->taken);
    p->index_cap = cap;
    p->index = calloc(cap, sizeof *p->index);
    p->taken = calloc(cap, sizeof *p->taken);
    ASSERT(p->index != NULL && p->taken != NULL);
    for (size_t i = 0; i < p->n; i++)
        index_one(p, i);
}

static size_t add(struct people *p, const struct person *person)
{
    if (p->n == p->cap) {
        p->cap = p->cap > 0 ? p->cap * 2 : 1024;
        p->person = realloc(p->person, p->cap * sizeof *p->person);
        ASSERT(p->person != NULL);
    }
    p->person[p->n++] = *person;
    if (p->n * 2 > p->index_cap)
        index_all(p, p->index_cap > 0 ? p->index_cap * 2 : 4096);
    else
        index_one(p, p->n - 1);
    return p->n - 1;
}

static size_t keep(struct people *p, const char *s)
{
    if (p->names.n == 0)
        string_add(&p->names, "", 1); // place 0 means none
    size_t at = p->names.n;
    string_add(&p->names, s, strlen(s) + 1);
    return at;
}

size_t people_find_number(const struct people *p, uint64_t number)
{
    return find(p, number, NULL);
}

size_t people_number(struct people *p, uint64_t number)
{
    size_t i = find(p, number, NULL);
    if (i != PEOPLE_NONE)
        return i;
    char name[32];
    snprintf(name, sizeof name, "n%llu", (unsigned long long)number);
    // Within twelve years, or the numbers of large graphs would lead into the future.
    struct person person = {.key = number,
                            .created_ms = YEAR_2010_MS + number % SECONDS_MAX * 1000};
    person.name_at = keep(p, name);
    return add(p, &person);
}

size_t people_find_name(const struct people *p, const char *name)
{
    return find(p, hash64(name, strlen(name), 0), name);
}

static bool username_taken(const struct people *p, const char *username)
{
    return p->index_cap > 0 && *taken_cell(p, username) != 0;
}

size_t people_name(struct people *p, const char *name, uint64_t created_ms)
{
    size_t i = people_find_name(p, name);
    if (i != PEOPLE_NONE)
        return i;
    char username[PEOPLE_NAME_MAX + 1];
    size_t n = 0;
    for (const char *s = name; *s != '\0' && n < PEOPLE_NAME_MAX; s++)
        if (((uint8_t)*s & 0xc0) != 0x80) // one '_' for each character, not for each byte
            username[n++] = isalnum((unsigned char)*s) || *s == '.' || *s == '_' ? *s : '_';
    if (n == 0)
        username[n++] = '_';
    username[n] = '\0';
    for (unsigned k = 2; username_taken(p, username); k++) {
        char tail[16];
        int tail_n = snprintf(tail, sizeof tail, "_%u", k);
        size_t at = n + (size_t)tail_n <= PEOPLE_NAME_MAX ? n : PEOPLE_NAME_MAX - (size_t)tail_n;
        memcpy(username + at, tail, (size_t)tail_n + 1);
    }
    struct person person = {.key = hash64(name, strlen(name), 0), .created_ms = created_ms};
    person.given_at = keep(p, name);
    person.name_at = keep(p, username);
    return add(p, &person);
}

static int by_key(const void *a, const void *b)
{
    const struct person *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

void people_sort(struct people *p)
{
    if (p->n > 0)
        qsort(p->person, p->n, sizeof *p->person, by_key);
    if (p->index_cap > 0)
        index_all(p, p->index_cap);
}
