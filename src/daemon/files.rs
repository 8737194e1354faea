// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks what is at the paths of the director's own files in a configuration.

use std::collections::BTreeSet;
use std::fs::{Metadata, metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::door::rules;
use super::state::{StateError, read_owned, refuse_other_kinds};
use crate::model::{Config, ConfiguredRouter, DirectorSettings, ProbeKind, TrackedObject};
use crate::probe::is_unknown_user;
use crate::system::FileCause;

/// Why the configuration at `path` cannot be used: one of the director's own files is that very file.
pub(super) fn is_the_configuration(path: &Path, settings: &DirectorSettings) -> Option<String> {
    let own = metadata(path).ok()?;
    let same = |other: &Metadata| (other.dev(), other.ino()) == (own.dev(), own.ino());
    let key = named(settings)
        .into_iter()
        .find(|(_, path)| metadata(path).is_ok_and(|it| same(&it)))?
        .0;
    Some(format!(
        "{}: director: {key} is this very file; name another path",
        path.display()
    ))
}

/// Why a director with these settings would not start: somebody else's file is at one of its paths. A file that does
/// not exist, or that we may not read, is not an error.
pub(super) fn refused(settings: &DirectorSettings) -> Vec<String> {
    let clear = |error: StateError| match error {
        StateError::File(error) if error.cause == FileCause::NotPermitted => None,
        error => Some(error.to_string()),
    };
    let state = read_owned(&settings.state_file).err().and_then(clear);
    let remembered = refuse_other_kinds(&settings.remembered_file)
        .err()
        .and_then(clear);
    let socket = metadata(&settings.socket)
        .is_ok_and(|it| !it.file_type().is_socket())
        .then(|| {
            format!(
                "open the control socket {}: this is no socket; move it away, or name another path (socket:)",
                settings.socket.display()
            )
        });
    [state, remembered, socket].into_iter().flatten().collect()
}

/// The files of checks (passwords, certificates, keys) that do not exist. One that we may not look at may exist.
pub(super) fn missing_from_checks(config: &Config) -> BTreeSet<PathBuf> {
    let services = config.services.values();
    let checks = services.flat_map(|it| it.servers.values().flat_map(|it| it.checks.each.iter()));
    let files = checks.flat_map(|check| check.probe.files());
    let files: BTreeSet<PathBuf> = files.map(Path::to_path_buf).collect();
    let missing = |path: &PathBuf| {
        metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    files.into_iter().filter(missing).collect()
}

/// The users of checks by a program, and of scripts that are tracked, that this host does not have.
pub(super) fn unknown_users(config: &Config) -> BTreeSet<&str> {
    let services = config.services.values();
    let checks = services.flat_map(|it| it.servers.values().flat_map(|it| it.checks.each.iter()));
    let users = checks.filter_map(|check| match &check.probe.kind {
        ProbeKind::Exec(exec) => exec.user.as_deref(),
        _ => None,
    });
    let tracked = config.routers.values().flat_map(ConfiguredRouter::tracked);
    let runs = tracked.filter_map(|object| match object {
        TrackedObject::Script(script) => script.program.user.as_deref(),
        _ => None,
    });
    let users: BTreeSet<&str> = users.chain(runs).collect();
    users.into_iter().filter(|it| is_unknown_user(it)).collect()
}

/// What is wrong with the groups that may use the control socket.
pub(super) fn wrong_groups(settings: &DirectorSettings) -> Vec<String> {
    rules(settings).1
}

const fn named(settings: &DirectorSettings) -> [(&'static str, &PathBuf); 3] {
    [
        ("state_file", &settings.state_file),
        ("remembered_file", &settings.remembered_file),
        ("socket", &settings.socket),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use super::*;

    fn settings(directory: &Path) -> DirectorSettings {
        DirectorSettings {
            state_file: directory.join("state.json"),
            remembered_file: directory.join("remembered.json"),
            socket: directory.join("socket"),
            repair_interval: Duration::from_secs(10),
            remember: None,
            real_time: None,
            lock_memory: false,
            socket_group: None,
            socket_readers: None,
        }
    }

    #[test]
    fn the_configuration_is_none_of_its_directors_files_by_any_name() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let config = directory.path().join("director.yaml");
        fs::write(&config, "").unwrap();
        assert_eq!(is_the_configuration(&config, &settings), None);
        for (key, path) in named(&settings) {
            symlink("director.yaml", path).unwrap();
            let error = is_the_configuration(&config, &settings).unwrap();
            assert!(
                error.contains(&format!("director: {key} is this")),
                "{error}"
            );
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn files_of_checks_that_do_not_exist_are_named_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        fs::write(file("ca.pem"), "").unwrap();
        let at = |name: &str| file(name).display().to_string();
        let (ca, pem, key, password) = (at("ca.pem"), at("pem"), at("key"), at("password"));
        let text = format!(
            "virtual_services:\n  - address: 192.0.2.10:443\n    servers: [10.0.0.1, 10.0.0.2]\n    check: {{https: \
             {{ca_file: {ca}, client_certificate: {pem}, client_key: {key}, user: a, password_file: {password}}}}}\n"
        );
        let config = crate::config::parse("test.yaml", text.as_bytes()).unwrap();
        let missing: Vec<PathBuf> = missing_from_checks(&config).into_iter().collect();
        assert_eq!(missing, ["key", "password", "pem"].map(file));
    }

    #[test]
    fn what_would_be_refused_at_the_start_is_told_before() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        assert_eq!(refused(&settings), [""; 0]);
        let socket = UnixListener::bind(&settings.socket).unwrap();
        fs::write(&settings.state_file, "").unwrap();
        // The start moves such a file aside.
        fs::write(&settings.remembered_file, "dear diary").unwrap();
        assert_eq!(refused(&settings), [""; 0]);
        drop(socket);
        for (_, path) in named(&settings) {
            fs::remove_file(path).unwrap();
        }
        fs::write(&settings.state_file, "dear diary").unwrap();
        fs::create_dir(&settings.remembered_file).unwrap();
        symlink("/dev/null", &settings.socket).unwrap();
        let told = refused(&settings);
        for (told, why) in told.iter().zip([
            "state.json: this is no state file: expected value",
            "remembered.json: this is no remembered file: it is a directory",
            "socket: this is no socket; move it away",
        ]) {
            assert!(told.contains(why), "{told}");
        }
        assert_eq!(told.len(), 3);
    }
}
