// Documents: each its owner's and listed there. Of a content the model knows one text, the key and
// which is chosen.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/errors.h"
#include "core/fb_copy.h"
#include "core/id.h"
#include "core/language.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

const char *model_doc_text(unsigned kind)
{
    static const char *const field[ENTITY_COUNT] = {
        [ENTITY_address] = "city",    [ENTITY_preference] = "preference_value",
        [ENTITY_search] = "search_term", [ENTITY_collection] = "name",
        [ENTITY_settings] = "language", [ENTITY_contact_book] = "fingerprints",
        [ENTITY_report] = "text",
        [ENTITY_device] = "name",
    };
    return field[kind];
}

struct model_object *model_doc(struct model *m, uint64_t id, unsigned kind)
{
    struct model_object *o = model_find(m, id);
    bool there = o != NULL && o->kind == kind && !o->gone;
    return there && model_user(m, o->author) != NULL ? o : NULL;
}

void model_doc_down(struct model *m, struct model_object *o)
{
    model_remove(m, (struct model_end){.owner = o->author, .list = (uint8_t)doc_list(o->kind),
                                       .other = o->id});
    if (model_count(m, o->id, LIST_collected) > 0)
        o->gone = true;
    else
        o->there = false;
}

// ---- what an operation means -------------------------------------------------------------------

struct call {
    const struct op_row *op;
    const struct doc_row *row;
    const fb_type *type;
    uint64_t owner;
    struct model_object *doc;      // the one that is meant
};

// Its key, a text or a number.
static void key_of(char key[MODEL_TEXT], const struct step *s, const struct call *c)
{
    uint64_t number = fb_number_of(c->type, s->body, c->row->key);
    model_text(key, fb_text_of(c->type, s->body, c->row->key));
    if (number != 0)
        snprintf(key, MODEL_TEXT, "%" PRIu64, number);
}

static struct model_object *keyed(const struct step *s, const struct call *c)
{
    static uint64_t id[MODEL_OBJECTS];
    char key[MODEL_TEXT];
    key_of(key, s, c);
    unsigned n = model_list(s->m, c->owner, doc_list(c->row->kind), id);
    for (unsigned i = 0; i < n; i++)
        if (strcmp(model_find(s->m, id[i])->made, key) == 0)
            return model_find(s->m, id[i]);
    return NULL;
}

static struct model_object *newest(const struct step *s, const struct call *c)
{
    static uint64_t id[MODEL_OBJECTS];
    unsigned n = model_list(s->m, c->owner, doc_list(c->row->kind), id);
    return n > 0 ? model_find(s->m, id[0]) : NULL;
}

// Whose it is and which one; false: refused.
static bool find(const struct step *s, struct call *c)
{
    bool by_id = fb_find_field(c->type, c->row->id_name) != NULL;
    uint64_t named = fb_number_of(c->type, s->body, "user_id");
    if (by_id) {
        uint64_t id = fb_number_of(c->type, s->body, c->row->id_name);
        c->doc = model_doc(s->m, id, c->row->kind);
        if (c->doc == NULL || (named != 0 && named != c->doc->author))
            return false;
        c->owner = c->doc->author;
        return s->e->actor == c->owner || c->op->auth == AUTH_ROLE;
    }
    c->owner = named != 0 ? named : s->e->actor;
    if (model_user(s->m, c->owner) == NULL || s->e->actor != c->owner)
        return false;
    if ((c->op->act == DOC_ADD && c->row->key == NULL) || c->op->act == DOC_CLEAR)
        return true;
    c->doc = c->row->key != NULL ? keyed(s, c) : newest(s, c);
    return c->doc != NULL || c->op->act != DOC_REMOVE;
}

static bool room(const struct step *s, const struct call *c)
{
    static uint64_t id[MODEL_OBJECTS];
    unsigned n = model_list(s->m, c->owner, doc_list(c->row->kind), id);
    if (n >= c->row->most && c->row->rolls)
        model_doc_down(s->m, model_find(s->m, id[n - 1]));
    return n < c->row->most || c->row->rolls;
}

