// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hold-down of a server that goes down again soon after it has come back.

use std::time::Duration;

use crate::model::{HoldDown, Timestamp};

/// What a checker keeps of the falls of its server. There is none before the first fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    /// The falls one soon after the other: 1 for one that stands alone.
    falls: u32,
    /// When the server came back last.
    back: Option<Timestamp>,
    /// When the first of its present successes in a row was asked for.
    passing: Option<Timestamp>,
}

/// How a server that is down is held down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its falls one soon after the other, the present one included: at least 2.
    pub falls: u32,
    /// For so long its check must pass.
    pub time: Duration,
    /// When that is over, if it goes on to pass; `None` while it does not pass.
    pub until: Option<Timestamp>,
}

impl Hold {
    /// Of a server that another director holds down: it lasts.
    pub(super) const BELIEVED: Self = Self {
        falls: 2,
        back: None,
        passing: None,
    };

    /// The server has gone down. A server that had been back for as long as the ceiling begins anew.
    pub(super) fn fallen(before: Option<Self>, now: Timestamp, rule: HoldDown) -> Self {
        let soon = |hold: &Self| hold.back.is_some_and(|back| now < back + rule.ceiling);
        let falls = before.filter(soon).map_or(0, |hold| hold.falls);
        Self {
            falls: falls.saturating_add(1),
            back: None,
            passing: None,
        }
    }

    /// The server is no longer down.
    pub(super) const fn come_back(&mut self, now: Timestamp) {
        self.back = Some(now);
    }

    /// A probe of the server, which is down, that was asked for at this time, has passed or not.
    pub(super) fn note(&mut self, asked: Timestamp, passed: bool) {
        self.passing = passed.then(|| self.passing.unwrap_or(asked));
    }

    /// How the server is held down, while it is down. The first fall has no hold-down; each further one doubles it.
    pub(super) fn held(self, rule: HoldDown) -> Option<Held> {
        let doublings = self.falls.checked_sub(2)?;
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let time = rule.first.saturating_mul(factor).min(rule.ceiling);
        Some(Held {
            falls: self.falls,
            time,
            until: self.passing.map(|passing| passing + time),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: HoldDown = HoldDown {
        first: Duration::from_secs(5),
        ceiling: Duration::from_secs(60),
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::after_start(Duration::from_secs(seconds))
    }

    /// The hold-down after each fall, in seconds; `back` says how long the server was back before it.
    #[test]
    fn the_hold_down_doubles_up_to_the_ceiling_and_begins_anew_after_a_time_as_long_as_the_ceiling()
    {
        let mut now = at(0);
        let mut hold = None;
        for (back, seconds) in [
            (0, None),
            (1, Some(5)),
            (59, Some(10)),
            (1, Some(20)),
            (1, Some(40)),
            (1, Some(60)),
            (59, Some(60)),
            (60, None),
            (59, Some(5)),
        ] {
            if let Some(hold) = &mut hold {
                Hold::come_back(hold, now);
            }
            now = now + Duration::from_secs(back);
            let fallen = Hold::fallen(hold, now, RULE);
            let time = fallen.held(RULE).map(|held| held.time.as_secs());
            assert_eq!(time, seconds, "after {back} s");
            hold = Some(fallen);
        }
    }

    #[test]
    fn the_time_runs_from_the_first_of_the_successes_in_a_row() {
        let mut hold = Hold::fallen(None, at(0), RULE);
        hold.come_back(at(0));
        hold = Hold::fallen(Some(hold), at(1), RULE);
        let until = |hold: &Hold| hold.held(RULE).unwrap().until;
        assert_eq!(until(&hold), None);
        hold.note(at(2), true);
        hold.note(at(4), true);
        assert_eq!(until(&hold), Some(at(7)));
        hold.note(at(6), false);
        assert_eq!(until(&hold), None);
        hold.note(at(8), true);
        assert_eq!(until(&hold), Some(at(13)));
    }

    #[test]
    fn many_falls_are_held_down_for_the_ceiling() {
        let many = Hold {
            falls: u32::MAX,
            back: Some(at(0)),
            passing: None,
        };
        let held = Hold::fallen(Some(many), at(1), RULE).held(RULE).unwrap();
        assert_eq!(held.time, RULE.ceiling);
    }
}
