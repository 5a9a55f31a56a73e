// Account names: unique text → user id, for usernames, e-mail addresses and phone numbers, compared
// without regard to ASCII case. Changed by the core that owns the accounts slot; read by any
// (ptable).
#ifndef KITH_STORE_NAMES_H
#define KITH_STORE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/hash.h"

struct store;
struct part;

// An identity is another service's word for somebody (table IdentityChange); a user may have
// several.
enum name_kind { NAME_username = 1, NAME_email = 2, NAME_phone = 3, NAME_identity = 4 };
enum { NAMES_MAX = 5 };        // of one user
struct name { enum name_kind kind; const char *text; uint32_t n; }; // text as written, n bytes

// Any core: the id that holds the name, 0 = nobody.
uint64_t names_find(const struct store *s, struct name name);
// A hash of it under the log's key, by which nobody without that key can tell it; and who holds the
// name that has this one, 0 = nobody.
struct name_print { uint64_t of, again; };
struct name_print names_print(const struct store *s, struct name name);
uint64_t names_find_print(const struct store *s, struct name_print print);
// Owner of the accounts slot. The name must be free.
void names_claim(struct part *accounts, struct name name, uint64_t id);
// false: it was not this id's.
bool names_release(struct part *accounts, struct name name, uint64_t id);
// All names of an id (at most NAMES_MAX), for releasing them: returns how many; texts live until
// released.
uint32_t names_of(const struct part *accounts, uint64_t id, struct name out[NAMES_MAX]);

// What a name adds to the digest.
struct hash128 names_digest(const struct store *s, struct name name, uint64_t id);

#endif
