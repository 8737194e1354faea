// SPDX-License-Identifier: MIT OR Apache-2.0
//! That the remembered file still says what is so. While the director runs, it writes the present time over the one in
//! the file every few seconds: a few bytes, however many servers there are. So a start knows how old a standing is
//! whose server has not changed for weeks.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::time::Duration;

use super::RememberedFile;
use super::remembered_file::Seen;
use super::wall::WallTime;
use crate::model::Timestamp;

/// From one confirmation to the next. The disk gets fewer: the kernel gathers them.
pub(in crate::daemon) const CONFIRM_INTERVAL: Duration = Duration::from_secs(10);
/// The wall clock and the clock of the host's uptime may differ by so much more than before, in seconds: a time server
/// corrects that much, and whole seconds are counted.
const MOST_DRIFT: i64 = 2;

/// What precedes the time in the file.
const KEY: &[u8] = b"\"written\":";
/// The time is within so many bytes from the start of the file.
const HEAD: usize = 256;

/// When to confirm.
#[derive(Debug)]
pub(in crate::daemon) struct Confirming {
    last: Timestamp,
    /// The wall clock's time when the host started.
    start: i64,
}

/// What the moment asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Confirm {
    /// The time in the file is to be written anew.
    Time,
    /// Everything is: the wall clock was set, and all times in the file are by the old one.
    All,
}

impl Confirming {
    /// From now on.
    pub(in crate::daemon) fn new(now: Timestamp, wall: WallTime) -> Self {
        Self {
            last: now,
            start: start(now, wall),
        }
    }

    /// Asked for often. `wall` is the wall clock's present time.
    pub(in crate::daemon) fn due(
        &mut self,
        now: Timestamp,
        wall: impl FnOnce() -> WallTime,
    ) -> Option<Confirm> {
        if now.since(self.last) < CONFIRM_INTERVAL {
            return None;
        }
        self.last = now;
        let before = std::mem::replace(&mut self.start, start(now, wall()));
        let same = (self.start - before).abs() <= MOST_DRIFT;
        Some(if same { Confirm::Time } else { Confirm::All })
    }
}

fn start(now: Timestamp, wall: WallTime) -> i64 {
    let seconds = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
    seconds(wall.0) - seconds(now.since_start().as_secs())
}

impl RememberedFile {
    /// Writes the present time over that in the file. It needs no room on the disk, and does not wait until the disk
    /// has it: after a loss of power the standings look older than they are.
    ///
    /// `false` when the file must be written whole: somebody has put another one there, or it cannot be written.
    pub(super) fn confirm_at(&mut self, now: WallTime) -> bool {
        if !self.is_own {
            // It still has what an earlier director knew.
            return true;
        }
        let seen = self.write_time(now).ok();
        self.is_own = seen.is_some();
        self.seen = seen;
        self.is_own
    }

    fn write_time(&self, now: WallTime) -> io::Result<Seen> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(&self.path)?;
        if self.seen != Some(Seen::of(&file.metadata()?)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (at, digits) = place_of_time(&file)?;
        let time = now.0.to_string();
        if time.len() == digits {
            file.write_all_at(time.as_bytes(), at)?;
        }
        Ok(Seen::of(&file.metadata()?))
    }
}

/// Where the time is in the file, and how many digits it has.
fn place_of_time(file: &File) -> io::Result<(u64, usize)> {
    let mut head = [0; HEAD];
    let length = file.read_at(&mut head, 0)?;
    let head = head.get(..length).unwrap_or_default();
    let found = head.windows(KEY.len()).position(|it| it == KEY);
    let at = found.ok_or(io::ErrorKind::InvalidData)? + KEY.len();
    let digits = head.iter().skip(at).take_while(|it| it.is_ascii_digit());
    Ok((at as u64, digits.count()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::daemon::state::Noted;

    const NOW: WallTime = WallTime(1_800_000_000);
    const LATER: WallTime = WallTime(1_800_000_060);

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("remembered.json");
        (directory, path)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_confirmation_changes_the_time_and_nothing_else() {
        let (_directory, path) = place();
        let mut file = RememberedFile::open(&path).unwrap();
        file.write_noted(&Noted::default(), NOW).unwrap();
        let before = fs::read_to_string(&path).unwrap();
        for _ in 0..2 {
            assert!(file.confirm_at(LATER));
            let after = fs::read_to_string(&path).unwrap();
            assert_eq!(after, before.replace("1800000000", "1800000060"));
        }
        file.write_noted(&Noted::default(), NOW).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn what_an_earlier_director_wrote_is_not_confirmed() {
        let (_directory, path) = place();
        let mut earlier = RememberedFile::open(&path).unwrap();
        earlier.write_noted(&Noted::default(), NOW).unwrap();
        drop(earlier);
        let before = fs::read_to_string(&path).unwrap();
        let mut file = RememberedFile::open(&path).unwrap();
        assert!(file.confirm_at(LATER));
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn a_file_that_somebody_else_put_there_is_left_alone_until_a_note() {
        let (_directory, path) = place();
        let mut file = RememberedFile::open(&path).unwrap();
        file.write_noted(&Noted::default(), NOW).unwrap();
        let own = fs::read_to_string(&path).unwrap();
        for text in [own.as_str(), "dear diary"] {
            fs::remove_file(&path).unwrap();
            fs::write(&path, text).unwrap();
            assert!(!file.confirm_at(LATER));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            file.write_noted(&Noted::default(), NOW).unwrap();
            assert!(file.confirm_at(LATER));
        }
        fs::remove_file(&path).unwrap();
        assert!(!file.confirm_at(LATER));
        assert!(!path.exists());
    }

    #[test]
    fn a_time_of_another_length_is_not_written_over_the_old_one() {
        let (_directory, path) = place();
        let mut file = RememberedFile::open(&path).unwrap();
        file.write_noted(&Noted::default(), NOW).unwrap();
        let before = fs::read_to_string(&path).unwrap();
        assert!(file.confirm_at(WallTime(70)));
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn it_is_time_every_few_seconds_and_a_clock_that_was_set_wants_everything_anew() {
        let mut confirming = Confirming::new(at(100), NOW);
        let mut due = |seconds: u64, wall: u64| {
            let wall = WallTime(NOW.0 - 100 + wall);
            confirming.due(at(seconds), || wall)
        };
        assert_eq!(due(109, 109), None);
        assert_eq!(due(110, 110), Some(Confirm::Time));
        assert_eq!(due(119, 119), None);
        assert_eq!(due(125, 126), Some(Confirm::Time));
        assert_eq!(due(135, 7_335), Some(Confirm::All), "it went forward");
        assert_eq!(due(145, 7_345), Some(Confirm::Time));
        assert_eq!(due(155, 100), Some(Confirm::All), "it went back");
        assert_eq!(due(165, 110), Some(Confirm::Time));
    }
}
