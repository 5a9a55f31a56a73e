// The tables of core: errors and metrics. Each row stands where its number says, once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/errors.h"
#include "core/metrics.h"

static const struct error_row declared[] = {
#define ERROR(number, name, http, title, pointer) {number, http, #name, title, pointer},
#include "core/errors.def"
#undef ERROR
};
enum { ERRORS = sizeof declared / sizeof declared[0] };

static void every_error_is_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ERRORS; i++) {
        const struct error_row *row = error_row(declared[i].number);
        // A number given twice would find the later one.
        assert_string_equal(row->name, declared[i].name);
        assert_int_equal(row->number, declared[i].number);
        assert_string_equal(row->title, declared[i].title);
        assert_in_range(row->http, row->number == KITH_ok ? 200 : 400, 599);
        if (row->pointer != NULL) assert_int_equal(row->pointer[0], '/');
        for (unsigned j = 0; j < i; j++) assert_string_not_equal(declared[j].name, row->name);
    }
}

static void an_unknown_error_is_internal(void **state)
{
    (void)state;
    assert_string_equal(error_row(UINT16_MAX)->name, "internal");
    assert_string_equal(error_row(UINT32_MAX)->name, "internal");
    assert_int_equal(error_row(KITH_ok)->http, 200);
}

static void metrics_count(void **state)
{
    (void)state;
    static struct metrics m;
    for (unsigned i = 0; i < METRICS; i++) {
        const struct metric_row *row = metric_row((enum metric)i);
        assert_true(strlen(row->name) > 0 && strlen(row->help) > 0);
        // Prometheus' custom, which scrapers check.
        const char *end = strlen(row->name) > 6 ? row->name + strlen(row->name) - 6 : "";
        assert_int_equal(strcmp(end, "_total") == 0, row->type == METRIC_counter);
        metric_set(&m, (enum metric)i, i);
        metric_add(&m, (enum metric)i, 10);
    }
    for (unsigned i = 0; i < METRICS; i++) assert_int_equal(metric_get(&m, (enum metric)i), i + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_is_found),
        cmocka_unit_test(an_unknown_error_is_internal),
        cmocka_unit_test(metrics_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
