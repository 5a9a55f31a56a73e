// `kith top`: what a running server does, redrawn every second from its /metrics.
#ifndef KITH_TOOLS_KITH_TOP_H
#define KITH_TOOLS_KITH_TOP_H

int kith_top(int argc, char **argv);

#endif
