// What searches cost in process, without network or log, and whether they find what a scan of all
// texts finds: figures, not a test.
//
//   search_rate TWEETS.csv [QUERIES [TAGS]]
//
// The file has columns author_id, content and publish_date; -: standard input. Tags of languages,
// "de,ru": the authors write them in turn; without it nobody says what he writes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/words.h"
#include "core/hash.h"
#include "kith_fb.h"
#include "store/index.h"
#include "store/search.h"
#include "tests/store/support_doc.h"
#include "tests/store/support_state.h"

enum { AUTHORS = 4096, ROWS = 256, BUFFER = 1 << 18, FIELDS = 32 };

struct tweet { uint64_t author, ms; const char *text; uint32_t n; };
struct tweets { struct tweet *t; uint32_t n, room; uint64_t bytes; char *csv; };

// Of this thread alone: others may be busy on the machine.
static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}


// ---- the file ----------------------------------------------------------------------------------

static char *read_all(const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t n = 0, room = 1 << 20;
    char *s = malloc(room);
    assert_non_null(f);
    for (size_t got = 1; got > 0; n += got) {
        if (room - n < 1 << 19) s = realloc(s, room *= 2);
        assert_non_null(s);
        got = fread(s + n, 1, room - n - 1, f);
    }
    s[n] = 0;
    if (f != stdin) fclose(f);
    return s;
}

// One field, unquoted in place; *s is moved behind its comma or to the end of the line.
static char *field(char **s, uint32_t *n)
{
    char *from = *s, *to = from, *at = from;
    bool quoted = *at == '"';
    at += quoted;
    for (; *at != 0; at++) {
        if (quoted && *at == '"' && at[1] != '"') {
            quoted = false;
            continue;
        }
        if (quoted && *at == '"') at++;
        if (!quoted && (*at == ',' || *at == '\n')) break;
        *to++ = *at;
    }
    *n = (uint32_t)(to - from);
    *s = at;
    return from;
}

static uint64_t date_of(const char *s)
{
    struct tm t = {0};
    char date[20] = ""; // sscanf measures the whole of a string first
    memcpy(date, s, sizeof date - 1);
    sscanf(date, "%d-%d-%d %d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
           &t.tm_sec);
    t.tm_year -= 1900;
    t.tm_mon--;
    return (uint64_t)timegm(&t) * 1000;
}

static struct tweets read_tweets(const char *path)
{
    struct tweets all = {.csv = read_all(path)};
    char *s = strchr(all.csv, '\n') + 1;
    while (*s != 0) {
        char *f[FIELDS];
        uint32_t n[FIELDS], k = 0;
        do {
            f[k] = field(&s, &n[k]);
            k++;
        } while (*s == ',' && k < FIELDS && s++);
        while (*s != 0 && *s != '\n') s++;
        s += *s == '\n';
        if (all.n == all.room) {
            all.room = 2 * all.room + 1024;
            all.t = realloc(all.t, all.room * sizeof *all.t);
        }
        all.t[all.n++] = (struct tweet){strtoull(f[0], NULL, 10), date_of(f[4]), f[1], n[1]};
        all.bytes += n[1];
    }
    return all;
}

// ---- the community -----------------------------------------------------------------------------

struct author { uint64_t number, id; };
static const char *tags = "";

// The tag number i, from the beginning again behind the last.
static void speak(struct world *w, uint64_t user, uint32_t i)
{
    char tag[12];
    const char *at = tags;
    if (*at == 0) return;
    for (; i > 0; i--) at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : tags;
    snprintf(tag, sizeof tag, "%.*s", (int)strcspn(at, ","), at);
    say_doc(w, OP_settings_change, user, (struct doc_words){.owner = user, .text = tag});
}

static uint64_t author_of(struct world *w, struct author *known, uint64_t number)
{
    char name[16];
    uint32_t i = 0;
    while (known[i].id != 0 && known[i].number != number) i++;
    assert_true(i < AUTHORS - 1);
    if (known[i].id == 0) {
        snprintf(name, sizeof name, "author_%u", i);
        known[i] = (struct author){number, make_user(w, name)};
        speak(w, known[i].id, i);
    }
    return known[i].id;
}

static fb_ref tags_of(fb_builder *b, const struct tweet *t)
{
    struct word tag[30];
    char text[TAG_BYTES_MAX];
    uint32_t mark = fb_mark(b);
    unsigned n = words_hashtags(t->text, t->n, tag, 30);
    for (unsigned i = 0; i < n; i++) fb_push(b, fb_string(b, text, word_fold(text, tag[i])));
    return fb_refs(b, mark);
}

