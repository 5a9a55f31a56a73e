#include "tools/kith_progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

#define DRAW_EVERY_NS UINT64_C(200000000)
#define PRINT_EVERY_NS UINT64_C(2000000000)

void progress_init(struct progress *p, bool force)
{
    memset(p, 0, sizeof *p);
    p->terminal = isatty(STDERR_FILENO);
    p->on = force || p->terminal;
}

void progress_begin(struct progress *p, const char *what)
{
    p->what = what;
    p->begun_ns = p->drawn_ns = clock_mono_ns();
}

static void draw(struct progress *p, uint64_t rows, const char *rest)
{
    double s = (double)(p->drawn_ns - p->begun_ns) / 1e9;
    fprintf(stderr, "%s%-8s %12llu rows %10.0f/s %s%s", p->terminal ? "\r\033[K" : "", p->what,
            (unsigned long long)rows, s > 0 ? (double)rows / s : 0, rest,
            p->terminal ? "" : "\n");
}

void progress_show(struct progress *p, uint64_t rows, uint64_t done, uint64_t all)
{
    if (!p->on)
        return;
    uint64_t now = clock_mono_ns();
    if (now - p->drawn_ns < (p->terminal ? DRAW_EVERY_NS : PRINT_EVERY_NS))
        return;
    p->drawn_ns = now;
    char rest[64] = "";
    if (all > 0 && done > 0 && done <= all) {
        double left = (double)(now - p->begun_ns) / 1e9 * (double)(all - done) / (double)done;
        snprintf(rest, sizeof rest, "%5.1f %%  %u:%02u left", 100.0 * (double)done / (double)all,
                 (unsigned)left / 60, (unsigned)left % 60);
    }
    draw(p, rows, rest);
}

void progress_end(struct progress *p, uint64_t rows)
{
    if (!p->on)
        return;
    p->drawn_ns = clock_mono_ns();
    draw(p, rows, "");
    if (p->terminal)
        fputc('\n', stderr);
}
