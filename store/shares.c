// Texts of shares (shares.h): a record of its own, so that shares without a text, most of them,
// are edges and nothing more.
#include "store/shares.h"

#include <string.h>

#include "kith_fb.h"
#include "store/apply.h"
#include "store/record.h"

// An import may have given this id to a post of old.
static const struct share_text *as_text(const struct object *o, uint64_t post)
{
    if (o == NULL || o->kind != ENTITY_share_text) return NULL;
    const struct share_text *t = (const struct share_text *)o;
    return t->post == post ? t : NULL;
}

const struct share_text *share_text_find(const struct store *s, uint64_t post, uint64_t stamp)
{
    return as_text(store_find(s, id_make(stamp, id_slot(post))), post);
}

void share_text_add(struct apply *a, struct part *p)
{
    const kt_SharePost *s = a->body;
    fb_str content = kt_SharePost_content(s);
    if (a->e->op != OP_share || content.n == 0) return;
    uint64_t post = kt_SharePost_post_id(s);
    struct record_head h = {
        .id = id_make(a->e->stamp, id_slot(post)),
        .word = {post, a->e->actor},
        .n = {content.n},
        .kind = ENTITY_share_text,
    };
    struct object *o = record_new(p, &h);
    memcpy(record_data_of(o), content.s, content.n);
    record_insert(p, o);
}

void share_text_drop(struct part *p, uint64_t post, uint64_t stamp)
{
    struct object *o = record_find(p, id_make(stamp, id_slot(post)));
    if (as_text(o, post) != NULL) record_remove(p, o);
}
