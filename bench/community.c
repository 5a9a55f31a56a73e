#include "bench/community.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/vocabulary.h"
#include "core/assert.h"
#include "core/hash.h"

#define YEAR_2024_MS UINT64_C(1704067200000)
#define YEAR_MS (UINT64_C(366) * 86400 * 1000)

static uint64_t draw(const struct community *c, uint64_t what, uint64_t i)
{
    return hash_u64(hash_u64(i + 1, c->seed * UINT64_C(0x9e3779b97f4a7c15) + what), what);
}

void community_init(struct community *c)
{
    ASSERT(c->users > 1);
    if (c->circle > 0)
        c->edges = (uint64_t)c->users * c->circle;
    ASSERT(c->circle < c->users && (c->circle > 0 || !c->star));
    // The next number that shares no divisor with that of the users.
    for (c->step = 2654435761u % c->users;; c->step++) {
        uint64_t a = c->step, b = c->users;
        while (b != 0) {
            uint64_t r = a % b;
            a = b;
            b = r;
        }
        if (a == 1)
            return;
    }
}

// Maps ranks to users, one to one: the popular are spread over all numbers.
uint32_t community_rank(const struct community *c, uint32_t rank)
{
    ASSERT(c->step != 0);
    if (c->ranked != NULL)
        return c->ranked[rank];
    return (uint32_t)((rank * c->step + c->seed) % c->users);
}

uint32_t community_popular(const struct community *c, uint64_t random)
{
    uint64_t u = random >> 32;
    uint64_t rank = (((u * u) >> 32) * c->users) >> 32;
    return community_rank(c, (uint32_t)rank);
}

// ---- edges -------------------------------------------------------------------------------------

void community_edges_begin(struct community_edges *e, const struct community *c)
{
    ASSERT(c->given != NULL || c->edges <= (uint64_t)c->users * (c->users - 1) / 2);
    *e = (struct community_edges){.c = c, .from = UINT32_MAX};
    e->seen = calloc(c->users, sizeof *e->seen);
    ASSERT(e->seen != NULL);
}

void community_edges_end(struct community_edges *e)
{
    free(e->seen);
    e->seen = NULL;
}

// Edges of this user: an even share each, the remainder among the first; askers have their own.
static uint32_t share(const struct community *c, uint32_t user)
{
    if (user < c->askers)
        return c->asker_follows;
    uint64_t edges = c->edges - (uint64_t)c->askers * c->asker_follows;
    uint32_t users = c->users - c->askers;
    return (uint32_t)(edges / users + (user - c->askers < edges % users));
}

// User 0's further followers, behind the edges of the circle.
static bool next_fan(struct community_edges *e, struct pair *out)
{
    if (e->fan == 0)
        e->fan = e->c->circle + 1;
    if (e->fan >= e->c->users)
        return false;
    *out = (struct pair){e->fan++, 0};
    return true;
}

bool community_edges_next(struct community_edges *e, struct pair *out)
{
    const struct community *c = e->c;
    if (e->made == c->edges)
        return c->star && next_fan(e, out);
    if (c->given != NULL) {
        *out = c->given[e->made++];
        return true;
    }
    if (c->circle > 0) {
        uint32_t to = (uint32_t)(e->made / c->circle), k = (uint32_t)(e->made % c->circle);
        *out = (struct pair){(uint32_t)(((uint64_t)to + k + 1) % c->users), to};
        e->made++;
        return true;
    }
    while (e->left == 0) {
        e->from++;
        e->tried = 0;
        e->left = share(c, e->from);
    }
    // seen[] holds the follower's number + 1, so that it needs no clearing between followers.
    for (;;) {
        uint64_t r = draw(c, 1, (uint64_t)e->from << 24 | e->tried++);
        uint32_t to = e->tried < 4u * share(c, e->from) + 64 ? community_popular(c, r)
                                                            : (uint32_t)(r % c->users);
        if (to == e->from || e->seen[to] == e->from + 1)
            continue;
        e->seen[to] = e->from + 1;
        e->left--;
        e->made++;
        *out = (struct pair){e->from, to};
        return true;
    }
}

