// argon2id by libsodium (19 MiB, two passes); bcrypt and its like, of imported users only, by the
// system's libcrypt, which is looked for once at the start.
#include "api/helper.h"

#include <crypt.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sodium/crypto_pwhash.h>
#include <sodium/utils.h>
#include <stdlib.h>
#include <string.h>

#include "api/reactor.h"
#include "core/assert.h"
#include "core/random.h"

enum { ARGON_PASSES = 2, ARGON_BYTES = 19456 << 10 };

_Static_assert(crypto_pwhash_STRBYTES <= HASH_CHARS, "a hash fits");

typedef char *crypt_function(const char *phrase, const char *setting, struct crypt_data *data);

struct helpers {
    struct server *server;
    pthread_mutex_t lock;          // of the queue
    struct helper_job *first, **last;
    unsigned n;
    struct event event[HELPER_THREADS];
    crypt_function *crypt;         // NULL where the system has none
    char dummy[crypto_pwhash_STRBYTES]; // what a name that is nobody's is compared with
};

static bool hash(char out[HASH_CHARS + 1], const char *password, uint32_t n)
{
    return crypto_pwhash_str(out, password, n, ARGON_PASSES, ARGON_BYTES) == 0;
}

static crypt_function *find_crypt(void)
{
    crypt_function *f = NULL;
    void *library = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "crypt_r") : NULL;
    memcpy(&f, &symbol, sizeof f);
    return f;
}

struct helpers *helpers_new(struct server *s)
{
    struct helpers *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    char password[16], text[HASH_CHARS + 1];
    random_bytes(password, sizeof password);
    h->server = s;
    h->last = &h->first;
    h->crypt = find_crypt();
    pthread_mutex_init(&h->lock, NULL);
    bool good = hash(text, password, sizeof password);
    for (unsigned i = 0; i < HELPER_THREADS; i++)
        good = event_init(&h->event[i]) == 0 && good;
    if (!good) {
        helpers_free(h);
        return NULL;
    }
    memcpy(h->dummy, text, sizeof h->dummy);
    return h;
}

void helpers_free(struct helpers *h)
{
    if (h == NULL)
        return;
    for (unsigned i = 0; i < HELPER_THREADS; i++)
        event_free(&h->event[i]);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

struct event *helper_event(struct helpers *h, unsigned i)
{
    ASSERT(i < HELPER_THREADS);
    return &h->event[i];
}

bool helper_submit(struct helpers *h, struct helper_job *job)
{
    pthread_mutex_lock(&h->lock);
    bool room = h->n < HELPER_QUEUE;
    if (room) {
        job->next = NULL;
        *h->last = job;
        h->last = &job->next;
        h->n++;
    }
    pthread_mutex_unlock(&h->lock);
    for (unsigned i = 0; room && i < HELPER_THREADS; i++)
        event_signal(&h->event[i]);
    return room;
}

static struct helper_job *take(struct helpers *h)
{
    pthread_mutex_lock(&h->lock);
    struct helper_job *job = h->first;
    if (job != NULL) {
        h->first = job->next;
        if (h->first == NULL)
            h->last = &h->first;
        h->n--;
    }
    pthread_mutex_unlock(&h->lock);
    return job;
}

// Imported hashes in crypt's forms; a NUL would cut the password short.
static bool verify_crypt(const struct helpers *h, const struct helper_job *job)
{
    if (h->crypt == NULL || memchr(job->password, '\0', job->password_n) != NULL)
        return false;
    struct crypt_data *data = calloc(1, sizeof *data);
    char phrase[PASSWORD_MAX + 1];
    if (data == NULL)
        return false;
    memcpy(phrase, job->password, job->password_n);
    phrase[job->password_n] = '\0';
    const char *out = h->crypt(phrase, job->stored, data);
    size_t n = strlen(job->stored);
    bool right = out != NULL && out[0] != '*' && strlen(out) == n &&
                 sodium_memcmp(out, job->stored, n) == 0;
    sodium_memzero(phrase, sizeof phrase);
    sodium_memzero(data, sizeof *data);
    free(data);
    return right;
}

static void verify(const struct helpers *h, struct helper_job *job)
{
    bool argon = strncmp(job->stored, "$argon2", 7) == 0;
    bool other = !argon && job->stored[0] == '$';
    if (other) {
        job->right = verify_crypt(h, job);
        job->weak = true;
        return;
    }
    const char *text = argon ? job->stored : h->dummy;
    bool right = crypto_pwhash_str_verify(text, job->password, job->password_n) == 0;
    job->right = argon && right;
    job->weak = argon && crypto_pwhash_str_needs_rehash(text, ARGON_PASSES, ARGON_BYTES) != 0;
}

bool helper_step(struct helpers *h)
{
    struct helper_job *job = take(h);
    if (job == NULL)
        return false;
    if (job->verify)
        verify(h, job);
    if (!job->verify || (job->right && job->weak))
        job->failed = !hash(job->hash, job->password, job->password_n);
    sodium_memzero(job->password, sizeof job->password);
    reactor_give(h->server->reactor[job->core], job);
    return true;
}
