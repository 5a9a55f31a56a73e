#include "tools/kith_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/fb_json_print.h"
#include "core/graph.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/edges.h"
#include "store/objects.h"
#include "store/post_tags.h"
#include "tools/kith_cli.h"
#include "tools/kith_data.h"
#include "tools/kith_string.h"

struct ids { uint64_t *id; size_t n, cap; };

struct export {
    const struct store *store;
    enum entity kind;
    struct ids ids;
    struct string line;
};

static bool collect(void *ctx, void *record)
{
    struct export *x = ctx;
    const struct object *o = record;
    if (o->kind != (uint8_t)x->kind || (o->flags & OBJECT_GONE) != 0)
        return true;
    if (x->ids.n == x->ids.cap) {
        x->ids.cap = x->ids.cap > 0 ? x->ids.cap * 2 : 1024;
        x->ids.id = realloc(x->ids.id, x->ids.cap * sizeof *x->ids.id);
        ASSERT(x->ids.id != NULL);
    }
    x->ids.id[x->ids.n++] = o->id;
    return true;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// All objects of a kind, oldest first.
static void collect_all(struct export *x, enum entity kind)
{
    x->kind = kind;
    for (unsigned p = 0; p < x->store->partitions; p++) {
        uint64_t at = 0;
        while (!ptable_walk(&x->store->part[p].objects, &at, collect, x))
            ;
    }
    if (x->ids.n > 0)
        qsort(x->ids.id, x->ids.n, sizeof *x->ids.id, by_id);
}

static void add_time(struct string *t, const char *name, uint64_t ms)
{
    char time[FB_TIME_TEXT + 1] = "";
    if (fb_print_time(time, ms) > 0)
        string_format(t, ",\"%s\":\"%.24s\"", name, time);
}

static void add_string(struct string *t, const char *name, const char *s, size_t n)
{
    if (n == 0)
        return;
    string_format(t, ",\"%s\":", name);
    string_json(t, s, n);
}

static void user_line(struct export *x, const struct user *u)
{
    static const struct { const char *name; enum user_string which; } strings[] = {
        {"email", USER_email},          {"phone_number", USER_phone}, {"first_name", USER_first},
        {"last_name", USER_last},       {"avatar_url", USER_avatar},
        {"password_hash", USER_password},
    };
    struct string *t = &x->line;
    uint32_t n;
    const char *s = user_string(u, USER_username, &n);
    string_format(t, "{\"user_id\":\"%llu\",\"username\":", (unsigned long long)u->o.id);
    string_json(t, s, n);
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        s = user_string(u, strings[i].which, &n);
        add_string(t, strings[i].name, s, n);
    }
    const void *cold = user_cold(u);
    if (cold != NULL)
        add_string(t, "bio", kt_User_bio(kt_root_User(cold)).s,
                   kt_User_bio(kt_root_User(cold)).n);
    add_time(t, "created_at", id_ms(u->o.id));
    string_adds(t, "}\n");
}

static void post_line(struct export *x, const struct post *p)
{
    struct string *t = &x->line;
    const struct user *author = store_account(x->store, p->author);
    uint32_t n = 0;
    const char *username = author != NULL ? user_string(author, USER_username, &n) : "";
    string_format(t, "{\"post_id\":\"%llu\",\"user_id\":\"%llu\"", (unsigned long long)p->o.id,
                (unsigned long long)p->author);
    add_string(t, "username", username, n);
    add_string(t, "caption", post_caption(p), p->o.text_n);
    add_time(t, "created_at", id_ms(p->o.id));
    struct post_tags tags = post_tags(p);
    for (uint32_t i = 0; i < tags.n; i++) {
        string_adds(t, i == 0 ? ",\"hashtags\":[" : ",");
        fb_str tag = post_tag(&tags, i);
        string_json(t, tag.s, tag.n);
    }
    string_format(t, "%s,\"like_count\":%u,\"comment_count\":%u}\n", tags.n > 0 ? "]" : "",
                  p->likes, p->comments);
}

static void follow_lines(struct export *x, const struct user *u)
{
    struct string *t = &x->line;
    uint32_t name_n;
    struct edge_list all = edges_all(store_part(x->store, id_slot(u->o.id)),
                                     (struct edge_at){u->o.id, LIST_following});
    for (uint32_t i = 0; i < all.n; i++) {
        const struct user *to =
            all.other[i] != 0 ? store_account(x->store, all.other[i]) : NULL;
        if (to == NULL)
            continue;
        string_format(t, "{\"from_id\":\"%llu\",\"to_id\":\"%llu\"", (unsigned long long)u->o.id,
                    (unsigned long long)all.other[i]);
        const char *name = user_string(u, USER_username, &name_n);
        add_string(t, "from", name, name_n);
        name = user_string(to, USER_username, &name_n);
        add_string(t, "to", name, name_n);
        add_time(t, "followed_since", stamp_ms(edge_stamp(&all, i)));
        string_adds(t, "}\n");
    }
}

enum what { WHAT_USERS, WHAT_POSTS, WHAT_FOLLOWS, WHATS };
static const char *const what_names[WHATS] = {"users", "posts", "follows"};

static bool export_all(struct export *x, enum what what)
{
    collect_all(x, what == WHAT_POSTS ? ENTITY_post : ENTITY_user);
    for (size_t i = 0; i < x->ids.n; i++) {
        string_clear(&x->line);
        const struct post *post;
        const struct user *user;
        switch (what) {
        case WHAT_USERS:
            if ((user = store_account(x->store, x->ids.id[i])) != NULL)
                user_line(x, user);
            break;
        case WHAT_POSTS:
            if ((post = store_kept_post(x->store, x->ids.id[i])) != NULL)
                post_line(x, post);
            break;
        case WHAT_FOLLOWS:
            if ((user = store_account(x->store, x->ids.id[i])) != NULL)
                follow_lines(x, user);
            break;
        case WHATS:
            break;
        }
        if (x->line.n > 0 && fwrite(x->line.s, 1, x->line.n, stdout) != x->line.n)
            return false;
    }
    return fflush(stdout) == 0;
}

static int run(const char *path, enum what what)
{
    struct data d;
    int code = data_open(&d, path, true);
    if (code != EXIT_OK)
        return code;
    code = data_load(&d, &(struct data_load){.progress = false});
    if (code == EXIT_OK) {
        struct export x = {.store = d.store};
        if (!export_all(&x, what))
            code = failed(EXIT_FAILED, "standard output cannot be written");
        free(x.ids.id);
        string_free(&x.line);
    }
    data_close(&d);
    return code;
}

int kith_export(int argc, char **argv)
{
    const char *type = NULL;
    const struct option options[] = {
        {"type", 0, OPTION_TEXT, "TYPE", NULL, "users, posts or follows", &type},
        {0},
    };
    const struct command command = {
        .name = "export",
        .operand = "data directory",
        .purpose = "Prints the users, posts or follows of a data directory, a JSON object a line.",
        .usage = "DIR --type users|posts|follows",
        .examples = "  kith export data --type users >users.ndjson\n"
                    "  kith export data --type posts | zstd >posts.ndjson.zst\n",
        .options = options,
        .more = "Oldest first. Works without a server, on the directory of one that is stopped (or "
                "on a\ncopy). Users are printed with their password hashes; import takes users and "
                "posts again.\n",
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (type == NULL)
        return usage_error(&command, "--type is missing: users, posts or follows");
    for (unsigned w = 0; w < WHATS; w++)
        if (strcmp(type, what_names[w]) == 0)
            return run(rest.word[0], (enum what)w);
    return usage_error(&command, "--type is users, posts or follows, not \"%s\"", type);
}
