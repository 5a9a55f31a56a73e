// Requests for documents, by the rows of ops.def: ids and owners first, then what the kind needs.
#include "tests/sim/sim_compose_doc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/fb_copy.h"
#include "core/graph.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_compose.h"

enum { LATELY = 20 };

static bool chance(uint32_t of_1000) { return sim_chance(&sim.schedule, of_1000); }

// One that the clients know; it becomes its owner who asks, unless that is the member or a thief.
static uint64_t some(struct sim_op *o, unsigned kind)
{
    const struct sim_ids *ids = &history.document[kind % SIM_DOCS];
    if (ids->n == 0)
        return 1;
    unsigned from = ids->n > LATELY && chance(800) ? ids->n - LATELY : 0;
    unsigned i = from + sim_below(&sim.schedule, ids->n - from);
    if (o->client != SIM_MEMBER && chance(950))
        o->actor = ids->owner[i];
    return ids->id[i];
}

// Mostly the post, at times somebody.
static uint64_t reported(uint64_t post)
{
    const struct sim_ids *users = &history.user;
    return users->n > 0 && chance(300) ? users->id[sim_below(&sim.schedule, users->n)] : post;
}

// With something behind it, so that each is another.
static void language(unsigned nr, char *out, size_t cap)
{
    static const char *const tags[] = {"en", "de", "fr", "tr", "sv", "xx"};
    const char *tag = tags[nr % (sizeof tags / sizeof tags[0])];
    snprintf(out, cap, ",\"language\":\"%s-%u\"", tag, nr % 1000);
}

static void content(struct sim_op *o, unsigned nr, char *out, size_t cap)
{
    switch (o->op) {
    case OP_address_add:
        snprintf(out, cap, ",\"first_name\":\"f\",\"last_name\":\"l\",\"address_line_1\":\"1\","
                 "\"city\":\"city %u\",\"state\":\"s\",\"country\":\"c\",\"postal_code\":\"1\"%s",
                 nr, chance(500) ? ",\"is_default\":true" : "");
        return;
    case OP_address_change:
        if (chance(500))
            snprintf(out, cap, ",\"city\":\"moved %u\"", nr);
        else
            snprintf(out, cap, ",\"is_default\":%s", chance(700) ? "true" : "false");
        return;
    case OP_preference_put:
        snprintf(out, cap, ",\"preference_key\":\"k%u\",\"preference_value\":\"value %u\"", nr % 3,
                 nr);
        return;
    case OP_preference_remove: snprintf(out, cap, ",\"preference_key\":\"k%u\"", nr % 3); return;
    case OP_settings_change:
        if (chance(300))
            snprintf(out, cap, ",\"privacy_level\":\"%s\"", chance(600) ? "public" : "followers");
        else
            language(nr, out, cap);
        return;
    case OP_device_put:
        snprintf(out, cap, ",\"token\":\"t%u\",\"name\":\"device %u\"", nr % 5, nr);
        return;
    case OP_contacts_put: snprintf(out, cap, ",\"contacts\":[\"u%u@a.example\"]", nr); return;
    case OP_report_add:
        snprintf(out, cap, ",\"reason\":\"spam\",\"text\":\"report %u\"", nr);
        return;
    case OP_report_resolve: {
        static const char *const status[] = {"open", "resolved", "dismissed"};
        snprintf(out, cap, ",\"status\":\"%s\",\"note\":\"note %u\"", status[nr % 3], nr);
        return;
    }
    case OP_search_add: snprintf(out, cap, ",\"search_term\":\"term %u\"", nr); return;
    case OP_search_change: snprintf(out, cap, ",\"clicked_result_id\":\"%u\"", nr + 1); return;
    case OP_collection_add: snprintf(out, cap, ",\"name\":\"collection %u\"", nr); return;
    case OP_collection_change:
        snprintf(out, cap, ",\"name\":\"renamed %u\",\"is_public\":%s", nr,
                 chance(500) ? "true" : "false");
        return;
    }
    *out = 0;
}

bool sim_compose_doc(struct sim_op *o, unsigned nr, uint64_t post)
{
    const struct op_row *op = op_row(o->op);
    bool of_posts = o->op == OP_collect || o->op == OP_uncollect || o->op == OP_collection_posts;
    if (op->doc == DOC_none && !of_posts)
        return false;
    const struct doc_row *row = doc_row(of_posts ? (unsigned)ENTITY_collection : op->doc);
    char id[64] = "", owner[64] = "", of_post[64] = "", more[256] = "";
    if (fb_find_field(op->request, row->id_name) != NULL)
        snprintf(id, sizeof id, ",\"%s\":\"%" PRIu64 "\"", row->id_name, some(o, row->kind));
    if (fb_find_field(op->request, "user_id") != NULL)
        snprintf(owner, sizeof owner, ",\"user_id\":\"%" PRIu64 "\"", o->actor);
    if (fb_find_field(op->request, "post_id") != NULL)
        snprintf(of_post, sizeof of_post, ",\"post_id\":\"%" PRIu64 "\"", post);
    if (fb_find_field(op->request, "object_id") != NULL)
        snprintf(of_post, sizeof of_post, ",\"object_id\":\"%" PRIu64 "\"", reported(post));
    if (op->auth == AUTH_ROLE)
        o->actor = 0;
    content(o, nr, more, sizeof more);
    snprintf(o->json, sizeof o->json, "{%s%s%s%s", id, owner, of_post, more);
    // Whatever came first began with a comma.
    size_t n = strlen(o->json);
    memmove(o->json + 1, o->json + 1 + (n > 1), n - (n > 1));
    strcat(o->json, "}");
    // What would be made twice has a key; others at times.
    if (op->kind == OPK_CHANGE && (op->act == DOC_ADD || chance(300)))
        snprintf(o->key, sizeof o->key, "k%u", nr);
    return true;
}

bool sim_learn_doc(struct sim_op *o, const void *answer)
{
    const struct op_row *op = op_row(o->op);
    if (op->doc == DOC_none)
        return false;
    const struct doc_row *row = doc_row(op->doc);
    if (op->kind != OPK_CHANGE || op->reply != row->content)
        return true;
    o->id = fb_number_of(op->reply, fb_root(answer), row->id_name);
    struct sim_ids *ids = &history.document[row->kind % SIM_DOCS];
    if ((op->act != DOC_ADD && op->act != DOC_PUT) || o->id == 0)
        return true;
    if (ids->n == SIM_IDS)
        sim_ids_halve(ids);
    ids->owner[ids->n] = o->actor;
    ids->id[ids->n++] = o->id;
    return true;
}
