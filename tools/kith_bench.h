// `kith bench SCENARIO`: a private server, a made-up community, a measured load, a short report.
#ifndef KITH_TOOLS_KITH_BENCH_H
#define KITH_TOOLS_KITH_BENCH_H

int kith_bench(int argc, char **argv);

#endif
