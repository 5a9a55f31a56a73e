// What the primitives tell a snapshot under way before they change anything: store/image.c answers.
#ifndef KITH_STORE_IMAGE_HOOKS_H
#define KITH_STORE_IMAGE_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

struct object;
struct part;
struct stream;
struct stream_block;

// Called before a change of an edge set or a sequence, or of an object, while p->image is set:
// writes it as it still is, unless the image has it already.
void image_before_list(struct part *p, void *list, bool is_seq);
void image_before_object(struct part *p, struct object *o);
// The same for the names of an id (their records hang together on part->names_by_id).
void image_before_names(struct part *p, uint64_t id);
// The same for a block of a stream, or (NULL) for what belongs to the stream as a whole; and after
// blocks of it went, for those behind them have moved up.
void image_before_stream(struct part *p, struct stream *s, struct stream_block *b);
void image_stream_shrunk(struct part *p, const struct stream *s);
// What a new object or list is marked with, so that a snapshot under way passes it over.
uint8_t part_image_generation(const struct part *p);

#endif
