// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are read again when they change.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// How often a file is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How some files were, without what is in them. The time of the last change of mode or owner is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<[i128; 4]>>);

impl Stamp {
    pub(super) fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let one = |file: &Path| {
            let it = metadata(file).ok()?;
            let time =
                |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
            Some([
                i128::from(it.dev()) << 64 | i128::from(it.ino()),
                it.size().into(),
                time(it.mtime(), it.mtime_nsec()),
                time(it.ctime(), it.ctime_nsec()),
            ])
        };
        Self(files.into_iter().map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_again_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("users");
        let missing = Stamp::of([&*file]);
        std::fs::write(&file, "a").unwrap();
        let first = Stamp::of([&*file]);
        assert_eq!(first, Stamp::of([&*file]));
        std::fs::write(&file, "ab").unwrap();
        let second = Stamp::of([&*file]);
        assert!(missing != first && first != second);
    }
}
