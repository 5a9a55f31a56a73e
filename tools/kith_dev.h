// `kith dev`: a server to try, on a temporary directory, with a made-up community and a login.
#ifndef KITH_TOOLS_KITH_DEV_H
#define KITH_TOOLS_KITH_DEV_H

int kith_dev(int argc, char **argv);

#endif