static void import(struct world *w, const struct tweets *all)
{
    static struct author known[AUTHORS];
    for (uint32_t at = 0; at < all->n; at += ROWS) {
        uint64_t id[ROWS];
        uint32_t n = all->n - at < ROWS ? all->n - at : ROWS;
        for (uint32_t i = 0; i < n; i++) id[i] = author_of(w, known, all->t[at + i].author);
        fb_builder *b = world_body(w);
        uint32_t mark = fb_mark(b);
        for (uint32_t i = 0; i < n; i++) {
            const struct tweet *t = &all->t[at + i];
            kt_new_ImportPost row = {0};
            kt_put_ImportPost_user_id(&row, id[i]);
            kt_put_ImportPost_created_at(&row, t->ms);
            kt_put_ImportPost_caption(&row, fb_string(b, t->text, t->n));
            kt_put_ImportPost_hashtags(&row, tags_of(b, t));
            fb_push(b, kt_end_ImportPost(b, &row));
        }
        kt_new_ImportPosts body = {0};
        kt_put_ImportPosts_chunk(&body, at / ROWS);
        kt_put_ImportPosts_posts(&body, fb_refs(b, mark));
        struct change c = {OP_import_posts, 0, kt_end_ImportPosts(b, &body), NULL};
        world_say(w, c);
    }
}

// ---- queries -----------------------------------------------------------------------------------

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void say(const char *what, uint64_t *ns, uint32_t n)
{
    qsort(ns, n, sizeof *ns, by_number);
    printf("%-28s p50 %7.1f us  p99 %7.1f us  p99.9 %7.1f us  max %7.1f us\n", what,
           (double)ns[n / 2] / 1e3, (double)ns[n - n / 100 - 1] / 1e3,
           (double)ns[n - n / 1000 - 1] / 1e3, (double)ns[n - 1] / 1e3);
}

static uint8_t buffer[BUFFER];


// Rounds until the page is full or the end is reached.
static void ask_all(struct world *w, struct search_read *read, struct page *page)
{
    struct page round = {.want = page->want};
    page->n = 0;
    do {
        round.want = page->want - page->n;
        read_search(&w->store->shard[0], read, &round);
        memcpy(page->item + page->n, round.item, round.n * sizeof round.item[0]);
        page->n += round.n;
        read->before = round.next;
        read->before_stamp = round.next_stamp;
    } while (page->n < page->want && round.next != 0);
}

// All of one request: what it finds, then the answer.
static uint64_t ask(struct world *w, const struct search_read *what, struct page *page)
{
    fb_builder b;
    struct shard *s = &w->store->shard[0];
    struct sight sight[PAGE_MAX];
    struct search_read read = *what;
    struct view view = {w->store, s, 0};
    struct shown shown = {page, sight, LIST_none, NULL, false};
    uint64_t t0 = cpu_ns();
    page->want = 20;
    ask_all(w, &read, page);
    enum entity kind = what->kind == SEARCH_users ? ENTITY_user : ENTITY_post;
    struct eye eye;
    eye_open(&eye, &view);
    page_see(&eye, page, (struct wanted){.kind = kind}, sight);
    fb_init(&b, buffer, sizeof buffer);
    fb_finish(&b, kind == ENTITY_user ? build_users(&b, &shown) : build_posts(&b, &view, &shown));
    return cpu_ns() - t0;
}

// A piece of some tweet: words that stand together somewhere, quoted or not.
static struct language_text query_of(const struct tweets *all, struct rng *r, char *room)
{
    struct language_text word;
    uint32_t n = 0;
    while (n == 0) {
        const struct tweet *t = &all->t[rng_below(r, all->n)];
        struct language_text text = {t->text, t->n};
        uint32_t at = rng_below(r, t->n + 1), words = 1 + rng_below(r, 3);
        while (at > 0 && at < t->n && ((uint8_t)t->text[at] & 0xc0) == 0x80) at--;
        for (word = terms_word(text, &at); words > 0; words--) {
            word = terms_word(text, &at);
            if (word.n == 0 || n + word.n + 2 > 190) break;
            memcpy(room + n, word.s, word.n);
            n += word.n;
            room[n++] = ' ';
        }
    }
    bool quoted = rng_below(r, 4) == 0;
    if (quoted) {
        memmove(room + 1, room, n);
        room[0] = room[n] = '"';
    }
    return (struct language_text){room, n + quoted};
}

// All texts as stems, each by its hash, newest first: what a scan reads.
struct stem { uint64_t hash; uint32_t at; };
struct scan {
    struct stem *stem;
    uint32_t *end;
    uint64_t *id;
    uint8_t *language;
    uint32_t n, stems, room;
};

static void scan_text(struct scan *all, struct language_text text, unsigned language)
{
    static struct terms t;
    terms_clear(&t);
    terms_add(&t, text, (enum language)language);
    if (all->stems + t.n > all->room)
        all->stem = realloc(all->stem, (all->room = 2 * all->room + TERMS_MAX) * sizeof *all->stem);
    for (uint32_t i = 0; i < t.n; i++)
        all->stem[all->stems++] = (struct stem){hash64(t.term[i].s, t.term[i].n, 1), t.term[i].at};
}

