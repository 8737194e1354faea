// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the configuration again: one reading at a time, and the last request wins.

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tracing::error;

use super::oneshot::load_beside;
use super::published::Published;
use crate::engine::{Event, ReloadId};

/// Reads the configuration on request, on a thread of its own: a large file delays no checks and no signals. For any
/// number of requests, one reading runs and at most one more follows.
pub(super) struct Loader {
    path: PathBuf,
    events: Sender<Event>,
    published: Arc<Published>,
    requests: Mutex<Requests>,
}

#[derive(Default)]
struct Requests {
    last: ReloadId,
    reading: bool,
}

impl Loader {
    pub(super) fn new(
        path: PathBuf,
        events: Sender<Event>,
        published: Arc<Published>,
    ) -> Arc<Self> {
        Arc::new(Self {
            path,
            events,
            published,
            requests: Mutex::default(),
        })
    }

    /// Asks for a reading that starts after this call. Returns the number of the request.
    pub(super) fn ask(self: &Arc<Self>) -> ReloadId {
        let mut requests = self.requests();
        requests.last.0 += 1;
        let asked = requests.last;
        if !requests.reading {
            let loader = Arc::clone(self);
            let reload = thread::Builder::new().name("reload".to_owned());
            match reload.spawn(move || loader.read_until_nobody_asks()) {
                Ok(_) => requests.reading = true,
                Err(error) => {
                    let why = format!("start a thread: {error}");
                    self.send(Event::NextRefused(asked, why.into()));
                }
            }
        }
        asked
    }

    fn read_until_nobody_asks(&self) {
        loop {
            let asked = self.requests().last;
            let running = self.published.latest().map(|it| Arc::clone(&it.config));
            let event = match load_beside(running.as_deref(), &self.path, false) {
                Ok(config) => Event::Next(asked, Box::new(config)),
                Err(failure) => Event::NextRefused(asked, failure.message.into()),
            };
            drop(running);
            self.send(event);
            let mut requests = self.requests();
            if requests.last == asked {
                requests.reading = false;
                return;
            }
        }
    }

    fn send(&self, event: Event) {
        if self.events.send(event).is_err() {
            error!("reload: the engine has ended");
        }
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
