// Tickets, and whose places a post may use.
#include <sodium/utils.h>
#include <stdio.h>

#include "api/answer.h"
#include "api/ingest.h"
#include "api/media.h"
#include "core/clock.h"
#include "core/random.h"
#include "kith_fb.h"

enum { NAME_BYTES = 16, PLACE_BYTES = 128, TICKET_BYTES = 4096 };

// ---- tickets -----------------------------------------------------------------------------------

static enum kith_error judge(const struct media_store *s, struct request *q)
{
    const kt_MediaTicketMake *t = request_table(q);
    uint64_t size = kt_MediaTicketMake_file_size(t);
    bool video = kt_MediaTicketMake_media_type(t) == kt_MediaType_video;
    uint64_t most = video ? s->video_max : s->image_max;
    if (!s->on)
        return KITH_media_off;
    if (!kt_has_MediaTicketMake_media_type(t))
        return ingest_fault(q, "/media_type", "missing", 0);
    if (!kt_has_MediaTicketMake_file_size(t))
        return ingest_fault(q, "/file_size", "missing", 0);
    if (size == 0 || size > most)
        return ingest_fault(q, "/file_size", "out_of_range",
                            most <= UINT32_MAX ? (uint32_t)most : 0);
    return KITH_ok;
}

// Whether only some may read it, by what is known now. It stays where it is put: a post that
// becomes narrower later has its medium shown signed, but who knows its place can read it still.
static bool for_some(const struct reactor *r, const struct request *q)
{
    const kt_MediaTicketMake *t = request_table(q);
    if (kt_MediaTicketMake_for_profile(t))
        return false;
    const struct user *u = store_user(r->server->store, q->actor);
    return u == NULL || u->o.rules & RULE_PRIVATE ||
           kt_MediaTicketMake_audience(t) != kt_Audience_public;
}

static void make_place(const struct reactor *r, const struct request *q, char out[PLACE_BYTES])
{
    uint8_t bytes[NAME_BYTES];
    char name[2 * NAME_BYTES + 1];
    random_bytes(bytes, sizeof bytes);
    sodium_bin2hex(name, sizeof name, bytes, sizeof bytes);
    snprintf(out, PLACE_BYTES, "/%s/%llu/%s", for_some(r, q) ? "private" : "public",
             (unsigned long long)q->actor, name);
}

static void answer_ticket(struct reactor *r, struct request *q)
{
    const struct media_store *s = &r->server->media;
    char place[PLACE_BYTES], path[MEDIA_BUCKET_MAX + PLACE_BYTES], url[sizeof path];
    _Alignas(8) uint8_t buf[TICKET_BYTES];
    uint64_t now_s = clock_wall_ms() / 1000;
    make_place(r, q, place);
    snprintf(path, sizeof path, "%s%s", s->path, place);
    snprintf(url, sizeof url, "%s%s", s->base, place);
    const struct sigv4_request what = {
        .method = "PUT",
        .origin = s->origin,
        .host = s->host,
        .path = path,
        .at_s = now_s,
        .ttl_s = s->upload_s,
        .sized = true,
        .size = kt_MediaTicketMake_file_size(request_table(q)),
    };
    sigv4_presign(&s->key, &r->media.day, &what, r->media.url);
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_MediaTicket w = {0};
    kt_put_MediaTicket_upload_url(&w, fb_cstring(&b, r->media.url));
    kt_put_MediaTicket_media_url(&w, fb_cstring(&b, url));
    kt_put_MediaTicket_expires_at(&w, (now_s + s->upload_s) * 1000);
    answer_built(r, q, &b, kt_end_MediaTicket(&b, &w));
}

void media_ticket(struct reactor *r, struct request *q)
{
    // An account that has just become private has private media.
    if (!reactor_fresh(r, q) && clock_mono_ns() < q->deadline_ns) {
        reactor_park(r, q);
        return;
    }
    enum kith_error error = judge(&r->server->media, q);
    if (error == KITH_invalid_field)
        answer_fault(r, q, error);
    else if (error != KITH_ok)
        answer_error(r, q, error);
    else
        answer_ticket(r, q);
}

// ---- posts -------------------------------------------------------------------------------------

// index below 0: the field itself, else an element of `list`.
struct field { const char *list, *name; int index; };

static enum kith_error own_url(const struct reactor *r, struct request *q, struct field f,
                               fb_str url)
{
    uint64_t owner = media_owner(&r->server->media, url);
    char pointer[64];
    if (owner == 0 || owner == q->actor)
        return KITH_ok;
    if (f.index < 0)
        snprintf(pointer, sizeof pointer, "/%s", f.name);
    else
        snprintf(pointer, sizeof pointer, "/%s/%d%s%s", f.list, f.index, f.name ? "/" : "",
                 f.name ? f.name : "");
    return ingest_fault(q, pointer, "somebody_elses", 0);
}

static enum kith_error own_media(const struct reactor *r, struct request *q, fb_vec media)
{
    enum kith_error error = KITH_ok;
    for (uint32_t i = 0; i < media.n && error == KITH_ok; i++) {
        const kt_Media *m = kt_at_Media(media, i);
        struct field url = {"media", "media_url", (int)i};
        struct field thumbnail = {"media", "thumbnail_url", (int)i};
        error = own_url(r, q, url, kt_Media_media_url(m));
        if (error == KITH_ok)
            error = own_url(r, q, thumbnail, kt_Media_thumbnail_url(m));
    }
    return error;
}

static enum kith_error own_added(const struct reactor *r, struct request *q)
{
    const kt_MediaAdd *t = request_table(q);
    enum kith_error error = own_url(r, q, (struct field){NULL, "media_url", -1},
                                    kt_MediaAdd_media_url(t));
    if (error != KITH_ok)
        return error;
    return own_url(r, q, (struct field){NULL, "thumbnail_url", -1}, kt_MediaAdd_thumbnail_url(t));
}

enum kith_error media_own(const struct reactor *r, struct request *q)
{
    const void *t = request_table(q);
    // A service key that acts for nobody knows what it does; what is shown is judged anew.
    if (!r->server->media.on || q->actor == 0)
        return KITH_ok;
    if (q->row->number == OP_media_add)
        return own_added(r, q);
    bool create = q->row->number == OP_post_create;
    fb_vec urls = create ? kt_PostCreate_media_urls(t) : (fb_vec){0};
    fb_str image = create ? kt_PostCreate_image_url(t) : kt_PostUpdate_image_url(t);
    enum kith_error error = own_url(r, q, (struct field){NULL, "image_url", -1}, image);
    if (error == KITH_ok)
        error = own_media(r, q, create ? kt_PostCreate_media(t) : kt_PostUpdate_media(t));
    for (uint32_t i = 0; i < urls.n && error == KITH_ok; i++)
        error = own_url(r, q, (struct field){"media_urls", NULL, (int)i}, fb_vec_str(urls, i));
    return error;
}
