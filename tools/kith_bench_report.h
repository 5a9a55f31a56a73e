// What a benchmark says in the end: lines for people on standard output, and the files asked for.
// EXIT_OK or an exit code after a message.
#ifndef KITH_TOOLS_KITH_BENCH_REPORT_H
#define KITH_TOOLS_KITH_BENCH_REPORT_H

#include "tools/kith_bench_run.h"
#include "tools/kith_string.h"

int report_write(const struct bench *b);

// One JSON object, with a line end.
void report_json(const struct bench *b, struct string *out);
void report_text(const struct bench *b, struct string *out);
// kith_bench_hdr.c: percentiles as HdrHistogram's tools plot them, and its interval log.
void report_hgrm(const struct hist *h, struct string *out);
void report_hlog(const struct bench *b, struct string *out);
// kith_bench_html.c: one page that stands alone.
void report_html(const struct bench *b, struct string *out);

// Whose durability and reactor it was, for a private server what was asked for.
const char *report_durability(const struct bench *b);

#endif
