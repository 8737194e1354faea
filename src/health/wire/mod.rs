// SPDX-License-Identifier: MIT OR Apache-2.0
//! One tripwire: a connection that is held to a server while it is up.
//!
//! ```text
//!          the server is up                 deadline
//!   Idle ---------------------> Waiting ---------------> Held
//!    ^                            ^                       |
//!    |  the server is down        |  this host could not  |  it ended: an alarm
//!    +----------------------------+-----------------------+----------------> Idle, or Off
//! ```
//!
//! After an alarm the next success of a probe arms the wire again. A server that ends its connections after a short time
//! is left alone for ever longer, and in the end for good: until a probe finds it down.
//!
//! What a broker says on the connection becomes a warning of the check: that it takes no messages, until it takes them
//! again; that its clients have to leave, until a probe is a success after that.

mod all;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::all::Wires;
use crate::model::{Counts, Timestamp, WireEnd, WireNews};

/// A connection that lived this long was held well: its end says nothing against the next one.
const LIVED: Duration = Duration::from_secs(30);
/// The wait after the first connection that did not live so long. It doubles with each further one in a row.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// After so many in a row the wire stays off.
const MOST_SHORT: u32 = 8;

/// What happens to a wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WireEvent {
    /// Its deadline has come.
    Deadline,
    /// A probe that started then was a success; whether the check now finds the server up.
    Passed(Timestamp, bool),
    /// A probe failed, and the check finds the server down.
    Failed,
    /// The kernel tells that the server may be out of reach. It counts once in so long a time.
    Signal(Duration),
    /// The connection of this number tells something.
    Told(u64, WireNews),
}

/// What a wire asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WireAction {
    /// Hold a connection, and report its end under this number.
    Hold(u64),
    /// Let go of the connection of this number.
    Release(u64),
    /// Probe at once.
    Hasten,
    /// What the connection warns of has changed; `None` when it warns of nothing any more.
    Warned(Option<Arc<str>>),
    /// The server may be dead; whether this alone is a failure.
    Alarm {
        /// Why.
        end: WireEnd,
        /// Whether it takes the server down.
        decisive: bool,
    },
}

/// Whether a connection is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not, until a probe that started no earlier than this finds the server up.
    Idle(Timestamp),
    /// Not yet: from then on.
    Waiting(Timestamp),
    /// Since then.
    Held(Timestamp),
    /// Not any more: the server ends such connections.
    Off,
}

/// The state of one wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wire {
    counts: Counts,
    phase: Phase,
    /// The number of the last connection.
    number: u64,
    /// Connections in a row that did not live long.
    short: u32,
    /// How many connections have ended by themselves.
    ended: u32,
    last_end: Option<WireEnd>,
    /// What the server said on the connection.
    warning: Option<Arc<str>>,
    /// When the kernel's next signal counts.
    next_signal: Timestamp,
    /// Whether the last end is not judged yet: no probe has come back since.
    unjudged: bool,
    /// Whether an end was a false alarm, and none has been a true one since.
    doubtful: bool,
}

impl Wire {
    /// A wire of a server that is up already, or not yet. It waits so long before it holds its first connection.
    pub(super) fn new(counts: Counts, up: bool, now: Timestamp, wait: Duration) -> Self {
        Self {
            counts,
            phase: if up {
                Phase::Waiting(now + wait)
            } else {
                Phase::Idle(Timestamp::ZERO)
            },
            number: 0,
            short: 0,
            ended: 0,
            last_end: None,
            warning: None,
            next_signal: now,
            unjudged: false,
            doubtful: false,
        }
    }

    /// The number of the connection that is held, or asked for.
    fn held(&self) -> Option<u64> {
        self.held_since().map(|_| self.number)
    }