struct pair community_like(const struct community *c, uint64_t i)
{
    uint64_t a = hash_u64(i, c->seed + 11), u = hash_u64(i, c->seed + 12) >> 32;
    return (struct pair){(uint32_t)(a % c->users), (uint32_t)((((u * u) >> 32) * c->posts) >> 32)};
}

struct pair community_commented(const struct community *c, uint64_t i)
{
    uint64_t a = hash_u64(i, c->seed + 21), b = hash_u64(i, c->seed + 22);
    return (struct pair){(uint32_t)(b % c->users), (uint32_t)(a % c->posts)};
}

// ---- posts -------------------------------------------------------------------------------------

static const char *const openings[] = {
    "Finally finished", "Spent the whole day on", "Nobody told me about", "Looking for advice on",
    "So proud of", "Three things I learned from", "Back home after", "Can't stop thinking about",
    "First photos of", "Long read:", "Quick note on", "A year ago today:", "Coffee and",
    "Unpopular opinion:", "Weekend plans:", "Small victory:",
};
static const char *const subjects[] = {
    "the new garden", "a night train to Lisbon", "my grandmother's bread recipe",
    "restoring an old bicycle", "the half marathon", "watercolours", "the harbour at dawn",
    "learning the cello", "a tiny synth project", "our neighbourhood library", "wild swimming",
    "the spring migration", "a letter from 1952", "fermenting everything", "mapping old footpaths",
    "the night sky survey", "a very patient cat", "street photography", "the choir rehearsal",
    "rewriting the parser", "sourdough, again", "the mountain hut", "a second-hand telescope",
    "the community kitchen",
};
static const char *const endings[] = {
    "Worth every minute.", "Pictures soon.", "Would do it again.", "Tell me yours.",
    "More tomorrow.", "Thanks to everyone who helped.", "It rained, of course.",
    "Still smiling.", "Next time with better shoes.", "I have questions.",
};
static const char *const interests[] = {
    "photography", "travel", "food", "music", "books", "garden", "running", "coffee", "art",
    "nature", "code", "cycling", "astronomy", "baking", "film", "sea", "mountains", "diy",
};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

uint32_t community_author(const struct community *c, uint64_t i)
{
    uint64_t r = draw(c, 3, i);
    return c->circle > 0 ? (uint32_t)(r % c->users) : community_popular(c, r);
}

void community_post_in(const struct community *c, uint64_t i, struct time_span when,
                       struct made_post *out)
{
    uint64_t r = draw(c, 2, i);
    out->author = community_author(c, i);
    uint64_t step = c->posts > 0 ? when.span_ms / c->posts : 0;
    out->created_ms = when.end_ms - when.span_ms + i * step + (step > 0 ? (r >> 40) % step : 0);
    if (c->words != NULL) {
        out->text_n = vocabulary_text(c->words, r, out->text);
        return;
    }
    int n = snprintf(out->text, sizeof out->text, "%s %s. %s", openings[r % COUNT(openings)],
                     subjects[(r >> 8) % COUNT(subjects)], endings[(r >> 16) % COUNT(endings)]);
    for (unsigned k = 0; k < (r >> 24) % 3; k++)
        n += snprintf(out->text + n, sizeof out->text - (size_t)n, " #%s",
                      interests[(r >> (26 + 5 * k)) % COUNT(interests)]);
    out->text_n = (size_t)n;
}

void community_post(const struct community *c, uint64_t i, struct made_post *out)
{
    community_post_in(c, i, (struct time_span){YEAR_2024_MS + YEAR_MS, YEAR_MS}, out);
}

// ---- people ------------------------------------------------------------------------------------

