// Any bytes as an address: none, or one that is the same however its port is written.
#include <string.h>

#include "core/assert.h"
#include "net/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char text[128];
    struct net_text whole = {(const char *)bytes, (uint32_t)n};
    uint64_t key = address_read(whole);
    ASSERT(key != ADDRESS_NONE || !address_is_local(key));
    bool bare = key > ADDRESS_UNIX && n < 64 && memchr(bytes, '[', n) == NULL;
    if (!bare)
        return 0;
    bool v6 = key >> 32 != 0xffff || memchr(bytes, ':', n) != memrchr(bytes, ':', n);
    if (!v6 && memchr(bytes, ':', n) != NULL)
        return 0; // has its port already
    size_t at = 0;
    if (v6)
        text[at++] = '[';
    memcpy(text + at, bytes, n);
    at += n;
    memcpy(text + at, v6 ? "]:80" : ":80", v6 ? 4 : 3);
    at += v6 ? 4 : 3;
    ASSERT(address_read((struct net_text){text, (uint32_t)at}) == key);
    return 0;
}
