// The names and the order of everything are AWS's ("Authenticating Requests: Using Query
// Parameters"); a store builds the same text from what it is asked, and compares.
//
//   key of the day  = HMAC(HMAC(HMAC(HMAC("AWS4" secret, date), region), "s3"), "aws4_request")
//   signature       = HMAC(key of the day, scheme, time, scope, SHA256(request as text))
#include "api/sigv4.h"

#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/assert.h"

enum { HASH = crypto_hash_sha256_BYTES, HEX = 2 * HASH + 1, STAMP = 32, TEXT = 2048 };
_Static_assert(HASH == sizeof((struct sigv4_day *)0)->key, "a day's key is a hash");

static void hmac(uint8_t out[HASH], const void *key, size_t key_n, const char *text)
{
    crypto_auth_hmacsha256_state s;
    crypto_auth_hmacsha256_init(&s, key, key_n);
    crypto_auth_hmacsha256_update(&s, (const uint8_t *)text, strlen(text));
    crypto_auth_hmacsha256_final(&s, out);
}

static void derive(const struct sigv4_key *key, struct sigv4_day *day)
{
    char secret[4 + SIGV4_SECRET_MAX + 1];
    int n = snprintf(secret, sizeof secret, "AWS4%s", key->secret);
    hmac(day->key, secret, (size_t)n, day->date);
    hmac(day->key, day->key, HASH, key->region);
    hmac(day->key, day->key, HASH, "s3");
    hmac(day->key, day->key, HASH, "aws4_request");
    sodium_memzero(secret, sizeof secret);
}

// "20130524T000000Z", and the day's key for its first eight.
static void begin_day(const struct sigv4_key *key, struct sigv4_day *day, char stamp[STAMP],
                      uint64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;
    struct tm *ok = gmtime_r(&at, &tm);
    ASSERT(ok != NULL);
    strftime(stamp, STAMP, "%Y%m%dT%H%M%SZ", &tm);
    if (strncmp(day->date, stamp, 8) == 0)
        return;
    snprintf(day->date, sizeof day->date, "%.8s", stamp);
    derive(key, day);
}

static void hash_hex(char out[HEX], const char *text, size_t n)
{
    uint8_t hash[HASH];
    crypto_hash_sha256(hash, (const uint8_t *)text, n);
    sodium_bin2hex(out, HEX, hash, HASH);
}

// What stands behind the '?', but for the signature.
static size_t write_query(char *out, const struct sigv4_key *key, const char *stamp,
                          const struct sigv4_request *what)
{
    bool more = what->extra != NULL;
    int n = snprintf(out, TEXT,
                     "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%s%%2F%.8s%%2F%s%%2Fs3%%2F"
                     "aws4_request&X-Amz-Date=%s&X-Amz-Expires=%u&X-Amz-SignedHeaders=%shost%s%s",
                     key->access, stamp, key->region, stamp, (unsigned)what->ttl_s,
                     what->sized ? "content-length%3B" : "", more ? "&" : "",
                     more ? what->extra : "");
    ASSERT(n > 0 && n < TEXT);
    return (size_t)n;
}

static size_t write_request(char *out, const struct sigv4_request *what, const char *query)
{
    char size[48] = "";
    if (what->sized)
        snprintf(size, sizeof size, "content-length:%llu\n", (unsigned long long)what->size);
    int n = snprintf(out, TEXT, "%s\n%s\n%s\n%shost:%s\n\n%shost\nUNSIGNED-PAYLOAD", what->method,
                     what->path, query, size, what->host, what->sized ? "content-length;" : "");
    ASSERT(n > 0 && n < TEXT);
    return (size_t)n;
}

size_t sigv4_presign(const struct sigv4_key *key, struct sigv4_day *day,
                     const struct sigv4_request *what, char out[SIGV4_URL_MAX])
{
    char stamp[STAMP], query[TEXT], text[TEXT], hash[HEX], signature[HEX];
    uint8_t mac[HASH];
    ASSERT(what->ttl_s > 0 && what->ttl_s <= SIGV4_TTL_MAX_S);
    ASSERT(what->path[0] == '/');
    begin_day(key, day, stamp, what->at_s);
    write_query(query, key, stamp, what);
    hash_hex(hash, text, write_request(text, what, query));
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/s3/aws4_request\n%s", stamp, stamp,
             key->region, hash);
    hmac(mac, day->key, HASH, text);
    sodium_bin2hex(signature, sizeof signature, mac, HASH);
    // The signature stands in its place by name, before what is ours.
    size_t extra = what->extra != NULL ? strlen(what->extra) + 1 : 0;
    int n = snprintf(out, SIGV4_URL_MAX, "%s%s?%.*s&X-Amz-Signature=%s%s%s", what->origin,
                     what->path, (int)(strlen(query) - extra), query, signature,
                     extra > 0 ? "&" : "", extra > 0 ? what->extra : "");
    ASSERT(n > 0 && n < SIGV4_URL_MAX);
    return (size_t)n;
}
