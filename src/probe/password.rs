// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the password of a login.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::Answer;
use crate::system::read_limited;

/// The longest file of a password, in bytes.
const MOST_BYTES: u64 = 4096;
/// So long one reading serves all probes: thousands of checks may have the same login.
const FRESH: Duration = Duration::from_secs(1);
/// The longest interval of a check, twice.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(2);

/// What is known of one file. At most one reading of it is under way: a disk that hangs keeps one thread, and not one for
/// each probe.
struct Known {
    turn: Arc<Semaphore>,
    last: Arc<Mutex<Option<(Instant, Password)>>>,
}

/// The first line of a file, or why it could not be read.
type Password = Result<Arc<[u8]>, Box<str>>;

thread_local! {
    /// By path.
    static FILES: RefCell<HashMap<Box<Path>, Rc<Known>>> = RefCell::default();
}

/// The first line of the file, within `timeout`. An error is the answer of the probe.
pub(super) async fn read(file: &Path, timeout: Duration) -> Result<Arc<[u8]>, Answer> {
    let slow = || Answer::could_not_run(format!("read {}: no answer in time", file.display()));
    let deadline = Instant::now() + timeout;
    let known = known(file);
    let turn = timeout_at(deadline, Arc::clone(&known.turn).acquire_owned()).await;
    // The semaphore is never closed.
    let Ok(Ok(turn)) = turn else {
        return Err(slow());
    };
    let last = known.last();
    if let Some((at, password)) = last
        && at.elapsed() < FRESH
    {
        return password.map_err(Answer::could_not_run);
    }
    let (path, last) = (file.to_owned(), Arc::clone(&known.last));
    let reading = tokio::task::spawn_blocking(move || {
        // Given back when the reading has ended, however long the probe waits for it.
        let _turn = turn;
        let read = read_limited(&path, MOST_BYTES);
        let password = match read {
            Ok(bytes) => Ok(first_line(&bytes).into()),
            Err(error) => Err(error.to_string().into()),
        };
        let known = (Instant::now(), Password::clone(&password));
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        password
    });
    match timeout_at(deadline, reading).await {
        Err(_) => Err(slow()),
        Ok(Ok(password)) => password.map_err(Answer::could_not_run),
        Ok(Err(error)) => {
            let why = format!("read {}: {error}", file.display());
            Err(Answer::could_not_run(why))
        }
    }
}

impl Known {
    fn last(&self) -> Option<(Instant, Password)> {
        let last = self.last.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Files that nobody has asked for lately are forgotten.
fn known(file: &Path) -> Rc<Known> {
    FILES.with_borrow_mut(|files| {
        if let Some(known) = files.get(file) {
            return Rc::clone(known);
        }
        files.retain(|_, known| {
            Rc::strong_count(known) > 1
                || known
                    .last()
                    .is_some_and(|(at, _)| at.elapsed() < FORGOTTEN_AFTER)
        });
        let known = Rc::new(Known {
            turn: Arc::new(Semaphore::new(1)),
            last: Arc::default(),
        });
        files.insert(file.into(), Rc::clone(&known));
        known
    })
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
