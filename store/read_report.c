// Reports for moderators (read_report.h). What its author deleted and what a moderator took away
// are shown as long as they can be brought back.
#include "store/read_report.h"

#include "core/limits.h"
#include "kith_fb.h"
#include "store/card.h"
#include "store/doc.h"
#include "store/store.h"

// 0: nobody is there.
static fb_ref person(fb_builder *b, const struct store *s, uint64_t user)
{
    const struct user *u = store_account(s, user);
    return u != NULL ? card_put(b, u) : 0;
}

static fb_ref text(fb_builder *b, fb_str s)
{
    return s.n > 0 ? fb_string(b, s.s, s.n) : 0;
}

// Signed where others have it signed: a moderator could not look at it else.
static fb_ref media_urls(fb_builder *b, const struct view *v, const struct post *p)
{
    const void *cold = post_cold(p);
    struct sight at = {&p->o, store_account(v->store, p->author)};
    fb_vec media = {0};
    if (at.author == NULL) return 0;
    if (cold != NULL) media = kt_PostCreate_media(kt_root_PostCreate(cold));
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < media.n; i++) {
        fb_str url = read_media_url(v, at, kt_Media_media_url(kt_at_Media(media, i)));
        fb_push(b, fb_string(b, url.s, url.n));
    }
    return fb_refs(b, mark);
}

static void put_object(fb_builder *b, const struct view *v, const struct object *o,
                       kt_new_ReportCase *w)
{
    kt_put_ReportCase_is_removed(w, o->flags & OBJECT_REMOVED);
    kt_put_ReportCase_is_deleted(w, o->flags & OBJECT_BINNED && !(o->flags & OBJECT_REMOVED));
    if (o->kind == ENTITY_post) {
        const struct post *p = (const struct post *)o;
        kt_put_ReportCase_content(w, text(b, (fb_str){post_caption(p), o->text_n}));
        kt_put_ReportCase_media_urls(w, media_urls(b, v, p));
    } else if (o->kind == ENTITY_comment) {
        const struct comment *c = (const struct comment *)o;
        kt_put_ReportCase_content(w, text(b, (fb_str){c->data, o->text_n}));
    } else if (o->kind == ENTITY_user) {
        const void *cold = user_cold((const struct user *)o);
        fb_str bio = {NULL, 0};
        if (cold != NULL) bio = kt_User_bio(kt_root_User(cold));
        kt_put_ReportCase_content(w, text(b, bio));
    }
}

static fb_ref build_case(fb_builder *b, const struct view *v, const struct doc *d)
{
    const struct store *s = v->store;
    uint64_t object = kt_Report_object_id(doc_content(d));
    const struct object *o = store_find(s, object);
    struct doc_shown shown = {doc_row(d->o.kind), d, d->owner, d->o.id};
    kt_new_ReportCase w = {0};
    kt_put_ReportCase_report_id(&w, d->o.id);
    kt_put_ReportCase_report(&w, build_doc(b, s, shown));
    kt_put_ReportCase_reporter(&w, person(b, s, d->owner));
    kt_put_ReportCase_author(&w, person(b, s, store_author(s, object)));
    if (o != NULL && !(o->flags & OBJECT_GONE)) put_object(b, v, o, &w);
    return kt_end_ReportCase(b, &w);
}

fb_ref build_reports(fb_builder *b, const struct view *v, const struct shown *what)
{
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++)
        fb_push(b, build_case(b, v, (const struct doc *)what->sight[i].o));
    kt_new_Reports w = {0};
    kt_put_Reports_reports(&w, fb_refs(b, mark));
    if (what->cursor != NULL) kt_put_Reports_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Reports(b, &w);
}
