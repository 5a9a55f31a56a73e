// The logger of logger.h. A line is put together in full by the thread that logs, then pushed into
// the ring of that thread; the logger thread empties all rings into one buffer and writes that.
#include "core/logger.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/ring.h"

enum { WRITE_BUFFER = 32 << 10, WRITE_WAIT_MS = 1000, WRITE_TRIES = 5 };

// A queue is never freed: when its thread has ended and it is empty, the next thread takes it over.
enum queue_state { QUEUE_FREE, QUEUE_USED, QUEUE_LEFT };
struct queue {
    struct ring ring;          // message: one line, tag unused
    _Atomic int state;         // enum queue_state
    _Atomic uint64_t dropped;  // lines since this was last said
    uint64_t bytes[LOG_QUEUE_BYTES / 8];
};

static struct {
    _Atomic int level;
    enum log_format format;
    int fd;
    bool journal;              // under systemd: <N>, no time
    _Atomic bool running;      // lines go through queues
    _Atomic bool stopping;
    _Atomic bool asleep;
    _Atomic uint64_t dropped;  // lines of threads without a queue
    _Atomic(struct queue *) queues[LOG_THREADS_MAX];
    sem_t wake;
    pthread_t thread;
    pthread_key_t at_exit;     // tells when a thread with a queue ends
} logger = {.level = LOG_INFO, .fd = STDERR_FILENO};

static _Thread_local struct queue *own_queue;

// ---- one line -----------------------------------------------------------------------------------

// A line under way. Space for its end is kept back, so that it can always be ended.
struct line {
    char text[LOG_LINE_MAX];
    size_t n;
    bool json;
    bool cut;
    bool full;                 // the part being added did not fit
};
enum { LINE_END = 16 };        // `,"cut":true}` and the line feed

static void put(struct line *l, const char *s, size_t n)
{
    if (l->full || n > LOG_LINE_MAX - LINE_END - l->n) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->n, s, n);
    l->n += n;
}

static void put_str(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_number(struct line *l, uint64_t number, unsigned digits)
{
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 || sizeof text - at < digits);
    put(l, text + at, sizeof text - at);
}

// Bytes of the UTF-8 character at s, 0 where there is none.
static size_t utf8_size(const unsigned char *s, size_t n)
{
    size_t size = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (size == 0 || size > n || s[0] > 0xf4) return 0;
    for (size_t i = 1; i < size; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0; // longer than needed
    if (s[0] == 0xed && s[1] > 0x9f) return 0; // half of a UTF-16 pair
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
    return size;
}

static void put_escaped(struct line *l, const char *s, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    while (n > 0) {
        unsigned char c = (unsigned char)*s;
        size_t size = utf8_size((const unsigned char *)s, n);
        if (size == 0) {
            put_str(l, "?");
            size = 1;
        } else if (c == '"' || c == '\\') {
            put(l, (char[]){'\\', (char)c}, 2);
        } else if (c == '\n') {
            put_str(l, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            put(l, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        } else {
            put(l, s, size);
        }
        s += size;
        n -= size;
    }
}

static bool needs_quotes(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == '"' || s[i] == '=' || s[i] == '\\' ||
            (unsigned char)s[i] >= 0x7f)
            return true;
    return n == 0;
}

static void put_text(struct line *l, const char *s, size_t n)
{
    if (!l->json && !needs_quotes(s, n)) {
        put(l, s, n);
        return;
    }
    put(l, "\"", 1);
    put_escaped(l, s, n);
    put(l, "\"", 1);
}

static void put_key(struct line *l, const char *key)
{
    if (l->json) {
        put_str(l, l->text[l->n - 1] == '{' ? "\"" : ",\"");
        put_str(l, key);
        put_str(l, "\":");
    } else {
        if (l->n > 0 && l->text[l->n - 1] != '>') put(l, " ", 1);
        put_str(l, key);
        put(l, "=", 1);
    }
}

static void put_time(struct line *l, uint64_t ms)
{
    // Years that begin in March have their odd day last. Not gmtime_r: it takes a lock.
    uint64_t days = ms / 86400000 + 719468; // since 0000-03-01
    uint64_t era = days / 146097, day = days % 146097; // of 400 years
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint64_t month = (5 * day + 2) / 153; // from March
    const struct {
        uint64_t number;
        unsigned digits;
        const char *then;
    } parts[] = {
        {era * 400 + year + (month >= 10), 4, "-"},
        {month < 10 ? month + 3 : month - 9, 2, "-"},
        {day - (153 * month + 2) / 5 + 1, 2, "T"},
        {ms / 3600000 % 24, 2, ":"},
        {ms / 60000 % 60, 2, ":"},
        {ms / 1000 % 60, 2, "."},
        {ms % 1000, 3, "Z"},
    };
    put_key(l, "time");
    if (l->json) put(l, "\"", 1);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        put_number(l, parts[i].number, parts[i].digits);
        put(l, parts[i].then, 1);
    }
    if (l->json) put(l, "\"", 1);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR: return "error";
    case LOG_WARN: return "warn";
    case LOG_INFO: return "info";
    case LOG_DEBUG: return "debug";
    }
    return "unknown";
}

