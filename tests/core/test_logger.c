// The logger: forms of a line, nothing lost without being counted, nobody made to wait.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/logger.h"

static char text[8 << 20];

static FILE *start(enum log_format format, bool journal)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    unsetenv("JOURNAL_STREAM");
    if (journal) {
        struct stat st;
        char name[64];
        fstat(fileno(f), &st);
        snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        setenv("JOURNAL_STREAM", name, 1);
    }
    struct logger_options options = {.level = LOG_INFO, .format = format, .fd = fileno(f)};
    assert_int_equal(logger_start(options), 0);
    return f;
}

static const char *stop(FILE *f)
{
    logger_stop();
    rewind(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

// After the time, which nobody knows in advance: its form is checked here.
static const char *without_time(const char *line, const char *before, const char *after)
{
    assert_memory_equal(line, before, strlen(before));
    line += strlen(before);
    const char *form = "2000-00-00T00:00:00.000Z";
    for (; *form; form++, line++)
        assert_true(*form == '0' || *form == '2' ? *line >= '0' && *line <= '9' : *line == *form);
    assert_memory_equal(line, after, strlen(after));
    return line + strlen(after);
}

static void writes_logfmt(void **state)
{
    (void)state;
    FILE *f = start(LOG_LOGFMT, false);
    log_event(LOG_INFO, "two words", log_str("plain", "127.0.0.1:5484"), log_u64("n", UINT64_MAX),
              log_i64("i", INT64_MIN), log_bool("yes", true), log_str("empty", ""),
              log_str("odd", "a=\"b\"\n\x01\\\xff"), log_str("umlaut", "\xc3\xa4"));
    log_line(LOG_ERROR, "plain %d", 7);
    log_event(LOG_DEBUG, "not wanted", log_u64("n", 1));
    const char *at = without_time(stop(f), "time=", " level=info");
    const char *rest = " msg=\"two words\" plain=127.0.0.1:5484 n=18446744073709551615"
                       " i=-9223372036854775808 yes=true empty=\"\""
                       " odd=\"a=\\\"b\\\"\\n\\u0001\\\\?\" umlaut=\"\xc3\xa4\"\n";
    assert_memory_equal(at, rest, strlen(rest));
    at = without_time(at + strlen(rest), "time=", " level=error msg=\"plain 7\"\n");
    assert_string_equal(at, "");
}

static void writes_json(void **state)
{
    (void)state;
    FILE *f = start(LOG_JSON, false);
    log_event(LOG_WARN, "slow", log_str("q", "a\"\t\xe4\xb8"), log_u64("ms", 12),
              log_bool("again", false));
    const char *after = "\",\"level\":\"warn\",\"msg\":\"slow\"";
    const char *at = without_time(stop(f), "{\"time\":\"", after);
    assert_string_equal(at, ",\"q\":\"a\\\"\\u0009??\",\"ms\":12,\"again\":false}\n");
}

static void speaks_to_the_journal(void **state)
{
    (void)state;
    FILE *f = start(LOG_LOGFMT, true);
    log_line(LOG_WARN, "disk");
    log_event(LOG_ERROR, "fell over", log_u64("n", 1));
    assert_string_equal(stop(f), "<4>msg=disk\n<3>msg=\"fell over\" n=1\n");
    f = start(LOG_JSON, true);
    log_event(LOG_INFO, "x", log_u64("n", 1));
    assert_string_equal(stop(f), "<6>{\"msg\":\"x\",\"n\":1}\n");
    unsetenv("JOURNAL_STREAM");
}

static void a_line_is_bounded(void **state)
{
    (void)state;
    char big[3000];
    memset(big, 'x', sizeof big);
    memset(big + 500, '\n', 1500); // each is two bytes when escaped
    big[sizeof big - 1] = 0;
    for (unsigned json = 0; json < 2; json++) {
        FILE *f = start(json ? LOG_JSON : LOG_LOGFMT, false);
        log_event(LOG_INFO, "kept", log_str("big", big), log_u64("n", 1));
        log_line(LOG_INFO, "%s", big);
        log_event(LOG_INFO, big, log_u64("n", 1));
        const char *got = stop(f);
        unsigned lines = 0;
        for (const char *at = got, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
            assert_true(end - at < LOG_LINE_MAX);
            const char *last = json ? ",\"cut\":true}" : " cut=true";
            assert_memory_equal(end - strlen(last), last, strlen(last));
            if (lines == 0) {
                assert_null(memmem(at, (size_t)(end - at), "xxx", 3));
                assert_non_null(memmem(at, (size_t)(end - at), json ? "\"n\":1" : " n=1", 4));
            } else {
                assert_true(end - at > LOG_LINE_MAX * 3 / 4);
            }
        }
        assert_int_equal(lines, 3);
    }
}

// ---- threads ------------------------------------------------------------------------------------

enum { THREADS = 8, LINES = 4000 };

static void *log_on(void *arg)
{
    unsigned me = *(unsigned *)arg;
    for (unsigned i = 0; i < LINES; i++)
        log_event(LOG_INFO, "line", log_u64("thread", me), log_u64("i", i));
    return NULL;
}

static void counts_what_it_drops(void **state)
{
    (void)state;
    FILE *f = start(LOG_LOGFMT, false);
    // Twice, so that threads take over the queues of those that have ended.
    for (unsigned round = 0; round < 2; round++) {
        pthread_t threads[THREADS];
        unsigned me[THREADS];
        for (unsigned i = 0; i < THREADS; i++) {
            me[i] = round * THREADS + i;
            assert_int_equal(pthread_create(&threads[i], NULL, log_on, &me[i]), 0);
        }
        for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    }
    const char *got = stop(f);
    unsigned long lines = 0, dropped = 0;
    unsigned next[2 * THREADS] = {0};
    for (const char *at = got, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        char line[LOG_LINE_MAX]; // sscanf would look for the end of all the text
        assert_true(end - at < LOG_LINE_MAX);
        memcpy(line, at, (size_t)(end - at));
        line[end - at] = 0;
        unsigned long count;
        unsigned thread, i;
        const char *msg = strstr(line, " msg=");
        assert_non_null(msg);
        if (sscanf(msg, " msg=line thread=%u i=%u", &thread, &i) == 2) {
            assert_in_range(thread, 0, 2 * THREADS - 1);
            assert_true(i >= next[thread]); // in order, with gaps only where lines were dropped
            next[thread] = i + 1;
            lines++;
        } else {
            assert_int_equal(sscanf(msg, " msg=\"log lines dropped\" count=%lu", &count), 1);
            dropped += count;
        }
    }
    assert_int_equal(lines + dropped, 2 * THREADS * LINES);
}

static void nobody_waits_for_a_full_pipe(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct logger_options options = {.level = LOG_INFO, .format = LOG_LOGFMT, .fd = ends[1]};
    assert_int_equal(logger_start(options), 0);
    // Far more than pipe, buffer and queue hold: were it not dropped, this would never end.
    for (unsigned i = 0; i < 20000; i++) log_event(LOG_INFO, "line", log_u64("i", i));
    close(ends[0]);
    logger_stop();
    close(ends[1]);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); // as the server has it
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_logfmt),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(speaks_to_the_journal),
        cmocka_unit_test(a_line_is_bounded),
        cmocka_unit_test(counts_what_it_drops),
        cmocka_unit_test(nobody_waits_for_a_full_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
