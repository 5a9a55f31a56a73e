// The foreground of a server process: signals, one line when it is ready, an exit code.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "api/state.h"
#include "core/logger.h"

enum { LOOK_MS = 200 };

static void ready_line(const struct server *s)
{
    printf("kith %s ready:", KITH_VERSION);
    for (unsigned i = 0; i < s->opt.listen_count; i++)
        printf(" %s", s->opt.listen[i]);
    if (s->opt.admin != NULL)
        printf(", admin %s", s->opt.admin);
    printf(", %s, %u core%s, %s, place %llu\n", server_backend(s), s->cores,
           s->cores == 1 ? "" : "s", s->opt.dir, (unsigned long long)s->recovered);
    fflush(stdout);
}

// Until a signal or until the server cannot go on.
static enum server_exit wait_for_end(const struct server *s, const sigset_t *set)
{
    const struct timespec wait = {0, LOOK_MS * 1000 * 1000};
    for (;;) {
        if (sigtimedwait(set, NULL, &wait) > 0)
            return SERVER_DONE;
        if (server_dead(s))
            return SERVER_IO;
    }
}

// As many connections as the process may have.
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

enum server_exit server_run(const struct server_options *opt)
{
    struct server *s;
    char why[SERVER_WHY];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    // Before any thread is made: none of them may take a signal.
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_limits();
    logger_start((struct logger_options){.level = LOG_INFO, .format = LOG_LOGFMT, .fd = 2});
    enum server_exit how = server_start(opt, &s, why);
    if (how != SERVER_DONE) {
        log_line(LOG_ERROR, "%s", why);
        logger_stop();
        return how;
    }
    if (!opt->quiet)
        ready_line(s);
    enum server_exit ended = wait_for_end(s, &set);
    // From here on a signal ends the process as if it was killed.
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    log_line(LOG_INFO, "%s", ended == SERVER_DONE ? "stopping" : "ending after an error");
    how = server_stop(s);
    logger_stop();
    return ended != SERVER_DONE ? ended : how;
}
