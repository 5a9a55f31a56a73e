#include "tools/kith_bench_report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/server.h"
#include "tools/kith_cli.h"

typedef unsigned long long ull;

const char *report_durability(const struct bench *b)
{
    return b->server.target != NULL ? "of the server" : b->server.durability;
}

// ---- JSON --------------------------------------------------------------------------------------

static void add_text(struct string *out, const char *name, const char *value)
{
    string_format(out, "\"%s\":", name);
    string_json(out, value, strlen(value));
    string_adds(out, ",");
}

// A number with as many digits as it deserves.
static void add_number(struct string *out, const char *name, double value)
{
    double size = value < 0 ? -value : value;
    string_format(out, "\"%s\":%.*f,", name, size >= 1000 ? 0 : size >= 10 ? 1 : 4, value);
}

static void add_optional(struct string *out, const char *name, bool known, double value)
{
    if (known)
        add_number(out, name, value);
    else
        string_format(out, "\"%s\":null,", name);
}

// Ends what was written with a comma behind each member.
static void end_list(struct string *out, const char *end)
{
    if (out->n > 0 && out->s[out->n - 1] == ',')
        out->s[--out->n] = '\0';
    string_adds(out, end);
}

static void add_latency(struct string *out, const struct hist *h)
{
    add_number(out, "p50_us", (double)hist_percentile(h, 50) / 1e3);
    add_number(out, "p99_us", (double)hist_percentile(h, 99) / 1e3);
    add_number(out, "p999_us", (double)hist_percentile(h, 99.9) / 1e3);
    add_number(out, "max_us", (double)hist_max(h) / 1e3);
    add_number(out, "mean_us", hist_mean(h) / 1e3);
}

static void add_run(struct string *out, const struct bench_run *r)
{
    const struct generator_report *g = &r->report;
    double n = g->answered > 0 ? (double)g->answered : 1;
    string_format(out, "\"loop\":\"%s\",", r->rate > 0 ? "open" : "closed");
    add_optional(out, "rate", r->rate > 0, r->rate);
    add_number(out, "ops_per_second", run_per_second(r));
    add_latency(out, &g->latency);
    add_optional(out, "server_us_per_op", r->server_cpu_ns > 0, run_server_us(r));
    add_number(out, "generator_us_per_op", g->busy * g->seconds * 1e6 / n);
    add_number(out, "generator_busy", g->busy);
    string_format(out, "\"generator_bound\":%s,", r->bound ? "true" : "false");
    string_adds(out, "\"core_busy\":[");
    for (unsigned i = 0; i < r->cores; i++)
        string_format(out, "%.3f,", r->core_busy[i]);
    end_list(out, "],");
    string_format(out, "\"seconds\":%.3f,\"answered\":%llu,\"refused\":%llu,\"malformed\":%llu,",
                  g->seconds, (ull)g->answered, (ull)g->refused, (ull)g->wrong);
    string_format(out, "\"late\":%llu,\"unsent\":%llu,", (ull)g->late, (ull)g->unsent);
    add_number(out, "bytes_in_per_op", (double)g->bytes_in / n);
    add_number(out, "bytes_out_per_op", (double)g->bytes_out / n);
    add_optional(out, "resident_mb", r->resident_max > 0, (double)r->resident_max / 1e6);
}

static void add_kinds(struct string *out, const struct generator_report *g)
{
    string_adds(out, "\"kinds\":{");
    for (unsigned k = 0; k < ASK_KINDS; k++) {
        if (g->kind[k].counts == NULL)
            continue;
        string_format(out, "\"%s\":{\"count\":%llu,", ask_names[k], (ull)hist_count(&g->kind[k]));
        add_latency(out, &g->kind[k]);
        end_list(out, "},");
    }
    end_list(out, "},\"per_second\":[");
    for (unsigned i = 0; i < g->seconds_n; i++)
        string_format(out, "{\"answered\":%llu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f},",
                      (ull)g->second[i].answered, (double)g->second[i].p50_ns / 1e3,
                      (double)g->second[i].p99_ns / 1e3, (double)g->second[i].max_ns / 1e3);
    end_list(out, "],");
}

static void add_community(struct string *out, const struct bench *b)
{
    const struct community *c = &b->world.community;
    string_format(out, "\"community\":{\"users\":%u,\"follows\":%llu,\"posts\":%llu,"
                       "\"seed\":%llu,\"order\":%llu,",
                  c->users, (ull)c->edges + (c->star ? c->users : 0), (ull)c->posts, (ull)c->seed,
                  (ull)b->opt.order);
    add_number(out, "skew", b->opt.skew);
    add_number(out, "read_share", b->opt.read_share);
    add_number(out, "made_in_s", b->world_seconds);
    end_list(out, "},");
}

