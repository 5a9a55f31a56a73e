// A data directory opened without a server: for check, export, wal and snapshot ls.
#ifndef KITH_TOOLS_KITH_DATA_H
#define KITH_TOOLS_KITH_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "api/load.h"
#include "core/file.h"
#include "persist/root.h"
#include "store/store.h"

struct data {
    const char *path;
    struct file_dir dir;
    struct root root;
    struct store *store;       // NULL until data_load
    struct load_report report;
};

// Opens the directory and reads its root. EXIT_OK, or an exit code after a message. `lock`: refuse
// where a server is running.
int data_open(struct data *d, const char *path, bool lock);
// Reads the state into memory with so many threads (0 = of this machine). EXIT_OK; EXIT_DAMAGED or
// EXIT_FAILED after a message.
struct data_load { unsigned cores; bool log_only, progress; uint64_t until; };
int data_load(struct data *d, const struct data_load *how);
void data_close(struct data *d);

// 32 hexadecimal digits of a digest.
struct digest_text { char s[33]; };
struct digest_text digest_hex(struct digest d);

#endif
