# SPDX-License-Identifier: MIT OR Apache-2.0
# Packages of other Debian releases, for scripts that read this file (`.`): apt with one suite, and a state of its own.
#
# It uses this machine's own apt, its mirrors and its settings, but a state of its own in the directory $state: nothing of
# this machine's apt changes, and no root is needed. Signatures are checked with Debian's keys. DEBIAN_MIRROR=URI names a
# mirror where apt's own sources name none. $what is the first word of all messages, as in make $what.

say() { echo "$what: $*"; }
fail() {
    echo "$what: $*" >&2
    return 1
}

for tool in apt-get apt-cache dpkg-deb; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        fail "no $tool on this machine; this needs Debian's apt"
        exit 1
    fi
done

keys=
for file in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
    [ -n "$keys" ] || [ ! -r "$file" ] || keys=$file
done
if [ -z "$keys" ]; then
    fail "no keys of Debian's archive on this machine; install them with: apt-get install debian-archive-keyring"
    exit 1
fi

# The mirrors of Debian's own releases that apt's sources name. Updates and security updates have no other suites.
mirrors() {
    if [ -n "${DEBIAN_MIRROR-}" ]; then
        echo "$DEBIAN_MIRROR"
        return
    fi
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        while read -r origin component release uri; do
            # Before the first apt-get update the origin is not known.
            case "$component $origin $release" in
            *-*) ;;
            "main Debian "* | "main \$(ORIGIN) "*) echo "$uri" ;;
            esac
        done | awk '!seen[$0]++'
}

# Writes what makes apt use one suite of one mirror, with a state of its own, into the directory $state.
configure() {
    suite=$1 mirror=$2
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/none"
    : >"$state/status"
    cat >"$state/debian.sources" <<END
Types: deb
URIs: $mirror
Suites: $suite
Components: main
Signed-By: $keys
Targets: Packages
END
    # Read first; it names what apt reads last, after this machine's own settings.
    echo "Dir::Etc::main \"$state/last.conf\";" >"$state/first.conf"
    {
        [ ! -r /etc/apt/apt.conf ] || echo '#include "/etc/apt/apt.conf"'
        cat <<END
#clear APT::Update;
APT::Update::Error-Mode "any";
APT::Default-Release "";
// The user _apt may not enter this directory.
APT::Sandbox::User "root";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
Dir::Etc::sourcelist "$state/debian.sources";
Dir::Etc::sourceparts "$state/none";
Dir::Etc::preferences "$state/none/preferences";
Dir::Etc::preferencesparts "$state/none";
END
    } >"$state/last.conf"
}

apt() {
    command=$1
    shift
    APT_CONFIG=$state/first.conf "$command" "$@"
}

# Asks each mirror for the suite until one has it.
update() {
    asked=
    for mirror in $(mirrors); do
        configure "$1" "$mirror"
        if apt apt-get update -q >"$state/log" 2>&1; then
            return 0
        fi
        asked=yes
        sed "s/^/$what: apt: /" "$state/log" >&2
    done
    if [ -z "$asked" ]; then
        fail "$1: apt's sources on this machine name no mirror of Debian; name one with: DEBIAN_MIRROR=URI make $what"
    else
        fail "$1: apt cannot read this suite, see above (where a key is missing: apt-get install debian-archive-keyring)"
    fi
}
