#include "tools/kith_top.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/ops.h"
#include "tools/kith_cli.h"
#include "tools/kith_connect.h"
#include "tools/kith_http.h"

enum { BUCKETS_MAX = 64 };

// One line of /metrics: name{labels} value.
struct sample { const char *name, *labels; double value; };

struct page {
    struct string text;        // the samples point into it
    struct sample *sample;
    size_t n, cap;
    uint64_t at_ns;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static void page_free(struct page *p)
{
    string_free(&p->text);
    free(p->sample);
    *p = (struct page){0};
}

static void page_parse(struct page *p)
{
    for (char *line = p->text.s, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        char *value = strrchr(line, ' '), *brace = strchr(line, '{');
        if (*line == '#' || value == NULL)
            continue;
        if (p->n == p->cap) {
            p->cap = p->cap > 0 ? p->cap * 2 : 1024;
            p->sample = realloc(p->sample, p->cap * sizeof *p->sample);
            ASSERT(p->sample != NULL);
        }
        *value = '\0';
        if (brace != NULL)
            *brace = '\0';
        p->sample[p->n++] = (struct sample){line, brace != NULL ? brace + 1 : "",
                                           strtod(value + 1, NULL)};
    }
}

static int page_fetch(struct page *p, const char *admin)
{
    char why[256] = "";
    struct http_call call = {admin, "GET", "/metrics"};
    int status = http_exchange(&call, &p->text, why);
    p->at_ns = clock_mono_ns();
    if (status < 0)
        return failed(EXIT_CONNECT, "%s", why);
    if (status != 200)
        return failed(EXIT_FAILED, "%s/metrics answers %d", admin, status);
    page_parse(p);
    return EXIT_OK;
}

// Whether the labels have key="value".
static bool has_label(const char *labels, const char *key, const char *value)
{
    char want[96];
    int n = snprintf(want, sizeof want, "%s=\"%s\"", key, value);
    const char *at = strstr(labels, want);
    return at != NULL && (at == labels || at[-1] == ',') && (at[n] == ',' || at[n] == '}');
}

// Sum over all samples of the name; with a key only those with that label.
struct wanted { const char *name, *key, *value; };
static double sum(const struct page *p, struct wanted w)
{
    double all = 0;
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->sample[i].name, w.name) == 0 &&
            (w.key == NULL || has_label(p->sample[i].labels, w.key, w.value)))
            all += p->sample[i].value;
    return all;
}

// ---- percentiles -------------------------------------------------------------------------------

struct buckets { double bound[BUCKETS_MAX], count[BUCKETS_MAX]; unsigned n; };

static void add_bucket(struct buckets *b, double bound, double count)
{
    unsigned i = 0;
    while (i < b->n && b->bound[i] < bound)
        i++;
    if (i < b->n && b->bound[i] <= bound) {
        b->count[i] += count;
        return;
    }
    if (b->n == BUCKETS_MAX)
        return;
    memmove(b->bound + i + 1, b->bound + i, (b->n - i) * sizeof b->bound[0]);
    memmove(b->count + i + 1, b->count + i, (b->n - i) * sizeof b->count[0]);
    b->bound[i] = bound;
    b->count[i] = count;
    b->n++;
}

// Cumulative buckets of one operation, those of the page before taken away.
static void gather_buckets(struct buckets *b, const struct page *p, const char *op, double sign)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct sample *s = &p->sample[i];
        const char *le = strstr(s->labels, "le=\"");
        if (strcmp(s->name, "kith_request_seconds_bucket") == 0 && le != NULL &&
            has_label(s->labels, "op", op))
            add_bucket(b, strncmp(le + 4, "+Inf", 4) == 0 ? (double)INFINITY : strtod(le + 4, NULL),
                       sign * s->value);
    }
}

static double percentile(const struct buckets *b, double share)
{
    double all = b->n > 0 ? b->count[b->n - 1] : 0;
    for (unsigned i = 0; i < b->n && all > 0; i++)
        if (b->count[i] >= share * all)
            return b->bound[i];
    return 0;
}

static const char *duration(double s, char out[16])
{
    if (s <= 0)
        snprintf(out, 16, "-");
    else if (s > 3600)
        snprintf(out, 16, "> all");
    else if (s < 0.001)
        snprintf(out, 16, "%.0f us", s * 1e6);
    else
        snprintf(out, 16, s < 1 ? "%.1f ms" : "%.0f s", s < 1 ? s * 1e3 : s);
    return out;
}

static const char *amount(double v, char out[16])
{
    static const char *const units[] = {"", "K", "M", "G", "T"};
    unsigned u = 0;
    for (; v >= 10000 && u < 4; u++)
        v /= 1024;
    snprintf(out, 16, "%.0f %sB", v, units[u]);
    return out;
}

// ---- the screen --------------------------------------------------------------------------------

