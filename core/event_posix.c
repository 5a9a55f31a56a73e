// Sleeping and waking for the program: an eventfd behind a flag.
#include "core/event.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/assert.h"

int event_init(struct event *e)
{
    e->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    atomic_init(&e->asleep, 0);
    return e->fd < 0 ? errno : 0;
}

void event_free(struct event *e)
{
    if (e->fd >= 0)
        close(e->fd);
    e->fd = -1;
}

void event_arm(struct event *e)
{
    // All sides exchange on the flag, so one comes first: either the signaller finds it set, or the
    // sleeper, looking for work behind this, sees what the signaller had made visible.
    atomic_exchange_explicit(&e->asleep, 1, memory_order_acq_rel);
}

void event_disarm(struct event *e)
{
    atomic_exchange_explicit(&e->asleep, 0, memory_order_acq_rel);
}

void event_wait(struct event *e, int ms)
{
    ASSERT(ms > 0);
    struct pollfd p = {.fd = e->fd, .events = POLLIN};
    int n = poll(&p, 1, ms);
    event_disarm(e);
    if (n <= 0)
        return; // time is up, or a signal handler ran: the caller looks again anyway
    uint64_t count;
    ssize_t got = read(e->fd, &count, sizeof count);
    (void)got; // EAGAIN: somebody else's wake was taken already
}

void event_signal(struct event *e)
{
    if (atomic_exchange_explicit(&e->asleep, 0, memory_order_acq_rel) == 0)
        return;
    uint64_t one = 1;
    ssize_t put = write(e->fd, &one, sizeof one);
    (void)put; // EAGAIN: the counter is full, so the sleeper wakes anyway
}
