// Posts: rows of CSV or NDJSON, or made up. A chunk of rows is named by what it comes from and its
// number, so that the server applies each once, however often it is sent.
#include "tools/kith_importer.h"

#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <string.h>

#include "api/words.h"
#include "core/fb_verify.h"
#include "core/ops.h"
#include "kith_fb.h"

enum {
    CAPTION_POINTS_MAX = 5000,
    CHUNK_BYTES = 512 << 10,   // a chunk of long rows ends here: its entry must fit the log
};

enum { P_AUTHOR, P_TEXT, P_TIME, P_IMAGE, P_TAGS, P_COLUMNS };
static const char *const post_columns[P_COLUMNS] = {
    "author,author_id,username,user,handle,screen_name,user_name",
    "content,caption,text,body,tweet,message",
    "created_at,publish_date,published_at,date,timestamp,time",
    "image_url,image,photo",
    "hashtags,tags",
};

// ---- chunks ------------------------------------------------------------------------------------

struct chunk {
    struct importer *im;
    uint64_t source_hi, source_lo;
    uint32_t number;
    uint32_t n;            // rows pushed
    uint32_t mark;
    struct string text;      // of one row, made UTF-8
};

static void chunk_begin(struct chunk *c, struct importer *im, const uint8_t hash[32])
{
    *c = (struct chunk){.im = im, .mark = fb_mark(&im->builder)};
    for (unsigned i = 0; i < 8; i++) {
        c->source_hi = c->source_hi << 8 | hash[i];
        c->source_lo = c->source_lo << 8 | hash[8 + i];
    }
}

static bool chunk_send(struct chunk *c)
{
    if (c->n == 0)
        return true;
    fb_builder *b = &c->im->builder;
    kt_new_ImportPosts w = {0};
    kt_put_ImportPosts_posts(&w, fb_refs(b, c->mark));
    kt_put_ImportPosts_source_hi(&w, c->source_hi);
    kt_put_ImportPosts_source_lo(&w, c->source_lo);
    kt_put_ImportPosts_chunk(&w, c->number);
    bool sent = importer_send(c->im, OP_import_posts, kt_end_ImportPosts(b, &w), c->n);
    c->number++;
    c->n = 0;
    c->mark = fb_mark(b);
    return sent;
}

struct post_row { uint64_t author, created_ms; struct cell text, image, tags; };

enum { WORDS_MAX = 30, FOUND_MAX = 64 };

struct found { struct word w[FOUND_MAX]; unsigned n; };

static void add_found(struct found *f, struct word w)
{
    for (unsigned i = 0; i < f->n; i++)
        if (word_same(f->w[i], w))
            return;
    if (f->n < WORDS_MAX)
        f->w[f->n++] = w;
}

static fb_ref found_ref(fb_builder *b, const struct found *f)
{
    char low[TAG_BYTES_MAX];
    uint32_t mark = fb_mark(b);
    for (unsigned i = 0; i < f->n; i++)
        fb_push(b, fb_string(b, low, word_fold(low, f->w[i])));
    return fb_refs(b, mark);
}

// Tags and mentions as a post has them that is written here: those of its text, and of a column of
// tags.
static void put_words(fb_builder *b, kt_new_ImportPost *w, struct cell text, struct cell tags)
{
    struct found found = {.n = 0};
    struct word word[FOUND_MAX];
    if (memchr(text.s, '#', text.n) != NULL || tags.n > 0) {
        unsigned n = words_hashtags(text.s, text.n, word, FOUND_MAX);
        for (unsigned i = 0; i < n; i++)
            add_found(&found, word[i]);
        for (const char *s = tags.s; *s != '\0'; s += *s != '\0') {
            size_t length = strcspn(s, ", ;#");
            struct word tag = {s, (uint32_t)length};
            if (length > 0 && length < TAG_BYTES_MAX && word_is_tag(tag))
                add_found(&found, tag);
            s += length;
        }
        if (found.n > 0)
            kt_put_ImportPost_hashtags(w, found_ref(b, &found));
    }
    if (memchr(text.s, '@', text.n) != NULL) {
        found.n = 0;
        unsigned n = words_mentions(text.s, text.n, word, FOUND_MAX);
        for (unsigned i = 0; i < n; i++)
            add_found(&found, word[i]);
        if (found.n > 0)
            kt_put_ImportPost_mentions(w, found_ref(b, &found));
    }
}

static bool chunk_row(struct chunk *c, const struct post_row *row)
{
    fb_builder *b = &c->im->builder;
    if (b->used > CHUNK_BYTES && !chunk_send(c))
        return false;
    struct cell text = row->text;
    uint32_t points = 0;
    if (!fb_utf8(text.s, text.n, &points)) {
        string_clear(&c->text);
        string_utf8(&c->text, text.s, text.n);
        text = (struct cell){c->text.s, c->text.n};
        fb_utf8(text.s, text.n, &points);
    }
    if (points > CAPTION_POINTS_MAX) {
        c->im->counts->refused++; // the same at each run, so that chunks stay what they were
        return true;
    }
    kt_new_ImportPost w = {0};
    kt_put_ImportPost_user_id(&w, row->author);
    if (row->created_ms != 0)
        kt_put_ImportPost_created_at(&w, row->created_ms);
    if (text.n > 0)
        kt_put_ImportPost_caption(&w, fb_string(b, text.s, text.n));
    if (row->image.n > 0)
        kt_put_ImportPost_image_url(&w, fb_string(b, row->image.s, row->image.n));
    put_words(b, &w, text, row->tags);
    fb_push(b, kt_end_ImportPost(b, &w));
    return ++c->n < CHUNK_ROWS || chunk_send(c);
}