static void put_field(struct line *l, const struct log_field *f)
{
    put_key(l, f->key);
    switch (f->kind) {
    case LOG_TEXT: put_text(l, f->text, f->n); break;
    case LOG_NUMBER: put_number(l, f->number, 1); break;
    case LOG_SIGNED:
        if ((int64_t)f->number < 0) put(l, "-", 1);
        put_number(l, (int64_t)f->number < 0 ? 0 - f->number : f->number, 1);
        break;
    case LOG_BOOL: put_str(l, f->number ? "true" : "false"); break;
    }
}

// Adds a field whole or not at all.
static void add_field(struct line *l, const struct log_field *f)
{
    size_t before = l->n;
    put_field(l, f);
    if (!l->full) return;
    l->n = before;
    l->full = false;
    l->cut = true;
}

static void begin_line(struct line *l, enum log_level level)
{
    l->n = 0;
    l->json = logger.format == LOG_JSON;
    l->cut = false;
    l->full = false;
    if (logger.journal) {
        put(l, "<", 1);
        put_number(l, level, 1);
        put(l, ">", 1);
    }
    if (l->json) put(l, "{", 1);
    if (!logger.journal) {
        put_time(l, clock_wall_ms());
        put_key(l, "level");
        put_text(l, level_name(level), strlen(level_name(level)));
    }
}

static void end_line(struct line *l)
{
    const char *end = l->json ? l->cut ? ",\"cut\":true}\n" : "}\n" : l->cut ? " cut=true\n" : "\n";
    size_t n = strlen(end);
    ASSERT(l->n + n <= LOG_LINE_MAX);
    memcpy(l->text + l->n, end, n);
    l->n += n;
}

// A message that is too long loses its end, at a whole character.
static void add_message(struct line *l, const char *s, size_t n)
{
    struct log_field f = log_bytes("msg", s, n);
    bool cut = false;
    for (add_field(l, &f); l->cut; add_field(l, &f)) {
        ASSERT(f.n > 0);
        l->cut = false;
        cut = true;
        f.n -= f.n / 8 + 1;
        while (f.n > 0 && ((unsigned char)s[f.n] & 0xc0) == 0x80) f.n--;
    }
    l->cut = cut;
}

// ---- writing ------------------------------------------------------------------------------------

// Where standard error is full and does not empty, the lines are lost rather than the thread.
static void write_all(const char *s, size_t n)
{
    for (int tries = 0; n > 0 && tries < WRITE_TRIES;) {
        ssize_t wrote = write(logger.fd, s, n);
        if (wrote >= 0) {
            s += wrote;
            n -= (size_t)wrote;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = logger.fd, .events = POLLOUT}, 1, WRITE_WAIT_MS);
            tries++;
        } else if (errno != EINTR) {
            return;
        }
    }
}

static struct queue *find_queue(void)
{
    for (unsigned i = 0; i < LOG_THREADS_MAX; i++) {
        struct queue *q = atomic_load_explicit(&logger.queues[i], memory_order_acquire);
        if (q == NULL) {
            struct queue *made = aligned_alloc(_Alignof(struct queue), sizeof *made);
            if (made == NULL) return NULL;
            ring_init(&made->ring, made->bytes, LOG_QUEUE_BYTES);
            atomic_init(&made->state, QUEUE_USED);
            atomic_init(&made->dropped, 0);
            if (atomic_compare_exchange_strong(&logger.queues[i], &q, made)) return made;
            free(made);
        }
        int is_free = QUEUE_FREE;
        if (atomic_compare_exchange_strong(&q->state, &is_free, QUEUE_USED)) return q;
    }
    return NULL;
}

static void thread_ends(void *queue)
{
    struct queue *q = queue;
    own_queue = NULL;
    atomic_store_explicit(&q->state, QUEUE_LEFT, memory_order_release);
}

