// cat.c - the runtime as a filter between the two forms of a table, for the scripts of this folder.
//
//   cat TYPE < records > records     a record: one letter, u32 length, bytes
//   b  JSON text  -> the table in bytes, or "!code pointer"
//   j  bytes      -> JSON of what is present, or "!error"
//   f  bytes      -> JSON of every field, or "!error"
//   r  a number   -> random JSON for the type;  p: only what flatc understands too
//
// SCHEMA_H and TYPE_BY_NAME say which generated header it is compiled with.
#include <stdio.h>
#include <stdlib.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "core/fb_verify.h"
#include "tests/fb/support_random.h"

#ifndef SCHEMA_H
#define SCHEMA_H "kith_fb.h"
#define TYPE_BY_NAME kt_type_by_name
#endif
#include SCHEMA_H

enum { BYTES_MAX = 1 << 20 };

static uint64_t memory[BYTES_MAX / 8];
static char in[BYTES_MAX], out[BYTES_MAX];

static size_t to_bytes(const fb_type *type, uint32_t n)
{
    fb_builder b;
    fb_json_error err;
    fb_init(&b, memory, sizeof memory);
    fb_ref root = fb_json_parse(&b, in, n, type, &err);
    const char *code = fb_json_code_name(err.code);
    if (root == 0) return (size_t)snprintf(out, sizeof out, "!%s %s", code, err.pointer);
    size_t bytes = fb_finish(&b, root);
    memcpy(out, fb_data(&b), bytes);
    return bytes;
}

static size_t to_json(const fb_type *type, uint32_t n, unsigned flags)
{
    fb_error err = fb_verify(in, n, type, &(fb_limits){.bytes_factor = 16});
    if (err != FB_OK) return (size_t)snprintf(out, sizeof out, "!%s", fb_error_name(err));
    size_t bytes = fb_json_print(out, sizeof out, fb_root(in), type, flags);
    return bytes ? bytes : (size_t)snprintf(out, sizeof out, "!too long");
}

int main(int argc, char **argv)
{
    const fb_type *type = argc == 2 ? TYPE_BY_NAME(argv[1]) : NULL;
    if (type == NULL) {
        fprintf(stderr, "usage: cat TYPE\n");
        return 2;
    }
    for (int what; (what = getchar()) != EOF;) {
        uint32_t n;
        if (fread(&n, 4, 1, stdin) != 1 || n >= BYTES_MAX || fread(in, 1, n, stdin) != n) return 2;
        in[n] = 0;
        size_t bytes = 0;
        if (what == 'b') bytes = to_bytes(type, n);
        if (what == 'j') bytes = to_json(type, n, 0);
        if (what == 'f') bytes = to_json(type, n, FB_JSON_FULL);
        if (what == 'r' || what == 'p') {
            random_json r = {.state = strtoull(in, NULL, 10) * 2 + 1, .plain = what == 'p'};
            bytes = random_document(&r, type, out, sizeof out);
        }
        uint32_t length = (uint32_t)bytes;
        fwrite(&length, 4, 1, stdout);
        fwrite(out, 1, bytes, stdout);
        fflush(stdout);
    }
    return 0;
}
