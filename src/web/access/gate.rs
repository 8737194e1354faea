// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is let in at a listener with users.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::attempts::{Attempts, Tally};
use super::recent::Recent;
use super::sessions::{Session, Sessions, Token};
use super::users::{Record, Users};
use crate::model::WebListener;
use crate::system::{is_readable_by_all, read_limited};
use crate::web::clock::now;
use crate::web::follow::{LOOK_EVERY, Stamp};

/// The largest file with users, in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// So many passwords are looked at, at a time: each takes a processor for some hundred milliseconds.
const AT_WORK: usize = 2;
/// And so many wait for it.
const WAITING: usize = 32;

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotIn {
    /// No such user, or not this password.
    Wrong,
    /// This address was wrong too often.
    TooOften,
    /// Too many passwords are looked at.
    Busy,
}

/// The door of a listener.
pub(in crate::web) struct Gate {
    file: Box<Path>,
    /// The listener, for the log.
    place: String,
    users: Mutex<Arc<Users>>,
    /// How the file was when it was read at first.
    first: Stamp,
    sessions: Mutex<Sessions>,
    recent: Mutex<Recent>,
    attempts: Mutex<Attempts>,
    tally: Mutex<Tally>,
    at_work: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Gate {
    /// The door of this listener, if it has users. It reads their file.
    pub(in crate::web) fn of(listener: &WebListener) -> Option<Self> {
        let file = listener.users_file.clone()?;
        let (first, users) = (Stamp::of([&*file]), read_users(&file));
        let gate = Self {
            file,
            first,
            place: listener.listen.to_string(),
            users: Mutex::new(Arc::new(Users::nobody())),
            sessions: Mutex::default(),
            // Without a source of chance nobody is let in: no password is found in what has a key of zeroes, because
            // none is put there.
            recent: Mutex::new(Recent::new(&chance().unwrap_or_default())),
            attempts: Mutex::default(),
            tally: Mutex::default(),
            at_work: Arc::new(Semaphore::new(AT_WORK)),
            waiting: Semaphore::new(WAITING),
        };
        gate.take(users);
        Some(gate)
    }

    /// Reads the file again whenever it changes, and tells of logins that were refused. It never ends.
    pub(in crate::web) async fn follow(&self) {
        let mut seen = self.first.clone();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let file = self.file.clone();
            let before = seen.clone();
            // The disk may be slow: browsers need not wait for it.
            let read = spawn_blocking(move || read_if_changed(&file, &before)).await;
            if let Ok(Some((stamp, users))) = read {
                self.take(users);
                seen = stamp;
            }
            self.say_refused();
        }
    }

    fn take(&self, users: Result<Users, String>) {
        let (place, file) = (&self.place, self.file.display());
        let users = match users {
            Ok(users) => {
                let count = users.names().count();
                info!("status page at {place}: users in {file}: {count}");
                users
            }
            Err(why) => {
                error!(
                    "status page at {place}: nobody can log in: {why}; set a password: director password NAME --file \
                     {file}"
                );
                Users::nobody()
            }
        };
        if is_readable_by_all(&self.file) {
            warn!("everybody on this host can read the hashes of passwords in {file}: chmod o-r");
        }
        *lock(&self.users) = Arc::new(users);
    }

    fn users(&self) -> Arc<Users> {
        Arc::clone(&lock(&self.users))
    }

    /// Whether this is still what the user's password is compared with.
    fn is_current(&self, name: &str, record: &Record) -> bool {
        lock(&self.users).record(name) == Some(record)
    }

    /// The session with this token.
    pub(super) fn session(&self, token: Token) -> Option<Session> {
        let session = lock(&self.sessions).find(token, now())?;
        self.is_current(&session.user, &session.record)
            .then_some(session)
    }

    /// Lets a browser in.
    pub(super) async fn log_in(
        &self,
        from: IpAddr,
        name: &str,
        password: &[u8],
    ) -> Result<Token, NotIn> {
        let record = self.attempt(from, name, password).await?;
        let token = Token(chance().ok_or(NotIn::Busy)?);
        lock(&self.sessions).begin(token, name, record, now());
        let from = from.to_canonical();
        info!(
            "status page at {}: user {name} logged in from {from}",
            self.place
        );
        Ok(token)
    }

    pub(super) fn log_out(&self, token: Token) {
        lock(&self.sessions).end(token);
    }

    /// Lets a program in, which gives its password with every request.
    pub(super) async fn let_in(
        &self,
        from: IpAddr,
        name: &str,
        password: &[u8],
    ) -> Result<(), NotIn> {
        let known = lock(&self.recent).find(name, password, now()).cloned();
        if known.is_some_and(|record| self.is_current(name, &record)) {
            return Ok(());
        }
        let record = self.attempt(from, name, password).await?;
        lock(&self.recent).keep(name, password, record, now());
        Ok(())
    }

    /// Looks at a password. It costs, so an address has so many attempts, and so many are looked at.
    async fn attempt(&self, from: IpAddr, name: &str, password: &[u8]) -> Result<Record, NotIn> {
        if !lock(&self.attempts).take(from, now()) {
            return Err(self.refused(NotIn::TooOften, name, from));
        }
        let Ok(_waiting) = self.waiting.try_acquire() else {
            lock(&self.attempts).give_back(from);
            return Err(self.refused(NotIn::Busy, name, from));
        };
        let place = Arc::clone(&self.at_work).acquire_owned().await;
        let (users, owned) = (self.users(), (name.to_owned(), password.to_vec()));
        let verify = move || {
            let _place = place;
            users.verify(&owned.0, &owned.1)
        };
        match spawn_blocking(verify).await {
            Ok(Some(record)) => {
                lock(&self.attempts).give_back(from);
                Ok(record)
            }
            Ok(None) | Err(_) => Err(self.refused(NotIn::Wrong, name, from)),
        }
    }

    fn refused(&self, why: NotIn, name: &str, from: IpAddr) -> NotIn {
        lock(&self.tally).note(name, from);
        self.say_refused();
        why
    }

    fn say_refused(&self) {
        let line = lock(&self.tally).line(now());
        if let Some(line) = line {
            warn!("status page at {}: {line}", self.place);
        }
    }
}

/// What nobody can guess.
fn chance() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}

/// The users, when the file is not as it was.
fn read_if_changed(file: &Path, seen: &Stamp) -> Option<(Stamp, Result<Users, String>)> {
    let stamp = Stamp::of([file]);
    (*seen != stamp).then(|| (stamp, read_users(file)))
}

/// Reads a file with users.
pub fn read_users(file: &Path) -> Result<Users, String> {
    let bytes = read_limited(file, MOST_BYTES).map_err(|error| error.to_string())?;
    Users::read(&bytes).map_err(|error| format!("{}: {error}", file.display()))
}

/// What stands behind it is right after each change: one who panicked has left no half of one.
fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
