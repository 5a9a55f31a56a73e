// The report as one page: no scripts, nothing fetched, light or dark as the reader's system is.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/server.h"
#include "tools/kith_bench_report.h"
#include "tools/kith_bench_svg.h"

typedef unsigned long long ull;

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fcfcfa;--fg:#1c1e21;--dim:#62676e;--rule:#dddfda;"
    "--c0:#1f66ad;--c1:#c05a12;--c2:#14806a;--c3:#7a49ad;--c4:#a83258;--c5:#6b6f1a}"
    "@media(prefers-color-scheme:dark){"
    ":root{--bg:#16181b;--fg:#e6e7e4;--dim:#9aa0a6;--rule:#33373c;"
    "--c0:#74b0f0;--c1:#f0a05f;--c2:#5cc9ae;--c3:#c29bf0;--c4:#f08aa8;--c5:#c9cd6a}}"
    "body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;margin:0 auto;"
    "padding:32px 20px 64px;max-width:860px}"
    "h1{font-size:26px;margin:0;letter-spacing:-.01em}h2{font-size:17px;margin:40px 0 8px}"
    "p{margin:4px 0;color:var(--dim)}p.bad{color:var(--c4);font-weight:600}"
    ".tiles{display:flex;flex-wrap:wrap;gap:12px 36px;margin:24px 0 8px}"
    ".tiles b{display:block;font-size:24px;font-weight:600;font-variant-numeric:tabular-nums}"
    ".tiles span{color:var(--dim);font-size:13px}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:4px 0 4px 14px;border-bottom:1px solid var(--rule)}"
    "th{font-weight:500;color:var(--dim);font-size:13px}"
    "th:first-child,td:first-child{text-align:left;padding-left:0}"
    ".wide{overflow-x:auto}"
    "figure{margin:28px 0 0}figcaption{font-weight:600;margin-bottom:6px}"
    "svg{width:100%;height:auto}"
    ".grid{stroke:var(--rule);stroke-width:1}.tick{fill:var(--dim);font-size:12px}"
    ".end{text-anchor:end}.middle{text-anchor:middle}.name{font-size:12px;font-weight:600}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}.bar{fill:var(--c0)}"
    ".c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}"
    ".c4{stroke:var(--c4)}.c5{stroke:var(--c5)}.dot{fill:var(--bg);stroke-width:1.5}"
    ".f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}"
    ".f4{fill:var(--c4)}.f5{fill:var(--c5)}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:0}"
    "dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}code{font:13px ui-monospace,monospace}"
    "meter{width:100%;height:12px}";

static void add_escaped(struct string *out, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '&')
            string_adds(out, "&amp;");
        else if (*s == '<')
            string_adds(out, "&lt;");
        else if (*s == '>')
            string_adds(out, "&gt;");
        else if (*s == '"')
            string_adds(out, "&quot;");
        else if ((unsigned char)*s >= ' ')
            string_add(out, s, 1);
    }
}

// ---- charts ------------------------------------------------------------------------------------

static void add_curve(struct chart *c, const char *name, const struct hist *h)
{
    enum { STEPS_PER_NINE = 10 };
    struct chart_series *s = hist_count(h) > 0 ? chart_add(c, name) : NULL;
    double nines = log10((double)hist_count(h));
    for (unsigned i = 0; s != NULL && i <= 7 * STEPS_PER_NINE; i++) {
        double x = (double)i / STEPS_PER_NINE;
        if (i > STEPS_PER_NINE && x > nines)
            break;
        series_add(s, x, (double)hist_percentile(h, 100 * (1 - pow(10, -x))) / 1e3);
    }
}

static void add_percentiles(struct string *out, const struct generator_report *g)
{
    struct chart c = {.title = "Latency by percentile", .x_label = "requests answered within",
                      .x = CHART_NINES, .y = CHART_TIME};
    add_curve(&c, "all", &g->latency);
    // As many kinds as lines can be told apart, the most asked first; the table has all.
    uint64_t before = UINT64_MAX;
    for (unsigned i = 0; i < CHART_SERIES - 1; i++) {
        unsigned best = ASK_KINDS;
        uint64_t most = 0;
        for (unsigned k = 0; k < ASK_KINDS; k++) {
            uint64_t n = g->kind[k].counts != NULL ? hist_count(&g->kind[k]) : 0;
            if (n > most && n < before) {
                best = k;
                most = n;
            }
        }
        // A single kind is what the line of all shows.
        if (best == ASK_KINDS || most == hist_count(&g->latency))
            break;
        add_curve(&c, ask_names[best], &g->kind[best]);
        before = most;
    }
    chart_svg(&c, out);
}

static void add_runs_chart(struct string *out, const struct bench *b)
{
    static const struct { const char *name; double percent; } lines[] = {
        {"p50", 50}, {"p99", 99}, {"p99.9", 99.9},
    };
    struct chart c = {.title = "Latency against throughput, open loop",
                      .x_label = "requests a second", .x = CHART_COUNT, .y = CHART_TIME};
    for (unsigned l = 0; l < 3; l++) {
        struct chart_series *s = chart_add(&c, lines[l].name);
        for (unsigned i = 0; i < b->runs; i++)
            if (b->sweep[i])
                series_add(s, run_per_second(&b->run[i]), run_us(&b->run[i], lines[l].percent));
    }
    chart_svg(&c, out);
}