static void add_environment(struct string *out, const struct bench *b)
{
    const struct machine *m = &b->machine;
    string_adds(out, "\"environment\":{");
    add_text(out, "kith", KITH_VERSION);
    add_text(out, "cpu", m->cpu);
    string_format(out, "\"cores\":%u,\"memory_gb\":%.1f,\"load\":%.2f,", m->cores,
                  (double)m->memory_bytes / 1e9, m->load);
    add_text(out, "kernel", m->kernel);
    add_text(out, "governor", m->governor);
    add_text(out, "clock", m->clock);
    add_text(out, "io", b->server.target != NULL ? "of the server" : b->server.io);
    add_text(out, "address", b->server.address);
    add_text(out, "command", b->command);
    end_list(out, "}");
}

static void add_headline(struct string *out, const struct bench *b)
{
    const struct bench_run *r = b->main >= 0 ? &b->run[b->main] : NULL;
    if (r != NULL) {
        add_run(out, r);
        add_kinds(out, &r->report);
    } else {
        string_adds(out, "\"ops_per_second\":null,\"p50_us\":null,\"p99_us\":null,"
                         "\"p999_us\":null,");
    }
    add_optional(out, "highest_per_second", b->highest > 0, b->highest);
    add_optional(out, "ratio_to_limit", b->limit_ratio > 0, b->limit_ratio);
    string_format(out, "\"errors\":%llu,\"validated\":%llu,", (ull)bench_errors(b),
                  (ull)b->frames.validated);
    add_optional(out, "changed", b->changed >= 0, b->changed);
    if (b->frames.first_error[0] != '\0')
        add_text(out, "first_error", b->frames.first_error);
}

void report_json(const struct bench *b, struct string *out)
{
    string_adds(out, "{");
    add_text(out, "scenario", b->opt.scenario);
    string_format(out, "\"version\":%u,\"in_flight\":%llu,\"connections\":%llu,", b->opt.version,
                  (ull)b->opt.in_flight, (ull)b->opt.connections);
    add_text(out, "durability", report_durability(b));
    add_text(out, "system", "kith");
    add_text(out, "protocol", b->opt.http ? "http" : "binary");
    add_headline(out, b);
    string_adds(out, "\"figures\":{");
    for (unsigned i = 0; i < b->figures; i++)
        add_number(out, b->figure[i].name, b->figure[i].value);
    end_list(out, "},\"runs\":[");
    for (unsigned i = 0; i < b->runs; i++) {
        string_adds(out, "{");
        add_text(out, "label", b->run[i].label);
        add_run(out, &b->run[i]);
        end_list(out, "},");
    }
    end_list(out, "],");
    add_community(out, b);
    add_environment(out, b);
    string_adds(out, "}\n");
}

// ---- words -------------------------------------------------------------------------------------

static void say_run(struct string *out, const struct bench_run *r)
{
    const struct generator_report *g = &r->report;
    string_format(out, "%-32s %9.0f/s  p50 %7.0f us  p99 %7.0f us  p99.9 %7.0f us  max %7.0f us\n",
                  r->label, run_per_second(r), run_us(r, 50), run_us(r, 99), run_us(r, 99.9),
                  (double)hist_max(&g->latency) / 1e3);
}

static void say_generator(struct string *out, const struct bench_run *r)
{
    const struct generator_report *g = &r->report;
    double n = g->answered > 0 ? (double)g->answered : 1;
    if (r->server_cpu_ns > 0)
        string_format(out, "server %.2f us of processor time each, ", run_server_us(r));
    string_format(out, "generator %.2f us, busy %.0f %%; cores busy",
                  g->busy * g->seconds * 1e6 / n, 100 * g->busy);
    for (unsigned i = 0; i < r->cores; i++)
        string_format(out, " %.0f %%", 100 * r->core_busy[i]);
    string_format(out, "; %.0f bytes out, %.0f in each\n", (double)g->bytes_out / n,
                  (double)g->bytes_in / n);
    if (r->bound && g->busy > BENCH_BUSY_MAX)
        string_format(out, "THE GENERATOR was the bottleneck, busy %.0f %% while a core idled: the "
                           "figures are its own\n", 100 * g->busy);
    else if (r->bound)
        string_format(out, "THE GENERATOR was held up, busy only %.0f %%: %llu requests left more "
                           "than 1 ms late, and the latencies above have that in them\n",
                      100 * g->busy, (ull)g->late);
    if (g->unsent > g->sent / 1000)
        string_format(out, "%llu requests were due and never sent: the rate is above what the "
                           "server can do with so many in flight\n", (ull)g->unsent);
}