static void submit(const struct line *l)
{
    if (!atomic_load_explicit(&logger.running, memory_order_acquire)) {
        write_all(l->text, l->n);
        return;
    }
    if (own_queue == NULL) {
        own_queue = find_queue();
        if (own_queue != NULL) pthread_setspecific(logger.at_exit, own_queue);
    }
    if (own_queue == NULL) {
        atomic_fetch_add_explicit(&logger.dropped, 1, memory_order_relaxed);
    } else if (!ring_push(&own_queue->ring, l->text, (uint32_t)l->n, 0)) {
        atomic_fetch_add_explicit(&own_queue->dropped, 1, memory_order_relaxed);
    }
    // Exchanges on both sides: either the logger saw the line before it slept, or this sees it
    // asleep.
    if (atomic_exchange(&logger.asleep, false)) sem_post(&logger.wake);
}

void log_fields(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
    if (!logger_wants(level)) return;
    struct line l;
    begin_line(&l, level);
    add_message(&l, message, strlen(message));
    for (size_t i = 0; i < n; i++) add_field(&l, &fields[i]);
    end_line(&l);
    submit(&l);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!logger_wants(level)) return;
    char text[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) n = 0;
    struct line l;
    begin_line(&l, level);
    add_message(&l, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    l.cut |= (size_t)n >= sizeof text;
    end_line(&l);
    submit(&l);
}

bool logger_wants(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

// ---- the logger thread --------------------------------------------------------------------------

struct output {
    char bytes[WRITE_BUFFER];
    size_t n;
};

static void flush(struct output *o)
{
    write_all(o->bytes, o->n);
    o->n = 0;
}

static void emit(struct output *o, const void *line, size_t n)
{
    if (n > sizeof o->bytes - o->n) flush(o);
    memcpy(o->bytes + o->n, line, n);
    o->n += n;
}

static void say_dropped(struct output *o, uint64_t count)
{
    struct line l;
    begin_line(&l, LOG_WARN);
    add_message(&l, "log lines dropped", 17);
    add_field(&l, &(struct log_field){.key = "count", .number = count, .kind = LOG_NUMBER});
    end_line(&l);
    emit(o, l.text, l.n);
}

// Bytes that waited in all queues; they are in the output, or written, afterwards.
static size_t drain(struct output *o)
{
    size_t bytes = 0;
    uint64_t dropped = atomic_exchange(&logger.dropped, 0);
    for (unsigned i = 0; i < LOG_THREADS_MAX; i++) {
        struct queue *q = atomic_load_explicit(&logger.queues[i], memory_order_acquire);
        if (q == NULL) break;
        // Read before the ring: what the thread pushed before it ended is seen below.
        int state = atomic_load_explicit(&q->state, memory_order_acquire);
        uint32_t n, tag;
        for (const void *line; (line = ring_peek(&q->ring, &n, &tag)) != NULL; ring_pop(&q->ring)) {
            emit(o, line, n);
            bytes += n;
        }
        dropped += atomic_exchange(&q->dropped, 0);
        if (state == QUEUE_LEFT)
            atomic_store_explicit(&q->state, QUEUE_FREE, memory_order_release);
    }
    if (dropped > 0) say_dropped(o, dropped);
    flush(o);
    return bytes;
}

static void *run(void *arg)
{
    struct output *o = arg;
    for (;;) {
        bool stopping = atomic_load(&logger.stopping);
        if (drain(o) > 0) continue;
        if (stopping) break;
        atomic_exchange(&logger.asleep, true);
        if (drain(o) > 0 || atomic_load(&logger.stopping)) continue;
        while (sem_wait(&logger.wake) != 0) ASSERT(errno == EINTR);
    }
    free(o);
    return NULL;
}

// systemd names the stream that it reads by device and inode.
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (stream == NULL || fstat(fd, &st) != 0) return false;
    char own[64];
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, own) == 0;
}

static void make_once(void)
{
    int failed = pthread_key_create(&logger.at_exit, thread_ends);
    ASSERT(failed == 0);
    failed = sem_init(&logger.wake, 0, 0);
    ASSERT(failed == 0);
}

int logger_start(struct logger_options options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    ASSERT(!atomic_load(&logger.running));
    pthread_once(&once, make_once);
    atomic_store(&logger.level, (int)options.level);
    logger.format = options.format;
    logger.fd = options.fd;
    logger.journal = is_journal(options.fd);
    atomic_store(&logger.stopping, false);

    struct output *o = malloc(sizeof *o);
    if (o == NULL) return ENOMEM;
    o->n = 0;
    // Signals are for the threads that expect them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&logger.thread, NULL, run, o);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        free(o);
        return error;
    }
    pthread_setname_np(logger.thread, "kith-log");
    atomic_store_explicit(&logger.running, true, memory_order_release);
    return 0;
}

void logger_stop(void)
{
    if (!atomic_load(&logger.running)) return;
    atomic_store(&logger.running, false);
    atomic_store(&logger.stopping, true);
    if (atomic_exchange(&logger.asleep, false)) sem_post(&logger.wake);
    pthread_join(logger.thread, NULL);
}