static struct scan scan_posts(const struct store *s)
{
    const struct seq *posts = &s->shard[0].open_posts;
    struct scan all = {.n = posts->count};
    all.id = malloc(all.n * sizeof *all.id);
    all.end = malloc(all.n * sizeof *all.end);
    all.language = malloc(all.n);
    all.n = seq_below(posts, 0, all.id, all.n);
    for (uint32_t i = 0; i < all.n; i++) {
        const struct post *p = store_post(s, all.id[i]);
        scan_text(&all, (struct language_text){post_caption(p), p->o.text_n}, p->o.language);
        all.language[i] = (uint8_t)p->o.language;
        all.end[i] = all.stems;
    }
    return all;
}

// As search.h says, read slowly.
static bool matches(const struct scan *q, bool quoted, const struct stem *from,
                    const struct stem *end)
{
    uint32_t found = 0;
    for (uint32_t k = 0; k < q->stems; k++) {
        const struct stem *s = from;
        while (s < end && s->hash != q->stem[k].hash) s++;
        if (s == end) return false;
    }
    for (const struct stem *s = from; quoted && s < end && found < q->stems; s++) {
        found = 0;
        for (const struct stem *x = s; x < end; x++)
            for (uint32_t k = 0; k < q->stems; k++)
                found += x->at - s->at == q->stem[k].at - q->stem[0].at &&
                         x->hash == q->stem[k].hash;
    }
    return q->stems > 0 && (!quoted || found == q->stems);
}

// The newest hundred of a search and of a scan.
static void compare(struct world *w, uint32_t queries, const struct tweets *tweets)
{
    struct scan all = scan_posts(w->store), query[LANGUAGES] = {0};
    struct rng r = {7};
    char room[256];
    uint32_t hits = 0;
    for (uint32_t q = 0; q < queries; q++) {
        struct language_text asked = query_of(tweets, &r, room);
        struct page page = {.want = PAGE_MAX};
        struct search_read read = {SEARCH_posts, asked, 0, 0};
        uint32_t same = 0;
        for (unsigned l = 0; l < LANGUAGES; l++) {
            query[l].stems = 0;
            scan_text(&query[l], asked, l);
        }
        ask_all(w, &read, &page);
        for (uint32_t i = 0; i < all.n && same < PAGE_MAX; i++) {
            const struct stem *from = all.stem + (i > 0 ? all.end[i - 1] : 0);
            const struct scan *as = &query[all.language[i]];
            if (!matches(as, asked.s[0] == '"', from, all.stem + all.end[i])) continue;
            assert_true(same < page.n && page.item[same].id == all.id[i]);
            same++;
        }
        assert_int_equal(same, page.n);
        hits += same > 0;
    }
    printf("%u queries found what a scan finds, %u of them something\n", queries, hits);
    free(all.stem);
    free(all.end);
    free(all.id);
    free(all.language);
    for (unsigned l = 0; l < LANGUAGES; l++) free(query[l].stem);
}

static void measure(struct world *w, const struct tweets *all, enum search_kind kind)
{
    enum { MOST = 10000 };
    static uint64_t ns[MOST];
    const uint32_t n = kind == SEARCH_posts ? MOST : MOST / 10;
    struct rng r = {11};
    char room[256];
    uint64_t sum = 0, found = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct page page;
        struct search_read read = {kind, query_of(all, &r, room), 0, 0};
        if (kind == SEARCH_users)
            read.query.n = (uint32_t)snprintf(room, sizeof room, "author_%u", rng_below(&r, 160)) -
                           rng_below(&r, 4);
        read.query.s = room;
        ns[i] = ask(w, &read, &page);
        sum += ns[i];
        found += page.n;
    }
    printf("%.0f searches a second, %.1f items a page\n", n / ((double)sum / 1e9),
           (double)found / n);
    static const char *const names[] = {[SEARCH_posts] = "full text",
                                        [SEARCH_popular] = "most liked",
                                        [SEARCH_comments] = "", [SEARCH_users] = "people"};
    say(names[kind], ns, n);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct tweets all = read_tweets(argc > 1 ? argv[1] : "-");
    uint32_t queries = argc > 2 ? (uint32_t)atoi(argv[2]) : 500;
    if (argc > 3) tags = argv[3];
    struct world *w = world_new(&(struct world_options){.partitions = 256, .fanout_max = 100000});
    uint64_t t0 = cpu_ns();
    import(w, &all);
    double seconds = (double)(cpu_ns() - t0) / 1e9;
    const struct pool *p = &w->store->shard[0].pool;
    printf("%u posts in %.1f s; text %.1f MB, index %.1f MB, %.2f of it; %llu postings\n", all.n,
           seconds, (double)all.bytes / 1e6, (double)p->used[MEM_index] / 1e6,
           (double)p->used[MEM_index] / (double)all.bytes,
           (unsigned long long)w->store->shard[0].index->postings);
    measure(w, &all, SEARCH_posts);
    measure(w, &all, SEARCH_popular);
    measure(w, &all, SEARCH_users);
    compare(w, queries, &all);
    world_free(w);
    free(all.t);
    free(all.csv);
    return 0;
}
