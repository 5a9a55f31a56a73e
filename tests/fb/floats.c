// floats.c - numbers with a point, for tests that meet other people's schemas; Kith's has none.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"

// The shortest decimal that reads back as the same number.
size_t fb_print_float(char *out, double v, bool narrow)
{
    char text[40];
    for (int digits = narrow ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        double back = narrow ? (double)strtof(text, NULL) : strtod(text, NULL);
        if (!(back < v) && !(back > v)) break;
    }
    size_t n = strlen(text);
    memcpy(out, text, n);
    return n;
}

bool fb_parse_float(const char *s, size_t n, double *v)
{
    char *text = strndup(s, n);
    if (text == NULL) return false;
    *v = strtod(text, NULL);
    free(text);
    return isfinite(*v);
}
