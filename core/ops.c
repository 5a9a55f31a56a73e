// The table of ops.def.
#include "core/ops.h"

#include <stddef.h>

#include "core/graph.h"
#include "kith_fb.h"

static const struct op_row ops[OP_LIMIT] = {
#define OP(nr, nm, req, rep, ...)                                                                  \
    [nr] = {.number = (nr),                                                                        \
            .name = #nm,                                                                           \
            .request = &kt_desc_##req,                                                             \
            .reply = &kt_desc_##rep,                                                               \
            __VA_ARGS__},
#include "core/ops.def"
#undef OP
};

const struct op_row *op_row(unsigned number)
{
    if (number >= OP_LIMIT || ops[number].name == NULL)
        return NULL;
    return &ops[number];
}

const struct rate_row *rate_row(enum op_rate rate)
{
    static const struct rate_row rates[RATES] = {
#define RATE(constant, text, ...) [RATE_##constant] = {.name = (text), __VA_ARGS__},
#include "core/rates.def"
#undef RATE
    };
    return &rates[rate];
}

const fb_type *op_entry_type(const struct op_row *row)
{
    return row->entry != NULL ? kt_type_by_name(row->entry) : row->request;
}
