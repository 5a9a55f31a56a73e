// The tables of notes.def.
#include "core/notes.h"

#include <stddef.h>
#include <string.h>

static const struct note_row notes[NOTE_LIMIT] = {
#define NOTE(number, nm, text) [number] = {.name = #nm, .title = (text)},
#define ACTIVITY(number, name)
#include "core/notes.def"
#undef NOTE
#undef ACTIVITY
};

static const char *const activities[ACTIVITY_LIMIT] = {
#define NOTE(number, name, title)
#define ACTIVITY(number, name) [number] = #name,
#include "core/notes.def"
#undef NOTE
#undef ACTIVITY
};

const struct note_row *note_row(unsigned type)
{
    return type < NOTE_LIMIT && notes[type].name != NULL ? &notes[type] : NULL;
}

const char *activity_name(unsigned type)
{
    return type < ACTIVITY_LIMIT ? activities[type] : NULL;
}

enum note_type note_named(const char *name, unsigned n)
{
    for (unsigned i = 1; i < NOTE_LIMIT; i++)
        if (notes[i].name != NULL && strlen(notes[i].name) == n &&
            memcmp(notes[i].name, name, n) == 0)
            return (enum note_type)i;
    return NOTE_none;
}
