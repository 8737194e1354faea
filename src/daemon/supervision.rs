// SPDX-License-Identifier: MIT OR Apache-2.0
//! What systemd hears of the director: that it serves, reloads, ends; how its servers are; and that it lives. Why a director
//! that hangs is killed, and one whose disk hangs is not: docs/decisions/0017-watchdog.md.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, warn};

use super::published::Published;
use super::vrrp::RouterViews;
use crate::engine::{ReloadId, Snapshot, count};
use crate::model::Standing;
use crate::system::{Notifier, Pulse, monotonic_moment, watchdog_period};

/// How often the status line is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells the service manager what it wants to know, if there is one.
pub(super) struct Supervision {
    notifier: Option<Notifier>,
    watchdog: Option<Duration>,
    /// The threads that must go on, with their names.
    pulses: [(&'static str, Arc<Pulse>); 2],
    published: Arc<Published>,
    routers: RouterViews,
    reloads: watch::Receiver<ReloadId>,
}

/// What was told last.
#[derive(Debug, Default)]
struct Told {
    ready: bool,
    reloading: Option<ReloadId>,
    last_reload: ReloadId,
    status: String,
    hangs: bool,
}

impl Supervision {
    /// `reloads` is the last reload that was asked for.
    pub(super) fn new(
        pulses: [(&'static str, Arc<Pulse>); 2],
        published: Arc<Published>,
        routers: RouterViews,
        reloads: watch::Receiver<ReloadId>,
    ) -> Self {
        let notifier = match Notifier::of_environment() {
            None => None,
            Some(Ok(notifier)) => Some(notifier),
            Some(Err(error)) => {
                warn!(
                    "tell systemd through NOTIFY_SOCKET: {error}; it will not hear that the director serves"
                );
                None
            }
        };
        Self {
            notifier,
            watchdog: watchdog_period(),
            pulses,
            published,
            routers,
            reloads,
        }
    }

    /// Tells all until it is dropped.
    pub(super) async fn keep(&self) {
        let Some(notifier) = &self.notifier else {
            return std::future::pending().await;
        };
        let (mut reloads, mut changes) = (self.reloads.clone(), self.published.changes());
        let mut ticks = interval(
            self.watchdog
                .map_or(LOOK_EVERY, |it| LOOK_EVERY.min(it / 4)),
        );
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Told::default();
        loop {
            // The senders live as long as the director. If they did not, the ticks would be enough.
            let look = tokio::select! {
                _ = ticks.tick() => true,
                Ok(()) = reloads.changed() => false,
                Ok(()) = changes.changed() => false,
            };
            let Some(snapshot) = self.published.latest() else {
                continue;
            };
            let asked = *reloads.borrow_and_update();
            if let Some(news) = told.of_progress(asked, snapshot.reloads.answered) {
                notifier.say(&news);
            }
            if look {
                if let Some(news) = told.of_status(self.status(&snapshot)) {
                    notifier.say(&news);
                }
                if self.lives(&mut told) {
                    notifier.say("WATCHDOG=1");
                }
            }
        }
    }

    /// Says that the director ends.
    pub(super) fn ends(&self) {
        if let Some(notifier) = &self.notifier {
            notifier.say("STOPPING=1");
        }
    }

    fn status(&self, snapshot: &Snapshot) -> String {
        let services = snapshot.services.values();
        let servers = services.flat_map(|it| it.servers.iter());
        let all = servers.clone().count();
        let up = servers
            .filter(|it| it.standing.is_none_or(Standing::is_up))
            .count();
        let mut status = format!(
            "{up} of {} up in {}",
            count(all, "real server"),
            count(snapshot.services.len(), "virtual service")
        );
        for (name, state) in self.routers.states() {
            status = format!("{status}; {state} of {name}");
        }
        status
    }

    /// Whether each thread goes on. Half of the period is a thread's own; the other half is that of this thread.
    fn lives(&self, told: &mut Told) -> bool {
        let Some(period) = self.watchdog else {
            return false;
        };
        let late = self
            .pulses
            .iter()
            .find(|(_, pulse)| pulse.overdue() > period / 2);
        let Some((name, pulse)) = late else {
            told.hangs = false;
            return true;
        };
        if !std::mem::replace(&mut told.hangs, true) {
            error!(
                "a defect: the thread {name} has not gone on for {} s; systemd will end the director, and start it again",
                pulse.overdue().as_secs()
            );
        }
        false
    }
}

impl Told {
    /// Readiness and reloads. The first snapshot comes when the kernel has answered to the start.
    fn of_progress(&mut self, asked: ReloadId, answered: ReloadId) -> Option<String> {
        let mut news = Vec::new();
        if !std::mem::replace(&mut self.ready, true) {
            news.push("READY=1".to_owned());
        }
        if asked > self.last_reload {
            self.last_reload = asked;
            self.reloading = Some(asked);
            news.push(format!("RELOADING=1\n{}", monotonic_moment()));
        }
        if self.reloading.is_some_and(|reload| answered >= reload) {
            self.reloading = None;
            news.push("READY=1".to_owned());
        }
        (!news.is_empty()).then(|| news.join("\n"))
    }

    fn of_status(&mut self, status: String) -> Option<String> {
        if status == self.status {
            return None;
        }
        let news = format!("STATUS={status}");
        self.status = status;
        Some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(told: &mut Told, asked: u64, answered: u64) -> String {
        let news = told.of_progress(ReloadId(asked), ReloadId(answered));
        let news = news.unwrap_or_default();
        // The moment is another one each time.
        let words = news.lines().filter(|it| !it.starts_with("MONOTONIC_USEC="));
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn readiness_is_told_once_and_each_reload_begins_and_ends() {
        let mut told = Told::default();
        for (asked, answered, news) in [
            (0, 0, "READY=1"),
            (0, 0, ""),
            (1, 0, "RELOADING=1"),
            (1, 0, ""),
            (1, 1, "READY=1"),
            (1, 1, ""),
            // Asked for and answered between two looks.
            (2, 2, "RELOADING=1 READY=1"),
            // Two requests, and one reading for both.
            (3, 2, "RELOADING=1"),
            (4, 3, "RELOADING=1"),
            (4, 4, "READY=1"),
        ] {
            assert_eq!(said(&mut told, asked, answered), news, "{asked} {answered}");
        }
    }

    #[test]
    fn a_status_is_told_when_it_has_changed() {
        let mut told = Told::default();
        let status = |text: &str| format!("STATUS={text}");
        assert_eq!(told.of_status("a".to_owned()), Some(status("a")));
        assert_eq!(told.of_status("a".to_owned()), None);
        assert_eq!(told.of_status("b".to_owned()), Some(status("b")));
    }
}
