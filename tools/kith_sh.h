// `kith sh`: a line is an operation with its fields, as of `kith call`; also read from a pipe.
#ifndef KITH_TOOLS_KITH_SH_H
#define KITH_TOOLS_KITH_SH_H

int kith_sh(int argc, char **argv);

#endif
