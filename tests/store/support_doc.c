// Documents for tests of the state (support_doc.h).
#include "tests/store/support_doc.h"

#include <stdio.h>
#include <string.h>

#include "core/fb_copy.h"
#include "core/id.h"
#include "core/language.h"

static void put_text(fb_builder *b, struct fb_staged to, const fb_field *f, const char *s)
{
    if (s != NULL) fb_stage_ref(to, f->name, fb_cstring(b, s));
}

static void put_field(fb_builder *b, struct fb_staged to, const fb_field *f,
                      const struct doc_words *words)
{
    if (f->base == FB_STRING && strstr(f->name, "_key") != NULL)
        put_text(b, to, f, words->key);
    else if (f->base == FB_STRING && strcmp(f->name, "type") == 0)
        put_text(b, to, f, words->type);
    else if (f->base == FB_STRING)
        put_text(b, to, f, words->text);
    else if (strcmp(f->name, "writes") == 0 && words->text != NULL)
        fb_stage_number(to, f->name,
                        language_of((struct language_text){words->text,
                                                           (uint32_t)strlen(words->text)}));
    else if (f->base == FB_BOOL && words->flag > 0)
        fb_stage_number(to, f->name, words->flag == 2);
    else if (strcmp(f->name, "status") == 0)
        fb_stage_number(to, f->name, (uint64_t)words->flag);
    else if (strcmp(f->name, "object_id") == 0)
        fb_stage_number(to, f->name, words->post);
}

struct outcome say_doc(struct world *w, enum op op, uint64_t actor, struct doc_words words)
{
    _Alignas(8) uint8_t staged[FB_STAGED_MAX] = {0};
    const struct op_row *row = op_row(op);
    struct fb_staged to = {row->request, staged};
    fb_builder *b = world_body(w);
    for (unsigned i = 0; i < row->request->n_fields; i++)
        put_field(b, to, &row->request->fields[i], &words);
    const char *id = row->from != NULL ? row->from : doc_row(row->doc)->id_name;
    if (words.id != 0) fb_stage_number(to, id, words.id);
    if (words.owner != 0) fb_stage_number(to, "user_id", words.owner);
    if (words.post != 0) fb_stage_number(to, "post_id", words.post);
    fb_ref body = fb_table(b, row->request, staged);
    return world_say(w, (struct change){op, actor, body, words.once});
}

uint32_t docs_of(const struct world *w, uint64_t owner, unsigned kind, uint64_t id[256])
{
    const struct part *p = store_part(w->store, id_slot(owner));
    return seq_below(seqs_find(p, (struct edge_at){owner, doc_list(kind)}), 0, id, 256);
}

// ---- anything ----------------------------------------------------------------------------------

void chaos_doc(struct chaos *c)
{
    static const uint16_t ops[] = {
        OP_address_add,     OP_address_add,    OP_address_change,    OP_address_remove,
        OP_preference_put,  OP_preference_put, OP_preference_remove, OP_settings_change,
        OP_search_add,      OP_search_change,  OP_search_clear,      OP_collection_add,
        OP_collection_add,  OP_collect,        OP_collect,           OP_collect,
        OP_uncollect,       OP_collection_change, OP_collection_remove,
        OP_report_add,      OP_report_add,     OP_report_resolve,    OP_report_resolve,
    };
    enum op op = (enum op)ops[rng_below(&c->rng, sizeof ops / sizeof *ops)];
    struct entry_key key = {1 + rng_below(&c->rng, 40), 8, op};
    char text[24], name[8];
    snprintf(text, sizeof text, "text %u", rng_below(&c->rng, 1000));
    snprintf(name, sizeof name, "k%u", rng_below(&c->rng, 3));
    uint64_t id = chaos_any(c, CHAOS_DOCUMENT), user = chaos_any(c, CHAOS_USER);
    const struct object *o = store_find(c->w->store, id);
    const struct doc *d = object_doc(o);
    // Mostly by who may; what comes by a thief, or from nowhere, must do no harm.
    if (d != NULL && rng_below(&c->rng, 8) > 0) user = d->owner;
    struct doc_words words = {
        .owner = rng_below(&c->rng, 20) > 0 ? user : chaos_any(c, CHAOS_USER),
        .id = id,
        .post = chaos_any(c, CHAOS_POST),
        .text = text,
        .key = name,
        .flag = (int)rng_below(&c->rng, 3),
        .once = rng_below(&c->rng, 4) == 0 ? &key : NULL,
    };
    chaos_known(c, op_row(op)->act == DOC_ADD ? CHAOS_DOCUMENT : CHAOS_KINDS,
                say_doc(c->w, op, user, words));
}
