#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh build|boards|check: makes sure that what building (or boards, or testing) needs is there. What
# is missing is installed with apt-get; where all is there, nothing is called and no network is touched.
# Each thing is looked for as the compiler would, so a system without Debian's packages works as well.
#
# For boards, lwIP and BearSSL are source packages: each is fetched by its name and unpacked in LWIP_DIR (build/lwip unless
# given) and BEARSSL_DIR (build/bearssl).

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
    printf '#include <%s>\n' "$@" |
        gcc -fsyntax-only -xc ${JSMN_DIR:+-isystem "$JSMN_DIR"} ${BEARSSL_DIR:+-isystem "$BEARSSL_DIR/inc"} -
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
    header stdio.h jsmn.h libdeflate.h bearssl.h histedit.h >/dev/null 2>&1 && return
    need libc6-dev header stdio.h
    need libjsmn-dev header stddef.h jsmn.h
    need libdeflate-dev header libdeflate.h
    need libedit-dev header stdio.h histedit.h
    need libbearssl-dev header bearssl.h
}

look_for_boards() {
    need gcc-arm-none-eabi program arm-none-eabi-gcc
    need libnewlib-arm-none-eabi newlib
    need libslirp-dev header slirp/libslirp.h
    need qemu-system-arm program qemu-system-arm
    [ -e "$lwip/src/core/tcp.c" ] && [ -e "$bearssl/src/inner.h" ] || need xz-utils program xz
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
    need openssl program openssl
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

# fetch PACKAGE FOLDER: from the same servers as the machine's own packages, with lists of our own: the machine's stay
# as they are.
fetch() {
    apt=$(mktemp -d "$(dirname "$2")/apt-XXXXXX")
    apt=$(cd "$apt" && pwd)
    package=$1
    folder=$2
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    # shellcheck disable=SC2016  # apt's variables
    apt-get indextargets --format '$(CREATED_BY) deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' |
        sed -n 's/^Packages //p' | sort -u >"$apt/sources.list"
    set -- apt-get -q -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=
    (cd "$apt" && "$@" update && "$@" source --download-only "$package") >"$apt/log" 2>&1 </dev/null || {
        cat "$apt/log" >&2
        fail "can't fetch the source package $package; elsewhere: make LWIP_DIR=… BEARSSL_DIR=…, the folders of the sources"
    }
    mkdir "$apt/source"
    tar -xf "$apt/$package"_*.orig.tar.* -C "$apt/source" --strip-components=1
    # Whole or not at all; whoever comes second finds it there.
    mv -T "$apt/source" "$folder" 2>/dev/null || true
    rm -rf "$apt"
}

# unpack PACKAGE FOLDER FILE: makes sure that the source is there, FILE being part of it.
unpack() {
    [ -e "$2/$3" ] && return
    [ "$2" = "build/$1" ] || fail "$2 holds no $3 of $1"
    mkdir -p "$(dirname "$2")"
    echo "deps.sh: fetching the source of $1"
    fetch "$1" "$2"
    [ -e "$2/$3" ] || fail "can't unpack $1 in $2"
}

unpack_sources() {
    unpack lwip "$lwip" src/core/tcp.c
    unpack bearssl "$bearssl" src/inner.h
}

lwip=${LWIP_DIR:-build/lwip}
bearssl=${BEARSSL_DIR:-build/bearssl}
case "${1:-}" in
build | boards | check) ;;
*) fail 'usage: deps.sh build|boards|check' ;;
esac

finish() {
    [ "$1" != boards ] || unpack_sources
    exit 0
}

"look_for_$1"
[ -n "$missing" ] || finish "$1"

by_hand="By their Debian names, what is missing:$missing.
Where they are not packaged: jsmn is one header (make JSMN_DIR=its folder), BearSSL is made
in its own folder (make BEARSSL_DIR=that folder)."
command -v apt-get >/dev/null || fail "this system has no apt-get; please install by hand. $by_hand"
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || fail "to install packages, be root or have sudo. $by_hand"
echo "deps.sh: installing$missing"
install_or_update || fail "apt-get could not install everything. $by_hand"

missing=
"look_for_$1"
[ -z "$missing" ] || fail "installed, but still not found. $by_hand"
finish "$1"
