// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file with the key that both directors have.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ring::digest;
use tracing::warn;

use crate::model::Peer;
use crate::system::{is_readable_by_all, read_first_line};

/// The longest file with a key, in bytes.
const MOST_BYTES: u64 = 4096;
/// The shortest key, in bytes.
const LEAST: usize = 16;

/// The key, as the handshake wants it.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::daemon) struct PairKey(Arc<[u8; 32]>);

impl fmt::Debug for PairKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
}

impl PairKey {
    /// From the first line of a file; `None` when it is too short.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        if line.len() < LEAST {
            return None;
        }
        let mut context = digest::Context::new(&digest::SHA256);
        // What it is the key of: the same text may be another secret, too.
        context.update(b"lvs-director pair\0");
        context.update(line);
        let bytes = context.finish().as_ref().try_into().ok()?;
        Some(Self(Arc::new(bytes)))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What stands in the file, or why there is no key in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct KeyFile {
    /// The file.
    pub(in crate::daemon) file: Box<Path>,
    /// The key.
    pub(in crate::daemon) key: Result<PairKey, String>,
}

impl KeyFile {
    /// Reads the file of this peer, and tells when everybody can read it.
    pub(in crate::daemon) fn read_warning(peer: &Peer) -> Self {
        if is_readable_by_all(&peer.key_file) {
            let file = peer.key_file.display();
            warn!("everybody on this host can read the key of the pair in {file}: chmod o-r");
        }
        Self::read(peer)
    }

    /// Reads the file of this peer.
    pub(in crate::daemon) fn read(peer: &Peer) -> Self {
        let file = peer.key_file.clone();
        let line = read_first_line(&file, MOST_BYTES).map_err(|error| error.to_string());
        let key = line.and_then(|line| {
            let wrong = || {
                format!(
                    "the first line of {} must be a key of {LEAST} characters or more; write 32 bytes by chance: openssl rand \
                     -hex 32",
                    file.display()
                )
            };
            PairKey::of(&line).ok_or_else(wrong)
        });
        Self { file, key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_first_line_of_its_file_and_is_never_printed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let peer = Peer {
            address: "192.0.2.2:9568".parse().unwrap(),
            bind: None,
            key_file: file.clone().into(),
        };
        assert!(KeyFile::read(&peer).key.is_err());
        std::fs::write(&file, "too short").unwrap();
        let why = KeyFile::read(&peer).key.unwrap_err();
        assert!(why.contains("16 characters or more"), "{why}");
        std::fs::write(&file, "0123456789abcdef\nmore").unwrap();
        let read = KeyFile::read(&peer);
        assert_eq!(
            read.key.as_ref().ok(),
            PairKey::of(b"0123456789abcdef").as_ref()
        );
        assert_ne!(
            read.key.as_ref().ok(),
            PairKey::of(b"0123456789abcdeg").as_ref()
        );
        assert!(!format!("{read:?}").contains("012345"));
    }
}
