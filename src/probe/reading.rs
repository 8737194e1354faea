// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading what probes need from the disk: a password, certificates, a key.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::Answer;

/// The longest interval of a check, twice.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(2);

/// What is known of all things of one kind.
pub(super) struct Readings<K, T>(RefCell<HashMap<K, Rc<Reading<T>>>>);

impl<K, T> Default for Readings<K, T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

/// What is known of one thing. At most one reading of it is under way: a disk that hangs keeps one thread, and not one
/// for each probe.
pub(super) struct Reading<T> {
    pub(super) turn: Arc<Semaphore>,
    last: Arc<Mutex<Last<T>>>,
}

/// What the last reading found, and when it ended.
type Last<T> = Option<(Instant, Read<T>)>;

/// What was read, or why it could not be read.
pub(super) type Read<T> = Result<T, Box<str>>;

impl<K: Hash + Eq, T: Clone> Readings<K, T> {
    /// One of them. Things that nobody has asked for lately are forgotten.
    pub(super) fn of<Q>(&self, key: &Q) -> Rc<Reading<T>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut known = self.0.borrow_mut();
        if let Some(reading) = known.get(key) {
            return Rc::clone(reading);
        }
        known.retain(|_, reading| {
            Rc::strong_count(reading) > 1
                || reading
                    .last()
                    .is_some_and(|(at, _)| at.elapsed() < FORGOTTEN_AFTER)
        });
        let reading = Rc::new(Reading {
            turn: Arc::new(Semaphore::new(1)),
            last: Arc::default(),
        });
        known.insert(key.to_owned(), Rc::clone(&reading));
        reading
    }
}

impl<T: Clone> Reading<T> {
    fn last(&self) -> Last<T> {
        let last = self.last.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<T: Clone + Send + 'static> Reading<T> {
    /// What the last reading found, if it is `fresh`; otherwise what `read` finds now, on a thread of its own. An error is
    /// the answer of the probe. `operation` is what is tried, in words.
    pub(super) async fn get(
        &self,
        operation: &str,
        fresh: Duration,
        timeout: Duration,
        read: impl FnOnce() -> Read<T> + Send + 'static,
    ) -> Result<T, Answer> {
        let slow = || Answer::could_not_run(format!("{operation}: no answer in time"));
        let deadline = Instant::now() + timeout;
        let turn = timeout_at(deadline, Arc::clone(&self.turn).acquire_owned()).await;
        // The semaphore is never closed.
        let Ok(Ok(turn)) = turn else {
            return Err(slow());
        };
        if let Some((at, found)) = self.last()
            && at.elapsed() < fresh
        {
            return found.map_err(Answer::could_not_run);
        }
        let last = Arc::clone(&self.last);
        let reading = tokio::task::spawn_blocking(move || {
            // Given back when the reading has ended, however long the probe waits for it.
            let _turn = turn;
            let found = read();
            let known = (Instant::now(), found.clone());
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
            found
        });
        match timeout_at(deadline, reading).await {
            Err(_) => Err(slow()),
            Ok(Ok(found)) => found.map_err(Answer::could_not_run),
            Ok(Err(error)) => Err(Answer::could_not_run(format!("{operation}: {error}"))),
        }
    }
}
