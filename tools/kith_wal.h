// `kith wal cat DIR` and `kith wal digest DIR`: the log as text, and the state that it makes.
#ifndef KITH_TOOLS_KITH_WAL_H
#define KITH_TOOLS_KITH_WAL_H

int kith_wal(int argc, char **argv);

#endif
