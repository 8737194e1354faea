// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state file: which services of the kernel's table are ours.
//!
//! It is written before a service is made and after one is removed, so that a director that is killed in between
//! leaves nothing behind that the next one does not know of.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::ServiceKey;
use crate::system::{FileCause, FileError, read_limited, write_atomically};

const LARGEST: u64 = 64 * 1024 * 1024;
const VERSION: u32 = 1;

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    /// As ipvsadm lists them.
    services: Vec<String>,
}

/// The state file of one director.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// What the file is known to hold.
    written: Option<BTreeSet<ServiceKey>>,
}

/// Why what is ours is not known, or not written down.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not a state file, or a newer one.
    #[error(
        "read the state file {path}: {why}; remove it to start anew: services that are only in it stay in the kernel"
    )]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl StateFile {
    /// The file at this path, not yet read.
    pub(super) const fn at(path: PathBuf) -> Self {
        Self {
            path,
            written: None,
        }
    }

    /// Which services are ours. No file means none.
    pub(super) fn read(&mut self) -> Result<BTreeSet<ServiceKey>, StateError> {
        let bytes = match read_limited(&self.path, LARGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.cause == FileCause::Missing => return Ok(BTreeSet::new()),
            Err(error) => return Err(error.into()),
        };
        let wrong = |why: String| StateError::Content {
            path: self.path.clone(),
            why,
        };
        let content: Content =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if content.version != VERSION {
            return Err(wrong(format!("version {}, not {VERSION}", content.version)));
        }
        let keys: Result<BTreeSet<ServiceKey>, _> = content
            .services
            .iter()
            .map(|service| service.parse())
            .collect();
        let keys = keys.map_err(|error| wrong(error.to_string()))?;
        self.written = Some(keys.clone());
        Ok(keys)
    }

    /// Writes down which services are ours, unless the file says so already.
    pub(super) fn write(&mut self, services: &BTreeSet<ServiceKey>) -> Result<(), StateError> {
        if self.written.as_ref() == Some(services) {
            return Ok(());
        }
        let names = services.iter().map(ServiceKey::to_string).collect();
        let content = Content {
            version: VERSION,
            services: names,
        };
        let mut bytes =
            serde_json::to_vec_pretty(&content).map_err(|error| StateError::Content {
                path: self.path.clone(),
                why: error.to_string(),
            })?;
        bytes.push(b'\n');
        self.written = None;
        write_atomically(&self.path, &bytes, 0o600)?;
        self.written = Some(services.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        let services: BTreeSet<ServiceKey> = ["TCP 192.0.2.10:80", "FWM 8 IPv6"]
            .iter()
            .map(|key| key.parse().unwrap())
            .collect();
        assert_eq!(StateFile::at(path.clone()).read().unwrap(), BTreeSet::new());
        StateFile::at(path.clone()).write(&services).unwrap();
        assert_eq!(StateFile::at(path).read().unwrap(), services);
    }

    #[test]
    fn a_file_that_is_none_is_an_error_that_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        for content in [
            "",
            "[]",
            "{\"version\":2,\"services\":[]}",
            "{\"version\":1,\"services\":[\"x\"]}",
        ] {
            std::fs::write(&path, content).unwrap();
            let error = StateFile::at(path.clone()).read().unwrap_err().to_string();
            assert!(error.contains("remove it to start anew"), "{error}");
        }
    }
}
