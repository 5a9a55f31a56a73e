// A partition's state as bytes, for snapshots: written in slices while changes go on. What is
// changed before it was written is written first, as it was (its before-image): so the bytes show
// the state at one place.
#ifndef KITH_STORE_IMAGE_H
#define KITH_STORE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct shard;
struct part;

// Takes a piece of the image of partition p; n = 0: that was all of it. false: cannot be taken now
// or ever; the image is given up.
struct image_sink {
    bool (*take)(void *ctx, unsigned part, const void *bytes, size_t n);
    void *ctx;
};

// From now on (between two entries) every change of the shard's partitions writes before-images.
void image_begin(struct shard *s, const struct image_sink *sink);
// Writes about `budget` bytes more. 1 = more to do, 0 = all partitions are written, -1 = given up.
int image_step(struct shard *s, size_t budget);
// Ends it, in whatever state.
void image_end(struct shard *s);

// Loading: pieces in the order they were taken, cut anywhere. Only the partition's owner, before
// any apply.
struct image_loader;
struct image_loader *image_load_begin(struct part *p);
// false: the bytes are not an image of this partition.
bool image_load(struct image_loader *l, const void *bytes, size_t n);
bool image_load_end(struct image_loader *l);
// After all partitions are loaded: derived state (recent posts, all posts, counters) is made; place
// and last stamp are set. Every shard by its own thread or all by one.
void image_loaded(struct shard *s, uint64_t place, uint64_t stamp);

#endif
