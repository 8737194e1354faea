// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which program looks after an interface: what systemd-networkd and `NetworkManager` write down of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{FileCause, FileError, read_limited};
use super::processes::runs;

/// The kernel keeps 15 bytes of it.
const NETWORKD: &str = "systemd-networkd";
const NETWORK_MANAGER: &str = "NetworkManager";
const NETWORKD_LINKS: &str = "/run/systemd/netif/links";
const NETWORK_MANAGER_DEVICES: &str = "/run/NetworkManager/devices";
/// Where drop-ins of a file may be.
const NETWORKD_FOLDERS: [&str; 3] = [
    "/etc/systemd/network",
    "/run/systemd/network",
    "/usr/lib/systemd/network",
];
/// More than any file of these has.
const AT_MOST: u64 = 256 * 1024;

/// How systemd-networkd looks after an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networkd {
    /// The file that configures it.
    pub file: PathBuf,
    /// Whether it leaves addresses of others (`KeepConfiguration=`).
    pub keeps: bool,
}

/// Which of the two programs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caretakers {
    networkd: bool,
    network_manager: bool,
}

impl Caretakers {
    /// Looks which of them run.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read.
    pub fn read() -> io::Result<Self> {
        Ok(Self {
            networkd: runs(NETWORKD)?,
            network_manager: runs(NETWORK_MANAGER)?,
        })
    }

    /// How systemd-networkd looks after the interface of this number; `None` when it does not. Source: sd-network,
    /// `/run/systemd/netif/links/INDEX`.
    pub fn networkd(self, index: u32) -> Result<Option<Networkd>, FileError> {
        let place = Path::new(NETWORKD_LINKS).join(index.to_string());
        let state = if self.networkd { text(&place)? } else { None };
        let file = state
            .as_deref()
            .and_then(|state| value(state, "NETWORK_FILE"));
        file.map(|file| {
            let file = PathBuf::from(file);
            let keeps = keeps(&file)?;
            Ok(Networkd { file, keeps })
        })
        .transpose()
    }

    /// Whether `NetworkManager` manages the interface of this number. Source: `nm-config.c`,
    /// `/run/NetworkManager/devices/INDEX`.
    pub fn network_manager(self, index: u32) -> Result<bool, FileError> {
        let place = Path::new(NETWORK_MANAGER_DEVICES).join(index.to_string());
        let state = if self.network_manager {
            text(&place)?
        } else {
            None
        };
        Ok(state.as_deref().and_then(|state| value(state, "managed")) == Some("true"))
    }
}

/// The text of a file; `None` when there is none.
fn text(path: &Path) -> Result<Option<String>, FileError> {
    match read_limited(path, AT_MOST) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.cause == FileCause::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// The value of the last line `KEY=VALUE`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let mut of = lines.filter(|(name, _)| name.trim() == key);
    of.next_back().map(|(_, value)| value.trim())
}

/// Whether the file, or the last of its drop-ins that says it, keeps addresses that are there. Source:
/// systemd.network(5).
fn keeps(file: &Path) -> Result<bool, FileError> {
    let mut texts = vec![text(file)?];
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut drop_ins: Vec<PathBuf> = NETWORKD_FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(Path::new(folder).join(format!("{name}.d"))).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "conf"))
        .collect();
    drop_ins.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
    for path in drop_ins {
        texts.push(text(&path)?);
    }
    let says = texts.iter().flatten();
    let mut says = says.filter_map(|text| value(text, "KeepConfiguration"));
    Ok(says
        .next_back()
        .is_some_and(|said| matches!(said, "yes" | "true" | "on" | "1" | "static")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_key_counts() {
        let text = "# KeepConfiguration=no\n[Network]\nKeepConfiguration = no\nKeepConfiguration=static \n";
        assert_eq!(value(text, "KeepConfiguration"), Some("static"));
        assert_eq!(value(text, "Address"), None);
    }

    #[test]
    fn a_file_of_networkd_keeps_addresses_when_it_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("no-such-name-10.network");
        assert_eq!(keeps(&file), Ok(false));
        for (says, kept) in [
            ("static", true),
            ("yes", true),
            ("no", false),
            ("dhcp", false),
        ] {
            fs::write(&file, format!("[Network]\nKeepConfiguration={says}\n")).unwrap();
            assert_eq!(keeps(&file), Ok(kept), "{says}");
        }
    }
}