static bool chunk_end(struct chunk *c, bool whole)
{
    whole = whole && chunk_send(c);
    string_free(&c->text);
    return importer_end(c->im) && whole;
}

// ---- a file ------------------------------------------------------------------------------------

static bool open_posts(struct importer *im, struct rows *rows, const char *path)
{
    if (rows_open(rows, path, post_columns, P_COLUMNS) != 0) {
        snprintf(im->why, sizeof im->why, "%s", rows->why);
        return false;
    }
    if (rows_has(rows, P_AUTHOR) && rows_has(rows, P_TEXT))
        return true;
    snprintf(im->why, sizeof im->why, "%.128s: no column for the %s (one of %s)", path,
             rows_has(rows, P_AUTHOR) ? "text" : "author",
             post_columns[rows_has(rows, P_AUTHOR) ? P_TEXT : P_AUTHOR]);
    rows_close(rows);
    return false;
}

bool import_posts_each(struct importer *im, const char *path, struct post_taker to)
{
    struct rows rows;
    struct cell cell[P_COLUMNS];
    if (!open_posts(im, &rows, path))
        return false;
    int got;
    while ((got = rows_next(&rows, cell)) == 1)
        to.take(to.ctx, &(struct post_cells){cell[P_AUTHOR], cell[P_TEXT], cell[P_TIME]});
    if (got < 0)
        snprintf(im->why, sizeof im->why, "%s", rows.why);
    rows_close(&rows);
    return got == 0;
}

static void take_author(void *ctx, const struct post_cells *row)
{
    people_name(ctx, row->author.s, rows_time(row->time));
}

bool import_posts_people(struct importer *im, const char *path, struct people *p)
{
    return import_posts_each(im, path, (struct post_taker){take_author, p});
}

bool import_posts_file(struct importer *im, const char *path, struct people *authors,
                       struct import_counts *counts)
{
    struct rows rows;
    struct cell cell[P_COLUMNS];
    uint8_t hash[crypto_hash_sha256_BYTES];
    int err = source_sha256(path, hash);
    if (err != 0) {
        snprintf(im->why, sizeof im->why, "%.160s: %s", path, strerror(err));
        return false;
    }
    if (!open_posts(im, &rows, path))
        return false;
    struct chunk chunk;
    importer_begin(im, "posts", counts);
    chunk_begin(&chunk, im, hash);
    int got;
    bool whole = true;
    while (whole && (got = rows_next(&rows, cell)) == 1) {
        size_t author = people_find_name(authors, cell[P_AUTHOR].s);
        struct post_row row = {
            .author = author != PEOPLE_NONE ? authors->person[author].id : 0,
            .created_ms = rows_time(cell[P_TIME]),
            .text = cell[P_TEXT],
            .image = cell[P_IMAGE],
            .tags = cell[P_TAGS],
        };
        counts->rows++;
        whole = chunk_row(&chunk, &row);
        progress_show(&im->progress, counts->rows, rows.source.bytes_read, rows.source.bytes_all);
    }
    if (whole && got < 0) {
        snprintf(im->why, sizeof im->why, "%s", rows.why);
        whole = false;
    }
    rows_close(&rows);
    return chunk_end(&chunk, whole);
}

// ---- made up -----------------------------------------------------------------------------------

bool import_posts_made(struct importer *im, const struct community *c, struct people *people,
                       struct import_counts *counts)
{
    char what[128];
    uint8_t hash[crypto_hash_sha256_BYTES];
    int n = snprintf(what, sizeof what, "kith made posts: seed %llu, %u users, %llu posts",
                     (unsigned long long)c->seed, c->users, (unsigned long long)c->posts);
    crypto_hash_sha256(hash, (const uint8_t *)what, (unsigned long long)n);
    struct chunk chunk;
    struct made_post post;
    importer_begin(im, "posts", counts);
    chunk_begin(&chunk, im, hash);
    bool whole = true;
    for (uint64_t i = 0; i < c->posts && whole; i++) {
        community_post(c, i, &post);
        struct post_row row = {
            .author = people->person[post.author].id,
            .created_ms = post.created_ms,
            .text = {post.text, post.text_n},
            .image = {"", 0},
            .tags = {"", 0},
        };
        counts->rows++;
        whole = chunk_row(&chunk, &row);
        progress_show(&im->progress, counts->rows, i, c->posts);
    }
    return chunk_end(&chunk, whole);
}
