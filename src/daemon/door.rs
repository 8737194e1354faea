// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket that is open, and who may come in. A reload can move it, and change who may.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use nix::unistd::{Gid, Group as KnownGroup};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::published::Published;
use crate::control::{ControlSocket, Group, OpenError, Rules};
use crate::engine::{ReloadId, Snapshot};
use crate::model::DirectorSettings;

/// The control socket of a running director.
pub(super) struct Door {
    sockets: Mutex<Sockets>,
    rules: ArcSwap<Rules>,
}

struct Sockets {
    open: Arc<ControlSocket>,
    /// The one of a configuration that is not in force yet, and the request that it was read for.
    next: Option<(ReloadId, ControlSocket)>,
}

impl Door {
    /// With this socket, for root and the director's own user until it is known who else is let in.
    pub(super) fn new(socket: ControlSocket) -> Arc<Self> {
        Arc::new(Self {
            sockets: Mutex::new(Sockets {
                open: Arc::new(socket),
                next: None,
            }),
            rules: ArcSwap::default(),
        })
    }

    /// The socket that is open.
    pub(super) fn socket(&self) -> Arc<ControlSocket> {
        Arc::clone(&self.sockets().open)
    }

    /// Who may ask what.
    pub(super) fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Opens the socket of a new configuration, if that is another one. Nobody is answered there until the configuration
    /// is in force.
    pub(super) fn prepare(&self, reload: ReloadId, path: &Path) -> Result<(), OpenError> {
        let mut sockets = self.sockets();
        if sockets.open.path() == path {
            sockets.next = None;
            return Ok(());
        }
        if let Some((id, _)) = sockets
            .next
            .as_mut()
            .filter(|(_, next)| next.path() == path)
        {
            *id = reload;
            return Ok(());
        }
        sockets.next = None;
        sockets.next = Some((reload, ControlSocket::open(path)?));
        Ok(())
    }

    /// Returns when the socket is another one. Meanwhile it lets in whom the configuration in force lets in.
    pub(super) async fn moved(self: &Arc<Self>, published: &Published) {
        let mut changes = published.changes();
        let mut settings = None;
        loop {
            if let Some(latest) = published.latest() {
                let now = &latest.config.director;
                if settings.as_ref() != Some(now) {
                    settings = Some(now.clone());
                    self.follow(now).await;
                }
                if self.follow_path(&latest) {
                    return;
                }
            }
            // Without an engine there is no other configuration.
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Looks up who is let in on another thread: a server of a directory may be asked, and may be slow.
    async fn follow(self: &Arc<Self>, settings: &DirectorSettings) {
        let (door, settings) = (Arc::clone(self), settings.clone());
        // It does not panic, and nobody aborts it.
        let _ = spawn_blocking(move || door.let_in(&settings)).await;
    }

    /// Takes the socket that a reload has brought; drops it when that was refused. Returns whether it is another one.
    fn follow_path(&self, latest: &Snapshot) -> bool {
        let mut sockets = self.sockets();
        let Some((id, next)) = sockets.next.take() else {
            return false;
        };
        if next.path() == latest.config.director.socket {
            let (from, to) = (sockets.open.path().display(), next.path().display());
            info!("control socket: {from} -> {to}");
            sockets.open = Arc::new(next);
            return true;
        }
        if latest.reloads.answered < id {
            sockets.next = Some((id, next));
        }
        false
    }

    fn let_in(&self, settings: &DirectorSettings) {
        let (rules, problems) = rules(settings);
        for problem in problems {
            warn!("director: {problem}");
        }
        let socket = self.socket();
        if let Err(error) = socket.let_in(&rules) {
            warn!(
                "let groups use the control socket {}: {error}; run the director as root, or as a member of the group",
                socket.path().display()
            );
        }
        self.rules.store(Arc::new(rules));
    }

    fn sockets(&self) -> std::sync::MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who may ask what, and what is wrong with the groups of the settings.
pub(super) fn rules(settings: &DirectorSettings) -> (Rules, Vec<String>) {
    let mut problems = Vec::new();
    let mut find = |key: &str, name: Option<&str>| {
        let name = name?;
        match group(name) {
            Ok(group) => Some(group),
            Err(why) => {
                problems.push(format!("{key}: {why}; nobody is let in for it"));
                None
            }
        }
    };
    let rules = Rules {
        all: find("socket_group", settings.socket_group.as_deref()),
        readers: find("socket_readers", settings.socket_readers.as_deref()),
    };
    (rules, problems)
}

/// The group of this name or number.
fn group(name: &str) -> Result<Group, String> {
    let number: Option<u32> = name.parse().ok();
    let found = match number {
        Some(gid) => KnownGroup::from_gid(Gid::from_raw(gid)),
        None => KnownGroup::from_name(name),
    };
    match (found, number) {
        (Ok(Some(found)), _) => Ok(Group {
            name: found.name.into(),
            gid: found.gid.as_raw(),
        }),
        (Ok(None) | Err(_), Some(gid)) => Ok(Group {
            name: name.into(),
            gid,
        }),
        (Ok(None), None) => Err(format!(
            "this host has no group {name}; make it: groupadd {name}"
        )),
        (Err(errno), None) => Err(format!("look up group {name}: {}", errno.desc())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::default_director;

    #[test]
    fn a_group_is_found_by_name_or_number_and_an_unknown_one_lets_nobody_in() {
        let settings = DirectorSettings {
            socket_group: Some("root".into()),
            socket_readers: Some("4711".into()),
            ..default_director()
        };
        let (found, problems) = rules(&settings);
        let gid = |group: Option<Group>| group.map(|it| it.gid);
        assert_eq!(
            (gid(found.all), gid(found.readers), problems.len()),
            (Some(0), Some(4711), 0)
        );
        let settings = DirectorSettings {
            socket_group: Some("no such group".into()),
            ..default_director()
        };
        let (found, problems) = rules(&settings);
        assert_eq!(found, Rules::default());
        assert!(
            problems[0].contains("no group no such group"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_socket_of_a_refused_configuration_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let door = Door::new(ControlSocket::open(&at("one")).unwrap());
        door.prepare(ReloadId(1), &at("two")).unwrap();
        assert!(at("two").exists());
        door.prepare(ReloadId(2), &at("one")).unwrap();
        assert!(!at("two").exists() && at("one").exists());
        // Something else is there.
        std::fs::write(at("three"), "text").unwrap();
        door.prepare(ReloadId(3), &at("three")).unwrap_err();
        assert!(at("one").exists());
    }
}
