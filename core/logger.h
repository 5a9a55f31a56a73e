// Lines for the operator, on standard error: a message and typed fields, as logfmt or as JSON.
//
//   time=2025-03-01T12:00:00.000Z level=info msg=listening address=127.0.0.1:5484 cores=2
//   {"time":"2025-03-01T12:00:00.000Z","level":"info","msg":"listening","cores":2}
//
// A thread hands its lines to the logger thread through a queue of its own and never waits: where
// the queue is full the line is dropped and counted, and the count is said. Before logger_start
// and after logger_stop lines are written at once, by the caller. Under systemd a line begins with
// its level as <N> and has no time: the journal keeps both.
#ifndef KITH_CORE_LOGGER_H
#define KITH_CORE_LOGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_INFO = 6, LOG_DEBUG = 7 }; // syslog's numbers
enum log_format { LOG_LOGFMT, LOG_JSON };

enum {
    LOG_LINE_MAX = 1024,       // bytes; what does not fit is left out and the line says cut=true
    LOG_THREADS_MAX = 128,     // threads with a queue at a time; lines of further ones are dropped
    LOG_QUEUE_BYTES = 64 << 10,
};

struct logger_options {
    enum log_level level;      // the least urgent that is written
    enum log_format format;
    int fd;
};

// Starts the logger thread. 0 or errno (then lines go on being written at once).
int logger_start(struct logger_options options);
// Writes what waits, then ends the thread. Lines of threads that still run may wait for the next
// start.
void logger_stop(void);
// Whether a line of this level would be written, for fields that cost something to make.
bool logger_wants(enum log_level level);

enum log_kind { LOG_TEXT, LOG_NUMBER, LOG_SIGNED, LOG_BOOL };

struct log_field {
    const char *key;           // [a-z_]+, not one of time, level, msg, cut
    const char *text;          // LOG_TEXT, n bytes
    size_t n;
    uint64_t number;           // the other kinds
    enum log_kind kind;
};

// Copies what it is given. `message` is fixed text: what varies belongs into fields.
void log_fields(enum log_level level, const char *message, const struct log_field *fields,
                size_t n);

// log_event(LOG_INFO, "listening", log_str("address", address), log_u64("cores", cores));
#define log_event(level, message, ...)                                                             \
    log_fields(level, message, (const struct log_field[]){__VA_ARGS__},                            \
               sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

// A message without fields, put together as by printf.
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct log_field log_bytes(const char *key, const char *text, size_t n)
{
    return (struct log_field){.key = key, .text = text, .n = n, .kind = LOG_TEXT};
}
static inline struct log_field log_str(const char *key, const char *text)
{
    return log_bytes(key, text, __builtin_strlen(text));
}
static inline struct log_field log_u64(const char *key, uint64_t number)
{
    return (struct log_field){.key = key, .number = number, .kind = LOG_NUMBER};
}
static inline struct log_field log_i64(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .number = (uint64_t)number, .kind = LOG_SIGNED};
}
static inline struct log_field log_bool(const char *key, bool value)
{
    return (struct log_field){.key = key, .number = value, .kind = LOG_BOOL};
}

#endif
