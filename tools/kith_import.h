// `kith import`: users, edges and posts from files, or made up, into a running server. Run again it
// changes nothing; interrupted and run again it goes on.
#ifndef KITH_TOOLS_KITH_IMPORT_H
#define KITH_TOOLS_KITH_IMPORT_H

int kith_import(int argc, char **argv);

#endif
