// What the phases of an import share: the connection with its requests in flight, the builder of a
// request's body, the counts and the progress line.
#ifndef KITH_TOOLS_KITH_IMPORTER_H
#define KITH_TOOLS_KITH_IMPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/client.h"
#include "bench/community.h"
#include "core/fb_build.h"
#include "tools/kith_people.h"
#include "bench/pipeline.h"
#include "tools/kith_progress.h"
#include "tools/kith_rows.h"

struct import_counts { uint64_t rows, applied, repeated, refused; double seconds; };

enum { IMPORT_BODY_MAX = FRAME_MAX };

struct importer {
    struct client *client;
    struct pipeline pipeline;
    struct progress progress;
    fb_builder builder;
    uint8_t *body;             // IMPORT_BODY_MAX
    struct import_counts *counts; // of the phase under way
    char why[256];             // what ended the work
    unsigned complaints;       // refused requests that were printed
};

void importer_init(struct importer *im, struct client *c);
void importer_free(struct importer *im);
// Starts a phase whose answers are ImportState.
void importer_begin(struct importer *im, const char *what, struct import_counts *counts);
// Finishes the body with this root and sends it; rows is what a refusal of the whole loses. false:
// why.
bool importer_send(struct importer *im, uint16_t op, fb_ref root, uint32_t rows);
// Waits for all answers; false: why.
bool importer_end(struct importer *im);
// Takes why from the client where it says nothing yet. Always false.
bool importer_broken(struct importer *im);

// ---- phases ------------------------------------------------------------------------------------

// Makes all of p that have no id yet; then waits until the server has them. A refused one keeps id
// 0.
bool import_people(struct importer *im, struct people *p, struct import_counts *counts);
// The rows of a file of users.
bool import_users_file(struct importer *im, const char *path, struct import_counts *counts);

// The people of an edge list "u v": first who they are, then their edges.
bool import_edges_people(struct importer *im, const char *path, struct people *p);
struct import_edges { const char *path; bool undirected; struct people *people; };
bool import_edges_file(struct importer *im, const struct import_edges *e,
                       struct import_counts *counts);
bool import_edges_made(struct importer *im, const struct community *c, struct people *people,
                       struct import_counts *counts);
// Each of `readers` follows `each` of `authors`: reader u the authors (u * 7 + k * 13) mod their
// number.
struct import_follow { const struct people *readers, *authors; uint64_t each; };
bool import_follow_authors(struct importer *im, const struct import_follow *f,
                           struct import_counts *counts);

// Each row of a file of posts, as the import reads it; the cells live until take returns.
struct post_cells { struct cell author, text, time; };
struct post_taker { void (*take)(void *ctx, const struct post_cells *row); void *ctx; };
bool import_posts_each(struct importer *im, const char *path, struct post_taker to);
bool import_posts_people(struct importer *im, const char *path, struct people *p);
bool import_posts_file(struct importer *im, const char *path, struct people *authors,
                       struct import_counts *counts);
// Rows that name both a post and a comment, or neither, are refused by their number.
bool import_likes_file(struct importer *im, const char *path, struct import_counts *counts);
bool import_posts_made(struct importer *im, const struct community *c, struct people *people,
                       struct import_counts *counts);

#endif