static struct model_object *make(const struct step *s, const struct call *c)
{
    uint64_t id = id_make(s->e->stamp, id_slot(c->owner));
    struct model_object *o = model_new(s->m, id, (enum entity)c->row->kind);
    char key[MODEL_TEXT] = "";
    o->author = c->owner;
    if (c->row->key != NULL)
        key_of(key, s, c);
    memcpy(o->made, key, sizeof o->made - 1);
    model_add(s, (struct model_end){.owner = c->owner, .list = (uint8_t)doc_list(c->row->kind),
                                    .other = id, .stamp = id});
    return o;
}

// Of addresses the simulator has but one type.
static void choose(const struct step *s, const struct call *c)
{
    static uint64_t id[MODEL_OBJECTS];
    if (c->row->sole == NULL || !fb_has_field(c->type, s->body, c->row->sole))
        return;
    c->doc->chosen = fb_number_of(c->type, s->body, c->row->sole) != 0;
    unsigned n = model_list(s->m, c->owner, doc_list(c->row->kind), id);
    for (unsigned i = 0; i < n && c->doc->chosen; i++)
        if (id[i] != c->doc->id)
            model_find(s->m, id[i])->chosen = false;
}

static void put(const struct step *s, struct call *c)
{
    const char *text = model_doc_text(c->row->kind);
    if (c->doc == NULL && !room(s, c)) {
        s->out->error = KITH_too_many_documents;
        return;
    }
    if (c->doc == NULL)
        c->doc = make(s, c);
    if (c->op->act != DOC_CHANGE || fb_has_field(c->type, s->body, text))
        model_text(c->doc->text, fb_text_of(c->type, s->body, text));
    c->doc->said_ms = stamp_ms(s->e->stamp);
    choose(s, c);
    if (c->row->queue != NULL && fb_has_field(c->type, s->body, c->row->queue))
        c->doc->queue = (unsigned)fb_number_of(c->type, s->body, c->row->queue);
    if (c->row->open != NULL && fb_has_field(c->type, s->body, c->row->open))
        c->doc->open = fb_number_of(c->type, s->body, c->row->open) != 0;
    if (c->row->privacy != NULL && fb_has_field(c->type, s->body, c->row->privacy))
        model_user(s->m, c->owner)->is_private =
            fb_number_of(c->type, s->body, c->row->privacy) != kt_PrivacyLevel_public;
    if (c->row->language != NULL && fb_has_field(c->type, s->body, c->row->language)) {
        fb_str tag = fb_text_of(c->type, s->body, c->row->language);
        model_user(s->m, c->owner)->language =
            (uint8_t)language_of((struct language_text){tag.s, tag.n});
    }
    s->out->id = c->doc->id;
}

// A removal may mean it only as it was up to a moment.
static bool said_since(const struct step *s, const struct call *c)
{
    uint64_t as_of = fb_number_of(c->type, s->body, "as_of");
    return as_of != 0 && c->doc->said_ms > as_of;
}

bool model_document(const struct step *s)
{
    const struct op_row *op = op_row(s->e->op);
    if (op == NULL || op->doc == DOC_none)
        return false;
    struct call c = {op, doc_row(op->doc), op_entry_type(op), 0, NULL};
    if (!find(s, &c)) {
        s->out->error = KITH_not_found;
    } else if (op->act == DOC_ADD && c.row->key != NULL && c.doc != NULL) {
        s->out->id = c.doc->id; // it stays as it is
    } else if (op->act == DOC_REMOVE && said_since(s, &c)) {
        s->out->error = KITH_conflict;
    } else if (op->act == DOC_REMOVE) {
        model_doc_down(s->m, c.doc);
    } else if (op->act == DOC_CLEAR) {
        while ((c.doc = newest(s, &c)) != NULL)
            model_doc_down(s->m, c.doc);
    } else {
        put(s, &c);
    }
    return true;
}
