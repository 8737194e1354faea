#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs the tests that need a kernel, and the demonstration, on the kernel of each of these Debian releases. One that fails
# does not keep the others from being tried; the summary at the end names everything, and fails if anything did.
#
# usage: matrix.sh PROGRAMS DIRECTORY SUITE...
#   PROGRAMS   where lab, stories, director, realserver and lvsadm are
#   DIRECTORY  what fetch-kernels.sh filled
#   SUITE      bookworm, trixie...; this machine's own is its installed package user-mode-linux
set -u

if [ $# -lt 3 ]; then
    echo "usage: $0 PROGRAMS DIRECTORY SUITE..." >&2
    exit 2
fi
programs=$1 directory=$2
shift 2
cargo=${CARGO:-cargo}
# shellcheck disable=SC1091 # this machine's own
own=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME-}")
summary=
failed=

note() { summary="$summary$1
"; }

# Runs one part on the kernel at hand and notes how it went.
part() {
    what=$1
    shift
    printf '\n== Linux %s: %s\n' "$release" "$what"
    start=$(date +%s)
    if "$@"; then
        outcome=passed
    else
        outcome=FAILED
        failed=yes
    fi
    note "$(printf '  %-18s %s  (%s s)' "$what" "$outcome" "$(($(date +%s) - start))")"
}

kernel() {
    suite=$1
    if [ "$suite" = "$own" ]; then
        unset LAB_KERNEL
    else
        export LAB_KERNEL="$directory/$suite"
        if [ ! -e "$LAB_KERNEL" ]; then
            note "$suite: MISSING, there is no $LAB_KERNEL; make kernels says why"
            failed=yes
            return
        fi
    fi
    if ! release=$("$programs/lab" kernel uname -r); then
        note "$suite: FAILED, this kernel does not start"
        failed=yes
        return
    fi
    note "Linux $release, of $suite"
    part 'kernel tests' "$cargo" test --package lvs-director --test kernel
    part 'realserver tests' "$cargo" test --package realserver --test kernel --test tunnel --no-fail-fast
    part 'demonstration' "$programs/stories" demo
}

for name in "$@"; do
    kernel "$name"
done

printf '\nmake matrix:\n%s' "$summary"
if [ -n "$failed" ]; then
    echo 'make matrix: not everything passed'
    exit 1
fi
echo 'make matrix: all tests passed on every kernel'
