// Reports as moderators are shown them: with what they are about, whoever else may see that.
#ifndef KITH_STORE_READ_REPORT_H
#define KITH_STORE_READ_REPORT_H

#include "core/fb_build.h"
#include "store/read.h"

// A table Reports.
fb_ref build_reports(fb_builder *b, const struct view *v, const struct shown *what);

#endif
