// Password hashing, off the cores' threads: a bounded queue of jobs, worked on by whoever calls
// helper_step.
#ifndef KITH_API_HELPER_H
#define KITH_API_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/limits.h"

struct request;
struct server;

enum { HELPER_QUEUE = 64, HELPER_THREADS = 2, HASH_CHARS = 256 };

struct helper_job {
    struct helper_job *next;
    struct request *request;       // made ready on its core when the job is done
    unsigned core;
    bool verify;                   // against `stored`; else hash only
    uint32_t password_n;
    char password[PASSWORD_MAX];   // wiped when the job is done
    char stored[HASH_CHARS + 1];   // "" = there is no such account: costs the same, and is wrong
    bool right;                    // verify: it is the password
    bool weak;                     // and the stored hash is too weak: `hash` is better
    bool failed;                   // no memory for hashing
    char hash[HASH_CHARS + 1];
};

struct helpers;

// NULL when there is no memory.
struct helpers *helpers_new(struct server *s);
void helpers_free(struct helpers *h);
// false: too many wait. Any core.
bool helper_submit(struct helpers *h, struct helper_job *job);
// Works on the oldest job, if there is one; false if there is none.
bool helper_step(struct helpers *h);
// Where thread i sleeps while there is none.
struct event *helper_event(struct helpers *h, unsigned i);

#endif
