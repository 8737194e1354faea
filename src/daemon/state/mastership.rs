// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mastership note: of which virtual routers a director was master when it ended for the next one.
//!
//! It counts for a few seconds of one boot, so nobody waits until a disk has it. It is read once: whoever finds it removes
//! it first.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::StateError;
use super::owned::{destination, nothing_there};
use crate::model::{
    Centiseconds, ConfiguredRouter, DirectorSettings, Timestamp, VirtualAddress, Vrid, VrrpVersion,
};
use crate::system::{Whereabouts, read_limited, write_for_this_boot};

/// The kind that the file names.
const KIND: &str = "lvs-director mastership";
const VERSION: u64 = 1;
/// The largest note, in bytes: 255 addresses each of hundreds of virtual routers.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A virtual router of which a director was master, as its peers knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::daemon) struct Mastership {
    pub(in crate::daemon) name: Box<str>,
    interface: Box<str>,
    vrid: Vrid,
    version: VrrpVersion,
    interval: Centiseconds,
    addresses: Vec<VirtualAddress>,
    /// Whether they have a hardware address of their own.
    virtual_mac: bool,
    /// When it was advertised last, by the clock that counts while the host sleeps.
    pub(in crate::daemon) advertised: Timestamp,
}

impl Mastership {
    /// Of this virtual router, which was advertised then.
    pub(in crate::daemon) fn of(
        name: &str,
        router: &ConfiguredRouter,
        advertised: Timestamp,
    ) -> Self {
        Self {
            name: name.into(),
            interface: router.interface.clone(),
            vrid: router.vrid,
            version: router.version,
            interval: router.interval,
            addresses: router.addresses.clone(),
            virtual_mac: router.virtual_mac,
            advertised,
        }
    }

    /// Whether it is of this virtual router. Its priority may be another one now.
    pub(in crate::daemon) fn is_of(&self, name: &str, router: &ConfiguredRouter) -> bool {
        *self == Self::of(name, router, self.advertised)
    }
}

/// The part that every version has.
#[derive(Debug, Deserialize)]
struct Header {
    kind: String,
    version: u64,
}

/// The file's content. A change of its form needs a new version.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    kind: String,
    version: u64,
    #[serde(flatten)]
    place: Whereabouts,
    routers: Vec<Mastership>,
}

/// Writes the note beside this state file.
pub(in crate::daemon) fn leave_mastership(
    state_file: &Path,
    routers: Vec<Mastership>,
) -> Result<(), Box<str>> {
    let place = Whereabouts::here().map_err(|error| format!("read where this is: {error}"))?;
    write(state_file, place, routers).map_err(|error| error.to_string().into())
}

fn write(
    state_file: &Path,
    place: Whereabouts,
    routers: Vec<Mastership>,
) -> Result<(), StateError> {
    let path = DirectorSettings::mastership_beside(&destination(state_file));
    let content = Content {
        kind: KIND.to_owned(),
        version: VERSION,
        place,
        routers,
    };
    let bytes = super::owned::encode(&content, &path, LARGEST)?;
    Ok(write_for_this_boot(&path, &bytes, 0o600)?)
}

/// Takes the note beside this state file away, and gives what it says. One that is no good is told, and says nothing. Call
/// it only when no other director has the state file.
pub(in crate::daemon) fn take_mastership(state_file: &Path) -> Vec<Mastership> {
    let path = DirectorSettings::mastership_beside(&destination(state_file));
    let bytes = match read_limited(&path, LARGEST) {
        Err(error) if nothing_there(error.cause) => return Vec::new(),
        read => read.map_err(|error| error.to_string()),
    };
    let removed = fs::remove_file(&path).map_err(|error| format!("remove it: {error}"));
    let here = || Whereabouts::here().map_err(|error| format!("read where this is: {error}"));
    let taken = bytes.and_then(|bytes| removed.and_then(|()| parse(&bytes, &here()?)));
    taken.unwrap_or_else(|why| {
        let path = path.display();
        warn!("read the mastership note {path}: {why}; virtual routers begin anew");
        Vec::new()
    })
}

