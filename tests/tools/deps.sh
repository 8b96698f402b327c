#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh build|check: makes sure that what building (or testing) needs is there. What is missing is
# installed with apt-get; where all is there, nothing is called and no network is touched. Each thing
# is looked for as the compiler would, so a system without Debian's packages works as well.

set -eu
LC_ALL=C
export LC_ALL
missing=

# need PACKAGE COMMAND…: remembers the package when the command fails.
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

program() {
    command -v "$1"
}

# header NAME…: what #include would find, all in one call of the compiler.
header() {
    printf '#include <%s>\n' "$@" | gcc -fsyntax-only -xc ${JSMN_DIR:+-isystem "$JSMN_DIR"} -
}

cmocka() {
    header stdarg.h stddef.h stdint.h setjmp.h cmocka.h
}

libfuzzer() {
    ls "$(clang -print-runtime-dir)"/libclang_rt.fuzzer*
}

newlib() {
    test -e "$(arm-none-eabi-gcc -print-file-name=libc_nano.a)"
}

look_for_build() {
    need gcc program gcc
    header stdio.h jsmn.h libdeflate.h >/dev/null 2>&1 && return
    need libc6-dev header stdio.h
    need libjsmn-dev header stddef.h jsmn.h
    need libdeflate-dev header libdeflate.h
}

look_for_check() {
    need clang program clang
    need libclang-rt-dev libfuzzer
    need llvm program llvm-symbolizer
    need clang-format program clang-format
    need clang-tidy program clang-tidy
    need cppcheck program cppcheck
    need gcovr program gcovr
    need libcmocka-dev cmocka
    need gcc-arm-none-eabi program arm-none-eabi-gcc
    need libnewlib-arm-none-eabi newlib
    need python3 program python3
    need python3-pytest program pytest-3
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
    # shellcheck disable=SC2086  # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends $missing </dev/null
}

# The machine's package lists do when they know the packages and the servers still have them.
install_or_update() {
    # shellcheck disable=SC2086
    if apt-get --simulate install $missing >/dev/null 2>&1 && install_packages; then
        return
    fi
    as_root apt-get -o DPkg::Lock::Timeout=300 update </dev/null || echo "deps.sh: apt-get update failed; trying anyway"
    install_packages
}

fail() {
    echo "deps.sh: $1" >&2
    exit 1
}

case "${1:-}" in
build | check) ;;
*) fail 'usage: deps.sh build|check' ;;
esac

"look_for_$1"
[ -z "$missing" ] && exit

by_hand="By their Debian names, what is missing:$missing.
Where they are not packaged: jsmn is one header (make JSMN_DIR=its folder)."
command -v apt-get >/dev/null || fail "this system has no apt-get; please install by hand. $by_hand"
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || fail "to install packages, be root or have sudo. $by_hand"
echo "deps.sh: installing$missing"
install_or_update || fail "apt-get could not install everything. $by_hand"

missing=
"look_for_$1"
[ -z "$missing" ] || fail "installed, but still not found. $by_hand"
