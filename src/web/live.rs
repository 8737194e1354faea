// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changes on the page, for browsers that have it open (server-sent events).
//!
//! Once a second somebody looks, for all browsers of a listener, as long as there is one. What has changed is made once,
//! and each gets the same bytes. A browser that has missed something is told to fetch the page again.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};
use tokio::time::{MissedTickBehavior, interval};

use super::board::{Board, Look};
use super::page::{Scene, badness};
use crate::model::WebListener;

/// At most one update in this time.
const PERIOD: Duration = Duration::from_secs(1);
/// So many periods without an update: then a browser hears that the connection lives.
const BEAT: u32 = 15;
/// So many services in one update, the worst first. The others come with the next ones.
const MOST: usize = 100;
/// So many updates wait for a browser that is slow.
const WAITING: usize = 8;

/// Sent when there is nothing else to say.
const BEATING: &[u8] = b"event: beat\ndata:\n\n";
/// Sent to a browser that cannot know what it has missed.
const ALL: &[u8] = b"event: all\ndata:\n\n";

/// The browsers that listen to one listener.
pub(super) struct Live {
    listener: Arc<WebListener>,
    board: Arc<Board>,
    readers: Mutex<Readers>,
}

#[derive(Default)]
struct Readers {
    all: Vec<Reader>,
    /// Whether somebody looks for them.
    runs: bool,
}

/// A browser.
struct Reader {
    to: Sender<Bytes>,
    /// Whether there was no place for an update.
    missed: bool,
}

/// One update.
#[derive(Serialize)]
struct Update {
    /// Who has taken it has seen this version.
    version: u64,
    /// Parts of the page, each one element with a name.
    parts: Vec<String>,
}

impl Update {
    fn bytes(&self) -> Bytes {
        // Text and a number: that cannot fail. JSON has no line end in it.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("data: {json}\n\n").into()
    }
}

impl Live {
    pub(super) fn new(listener: Arc<WebListener>, board: Arc<Board>) -> Self {
        Self {
            listener,
            board,
            readers: Mutex::default(),
        }
    }

    /// What a browser reads from now on that has the page of this version.
    pub(super) fn join(self: &Arc<Self>, look: &Look, seen: u64) -> askama::Result<Body> {
        let (to, from) = channel(WAITING);
        let mut teller = Teller::after(seen);
        let first = self
            .board
            .scene(look, |it| teller.next(it, &self.listener))?;
        // One that is so far behind does better with the page.
        let first = if teller.pending.is_empty() {
            first.unwrap_or(Bytes::from_static(BEATING))
        } else {
            Bytes::from_static(ALL)
        };
        // There is place for one.
        let _ = to.try_send(first);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.all.push(Reader { to, missed: false });
        if !readers.runs {
            readers.runs = true;
            tokio::spawn(Arc::clone(self).run(look.changes.version()));
        }
        Ok(Body::new(Feed(from)))
    }

    /// Looks once a second, until nobody listens.
    async fn run(self: Arc<Self>, seen: u64) {
        let mut teller = Teller::after(seen);
        let mut silent = 0;
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let look = self.board.look();
            let update = look.and_then(|look| {
                let update = self
                    .board
                    .scene(&look, |it| teller.next(it, &self.listener));
                // A part that cannot be made is missing; the page itself says why.
                update.ok().flatten()
            });
            silent = if update.is_some() { 0 } else { silent + 1 };
            let beat = || (silent % BEAT == 0).then_some(Bytes::from_static(BEATING));
            if !self.tell(update.or_else(beat).as_ref()) {
                return;
            }
        }
    }

    /// Gives this to everybody, and returns whether there is anybody.
    fn tell(&self, update: Option<&Bytes>) -> bool {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.all.retain_mut(|it| it.tell(update));
        readers.runs = !readers.all.is_empty();
        readers.runs
    }
}

