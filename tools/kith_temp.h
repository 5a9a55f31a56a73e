// A directory that is gone with the process, with a service key in it: for servers that are not to
// last.
#ifndef KITH_TOOLS_KITH_TEMP_H
#define KITH_TOOLS_KITH_TEMP_H

#include <stdbool.h>

struct temp {
    char path[256];        // of the directory
    char data[280];        // data directory in it, not made yet
    char key_file[280];
    char key[72];          // the service key
};

// Under $TMPDIR or /tmp. false after a message.
bool temp_make(struct temp *t, const char *purpose);
// Removes it with all that is in it.
void temp_remove(const struct temp *t);

#endif
