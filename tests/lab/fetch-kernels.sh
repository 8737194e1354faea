#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Fetches the user-mode kernels of other Debian releases for the lab, each into a directory that LAB_KERNEL can name.
#
# usage: fetch-kernels.sh DIRECTORY SUITE...
#
# DIRECTORY/SUITE is then a link to DIRECTORY/LINE, as in trixie -> 6.12, which holds:
#   linux.uml       the kernel's program, made to use the C library beside it
#   lib/modules/    its modules
#   lib/            the C library of that release
#   packages        which packages these came from
#
# apt's state is below DIRECTORY/apt (apt-of-release.sh). What is there and of the newest version is left as it is.
set -eu
export LC_ALL=C

if [ $# -lt 2 ]; then
    echo "usage: $0 DIRECTORY SUITE..." >&2
    exit 2
fi
mkdir -p "$1"
top=$(cd "$1" && pwd)
shift

what=kernels
. "$(dirname "$0")/apt-of-release.sh"
if ! command -v patchelf >/dev/null 2>&1; then
    fail "no patchelf on this machine; apt-get install patchelf"
    exit 1
fi

# The packages with the kernel and the libraries it uses, each as NAME VERSION.
wanted() {
    names=$(apt apt-cache depends --important user-mode-linux | sed -n 's/^ *Depends: //p')
    for name in user-mode-linux $names; do
        version=$(apt apt-cache policy "$name" | sed -n 's/^ *Candidate: //p')
        case $version in
        '' | '(none)') fail "$1: Debian has no package $name there" || return 1 ;;
        esac
        echo "$name $version"
    done
}

# Whether the suite's directory holds these packages, and still lies where its program looks for the C library.
is_there() {
    [ -e "$top/$1/packages" ] && [ "$(cat "$top/$1/packages")" = "$packages" ] && [ -x "$top/$1/linux.uml" ] &&
        [ -e "$(patchelf --print-interpreter "$top/$1/linux.uml")" ] &&
        [ "$(patchelf --print-rpath "$top/$1/linux.uml")" = "$(cd -P "$top/$1" && pwd)/lib" ]
}

download() {
    rm -rf "$state/unpacked" "$state/packages"
    mkdir -p "$state/unpacked" "$state/packages"
    (
        cd "$state/packages"
        # shellcheck disable=SC2046 # a list of packages
        apt apt-get download -q $(echo "$packages" | tr ' ' '=')
    ) >"$state/log" 2>&1 || {
        sed "s/^/kernels: apt: /" "$state/log" >&2
        fail "$1: apt cannot fetch $(echo "$packages" | tr '\n' ' ')"
        return 1
    }
    for package in "$state"/packages/*.deb; do
        dpkg-deb --extract "$package" "$state/unpacked" || return 1
    done
}

# Copies what a program or library needs, and what that needs, to $new/lib.
copy_libraries() {
    for library in $(patchelf --print-needed "$2"); do
        [ ! -e "$new/lib/$library" ] || continue
        file=$(find "$unpacked" -name "$library" -xtype f | head -n 1)
        if [ -z "$file" ]; then
            fail "$1: the kernel needs $library, which is in none of its packages"
            return 1
        fi
        cp -L "$file" "$new/lib/$library" && copy_libraries "$1" "$new/lib/$library" || return 1
    done
}

# Puts what was unpacked in its place.
arrange() {
    unpacked=$state/unpacked new=$top/.new.$1
    set -- "$1" "$unpacked"/usr/lib/uml/modules/*
    release=${2##*/}
    line=$(echo "$release" | sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p')
    if [ $# -ne 2 ] || [ -z "$line" ]; then
        fail "$1: package user-mode-linux does not hold the modules of one kernel"
        return 1
    fi
    rm -rf "$new"
    mkdir -p "$new/lib/modules" && mv "$2" "$new/lib/modules/" && mv "$unpacked/usr/bin/linux.uml" "$new/" || return 1
    copy_libraries "$1" "$new/linux.uml" || return 1
    loader=$(patchelf --print-interpreter "$new/linux.uml")
    patchelf --set-interpreter "$top/$line/lib/${loader##*/}" --set-rpath "$top/$line/lib" "$new/linux.uml" || return 1
    echo "$packages" >"$new/packages" && rm -rf "${top:?}/$line" && mv "$new" "$top/$line" && ln -sfn "$line" "$top/$1"
}

fetch() {
    state=$top/apt/$1
    mkdir -p "$state"
    if update "$1"; then
        packages=$(wanted "$1") || return 1
    else
        [ -r "$top/$1/packages" ] || return 1
        say "$1: keeping what was fetched before"
        packages=$(cat "$top/$1/packages")
    fi
    if ! is_there "$1"; then
        download "$1" && arrange "$1" || return 1
    fi
    rm -rf "$state/unpacked" "$state/packages"
    say "$1 -> $(readlink "$top/$1"): Linux $(ls "$top/$1/lib/modules"), of $(echo "$packages" | sed 'N;s/\n/ and /')"
}

failed=
for name in "$@"; do
    fetch "$name" || failed="$failed $name"
done
if [ -n "$failed" ]; then
    fail "not there:$failed"
    exit 1
fi
