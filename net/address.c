// ::1 counts as 127.0.0.1: its 64 leading bits are nobody's.
#include "net/address.h"

#include <arpa/inet.h>
#include <string.h>

#define V4_PREFIX (UINT64_C(0xffff) << 32)

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static uint64_t big_endian(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

uint64_t address_key(const uint8_t ip[16])
{
    static const uint8_t loopback[16] = { [15] = 1 };
    if (memcmp(ip, mapped, sizeof mapped) == 0) return V4_PREFIX | big_endian(ip + 12, 4);
    if (memcmp(ip, loopback, sizeof loopback) == 0) return V4_PREFIX | 0x7f000001;
    return big_endian(ip, 8);
}

// Without brackets and port: "[::1]:80", "[::1]", "1.2.3.4:80", and either address alone.
static struct net_text host_of(struct net_text t)
{
    const char *colon = t.n ? memchr(t.s, ':', t.n) : NULL;
    if (t.n > 0 && t.s[0] == '[') {
        const char *end = memchr(t.s, ']', t.n);
        return (struct net_text){ t.s + 1, end ? (uint32_t)(end - t.s - 1) : 0 };
    }
    if (colon && !memchr(colon + 1, ':', (size_t)(t.s + t.n - colon - 1)))
        t.n = (uint32_t)(colon - t.s);
    return t;
}

struct net_text address_last(struct net_text list)
{
    uint32_t from = list.n;
    if (from == 0) return list;
    while (from > 0 && list.s[from - 1] != ',' && list.s[from - 1] != ' ') from--;
    return (struct net_text){ list.s + from, list.n - from };
}

bool address_parse(struct net_text text, uint8_t ip[16])
{
    struct net_text host = host_of(text);
    char s[INET6_ADDRSTRLEN];
    if (host.n == 0 || host.n >= sizeof s) return false;
    memcpy(s, host.s, host.n);
    s[host.n] = 0;
    if (inet_pton(AF_INET6, s, ip) == 1) return true;
    memcpy(ip, mapped, sizeof mapped);
    return inet_pton(AF_INET, s, ip + 12) == 1;
}

uint64_t address_read(struct net_text text)
{
    uint8_t ip[16];
    if (text.n == 4 && memcmp(text.s, "unix", 4) == 0) return ADDRESS_UNIX;
    return address_parse(text, ip) ? address_key(ip) : ADDRESS_NONE;
}

bool address_is_local(uint64_t key)
{
    return key == ADDRESS_UNIX || key >> 24 == (V4_PREFIX | 0x7f000000) >> 24;
}
