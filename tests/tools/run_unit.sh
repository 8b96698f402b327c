#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run_unit.sh PROGRAM…: runs each unit test. One that passes prints cmocka's closing lines, one that
# fails all that it said but for the tests that were fine. All are run; any that fails fails the whole.

set -u
failed=

without_successes() {
    awk '/^\[ RUN/ { test = $0; next }
        /^\[       OK/ { test = ""; next }
        { if (test != "") print test; test = ""; print }
        END { if (test != "") print test }' "$1"
}

for program in "$@"; do
    if timeout 180 "$program" >"$program.log" 2>&1 </dev/null; then
        # All at once: other builds are being tested at the same time.
        printf '%s\n' "$(echo "$program"; grep -E '^\[==========\].*run|^\[  PASSED  \]' "$program.log")"
    else
        status=$?
        without_successes "$program.log"
        echo "$program: FAILED with exit status $status" >&2
        failed="$failed $program"
    fi
done

[ -z "$failed" ] || {
    echo "unit tests that failed:$failed" >&2
    exit 1
}
