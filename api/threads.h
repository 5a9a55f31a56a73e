// The threads of a server: the only place where any are made. Each takes the steps of one part in a
// loop.
#ifndef KITH_API_THREADS_H
#define KITH_API_THREADS_H

struct server;

// The control thread, so that the admin port answers while the state is being read. 0 or errno.
int threads_begin(struct server *s);
// All others, when the server is loaded.
int threads_serve(struct server *s);
// Waits for all cores to become idle, at most ms milliseconds.
void threads_drain(struct server *s, int ms);
// Ends all threads.
void threads_end(struct server *s);

#endif
