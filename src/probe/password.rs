// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the password of a login.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Answer;
use super::reading::{Reading, Readings};
use crate::system::read_limited;

/// The longest file of a password, in bytes.
const MOST_BYTES: u64 = 4096;
/// So long one reading serves all probes: thousands of checks may have the same login.
const FRESH: Duration = Duration::from_secs(1);

thread_local! {
    /// First lines, by path.
    static FILES: Readings<PathBuf, Arc<[u8]>> = Readings::default();
}

/// The first line of the file, within `timeout`. An error is the answer of the probe.
pub(super) async fn read(file: &Path, timeout: Duration) -> Result<Arc<[u8]>, Answer> {
    let operation = format!("read {}", file.display());
    let path = file.to_owned();
    let read = move || match read_limited(&path, MOST_BYTES) {
        Ok(bytes) => Ok(first_line(&bytes).into()),
        Err(error) => Err(error.to_string().into()),
    };
    known(file).get(&operation, FRESH, timeout, read).await
}

fn known(file: &Path) -> Rc<Reading<Arc<[u8]>>> {
    FILES.with(|files| files.of(file))
}

fn first_line(bytes: &[u8]) -> &[u8] {
    let mut lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::model::ProbeOutcome;

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_password_is_the_first_line() {
        let directory = tempfile::tempdir().unwrap();
        for (content, password) in [
            ("secret", "secret"),
            ("secret\nmore", "secret"),
            ("a b \r\n", "a b "),
            ("", ""),
        ] {
            let file = directory.path().join(password);
            let file = if password.is_empty() {
                directory.path().join("empty")
            } else {
                file
            };
            std::fs::write(&file, content).unwrap();
            let read = runtime().block_on(read(&file, LONG)).unwrap();
            assert_eq!(&*read, password.as_bytes(), "{content:?}");
        }
    }

    #[test]
    fn what_is_no_file_is_no_failure_of_the_server() {
        let directory = tempfile::tempdir().unwrap();
        let zero = directory.path().join("zero");
        symlink("/dev/zero", &zero).unwrap();
        let long = directory.path().join("long");
        std::fs::write(&long, "x".repeat(5000)).unwrap();
        for file in [
            &*zero,
            directory.path(),
            &directory.path().join("none"),
            &long,
        ] {
            let answer = runtime().block_on(read(file, LONG)).unwrap_err();
            assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
        }
    }

    #[test]
    fn a_reading_that_hangs_keeps_one_thread_and_ends_in_time() {
        let file = Path::new("/nowhere/on/a/disk/that/hangs");
        runtime().block_on(async {
            // The reading that hangs has the turn.
            let hung = Arc::clone(&known(file).turn).acquire_owned().await.unwrap();
            for _ in 0..3 {
                let answer = read(file, Duration::from_millis(20)).await.unwrap_err();
                let why = format!("read {}: no answer in time", file.display());
                assert_eq!(answer, Answer::could_not_run(why));
            }
            drop(hung);
            let answer = read(file, LONG).await.unwrap_err();
            assert!(answer.reason.contains("no such file"), "{answer:?}");
        });
    }
}
