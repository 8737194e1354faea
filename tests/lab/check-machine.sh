#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Checks, before anything is built, what the lab needs of this machine and what no Debian package gives. Prints one line
# for each thing that is missing, with what to do; says nothing if all is there.
#
# usage: check-machine.sh [kernel | machines | test]
#   (none)    what building needs
#   kernel    the lab's kernel, too
#   machines  the lab of several machines, too
#   test      that, formatting and lints
#
# Run it in the checkout's directory.
set -u

what=${1-}
failed=
missing() {
    echo "$*" >&2
    failed=yes
}

target=${CARGO_TARGET_DIR:-$PWD/target}
cargo=${CARGO:-cargo}
# Of Cargo.toml; the line of the package has it once.
rust=$(sed -n 's/^rust-version = "\([0-9]*\.[0-9]*\).*/\1/p' Cargo.toml | head -n 1)

machine=$(uname -m)
[ "$machine" = x86_64 ] ||
    missing "this machine is $machine, and the lab's kernel exists for x86_64 only: use an x86-64 machine"

for path in "$PWD" "$target"; do
    case $path in
    *[[:space:],:\$\#\"\'\`\\]*)
        missing "the path \"$path\" has a space, or another character that make or the lab's kernel cannot take: move it"
        break
        ;;
    esac
done

[ -e /proc/self/exe ] || missing "/proc is not mounted: mount -t proc proc /proc"

# Without /proc none of these runs.
if [ ! -e /proc/self/exe ]; then
    :
elif ! command -v "${cargo%% *}" >/dev/null 2>&1; then
    missing "there is no cargo: install Rust $rust or newer with https://rustup.rs, and open a new shell"
elif ! version=$($cargo --version 2>&1); then
    missing "cargo does not run: $(echo "$version" | head -n 1): install Rust $rust or newer with https://rustup.rs"
else
    have=$(echo "$version" | sed -n 's/^cargo \([0-9]*\.[0-9]*\).*/\1/p')
    newest=$(printf '%s\n%s\n' "$have" "$rust" | sort -t . -k 1,1n -k 2,2n | tail -n 1)
    [ "$have" = "$newest" ] || missing "this is $version, and Rust $rust is needed: rustup update stable"
    if [ "$what" = test ]; then
        for part in fmt clippy; do
            component=$part
            [ "$part" = clippy ] || component=rustfmt
            $cargo "$part" --version >/dev/null 2>&1 ||
                missing "there is no cargo $part: rustup component add $component"
        done
    fi
fi

# The first build needs 3 GB; afterwards there is some of it already.
if [ ! -d "$target" ]; then
    above=$target
    while [ ! -d "$above" ]; do above=$(dirname "$above"); done
    free=$(df -Pk "$above" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge 3072 ] ||
        missing "$target will take about 3 GB, and there are $free MB free: make room, or set CARGO_TARGET_DIR"
fi

if [ -n "$what" ]; then
    for device in null zero random urandom; do
        [ -c "/dev/$device" ] || missing "there is no /dev/$device: mount --rbind /dev /dev, from outside a chroot"
    done
    # The kernel keeps its memory in a file that it maps as a program.
    place=
    for directory in "${TMPDIR:-/tmp}" /dev/shm /var/tmp; do
        probe=$directory/lab-check-$$
        if printf '#!/bin/sh\n' 2>/dev/null >"$probe" && chmod 700 "$probe" && "$probe" 2>/dev/null; then
            place=$directory
        fi
        rm -f "$probe"
        [ -z "$place" ] || break
    done
    [ -n "$place" ] ||
        missing "${TMPDIR:-/tmp}, /dev/shm and /var/tmp are read-only or mounted noexec: set TMPDIR to a directory without it"
fi

if [ "$what" = machines ] || [ "$what" = test ]; then
    if [ ! -c /dev/net/tun ]; then
        missing "there is no /dev/net/tun: as root: modprobe tun (in a chroot: mkdir -p /dev/net; mknod -m 666 /dev/net/tun c 10 200)"
    elif ! (: <>/dev/net/tun) 2>/dev/null; then
        missing "/dev/net/tun cannot be opened: as root: chmod a+rw /dev/net/tun (a container must be privileged)"
    fi
    if [ "$(id -u)" -eq 0 ]; then
        if ! unshare -nmpf --propagation unchanged true 2>/dev/null; then
            missing "root may make no namespaces here: run it outside this container, or make the container privileged"
        elif ! unshare -m true 2>/dev/null; then
            missing "this is a chroot and its root is no mount point: mount --bind DIR DIR, from outside, and enter it again"
        fi
    else
        unshare -rnmpf true 2>/dev/null ||
            missing "users may make no namespaces here (a chroot, kernel.unprivileged_userns_clone, or AppArmor): run it as root"
    fi
fi

[ -z "$failed" ]
