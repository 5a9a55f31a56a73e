#!/usr/bin/env bash
# The runtime's own tests on torture.fbs (torture.c), under the sanitizers.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash tests/fb/build.sh torture
exec "${KITH_BUILD:-build}/tests/fb/torture"