static void print_ops(const struct page *now, const struct page *before, double seconds)
{
    printf("%-18s %12s %10s %10s %9s %9s\n", "operation", "requests", "per s", "refused", "p50",
           "p99");
    for (unsigned i = 0; i < OP_LIMIT; i++) {
        const struct op_row *row = op_row(i);
        if (row == NULL || row->kind == OPK_INTERNAL)
            continue;
        struct wanted w = {"kith_requests_total", "op", row->name};
        double all = sum(now, w), last = before != NULL ? sum(before, w) : 0;
        if (all <= 0)
            continue;
        double good = 0;
        for (size_t k = 0; k < now->n; k++)
            if (strcmp(now->sample[k].name, w.name) == 0 &&
                has_label(now->sample[k].labels, "op", row->name) &&
                has_label(now->sample[k].labels, "code", "ok"))
                good += now->sample[k].value;
        struct buckets b = {.n = 0};
        gather_buckets(&b, now, row->name, 1);
        if (before != NULL && all > last)
            gather_buckets(&b, before, row->name, -1);
        char p50[16], p99[16];
        printf("%-18s %12.0f %10.0f %10.0f %9s %9s\n", row->name, all,
               seconds > 0 ? (all - last) / seconds : 0, all - good,
               duration(percentile(&b, 0.5), p50), duration(percentile(&b, 0.99), p99));
    }
}

static void print_family(const struct page *p, const char *prefix, bool bytes)
{
    unsigned printed = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct sample *s = &p->sample[i];
        if (strncmp(s->name, prefix, strlen(prefix)) != 0 || strstr(s->labels, "le=") != NULL ||
            s->value == 0)
            continue;
        const char *label = strchr(s->labels, '"');
        char name[40], value[16];
        snprintf(name, sizeof name, "%.*s", label != NULL ? (int)strcspn(label + 1, "\"") : 39,
                 label != NULL ? label + 1 : s->name + strlen(prefix));
        if (bytes)
            printf("%-16s %9s   ", name, amount(s->value, value));
        else
            printf("%-24s %14.6g   ", name, s->value);
        if (++printed % (bytes ? 3 : 2) == 0)
            printf("\n");
    }
    if (printed % (bytes ? 3 : 2) != 0)
        printf("\n");
}

static double total(const struct page *p, const char *name)
{
    return sum(p, (struct wanted){name, NULL, NULL});
}

static void print_page(const struct page *now, const struct page *before, const char *admin)
{
    double seconds = before != NULL ? (double)(now->at_ns - before->at_ns) / 1e9 : 0;
    char in[16], out[16];
    double rate_in = 0, rate_out = 0;
    if (seconds > 0) {
        rate_in = total(now, "kith_bytes_received_total") -
                  total(before, "kith_bytes_received_total");
        rate_out = total(now, "kith_bytes_sent_total") - total(before, "kith_bytes_sent_total");
    }
    printf("kith %s   connections %.0f   in %s/s   out %s/s\n\n", admin,
           total(now, "kith_connections_open"), amount(seconds > 0 ? rate_in / seconds : 0, in),
           amount(seconds > 0 ? rate_out / seconds : 0, out));
    print_ops(now, before, seconds);
    printf("\nmemory\n");
    print_family(now, "kith_memory_bytes", true);
    printf("\nlog\n");
    print_family(now, "kith_wal_", false);
}

static int watch(const char *admin, bool once, uint64_t every_ms)
{
    struct page pages[2] = {{.n = 0}, {.n = 0}};
    unsigned turn = 0;
    int code = EXIT_OK;
    while (!ended) {
        struct page *now = &pages[turn % 2];
        page_free(now);
        code = page_fetch(now, admin);
        if (code != EXIT_OK)
            break;
        if (!once)
            printf("\033[H\033[2J");
        print_page(now, turn > 0 ? &pages[(turn + 1) % 2] : NULL, admin);
        fflush(stdout);
        if (once)
            break;
        turn++;
        nanosleep(&(struct timespec){(time_t)(every_ms / 1000), (long)(every_ms % 1000) * 1000000},
                  NULL);
    }
    page_free(&pages[0]);
    page_free(&pages[1]);
    return code;
}

int kith_top(int argc, char **argv)
{
    const char *admin = KITH_DEFAULT_ADMIN;
    bool once = false;
    uint64_t every_ms = 1000;
    const struct option options[] = {
        {"admin", 0, OPTION_TEXT, "ADDR", KITH_DEFAULT_ADMIN, "the server's admin port", &admin},
        {"once", 0, OPTION_FLAG, NULL, NULL, "one page without a screen, then end", &once},
        {"every", 0, OPTION_NUMBER, "MS", "1000", "milliseconds between two pages", &every_ms},
        {0},
    };
    const struct command command = {
        .name = "top",
        .purpose = "Shows what a running server does: requests, latency, memory, log.",
        .usage = "[options]",
        .examples = "  kith top\n  kith top --admin 127.0.0.1:5485 --once\n",
        .options = options,
        .more = "Latencies are upper bounds of power-of-two buckets, over the last interval.\n",
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    struct sigaction on = {.sa_handler = on_signal};
    sigaction(SIGINT, &on, NULL);
    return watch(admin, once || !isatty(STDOUT_FILENO), every_ms > 50 ? every_ms : 50);
}
