// Several keys of one provider are tried one after the other: while it changes keys, two are good.
#include "api/providers.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE_MAX_BYTES = 1024, SECRET_MIN = 32, RSA_BITS_MIN = 2048 };

// ---- the file ----------------------------------------------------------------------------------

static bool read_secret(struct jwt_key *key, FILE *f, const char *path, char *why)
{
    struct stat st;
    if (fstat(fileno(f), &st) != 0 || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        snprintf(why, 256, "%.150s may be read by others: chmod 600 it", path);
        return false;
    }
    key->secret_n = fread(key->secret, 1, sizeof key->secret, f);
    if (key->secret_n >= SECRET_MIN && key->secret_n < sizeof key->secret)
        return true;
    snprintf(why, 256, "%.150s: a secret has %d to %d bytes", path, SECRET_MIN, JWT_SECRET_MAX - 1);
    return false;
}

static bool fits(const struct jwt_key *key)
{
    if (key->public == NULL)
        return false;
    if (key->alg == JWT_RS256)
        return EVP_PKEY_is_a(key->public, "RSA") && EVP_PKEY_get_bits(key->public) >= RSA_BITS_MIN;
    char group[32];
    size_t n = 0;
    return EVP_PKEY_is_a(key->public, "EC") &&
           EVP_PKEY_get_group_name(key->public, group, sizeof group, &n) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool read_key(struct jwt_key *key, const char *path, char *why)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        snprintf(why, 256, "%.150s: %s", path, strerror(errno));
        return false;
    }
    bool good;
    if (key->alg == JWT_HS256) {
        good = read_secret(key, f, path, why);
    } else {
        key->public = PEM_read_PUBKEY(f, NULL, NULL, NULL);
        good = fits(key);
        if (!good)
            snprintf(why, 256, "%.150s is no public key in PEM of that kind (RSA of 2048 bits or "
                     "more, P-256)", path);
    }
    fclose(f);
    return good;
}

static bool is_name(const char *s)
{
    return s[0] != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static bool add_line(struct providers *out, char *line, char *why)
{
    char alg[16] = "";
    struct provider_key *k = &out->key[out->n];
    if (line[strspn(line, " \t\r\n")] == '\0' || line[0] == '#')
        return true;
    *k = (struct provider_key){0};
    int n = sscanf(line, "%32s %255s %255s %15s %511s %255s", k->provider, k->issuer, k->audience,
                   alg, k->file, k->kid);
    k->key.alg = jwt_alg_of(alg, strlen(alg));
    if (n < 5 || !is_name(k->provider) || k->key.alg == JWT_ALGS) {
        snprintf(why, 256, "a line of the provider file is PROVIDER ISSUER AUDIENCE "
                 "RS256|ES256|HS256 KEYFILE [KID]");
        return false;
    }
    if (++out->n == PROVIDER_KEYS_MAX) {
        snprintf(why, 256, "%d provider keys or more", PROVIDER_KEYS_MAX);
        return false;
    }
    return read_key(&k->key, k->file, why);
}

bool providers_open(const char *path, struct providers *out, char *why)
{
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(path, "re");
    out->n = 0;
    out->key = f != NULL ? calloc(PROVIDER_KEYS_MAX, sizeof *out->key) : NULL;
    if (f == NULL || out->key == NULL) {
        snprintf(why, 256, "provider file %.150s: %s", path, strerror(errno));
        if (f != NULL)
            fclose(f);
        return false;
    }
    bool good = true;
    while (good && fgets(line, sizeof line, f) != NULL)
        good = add_line(out, line, why);
    fclose(f);
    if (!good)
        providers_close(out);
    return good;
}

void providers_close(struct providers *p)
{
    for (unsigned i = 0; i < p->n; i++)
        EVP_PKEY_free(p->key[i].key.public);
    if (p->key != NULL)
        sodium_memzero(p->key, PROVIDER_KEYS_MAX * sizeof *p->key);
    free(p->key);
    *p = (struct providers){0};
}

// ---- tokens ------------------------------------------------------------------------------------

static bool is_of(const struct provider_key *k, fb_str provider)
{
    return strlen(k->provider) == provider.n && memcmp(k->provider, provider.s, provider.n) == 0;
}

bool providers_have(const struct providers *p, fb_str provider)
{
    for (unsigned i = 0; i < p->n; i++)
        if (is_of(&p->key[i], provider))
            return true;
    return false;
}

// A token need not say which key it is by.
static bool names_it(const struct jwt *t, const struct provider_key *k)
{
    char kid[JWT_TEXT];
    return k->kid[0] == '\0' || !jwt_string(t->header, "kid", kid) || strcmp(kid, k->kid) == 0;
}

// Made by that issuer for us, and now.
static bool holds(const struct jwt *t, const struct provider_key *k, uint64_t now_s)
{
    char issuer[JWT_TEXT];
    uint64_t expires, before = 0;
    return jwt_string(t->claims, "iss", issuer) && strcmp(issuer, k->issuer) == 0 &&
           jwt_has(t->claims, "aud", k->audience) &&
           jwt_number(t->claims, "exp", &expires) && now_s < expires + PROVIDER_LEEWAY_S &&
           (!jwt_number(t->claims, "nbf", &before) || before <= now_s + PROVIDER_LEEWAY_S) &&
           (!jwt_number(t->claims, "iat", &before) || before <= now_s + PROVIDER_LEEWAY_S);
}

bool providers_signed(const struct providers *p, struct id_token token, struct jwt *out)
{
    if (!jwt_open(out, token.text))
        return false;
    for (unsigned i = 0; i < p->n; i++) {
        const struct provider_key *k = &p->key[i];
        if (is_of(k, token.provider) && names_it(out, k) && holds(out, k, token.now_s) &&
            jwt_signed(out, &k->key))
            return true;
    }
    return false;
}

bool providers_judge(const struct providers *p, struct id_token token, struct claims *out)
{
    static _Thread_local struct jwt t;
    *out = (struct claims){0};
    if (!providers_signed(p, token, &t))
        return false;
    if (!jwt_string(t.claims, "sub", out->subject) || out->subject[0] == '\0')
        return false;
    if (!jwt_true(t.claims, "email_verified") || !jwt_string(t.claims, "email", out->email))
        out->email[0] = '\0';
    return true;
}
