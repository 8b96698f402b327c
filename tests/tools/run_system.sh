#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run_system.sh BUILD [WORD…]: runs the system tests with the programs of that build, and hands the
# words to pytest. What pytest says goes to BUILD/system.log: several builds may be tested at a time,
# which is why the tests are told to be patient, too. With DORY_BOARD in the environment they are about
# that board, BUILD is its folder, and the client is that of build/gcc/.

set -eu
build=$1
log=$build/system.log
files=$build/system
shift

programs=${DORY_BOARD:+build/gcc}
programs=${programs:-$build}
export DORYD="$programs/doryd" DORY="$programs/dory" STICKY="$programs/sticky" DORYSIGN="$programs/dorysign"
export DORY_PATIENCE="${DORY_PATIENCE:-3}"
echo "$build: system tests run; tail -f $log shows them"
if pytest-3 -rs --basetemp="$files" tests/system "$@" >"$log" 2>&1 </dev/null; then
    grep -E '^(SKIPPED|deepest stack)' "$log" || true
    echo "$build: $(tail -n 1 "$log")"
    rm -rf "$files"
else
    cat "$log"
    echo "$build: system tests FAILED, their files are in $files" >&2
    exit 1
fi
