// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state file: which services of the kernel's table are ours.
//!
//! The director writes it before it makes a service, and after it removes one. If it is killed between, the next one
//! still knows everything that it left behind. One director has the file at a time. It never overwrites a file that is
//! not a state file, or that a newer director wrote.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{LARGEST, StateError};
use crate::model::{DirectorSettings, ServiceKey};
use crate::system::{
    FileCause, FileError, FileLock, LockError, make_directory, read_limited, remove_unfinished,
    write_atomically,
};

/// The kind that the file names. The first directors did not write it.
const KIND: &str = "lvs-director state";
const VERSION: u64 = 1;
/// Its name in messages, and its key in the configuration.
const WHAT: &str = "state file";
const KEY: &str = "state_file";

/// The part that every version has.
#[derive(Debug, Deserialize)]
struct Header {
    version: u64,
    kind: Option<String>,
}

/// The file's content. A change of its form needs a new version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    version: u64,
    /// As ipvsadm lists them.
    services: Vec<String>,
}

/// The state file of one director. Nobody else has it meanwhile.
#[derive(Debug)]
pub(in crate::daemon) struct OwnedFile {
    /// The path without symbolic links: we replace the file, not a link to it.
    path: PathBuf,
    /// `None` while the disk does not allow it.
    lock: Option<FileLock>,
    /// The known content of the file.
    written: Option<BTreeSet<ServiceKey>>,
}

impl OwnedFile {
    /// Takes the state file at this path for this process.
    ///
    /// Fails when another director has it, when something other than a state file is there, and when the file exists
    /// but cannot be read. A disk without such a file, on which none can be made, is not an error:
    /// [`write`](Self::write) tries again each time.
    pub(in crate::daemon) fn open(path: &Path) -> Result<Self, StateError> {
        let mut file = Self {
            path: destination(path),
            lock: None,
            written: None,
        };
        // If the file is not a state file, do not even make a lock beside it.
        file.read()?;
        match file.lock() {
            // On such a disk there is no lock; the first write reports it.
            Ok(()) | Err(StateError::File(_)) => {}
            Err(error) => return Err(error),
        }
        file.read()?;
        if file.written.is_none() && file.path.is_file() {
            warn!(
                "read the state file {}: it is empty; services that are no longer configured stay in the kernel",
                file.path.display()
            );
        }
        Ok(file)
    }

    /// The services that are ours. No file means no services.
    pub(in crate::daemon) fn read(&mut self) -> Result<BTreeSet<ServiceKey>, StateError> {
        let found = read_file(&self.path)?;
        self.written.clone_from(&found);
        Ok(found.unwrap_or_default())
    }

    /// Writes which services are ours, unless the file says so already. A failure leaves the file unchanged; the next
    /// call tries again.
    pub(in crate::daemon) fn write(
        &mut self,
        services: &BTreeSet<ServiceKey>,
    ) -> Result<(), StateError> {
        if self.lock.is_some() && self.written.as_ref() == Some(services) {
            return Ok(());
        }
        self.lock()?;
        // Somebody may have put another file there since: look before overwriting it.
        self.read()?;
        if self.written.as_ref() != Some(services) {
            let bytes = emit(services, &self.path)?;
            self.written = None;
            write_atomically(&self.path, &bytes, 0o600)?;
            self.written = Some(services.clone());
        }
        Ok(())
    }

    fn lock(&mut self) -> Result<(), StateError> {
        if self.lock.is_none() {
            self.lock = Some(lock(WHAT, &self.path)?);
        }
        Ok(())
    }
}

/// The services that are ours by the state file; it stays with the director that has it. No file means no services.
pub(in crate::daemon) fn read_owned(path: &Path) -> Result<BTreeSet<ServiceKey>, StateError> {
    read_file(path).map(Option::unwrap_or_default)
}