static void add_seconds(struct string *out, const struct generator_report *g)
{
    struct chart rate = {.title = "Throughput, second by second", .x_label = "second",
                         .x = CHART_COUNT, .y = CHART_COUNT};
    struct chart time = {.title = "Latency, second by second", .x_label = "second",
                         .x = CHART_COUNT, .y = CHART_TIME};
    struct chart_series *s = chart_add(&rate, "requests/s");
    struct chart_series *p50 = chart_add(&time, "p50"), *p99 = chart_add(&time, "p99");
    struct chart_series *max = chart_add(&time, "max");
    unsigned every = g->seconds_n / CHART_POINTS + 1;
    // A rate needs a whole second; shorter runs have the tiles.
    for (unsigned i = 0; i < g->seconds_n && g->seconds >= 1; i += every) {
        const struct generator_second *t = &g->second[i];
        series_add(s, i + 1, (double)t->answered);
        series_add(p50, i + 1, (double)t->p50_ns / 1e3);
        series_add(p99, i + 1, (double)t->p99_ns / 1e3);
        series_add(max, i + 1, (double)t->max_ns / 1e3);
    }
    if (g->seconds_n > 1) {
        chart_svg(&rate, out);
        chart_svg(&time, out);
    }
}

// ---- tables ------------------------------------------------------------------------------------

static void add_tile(struct string *out, const char *name, double value, const char *unit)
{
    string_format(out, "<div><b>%.*f%s</b><span>%s</span></div>\n",
                  value >= 100 ? 0 : value >= 10 ? 1 : 2, value, unit, name);
}

static void add_tiles(struct string *out, const struct bench *b)
{
    const struct bench_run *r = &b->run[b->main];
    string_adds(out, "<div class=\"tiles\">\n");
    add_tile(out, r->rate > 0 ? "requests/s, open loop" : "requests/s, closed loop",
             run_per_second(r), "");
    if (b->highest > 0)
        add_tile(out, "highest, closed loop", b->highest, "/s");
    add_tile(out, "p50", run_us(r, 50), " \u00b5s");
    add_tile(out, "p99", run_us(r, 99), " \u00b5s");
    add_tile(out, "p99.9", run_us(r, 99.9), " \u00b5s");
    if (r->server_cpu_ns > 0)
        add_tile(out, "server time each", run_server_us(r), " \u00b5s");
    if (b->limit_ratio > 0)
        add_tile(out, "of a bare echo's rate", b->limit_ratio, "");
    add_tile(out, "generator busy", 100 * r->report.busy, " %");
    string_adds(out, "</div>\n");
    if (r->bound)
        string_adds(out, "<p class=\"bad\">The generator was the bottleneck or was held up: these "
                         "figures are its own, not the server's.</p>\n");
}

static void add_row(struct string *out, const char *name, const struct hist *h)
{
    string_adds(out, "<tr><td>");
    add_escaped(out, name);
    string_format(out, "</td><td>%llu</td>", (ull)hist_count(h));
    static const double percents[] = {50, 90, 99, 99.9, 99.99, 100};
    for (unsigned i = 0; i < sizeof percents / sizeof percents[0]; i++)
        string_format(out, "<td>%.0f</td>", (double)hist_percentile(h, percents[i]) / 1e3);
    string_adds(out, "</tr>\n");
}

static void add_kinds(struct string *out, const struct generator_report *g)
{
    string_adds(out, "<h2>By operation</h2>\n<div class=\"wide\"><table><tr><th>operation</th>"
                     "<th>answers</th><th>p50 \u00b5s</th><th>p90</th><th>p99</th><th>p99.9</th>"
                     "<th>p99.99</th><th>max</th></tr>\n");
    for (unsigned k = 0; k < ASK_KINDS; k++)
        if (g->kind[k].counts != NULL)
            add_row(out, ask_names[k], &g->kind[k]);
    add_row(out, "all", &g->latency);
    string_adds(out, "</table></div>\n");
}

static void add_runs(struct string *out, const struct bench *b)
{
    string_adds(out, "<h2>Runs</h2>\n<div class=\"wide\"><table><tr><th>run</th><th>asked/s</th>"
                     "<th>answered/s</th><th>p50 \u00b5s</th><th>p99</th><th>p99.9</th>"
                     "<th>server \u00b5s each</th><th>generator busy</th></tr>\n");
    for (unsigned i = 0; i < b->runs; i++) {
        const struct bench_run *r = &b->run[i];
        string_adds(out, "<tr><td>");
        add_escaped(out, r->label);
        if (r->rate > 0)
            string_format(out, "</td><td>%.0f</td>", r->rate);
        else
            string_adds(out, "</td><td>max</td>");
        string_format(out, "<td>%.0f</td><td>%.0f</td><td>%.0f</td><td>%.0f</td><td>%.2f</td>"
                           "<td>%.0f %%</td></tr>\n",
                      run_per_second(r), run_us(r, 50), run_us(r, 99), run_us(r, 99.9),
                      run_server_us(r), 100 * r->report.busy);
    }
    string_adds(out, "</table></div>\n");
}

