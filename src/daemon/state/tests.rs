// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state file, and other things at its path.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::model::ServiceKey;

fn services(names: &[&str]) -> BTreeSet<ServiceKey> {
    names.iter().map(|key| key.parse().unwrap()).collect()
}

/// A directory and the path of a state file in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.json");
    (directory, path)
}

fn refused(path: &Path) -> String {
    OwnedFile::open(path).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read_again() {
    let (_directory, path) = place();
    let both = services(&["TCP 192.0.2.10:80", "FWM 8 IPv6"]);
    let mut file = OwnedFile::open(&path).unwrap();
    assert_eq!(file.read().unwrap(), BTreeSet::new());
    file.write(&both).unwrap();
    drop(file);
    assert_eq!(OwnedFile::open(&path).unwrap().read().unwrap(), both);
    assert_eq!(read_owned(&path).unwrap(), both);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"kind\": \"lvs-director state\""), "{text}");
}

#[test]
fn a_file_of_the_first_directors_is_read() {
    let (_directory, path) = place();
    let text = "{\n  \"version\": 1,\n  \"services\": [\n    \"TCP 192.0.2.10:80\"\n  ]\n}\n";
    fs::write(&path, text).unwrap();
    let mut file = OwnedFile::open(&path).unwrap();
    assert_eq!(file.read().unwrap(), services(&["TCP 192.0.2.10:80"]));
}

#[test]
fn what_is_no_state_file_is_refused_and_stays_as_it_is() {
    let (_directory, path) = place();
    for content in [
        "dear diary",
        "[]",
        "{}",
        "{\"version\":0,\"services\":[]}",
        "{\"version\":1}",
        "{\"version\":1,\"services\":[\"x\"]}",
        "{\"version\":1,\"services\":[],\"vips\":[]}",
        "{\"version\":1,\"kind\":\"other\",\"services\":[]}",
        "director: {socket: /run/d.sock}",
    ] {
        fs::write(&path, content).unwrap();
        let error = refused(&path);
        assert!(error.contains("this is no state file: "), "{error}");
        assert!(error.contains("move it away"), "{error}");
        assert!(read_owned(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_newer_directors_file_is_refused_and_stays_as_it_is() {
    let (_directory, path) = place();
    let content = "{\"version\":2,\"kind\":\"lvs-director state\",\"owned\":{}}";
    fs::write(&path, content).unwrap();
    let error = refused(&path);
    assert!(
        error.contains("version 2, this one knows version 1"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
}

#[test]
fn what_is_no_regular_file_is_refused_and_stays_as_it_is() {
    let (directory, path) = place();
    let sub = directory.path().join("sub");
    fs::create_dir(&sub).unwrap();
    symlink("/dev/zero", &path).unwrap();
    for (path, kind) in [
        (Path::new("/dev/zero"), "a device"),
        (&path, "a device"),
        (&sub, "a directory"),
    ] {
        for error in [refused(path), read_owned(path).unwrap_err().to_string()] {
            assert!(error.contains(kind), "{error}");
        }
        assert!(!Path::new(&format!("{}.lock", path.display())).exists());
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn an_empty_file_is_none() {
    let (_directory, path) = place();
    fs::write(&path, "").unwrap();
    let mut file = OwnedFile::open(&path).unwrap();
    assert_eq!(file.read().unwrap(), BTreeSet::new());
    file.write(&services(&["FWM 8"])).unwrap();
    assert_eq!(read_owned(&path).unwrap(), services(&["FWM 8"]));
}

#[test]
fn two_directors_cannot_have_one_state_file() {
    let (directory, path) = place();
    let first = OwnedFile::open(&path).unwrap();
    let link = directory.path().join("link.json");
    symlink("state.json", &link).unwrap();
    for other in [&path, &link] {
        let error = refused(other);
        let who = format!("another director (pid {}) uses", std::process::id());
        assert!(error.starts_with(&who), "{error}");
        assert!(error.contains("its own state_file and socket"), "{error}");
    }
    // To look is allowed.
    assert_eq!(read_owned(&path).unwrap(), BTreeSet::new());
    drop(first);
    OwnedFile::open(&link).unwrap();
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_written() {
    let (directory, path) = place();
    let target = directory.path().join("elsewhere.json");
    symlink("elsewhere.json", &path).unwrap();
    for names in [&["FWM 8"][..], &["FWM 9"]] {
        let mut file = OwnedFile::open(&path).unwrap();
        file.write(&services(names)).unwrap();
        assert_eq!(path.read_link().unwrap(), Path::new("elsewhere.json"));
        assert_eq!(read_owned(&target).unwrap(), services(names));
    }
}

#[test]
fn what_could_not_be_written_is_tried_again_with_the_same_services() {
    let (directory, _) = place();
    let blocked = directory.path().join("blocked");
    fs::write(&blocked, "").unwrap();
    let path = blocked.join("state.json");
    let ours = services(&["FWM 8"]);
    let mut file = OwnedFile::open(&path).unwrap();
    for _ in 0..2 {
        let error = file.write(&ours).unwrap_err().to_string();
        assert!(error.contains("state.json"), "{error}");
    }
    fs::remove_file(&blocked).unwrap();
    file.write(&ours).unwrap();
    assert_eq!(read_owned(&path).unwrap(), ours);
    // From now on it has the lock.
    assert!(matches!(
        OwnedFile::open(&path),
        Err(StateError::Taken { .. })
    ));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&blocked), 0o755);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_came_there_meanwhile_is_not_overwritten() {
    let (_directory, path) = place();
    let mut file = OwnedFile::open(&path).unwrap();
    file.write(&services(&["FWM 8"])).unwrap();
    fs::write(&path, "dear diary").unwrap();
    let error = file.write(&services(&["FWM 9"])).unwrap_err();
    assert!(matches!(error, StateError::Foreign { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary");
    fs::remove_file(&path).unwrap();
    file.write(&services(&["FWM 9"])).unwrap();
    assert_eq!(read_owned(&path).unwrap(), services(&["FWM 9"]));
}
