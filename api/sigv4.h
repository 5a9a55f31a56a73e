// Addresses that a store which speaks S3 takes as signed (AWS Signature Version 4, in the query):
// whoever has one may do what it says, until it is over.
#ifndef KITH_API_SIGV4_H
#define KITH_API_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIGV4_NAME_MAX = 64,         // characters of a region; of an access key, of which AWS has 128
    SIGV4_ACCESS_MAX = 128,
    SIGV4_SECRET_MAX = 128,
    SIGV4_TTL_MAX_S = 7 * 86400, // the longest that the scheme knows
    SIGV4_URL_MAX = 1280,        // bytes of what comes out, with its NUL: enough for parts of 256
};

struct sigv4_key {
    char access[SIGV4_ACCESS_MAX + 1], secret[SIGV4_SECRET_MAX + 1], region[SIGV4_NAME_MAX + 1];
};

// The key of one day, which is derived from the secret in four steps; who signs many keeps it.
// All zero: none yet.
struct sigv4_day { char date[16]; uint8_t key[32]; };

// Nothing in it needs to be escaped: the parts hold letters, digits and -._~ alone, path '/' too.
struct sigv4_request {
    const char *method;
    const char *origin;          // "https://host:port"
    const char *host;            // "host:port", as the client will send it
    const char *path;            // begins with '/'
    const char *extra;           // "x-name=value": a parameter behind the scheme's own, or NULL
    uint64_t at_s;               // from when on it is good: seconds since 1970
    uint32_t ttl_s;              // and how long, at most SIGV4_TTL_MAX_S
    bool sized;                  // the body must have `size` bytes
    uint64_t size;
};

// The signed address; its length, without the NUL that follows.
size_t sigv4_presign(const struct sigv4_key *key, struct sigv4_day *day,
                     const struct sigv4_request *what, char out[SIGV4_URL_MAX]);

#endif
