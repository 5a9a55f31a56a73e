// The HTTP table: each stream is fed whole, byte by byte and cut in two at every place, and must
// come to the same every time. Where it is refused, what follows in the stream must not be served.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "tests/net/support_http.h"

#define H "Host: h\r\n"
#define GET "GET /a HTTP/1.1\r\n"
#define POST "POST /a HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define BYTES(s) s, sizeof s - 1

// `want` is the outcome of the stream with one more request behind it, GET /next.
static const struct { const char *name, *in; size_t n; const char *want; } cases[] = {
    // The measured table of the parser, row by row, and its kin.
    { "length and chunked", BYTES(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n"), "!400." },
    { "chunked and length", BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
        "0\r\n\r\n"), "!400." },
    { "two lengths that differ", BYTES(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
        "!400." },
    { "two lengths alike", BYTES(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        "!400." },
    { "a list of lengths", BYTES(POST "Content-Length: 3, 3\r\n\r\nabc"), "!400." },
    { "xchunked", BYTES(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), "!400." },
    { "chunked not last", BYTES(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        "!400." },
    { "chunked not alone", BYTES(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        "!400." },
    { "chunked twice", BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
        "\r\n0\r\n\r\n"), "!400." },
    { "chunked twice in a list", BYTES(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"
        "0\r\n\r\n"), "!400." },
    { "identity", BYTES(POST "Transfer-Encoding: identity\r\n\r\n"), "!400." },
    { "empty coding", BYTES(POST "Transfer-Encoding:\r\n\r\n"), "!400." },
    { "chunked in quotes", BYTES(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        "!400." },
    { "chunked with a parameter", BYTES(POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"),
        "!400." },
    { "chunked after a vertical tab", BYTES(POST "Transfer-Encoding: \vchunked\r\n\r\n"), "!400." },
    { "chunk size 0x1", BYTES(CHUNKED "0x1\r\na\r\n0\r\n\r\n"), "!400." },
    { "bare LF ends the request line", BYTES("GET /a HTTP/1.1\nHost: h\r\n\r\n"), "!400." },
    { "bare LF ends a field", BYTES(GET "Host: h\nA: b\r\n\r\n"), "!400." },
    { "bare LF ends the header", BYTES(GET "Host: h\r\n\n"), "!400." },
    { "all bare LF", BYTES("GET /a HTTP/1.1\nHost: h\n\n"), "!400." },
    { "LF in a chunk extension", BYTES(CHUNKED "1;a\nb\r\nx\r\n0\r\n\r\n"), "!400." },
    { "HTTP/1.2", BYTES("GET /a HTTP/1.2\r\n" H "\r\n"), "!400." },
    { "HTTP/9.9", BYTES("GET /a HTTP/9.9\r\n" H "\r\n"), "!400." },
    { "HTTP/2.0", BYTES("GET /a HTTP/2.0\r\n" H "\r\n"), "!400." },
    { "the preface of HTTP/2", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "!400." },
    { "HTTP/0.9", BYTES("GET /a\r\n"), "!400." },
    { "HTTP/0.9, spelt out", BYTES("GET /a HTTP/0.9\r\n\r\n"), "!400." },
    { "HTTP/1.10", BYTES("GET /a HTTP/1.10\r\n" H "\r\n"), "!400." },
    { "HTTP/01.1", BYTES("GET /a HTTP/01.1\r\n" H "\r\n"), "!400." },
    { "http/1.1", BYTES("GET /a http/1.1\r\n" H "\r\n"), "!400." },
    { "space at a field's begin", BYTES(GET " Host: h\r\n\r\n"), "!400." },
    { "space before the colon", BYTES(GET "Host : h\r\n\r\n"), "!400." },
    { "tab before the colon", BYTES(GET H "A\t: b\r\n\r\n"), "!400." },
    { "space in a name", BYTES(GET H "A b: c\r\n\r\n"), "!400." },
    { "folded line, space", BYTES(GET H "A: b\r\n c\r\n\r\n"), "!400." },
    { "folded line, tab", BYTES(GET H "A: b\r\n\tc\r\n\r\n"), "!400." },
    { "empty name, CVE-2023-30589", BYTES(POST ":\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        "!400." },
    { "empty name", BYTES(GET H ": x\r\n\r\n"), "!400." },
    { "bare CR in a value", BYTES(GET H "A: b\rc\r\n\r\n"), "!400." },
    { "bare CR before a field", BYTES(GET H "A: b\r\rB: c\r\n\r\n"), "!400." },
    { "CR CR LF", BYTES(GET H "\r\r\n"), "!400." },
    { "bare CR in the request line", BYTES("GET /a\r HTTP/1.1\r\n" H "\r\n"), "!400." },
    // Names and values.
    { "NUL in a value", BYTES(GET H "A: b\0c\r\n\r\n"), "!400." },
    { "NUL in a name", BYTES(GET H "A\0b: c\r\n\r\n"), "!400." },
    { "NUL in the target", BYTES("GET /a\0b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "DEL in a value", BYTES(GET H "A: b\x7f\r\n\r\n"), "!400." },
    { "ESC in a value", BYTES(GET H "A: \x1b[0m\r\n\r\n"), "!400." },
    { "a name without colon", BYTES(GET H "Abc\r\n\r\n"), "!400." },
    { "a name of 8-bit bytes", BYTES(GET H "\xc3\xa4: b\r\n\r\n"), "!400." },
    { "parenthesis in a name", BYTES(GET H "A(b): c\r\n\r\n"), "!400." },
    { "slash in a name", BYTES(GET H "A/b: c\r\n\r\n"), "!400." },
    { "8-bit bytes in a value", BYTES(GET H "A: \xc3\xa4\r\n\r\n"), "GET /a; GET /next; " },
    { "tab in a value", BYTES(GET H "A: b\tc\r\n\r\n"), "GET /a; GET /next; " },
    { "empty value", BYTES(GET H "A:\r\nB: \r\n\r\n"), "GET /a; GET /next; " },
    { "every tchar", BYTES(GET H "!#$%&'*+-.^_`|~09azAZ: b\r\n\r\n"), "GET /a; GET /next; " },
    { "no space after the colon", BYTES(GET "Host:h\r\n\r\n"), "GET /a; GET /next; " },
    { "spaces around a value", BYTES(GET "Host: \t h \t \r\n\r\n"), "GET /a; GET /next; " },
    { "any case of a name", BYTES(GET "hOsT: h\r\n\r\n"), "GET /a; GET /next; " },
    // Host.
    { "no Host under 1.1", BYTES(GET "\r\n"), "!400." },
    { "no Host under 1.0", BYTES("GET /a HTTP/1.0\r\n\r\n"), "GET /a; ." },
    { "two Hosts", BYTES(GET H "Host: i\r\n\r\n"), "!400." },
    { "two Hosts alike", BYTES(GET H H "\r\n"), "!400." },
    { "two Hosts under 1.0", BYTES("GET /a HTTP/1.0\r\n" H H "\r\n"), "!400." },
    { "empty Host", BYTES(GET "Host:\r\n\r\n"), "!400." },
    { "Host with a path", BYTES(GET "Host: h/x\r\n\r\n"), "!400." },
    { "Host with a user", BYTES(GET "Host: a@h\r\n\r\n"), "!400." },
    { "Host with a space", BYTES(GET "Host: a b\r\n\r\n"), "!400." },
    { "Host with a port", BYTES(GET "Host: h:5484\r\n\r\n"), "GET /a; GET /next; " },
    { "Host by IPv6", BYTES(GET "Host: [::1]:5484\r\n\r\n"), "GET /a; GET /next; " },
    // Targets.
    { "absolute target", BYTES("GET http://h/b?c=d HTTP/1.1\r\n" H "\r\n"),
        "GET /b?c=d; GET /next; " },
    { "absolute target, https", BYTES("GET https://H/b HTTP/1.1\r\n" H "\r\n"),
        "GET /b; GET /next; " },
    { "absolute target without path", BYTES("GET http://h HTTP/1.1\r\n" H "\r\n"),
        "GET /; GET /next; " },
    { "absolute target, query alone", BYTES("GET http://h?x HTTP/1.1\r\n" H "\r\n"),
        "GET /?x; GET /next; " },
    { "absolute target, other host", BYTES("GET http://i/b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "absolute target, other port", BYTES("GET http://h:81/b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "absolute target, longer host", BYTES("GET http://hh/b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "absolute target with a user", BYTES("GET http://a@h/b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "absolute target, other scheme", BYTES("GET ftp://h/b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "absolute target, no host", BYTES("GET http:///b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "relative target", BYTES("GET a HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "asterisk under GET", BYTES("GET * HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "asterisk under OPTIONS", BYTES("OPTIONS * HTTP/1.1\r\n" H "\r\n"),
        "OPTIONS *; GET /next; " },
    { "fragment", BYTES("GET /a#b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "no target", BYTES("GET  HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "two spaces before the version", BYTES("GET /a  HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "tab between the words", BYTES("GET\t/a\tHTTP/1.1\r\n" H "\r\n"), "!400." },
    { "space in the target", BYTES("GET /a b HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "space after the version", BYTES("GET /a HTTP/1.1 \r\n" H "\r\n"), "!400." },
    { "8-bit bytes in the target", BYTES("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "query and percent signs", BYTES("GET /a%2Fb?c=%20&d HTTP/1.1\r\n" H "\r\n"),
        "GET /a%2Fb?c=%20&d; GET /next; " },
    { "empty query", BYTES("GET /a? HTTP/1.1\r\n" H "\r\n"), "GET /a; GET /next; " },
    { "two question marks", BYTES("GET /a?b?c HTTP/1.1\r\n" H "\r\n"),
        "GET /a?b?c; GET /next; " },
    // Methods.
    { "method in a wrong case", BYTES("Get /a HTTP/1.1\r\n" H "\r\n"), "!501." },
    { "unknown method", BYTES("BREW /a HTTP/1.1\r\n" H "\r\n"), "!501." },
    { "method too long", BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHI /a HTTP/1.1\r\n" H "\r\n"),
        "!400." },
    { "at sign in the method", BYTES("G@T /abcdefghijk HTTP/1.1\r\n" H "\r\n"), "!400." },
    { "CONNECT", BYTES("CONNECT h:80 HTTP/1.1\r\n" H "\r\n"), "!501." },
    { "TRACE", BYTES("TRACE /a HTTP/1.1\r\n" H "\r\n"), "OTHER /a; GET /next; " },
    { "all methods", BYTES("PUT /a HTTP/1.1\r\n" H "\r\nPATCH /a HTTP/1.1\r\n" H "\r\n"
        "DELETE /a HTTP/1.1\r\n" H "\r\nHEAD /a HTTP/1.1\r\n" H "\r\n"),
        "PUT /a; PATCH /a; DELETE /a; HEAD /a; GET /next; " },
    { "the magic in the target's place", BYTES("GET /abcdefgKITH HTTP/1.1\r\n" H "\r\n"),
        "GET /abcdefgKITH; GET /next; " },
    // Bodies of a stated length.
    { "a body", BYTES(POST "Content-Length: 3\r\n\r\nabc"), "POST /a [abc]; GET /next; " },
    { "length 0", BYTES(POST "Content-Length: 0\r\n\r\n"), "POST /a; GET /next; " },
    { "no length", BYTES(POST "\r\n"), "POST /a; GET /next; " },
    { "leading zeros", BYTES(POST "Content-Length: 003\r\n\r\nabc"), "POST /a [abc]; GET /next; " },
    { "a body that looks like a request", BYTES(POST "Content-Length: 18\r\n\r\n"
        "GET /b HTTP/1.1\r\n\r"), "POST /a [GET /b HTTP/1.1\r\n\r]; GET /next; " },
    { "a body under GET", BYTES(GET H "Content-Length: 2\r\n\r\nxy"), "GET /a [xy]; GET /next; " },
    { "plus sign", BYTES(POST "Content-Length: +3\r\n\r\nabc"), "!400." },
    { "minus sign", BYTES(POST "Content-Length: -3\r\n\r\nabc"), "!400." },
    { "hexadecimal", BYTES(POST "Content-Length: 0x3\r\n\r\nabc"), "!400." },
    { "empty length", BYTES(POST "Content-Length:\r\n\r\n"), "!400." },
    { "space within", BYTES(POST "Content-Length: 1 2\r\n\r\n"), "!400." },
    { "beyond 64 bits", BYTES(POST "Content-Length: 18446744073709551619\r\n\r\nabc"), "!400." },
    { "beyond the bound", BYTES(POST "Content-Length: 1048577\r\n\r\n"), "!413." },
    { "far beyond the bound", BYTES(POST "Content-Length: 999999999999999999\r\n\r\n"), "!413." },
    // Chunked bodies.
    { "chunks", BYTES(CHUNKED "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"),
        "POST /a [abc0123456789]; GET /next; " },
    { "no chunk but the last", BYTES(CHUNKED "0\r\n\r\n"), "POST /a; GET /next; " },
    { "Chunked in capitals", BYTES(POST "Transfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        "POST /a [x]; GET /next; " },
    { "leading zeros of a size", BYTES(CHUNKED "0001\r\nx\r\n00\r\n\r\n"),
        "POST /a [x]; GET /next; " },
    { "an extension", BYTES(CHUNKED "1;a=b\r\nx\r\n0;c\r\n\r\n"), "POST /a [x]; GET /next; " },
    { "a trailer", BYTES(CHUNKED "1\r\nx\r\n0\r\nA: b\r\nHost: evil\r\n\r\n"),
        "POST /a [x]; GET /next; " },
    { "a trailer, folded", BYTES(CHUNKED "0\r\nA: b\r\n c\r\n\r\n"), "!400." },
    { "a trailer without colon", BYTES(CHUNKED "0\r\nGET /b HTTP/1.1\r\n\r\n"), "!400." },
    { "a trailer after bare LF", BYTES(CHUNKED "0\r\nA: b\n\r\n"), "!400." },
    { "a length in the trailer", BYTES(CHUNKED "0\r\nContent-Length: 3\r\n\r\n"),
        "POST /a; GET /next; " },
    { "a coding in the trailer", BYTES(CHUNKED "0\r\nTransfer-Encoding: gzip\r\n\r\n"), "!400." },
    { "an end in the trailer", BYTES(CHUNKED "0\r\nConnection: close\r\n\r\n"),
        "POST /a; GET /next; " },
    { "chunked under 1.0", BYTES("POST /a HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n"), "!400." },
    { "no size", BYTES(CHUNKED "\r\n\r\n"), "!400." },
    { "no size but an extension", BYTES(CHUNKED ";a\r\n\r\n"), "!400." },
    { "space after a size", BYTES(CHUNKED "1 \r\nx\r\n0\r\n\r\n"), "!400." },
    { "space before a size", BYTES(CHUNKED " 1\r\nx\r\n0\r\n\r\n"), "!400." },
    { "minus before a size", BYTES(CHUNKED "-1\r\nx\r\n0\r\n\r\n"), "!400." },
    { "a size beyond 32 bits", BYTES(CHUNKED "100000001\r\nx\r\n0\r\n\r\n"), "!400." },
    { "a size beyond 64 bits", BYTES(CHUNKED "10000000000000001\r\nx\r\n0\r\n\r\n"), "!400." },
    { "a size beyond the bound", BYTES(CHUNKED "100001\r\n"), "!413." },
    { "the second chunk beyond it", BYTES(CHUNKED "1\r\nx\r\n100000\r\n"), "!413." },
    { "bare LF after a size", BYTES(CHUNKED "1\nx\r\n0\r\n\r\n"), "!400." },
    { "bare CR after a size", BYTES(CHUNKED "1\rx\r\n0\r\n\r\n"), "!400." },
    { "bare LF after a chunk", BYTES(CHUNKED "1\r\nx\n0\r\n\r\n"), "!400." },
    { "a chunk longer than its size", BYTES(CHUNKED "1\r\nxy\r\n0\r\n\r\n"), "!400." },
    { "NUL in an extension", BYTES(CHUNKED "1;a\0\r\nx\r\n0\r\n\r\n"), "!400." },
    { "an extension of 129 bytes", BYTES(CHUNKED "1;"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "\r\nx\r\n0\r\n\r\n"), "!400." },
    { "an extension of 128 bytes", BYTES(CHUNKED "1;"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "\r\nx\r\n0\r\n\r\n"), "POST /a [x]; GET /next; " },
    // The connection's end, and what is expected.
    { "Connection: close", BYTES(GET H "Connection: close\r\n\r\n"), "GET /a; ." },
    { "Connection: Close in a list", BYTES(GET H "Connection: x, Close ,y\r\n\r\n"), "GET /a; ." },
    { "Connection: close of two", BYTES(GET H "Connection: x\r\nConnection: close\r\n\r\n"),
        "GET /a; ." },
    { "Connection: closed", BYTES(GET H "Connection: closed\r\n\r\n"), "GET /a; GET /next; " },
    { "keep-alive under 1.0", BYTES("GET /a HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n"),
        "GET /a; ." },
    { "a body, then close", BYTES(POST "Connection: close\r\nContent-Length: 1\r\n\r\nx"),
        "POST /a [x]; ." },
    { "an upgrade is passed over", BYTES(GET H "Upgrade: websocket\r\nConnection: upgrade\r\n"
        "\r\n"), "GET /a; GET /next; " },
    { "an upgrade with a body", BYTES(POST "Upgrade: h2c\r\nConnection: upgrade\r\n"
        "Content-Length: 1\r\n\r\nx"), "POST /a [x]; GET /next; " },
    { "an upgrade with chunks", BYTES(POST "Upgrade: h2c\r\nConnection: upgrade\r\n"
        "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"), "POST /a [x]; GET /next; " },
    { "100-continue", BYTES(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx"),
        "POST /a [x]; GET /next; " },
    { "100-continue and chunks", BYTES(POST "Expect: 100-Continue\r\n"
        "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"), "POST /a [x]; GET /next; " },
    { "100-continue without a body", BYTES(GET H "Expect: 100-continue\r\n\r\n"),
        "GET /a; GET /next; " },
    { "100-continue and a body too long", BYTES(POST "Expect: 100-continue\r\n"
        "Content-Length: 1048577\r\n\r\n"), "!413." },
    { "another expectation", BYTES(POST "Expect: tea\r\nContent-Length: 1\r\n\r\nx"), "!417." },
    { "two authorizations", BYTES(GET H "Authorization: a\r\nAuthorization: b\r\n\r\n"), "!400." },
    { "two viewers", BYTES(GET H "Kith-Viewer: 1\r\nkith-viewer: 2\r\n\r\n"), "!400." },
    { "two keys", BYTES(POST "Idempotency-Key: 1\r\nIdempotency-Key: 2\r\n\r\n"), "!400." },
    // Between requests.
    { "empty line before the second", BYTES(GET H "\r\n\r\n"), "GET /a; !400." },
    { "bytes behind a body", BYTES(POST "Content-Length: 1\r\n\r\nxy"), "POST /a [x]; !501." },
    { "three in a row", BYTES(GET H "\r\n" POST "Content-Length: 1\r\n\r\nx" CHUNKED
        "1\r\ny\r\n0\r\n\r\n"), "GET /a; POST /a [x]; POST /a [y]; GET /next; " },
    { "an error after two", BYTES(GET H "\r\n" GET H "\r\nGET /b HTTP/1.2\r\n\r\n"),
        "GET /a; GET /a; !400." },
};

static struct http_bench *bench;
static unsigned streams, runs;

static void same(const struct http_outcome *want, const char *in, size_t n, struct http_cut cut)
{
    struct http_outcome got = http_bench_run(bench, in, n, cut);
    assert_string_equal(got.text, want->text);
    assert_int_equal(got.out_n, want->out_n);
    assert_memory_equal(got.out, want->out, want->out_n);
    free(got.out);
    runs++;
}

// Feeds it in every way; `want` NULL = only alike.
static void check(const char *in, size_t n, const char *want)
{
    struct http_outcome whole = http_bench_run(bench, in, n, (struct http_cut){ HTTP_WHOLE, 0 });
    if (want) assert_string_equal(whole.text, want);
    same(&whole, in, n, (struct http_cut){ HTTP_BYTES, 0 });
    size_t stride = n > 4096 ? n / 256 : 1;
    for (size_t at = 1; at < n; at += stride)
        same(&whole, in, n, (struct http_cut){ HTTP_SPLIT, at });
    free(whole.out);
    streams++;
}

static void table(void **state)
{
    (void)state;
    static const char next[] = "GET /next HTTP/1.1\r\n" H "\r\n";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = cases[i].n + sizeof next - 1;
        char *in = malloc(n);
        assert_non_null(in);
        memcpy(in, cases[i].in, cases[i].n);
        memcpy(in + cases[i].n, next, sizeof next - 1);
        struct http_outcome o = http_bench_run(bench, in, n, (struct http_cut){ HTTP_WHOLE, 0 });
        if (strcmp(o.text, cases[i].want) != 0)
            print_error("%s: %s, not %s\n", cases[i].name, o.text, cases[i].want);
        free(o.out);
        check(in, n, cases[i].want);
        free(in);
    }
    print_message("%u streams, %u runs\n", streams, runs);
}

// ---- sizes at the bound, one below, one above ---------------------------------------------------

static char *filled(char *at, char what, size_t n)
{
    memset(at, what, n);
    return at + n;
}

static void header_bytes(void **state)
{
    (void)state;
    char *in = malloc(HTTP_HEADER_MAX + 64);
    assert_non_null(in);
    static const char begin[] = GET H "A: ";
    for (int over = -1; over <= 1; over++) {
        memcpy(in, begin, sizeof begin - 1);
        size_t fill = (size_t)(HTTP_HEADER_MAX + over) - (sizeof begin - 1) - 4;
        char *at = filled(in + sizeof begin - 1, 'x', fill);
        memcpy(at, "\r\n\r\n", 4);
        check(in, (size_t)(at + 4 - in), over > 0 ? "!431." : "GET /a; ");
    }
    free(in);
}

static void fields(void **state)
{
    (void)state;
    for (int over = -1; over <= 1; over++) {
        char in[2048] = GET H;
        for (int i = 1; i < HTTP_FIELDS_MAX + over; i++) strcat(in, "A: b\r\n");
        strcat(in, "\r\n");
        check(in, strlen(in), over > 0 ? "!431." : "GET /a; ");
    }
    // Trailer fields count with the header's.
    for (int over = 0; over <= 1; over++) {
        char in[2048] = CHUNKED "0\r\n";
        for (int i = 2; i < HTTP_FIELDS_MAX + over; i++) strcat(in, "A: b\r\n");
        strcat(in, "\r\n");
        check(in, strlen(in), over > 0 ? "!431." : "POST /a; ");
    }
}

static void target_bytes(void **state)
{
    (void)state;
    char *in = malloc(HTTP_TARGET_MAX + 64);
    assert_non_null(in);
    for (int over = -1; over <= 1; over++) {
        memcpy(in, "GET /", 5);
        char *at = filled(in + 5, 'x', (size_t)(HTTP_TARGET_MAX + over - 1));
        static const char end[] = " HTTP/1.1\r\n" H "\r\n";
        memcpy(at, end, sizeof end - 1);
        size_t n = (size_t)(at - in) + sizeof end - 1;
        struct http_outcome o = http_bench_run(bench, in, n, (struct http_cut){ HTTP_WHOLE, 0 });
        assert_int_equal(strcmp(o.text, "!414."), over > 0 ? 0 : strcmp(o.text, "!414."));
        assert_true((o.text[0] == '!') == (over > 0));
        free(o.out);
        check(in, n, NULL);
    }
    free(in);
}

static void trailer_bytes(void **state)
{
    (void)state;
    char *in = malloc(HTTP_HEADER_MAX + 256);
    assert_non_null(in);
    static const char begin[] = CHUNKED "0\r\nA: ";
    memcpy(in, begin, sizeof begin - 1);
    char *at = filled(in + sizeof begin - 1, 'x', HTTP_HEADER_MAX);
    memcpy(at, "\r\n\r\n", 4);
    check(in, (size_t)(at + 4 - in), "!431.");
    free(in);
}

static void body_bytes(void **state)
{
    (void)state;
    char *in = malloc(BODY_MAX + 4096);
    assert_non_null(in);
    struct http_cut whole = { HTTP_WHOLE, 0 };
    for (int chunked = 0; chunked < 2; chunked++) {
        char *at = in + sprintf(in, chunked ? CHUNKED "%x\r\n" : POST "Content-Length: %d\r\n\r\n",
                                BODY_MAX);
        size_t head = (size_t)(at - in);
        at = filled(at, 'x', BODY_MAX);
        if (chunked) {
            memcpy(at, "\r\n0\r\n\r\n", 7);
            at += 7;
        }
        size_t n = (size_t)(at - in);
        struct http_outcome o = http_bench_run(bench, in, n, whole);
        assert_string_equal(o.text, "POST /a [#1048576]; ");
        const size_t cuts[] = { 1, head - 1, head, head + 1, n / 2, n - 8, n - 1 };
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
            same(&o, in, n, (struct http_cut){ HTTP_SPLIT, cuts[i] });
        same(&o, in, n, (struct http_cut){ HTTP_BYTES, 0 });
        free(o.out);
    }
    free(in);
}

// ---- what goes out ------------------------------------------------------------------------------

static void answers_as_bytes(void **state)
{
    (void)state;
    static const char in[] = GET H "\r\nHEAD /a HTTP/1.1\r\n" H "\r\n"
        POST "Expect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    struct http_outcome o =
        http_bench_run(bench, in, sizeof in - 1, (struct http_cut){ HTTP_WHOLE, 0 });
#define FIELDS(id) "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n" \
    "Kith-Request-Id: " id "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
    assert_string_equal(o.out, FIELDS("1") "\r\nok" FIELDS("2") "\r\n"
        "HTTP/1.1 100 Continue\r\n\r\n" FIELDS("3") "Connection: close\r\n\r\nok");
    free(o.out);
}

static int setup(void **state)
{
    (void)state;
    bench = http_bench_open(false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_bench_close(bench);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table), cmocka_unit_test(header_bytes), cmocka_unit_test(fields),
        cmocka_unit_test(target_bytes), cmocka_unit_test(trailer_bytes),
        cmocka_unit_test(body_bytes), cmocka_unit_test(answers_as_bytes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
