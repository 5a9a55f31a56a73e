// Documents as answers show them: the content field by field, and what their rows have filled in.
#include "core/fb_copy.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/doc.h"
#include "store/page.h"
#include "store/read.h"
#include "store/store.h"

// What the document says of its owner's account is what the account's rule says, whoever set that.
static uint64_t privacy_level(const struct user *u, uint64_t said)
{
    if (u == NULL || !(u->o.rules & RULE_PRIVATE)) return kt_PrivacyLevel_public;
    return said != kt_PrivacyLevel_public ? said : kt_PrivacyLevel_private;
}

static void put_content(fb_builder *b, const struct doc_row *row, const void *content, void *staged)
{
    struct fb_field_copy copy = {row->content, staged, row->content, content};
    for (unsigned i = 0; i < row->content->n_fields; i++) {
        const char *field = row->content->fields[i].name;
        if (doc_has_content(row, field)) fb_copy_field(b, copy, field);
    }
    for (unsigned i = 0; i < sizeof row->usual / sizeof row->usual[0]; i++) {
        const char *field = row->usual[i].field;
        if (field == NULL || fb_text_of(row->content, content, field).n > 0) continue;
        fb_str text = doc_text(row, content, field);
        fb_stage_ref((struct fb_staged){row->content, staged}, field,
                     fb_string(b, text.s, text.n));
    }
}

fb_ref build_doc(fb_builder *b, const struct store *s, struct doc_shown what)
{
    _Alignas(8) uint8_t staged[FB_STAGED_MAX] = {0};
    const struct doc_row *row = what.row;
    const struct doc *d = what.d;
    const void *content = d != NULL ? doc_content(d) : NULL;
    const struct user *owner = store_user(s, what.owner);
    struct fb_staged to = {row->content, staged};
    put_content(b, row, content, staged);
    // A single one is as old as its owner.
    uint64_t born = d == NULL || row->single ? id_ms(what.owner) : id_ms(d->o.id);
    uint64_t id = d != NULL ? d->o.id : what.id;
    if (id != 0) fb_stage_number(to, row->id_name, id);
    fb_stage_number(to, "user_id", what.owner);
    fb_stage_number(to, "created_at", born);
    fb_stage_number(to, "updated_at", d != NULL ? d->updated_ms : born);
    if (row->counts != NULL && d != NULL) fb_stage_number(to, row->counts, d->count);
    if (row->privacy != NULL)
        fb_stage_number(to, row->privacy,
                        privacy_level(owner, fb_number_of(row->content, content, row->privacy)));
    return b->err == FB_OK ? fb_table(b, row->content, staged) : 0;
}

fb_ref build_docs(fb_builder *b, const struct store *s, const fb_type *type,
                  const struct shown *what)
{
    _Alignas(8) uint8_t staged[FB_STAGED_MAX] = {0};
    struct fb_staged to = {type, staged};
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++) {
        const struct doc *d = (const struct doc *)what->sight[i].o;
        fb_push(b, build_doc(b, s, (struct doc_shown){doc_row(d->o.kind), d, d->owner, d->o.id}));
    }
    fb_stage_ref(to, type->fields[0].name, fb_refs(b, mark));
    if (what->cursor != NULL) fb_stage_ref(to, "next_cursor", fb_cstring(b, what->cursor));
    return b->err == FB_OK ? fb_table(b, type, staged) : 0;
}
