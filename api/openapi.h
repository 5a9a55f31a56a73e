// The OpenAPI 3.1 document, made from ops.def and the descriptors of the schema.
#ifndef KITH_API_OPENAPI_H
#define KITH_API_OPENAPI_H

#include "api/text.h"

void openapi_write(struct text *out);

#endif
