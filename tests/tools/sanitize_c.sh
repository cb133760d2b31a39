#!/usr/bin/env bash
# Tests of the C engine with every kernel and `plan.c` under the address and the undefined behaviour sanitizers:
#   tests/tools/sanitize_c.sh python -m pytest plugins/minigrad-cc/tests
# A read or write outside an array, or behaviour that C does not define, ends the process and so the tests.
# Ends with 77 where the compiler has no sanitizers.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
compiler=$(command -v "${MINIGRAD_CC:-${CC:-cc}}") || exit 77

# Python is not built with the sanitizer: it is loaded before everything else, and only its reports on C count.
runtime=$("$compiler" -print-file-name=libasan.so)
[ -e "$runtime" ] || exit 77
cat > "$scratch/cc" << END
#!/bin/sh
unset LD_PRELOAD
exec "$compiler" "\$@" -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
END
chmod +x "$scratch/cc"
echo 'int main(void) { return 0; }' > "$scratch/probe.c"
"$scratch/cc" "$scratch/probe.c" -o "$scratch/probe" 2> /dev/null || exit 77

export MINIGRAD_CC="$scratch/cc" MINIGRAD_CACHE="$scratch/kernels" MINIGRAD_ENGINE=cc OPENBLAS_NUM_THREADS=1
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:handle_segv=0 UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD="$runtime $("$compiler" -print-file-name=libubsan.so)" "$@"
