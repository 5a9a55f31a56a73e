// The notifications and activities of notes.def as enums and tables.
#ifndef KITH_CORE_NOTES_H
#define KITH_CORE_NOTES_H

enum note_type {
    NOTE_none = 0,
#define NOTE(number, name, title) NOTE_##name = (number),
#define ACTIVITY(number, name)
#include "core/notes.def"
#undef NOTE
#undef ACTIVITY
    NOTE_LIMIT = 64,
};

enum activity_type {
    ACTIVITY_none = 0,
#define NOTE(number, name, title)
#define ACTIVITY(number, name) ACTIVITY_##name = (number),
#include "core/notes.def"
#undef NOTE
#undef ACTIVITY
    ACTIVITY_LIMIT = 64,
};

// Ways by which a notification reaches somebody.
enum note_channel {
    CHANNEL_EMAIL = 1,
    CHANNEL_PUSH = 2,
    CHANNEL_SMS = 4,
    CHANNEL_IN_APP = 8,
    CHANNELS_ALL = 15,
    CHANNELS_DEFAULT = CHANNEL_EMAIL | CHANNEL_PUSH | CHANNEL_IN_APP,
};

struct note_row { const char *name, *title; };
// NULL where there is no such type. Static memory.
const struct note_row *note_row(unsigned type);
const char *activity_name(unsigned type);
// The type of this name (n bytes), NOTE_none where there is none.
enum note_type note_named(const char *name, unsigned n);

#endif
