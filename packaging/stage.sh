#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Lays out what a package has below a directory, from programs that are built.
#
# usage: stage.sh PROGRAMS DIRECTORY     PROGRAMS has director, lvsadm, realserver and packaging
set -eu
umask 022
programs=$1
root=$2
cd "$(dirname "$0")/.."

rm -rf "$root"
for program in director lvsadm realserver; do
    install -D -m 755 "$programs/$program" "$root/usr/sbin/$program"
done
for unit in director.service realserver.service realserver@.service; do
    mkdir -p "$root/usr/lib/systemd/system"
    sed 's|/usr/local/sbin/|/usr/sbin/|; s|/etc/systemd/system/|/usr/lib/systemd/system/|' "examples/$unit" \
        >"$root/usr/lib/systemd/system/$unit"
done
install -D -m 644 packaging/files/director.yaml "$root/etc/lvs-director/director.yaml"
for page in docs/man/*; do
    manual=$root/usr/share/man/man${page##*.}
    mkdir -p "$manual"
    gzip -9n <"$page" >"$manual/${page##*/}.gz"
done
# Nothing but the schema: an editor finds it there.
install -D -m 644 docs/director.schema.json "$root/usr/share/lvs-director/director.schema.json"

bash=$root/usr/share/bash-completion/completions
zsh=$root/usr/share/zsh/vendor-completions
fish=$root/usr/share/fish/vendor_completions.d
scripts=$(mktemp -d)
trap 'rm -rf "$scripts"' EXIT
mkdir -p "$bash" "$zsh" "$fish"
"$programs/packaging" completions "$scripts"
for program in director realserver; do
    mv "$scripts/$program.bash" "$bash/$program"
done
mv "$scripts"/_* "$zsh/"
mv "$scripts"/*.fish "$fish/"
"$programs/lvsadm" completion bash >"$bash/lvsadm"
"$programs/lvsadm" completion zsh >"$zsh/_lvsadm"
"$programs/lvsadm" completion fish >"$fish/lvsadm.fish"

doc=$root/usr/share/doc/lvs-director
mkdir -p "$doc/examples"
gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
for page in README.md docs/*.md; do
    install -m 644 "$page" "$doc/"
done
install -m 644 examples/*.yaml examples/director-user.conf "$doc/examples/"
