// The table of errors.def.
#include "core/errors.h"

#include <stddef.h>

static const struct error_row rows[] = {
#define ERROR(number, name, http, title, pointer) [number] = {number, http, #name, title, pointer},
#include "core/errors.def"
#undef ERROR
};

const struct error_row *error_row(unsigned number)
{
    if (number >= sizeof rows / sizeof rows[0] || rows[number].name == NULL)
        return &rows[KITH_internal];
    return &rows[number];
}