static const char *const firsts[] = {
    "Amara",  "Mateo",  "Ingrid", "Kenji",   "Leila",  "Tomasz", "Priya",  "Oliver", "Sofia",
    "Nikolai", "Chloe", "Rashid", "Maya",    "Anders", "Yara",   "Hugo",   "Fatima", "Liam",
    "Mei",    "Joao",   "Elena",  "Samuel",  "Aisha",  "Lukas",  "Noor",   "Pedro",  "Hana",
    "Felix",  "Zainab", "Arthur", "Carmen",  "Dmitri", "Freya",  "Gabriel", "Ines",  "Jonas",
    "Kavya",  "Lena",   "Marco",  "Nadia",   "Omar",   "Paula",  "Quentin", "Rosa",  "Stefan",
    "Tara",   "Umar",   "Vera",   "Wanjiru", "Xavier", "Yusuf",  "Zoe",
};
static const char *const lasts[] = {
    "Okafor",   "Fernandez", "Lindqvist", "Tanaka",   "Haddad",  "Kowalski", "Sharma",  "Bennett",
    "Rossi",    "Ivanov",    "Dubois",    "Khan",     "Cohen",   "Nilsen",   "Mansour", "Martin",
    "Benali",   "Murphy",    "Chen",      "Silva",    "Popescu", "Adeyemi",  "Diallo",  "Weber",
    "Rahimi",   "Alvarez",   "Sato",      "Hoffmann", "Bello",   "Clarke",   "Moreno",  "Petrov",
    "Jensen",   "Costa",     "Marques",   "Berg",     "Menon",   "Fischer",  "Ricci",   "Aziz",
    "Farouk",   "Novak",     "Laurent",   "Castillo", "Horvat",  "O'Neill",  "Siddiq",  "Sokolova",
    "Mwangi",   "Reyes",     "Demir",     "Papadakis",
};
static const char *const trades[] = {
    "Carpenter", "Marine biologist", "Night-shift nurse", "Illustrator", "Bike courier",
    "Maths teacher", "Sound engineer", "Baker", "Postgraduate in hydrology", "Translator",
    "Beekeeper", "Compiler person", "Librarian", "Cartographer", "Violin maker",
};

// Letters of a name as a user name has them.
static size_t fold(char *out, const char *name)
{
    size_t n = 0;
    for (; *name != '\0'; name++)
        if ((*name | 32) >= 'a' && (*name | 32) <= 'z')
            out[n++] = (char)(*name | 32);
    return n;
}

void community_person(const struct community *c, uint32_t i, struct made_person *out)
{
    memset(out, 0, sizeof *out);
    // Every pair of names once, in an order of its own, before a number is needed.
    uint32_t pairs = (uint32_t)(COUNT(firsts) * COUNT(lasts));
    uint32_t pair = (uint32_t)(((uint64_t)i * 1571 + c->seed) % pairs);
    const char *first = firsts[pair % COUNT(firsts)], *last = lasts[pair / COUNT(firsts)];
    uint64_t r = draw(c, 4, i);
    snprintf(out->first, sizeof out->first, "%s", first);
    snprintf(out->last, sizeof out->last, "%s", last);
    char f[24], l[24];
    int fn = (int)fold(f, first), ln = (int)fold(l, last);
    uint32_t round = i / pairs;
    if (round == 0)
        snprintf(out->username, sizeof out->username, "%.*s.%.*s", fn, f, ln, l);
    else
        snprintf(out->username, sizeof out->username, "%.*s.%.*s%u", fn, f, ln, l, round + 1);
    snprintf(out->bio, sizeof out->bio, "%s. %s, %s and %s.", trades[r % COUNT(trades)],
             (r >> 8) % 2 ? "Mostly here for" : "Into", interests[(r >> 9) % COUNT(interests)],
             subjects[(r >> 16) % COUNT(subjects)]);
    snprintf(out->avatar, sizeof out->avatar, "https://img.example.org/avatars/%s.jpg",
             out->username);
}

const char *community_comment(const struct community *c, uint64_t i)
{
    static const char *const remarks[] = {
        "Love this.", "Where was that?", "Count me in next time!", "You made my morning.",
        "How long did it take?", "This is wonderful news.", "Same here, exactly the same.",
        "More pictures please.", "I needed to read this today.", "Congratulations!",
        "Let's talk about it on Sunday.", "The light in this one is something.",
    };
    return remarks[draw(c, 5, i) % COUNT(remarks)];
}
