// Media lie in a store that speaks S3, and Kith never has their bytes: it gives out signed
// addresses to put them (tickets), and for posts that are not for everybody, to get them.
//
//   media_url   BASE/public/USER/NAME     everybody may read it, as long as the store says so
//               BASE/private/USER/NAME    nobody may but by an address that is signed at a read
//
// USER is the id of who asked for the place, NAME is random: 128 bits that nobody guesses. An
// address is signed in that user's own posts alone: else who has seen one once could put it in a
// post of his own and have it signed for ever.
#ifndef KITH_API_MEDIA_H
#define KITH_API_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "api/sigv4.h"
#include "core/errors.h"
#include "core/fb.h"
#include "store/store.h"

struct reactor;
struct request;

enum {
    MEDIA_BUCKET_MAX = 200,      // bytes of the bucket's address, and of the base's
    MEDIA_UPLOAD_S = 900,        // as long as a ticket is good, unless the file says otherwise
    MEDIA_READ_S = 3600,         // and an address to read by
};
#define MEDIA_BYTES_MAX (UINT64_C(5) << 30) // what one PUT may bring, in S3

// What --media-file says.
struct media_store {
    bool on;
    struct sigv4_key key;
    char bucket[MEDIA_BUCKET_MAX + 1]; // "https://host:port/path", as addresses of the store begin
    char origin[MEDIA_BUCKET_MAX + 1]; // of it: "https://host:port"
    const char *host;                  // in origin: "host:port"
    const char *path;                  // in bucket: "" or "/path"
    char base[MEDIA_BUCKET_MAX + 1];   // what media_urls begin with
    unsigned upload_s, read_s;
    uint64_t image_max, video_max;     // bytes
};

// Reads the file; false with a sentence in why[256]: not there, readable by others than the owner,
// a line that is none, something missing.
bool media_open(const char *path, struct media_store *out, char *why);

// A core's way to show addresses.
struct media_signer {
    const struct media_store *store;
    struct sigv4_day day;
    char url[SIGV4_URL_MAX];           // what was shown last
};
// None where no store is configured.
struct media_hook media_hook(struct media_signer *s);
void media_forget(struct media_signer *s);

// Whose place in the store this is the address of, 0 = it is no such address.
uint64_t media_owner(const struct media_store *s, fb_str url);
// Of a post that is made or changed: nobody uses places that were given to others.
enum kith_error media_own(const struct reactor *r, struct request *q);

// The operation media_ticket.
void media_ticket(struct reactor *r, struct request *q);

#endif
