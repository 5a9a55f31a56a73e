// Line charts as inline SVG: drawn without scripts, coloured by the page's style, each line named
// at its end.
#ifndef KITH_TOOLS_KITH_BENCH_SVG_H
#define KITH_TOOLS_KITH_BENCH_SVG_H

#include <stdbool.h>

#include "tools/kith_string.h"

enum { CHART_POINTS = 256, CHART_SERIES = 6 };

enum chart_axis {
    CHART_COUNT,   // from 0, even steps
    CHART_TIME,    // microseconds, by powers of ten
    CHART_NINES,   // number of nines: 1 is 90 %, 2 is 99 %
};

struct chart_series {
    const char *name;
    double x[CHART_POINTS], y[CHART_POINTS];
    unsigned n;
};
struct chart {
    const char *title, *x_label;
    enum chart_axis x, y;
    struct chart_series series[CHART_SERIES];
    unsigned n;
};

// A new empty line; NULL when there are as many as can be told apart.
struct chart_series *chart_add(struct chart *c, const char *name);
void series_add(struct chart_series *s, double x, double y);
// Nothing where no line has a point.
void chart_svg(const struct chart *c, struct string *out);

#endif
