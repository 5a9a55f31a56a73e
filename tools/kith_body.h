// A request from words of a command line, and a reply for eyes: both walk the operation's
// descriptors.
//
//   post_create caption="Hello" hashtags=news,kith location:='{"name":"Oslo"}'
#ifndef KITH_TOOLS_KITH_BODY_H
#define KITH_TOOLS_KITH_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ops.h"
#include "tools/kith_string.h"

// The operation of this name that a client may call; NULL, and the nearest in *near (or NULL).
const struct op_row *op_by_name(const char *name, const char **near);

// k=v and k:=json words as one JSON object. false, and a sentence in why, for a word that is
// neither or a field that the request does not have.
struct body_words { int n; char **word; };
bool body_json(struct string *json, const struct op_row *row, struct body_words words,
               char why[256]);

// JSON text as a FlatBuffers payload in buf; its first byte and size. NULL, and why, when refused.
struct body { uint8_t *buf; size_t cap; const void *data; size_t n; };
bool body_pack(struct body *b, const fb_type *type, const struct string *json, char why[256]);

// A verified table as lines of "name value"; lists of tables as columns.
void table_print(const void *table, const fb_type *type);
// The table as JSON behind what t holds. flags as of fb_json_print.
void table_json(struct string *t, const void *table, const fb_type *type, unsigned flags);
// Fields and their types, a line each: for help.
void type_help(const fb_type *type);

#endif
