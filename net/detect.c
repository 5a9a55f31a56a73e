// A method and a space are HTTP at once; a head's magic in its place is binary.
#include "net/detect.h"

#include <string.h>

static bool method_stands(const char *p, size_t size)
{
    static const char *const methods[] = {
        "GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS ",
    };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        size_t n = strlen(methods[i]);
        if (size >= n && memcmp(p, methods[i], n) == 0) return true;
    }
    return false;
}

enum detected detect(const char *p, size_t size)
{
    // Read as a frame's length such a word is beyond FRAME_MAX: no sound frame is taken for HTTP.
    if (method_stands(p, size)) return DETECT_HTTP;
    if (size < DETECT_BYTES) return DETECT_MORE;
    uint32_t magic;
    memcpy(&magic, p + offsetof(struct frame_head, magic), sizeof magic);
    if (magic == FRAME_MAGIC) return DETECT_FRAMES;
    // Another method, or HTTP badly spelt: worth a 400.
    return p[0] >= 'A' && p[0] <= 'Z' ? DETECT_HTTP : DETECT_NEITHER;
}
