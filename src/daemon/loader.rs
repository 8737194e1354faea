// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the configuration again: one reading at a time, and the last request wins.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use tokio::sync::{oneshot, watch};
use tracing::error;

use super::door::Door;
use super::oneshot::{Loaded, follow};
use super::pair::KeyFile;
use super::vrrp::{Secrets, VrrpOrders};
use crate::config::Follower;
use crate::engine::{Event, ReloadId};
use crate::model::Config;

/// Reads the configuration on request, on a thread of its own: a large file delays no checks and no signals. For any
/// number of requests, one reading runs and at most one more follows.
pub(super) struct Loader {
    path: PathBuf,
    events: Sender<Event>,
    virtual_routers: VrrpOrders,
    keys: watch::Sender<Option<KeyFile>>,
    follower: Mutex<Follower>,
    requests: Mutex<Requests>,
    /// The pages keep the loader longer than the director keeps its socket.
    door: Weak<Door>,
    /// The number of the last request, for those who wait for requests.
    asked: watch::Sender<ReloadId>,
}

#[derive(Default)]
struct Requests {
    last: ReloadId,
    reading: bool,
}

impl Loader {
    /// `follower` has read the file before.
    pub(super) fn new(
        path: &Path,
        follower: Follower,
        events: &Sender<Event>,
        (virtual_routers, keys): (VrrpOrders, watch::Sender<Option<KeyFile>>),
        door: &Arc<Door>,
    ) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            events: events.clone(),
            virtual_routers,
            keys,
            follower: Mutex::new(follower),
            requests: Mutex::default(),
            door: Arc::downgrade(door),
            asked: watch::Sender::default(),
        })
    }

    /// Asks for a reading that starts after this call. Returns the number of the request.
    pub(super) fn ask(self: &Arc<Self>) -> ReloadId {
        let mut requests = locked(&self.requests);
        requests.last.0 += 1;
        let asked = requests.last;
        self.asked.send_replace(asked);
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

    /// The number of the last request.
    pub(super) fn asked(&self) -> watch::Receiver<ReloadId> {
        self.asked.subscribe()
    }

    fn read_until_nobody_asks(&self) {
        loop {
            let asked = locked(&self.requests).last;
            let event = match self.read(asked) {
                Ok(config) => Event::Next(asked, config),
                Err(why) => Event::NextRefused(asked, why),
            };
            self.send(event);
            let mut requests = locked(&self.requests);
            if requests.last == asked {
                requests.reading = false;
                return;
            }
        }
    }

    /// Reads the file as a director that starts would, and changes nothing. The answer may never come: a disk can hang.
    pub(super) fn check(self: &Arc<Self>) -> oneshot::Receiver<Result<Arc<Config>, Box<str>>> {
        let (answer, checked) = oneshot::channel();
        let loader = Arc::clone(self);
        let thread = thread::Builder::new().name("reload".to_owned());
        // Where no thread can be made, the answer is dropped.
        let _ = thread.spawn(move || {
            let config = loader.look().map(|(loaded, ..)| loaded.config);
            let _ = answer.send(config);
        });
        checked
    }

    /// Reads the file, and the files with secrets of virtual routers and the key of the pair, which count from now on.
    fn read(&self, asked: ReloadId) -> Result<Arc<Config>, Box<str>> {
        let (loaded, secrets, key) = self.look()?;
        let socket = &loaded.config.director.socket;
        let door = self.door.upgrade();
        let prepared = door.map_or(Ok(()), |door| door.prepare(asked, socket));
        prepared.map_err(|error| error.to_string())?;
        loaded.log();
        self.virtual_routers.renew(secrets);
        self.keys.send_replace(key);
        Ok(loaded.config)
    }

    fn look(&self) -> Result<(Loaded, Secrets, Option<KeyFile>), Box<str>> {
        let read = follow(&mut locked(&self.follower), &self.path, false);
        let loaded = read.map_err(|failure| failure.message)?;
        let config = &loaded.config;
        let secrets = Secrets::read(&config.routers);
        if let Some(problem) = secrets.problem(&config.routers) {
            return Err(problem.into());
        }
        let key = config.peer.as_ref().map(KeyFile::read_warning);
        if let Some(Err(why)) = key.as_ref().map(|file| &file.key) {
            return Err(format!("peer: {why}").into());
        }
        Ok((loaded, secrets, key))
    }

    fn send(&self, event: Event) {
        if self.events.send(event).is_err() {
            error!("reload: the engine has ended");
        }
    }
}

fn locked<T>(it: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
