// Notifications and activities as answers show them: items of the viewer's own streams on the core
// that has them, tables from published records.
#ifndef KITH_STORE_NOTE_READ_H
#define KITH_STORE_NOTE_READ_H

#include "core/fb_build.h"
#include "store/read.h"
#include "store/stream.h"

// ---- collect: on the owner's core --------------------------------------------------------------
// Of what is listed and leads somewhere, newest first, numbers below `before` (0 = from the
// newest), at most `want`. *next: where to go on from, 0 = the end.
struct notes_read { uint64_t owner, before; uint32_t want; bool unread; };
uint32_t read_notes(const struct shard *s, struct notes_read what, struct stream_item *out,
                    uint64_t *next);
// Whether whom and what the item speaks of are there for the eye's viewer.
struct eye;
bool note_leads(struct eye *e, const struct stream_item *item);
// Whether they are there at all: of an item that note_leads let pass in an earlier turn.
bool note_stands(const struct store *s, const struct stream_item *item);
// The post that it is about, or whose comment; 0 = none.
uint64_t note_post(const struct store *s, const struct stream_item *item);
// Events, oldest first, numbers above `after`. *last: how far was looked, which is before the end
// where many lead nowhere (read_last_note).
struct events_read { uint64_t owner, after; uint32_t want; };
uint32_t read_events(const struct shard *s, struct events_read what, struct stream_item *out,
                     uint64_t *last);
// The newest notification's number, 0 = none.
uint64_t read_last_note(const struct shard *s, uint64_t owner);
// The one of that number, if it is there and leads somewhere.
bool read_note(const struct shard *s, uint64_t owner, uint64_t number, struct stream_item *out);
// How many unread ones its list shows. Of more than UNREAD_LOOKED_MAX the older ones count unseen.
uint32_t read_unread(const struct shard *s, uint64_t owner);

// ---- build -------------------------------------------------------------------------------------
struct noted {
    uint64_t owner;
    const struct stream_item *item;
    uint32_t n;
    const char *cursor;        // ready text, or NULL
    uint64_t last;             // of events
    bool grouped;
};
fb_ref build_notifications(fb_builder *b, const struct store *s, const struct noted *what);
fb_ref build_events(fb_builder *b, const struct store *s, const struct noted *what);
// One, as events have it.
fb_ref build_note(fb_builder *b, const struct store *s, uint64_t owner,
                  const struct stream_item *item);
fb_ref build_activities(fb_builder *b, const struct store *s, const struct noted *what);
// On the core of the user: of all types, or of one.
fb_ref build_preferences(fb_builder *b, const struct shard *s, uint64_t user);
fb_ref build_preference(fb_builder *b, const struct shard *s, uint64_t user, unsigned type);

#endif
