#include "api/contacts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/changes.h"
#include "api/cursor.h"
#include "api/ingest.h"
#include "api/validate.h"
#include "core/assert.h"
#include "core/fb_copy.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/doc.h"
#include "store/names.h"
#include "store/read.h"
#include "store/sees.h"
#include "store/store.h"

enum { CONTACTS_MAX = 1000, PRINT_CHARS = 32 };

// ---- in ----------------------------------------------------------------------------------------

static bool name_of(fb_str text, struct name *out)
{
    bool mail = text.n > 0 && memchr(text.s, '@', text.n) != NULL;
    *out = (struct name){mail ? NAME_email : NAME_phone, text.s, text.n};
    return mail ? valid_email(text.s, text.n) : valid_phone(text.s, text.n);
}

static void write_print(char *out, struct name_print print)
{
    char text[PRINT_CHARS + 1];
    snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)print.of,
             (unsigned long long)print.again);
    memcpy(out, text, PRINT_CHARS);
}

static enum kith_error take(struct reactor *r, struct request *q, char *prints)
{
    fb_vec all = kt_ContactsPut_contacts(request_table(q));
    fb_builder b;
    for (uint32_t i = 0; i < all.n; i++) {
        struct name name;
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/contacts/%u", i);
        if (!name_of(fb_vec_str(all, i), &name))
            return ingest_fault(q, pointer, "not_a_contact", 0);
        write_print(prints + (size_t)i * PRINT_CHARS, names_print(r->server->store, name));
    }
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_ContactBookSet w = {0};
    kt_put_ContactBookSet_fingerprints(&w, fb_string(&b, prints, (size_t)all.n * PRINT_CHARS));
    kt_put_ContactBookSet_contacts_count(&w, all.n);
    return change_take(r, &b, kt_end_ContactBookSet(&b, &w));
}

enum kith_error contacts_ingest(struct reactor *r, struct request *q)
{
    fb_vec all = kt_ContactsPut_contacts(request_table(q));
    if (all.n == 0)
        return ingest_fault(q, "/contacts", "missing", 0);
    ASSERT(all.n <= CONTACTS_MAX);
    char *prints = malloc((size_t)all.n * PRINT_CHARS);
    if (prints == NULL)
        return KITH_overloaded;
    enum kith_error error = take(r, q, prints);
    free(prints);
    return error;
}

// ---- out ---------------------------------------------------------------------------------------

static uint64_t read_hex(const char *s)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < PRINT_CHARS / 2; i++)
        v = v << 4 | (uint64_t)(s[i] <= '9' ? s[i] - '0' : s[i] - 'a' + 10);
    return v;
}

struct matches { uint64_t id[CONTACTS_MAX]; uint32_t n; };

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

// Who allows it, is there for the viewer, and is somebody else.
static void match(struct reactor *r, uint64_t viewer, struct matches *out)
{
    const struct store *s = r->server->store;
    const struct part *p = store_part(s, id_slot(viewer));
    const struct doc *d = doc_single(p, viewer, ENTITY_contact_book);
    struct eye eye;
    eye_open(&eye, &(struct view){s, r->shard, viewer});
    fb_str prints = {"", 0};
    if (d != NULL)
        prints = kt_ContactBook_fingerprints(doc_content(d));
    for (uint32_t at = 0; at + PRINT_CHARS <= prints.n; at += PRINT_CHARS) {
        struct name_print print = {read_hex(prints.s + at),
                                   read_hex(prints.s + at + PRINT_CHARS / 2)};
        uint64_t id = names_find_print(s, print);
        const struct user *u = id != 0 && id != viewer ? sees_user_id(&eye, id) : NULL;
        if (u != NULL && u->o.rules & RULE_FINDABLE && out->n < CONTACTS_MAX)
            out->id[out->n++] = id;
    }
    qsort(out->id, out->n, sizeof out->id[0], newest_first);
}

// Of a user with address and number among the contacts once.
static void fill(const struct matches *all, uint64_t before, struct page *page)
{
    for (uint32_t i = 0; i < all->n; i++) {
        bool twice = i > 0 && all->id[i] == all->id[i - 1];
        if (twice || (before != 0 && all->id[i] >= before))
            continue;
        if (page->n == page->want) {
            page->next = page->item[page->n - 1].id;
            return;
        }
        page->item[page->n++] = (struct page_item){all->id[i], 0};
    }
}

static void answer_page(struct reactor *r, struct request *q, struct page *page)
{
    const struct cursor_scope scope = {q->actor, q->actor, OP_contacts};
    char text[CURSOR_CHARS + 1];
    struct sight sight[PAGE_MAX];
    struct eye eye;
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    page_see(&eye, page, (struct wanted){ENTITY_user, false, false}, sight);
    struct shown shown = {.page = page, .sight = sight, .list = LIST_none};
    if (page->next != 0) {
        cursor_write(text, r->server->keys.cursor, &scope, page->next);
        shown.cursor = text;
    }
    fb_builder *b = &r->pages;
    fb_restart(b);
    answer_built(r, q, b, build_users(b, &shown));
}

void contacts_read(struct reactor *r, struct request *q)
{
    const kt_Paged *t = request_table(q);
    const struct cursor_scope scope = {q->actor, q->actor, OP_contacts};
    struct matches all = {.n = 0};
    struct page page = {.want = kt_Paged_limit(t)};
    fb_str cursor = kt_Paged_cursor(t);
    uint64_t before = 0;
    if (store_user(r->server->store, q->actor) == NULL) {
        answer_error(r, q, KITH_not_found);
    } else if (cursor.n > 0 && !cursor_read(cursor, r->server->keys.cursor, &scope, &before)) {
        answer_error(r, q, KITH_invalid_cursor);
    } else {
        match(r, q->actor, &all);
        fill(&all, before, &page);
        answer_page(r, q, &page);
    }
}
