// The kernel's random bytes.
#include "core/random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/types.h>

#include "core/assert.h"

void random_bytes(void *out, size_t n)
{
    uint8_t *to = out;
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR) continue;
        ASSERT(got > 0);
        to += got;
        n -= (size_t)got;
    }
}
