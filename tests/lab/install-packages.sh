#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs those of the named Debian packages that are missing; says nothing if none is.
# Daemons that come with them are not started.
#
# usage: install-packages.sh PACKAGE...
set -eu

policy=/usr/sbin/policy-rc.d
lists=/var/lib/apt/lists

if [ $# -eq 0 ]; then
    echo "usage: $0 PACKAGE..." >&2
    exit 2
fi

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    echo "$0: this is not Debian (no apt-get); please install what corresponds to: $*" >&2
    exit 1
fi

missing=
for package in "$@"; do
    # shellcheck disable=SC2016 # dpkg-query's own variable
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing Debian packages:$missing"

root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
    echo "$0: this needs root; please run as root: apt-get install$missing" >&2
    exit 1
fi

# Asked before each start of a daemon; 101 means "not allowed".
made_policy=
clean_up() {
    if [ -n "$made_policy" ]; then
        made_policy=
        root rm -f "$policy"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | root tee "$policy" >/dev/null
    root chmod 755 "$policy"
fi

update() {
    root apt-get update -q
}

install() {
    # shellcheck disable=SC2086 # a list of packages
    root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}

# Lists that are missing or older than a week name files that are no longer there.
updated=
if [ -z "$(find "$lists" -maxdepth 1 -name '*_Packages*' -mtime -7 2>/dev/null | head -n 1)" ]; then
    update
    updated=yes
fi
if ! install; then
    if [ -n "$updated" ]; then
        exit 1
    fi
    update
    install
fi
