// The limits as the command line says them.
#include "api/limit_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"

enum { TOKENS_MAX = 1000000, BURST_MAX = 1000000 };

static const char *const by_names[LIMIT_BYS] = {
    [LIMIT_USER] = "user",
    [LIMIT_ADDRESS] = "address",
    [LIMIT_KEY] = "key",
    [LIMIT_ACCOUNT] = "account",
};

const char *limit_by_name(enum limit_by by)
{
    return by_names[by];
}

void limit_options_defaults(struct limit_options *o)
{
    *o = (struct limit_options){0};
    for (unsigned c = 0; c < RATES; c++) {
        const struct rate_row *row = rate_row((enum op_rate)c);
        o->rate[c][LIMIT_USER] = row->user;
        o->rate[c][LIMIT_ADDRESS] = row->address;
        o->rate[c][LIMIT_KEY] = row->key;
        o->rate[c][LIMIT_ACCOUNT] = row->account;
    }
}

static bool is(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(s, word, n) == 0;
}

// By what rates.def limits the class first.
static unsigned usual_by(unsigned class)
{
    const struct rate_row *row = rate_row((enum op_rate)class);
    return row->user.tokens ? LIMIT_USER : row->address.tokens ? LIMIT_ADDRESS : LIMIT_KEY;
}

// A number from 1 to most; *s goes on behind it.
static bool number(const char **s, uint32_t most, uint32_t *out)
{
    char *end;
    unsigned long v = strtoul(*s, &end, 10);
    if (**s < '0' || **s > '9' || v == 0 || v > most)
        return false;
    *s = end;
    *out = (uint32_t)v;
    return true;
}

// N[/s|/min|/h][:BURST]
static bool read_rate(const char *s, struct rate *out)
{
    static const struct { const char *word; uint32_t seconds; } units[] = {
        {"s", 1}, {"min", 60}, {"h", 3600}};
    *out = (struct rate){.seconds = 1};
    if (!number(&s, TOKENS_MAX, &out->tokens))
        return false;
    out->burst = out->tokens;
    if (*s == '/') {
        size_t n = strcspn(++s, ":");
        out->seconds = 0;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (is(s, n, units[i].word))
                out->seconds = units[i].seconds;
        s += n;
    }
    if (*s == ':' && (s++, !number(&s, BURST_MAX, &out->burst)))
        return false;
    return *s == '\0' && out->seconds > 0;
}

static bool wrong(char why[LIMIT_WHY], const char *word)
{
    size_t at = (size_t)snprintf(why, LIMIT_WHY,
                                 "\"%.60s\" is not CLASS[/BY]=N[/s|/min|/h][:BURST], CLASS=none or "
                                 "none; classes:", word);
    for (unsigned c = RATE_NONE + 1; c < RATES && at < LIMIT_WHY; c++)
        at += (size_t)snprintf(why + at, LIMIT_WHY - at, " %s", rate_row((enum op_rate)c)->name);
    return false;
}

bool limit_options_word(struct limit_options *o, const char *word, char why[LIMIT_WHY])
{
    const char *equals = strchr(word, '=');
    if (strcmp(word, "none") == 0) {
        memset(o->rate, 0, sizeof o->rate);
        return true;
    }
    if (equals == NULL)
        return wrong(why, word);
    size_t all = (size_t)(equals - word), n = strcspn(word, "/=");
    unsigned class = RATE_NONE + 1, by = 0;
    while (class < RATES && !is(word, n, rate_row((enum op_rate)class)->name))
        class++;
    if (class == RATES)
        return wrong(why, word);
    while (n < all && by < LIMIT_BYS && !is(word + n + 1, all - n - 1, by_names[by]))
        by++;
    if (by == LIMIT_BYS)
        return wrong(why, word);
    struct rate rate = {0};
    bool none = strcmp(equals + 1, "none") == 0;
    if (!none && !read_rate(equals + 1, &rate))
        return wrong(why, word);
    if (none && n == all)
        memset(o->rate[class], 0, sizeof o->rate[class]);
    else
        o->rate[class][n < all ? by : usual_by(class)] = rate;
    return true;
}

bool limit_options_proxy(struct limit_options *o, const char *word)
{
    uint64_t key = address_read((struct net_text){word, (uint32_t)strlen(word)});
    if (key == ADDRESS_NONE || o->proxies == PROXIES_MAX)
        return false;
    o->proxy[o->proxies++] = key;
    return true;
}
