// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the control socket's requests are answered: from snapshots, never by the engine.

use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::bulk::{Bulk, Reason};
use super::clock::Clock;
use super::door::Door;
use super::log::Levels;
use super::pair::ChannelView;
use super::published::Published;
use super::state::Tried;
use super::status::{peer_status, remembered, status, told};
use super::vrrp::RouterViews;
use crate::control::{
    self, Asked, Carried, Item, Peer, Reloaded, Replies, Request, Status, Unanswered,
};
use crate::engine::{Command, CommandId, ReloadId, Snapshot};
use crate::model::{DrainTerms, OrderFor, ServiceKey};
use crate::system::since_1970;

/// A client that watches gets at most one update in this time.
const WATCH_PERIOD: Duration = Duration::from_millis(250);
/// How long the answer to an order waits until it is written down.
const LONGEST_WRITE: Duration = Duration::from_secs(2);

/// Lets other hosts be master of the virtual routers with these names.
pub(super) type HandOver = Box<dyn Fn(&[String]) + Send + Sync>;

/// The sources of answers.
pub(super) struct Desk {
    /// What the engine has published.
    pub(super) published: Arc<Published>,
    /// What the virtual routers have published.
    pub(super) routers: RouterViews,
    /// The channel to the other director of the pair.
    pub(super) channel: ChannelView,
    /// Lets other hosts be master of these virtual routers.
    pub(super) hand_over: HandOver,
    /// Sends all connections to the other director's kernel.
    pub(super) bulk: Bulk,
    /// Asks for a reload, and returns the request's number.
    pub(super) reload: Box<dyn Fn() -> ReloadId + Send + Sync>,
    /// Hands an operator's command to the engine.
    pub(super) order: Box<dyn Fn(Command) + Send + Sync>,
    /// The last command whose outcome was written, or could not be.
    pub(super) written: watch::Receiver<Tried>,
    /// The number of the last command.
    pub(super) commands: AtomicU64,
    /// The levels of the log.
    pub(super) levels: Levels,
    /// The clock that the snapshots' moments come from.
    pub(super) clock: Clock,
    /// The configuration file.
    pub(super) path: PathBuf,
}

/// Answers everybody who may ask, for ever. It has to run inside a [`tokio::task::LocalSet`]. Whoever has come in by a
/// socket that is open no more gets its answers all the same.
pub(super) async fn serve(door: &Arc<Door>, desk: Arc<Desk>) {
    let published = Arc::clone(&desk.published);
    let answer = answers(desk);
    loop {
        let socket = door.socket();
        let rules = Arc::clone(door);
        tokio::select! {
            () = control::serve(&socket, move || rules.rules(), Rc::clone(&answer)) => return,
            () = door.moved(&published) => {}
        }
    }
}

/// One request that is being answered.
type Answering = Pin<Box<dyn Future<Output = Result<(), Unanswered>>>>;

/// What answers one request.
fn answers(desk: Arc<Desk>) -> Rc<impl Fn(Asked, Replies) -> Answering> {
    Rc::new(move |asked: Asked, replies: Replies| {
        let desk = Arc::clone(&desk);
        let answer: Answering = Box::pin(async move { desk.answer(asked, &replies).await });
        answer
    })
}

impl Desk {
    async fn answer(self: &Arc<Self>, asked: Asked, replies: &Replies) -> Result<(), Unanswered> {
        match asked.request {
            Request::Status {
                services,
                watch: false,
            } => self.status(&services.into(), replies).await,
            Request::Status {
                services,
                watch: true,
            } => self.watch(&services.into(), replies).await,
            Request::Events { after, follow } => self.events(after, follow, replies).await,
            Request::Reload { wait } => {
                tracing::info!("reload asked for by {}", who(&asked.peer));
                self.reload(wait, replies).await
            }
            Request::Order {
                servers,
                order,
                deadline_seconds,
                templates,
                force,
            } => {
                let wanted = OrderFor {
                    servers,
                    order,
                    terms: DrainTerms {
                        deadline: deadline_seconds.map(Duration::from_secs),
                        templates,
                    },
                    force,
                };
                let ordered = self.order(wanted, &who(&asked.peer)).await?;
                if let Some(why) = ordered.not_written {
                    replies.item(Item::NotWritten(why)).await?;
                }
                replies.item(Item::Ordered(ordered.servers)).await
            }
            Request::Failover { router } => {
                let by = who(&asked.peer);
                self.fail_over(router.as_deref(), &by, replies).await
            }
            Request::Sync => {
                tracing::info!("sync asked for by {}", who(&asked.peer));
                self.sync(replies).await
            }
            Request::LogLevel { level, module } => {
                let now = match level {
                    None => self.levels.now(),
                    Some(level) => self.set_level(&level, module.as_deref(), &asked.peer)?,
                };
                replies.item(Item::LogLevel(now)).await
            }
            Request::Standings => {
                let (snapshot, now) = (self.latest()?, self.clock.now());
                let make = move || Item::Standings(Box::new(remembered(&snapshot, now)));
                replies.made(make).await
            }
        }
    }

