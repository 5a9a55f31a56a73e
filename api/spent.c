// Hardly anybody comes by here, so a lock is cheap.
#include "api/spent.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void spent_begin(struct spent *s, uint64_t now_ns, uint64_t turn_ns)
{
    *s = (struct spent){.turn_ns = turn_ns, .turned_ns = now_ns};
    pthread_mutex_init(&s->lock, NULL);
}

void spent_end(struct spent *s)
{
    pthread_mutex_destroy(&s->lock);
}

void spent_raise(struct spent *s, uint64_t floor_s)
{
    pthread_mutex_lock(&s->lock);
    s->floor_s = larger(s->floor_s, floor_s);
    pthread_mutex_unlock(&s->lock);
}

// Turns follow each other without a gap; where none was asked for two, all is forgotten.
static void turn(struct spent *s, uint64_t now_ns)
{
    for (unsigned i = 0; i < 2 && now_ns >= s->turned_ns + s->turn_ns; i++) {
        s->floor_s = larger(s->floor_s, s->newest_s[1]);
        s->newest_s[1] = s->newest_s[0];
        s->newest_s[0] = 0;
        s->turned_ns += s->turn_ns;
    }
    if (now_ns >= s->turned_ns + s->turn_ns)
        s->turned_ns = now_ns;
}

bool spent_knows(struct spent *s, uint64_t now_ns, uint64_t issued_s)
{
    pthread_mutex_lock(&s->lock);
    turn(s, now_ns);
    bool knows = issued_s > s->floor_s;
    if (knows)
        s->newest_s[0] = larger(s->newest_s[0], issued_s);
    pthread_mutex_unlock(&s->lock);
    return knows;
}
