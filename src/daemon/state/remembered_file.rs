// SPDX-License-Identifier: MIT OR Apache-2.0
//! The remembered file. A director can work without it: then it checks every server as if for the first time. So only a
//! mistake in the configuration prevents a start.

use std::fs::{self, Metadata};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::warn;

use super::owned::{destination, lock, nothing_there};
use super::wall::WallTime;
use super::{LARGEST, Noted, Recollection, Remembered, StateError};
use crate::model::{Ordered, RecalledDrain, RecalledSlowStart};
use crate::pair::LedgerLine;
use crate::system::{FileCause, FileLock, read_limited, write_atomically_with};

/// Its name in messages, and its key in the configuration.
const WHAT: &str = "remembered file";
const KEY: &str = "remembered_file";
/// This many unreadable files are kept beside it.
const MOST_BAD: usize = 9;

/// The remembered file of one director. Nobody else has it meanwhile.
#[derive(Debug)]
pub(in crate::daemon) struct RememberedFile {
    pub(super) path: PathBuf,
    /// `None` while the disk does not allow it.
    lock: Option<FileLock>,
    content: Remembered,
    /// The file as it was when it was last read or written.
    pub(super) seen: Option<Seen>,
    /// Whether this process has written it as it is there.
    pub(super) is_own: bool,
}

/// What tells a file from the one that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Seen {
    fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of)
    }

    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl RememberedFile {
    /// Takes the remembered file at this path for this process, and reads it.
    ///
    /// Fails when another director has it, and when something other than a regular file is there. It moves an
    /// unreadable file aside and logs that.
    pub(in crate::daemon) fn open(path: &Path) -> Result<Self, StateError> {
        let mut file = Self {
            path: destination(path),
            lock: None,
            content: Remembered::default(),
            seen: None,
            is_own: false,
        };
        refuse_other_kinds(&file.path)?;
        match lock(WHAT, &file.path) {
            Ok(lock) => file.lock = Some(lock),
            Err(StateError::File(_)) => {
                file.look();
                return Ok(file);
            }
            Err(error) => return Err(error),
        }
        if let Err(error) = file.read() {
            warn!("{error}");
        }
        Ok(file)
    }

    /// The standings of the servers that a director knew less than `limit` ago.
    pub(in crate::daemon) fn recalled(&mut self, now: WallTime, limit: Duration) -> Recollection {
        let recalled = self.content.recalled(now, limit);
        self.content.forget_known();
        recalled
    }

    /// The orders that were in force when the file was written.
    pub(in crate::daemon) fn orders(&self) -> &[Ordered] {
        self.content.orders()
    }

    /// The drains that were under way, or had ended, when the file was written.
    pub(in crate::daemon) fn drains(&self, now: WallTime) -> Vec<RecalledDrain> {
        self.content.drains(now)
    }

    /// The last order for each server, with its version.
    pub(in crate::daemon) fn ledger(&self) -> &[LedgerLine] {
        self.content.ledger()
    }

    /// The slow starts that were under way.
    pub(in crate::daemon) fn slow_starts(&self, now: WallTime) -> Vec<RecalledSlowStart> {
        self.content.slow_starts(now)
    }

    /// Replaces the standings, orders and drains in the file, with ages counted until `now`. A failure leaves the file unchanged.
    pub(super) fn write_noted(&mut self, noted: &Noted, now: WallTime) -> Result<(), StateError> {
        refuse_other_kinds(&self.path)?;
        if self.lock.is_none() {
            self.lock = Some(lock(WHAT, &self.path)?);
        }
        // Somebody may have put another file there since: look before overwriting it.
        if self.seen.is_none() || Seen::at(&self.path) != self.seen {
            self.read()?;
        }
        let written = self.write_content(noted, now);
        self.content.forget_known();
        self.seen = Seen::at(&self.path);
        self.is_own = written.is_ok();
        written
    }

    fn write_content(&self, noted: &Noted, now: WallTime) -> Result<(), StateError> {
        let document = self.content.document(noted, now);
        write_atomically_with(&self.path, 0o600, |file| {
            let mut out = BufWriter::new(file);
            serde_json::to_writer(&mut out, &document)?;
            out.write_all(b"\n")?;
            out.flush()
        })?;
        Ok(())
    }

    /// Reads the file without taking it: the disk may allow no more.
    fn look(&mut self) {
        let read = read_limited(&self.path, LARGEST).map_err(|error| error.to_string());
        match read.and_then(|bytes| Remembered::parse(&bytes)) {
            Ok(content) => self.content = content,
            Err(why) => warn!("read the remembered file {}: {why}", self.path.display()),
        }
    }

    /// Reads the file, if there is one. It moves an unreadable file aside: nothing must be lost in silence.
    fn read(&mut self) -> Result<(), StateError> {
        let why = match read_limited(&self.path, LARGEST) {
            Ok(bytes) => match Remembered::parse(&bytes) {
                Ok(content) => {
                    self.content = content;
                    self.seen = Seen::at(&self.path);
                    return Ok(());
                }
                Err(why) => why,
            },
            Err(error) if nothing_there(error.cause) => return Ok(()),
            Err(error) => error.to_string(),
        };
        let bad = move_aside(&self.path, &why)?;
        warn!(
            "read the remembered file {}: {why}; moved to {}, and its records of the servers, and the orders in it, are not used",
            self.path.display(),
            bad.display()
        );
        Ok(())
    }
}

