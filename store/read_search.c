// A user's kept searches as answers (read.h).
#include "core/id.h"
#include "kith_fb.h"
#include "store/read.h"
#include "store/store.h"

static fb_ref make(fb_builder *b, const struct past_search *p)
{
    kt_new_PastSearch w = {0};
    kt_put_PastSearch_search_id(&w, p->o.id);
    kt_put_PastSearch_search_type(&w, (kt_SearchType)p->type);
    kt_put_PastSearch_search_term(&w, fb_string(b, p->data, p->term_n));
    kt_put_PastSearch_clicked_result_id(&w, p->clicked);
    kt_put_PastSearch_created_at(&w, id_ms(p->o.id));
    return kt_end_PastSearch(b, &w);
}

fb_ref build_search(fb_builder *b, const struct view *v, uint64_t search)
{
    const struct past_search *p = store_search(v->store, search);
    return p != NULL && p->user == v->viewer ? make(b, p) : 0;
}

fb_ref build_searches(fb_builder *b, const struct shown *what)
{
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++)
        fb_push(b, make(b, (const struct past_search *)what->sight[i].o));
    kt_new_PastSearches w = {0};
    kt_put_PastSearches_searches(&w, fb_refs(b, mark));
    if (what->cursor != NULL) kt_put_PastSearches_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_PastSearches(b, &w);
}