impl Reader {
    /// Returns whether it is still there.
    fn tell(&mut self, update: Option<&Bytes>) -> bool {
        let update = if self.missed {
            Some(Bytes::from_static(ALL))
        } else {
            update.cloned()
        };
        let Some(update) = update else {
            return !self.to.is_closed();
        };
        match self.to.try_send(update) {
            Ok(()) => {
                self.missed = false;
                true
            }
            Err(TrySendError::Full(_)) => {
                self.missed = true;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

/// What has been told, and what has not.
struct Teller {
    seen: u64,
    /// The places of services that have changed, and were not told.
    pending: Vec<usize>,
    event: Option<u64>,
    steps: Option<u64>,
}

impl Teller {
    /// For somebody who has the page of this version.
    const fn after(seen: u64) -> Self {
        Self {
            seen,
            pending: Vec::new(),
            event: None,
            steps: None,
        }
    }

    /// What is to be told now; `None` when nothing is.
    fn next(&mut self, scene: Scene<'_>, listener: &WebListener) -> askama::Result<Option<Bytes>> {
        let changes = &scene.look.changes;
        let version = changes.version();
        let seen = std::mem::replace(&mut self.seen, version);
        let event = self.event.replace(scene.log.last());
        let steps = self.steps.replace(scene.history.steps());
        if changes.is_foreign(seen) {
            self.pending.clear();
            return Ok(Some(Bytes::from_static(ALL)));
        }
        self.pending.extend(changes.services(seen));
        let mut parts = Vec::new();
        if version > seen || steps != self.steps {
            parts.push(scene.director()?);
        }
        if changes.rest_changed(seen) {
            parts.push(scene.pair()?);
        }
        for place in self.worst(scene) {
            parts.extend(scene.service(place).transpose()?);
        }
        if event != self.event {
            parts.push(scene.events(listener)?);
        }
        Ok((!parts.is_empty()).then(|| Update { version, parts }.bytes()))
    }

    /// Takes the worst services out of those that have changed.
    fn worst(&mut self, scene: Scene<'_>) -> Vec<usize> {
        self.pending.sort_unstable();
        self.pending.dedup();
        let status = &scene.look.status;
        self.pending.sort_by_key(|it| Reverse(badness(status, *it)));
        let now = self.pending.len().min(MOST);
        self.pending.drain(..now).collect()
    }
}

/// The body of an answer that goes on for as long as both ends want.
struct Feed(Receiver<Bytes>);

impl hyper::body::Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|it| it.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::tests::{Fixed, listener, status};
    use super::*;
    use crate::control::Status;

    /// So many services like the first.
    fn many(number: u8) -> Status {
        let mut status = status();
        let first = status.services.remove(0);
        status.services = (0..number)
            .map(|n| crate::control::ServiceStatus {
                service: format!("TCP 192.0.2.{n}:80").parse().unwrap(),
                ..first.clone()
            })
            .collect();
        status
    }

    /// A board, and the moment of its last look.
    struct Desk {
        source: Arc<Fixed>,
        board: Board,
        now: Instant,
    }

    impl Desk {
        fn with(status: Status) -> Self {
            let source = Arc::new(Fixed::new(Some(status)));
            Self {
                board: Board::new(source.clone()),
                source,
                now: crate::web::clock::now(),
            }
        }

        /// A second later.
        fn look(&mut self) -> Arc<Look> {
            self.now += Duration::from_secs(1);
            self.board.look_at(self.now).unwrap()
        }

        fn told(&mut self, teller: &mut Teller) -> String {
            let look = self.look();
            let told = self
                .board
                .scene(&look, |it| teller.next(it, &listener("/")));
            let told = told.unwrap().unwrap_or_default();
            String::from_utf8(told.to_vec()).unwrap()
        }
    }

    #[test]
    fn a_second_in_which_nothing_changes_is_silent() {
        let mut desk = Desk::with(status());
        let mut teller = Teller::after(desk.look().changes.version());
        desk.told(&mut teller);
        desk.source.change(|it| it.uptime_seconds += 1);
        assert_eq!(desk.told(&mut teller), "");
    }

    #[test]
    fn of_very_many_changes_the_worst_are_told_first_and_the_others_next() {
        let mut desk = Desk::with(many(150));
        let mut teller = Teller::after(desk.look().changes.version());
        desk.told(&mut teller);
        desk.source.change(|it| {
            for service in &mut it.services {
                service.scheduler = "rr".to_owned();
            }
            it.services[149].error = Some("no scheduler".to_owned());
        });
        let services = |text: &str| text.matches("<details").count();
        let first = desk.told(&mut teller);
        assert_eq!(services(&first), MOST);
        assert!(first.contains("TCP-192.0.2.149:80"), "{first}");
        assert_eq!(services(&desk.told(&mut teller)), 50);
        assert_eq!(desk.told(&mut teller), "");
    }

    #[test]
    fn other_services_are_fetched_with_the_page() {
        let mut desk = Desk::with(many(2));
        let mut teller = Teller::after(desk.look().changes.version());
        desk.source.change(|it| it.services = many(3).services);
        assert_eq!(desk.told(&mut teller).as_bytes(), ALL);
    }

    #[test]
    fn a_browser_that_is_too_slow_gets_the_page_again_and_one_that_is_gone_nothing() {
        let (to, mut from) = channel(1);
        let mut reader = Reader { to, missed: false };
        let update = Bytes::from_static(b"data: 1\n\n");
        assert!(reader.tell(Some(&update)) && reader.tell(Some(&update)));
        assert_eq!(from.try_recv().unwrap(), update);
        // As soon as there is place, also when nothing has changed since.
        assert!(reader.tell(None));
        assert_eq!(from.try_recv().unwrap(), ALL);
        assert!(reader.tell(None));
        assert!(from.try_recv().is_err());
        drop(from);
        assert!(!reader.tell(None));
    }
}
