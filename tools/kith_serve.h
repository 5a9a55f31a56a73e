// `kith serve [DIR]`: a server until SIGTERM. `kith init DIR`: a new data directory.
#ifndef KITH_TOOLS_KITH_SERVE_H
#define KITH_TOOLS_KITH_SERVE_H

#include "api/server.h"
#include "tools/kith_cli.h"

int kith_serve(int argc, char **argv);
int kith_init(int argc, char **argv);

// The options that serve, dev and bench share, as words; kept apart from server_options since they
// have to be judged.
struct serve_words {
    const char *io, *durability, *admin, *key_file, *provider_file, *media_file, *captcha_file,
        *fanout;
    struct option_list listen, limits, proxies;
    uint64_t cores, group_ms, partitions, memory, token_ttl_s, keep_notifications_s,
        keep_activities_s, keep_searches_s, keep_audits_s, restore_s, connections, keep_snapshots,
        snapshot_every_s, slow_ms;
    bool plaintext, limit_local;
};
void serve_words_defaults(struct serve_words *w);
// CLI_GO_ON, or an exit code after a message.
int serve_words_apply(const struct command *c, const struct serve_words *w,
                      struct server_options *opt);

#endif
