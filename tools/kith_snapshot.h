// `kith snapshot now` asks a running server for one; `kith snapshot ls DIR` lists what lies on
// disk.
#ifndef KITH_TOOLS_KITH_SNAPSHOT_H
#define KITH_TOOLS_KITH_SNAPSHOT_H

int kith_snapshot(int argc, char **argv);

#endif
