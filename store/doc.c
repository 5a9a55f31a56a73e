// Documents (doc.h): found and read.
#include "store/doc.h"

#include <string.h>

#include "core/fb_copy.h"
#include "core/id.h"
#include "store/record.h"
#include "store/store.h"

const struct doc *object_doc(const struct object *o)
{
    bool is = o != NULL && doc_row(o->kind) != NULL && !(o->flags & OBJECT_GONE);
    return is ? (const struct doc *)o : NULL;
}

const struct doc *store_doc(const struct store *s, uint64_t id, unsigned kind)
{
    const struct doc *d = id != 0 ? object_doc(store_find(s, id)) : NULL;
    bool is = d != NULL && d->o.kind == kind && store_account(s, d->owner) != NULL;
    return is ? d : NULL;
}

const struct doc *doc_single(const struct part *p, uint64_t owner, unsigned kind)
{
    uint64_t id;
    const struct seq *all = seqs_find(p, (struct edge_at){owner, doc_list(kind)});
    return seq_below(all, 0, &id, 1) == 1 ? object_doc(record_find(p, id)) : NULL;
}

static bool same(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

bool doc_has_content(const struct doc_row *row, const char *field)
{
    return !same(row->id_name, field) && !same("user_id", field) && !same("created_at", field) &&
           !same("updated_at", field) && !same(row->counts, field);
}

fb_str doc_text(const struct doc_row *row, const void *content, const char *field)
{
    fb_str s = fb_text_of(row->content, content, field);
    for (unsigned i = 0; i < sizeof row->usual / sizeof row->usual[0] && s.n == 0; i++)
        if (same(row->usual[i].field, field))
            s = (fb_str){row->usual[i].text, (uint32_t)strlen(row->usual[i].text)};
    return s;
}

bool doc_open(const struct doc *d)
{
    const struct doc_row *row = doc_row(d->o.kind);
    return row->open != NULL && fb_number_of(row->content, doc_content(d), row->open) != 0;
}