    /// When it wants [`WireEvent::Deadline`].
    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Waiting(at) => Some(at),
            Phase::Idle(_) | Phase::Held(_) | Phase::Off => None,
        }
    }

    /// Since when a connection is held, or asked for.
    pub(super) const fn held_since(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Held(since) => Some(since),
            Phase::Idle(_) | Phase::Waiting(_) | Phase::Off => None,
        }
    }

    /// Whether it holds none any more, because the server ends such connections.
    pub(super) const fn is_off(&self) -> bool {
        matches!(self.phase, Phase::Off)
    }

    /// How many connections have ended by themselves.
    pub(super) const fn ended(&self) -> u32 {
        self.ended
    }

    /// How the last one ended.
    pub(super) const fn last_end(&self) -> Option<&WireEnd> {
        self.last_end.as_ref()
    }

    /// What the server said on the connection, as long as it matters.
    pub(super) const fn warning(&self) -> Option<&Arc<str>> {
        self.warning.as_ref()
    }

    /// Handles one event. It ignores late ones: a deadline that is not due, and what another connection told.
    pub(super) fn handle(&mut self, now: Timestamp, event: WireEvent, out: &mut Vec<WireAction>) {
        match (self.phase, event) {
            (Phase::Waiting(at), WireEvent::Deadline) if at <= now => {
                self.number += 1;
                self.phase = Phase::Held(now);
                out.push(WireAction::Hold(self.number));
            }
            (Phase::Held(since), WireEvent::Told(number, news)) if number == self.number => {
                match news {
                    WireNews::Ended(end) => self.end(now, since, end, out),
                    WireNews::Blocked(why) => {
                        let warning =
                            format!("the server takes no messages from publishers: {why}");
                        self.warn(Some(warning.into()), out);
                    }
                    WireNews::Unblocked => self.warn(None, out),
                }
            }
            (phase, WireEvent::Passed(started, up)) => self.passed(now, phase, (started, up), out),
            (
                Phase::Idle(_) | Phase::Waiting(_) | Phase::Held(_) | Phase::Off,
                WireEvent::Signal(interval),
            ) => {
                if self.next_signal <= now {
                    self.next_signal = now + interval;
                    out.push(WireAction::Hasten);
                }
            }
            (phase, WireEvent::Failed) => {
                self.judge(false);
                self.short = 0;
                self.phase = Phase::Idle(Timestamp::ZERO);
                if let Phase::Held(_) = phase {
                    out.push(WireAction::Release(self.number));
                }
            }
            (
                Phase::Idle(_) | Phase::Waiting(_) | Phase::Held(_) | Phase::Off,
                WireEvent::Deadline | WireEvent::Told(..),
            ) => {}
        }
    }

    /// A probe that started then was a success, and the check now finds the server up, or not yet.
    fn passed(
        &mut self,
        now: Timestamp,
        phase: Phase,
        (started, up): (Timestamp, bool),
        out: &mut Vec<WireAction>,
    ) {
        match phase {
            Phase::Idle(after) if after <= started => {
                self.judge(true);
                self.warn(None, out);
                if up {
                    self.phase = Phase::Waiting(now + self.wait());
                }
            }
            Phase::Off => {
                self.judge(true);
                self.warn(None, out);
            }
            // A connection that this host could not hold says nothing any more.
            Phase::Waiting(_) => self.warn(None, out),
            Phase::Idle(_) | Phase::Held(_) => {}
        }
    }

    fn warn(&mut self, of: Option<Arc<str>>, out: &mut Vec<WireAction>) {
        if self.warning != of {
            self.warning.clone_from(&of);
            out.push(WireAction::Warned(of));
        }
    }

    fn end(&mut self, now: Timestamp, since: Timestamp, end: WireEnd, out: &mut Vec<WireAction>) {
        let lived = now.since(since) >= LIVED;
        self.short = if lived { 0 } else { self.short + 1 };
        self.ended = self.ended.saturating_add(1);
        self.last_end = Some(end.clone());
        match end {
            WireEnd::CouldNotHold(_) => {
                // The host's trouble may end at any time.
                self.short = self.short.min(MOST_SHORT - 1);
                self.phase = Phase::Waiting(now + self.wait());
            }
            WireEnd::Flooded => self.phase = Phase::Off,
            WireEnd::Closed
            | WireEnd::Reset
            | WireEnd::Silent
            | WireEnd::NotTaken(_)
            | WireEnd::AskedToLeave(_)
            | WireEnd::Ended(_)
            | WireEnd::NoHeartbeat(_) => {
                if let WireEnd::AskedToLeave(_) = end {
                    self.warn(Some(end.to_string().into()), out);
                }
                self.phase = if self.short < MOST_SHORT {
                    Phase::Idle(now)
                } else {
                    Phase::Off
                };
                // Silence may be the way's failure, and only a server that took the connection can break it off. What a
                // broker says may be about our user or virtual host alone.
                let told = matches!(end, WireEnd::Closed | WireEnd::Reset);
                let decisive = told && self.counts == Counts::Failure && !self.doubtful;
                self.unjudged = true;
                out.push(WireAction::Alarm { end, decisive });
            }
        }
    }

    /// A probe tells whether the last end was a false alarm.
    const fn judge(&mut self, alive: bool) {
        if self.unjudged {
            self.unjudged = false;
            self.doubtful = alive;
        }
    }

    /// How long the server is left alone before the next connection.
    fn wait(&self) -> Duration {
        match self.short.checked_sub(1) {
            Some(doublings) => FIRST_WAIT * 2_u32.saturating_pow(doublings.min(MOST_SHORT)),
            None => Duration::ZERO,
        }
    }
}
