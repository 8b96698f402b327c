#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the programs that bench.py measures dory against, on Debian 12, and only those that are
# missing. Several of them are services: none is started, and none that was installed here stays
# enabled. A service that was on this machine before is left exactly as it was.

set -eu

# nginx: Debian 12 builds the DAV module into the plain package; nginx-light would only add to it.
packages='curl iperf3 nginx openssh-client openssh-server rsync socat tftp-hpa tftpd-hpa vsftpd'
# iperf3's own installer leaves its service off.
services='nginx rsync ssh tftpd-hpa vsftpd'
policy=/usr/sbin/policy-rc.d

fail() {
    echo "deps.sh: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

package_of() {
    case $1 in ssh) echo openssh-server ;; *) echo "$1" ;; esac
}

# Debian's maintainer scripts ask this file before they start anything; 101 means no. If the machine
# has a policy of its own, that one holds.
forbid_starting() {
    [ -e "$policy" ] && return
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

[ -r /etc/os-release ] || fail 'this is not Debian 12; install by hand:' "$packages"
# shellcheck source=/dev/null
. /etc/os-release
[ "${ID:-}${VERSION_ID:-}" = debian12 ] ||
    fail "this is ${PRETTY_NAME:-unknown}, not Debian 12; install by hand: $packages"

missing=
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo 'deps.sh: everything is there'
    exit
fi
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || fail "needs root or sudo to install:$missing"

new_services=
for service in $services; do
    is_installed "$(package_of "$service")" || new_services="$new_services $service"
done

forbid_starting
as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of words
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
for service in $new_services; do
    as_root update-rc.d "$service" disable || fail "could not disable $service"
done
