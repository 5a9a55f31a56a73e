// `kith export`: users, posts or follows of a data directory as lines of JSON that import takes
// again.
#ifndef KITH_TOOLS_KITH_EXPORT_H
#define KITH_TOOLS_KITH_EXPORT_H

int kith_export(int argc, char **argv);

#endif
