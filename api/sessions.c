// A session that nobody has used since the server's start was last used, as far as is known, when
// it began.
#include "api/sessions.h"

#include <stdatomic.h>

#include "core/id.h"
#include "kith_fb.h"
#include "store/store.h"

static fb_ref build_session(fb_builder *b, const struct session *s, uint64_t current)
{
    uint64_t used = atomic_load_explicit(&s->used_ms, memory_order_relaxed);
    kt_new_SessionInfo w = {0};
    kt_put_SessionInfo_session_id(&w, s->o.id);
    if (s->device_n > 0)
        kt_put_SessionInfo_device(&w, fb_string(b, s->device, s->device_n));
    kt_put_SessionInfo_created_at(&w, id_ms(s->o.id));
    kt_put_SessionInfo_last_used_at(&w, used != 0 ? used : id_ms(s->o.id));
    kt_put_SessionInfo_expires_at(&w, s->expires_ms);
    kt_put_SessionInfo_current(&w, s->o.id == current);
    return kt_end_SessionInfo(b, &w);
}

fb_ref sessions_build(fb_builder *b, const struct shown *what, struct sessions_view view)
{
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < what->page->n; i++) {
        const struct session *s = (const struct session *)what->sight[i].o;
        if (s->expires_ms > view.now_ms)
            fb_push(b, build_session(b, s, view.current));
    }
    kt_new_Sessions w = {0};
    kt_put_Sessions_sessions(&w, fb_refs(b, mark));
    if (what->cursor != NULL)
        kt_put_Sessions_next_cursor(&w, fb_cstring(b, what->cursor));
    return kt_end_Sessions(b, &w);
}
