// A line on standard error that says how far a long work is, how fast it goes and how long it will
// take.
#ifndef KITH_TOOLS_KITH_PROGRESS_H
#define KITH_TOOLS_KITH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on;               // a terminal, or asked for
    bool terminal;         // the line is drawn over itself
    const char *what;      // "posts"
    uint64_t begun_ns, drawn_ns;
};

// Decides `on`: always with force, else on a terminal.
void progress_init(struct progress *p, bool force);
void progress_begin(struct progress *p, const char *what);
// rows so far; done of all says how much of the work (bytes or rows) that is, all = 0: not known.
void progress_show(struct progress *p, uint64_t rows, uint64_t done, uint64_t all);
void progress_end(struct progress *p, uint64_t rows);

#endif
