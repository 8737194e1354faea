// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is at the socket's path, and who has the lock beside it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use nix::sys::stat::{Mode, umask};

use crate::control::socket::holder;
use crate::control::{Client, ClientError, ControlSocket, Group, OpenError, Rules};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn only_the_owner_opens_the_socket_and_nobody_else_writes_into_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run").join("director").join("sock");
    // Other tests that make files meanwhile set their own mode, or do not care.
    let before = umask(Mode::empty());
    let socket = ControlSocket::open(&path);
    umask(before);
    let _socket = socket.unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o755);
    assert_eq!(mode(&directory.path().join("run")), 0o755);
}

#[test]
fn the_file_lets_in_whom_the_rules_let_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    let socket = ControlSocket::open(&path).unwrap();
    let own = nix::unistd::getegid().as_raw();
    let group = || {
        let name = "lvs".into();
        Some(Group { name, gid: own })
    };
    let (all, readers) = (group(), group());
    for (rules, expected) in [
        (Rules { all, readers: None }, 0o660),
        (Rules { all: None, readers }, 0o660),
        (
            Rules {
                all: group(),
                readers: group(),
            },
            0o666,
        ),
        (Rules::default(), 0o600),
    ] {
        socket.let_in(&rules).unwrap();
        assert_eq!(mode(&path), expected, "{rules:?}");
        assert_eq!(fs::metadata(&path).unwrap().gid(), own);
    }
    // What somebody else has put there stays as it is.
    fs::remove_file(&path).unwrap();
    fs::write(&path, "text").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    socket.let_in(&Rules::default()).unwrap();
    assert_eq!(mode(&path), 0o640);
}

#[test]
fn a_socket_that_a_killed_director_left_is_replaced_and_goes_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(ControlSocket::open(&path).unwrap());
    assert!(!path.exists());
    // The lock file stays, but prevents nobody from starting.
    drop(ControlSocket::open(&path).unwrap());
}

#[test]
fn whatever_else_is_at_the_path_stays() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("file"), "text").unwrap();
    fs::create_dir(at("directory")).unwrap();
    symlink("file", at("link")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    nix::unistd::mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
    let _listener = UnixListener::bind(at("used")).unwrap();
    let _datagrams = UnixDatagram::bind(at("datagrams")).unwrap();
    for (name, what) in [
        ("file", "a file"),
        ("directory", "a directory"),
        ("link", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("pipe", "a device or a pipe"),
        ("used", "a socket that another program uses"),
        ("datagrams", "a socket that another program uses"),
    ] {
        let before = fs::symlink_metadata(at(name)).unwrap().ino();
        let error = ControlSocket::open(&at(name)).unwrap_err().to_string();
        let path = at(name).display().to_string();
        assert_eq!(
            error,
            format!(
                "open the control socket {path}: {path} is {what}; it stays as it is: name another path (director: \
                 socket:)"
            )
        );
        assert_eq!(fs::symlink_metadata(at(name)).unwrap().ino(), before);
    }
    assert_eq!(fs::read_to_string(at("file")).unwrap(), "text");
    let error = ControlSocket::open(Path::new("/dev/null")).unwrap_err();
    assert!(error.to_string().contains("/dev/null"), "{error}");
    assert!(Path::new("/dev/null").exists());
}

#[test]
fn somebody_else_s_file_is_no_lock_file() {
    let directory = tempfile::tempdir().unwrap();
    let (path, lock) = (
        directory.path().join("notes"),
        directory.path().join("notes.lock"),
    );
    for content in ["do not touch", "12 34", "{}"] {
        fs::write(&lock, content).unwrap();
        let error = ControlSocket::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert_eq!(fs::read_to_string(&lock).unwrap(), content);
    }
    fs::write(&lock, "4711\n").unwrap();
    ControlSocket::open(&path).unwrap();
}

#[test]
fn what_somebody_else_has_put_in_its_place_stays_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    let socket = ControlSocket::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "text").unwrap();
    drop(socket);
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");
}

#[test]
fn a_second_director_is_told_of_the_first_and_of_a_socket_that_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    let shown = path.display();
    let pid = std::process::id();
    let socket = ControlSocket::open(&path).unwrap();
    assert_eq!(holder(&path), Some(pid));
    assert_eq!(
        ControlSocket::open(&path).unwrap_err().to_string(),
        format!(
            "open the control socket {shown}: another director is running (pid {pid}); stop it first, or give this one \
             a socket and a state file of its own (director: socket: and state_file:)"
        )
    );
    fs::remove_file(&path).unwrap();
    assert_eq!(
        ControlSocket::open(&path).unwrap_err().to_string(),
        format!(
            "open the control socket {shown}: another director is running (pid {pid}), but its socket file is gone; \
             restart it to make that file again"
        )
    );
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::Gone { .. }), "{error}");
    drop(socket);
    assert_eq!(holder(&path), None);
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::NotRunning(_)), "{error}");
}

#[test]
fn a_lock_file_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let error = ControlSocket::open(&file.join("sock")).unwrap_err();
    assert!(error.to_string().contains("make its directory"), "{error}");
}
