// Names of time zones.
#ifndef KITH_API_ZONES_H
#define KITH_API_ZONES_H

#include <stdbool.h>
#include <stddef.h>

// Whether the n bytes, without a NUL in them, are a name of the tz database ("Asia/Bangkok").
bool zone_known(const char *s, size_t n);

#endif
