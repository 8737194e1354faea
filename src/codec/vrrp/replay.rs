// SPDX-License-Identifier: MIT OR Apache-2.0
//! Against recordings of signed advertisements: the numbers that a sender gives, and those that a receiver accepts.
//!
//! A moment is the time since 1970 by this host's clock. That clock may step: neither side may shut the other out then.

use std::net::IpAddr;
use std::time::Duration;

use super::hmac::Sequence;
use super::refused::Refused;
use crate::model::Centiseconds;

/// How a receiver knows a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AntiReplay {
    /// By the time in the number, and by growth: the clocks of all routers agree.
    Time {
        /// How far a number may be from this host's clock.
        window: Duration,
    },
    /// By growth alone, where the clocks do not agree. A receiver that has just started accepts a recording, and a sender
    /// whose clock is behind where it was before its restart is not heard until it has caught up.
    Monotonic,
}

impl AntiReplay {
    /// The shortest window that is chosen for an interval.
    const LEAST: Duration = Duration::from_secs(5);

    /// By the time, with the window for this interval: three advertisements, and 5 seconds at least.
    #[must_use]
    pub fn by_time(interval: Centiseconds) -> Self {
        Self::Time {
            window: (interval.duration() * 3).max(Self::LEAST),
        }
    }

    /// Whether a number is so far from the clock that its time says something else than the clock.
    fn is_outside(self, sequence: Sequence, clock: Sequence) -> bool {
        match self {
            Self::Time { window } => sequence.distance(clock) > window,
            Self::Monotonic => false,
        }
    }
}

/// The numbers that a sender gives to its advertisements.
#[derive(Debug, Clone)]
pub struct Numbering {
    anti_replay: AntiReplay,
    last: Option<Sequence>,
}

impl Numbering {
    /// Of a sender that has sent nothing. Its receivers know recordings in this way.
    #[must_use]
    pub const fn new(anti_replay: AntiReplay) -> Self {
        Self {
            anti_replay,
            last: None,
        }
    }

    /// The number of the next advertisement: this moment, or the last number and one where the clock has gone back.
    ///
    /// Where receivers look at the time, and the clock went back by more than they accept, the numbers start again at the
    /// clock: the receivers have forgotten the last one ([`ReplayGuard`]).
    pub fn next(&mut self, since_1970: Duration) -> Sequence {
        let clock = Sequence::at(since_1970);
        let next = match self.last.map(Sequence::next) {
            Some(next) if next.is_after(clock) && !self.anti_replay.is_outside(next, clock) => next,
            Some(_) | None => clock,
        };
        self.last = Some(next);
        next
    }
}

/// The last number of each sender.
///
/// A sender that starts again with a clock behind its last number is not heard until its clock has caught up: by the
/// time, that takes no longer than the window.
#[derive(Debug, Clone)]
pub struct ReplayGuard {
    anti_replay: AntiReplay,
    // The sender that was heard last is the last one.
    marks: Vec<(IpAddr, Sequence)>,
}

impl ReplayGuard {
    /// How many senders are known at a time; the one that was not heard for longest is forgotten. Only who has a key is
    /// among them.
    pub const MOST_SENDERS: usize = 16;

    /// A guard that has heard nobody.
    #[must_use]
    pub const fn new(anti_replay: AntiReplay) -> Self {
        Self {
            anti_replay,
            marks: Vec::new(),
        }
    }

    /// Whether an advertisement with a right signature is new. Nothing else may be asked about: a forged number would
    /// shut its sender out.
    pub fn accept(
        &mut self,
        since_1970: Duration,
        source: IpAddr,
        sequence: Sequence,
    ) -> Result<(), Refused> {
        let clock = Sequence::at(since_1970);
        if self.anti_replay.is_outside(sequence, clock) {
            return Err(Refused::Stale {
                seconds: sequence.seconds_behind(clock),
            });
        }
        // A mark outside the window protects from nothing that the window lets in. It would only shut out a sender that
        // started again after a clock was put right.
        let anti_replay = self.anti_replay;
        self.marks
            .retain(|(_, mark)| !anti_replay.is_outside(*mark, clock));
        let known = self.marks.iter().position(|(sender, _)| *sender == source);
        if let Some(at) = known {
            let (_, mark) = self.marks.remove(at);
            if !sequence.is_after(mark) {
                self.marks.push((source, mark));
                return Err(Refused::Replayed);
            }
        } else if self.marks.len() >= Self::MOST_SENDERS {
            self.marks.remove(0);
        }
        self.marks.push((source, sequence));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const HOUR: Duration = Duration::from_secs(3600);

    fn by_time() -> AntiReplay {
        AntiReplay::by_time(Centiseconds::SECOND)
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_700_000_000 + seconds)
    }

    #[test]
    fn the_window_is_three_advertisements_and_five_seconds_at_least() {
        for (interval, seconds) in [(1, 5), (100, 5), (200, 6), (4095, 122)] {
            let AntiReplay::Time { window } = AntiReplay::by_time(Centiseconds(interval)) else {
                panic!("by time");
            };
            assert_eq!(window.as_secs(), seconds);
        }
    }

