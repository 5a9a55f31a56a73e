// `kith check DIR`: everything that can be compared is compared, offline and without changing
// anything.
#ifndef KITH_TOOLS_KITH_CHECK_H
#define KITH_TOOLS_KITH_CHECK_H

int kith_check(int argc, char **argv);

#endif
