#include "tools/kith_bench_svg.h"

#include <math.h>
#include <stdio.h>

enum {
    WIDTH = 760, HEIGHT = 290,
    LEFT = 66, RIGHT = 96, TOP = 14, BOTTOM = 46,
    LABEL_GAP = 15,
    TICKS = 5,
};

struct scale { enum chart_axis kind; double from, to, begin, length; };

struct chart_series *chart_add(struct chart *c, const char *name)
{
    if (c->n == CHART_SERIES)
        return NULL;
    c->series[c->n] = (struct chart_series){.name = name};
    return &c->series[c->n++];
}

void series_add(struct chart_series *s, double x, double y)
{
    if (s->n == CHART_POINTS)
        return;
    s->x[s->n] = x;
    s->y[s->n++] = y;
}

// ---- scales ------------------------------------------------------------------------------------

static double place(const struct scale *s, double v)
{
    double from = s->from, to = s->to;
    if (s->kind == CHART_TIME) {
        v = log10(v > from ? v : from);
        from = log10(from);
        to = log10(to);
    }
    return s->begin + (v - from) / (to - from) * s->length;
}

static double nice_step(double range)
{
    double raw = range / TICKS, ten = pow(10, floor(log10(raw)));
    double lead = raw / ten;
    return ten * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

static void bound(struct scale *s, double low, double high)
{
    s->from = s->kind == CHART_COUNT ? 0 : low;
    s->to = high;
    if (s->kind == CHART_TIME) {
        // Whole decades, or halves of them where the values lie close together.
        s->from = pow(10, floor(log10(low > 0.1 ? low : 0.1) * 2) / 2);
        s->to = pow(10, ceil(log10(high > 0.1 ? high : 0.1) * 2) / 2);
        if (s->to <= s->from)
            s->to = s->from * 10;
    } else if (s->kind == CHART_COUNT) {
        double step = nice_step(high > 0 ? high : 1);
        s->to = step * ceil((high > 0 ? high : 1) / step);
    } else if (s->to <= s->from) {
        s->to = s->from + 1;
    }
}

static struct scale scale_of(const struct chart *c, bool vertical)
{
    struct scale s = {vertical ? c->y : c->x, 0, 1, vertical ? HEIGHT - BOTTOM : LEFT,
                      vertical ? -(HEIGHT - TOP - BOTTOM) : WIDTH - LEFT - RIGHT};
    double low = INFINITY, high = -INFINITY;
    for (unsigned i = 0; i < c->n; i++) {
        const struct chart_series *l = &c->series[i];
        for (unsigned k = 0; k < l->n; k++) {
            double v = vertical ? l->y[k] : l->x[k];
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
    }
    bound(&s, low, high);
    return s;
}

static void say(char *out, size_t cap, enum chart_axis kind, double v)
{
    if (kind == CHART_NINES) {
        double percent = 100 * (1 - pow(10, -v));
        snprintf(out, cap, "%.*f %%", v > 2.5 ? (int)v - 2 : 0, percent);
        return;
    }
    const char *time[] = {"\u00b5s", "ms", "s"}, *count[] = {"", "k", "M"};
    unsigned k = 0;
    for (; k < 2 && v >= 999.5; k++)
        v /= 1000;
    if (kind == CHART_TIME)
        snprintf(out, cap, "%.*f %s", v < 10 && v - floor(v) > 0.04 ? 1 : 0, v, time[k]);
    else
        snprintf(out, cap, "%.*f%s", v < 10 && v - floor(v) > 0.04 ? 1 : 0, v, count[k]);
}

// ---- drawing -----------------------------------------------------------------------------------

static void tick(struct string *out, const struct scale *s, bool vertical, double v)
{
    char text[32];
    double at = place(s, v);
    say(text, sizeof text, s->kind, v);
    if (vertical)
        string_format(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                           "<text class=\"tick end\" x=\"%d\" y=\"%.1f\">%s</text>\n",
                      LEFT, WIDTH - RIGHT, at, at, LEFT - 8, at + 4, text);
    else
        string_format(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                           "<text class=\"tick middle\" x=\"%.1f\" y=\"%d\">%s</text>\n",
                      at, at, TOP, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 17, text);
}

static void ticks(struct string *out, const struct scale *s, bool vertical)
{
    static const double leads[] = {1, 2, 5};
    double range = s->to - s->from;
    if (s->kind == CHART_TIME) {
        bool few = s->to / s->from < 200;
        for (double ten = pow(10, floor(log10(s->from))); ten <= s->to * 1.01; ten *= 10)
            for (unsigned k = 0; k < (few ? 3 : 1); k++)
                if (ten * leads[k] >= s->from * 0.99 && ten * leads[k] <= s->to * 1.01)
                    tick(out, s, vertical, ten * leads[k]);
        return;
    }
    double step = s->kind == CHART_NINES ? 1 : nice_step(range);
    for (double v = s->from; v <= s->to + step / 1000; v += step)
        tick(out, s, vertical, v);
}

static void line(struct string *out, const struct chart *c, unsigned i, const struct scale xy[2])
{
    const struct chart_series *s = &c->series[i];
    string_format(out, "<polyline class=\"line c%u\" points=\"", i);
    for (unsigned k = 0; k < s->n; k++)
        string_format(out, "%.1f,%.1f ", place(&xy[0], s->x[k]), place(&xy[1], s->y[k]));
    string_adds(out, "\"/>\n");
    for (unsigned k = 0; k < s->n && s->n <= 24; k++)
        string_format(out, "<circle class=\"dot c%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>", i,
                      place(&xy[0], s->x[k]), place(&xy[1], s->y[k]));
}

// The names beside the plot, as high as their lines end, moved apart where they would lie over
// each other.
static void names(struct string *out, const struct chart *c, const struct scale xy[2])
{
    double at[CHART_SERIES];
    unsigned order[CHART_SERIES], n = 0;
    for (unsigned i = 0; i < c->n; i++) {
        const struct chart_series *s = &c->series[i];
        if (s->n == 0)
            continue;
        at[i] = place(&xy[1], s->y[s->n - 1]) + 4;
        unsigned k = n++;
        for (; k > 0 && at[order[k - 1]] > at[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    for (unsigned k = 1; k < n; k++)
        if (at[order[k]] < at[order[k - 1]] + LABEL_GAP)
            at[order[k]] = at[order[k - 1]] + LABEL_GAP;
    for (unsigned k = 0; k < n; k++) {
        string_format(out, "<text class=\"name f%u\" x=\"%d\" y=\"%.1f\">%s</text>\n", order[k],
                      WIDTH - RIGHT + 8, at[order[k]], c->series[order[k]].name);
    }
}

void chart_svg(const struct chart *c, struct string *out)
{
    unsigned points = 0;
    for (unsigned i = 0; i < c->n; i++)
        points += c->series[i].n;
    if (points == 0)
        return;
    struct scale xy[2] = {scale_of(c, false), scale_of(c, true)};
    string_format(out, "<figure><figcaption>%s</figcaption>\n<svg viewBox=\"0 0 %d %d\" "
                       "xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"%s\">\n",
                  c->title, WIDTH, HEIGHT, c->title);
    ticks(out, &xy[1], true);
    ticks(out, &xy[0], false);
    string_format(out, "<text class=\"tick middle\" x=\"%d\" y=\"%d\">%s</text>\n",
                  LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8, c->x_label);
    for (unsigned i = 0; i < c->n; i++)
        line(out, c, i, xy);
    names(out, c, xy);
    string_adds(out, "</svg></figure>\n");
}
