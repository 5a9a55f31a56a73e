// Secrets of a record: what is put is got again, tickets are one of a kind, codes are used up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/fb_verify.h"
#include "store/secrets.h"

static fb_str text(const char *s) { return (fb_str){s, (uint32_t)strlen(s)}; }

static void what_is_put_is_got(void **state)
{
    (void)state;
    _Alignas(8) uint8_t buf[4096];
    fb_builder b;
    struct secrets s = {.totp = text("0123"), .totp_step = 77}, again;
    secrets_ticket(&s, (struct ticket){kt_TicketKind_verify_email, text("aa"), 1000, 0});
    secrets_ticket(&s, (struct ticket){kt_TicketKind_login_code, text("bb"), 2000, 3});
    s.recovery[s.recoveries++] = text("c0");
    s.recovery[s.recoveries++] = text("c1");
    fb_init(&b, buf, sizeof buf);
    size_t n = fb_finish(&b, secrets_put(&b, &s));
    assert_true(n > 0);
    assert_int_equal(fb_verify(fb_data(&b), (uint32_t)n, &kt_desc_Secrets, NULL), FB_OK);
    secrets_get(&again, kt_root_Secrets(fb_data(&b)));
    assert_int_equal(again.totp_step, 77);
    assert_memory_equal(again.totp.s, "0123", 4);
    assert_int_equal(again.tickets, 2);
    assert_int_equal(secrets_find(&again, kt_TicketKind_login_code)->tries, 3);
    assert_true(ticket_is(secrets_find(&again, kt_TicketKind_verify_email), text("aa"), 999));
    assert_int_equal(again.recoveries, 2);
    assert_true(secrets_recover(&again, text("c1")));
    fb_init(&b, buf, sizeof buf);
    assert_int_equal(secrets_put(&b, &(struct secrets){0}), 0);
}

static void tickets_are_one_of_a_kind(void **state)
{
    (void)state;
    struct secrets s = {0};
    for (unsigned i = 0; i < 5; i++) {
        fb_str hash = text(i == 4 ? "new" : "old");
        for (unsigned k = 1; k <= TICKET_KINDS; k++)
            secrets_ticket(&s, (struct ticket){(kt_TicketKind)k, hash, 10, 0});
    }
    assert_int_equal(s.tickets, TICKET_KINDS);
    for (unsigned k = 1; k <= TICKET_KINDS; k++) {
        struct ticket *t = secrets_find(&s, (kt_TicketKind)k);
        assert_true(ticket_is(t, text("new"), 9));
        assert_false(ticket_is(t, text("new"), 10));
        assert_false(ticket_is(t, text("old"), 9));
        assert_false(ticket_is(t, text(""), 9));
        secrets_spend(&s, (kt_TicketKind)k);
        assert_null(secrets_find(&s, (kt_TicketKind)k));
        assert_int_equal(s.tickets, TICKET_KINDS - k);
    }
    assert_false(ticket_is(NULL, text(""), 0));
}

static void codes_are_used_up(void **state)
{
    (void)state;
    static const char *const codes[] = {"a", "b", "c", "d"};
    struct secrets s = {0};
    for (unsigned i = 0; i < 4; i++) s.recovery[s.recoveries++] = text(codes[i]);
    assert_true(secrets_recover(&s, text("b")));
    assert_false(secrets_recover(&s, text("b")));
    assert_int_equal(s.recoveries, 3);
    assert_memory_equal(s.recovery[1].s, "c", 1);
    assert_true(secrets_recover(&s, text("d")) && secrets_recover(&s, text("a")));
    assert_true(secrets_recover(&s, text("c")));
    assert_false(secrets_recover(&s, text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_got),
        cmocka_unit_test(tickets_are_one_of_a_kind),
        cmocka_unit_test(codes_are_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
