// Where one thread sleeps until another one calls it: filled in at link time, so that the simulator
// can put its own in place. A signal costs a system call only while the sleeper sleeps.
//
//   sleeper: event_arm; look once more for work; event_wait or, if there was some, event_disarm
//   others:  make the work visible; event_signal
#ifndef KITH_CORE_EVENT_H
#define KITH_CORE_EVENT_H

#include <stdatomic.h>
#include <stdint.h>

struct event {
    int fd;                   // an eventfd; the kernel may signal it too (file_queue_notify)
    _Atomic uint32_t asleep;  // 1 from event_arm until the sleeper is up or a signal took it
};

int event_init(struct event *e); // 0 or errno
void event_free(struct event *e);
void event_arm(struct event *e);
void event_disarm(struct event *e);
void event_wait(struct event *e, int ms); // ms > 0; disarms; may return early
void event_signal(struct event *e);       // any thread

#endif
