// The users that an import needs: the numbered ones of a graph, or the named authors of posts; each
// once, in the order of their first mention, with the id that the server gave.
#ifndef KITH_TOOLS_KITH_PEOPLE_H
#define KITH_TOOLS_KITH_PEOPLE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/kith_string.h"

enum { PEOPLE_NAME_MAX = 50 };
#define PEOPLE_NONE SIZE_MAX

struct person {
    uint64_t key;          // the number, or a hash of the name as the file has it
    uint64_t created_ms;
    uint64_t id;           // 0 = not made, or refused
    size_t name_at;        // username in names
    size_t given_at;       // the name as the file has it, 0 = a number
};

struct people {
    struct person *person;
    size_t n, cap;
    uint32_t *index;       // open addressing: place + 1 of a person
    uint32_t *taken;       // the same by username without regard to case
    size_t index_cap;      // of both, a power of two
    struct string names;
};

void people_free(struct people *p);
// The person of graph node `number`: username "n<number>", created so many seconds after 2010
// began.
size_t people_number(struct people *p, uint64_t number);
size_t people_find_number(const struct people *p, uint64_t number);
// The person of this name; created_ms counts where it is new. Letters, digits, '.' and '_' are kept
// in the username, all else becomes '_'; "_2" and so on tells apart what would be the same.
size_t people_name(struct people *p, const char *name, uint64_t created_ms);
size_t people_find_name(const struct people *p, const char *name);
static inline const char *people_username(const struct people *p, size_t i)
{
    return p->names.s + p->person[i].name_at;
}
// Numbered people by rising number, so that who is made first does not depend on the order of the
// edges.
void people_sort(struct people *p);

#endif
