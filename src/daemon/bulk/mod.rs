// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends all connections of this host to the kernel of the other director, at once.
//!
//! The kernel's own synchronisation sends a connection when packets of it come. It never sends what was there before the
//! other director came. A thread of its own does that here: nobody waits for it who does not want to.

mod pass;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{info, warn};

use self::pass::Pass;
use super::clock::Clock;
use super::published::Published;
use super::vrrp::RouterViews;
use crate::codec::sync::{GROUP, PORT, longest_message};
use crate::control::{SentConnections, SyncStatus};
use crate::model::{AddressFamily, ConnectionSync, Timestamp};
use crate::system::step_back;

/// Why all connections are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Somebody asked for it.
    Asked,
    /// The other director of the pair has come, and asks for them.
    PeerCame,
    /// A virtual address is about to move, because an operator wants it.
    HandOver,
    /// The director is about to end.
    Stop,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked for",
            Self::PeerCame => "for the other director, which has come",
            Self::HandOver => "before a failover",
            Self::Stop => "before the end",
        })
    }
}

/// What became of it; an error says what was tried, and why it failed.
pub(super) type Outcome = Result<SentConnections, String>;

/// One wish. Nobody waits for the answer any more when its other end is gone.
struct Order {
    reason: Reason,
    route: Route,
    answer: oneshot::Sender<Outcome>,
}

/// To whom messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    group: SocketAddr,
    interface: Box<str>,
    hops: u8,
    sync_id: u8,
    longest: u16,
}

impl Route {
    /// Where the kernel's daemon of this configuration sends.
    fn of(sync: &ConnectionSync) -> Self {
        let or = |number: u16, usual: u16| if number == 0 { usual } else { number };
        let group = SocketAddr::new(sync.group.unwrap_or(GROUP), or(sync.port, PORT));
        let usual = longest_message(AddressFamily::of(group.ip()));
        Self {
            group,
            interface: sync.interface.clone(),
            hops: sync.ttl.max(1),
            sync_id: sync.id,
            longest: or(sync.max_length, usual),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.group, self.interface)
    }
}

/// Has all connections sent, and says what was sent.
#[derive(Clone)]
pub(super) struct Bulk {
    orders: Sender<Order>,
    published: Arc<Published>,
    routers: RouterViews,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    completed: u64,
    failed: u64,
    last: Option<(Timestamp, SentConnections)>,
    problem: Option<String>,
}

impl Bulk {
    /// Starts the thread. It rests until something is to be sent.
    pub(super) fn start(
        published: Arc<Published>,
        routers: RouterViews,
        clock: Clock,
    ) -> io::Result<Self> {
        let (orders, inbox) = channel();
        let counts = Arc::default();
        let bulk = Self {
            orders,
            published,
            routers: routers.clone(),
            counts: Arc::clone(&counts),
        };
        let work = move || {
            step_back();
            serve(&inbox, &routers, clock, &counts);
        };
        thread::Builder::new()
            .name("connections".to_owned())
            .spawn(work)?;
        Ok(bulk)
    }

    /// Sends all connections as soon as what is being sent is through. Whoever drops the answer wants it no more.
    ///
    /// # Errors
    ///
    /// Nothing is configured, or this host has no virtual address: then another host knows the connections better.
    pub(super) fn send(&self, reason: Reason) -> Result<oneshot::Receiver<Outcome>, String> {
        let snapshot = self.published.latest();
        let config = snapshot.as_ref().map(|it| &it.config);
        let sync = config.and_then(|it| it.connection_sync.as_ref());
        let sync = sync.ok_or("the configuration has no connection_sync")?;
        if config.is_some_and(|it| !it.routers.is_empty()) {
            self.routers.masters(None)?;
        }
        let (answer, receiver) = oneshot::channel();
        let order = Order {
            reason,
            route: Route::of(sync),
            answer,
        };
        let ended = |_| "the thread that sends connections has ended by a defect; this is a bug";
        self.orders.send(order).map_err(ended)?;
        Ok(receiver)
    }

    /// Sends all connections before this host leaves its virtual addresses, and waits as long as is configured.
    pub(super) async fn send_before(&self, reason: Reason) -> Option<SentConnections> {
        let snapshot = self.published.latest()?;
        let longest = snapshot.config.connection_sync.as_ref()?.longest_send;
        if longest.is_zero() || self.routers.masters(None).is_err() {
            return None;
        }
        let answer = self.send(reason).ok()?;
        // The thread tells what fails, and what takes too long.
        timeout(longest, answer).await.ok()?.ok()?.ok()
    }

    /// What was sent so far; `None` when nothing was ever asked for.
    pub(super) fn status(&self, now: Timestamp) -> Option<SyncStatus> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let last = counts.last.as_ref();
        let was_used = counts.completed + counts.failed > 0;
        was_used.then(|| SyncStatus {
            completed: counts.completed,
            failed: counts.failed,
            last: last.map(|(_, sent)| sent.clone()),
            seconds_ago: last.map(|(at, _)| now.since(*at).as_secs()),
            problem: counts.problem.clone(),
        })
    }
}

/// Carries out what is ordered, until nobody can order any more. All who wait get the answer to the same sending.
fn serve(inbox: &Receiver<Order>, routers: &RouterViews, clock: Clock, counts: &Mutex<Counts>) {
    while let Ok(first) = inbox.recv() {
        let mut orders = vec![first];
        orders.extend(inbox.try_iter());
        // The configuration may have changed between them.
        let Some(Order { reason, route, .. }) = orders.last() else {
            continue;
        };
        let is_wanted = || orders.iter().any(|it| !it.answer.is_closed());
        let outcome = Pass::send_all(route, routers.elsewhere(), clock, &is_wanted);
        match &outcome {
            Ok(sent) => info!("{sent} ({reason})"),
            Err(why) => warn!("{why} ({reason})"),
        }
        counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(clock.now(), &outcome);
        for order in orders {
            // Whoever wanted it may be gone.
            let _ = order.answer.send(outcome.clone());
        }
    }
}

impl Counts {
    fn note(&mut self, now: Timestamp, outcome: &Outcome) {
        match outcome {
            Ok(sent) => {
                self.completed += 1;
                self.last = Some((now, sent.clone()));
                self.problem = None;
            }
            Err(why) => {
                self.failed += 1;
                self.problem = Some(why.clone());
            }
        }
    }
}
