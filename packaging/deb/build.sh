#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the .deb from what stage.sh has laid out.
#
# usage: build.sh STAGED VERSION OUTPUT     OUTPUT is a file or a directory; LEVEL says how hard to compress
set -eu
umask 022
root=$1
version=$2
output=$3
here=$(cd "$(dirname "$0")" && pwd)

# The programs need the C library alone, of the newest version that one of their symbols names.
libc=$(objdump -T "$root"/usr/sbin/* | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
mkdir -p "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<END
Package: lvs-director
Version: $version-1
Architecture: $(dpkg --print-architecture)
Maintainer: The lvs-director authors <lvs-director@example.org>
Section: net
Priority: optional
Depends: libc6 (>= ${libc#GLIBC_})
Recommends: kmod
Suggests: ipvsadm
Installed-Size: $(du -k -s --exclude=DEBIAN "$root" | cut -f 1)
Description: Linux Virtual Server director
 One address in front of a cluster, kept alive by the kernel. The director
 programs IPVS, checks the real servers, repairs what others change, and
 shares its addresses with a second one by VRRP. The program realserver makes
 a host ready to stand behind the address; lvsadm takes the command line of
 ipvsadm.
END
echo /etc/lvs-director/director.yaml >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "$here/$script" "$root/DEBIAN/$script"
done
doc=$root/usr/share/doc/lvs-director
{
    echo 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
    echo
    echo 'Files: *'
    echo 'Copyright: 2026 the lvs-director authors'
    echo 'License: MIT or Apache-2.0'
    echo ' On Debian the text of the Apache License 2.0 is in'
    echo ' /usr/share/common-licenses/Apache-2.0.'
    echo ' .'
    sed 's/^$/./; s/^/ /' "$here/../../LICENSE-MIT"
} >"$doc/copyright"
{
    echo "lvs-director ($version-1) unstable; urgency=medium"
    echo
    echo '  * What is new is in changelog.gz.'
    echo
    echo " -- The lvs-director authors <lvs-director@example.org>  $(LC_ALL=C date -u -R)"
} | gzip -9n >"$doc/changelog.Debian.gz"
(cd "$root" && find etc usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
dpkg-deb --root-owner-group -Zxz "-z${LEVEL:-6}" --build "$root" "$output"
rm -r "$root/DEBIAN"