static void say_kinds(struct string *out, const struct generator_report *g)
{
    unsigned kinds = 0;
    for (unsigned k = 0; k < ASK_KINDS; k++)
        kinds += g->kind[k].counts != NULL;
    for (unsigned k = 0; k < ASK_KINDS && kinds > 1; k++)
        if (g->kind[k].counts != NULL)
            string_format(out, "  %-12s %10llu  p50 %7.0f us  p99 %7.0f us  p99.9 %7.0f us\n",
                          ask_names[k], (ull)hist_count(&g->kind[k]),
                          (double)hist_percentile(&g->kind[k], 50) / 1e3,
                          (double)hist_percentile(&g->kind[k], 99) / 1e3,
                          (double)hist_percentile(&g->kind[k], 99.9) / 1e3);
}

static void say_answers(struct string *out, const struct bench *b)
{
    if (b->changed >= 0)
        string_format(out, "%.2f %% of the changes changed something\n", 100 * b->changed);
    if (b->modelled)
        string_format(out, "%llu answers were checked against the model\n",
                      (ull)b->frames.validated);
    if (bench_errors(b) > 0)
        string_format(out, "%llu ERRORS, the first: %s\n", (ull)bench_errors(b),
                      b->frames.first_error);
}

void report_text(const struct bench *b, struct string *out)
{
    const struct bench_run *r = b->main >= 0 ? &b->run[b->main] : NULL;
    string_format(out, "%s (version %u): %s\n", b->opt.scenario, b->opt.version, b->opt.words);
    string_format(out, "%llu connections, %llu in flight each, %s%s, durability %s\n",
                  (ull)b->opt.connections, (ull)b->opt.in_flight,
                  b->opt.http ? "HTTP with JSON, " : "",
                  r == NULL || r->rate <= 0 ? "closed loop"
                                            : "open loop, latency from the intended time",
                  report_durability(b));
    if (b->world.user != NULL)
        string_format(out, "%u users, %llu follows, %llu posts, made in %.1f s; order %llu\n",
                      b->world.community.users, (ull)b->world.community.edges,
                      (ull)b->world.community.posts, b->world_seconds, (ull)b->opt.order);
    for (unsigned i = 0; i < b->runs; i++)
        say_run(out, &b->run[i]);
    if (r != NULL) {
        if (r->rate > 0 && b->highest > 0)
            string_format(out, "the latency above is at %.0f %% of the highest rate\n",
                          100 * r->rate / b->highest);
        say_generator(out, r);
        say_kinds(out, &r->report);
    }
    for (unsigned i = 0; i < b->figures; i++) {
        double v = b->figure[i].value;
        string_format(out, "  %-30s %12.*f %s\n", b->figure[i].name, v >= 1000 ? 0 : 2, v,
                      b->figure[i].unit);
    }
    if (b->limit_ratio > 0)
        string_format(out, "%.2f of the rate of bare echoes of as many bytes\n", b->limit_ratio);
    say_answers(out, b);
}

// ---- files -------------------------------------------------------------------------------------

static int write_file(const char *path, const struct string *text)
{
    bool out = strcmp(path, "-") == 0;
    FILE *f = out ? stdout : fopen(path, "we");
    if (f == NULL)
        return failed(EXIT_FAILED, "%s: %s", path, strerror(errno));
    bool whole = fwrite(text->s, 1, text->n, f) == text->n;
    whole = fflush(f) == 0 && whole;
    int err = errno;
    if (!out)
        whole = fclose(f) == 0 && whole;
    return whole ? EXIT_OK : failed(EXIT_FAILED, "%s: %s", path, strerror(err));
}

static void report_percentiles(const struct bench *b, struct string *out)
{
    report_hgrm(&b->run[b->main].report.latency, out);
}

int report_write(const struct bench *b)
{
    const bool load = b->main >= 0;
    const struct {
        const char *path;
        void (*make)(const struct bench *b, struct string *out);
        bool possible;
    } files[] = {
        {b->opt.json, report_json, true},
        {b->opt.hdr, report_percentiles, load},
        {b->opt.hlog, report_hlog, load},
        {b->opt.html, report_html, true},
    };
    int code = EXIT_OK;
    bool taken = false; // standard output has been
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i].path == NULL)
            continue;
        if (!files[i].possible) {
            code = failed(EXIT_USAGE, "the scenario %s has no one histogram", b->opt.scenario);
            continue;
        }
        struct string text = {0};
        files[i].make(b, &text);
        taken |= strcmp(files[i].path, "-") == 0;
        int written = write_file(files[i].path, &text);
        code = code == EXIT_OK ? written : code;
        string_free(&text);
    }
    if (!taken) {
        struct string text = {0};
        report_text(b, &text);
        fputs(text.s, stdout);
        string_free(&text);
    }
    return code;
}
