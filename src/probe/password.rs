// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the password of a login.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Answer, files};

/// So long one reading serves all probes.
const FRESH: Duration = Duration::from_secs(1);

/// The first line of the file, within `timeout`. An error is the answer of the probe.
pub(super) async fn read(file: &Path, timeout: Duration) -> Result<Arc<[u8]>, Answer> {
    let content = files::read(file, FRESH, timeout).await;
    match content {
        Ok(bytes) => Ok(first_line(&bytes).into()),
        Err(unread) => Err(Answer::could_not_run(unread.why)),
    }
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
}
