#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh BUILD FIRMWARE.elf FOLDER: dory, shown. A server on a free port of this machine, a firmware image
# sent to it, listed and fetched back; then the same with an emulated board, FIRMWARE.elf; then a board with
# a boot stage, made in FOLDER, that gets new firmware, and refuses or survives what is no good. Everything
# happens in build/demo/, and the servers are gone at the end.

set -eu
dory=$1/dory
doryd=$1/doryd
dorysign=$1/dorysign
board_elf=$2
field=$3
place=build/demo
size=$((32 * 1024 * 1024))
board_size=$((400 * 1024))
server=

stop_server() {
    [ -z "$server" ] && return
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
trap stop_server EXIT
trap 'exit 1' HUP INT TERM

say() {
    printf '\n# %s\n' "$1"
}

# Whether `script` can make a terminal for dory, so that it shows its progress as it would to you.
# Not needed where there is one, and not possible everywhere.
pretend=
[ -t 2 ] || ! script -q -e -c true /dev/null </dev/null >/dev/null 2>&1 || pretend=yes

# Shows a command, and runs it.
show() {
    printf '$ %s\n' "$*"
    if [ -n "$pretend" ]; then
        script -q -e -c "$*" /dev/null </dev/null
    else
        "$@"
    fi
}

fail() {
    echo "demo.sh: $1" >&2
    exit 1
}

# Half machine code, half noise: like a firmware image with compressed parts.
make_firmware() {
    cat "$doryd" "$dory" >"$place/code"
    while [ "$(wc -c <"$place/code")" -lt $((size / 2)) ]; do
        cat "$place/code" "$place/code" >"$place/more"
        mv "$place/more" "$place/code"
    done
    { head -c $((size / 2)) "$place/code"; head -c $((size / 2)) /dev/urandom; } >"$place/firmware.bin"
    rm "$place/code"
}

start_server() {
    printf '$ %s --root %s/files --listen 127.0.0.1:0 &\n' "$doryd" "$place"
    : >"$place/doryd.out"
    "$doryd" --root "$place/files" --listen 127.0.0.1:0 >"$place/doryd.out" </dev/null &
    server=$!
    wait_for '^listening on ' "$place/doryd.out" || fail 'the server did not start'
    cat "$place/doryd.out"
    address=$(sed -n 's/^listening on //p' "$place/doryd.out")
}

# wait_for PATTERN FILE: until the server has written that line. Fails when it ended instead.
wait_for() {
    tries=0
    until grep -q "$1" "$2" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -le 300 ] && kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
}

# The same of what is meant to fail: show_failing CODE COMMAND…
show_failing() {
    wanted=$1
    shift
    code=0
    show "$@" || code=$?
    printf '(exit code %s)\n' "$code"
    [ "$code" -eq "$wanted" ] || fail "that should have ended with $wanted"
}

# start_board MACHINE ELF [WORD…]. A port may be somebody else's: QEMU ends then, and the next one is tried.
start_board() {
    machine=$1
    elf=$2
    shift 2
    port=$((20000 + $$ % 10000))
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        port=$((port + 1))
        address=127.0.0.1:$port
        rm -f "$place/uart.log"
        qemu-system-arm -M "$machine" -kernel "$elf" "$@" -display none -monitor none \
            -serial "file:$place/uart.log" -nic "user,hostfwd=tcp:$address-:9002" </dev/null 2>"$place/qemu.err" &
        server=$!
        if wait_for '^address ' "$place/uart.log"; then
            printf '$ qemu-system-arm -M %s -kernel %s%s -nic user,hostfwd=tcp:%s-:9002 &\n' "$machine" "$elf" \
                "${*:+ $*}" "$address"
            tr -d '\r' <"$place/uart.log"
            return
        fi
        stop_server
    done
    cat "$place/qemu.err" >&2
    fail 'the board did not start'
}

rm -rf "$place"
mkdir -p "$place/files"

say 'A file of 32 MiB, as if it were a firmware image'
make_firmware
ls -l "$place/firmware.bin"

say 'A server for one folder, on a free port of this machine only'
start_server

say 'Send the image: "ok" means checked by its CRC-32, and on the disk'
show "$dory" put "$place/firmware.bin" "$address"

say 'What is there now, and what the server says about itself'
show "$dory" ls "$address"
show "$dory" info "$address"

say 'Fetch it back, and compare'
show "$dory" get "$address/firmware.bin" "$place/fetched.bin"
cmp "$place/firmware.bin" "$place/fetched.bin" || fail 'what came back is not what was sent'
cmp "$place/firmware.bin" "$place/files/firmware.bin" || fail 'what the server keeps is not what was sent'

stop_server

say 'The same server on an emulated Cortex-M3: a board with lwIP, in QEMU'
start_board mps2-an385 "$board_elf"
head -c "$board_size" "$place/firmware.bin" >"$place/board.bin"

say 'Send it an image, and look'
show "$dory" put "$place/board.bin" "$address"
show "$dory" ls "$address"
show "$dory" info "$address"

say 'Fetch it back, and compare'
show "$dory" get "$address/board.bin" "$place/fetched-board.bin"
cmp "$place/board.bin" "$place/fetched-board.bin" || fail 'what came back from the board is not what was sent'

stop_server

say 'A device in the field: two slots for firmware on NOR flash, and a boot stage that checks signatures'
"$dorysign" show "$field/dory-0.1.0.img"
{ cat "$field/dory-0.1.0.img"; head -c $((16 * 1024 * 1024)) /dev/zero | tr '\000' '\377'; } |
    head -c $((16 * 1024 * 1024)) >"$place/nor.img"
start_board emcraft-sf2 "$field/boot-180.elf" -drive "if=mtd,format=raw,file=$place/nor.img"
show "$dory" info "$address"

say 'Version 2: it is checked, sent, tried, and kept when it has answered'
show "$dory" flash "$field/dory-2.0.0.img" "$address"
show "$dory" info "$address"

say 'One that somebody else has signed is refused'
"$dorysign" keygen -o "$place/other.pem"
"$dorysign" sign --key "$place/other.pem" --version 3 --board emcraft-sf2 --load-addr 0xA0000000 \
    "$field/dory.bin" "$place/forged.img" >/dev/null
show_failing 1 "$dory" flash "$place/forged.img" "$address"

say 'One that crashes: the device goes back by itself'
show_failing 7 "$dory" flash "$field/crash.img" "$address"
show "$dory" info "$address"
"$dory" info "$address" | grep -q '^firmware: 2.0.0$' || fail 'version 2 does not run'

stop_server
printf '\nThe demo is done: %s bytes went to this machine and back, %s to the board and back; all are identical.\n' \
    "$size" "$board_size"
printf 'Version 2 runs where version 1 did; what was forged, and what crashed, does not.\n'