    /// The other director has the connections before it has the addresses. The order to leave is not given when the client
    /// goes away before.
    async fn fail_over(
        &self,
        router: Option<&str>,
        by: &str,
        replies: &Replies,
    ) -> Result<(), Unanswered> {
        let masters = |of: &RouterViews| of.masters(router).map_err(Unanswered::Refused);
        let names = masters(&self.routers)?.join(", ");
        tracing::info!("failover of {names} asked for by {by}");
        if let Some(sent) = self.bulk.send_before(Reason::HandOver).await {
            replies.item(Item::Sent(sent)).await?;
        }
        // Meanwhile another host may have become master.
        let masters = masters(&self.routers)?;
        (self.hand_over)(&masters);
        replies.made(move || Item::HandedOver(masters)).await
    }

    /// The log says so, if its new level lets it.
    fn set_level(
        &self,
        level: &str,
        module: Option<&str>,
        peer: &Peer,
    ) -> Result<String, Unanswered> {
        let before = self.levels.now();
        let now = self
            .levels
            .set(level, module)
            .map_err(Unanswered::Refused)?;
        let by = who(peer);
        tracing::info!("log level {before} -> {now}, asked for by {by}");
        Ok(now)
    }

    async fn sync(&self, replies: &Replies) -> Result<(), Unanswered> {
        let answer = self.bulk.send(Reason::Asked);
        let answer = answer.map_err(Unanswered::Refused)?.await;
        let ending = |_| Unanswered::Refused("the director is ending".to_owned());
        let sent = answer.map_err(ending)?.map_err(Unanswered::Refused)?;
        replies.item(Item::Sent(sent)).await
    }

    fn latest(&self) -> Result<Arc<Snapshot>, Unanswered> {
        let starting = || {
            Unanswered::Refused(
                "the director is starting, and knows nothing yet; ask again in a moment".to_owned(),
            )
        };
        self.published.latest().ok_or_else(starting)
    }

    async fn status(
        self: &Arc<Self>,
        only: &Arc<[ServiceKey]>,
        replies: &Replies,
    ) -> Result<(), Unanswered> {
        let snapshot = self.latest()?;
        for key in &**only {
            if !snapshot.config.services.contains_key(key) {
                return Err(Unanswered::Refused(format!(
                    "{key} is not a virtual service of the running configuration"
                )));
            }
        }
        self.send_status(only, replies).await
    }

    /// Takes the snapshot when it is this answer's turn: a slow reader skips the ones between.
    async fn send_status(
        self: &Arc<Self>,
        only: &Arc<[ServiceKey]>,
        replies: &Replies,
    ) -> Result<(), Unanswered> {
        let (desk, only) = (Arc::clone(self), Arc::clone(only));
        // There has been a snapshot, and it is only ever replaced by the next.
        let make = move || Item::Status(Box::new(desk.status_now(&only).unwrap_or_default()));
        replies.made(make).await
    }

    /// How these services are now, or all and everything else when there are none; `None` before the first snapshot.
    pub(super) fn status_now(&self, only: &[ServiceKey]) -> Option<Status> {
        let (snapshot, now) = (self.published.latest()?, self.clock.now());
        let of_services = status(&snapshot, now, &self.path, only);
        if !only.is_empty() {
            return Some(of_services);
        }
        Some(Status {
            peer: peer_status(&snapshot, &self.channel, now),
            routers: self.routers.status(now),
            connection_sync: self.bulk.status(now),
            ..of_services
        })
    }

    /// A status for every change, the last one always. Services that have left the configuration are left out.
    async fn watch(
        self: &Arc<Self>,
        only: &Arc<[ServiceKey]>,
        replies: &Replies,
    ) -> Result<(), Unanswered> {
        let mut changes = self.published.changes();
        self.status(only, replies).await?;
        loop {
            let earliest = Instant::now() + WATCH_PERIOD;
            next(&mut changes).await?;
            sleep_until(earliest).await;
            changes.borrow_and_update();
            self.send_status(only, replies).await?;
        }
    }

