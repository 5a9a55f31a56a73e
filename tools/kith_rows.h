// Rows of a table file: CSV after RFC 4180 with a header line, or one JSON object a line. Columns
// are found by any of their names; what is not asked for is passed over.
#ifndef KITH_TOOLS_KITH_ROWS_H
#define KITH_TOOLS_KITH_ROWS_H

#include "tools/kith_source.h"
#include "tools/kith_string.h"

enum { ROWS_COLUMNS_MAX = 16, ROWS_HEADER_MAX = 128 };

struct cell { const char *s; size_t n; }; // NUL-terminated; s = "" where the row has none

struct rows {
    struct source source;
    bool json;
    const char *const *names;   // of the columns wanted: "content,caption,text"
    unsigned columns;
    uint8_t column_at[ROWS_HEADER_MAX]; // CSV: field -> column, 255 = not wanted
    unsigned fields;            // CSV: of the header
    struct string unescaped;      // JSON: texts of this row
    size_t place[ROWS_COLUMNS_MAX];
    char why[256];
};

// 0, or errno with why.
int rows_open(struct rows *r, const char *path, const char *const *names, unsigned columns);
void rows_close(struct rows *r);
bool rows_has(const struct rows *r, unsigned column); // CSV: the header names it. JSON: true
// Fills cell[columns]; they live until the next call. 1, 0 at the end, -1: see why.
int rows_next(struct rows *r, struct cell *cell);

// A time as people write it: RFC 3339, "YYYY-MM-DD HH:MM:SS" (taken as UTC), "YYYY-MM-DD", seconds
// or milliseconds since 1970. Milliseconds since 1970; 0 when it is none of these.
uint64_t rows_time(struct cell c);

#endif
