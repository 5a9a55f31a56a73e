// A list of edges as a file: lines "u v", packed with zstd or not.
#ifndef KITH_TOOLS_KITH_EDGE_FILE_H
#define KITH_TOOLS_KITH_EDGE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/kith_source.h"

struct edge_file {
    // Called for each edge; false ends the reading.
    bool (*take)(void *ctx, uint64_t u, uint64_t v);
    void *ctx;
    struct source source;
    char why[256];         // what is wrong with the file; empty where take gave false
};

// All of it. false: why, or take gave false.
bool edge_file_read(struct edge_file *f, const char *path);

#endif
