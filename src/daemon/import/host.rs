// SPDX-License-Identifier: MIT OR Apache-2.0
//! This host, as a text that is imported needs it.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::import::{Included, MAX_BYTES, Room, Surroundings};
use crate::system::{FileCause, matching, read_limited};

/// The files and the environment of this host, with corrections of files that were included.
#[derive(Debug, Default)]
pub(super) struct ThisHost {
    /// Texts that stand for files.
    pub(super) corrected: Vec<(String, String)>,
    /// Of services for which a text names none.
    pub(super) virtual_addresses: Vec<IpAddr>,
}

impl ThisHost {
    /// Has a text in place of a file.
    pub(super) fn correct(&mut self, name: &str, text: &str) {
        self.corrected.retain(|(known, _)| known != name);
        self.corrected.push((name.to_owned(), text.to_owned()));
    }

    /// A file of at most so many bytes; `None` when it is longer.
    fn included(&self, path: &Path, most: usize) -> Option<Included> {
        let name = path.display().to_string();
        let corrected = self.corrected.iter().find(|(known, _)| *known == name);
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        let bytes = match corrected {
            Some((_, text)) => Ok(text.clone().into_bytes()),
            None => match read_limited(path, limit) {
                Ok(bytes) => Ok(bytes),
                Err(error) if matches!(error.cause, FileCause::TooLarge(_)) => return None,
                Err(error) => Err(error.to_string()),
            },
        };
        Some(Included { name, bytes })
    }
}

impl Surroundings for ThisHost {
    fn include(&self, from: &str, pattern: &str, room: Room) -> Result<Vec<Included>, String> {
        let beside = Path::new(from).parent().unwrap_or_else(|| Path::new(""));
        let paths = matching(&beside.join(pattern), room.files)?;
        let (mut left, mut included) = (room.bytes, Vec::new());
        for path in paths {
            let file = self.included(&path, left);
            let length = |it: &Included| it.bytes.as_ref().map_or(0, Vec::len);
            let file = file.filter(|it| length(it) <= left).ok_or_else(|| {
                let most = MAX_BYTES >> 20;
                format!("all included files together are longer than {most} MiB")
            })?;
            left -= length(&file);
            included.push(file);
        }
        Ok(included)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn obstacle(&self, program: &str) -> Option<&'static str> {
        let Ok(metadata) = fs::metadata(program) else {
            return Some("there is no such file on this host");
        };
        let is_program = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        (!is_program).then_some("it is no file that can be executed")
    }

    fn host_name(&self) -> String {
        let name = fs::read_to_string("/proc/sys/kernel/hostname");
        name.map(|name| name.trim_end().to_owned())
            .unwrap_or_default()
    }

    fn virtual_addresses(&self) -> Vec<IpAddr> {
        self.virtual_addresses.clone()
    }
}