    #[test]
    fn a_number_is_accepted_once_and_none_before_it() {
        for way in [by_time(), AntiReplay::Monotonic] {
            let mut sender = Numbering::new(way);
            let mut guard = ReplayGuard::new(way);
            let first = sender.next(at(0));
            let second = sender.next(at(1));
            assert_eq!(guard.accept(at(1), ONE, second), Ok(()));
            for old in [second, first] {
                assert_eq!(guard.accept(at(2), ONE, old), Err(Refused::Replayed));
            }
            assert_eq!(guard.accept(at(2), OTHER, first), Ok(()));
            assert_eq!(guard.accept(at(2), ONE, sender.next(at(2))), Ok(()));
        }
    }

    #[test]
    fn a_number_outside_the_window_is_stale_and_leaves_no_mark() {
        let mut guard = ReplayGuard::new(by_time());
        for (made, seconds) in [(0, 100), (200, -100)] {
            let sequence = Sequence::at(at(made));
            let verdict = guard.accept(at(100), ONE, sequence);
            assert_eq!(verdict, Err(Refused::Stale { seconds }));
        }
        for made in [95, 105] {
            let sequence = Sequence::at(at(made));
            assert_eq!(guard.accept(at(100), ONE, sequence), Ok(()));
        }
    }

    #[test]
    fn numbers_grow_while_the_clock_stands_or_goes_back_a_little() {
        for way in [by_time(), AntiReplay::Monotonic] {
            let mut sender = Numbering::new(way);
            let mut last = sender.next(at(10));
            for seconds in [10, 10, 8, 6, 11] {
                let next = sender.next(at(seconds));
                assert!(next.is_after(last), "{seconds}");
                last = next;
            }
            assert_eq!(last, Sequence::at(at(11)));
        }
    }

    /// Both clocks were an hour ahead and are put right.
    #[test]
    fn a_corrected_clock_shuts_no_peer_out() {
        let mut sender = Numbering::new(by_time());
        let mut guard = ReplayGuard::new(by_time());
        let ahead = sender.next(at(0) + HOUR);
        assert_eq!(guard.accept(at(0) + HOUR, ONE, ahead), Ok(()));
        let right = sender.next(at(1));
        assert_eq!(right, Sequence::at(at(1)));
        assert_eq!(guard.accept(at(1), ONE, right), Ok(()));
        assert_eq!(guard.accept(at(1), ONE, right), Err(Refused::Replayed));
        // The recording from before is outside the window now.
        let verdict = guard.accept(at(1), ONE, ahead);
        assert_eq!(verdict, Err(Refused::Stale { seconds: -3599 }));
    }

    /// By growth alone, the only protection is that nothing is ever forgotten.
    #[test]
    fn growth_alone_keeps_its_marks_whatever_the_clock_says() {
        let mut sender = Numbering::new(AntiReplay::Monotonic);
        let mut guard = ReplayGuard::new(AntiReplay::Monotonic);
        let ahead = sender.next(at(0) + HOUR);
        assert_eq!(guard.accept(at(0), ONE, ahead), Ok(()));
        assert_eq!(sender.next(at(1)), ahead.next());
        let back = Sequence::at(at(2));
        assert_eq!(guard.accept(at(2), ONE, back), Err(Refused::Replayed));
        assert_eq!(guard.accept(at(2), ONE, ahead.next()), Ok(()));
    }

    #[test]
    fn as_many_senders_are_known_as_there_are_places() {
        let mut guard = ReplayGuard::new(AntiReplay::Monotonic);
        let sequence = Sequence::at(at(0));
        let sender = |number: usize| IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()]);
        for number in 0..=ReplayGuard::MOST_SENDERS {
            assert_eq!(guard.accept(at(0), sender(number), sequence), Ok(()));
        }
        let again = guard.accept(at(0), sender(1), sequence);
        assert_eq!(again, Err(Refused::Replayed));
        assert_eq!(guard.accept(at(0), sender(0), sequence), Ok(()));
        assert_eq!(guard.marks.len(), ReplayGuard::MOST_SENDERS);
    }

    proptest! {
        /// Whatever both clocks do together, a sender that goes on sending is heard, and no advertisement twice.
        #[test]
        fn steps_of_a_shared_clock_lose_nothing(
            steps in proptest::collection::vec(-20_000_i64..20_000, 1..60), growth: bool,
        ) {
            let way = if growth { AntiReplay::Monotonic } else { by_time() };
            let mut sender = Numbering::new(way);
            let mut guard = ReplayGuard::new(way);
            let mut millis = 1_700_000_000_000_i64;
            for step in steps {
                millis += step;
                let now = Duration::from_millis(millis.unsigned_abs());
                let sequence = sender.next(now);
                prop_assert_eq!(guard.accept(now, ONE, sequence), Ok(()));
                prop_assert_eq!(guard.accept(now, ONE, sequence), Err(Refused::Replayed));
            }
        }

        #[test]
        fn the_shorter_way_round_counts(from: u64, step in 1..i64::MAX) {
            let from = Sequence(from);
            let to = Sequence(from.0.wrapping_add(step.unsigned_abs()));
            prop_assert!(to.is_after(from));
            prop_assert!(!from.is_after(to));
            prop_assert_eq!(from.distance(to), to.distance(from));
        }
    }
}
