// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the password of a login.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Answer;
use super::reading::{Reading, Readings};
use crate::system::read_first_line;

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
    let read = move || match read_first_line(&path, MOST_BYTES) {
        Ok(line) => Ok(line.into()),
        Err(error) => Err(error.to_string().into()),
    };
    known(file).get(&operation, FRESH, timeout, read).await
}

fn known(file: &Path) -> Rc<Reading<Arc<[u8]>>> {
    FILES.with(|files| files.of(file))
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
}
