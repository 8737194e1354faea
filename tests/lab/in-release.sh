#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs a program of a root that fetch-peers.sh made, in its place: the process becomes the program. It sees this machine's
# processes, devices and temporary files.
#
# usage: in-release.sh ROOT PROGRAM ARGUMENT...
set -eu
# shellcheck disable=SC2016 # the inner shell's
exec unshare --mount sh -euc '
root=$1
shift
for directory in proc dev tmp run; do
    mount --rbind "/$directory" "$root/$directory"
done
exec chroot "$root" "$@"
' in-release "$@"
