#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run_fuzz.sh SECONDS PROGRAM…: first the committed seed corpus (tests/fuzz/corpus/NAME) and what
# earlier runs found (build/fuzz/corpus/NAME), then new inputs for SECONDS. An input that breaks
# something is kept as build/fuzz/NAME.crash-…: give it to the program as an argument to see it again.

set -eu
seconds=$1
shift

for program in "$@"; do
    name=$(basename "$program")
    found=build/fuzz/corpus/$name
    seeds=tests/fuzz/corpus/$name
    dict=tests/fuzz/$name.dict
    log=$program.log
    mkdir -p "$found"
    set -- "$found"
    [ -d "$seeds" ] && set -- "$@" "$seeds"
    [ -f "$dict" ] && set -- "$@" "-dict=$dict"
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name." \
        "$@" >"$log" 2>&1 </dev/null; then
        echo "$name: $(grep '^Done ' "$log"), $(grep -c . "$log") lines in $log"
    else
        grep -v '^#' "$log" | tail -n 80
        echo "$name: FAILED" >&2
        exit 1
    fi
done
