// Static probes: places in the program that bpftrace or perf can watch while it runs
// (`bpftrace -l 'usdt:build/kith:*'` lists them). A probe that nobody watches is one nop, so its
// arguments must be values that are at hand. Where <sys/sdt.h> (Debian: systemtap-sdt-dev) is not
// there at build time, there are no probes.
//
//   PROBE(name, argument, …)   one to twelve integers or pointers; ARCHITECTURE.md has the list
#ifndef KITH_CORE_PROBE_H
#define KITH_CORE_PROBE_H

#if __has_include(<sys/sdt.h>)
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#ifdef __clang__ // which finds sdt.h's own macros pedantically wrong where PROBE stands
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#define PROBE(...) STAP_PROBEV(kith, __VA_ARGS__)
#else
#define PROBE(...) ((void)0)
#endif

#endif