/// We never read or replace a device or a directory.
pub(in crate::daemon) fn refuse_other_kinds(path: &Path) -> Result<(), StateError> {
    match read_limited(path, 0) {
        Err(error) => match error.cause {
            FileCause::NotRegular(kind) => Err(foreign(path, format!("it is {kind}"))),
            _ => Ok(()),
        },
        Ok(_) => Ok(()),
    }
}

fn foreign(path: &Path, why: String) -> StateError {
    StateError::Foreign {
        what: WHAT,
        path: path.to_owned(),
        why,
        key: KEY,
    }
}

/// `remembered.json.bad`, or where that is taken `remembered.json.bad.2`, and so on.
fn move_aside(path: &Path, why: &str) -> Result<PathBuf, StateError> {
    for number in 1..=MOST_BAD {
        let mut name = path.as_os_str().to_owned();
        name.push(".bad");
        if number > 1 {
            name.push(format!(".{number}"));
        }
        let bad = PathBuf::from(name);
        if bad.symlink_metadata().is_ok() {
            continue;
        }
        return match fs::rename(path, &bad) {
            Ok(()) => Ok(bad),
            Err(error) => Err(foreign(path, format!("{why}; moving it aside: {error}"))),
        };
    }
    let why = format!("{why}; {MOST_BAD} like it are kept beside it already: remove those");
    Err(foreign(path, why))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::model::Recalled;

    const HOUR: Duration = Duration::from_hours(1);

    const NOW: WallTime = WallTime(1_800_000_000);

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("remembered.json");
        (directory, path)
    }

    fn one() -> Vec<Recalled> {
        vec![Recalled {
            service: "TCP 192.0.2.10:80".parse().unwrap(),
            server: "10.0.0.1:80".parse().unwrap(),
            probe: crate::model::Probe {
                kind: crate::model::ProbeKind::Tcp,
                target: "10.0.0.1:80".parse().unwrap(),
                path: None,
            },
            standing: crate::model::Standing::Down,
            age: std::time::Duration::from_secs(9),
            unconfirmed: Duration::ZERO,
            only_held_down: false,
        }]
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (_directory, path) = place();
        let mut file = RememberedFile::open(&path).unwrap();
        assert_eq!(file.recalled(NOW, HOUR).young, []);
        file.write_noted(&one().into(), NOW).unwrap();
        drop(file);
        let mut file = RememberedFile::open(&path).unwrap();
        assert_eq!(file.recalled(NOW, HOUR).young, one());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn garbage_is_moved_aside_and_kept() {
        let (_directory, path) = place();
        for (number, name) in ["", ".2", ".3"].into_iter().enumerate() {
            let text = format!("dear diary {number}");
            fs::write(&path, &text).unwrap();
            let mut file = RememberedFile::open(&path).unwrap();
            assert_eq!(file.recalled(NOW, HOUR).young, []);
            let bad = format!("{}.bad{name}", path.display());
            assert_eq!(fs::read_to_string(bad).unwrap(), text);
            assert!(!path.exists());
        }
        for number in 4..=9 {
            fs::write(format!("{}.bad.{number}", path.display()), "old").unwrap();
        }
        fs::write(&path, "the tenth").unwrap();
        let mut file = RememberedFile::open(&path).unwrap();
        let error = file
            .write_noted(&one().into(), NOW)
            .unwrap_err()
            .to_string();
        assert!(error.contains("remove those"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "the tenth");
    }

    #[test]
    fn what_comes_there_while_the_director_runs_is_kept_too() {
        let (_directory, path) = place();
        let mut file = RememberedFile::open(&path).unwrap();
        file.write_noted(&one().into(), NOW).unwrap();
        fs::write(&path, "dear diary").unwrap();
        file.write_noted(&one().into(), NOW).unwrap();
        let bad = format!("{}.bad", path.display());
        assert_eq!(fs::read_to_string(bad).unwrap(), "dear diary");
        fs::remove_file(&path).unwrap();
        symlink("/dev/null", &path).unwrap();
        assert!(file.write_noted(&one().into(), NOW).is_err());
        assert_eq!(path.read_link().unwrap(), Path::new("/dev/null"));
    }

    #[test]
    fn another_kind_of_file_and_another_director_are_refused() {
        let (directory, path) = place();
        for path in [Path::new("/dev/null"), directory.path()] {
            let error = RememberedFile::open(path).unwrap_err().to_string();
            assert!(
                error.contains("this is no remembered file: it is a d"),
                "{error}"
            );
        }
        let _first = RememberedFile::open(&path).unwrap();
        let error = RememberedFile::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Taken { .. }), "{error}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_keeps_nobody_from_starting() {
        let (directory, _) = place();
        let blocked = directory.path().join("blocked");
        fs::write(&blocked, "").unwrap();
        let mut file = RememberedFile::open(&blocked.join("remembered.json")).unwrap();
        assert!(file.write_noted(&one().into(), NOW).is_err());
        fs::remove_file(&blocked).unwrap();
        file.write_noted(&one().into(), NOW).unwrap();
    }
}
