// The refusals of errors.def as an enum, and what each says to a client.
#ifndef KITH_CORE_ERRORS_H
#define KITH_CORE_ERRORS_H

#include <stdint.h>

enum kith_error {
#define ERROR(number, name, http, title, pointer) KITH_##name = (number),
#include "core/errors.def"
#undef ERROR
};

struct error_row {
    uint16_t number;
    uint16_t http;       // status of the HTTP answer
    const char *name;    // stable `code` of the problem document
    const char *title;
    const char *pointer; // JSON pointer of the field at fault, or NULL
};

// The row of an error; an unknown number gives the row of `internal`. Never NULL; static memory.
const struct error_row *error_row(unsigned number);

#endif