/// Takes the lock beside a file, and makes a missing directory. An error of the disk names the file itself, not the
/// lock.
pub(super) fn lock(what: &'static str, path: &Path) -> Result<FileLock, StateError> {
    let refused = |cause: &std::io::Error| FileError {
        operation: "write",
        path: path.to_owned(),
        cause: FileCause::from(cause),
    };
    if let Some(directory) = path.parent() {
        make_directory(directory).map_err(|cause| refused(&cause))?;
    }
    let lock =
        FileLock::take(&DirectorSettings::lock_beside(path)).map_err(|error| match error {
            LockError::Taken { holder, .. } => StateError::Taken {
                what,
                path: path.to_owned(),
                holder,
            },
            LockError::Io { cause, .. } => refused(&cause).into(),
            error @ LockError::NotALock { .. } => StateError::from(error),
        })?;
    remove_unfinished(path);
    Ok(lock)
}

/// The file that a path leads to. A link to a missing file leads to the file's future place.
pub(super) fn destination(path: &Path) -> PathBuf {
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Ok(path) = path.canonicalize() {
            return path;
        }
        match (path.read_link(), path.parent()) {
            (Ok(target), Some(directory)) => path = directory.join(target),
            _ => break,
        }
    }
    path
}

/// The file's content; `None` when there is no file, or an empty one.
fn read_file(path: &Path) -> Result<Option<BTreeSet<ServiceKey>>, StateError> {
    let bytes = match read_limited(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if nothing_there(error.cause) => return Ok(None),
        Err(error) => {
            return Err(match error.cause {
                FileCause::NotRegular(kind) => foreign(path, format!("it is {kind}")),
                FileCause::TooLarge(_) => foreign(path, format!("longer than {LARGEST} bytes")),
                _ => error.into(),
            });
        }
    };
    if bytes.is_empty() {
        // Some file systems leave an empty file when the host's power fails. It has nothing to lose.
        return Ok(None);
    }
    parse(&bytes, path).map(Some)
}

/// Whether no file is there, for any reason.
pub(super) fn nothing_there(cause: FileCause) -> bool {
    matches!(cause, FileCause::Missing | FileCause::Other(Errno::ENOTDIR))
}

fn foreign(path: &Path, why: String) -> StateError {
    StateError::Foreign {
        what: WHAT,
        path: path.to_owned(),
        why,
        key: KEY,
    }
}

fn parse(bytes: &[u8], path: &Path) -> Result<BTreeSet<ServiceKey>, StateError> {
    let wrong = |error: &dyn std::fmt::Display| foreign(path, error.to_string());
    let header: Header = serde_json::from_slice(bytes).map_err(|error| wrong(&error))?;
    if let Some(kind) = header.kind.filter(|kind| kind != KIND) {
        return Err(wrong(&format_args!("it is of kind {kind:?}")));
    }
    if header.version > VERSION {
        return Err(StateError::Newer {
            path: path.to_owned(),
            version: header.version,
            known: VERSION,
        });
    }
    if header.version < VERSION {
        return Err(wrong(&format_args!("version {}", header.version)));
    }
    let content: Content = serde_json::from_slice(bytes).map_err(|error| wrong(&error))?;
    let keys = content.services.iter().map(|service| service.parse());
    keys.collect::<Result<_, _>>()
        .map_err(|error: crate::model::ServiceKeyError| wrong(&error))
}

fn emit(services: &BTreeSet<ServiceKey>, path: &Path) -> Result<Vec<u8>, StateError> {
    let content = Content {
        kind: Some(KIND.to_owned()),
        version: VERSION,
        services: services.iter().map(ServiceKey::to_string).collect(),
    };
    encode(&content, path, LARGEST)
}

/// A file's bytes, not more than may be read again.
pub(super) fn encode(
    content: &impl Serialize,
    path: &Path,
    limit: u64,
) -> Result<Vec<u8>, StateError> {
    let mut bytes = serde_json::to_vec_pretty(content).map_err(|_| FileError {
        operation: "write",
        path: path.to_owned(),
        // Only maps whose keys are not text can fail, and there are none.
        cause: FileCause::Other(Errno::EINVAL),
    })?;
    bytes.push(b'\n');
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        return Ok(bytes);
    }
    Err(StateError::TooLarge {
        path: path.to_owned(),
        bytes: bytes.len(),
        limit,
    })
}