fn parse(bytes: &[u8], here: &Whereabouts) -> Result<Vec<Mastership>, String> {
    let wrong = |error: serde_json::Error| format!("this is no mastership note: {error}");
    let header: Header = serde_json::from_slice(bytes).map_err(wrong)?;
    if header.kind != KIND {
        return Err(format!("it is of kind {:?}", header.kind));
    }
    if header.version != VERSION {
        let version = header.version;
        return Err(format!(
            "version {version}, and this director knows {VERSION}"
        ));
    }
    let content: Content = serde_json::from_slice(bytes).map_err(wrong)?;
    if !content.place.is_in_the_boot_of(here) {
        return Err("it is of another boot".to_owned());
    }
    if content.place != *here {
        return Err("it is of another network namespace".to_owned());
    }
    Ok(content.routers)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    fn routers() -> Vec<Mastership> {
        let text = "virtual_routers: [{interface: eth0, vrid: 51, addresses: [192.0.2.10/24]}, {interface: eth0, vrid: 52, \
                    addresses: ['fe80::10/64', '2001:db8::10']}]\nvirtual_services: []\n";
        let config = crate::config::parse("test.yaml", text.as_bytes()).unwrap();
        let routers = config.routers.iter();
        let left = routers.map(|(name, it)| Mastership::of(name, it, Timestamp::ZERO));
        left.collect()
    }

    fn place() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state.json");
        let note = directory.path().join("state.json.mastership");
        (directory, state, note)
    }

    #[test]
    fn a_note_is_read_once() {
        let (_directory, state, note) = place();
        assert_eq!(take_mastership(&state), []);
        leave_mastership(&state, routers()).unwrap();
        assert!(note.is_file());
        assert_eq!(take_mastership(&state), routers());
        assert!(!note.exists());
        assert_eq!(take_mastership(&state), []);
    }

    #[test]
    fn a_note_lies_beside_the_file_and_not_beside_a_link_to_it() {
        let (directory, state, note) = place();
        let link = directory.path().join("link");
        symlink("state.json", &link).unwrap();
        leave_mastership(&link, routers()).unwrap();
        assert!(note.is_file());
        assert_eq!(take_mastership(&state), routers());
    }

    #[test]
    fn what_is_no_note_of_this_place_says_nothing_and_goes() {
        let (_directory, state, note) = place();
        leave_mastership(&state, routers()).unwrap();
        let good = fs::read_to_string(&note).unwrap();
        let value: serde_json::Value = serde_json::from_str(&good).unwrap();
        let (boot, network) = (value["boot"].as_str().unwrap(), &value["network"]);
        let half = good.get(..good.len() / 2).unwrap();
        let long = " ".repeat(usize::try_from(LARGEST).unwrap() + 1);
        for text in [
            "",
            "dear diary",
            half,
            &long,
            &good.replace(boot, "6b2a1a9e-0000-4000-8000-000000000000"),
            &good.replace(&network.to_string(), "1"),
            &good.replace(KIND, "lvs-director state"),
            &good.replace("\"version\": 1", "\"version\": 2"),
            &good.replace("\"vrid\": 51", "\"vrid\": 0"),
            &good.replace("192.0.2.10", "localhost"),
        ] {
            assert_ne!(text, good);
            fs::write(&note, text).unwrap();
            assert_eq!(take_mastership(&state), []);
            assert!(!note.exists());
        }
    }

    #[test]
    fn where_no_file_can_be_the_director_starts_all_the_same() {
        let (_directory, state, note) = place();
        fs::create_dir(&note).unwrap();
        assert_eq!(take_mastership(&state), []);
        assert!(leave_mastership(&state, routers()).is_err());
        assert_eq!(take_mastership(&state.join("none.json")), []);
    }

    #[test]
    fn a_note_is_of_a_virtual_router_that_its_peers_cannot_tell_apart() {
        let text = |rest: &str| {
            let text = format!(
                "virtual_routers: [{{name: a, interface: eth0, vrid: 51, {rest}}}]\nvirtual_services: []\n"
            );
            crate::config::parse("test.yaml", text.as_bytes()).unwrap()
        };
        let router = |rest: &str| text(rest).routers.into_values().next().unwrap();
        let left = Mastership::of("a", &router("addresses: [192.0.2.10/24]"), Timestamp::ZERO);
        let same = router("addresses: [192.0.2.10/24], priority: 7, preempt: always");
        assert!(left.is_of("a", &same));
        assert!(!left.is_of("b", &same));
        for other in [
            "addresses: [192.0.2.10/25]",
            "addresses: [192.0.2.10/24, 192.0.2.11/24]",
            "addresses: [192.0.2.10/24], interval: 2s",
            "addresses: [192.0.2.10/24], version: 2",
            "addresses: [192.0.2.10/24], virtual_mac: true",
        ] {
            assert!(!left.is_of("a", &router(other)), "{other}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cut in 0_usize..2000,
            at in 0_usize..2000,
        ) {
            let here = Whereabouts::here().unwrap();
            let _ = parse(&bytes, &here);
            let (_directory, state, note) = place();
            write(&state, here.clone(), routers()).unwrap();
            let mut changed = fs::read(&note).unwrap();
            changed.truncate(cut.max(1));
            let at = at % changed.len();
            changed.splice(at..at, bytes);
            let _ = parse(&changed, &here);
        }
    }
}
