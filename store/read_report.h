// Reports as moderators are shown them: with what they are about, whoever else may see that.
#ifndef KITH_STORE_READ_REPORT_H
#define KITH_STORE_READ_REPORT_H

#include "core/fb_build.h"
#include "store/read.h"

// A table Reports.
fb_ref build_reports(fb_builder *b, const struct store *s, const struct shown *what);
// Whose the object is, kept or not, or who he is; 0 = nobody, or nothing is left of it.
uint64_t report_author(const struct store *s, uint64_t object);

#endif