    async fn events(
        &self,
        after: Option<u64>,
        follow: bool,
        replies: &Replies,
    ) -> Result<(), Unanswered> {
        let mut changes = self.published.changes();
        let last = self.latest()?.history.last();
        let mut seen = after.unwrap_or(0);
        if seen > last {
            return Err(Unanswered::Refused(format!(
                "there is no event {seen} yet, the last one is {last}; a director counts anew when it starts"
            )));
        }
        // A client that names no first event gets no message about events that are no longer kept.
        let mut tell_skipped = after.is_some();
        loop {
            seen = self.send_events(seen, tell_skipped, replies).await?;
            tell_skipped = true;
            if !follow {
                return Ok(());
            }
            next(&mut changes).await?;
        }
    }

    /// Sends the events after this number, and returns the number of the last one.
    async fn send_events(
        &self,
        mut seen: u64,
        tell_skipped: bool,
        replies: &Replies,
    ) -> Result<u64, Unanswered> {
        let history = Arc::clone(&self.latest()?.history);
        for (number, transition) in history.after(seen) {
            if tell_skipped && number > seen + 1 {
                let (first, last) = (seen + 1, number - 1);
                replies.item(Item::Skipped { first, last }).await?;
            }
            let event = told(number, transition, self.clock.now());
            let event = event.map_err(|error| Unanswered::Refused(error.to_string()))?;
            replies.item(Item::Event(event)).await?;
            seen = number;
        }
        Ok(seen)
    }

    async fn reload(&self, wait: bool, replies: &Replies) -> Result<(), Unanswered> {
        let mut changes = self.published.changes();
        let reload = (self.reload)();
        let asked = Reloaded {
            reload,
            answered: None,
            refused: None,
            steps: 0,
            warning: None,
        };
        replies.item(Item::Reload(asked)).await?;
        if !wait {
            return Ok(());
        }
        let answer = loop {
            if let Some(answer) = self.answer_to(reload) {
                break answer;
            }
            next(&mut changes).await?;
        };
        replies.item(Item::Reload(answer)).await
    }

    /// Hands in an order, and waits until it has been carried out and written down. `by` says who gave it.
    pub(super) async fn order(&self, wanted: OrderFor, by: &str) -> Result<Carried, Unanswered> {
        let mut changes = self.published.changes();
        self.latest()?;
        let id = CommandId(self.commands.fetch_add(1, Ordering::Relaxed) + 1);
        let OrderFor {
            servers,
            order,
            terms,
            force,
        } = wanted;
        (self.order)(Command {
            id,
            servers,
            order,
            terms,
            force,
            by: by.into(),
            given: u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX),
        });
        let answer = loop {
            if let Some(answer) = self.latest()?.answers.get(&id) {
                break answer.clone();
            }
            next(&mut changes).await?;
        };
        // Also one that is refused is written: the kernel's refusal leaves the order in force.
        let not_written = self.unwritten(id).await;
        let servers = answer.map_err(|why| Unanswered::Refused(why.to_string()))?;
        Ok(Carried {
            servers: u64::try_from(servers).unwrap_or(u64::MAX),
            not_written,
        })
    }

    /// Waits until the outcome of a command is written down: a director that is killed then must know it when it starts
    /// again. Nobody waits longer for a disk that hangs. Returns why it is not written.
    async fn unwritten(&self, id: CommandId) -> Option<String> {
        let mut written = self.written.clone();
        match timeout(LONGEST_WRITE, written.wait_for(|it| it.command >= id)).await {
            Ok(Ok(tried)) => tried.failure.as_deref().map(str::to_owned),
            Ok(Err(_)) => Some("the director is ending".to_owned()),
            Err(_) => {
                let seconds = LONGEST_WRITE.as_secs();
                Some(format!("the disk has not answered for {seconds} s"))
            }
        }
    }

    /// The outcome of a reload; `None` until it is answered.
    fn answer_to(&self, reload: ReloadId) -> Option<Reloaded> {
        let snapshot = self.published.latest()?;
        let reloads = &snapshot.reloads;
        (reloads.answered >= reload).then(|| Reloaded {
            reload,
            answered: Some(reloads.answered),
            refused: reloads.refused.as_deref().map(str::to_owned),
            steps: match reloads.refused {
                Some(_) => 0,
                None => reloads.steps,
            },
            warning: match reloads.refused {
                Some(_) => None,
                None => reloads.warning.as_deref().map(str::to_owned),
            },
        })
    }
}

/// Who asks: `user 0 (pid 77)`.
fn who(peer: &Peer) -> String {
    let pid = peer.pid.map(|pid| format!(" (pid {pid})"));
    format!("user {}{}", peer.uid, pid.unwrap_or_default())
}

/// Returns when something has been published since the last time.
async fn next(changes: &mut watch::Receiver<u64>) -> Result<(), Unanswered> {
    let ending = |_| Unanswered::Refused("the director is ending".to_owned());
    changes.changed().await.map_err(ending)
}

#[cfg(test)]
mod tests;
