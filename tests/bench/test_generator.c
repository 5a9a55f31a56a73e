// The generator against a server of this process that can be told to stall: an open loop must show
// the stall in the latencies of all who had to wait for it, a closed one hides it; answers in any
// order, in order, and in two round trips find their requests.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/generator.h"
#include "core/clock.h"

enum { CONNECTIONS = 4, IN_FLIGHT = 8, STALL_MS = 200 };

// A request and its answer.
struct message { uint32_t slot, step, actor, refused; };

struct fake {
    int end[CONNECTIONS];          // the server's
    pthread_t thread;
    atomic_bool stop;
    bool backwards;                // answers of one read in the reverse order
    uint64_t stall_at_ns;          // 0 = never
    unsigned steps;                // round trips of a request
    char first_error[DRIVER_WHY];
    uint64_t mixed_up;             // answers that found another's request
};

static void answer_all(struct fake *f, int fd)
{
    struct message m[CONNECTIONS * IN_FLIGHT * 2];
    ssize_t n = recv(fd, m, sizeof m, MSG_DONTWAIT);
    if (n <= 0)
        return;
    size_t count = (size_t)n / sizeof *m;
    for (size_t i = 0; f->backwards && i < count / 2; i++) {
        struct message t = m[i];
        m[i] = m[count - 1 - i];
        m[count - 1 - i] = t;
    }
    // In two parts, so that an answer comes in pieces.
    send(fd, m, 5, MSG_NOSIGNAL);
    send(fd, (uint8_t *)m + 5, (size_t)n - 5, MSG_NOSIGNAL);
}

static void *serve(void *arg)
{
    struct fake *f = arg;
    while (!atomic_load(&f->stop)) {
        struct pollfd p[CONNECTIONS];
        for (unsigned i = 0; i < CONNECTIONS; i++)
            p[i] = (struct pollfd){.fd = f->end[i], .events = POLLIN};
        poll(p, CONNECTIONS, 5);
        if (f->stall_at_ns != 0 && clock_mono_ns() > f->stall_at_ns) {
            nanosleep(&(struct timespec){0, STALL_MS * 1000000}, NULL);
            f->stall_at_ns = 0;
        }
        for (unsigned i = 0; i < CONNECTIONS; i++)
            if (p[i].revents != 0)
                answer_all(f, f->end[i]);
    }
    return NULL;
}

static int fake_open(void *ctx, unsigned i, int *fd, char *why)
{
    struct fake *f = ctx;
    int pair[2];
    (void)why;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    *fd = pair[0];
    f->end[i] = pair[1];
    if (i == CONNECTIONS - 1)
        return pthread_create(&f->thread, NULL, serve, f);
    return 0;
}

static size_t fake_write(void *ctx, struct job *job, uint8_t *at)
{
    struct message m = {job->slot, job->step, job->ask.actor, 0};
    (void)ctx;
    memcpy(at, &m, sizeof m);
    return sizeof m;
}

static size_t fake_whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    struct message m;
    (void)ctx;
    if (n < sizeof m)
        return 0;
    memcpy(&m, in, sizeof m);
    *slot = m.slot;
    return sizeof m;
}

static enum verdict fake_judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct fake *f = ctx;
    struct message m;
    assert_int_equal(n, sizeof m);
    memcpy(&m, answer, n);
    f->mixed_up += m.slot != job->slot || m.actor != job->ask.actor || m.step != job->step;
    if (job->step + 1u < f->steps)
        return VERDICT_AGAIN;
    return m.actor % 100 == 7 ? VERDICT_REFUSED : VERDICT_DONE;
}

struct trial { struct fake fake; bool in_order; double rate; struct generator_report report; };

static void run(struct trial *t)
{
    struct community c = {.seed = 1, .users = 1000, .posts = 10, .edges = 1000};
    community_init(&c);
    struct mix mix = {.kind = MIX_FEED, .community = &c, .order = 5};
    mix_init(&mix);
    struct driver d = {
        .system = "fake", .in_order = t->in_order, .request_max = sizeof(struct message),
        .open = fake_open, .write = fake_write, .whole = fake_whole, .judge = fake_judge,
        .ctx = &t->fake, .first_error = t->fake.first_error,
    };
    struct generator_options opt = {
        .driver = &d, .mix = &mix, .connections = CONNECTIONS, .in_flight = IN_FLIGHT,
        .warmup_s = 0.05, .duration_s = 1, .rate = t->rate,
    };
    if (t->fake.steps == 0)
        t->fake.steps = 1;
    assert_int_equal(generator_run(&opt, &t->report), 0);
    atomic_store(&t->fake.stop, true);
    pthread_join(t->fake.thread, NULL);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        close(t->fake.end[i]);
    mix_free(&mix);
    assert_int_equal(t->fake.mixed_up, 0);
}

static void test_open_loop_shows_a_stall(void **state)
{
    (void)state;
    struct trial t = {.rate = 2000};
    t.fake.stall_at_ns = clock_mono_ns() + 300000000;
    run(&t);
    // A fifth of all requests fell into the stall, and waited half of it on average.
    assert_true(hist_percentile(&t.report.latency, 95) > STALL_MS * 1000000 / 2);
    // Wide, for the machine may be busy with other tests.
    assert_in_range(t.report.answered + t.report.unsent, 1500, 2010);
    generator_free(&t.report);
}

static void test_closed_loop_hides_it(void **state)
{
    (void)state;
    struct trial t = {0};
    t.fake.stall_at_ns = clock_mono_ns() + 300000000;
    run(&t);
    assert_true(t.report.answered > 400);
    assert_true(hist_percentile(&t.report.latency, 95) < STALL_MS * 1000000 / 2);
    assert_true(hist_max(&t.report.latency) > STALL_MS * 1000000 / 2);
    generator_free(&t.report);
}

static void test_answers_find_their_requests(void **state)
{
    (void)state;
    struct trial any = {.rate = 5000, .fake.backwards = true}, ordered = {.in_order = true};
    struct trial twice = {.in_order = true, .fake.steps = 3};
    run(&any);
    run(&ordered);
    run(&twice);
    assert_true(any.report.refused > 0 && any.report.refused < any.report.answered / 20);
    assert_true(ordered.report.answered > 100 && twice.report.answered > 100);
    assert_true(any.report.seconds_n >= 1 && any.report.second[0].answered > 1000);
    generator_free(&any.report);
    generator_free(&ordered.report);
    generator_free(&twice.report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_loop_shows_a_stall),
        cmocka_unit_test(test_closed_loop_hides_it),
        cmocka_unit_test(test_answers_find_their_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
