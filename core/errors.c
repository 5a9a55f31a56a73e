// The table of errors.def.
#include "core/errors.h"

#include <stddef.h>

static const struct error_row errors[] = {
#define ERROR(number, name, http, title, pointer) [number] = {number, http, #name, title, pointer},
#include "core/errors.def"
#undef ERROR
};

const struct error_row *error_row(unsigned number)
{
    if (number >= sizeof errors / sizeof errors[0] || errors[number].name == NULL)
        return &errors[KITH_internal];
    return &errors[number];
}
