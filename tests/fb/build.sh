#!/usr/bin/env bash
# Builds what the scripts of this folder run, under the address and undefined sanitizers, into
# $KITH_BUILD/tests/fb (build/tests/fb), generated code too: make's own is left alone.
#
#   build.sh fbgen | torture | cat_torture | cat_kith | cat_monster | diff | fuzz_json |
#            fuzz_verify | bench ...
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${KITH_BUILD:-build}
out=$build/tests/fb gen=$build/tests/fb/gen
cc=${CC:-gcc} cxx=${CXX:-g++} clang=${CLANG:-clang}
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Werror"
flags="-std=c17 -D_GNU_SOURCE -g -I. -I$gen $warnings"
checked="-O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined"
runtime="core/fb_build.c core/fb_verify.c core/fb_json_print.c core/fb_json_parse.c"
mkdir -p "$out" "$gen"
# Scripts run at the same time and want the same files.
exec 9>"$out/lock"
flock 9

newer() { # whether $1 must be made anew from the others
    local made=$1
    shift
    [ -e "$made" ] || return 0
    for file in "$@"; do [ "$file" -nt "$made" ] && return 0; done
    return 1
}

make_fbgen() {
    newer "$out/fbgen" tools/fbgen.c core/fb.h || return 0
    $cc $flags $checked -o "$out/fbgen" tools/fbgen.c
}

fbgen() { ASAN_OPTIONS=detect_leaks=0 "$out/fbgen" "$@"; } # it never frees

generate() { # NAME PREFIX SCHEMA.fbs
    newer "$gen/$1_fb.c" "$3" tools/fbgen.c core/fb.h tests/fb/build.sh || return 0
    flatc --schema --binary --bfbs-comments --bfbs-builtins --require-explicit-ids -o "$gen" "$3"
    fbgen "--prefix=$2" "$gen/$1.bfbs" "$gen/$1_fb.h" "$gen/$1_fb.c"
}

monster() { # google's own test schema: floats, ids left out
    local from=${KITH_SHARED:-../shared}/data/flatbuffers/monster_test.bfbs
    newer "$gen/monster_fb.c" "$from" tools/fbgen.c || return 0
    fbgen --foreign --prefix=gm "$from" "$gen/monster_fb.h" "$gen/monster_fb.c"
}

program() { # OUT SOURCES AND FLAGS...
    local made=$out/$1
    shift
    newer "$made" core/fb*.[ch] tests/fb/* core/kith.fbs tools/fbgen.c || return 0
    $cc $flags $checked -o "$made.new" "$@" $runtime && mv "$made.new" "$made"
}

fuzzer() { # NAME
    $clang $flags -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        -o "$out/$1" "tests/fb/$1.c" "$gen/kith_fb.c" $runtime
}

make_fbgen
for what in "$@"; do
    [ "$what" = cat_monster ] || generate torture to tests/fb/torture.fbs
    [ "$what" = cat_monster ] || generate kith kt core/kith.fbs
    case $what in
    fbgen) ;; # made for the schemas
    torture) program torture tests/fb/torture.c "$gen/torture_fb.c" -lcmocka ;;
    cat_torture)
        program cat_torture -DSCHEMA_H='"torture_fb.h"' -DTYPE_BY_NAME=to_type_by_name \
            tests/fb/cat.c tests/fb/support_random.c "$gen/torture_fb.c" ;;
    cat_kith) program cat_kith tests/fb/cat.c tests/fb/support_random.c "$gen/kith_fb.c" ;;
    cat_monster)
        monster
        program cat_monster -DFB_FLOATS -DSCHEMA_H='"monster_fb.h"' -DTYPE_BY_NAME=gm_type_by_name \
            tests/fb/cat.c tests/fb/support_random.c tests/fb/floats.c "$gen/monster_fb.c" -lm ;;
    diff)
        # Not instrumented: millions of rounds, and the fuzzers watch the reading.
        flatc --cpp --scoped-enums -o "$gen" tests/fb/torture.fbs core/kith.fbs
        $cxx -std=c++17 -O2 -g -I. -I"$gen" -c -o "$out/diff_verify.o" tests/fb/diff_verify.cc
        $cc $flags -O2 -o "$out/fb_diff" tests/fb/diff.c tests/fb/support_random.c \
            "$out/diff_verify.o" "$gen/torture_fb.c" "$gen/kith_fb.c" $runtime -lstdc++ ;;
    fuzz_json | fuzz_verify) fuzzer "$what" ;;
    bench) $cc $flags -O2 -o "$out/fb_bench" tests/fb/bench.c "$gen/kith_fb.c" $runtime ;;
    *) echo "build.sh: $what?" >&2; exit 2 ;;
    esac
done
