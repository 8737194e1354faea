#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Fetches the programs of another Debian release that speak VRRP, keepalived and FRR, with all that they need, into a
# directory that PEERS can name. in-release.sh runs them.
#
# usage: fetch-peers.sh DIRECTORY SUITE...
#
# DIRECTORY/SUITE is then the root of a small Debian. apt's state is below DIRECTORY/apt (apt-of-release.sh).
set -eu
export LC_ALL=C

if [ $# -lt 2 ]; then
    echo "usage: $0 DIRECTORY SUITE..." >&2
    exit 2
fi
mkdir -p "$1"
top=$(cd "$1" && pwd)
shift
what=peers
. "$(dirname "$0")/apt-of-release.sh"

# Nothing is installed in the state's own system, so apt fetches all that these need. keepalived asks ip for its version, by a
# shell.
download() {
    apt apt-get install -q -y --download-only --no-install-recommends base-files dash keepalived frr >"$state/log" 2>&1 || {
        sed "s/^/peers: apt: /" "$state/log" >&2
        fail "$1: apt cannot fetch keepalived and frr"
    }
}

# base-files first: it says which directories are links.
arrange() {
    new=$top/.new.$1 archives=$state/cache/archives
    rm -rf "$new"
    mkdir -p "$new"
    for package in "$archives"/base-files_*.deb "$archives"/*.deb; do
        dpkg-deb --extract "$package" "$new" || return 1
    done
    # The users that the packages' scripts would make: FRR's daemons want theirs.
    printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'frr:x:990:990::/nonexistent:/usr/sbin/nologin' >"$new/etc/passwd"
    printf '%s\n' 'root:x:0:' 'frr:x:990:' 'frrvty:x:991:frr' >"$new/etc/group"
    mkdir -p "$new/proc" "$new/dev" "$new/tmp" "$new/run"
    rm -rf "${top:?}/$1" && mv "$new" "$top/$1"
}

for suite in "$@"; do
    state=$top/apt/$suite
    mkdir -p "$state"
    update "$suite" && download "$suite" && arrange "$suite"
    say "$suite: $("$(dirname "$0")/in-release.sh" "$top/$suite" keepalived -v 2>&1 | head -n 1)"
done