static void add_figures(struct string *out, const struct bench *b)
{
    if (b->figures == 0)
        return;
    string_adds(out, "<h2>Figures</h2>\n<table><tr><th>figure</th><th>value</th></tr>\n");
    for (unsigned i = 0; i < b->figures; i++) {
        double v = b->figure[i].value;
        string_format(out, "<tr><td>%s</td><td>%.*f %s</td></tr>\n", b->figure[i].name,
                      v >= 1000 ? 0 : 2, v, b->figure[i].unit);
    }
    string_adds(out, "</table>\n");
}

static void add_cores(struct string *out, const struct bench_run *r)
{
    string_adds(out, "<h2>Cores</h2>\n<table><tr><th>core</th><th>busy</th><th></th></tr>\n");
    for (unsigned i = 0; i < r->cores; i++) {
        double busy = r->core_busy[i] < 1 ? r->core_busy[i] : 1;
        string_format(out, "<tr><td>%u</td><td>%.0f %%</td><td><meter min=\"0\" max=\"1\" "
                           "value=\"%.3f\">%.0f %%</meter></td></tr>\n",
                      i, 100 * busy, busy, 100 * busy);
    }
    string_format(out, "</table>\n<p>The server took %.2f of a core, the generator %.2f; other "
                       "programs are in the bars.</p>\n",
                  (double)r->server_cpu_ns / 1e9 / r->report.seconds, r->report.busy);
}

static void add_term(struct string *out, const char *name, const char *value)
{
    string_format(out, "<dt>%s</dt><dd>", name);
    add_escaped(out, value);
    string_adds(out, "</dd>\n");
}

static void add_environment(struct string *out, const struct bench *b)
{
    const struct machine *m = &b->machine;
    const struct community *c = &b->world.community;
    char line[512];
    string_adds(out, "<h2>How it was measured</h2>\n<dl>\n<dt>command</dt><dd><code>");
    add_escaped(out, b->command);
    string_adds(out, "</code></dd>\n");
    snprintf(line, sizeof line, "%llu connections, %llu in flight each",
             (ull)b->opt.connections, (ull)b->opt.in_flight);
    add_term(out, "load", line);
    snprintf(line, sizeof line,
             "%u users, %llu follows, %llu posts; seed %llu, order %llu, skew %g",
             c->users, (ull)c->edges, (ull)c->posts, (ull)c->seed, (ull)b->opt.order, b->opt.skew);
    if (b->world.user != NULL)
        add_term(out, "community", line);
    add_term(out, "durability", report_durability(b));
    snprintf(line, sizeof line, "%s, reactor %s, %s", KITH_VERSION, b->server.io,
             b->server.address);
    add_term(out, "kith", line);
    snprintf(line, sizeof line, "%s, %u cores, %.1f GB", m->cpu, m->cores,
             (double)m->memory_bytes / 1e9);
    add_term(out, "machine", line);
    snprintf(line, sizeof line, "%s; governor %s, clock %s, load %.2f before", m->kernel,
             m->governor, m->clock, m->load);
    add_term(out, "system", line);
    string_adds(out, "</dl>\n");
}

static void add_head(struct string *out, const struct bench *b)
{
    string_format(out, "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">"
                       "<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
                       "content=\"width=device-width, initial-scale=1\"/>\n"
                       "<title>kith bench %s</title>\n<style>%s</style>\n</head><body>\n"
                       "<h1>%s</h1>\n<p>",
                  b->opt.scenario, style, b->opt.scenario);
    add_escaped(out, b->opt.words);
    string_format(out, " (version %u)</p>\n", b->opt.version);
    if (b->changed >= 0)
        string_format(out, "<p>%.2f %% of the changes changed something.</p>\n", 100 * b->changed);
    if (b->modelled)
        string_format(out, "<p>%llu answers were checked against the model.</p>\n",
                      (ull)b->frames.validated);
    if (bench_errors(b) > 0) {
        string_format(out, "<p class=\"bad\">%llu errors, the first: ", (ull)bench_errors(b));
        add_escaped(out, b->frames.first_error);
        string_adds(out, "</p>\n");
    }
}

void report_html(const struct bench *b, struct string *out)
{
    const struct bench_run *r = b->main >= 0 ? &b->run[b->main] : NULL;
    add_head(out, b);
    if (r != NULL) {
        add_tiles(out, b);
        add_percentiles(out, &r->report);
        add_runs_chart(out, b);
        add_seconds(out, &r->report);
        add_kinds(out, &r->report);
    }
    add_figures(out, b);
    if (b->runs > 0)
        add_runs(out, b);
    if (r != NULL)
        add_cores(out, r);
    add_environment(out, b);
    string_adds(out, "</body></html>\n");
}
