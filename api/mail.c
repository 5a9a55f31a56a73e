// Sending and taking. A letter to a full mailbox waits in a list of its sender, which is bounded by
// the requests under way; pushes are many and derived, so they are given up instead and the
// reader's core is told to forget its timelines.
#include "api/mail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/gather.h"
#include "api/lists.h"
#include "api/reactor.h"
#include "core/assert.h"
#include "core/pool.h"
#include "net/net.h"

// Less for each pair where there are many.
static uint32_t mailbox_bytes(unsigned cores)
{
    return cores <= 4 ? 1u << 20 : cores <= 16 ? 256u << 10 : 64u << 10;
}

_Static_assert(sizeof(struct mail_push) <= (64 << 10) / 4, "a push fits the smallest mailbox");

int mail_open(struct server *s)
{
    unsigned pairs = s->cores * s->cores;
    uint32_t bytes = mailbox_bytes(s->cores);
    s->mail = calloc(pairs, sizeof *s->mail);
    if (s->mail == NULL)
        return ENOMEM;
    for (unsigned i = 0; i < pairs; i++) {
        if (i / s->cores == i % s->cores)
            continue;
        s->mail[i].memory = malloc(bytes);
        if (s->mail[i].memory == NULL)
            return ENOMEM;
        ring_init(&s->mail[i].ring, s->mail[i].memory, bytes);
    }
    return 0;
}

void mail_close(struct server *s)
{
    for (unsigned i = 0; s->mail != NULL && i < s->cores * s->cores; i++)
        free(s->mail[i].memory);
    free(s->mail);
    s->mail = NULL;
}

static struct ring *box(const struct reactor *r, unsigned from, unsigned to)
{
    return &r->server->mail[from * r->server->cores + to].ring;
}

void mail_rest(struct reactor *r)
{
    for (unsigned c = 0; c < r->server->cores; c++)
        if (c != r->core && ring_rests(box(r, r->core, c), RING_REST_BYTES))
            pool_forget_pages(box(r, r->core, c)->buf, box(r, r->core, c)->capacity);
}

void mail_init(struct reactor *r)
{
    for (unsigned c = 0; c < CORES_MAX; c++)
        r->late[c] = (struct mail_late_list){NULL, &r->late[c].first};
}

void mail_free(struct reactor *r)
{
    for (unsigned c = 0; c < CORES_MAX; c++) {
        while (r->late[c].first != NULL) {
            struct mail_late *l = r->late[c].first;
            r->late[c].first = l->next;
            free(l);
        }
    }
}

// Pushes have a length of their own.
static uint32_t letter_bytes(enum mail_kind kind)
{
    return kind == MAIL_OUTCOME ? sizeof(struct mail_outcome) : sizeof(uint64_t);
}

static void keep(struct reactor *r, unsigned to, enum mail_kind kind, const void *letter)
{
    uint32_t n = letter_bytes(kind);
    struct mail_late *l = malloc(sizeof *l + n);
    ASSERT(l != NULL); // a lost letter would be a lost request
    l->next = NULL;
    l->kind = (uint32_t)kind;
    l->n = n;
    memcpy(l->bytes, letter, n);
    *r->late[to].last = l;
    r->late[to].last = &l->next;
    r->pulled_late += kind == MAIL_PULLED;
    stats_add(&r->stats.mail_late, 1);
}

void mail_send(struct reactor *r, unsigned to, enum mail_kind kind, const void *letter)
{
    uint32_t n = letter_bytes(kind);
    ASSERT(to != r->core);
    ASSERT(to < r->server->cores);
    r->sent_to[to] = true;
    if (r->late[to].first != NULL || !ring_push(box(r, r->core, to), letter, n, (uint32_t)kind))
        keep(r, to, kind, letter);
}

void mail_push(struct reactor *r, unsigned to, struct push push)
{
    ASSERT(to != r->core);
    struct ring *ring = box(r, r->core, to);
    r->sent_to[to] = true;
    while (push.readers.n > 0) {
        uint32_t some = push.readers.n < PUSH_READERS ? push.readers.n : PUSH_READERS;
        uint32_t bytes =
            (uint32_t)(offsetof(struct mail_push, reader) + some * sizeof(uint64_t));
        struct mail_push *p = ring_reserve(ring, bytes, MAIL_PUSH);
        if (p == NULL) {
            atomic_store(&r->server->shared[to].drop_timelines, 1);
            stats_add(&r->stats.pushes_dropped, push.readers.n);
            return;
        }
        p->post = push.post;
        p->n = some;
        memcpy(p->reader, push.readers.id, some * sizeof p->reader[0]);
        ring_commit(ring);
        push.readers.id += some;
        push.readers.n -= some;
    }
}

static void retry(struct reactor *r, unsigned to)
{
    struct mail_late_list *list = &r->late[to];
    while (list->first != NULL) {
        struct mail_late *l = list->first;
        if (!ring_push(box(r, r->core, to), l->bytes, l->n, l->kind))
            return;
        r->sent_to[to] = true;
        r->pulled_late -= l->kind == MAIL_PULLED;
        list->first = l->next;
        if (list->first == NULL)
            list->last = &list->first;
        free(l);
    }
}

bool mail_late(struct reactor *r)
{
    for (unsigned c = 0; c < r->server->cores; c++)
        if (r->late[c].first != NULL)
            retry(r, c);
    return r->pulled_late > 0;
}

static void take_one(struct reactor *r, enum mail_kind kind, const void *bytes)
{
    struct question *question;
    struct share *share;
    struct request *q;
    uint64_t author;
    switch (kind) {
    case MAIL_REQUEST:
        memcpy(&q, bytes, sizeof q);
        reactor_ready(r, q);
        break;
    case MAIL_ASK:
        memcpy(&question, bytes, sizeof question);
        lists_answer(r, question);
        break;
    case MAIL_TOLD:
        memcpy(&question, bytes, sizeof question);
        lists_told(r, question);
        break;
    case MAIL_SHARE:
        memcpy(&share, bytes, sizeof share);
        gather_asked(r, share);
        break;
    case MAIL_SHARE_DONE:
        memcpy(&share, bytes, sizeof share);
        gather_told(r, share);
        break;
    case MAIL_OUTCOME: {
        const struct mail_outcome *o = bytes;
        reactor_outcome(r, o->ticket, &o->outcome);
        break;
    }
    case MAIL_PUSH: {
        const struct mail_push *p = bytes;
        shard_push(r->shard, (struct push){p->post, {p->reader, (uint32_t)p->n}});
        break;
    }
    case MAIL_PULLED:
        memcpy(&author, bytes, sizeof author);
        shard_pulled(r->shard, author);
        break;
    case MAIL_KINDS:
        ASSERT(false);
    }
}

void mail_take(struct reactor *r)
{
    // Whoever set it had looked at what is in the mailboxes now: after them nothing is dropped
    // again.
    bool drop = atomic_exchange(&r->shared->drop_timelines, 0) != 0;
    for (unsigned c = 0; c < r->server->cores; c++) {
        if (c == r->core)
            continue;
        struct ring *ring = box(r, c, r->core);
        uint32_t n, tag;
        const void *bytes;
        while ((bytes = ring_peek(ring, &n, &tag)) != NULL) {
            take_one(r, (enum mail_kind)tag, bytes);
            ring_pop(ring);
        }
    }
    if (drop)
        timeline_drop_all(r->shard);
}

void mail_wake(struct reactor *r)
{
    for (unsigned c = 0; c < r->server->cores; c++) {
        if (!r->sent_to[c])
            continue;
        r->sent_to[c] = false;
        net_wake(r->server->reactor[c]->net);
    }
}
