#!/usr/bin/env bash
# Our verifier against google's generated one: 300,000 damaged buffers (FB_DIFF_ROUNDS for more).
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! [ -e /usr/include/flatbuffers/flatbuffers.h ]; then
    echo "no libflatbuffers-dev"
    exit 77
fi
bash tests/fb/build.sh diff
exec "${KITH_BUILD:-build}/tests/fb/fb_diff" "${FB_DIFF_ROUNDS:-300000}" "${SEED:-1}"
