// What happens when an ASSERT does not hold.
#include "core/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void assert_failed(const char *cond, const char *file, int line)
{
    // One write, no stream: nothing here may wait for a lock that the failing thread holds.
    char text[512];
    int n = snprintf(text, sizeof text, "%s:%d: assertion failed: %s\n", file, line, cond);
    if (n > (int)sizeof text - 1) n = (int)sizeof text - 1;
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0) abort();
    abort();
}
