#include "tools/kith_edge_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Two numbers, separated by white space or a comma. 1; 0 for an empty line or a comment; -1.
static int parse_edge(const char *line, uint64_t *u, uint64_t *v)
{
    while (isspace((unsigned char)*line))
        line++;
    if (*line == '\0' || *line == '#' || *line == '%')
        return 0;
    char *end;
    if (!isdigit((unsigned char)*line))
        return -1;
    *u = strtoull(line, &end, 10);
    if (!isspace((unsigned char)*end) && *end != ',')
        return -1;
    while (isspace((unsigned char)*end) || *end == ',')
        end++;
    if (!isdigit((unsigned char)*end))
        return -1;
    *v = strtoull(end, &end, 10);
    return 1; // further columns (weights, times) are passed over
}

bool edge_file_read(struct edge_file *f, const char *path)
{
    int err = source_open(&f->source, path);
    if (err != 0) {
        snprintf(f->why, sizeof f->why, "%.160s: %s", path, strerror(err));
        return false;
    }
    char *line;
    size_t n;
    int got;
    bool whole = true;
    while (whole && (got = source_record(&f->source, false, &line, &n)) == 1) {
        uint64_t u, v;
        int kind = parse_edge(line, &u, &v);
        if (kind == 1) {
            whole = f->take(f->ctx, u, v);
        } else if (kind < 0) {
            snprintf(f->why, sizeof f->why, "%.160s: line %llu is not an edge \"u v\"", path,
                     (unsigned long long)f->source.records);
            whole = false;
        }
    }
    if (whole && got < 0) {
        snprintf(f->why, sizeof f->why, "%s", f->source.why);
        whole = false;
    }
    source_close(&f->source);
    return whole;
}
