#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the .rpm from what stage.sh has laid out.
#
# usage: build.sh STAGED VERSION OUTPUT
set -eu
staged=$1
version=$2
output=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rpmbuild --quiet -bb --define "_topdir $work" --define "_rpmdir $output" --define "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm" \
    --define "staged $staged" --define "wanted_version $version" "$(dirname "$0")/lvs-director.spec"
