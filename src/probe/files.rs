// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading a small file of this host. No disk delays the director.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::system::{FileCause, read_limited};

/// The largest file, in bytes.
const MOST_BYTES: u64 = 4096;
/// The longest interval of a check, twice.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(2);

/// What is known of one file. At most one reading of it is under way: a disk that hangs keeps one thread, and not one for
/// each probe.
struct Known {
    turn: Arc<Semaphore>,
    last: Arc<Mutex<Option<(Instant, Content)>>>,
}

/// What a file has, or why it could not be read.
type Content = Result<Arc<[u8]>, Unread>;

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// Whether there is no such file.
    pub(super) missing: bool,
    /// In words.
    pub(super) why: Box<str>,
}

impl Unread {
    fn new(why: impl Into<Box<str>>) -> Self {
        let (missing, why) = (false, why.into());
        Self { missing, why }
    }
}

thread_local! {
    /// By path.
    static FILES: RefCell<HashMap<Box<Path>, Rc<Known>>> = RefCell::default();
}

/// The whole file, within `timeout`. One reading serves all probes for as long as `fresh`: thousands of checks may have
/// the same file.
pub(super) async fn read(file: &Path, fresh: Duration, timeout: Duration) -> Content {
    let slow = || Unread::new(format!("read {}: no answer in time", file.display()));
    let deadline = Instant::now() + timeout;
    let known = known(file);
    let turn = timeout_at(deadline, Arc::clone(&known.turn).acquire_owned()).await;
    // The semaphore is never closed.
    let Ok(Ok(turn)) = turn else {
        return Err(slow());
    };
    if let Some((at, content)) = known.last()
        && at.elapsed() < fresh
    {
        return content;
    }
    let (path, last) = (file.to_owned(), Arc::clone(&known.last));
    let reading = tokio::task::spawn_blocking(move || {
        // Given back when the reading has ended, however long the probe waits for it.
        let _turn = turn;
        let content = match read_limited(&path, MOST_BYTES) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) => Err(Unread {
                missing: error.cause == FileCause::Missing,
                why: error.to_string().into(),
            }),
        };
        let known = (Instant::now(), Content::clone(&content));
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        content
    });
    match timeout_at(deadline, reading).await {
        Err(_) => Err(slow()),
        Ok(Ok(content)) => content,
        Ok(Err(error)) => Err(Unread::new(format!("read {}: {error}", file.display()))),
    }
}

impl Known {
    fn last(&self) -> Option<(Instant, Content)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    }

    #[test]
    fn a_reading_that_hangs_keeps_one_thread_and_ends_in_time() {
        let file = Path::new("/nowhere/on/a/disk/that/hangs");
        runtime().block_on(async {
            // The reading that hangs has the turn.
            let hung = Arc::clone(&known(file).turn).acquire_owned().await.unwrap();
            for _ in 0..3 {
                let short = Duration::from_millis(20);
                let unread = read(file, LONG, short).await.unwrap_err();
                let why = format!("read {}: no answer in time", file.display());
                assert_eq!(unread, Unread::new(why));
            }
            drop(hung);
            let unread = read(file, LONG, LONG).await.unwrap_err();
            assert!(
                unread.missing && unread.why.contains("no such file"),
                "{unread:?}"
            );
        });
    }

    #[test]
    fn a_reading_serves_others_only_while_it_is_fresh() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "one").unwrap();
        runtime().block_on(async {
            assert_eq!(*read(&file, LONG, LONG).await.unwrap(), *b"one");
            std::fs::write(&file, "two").unwrap();
            assert_eq!(*read(&file, LONG, LONG).await.unwrap(), *b"one");
            assert_eq!(*read(&file, Duration::ZERO, LONG).await.unwrap(), *b"two");
        });
    }
}
