#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check.sh 'MAKE' TARGET…: makes one target after another, tells what each took, and stops at the
# first that fails, naming it.

set -eu
make=$1
shift

now() {
    date +%s
}

begin=$(now)
summary=
for target in "$@"; do
    echo "=== make $target"
    start=$(now)
    # shellcheck disable=SC2086  # a command line
    if ! $make "$target" </dev/null; then
        echo "=== make check: FAILED in \`make $target\` after $(($(now) - start)) s" >&2
        exit 1
    fi
    summary="$summary $target $(($(now) - start)) s,"
done
echo "=== make check: passed in $(($(now) - begin)) s ($(echo "$summary" | sed 's/^ //; s/,$//'))"
