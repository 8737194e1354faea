// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which requests were lost, and which of these an attack had to cost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use lab::load::{Kind, Sample};

use super::attack::Attack;

/// Held connections ask five times a second: one that broke may be noticed later.
const NOTICED: Duration = Duration::from_secs(1);
/// So many lost requests are told one by one.
const TOLD: usize = 3;

/// A time in which requests had to fail, whatever the director did. All moments count from the start of the load.
#[derive(Clone, Debug)]
pub(super) struct Excuse {
    /// From the cause to its end.
    pub(super) window: Range<Duration>,
    /// Only for clients of this server.
    pub(super) server: Option<&'static str>,
}

/// An attack, and when it was made.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) attack: Attack,
    pub(super) window: Range<Duration>,
}

/// What became of the requests of one span.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Count {
    /// All requests.
    pub(super) asked: usize,
    /// Those that had to fail.
    pub(super) excused: usize,
    /// The others without an answer: when, on which connection, why.
    pub(super) lost: Vec<String>,
}

impl fmt::Display for Count {
    /// `1017 requests, 0 lost, 18 failed that had to`, and the first that were lost.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} lost", self.asked, self.lost.len())?;
        for lost in self.lost.iter().take(TOLD) {
            write!(f, " ({lost})")?;
        }
        if self.excused > 0 {
            write!(f, ", {} failed that had to", self.excused)?;
        }
        Ok(())
    }
}

/// How many client addresses have asked on connections of this kind.
pub(super) fn clients(samples: &[Sample], kind: Kind) -> usize {
    let asked = samples.iter().filter(|sample| sample.kind == kind);
    let sources: BTreeSet<IpAddr> = asked.filter_map(|sample| sample.source).collect();
    sources.len()
}

/// Counts the requests of each span.
pub(super) fn judge(spans: &[Span], excuses: &[Excuse], samples: &[Sample]) -> Vec<Count> {
    let count = |span: &Span| {
        let mut count = Count::default();
        for sample in samples.iter().filter(|it| span.window.contains(&it.at)) {
            count.asked += 1;
            let Err(why) = &sample.outcome else { continue };
            if excuses.iter().any(|it| it.covers(sample, samples)) {
                count.excused += 1;
            } else {
                let (at, kind) = (sample.at.as_secs_f64(), sample.kind);
                let kind = match kind {
                    Kind::Short => "new",
                    Kind::Held => "held",
                };
                count.lost.push(format!("{at:.2} s, {kind}: {why}"));
            }
        }
        count
    };
    spans.iter().map(count).collect()
}

impl Excuse {
    fn covers(&self, sample: &Sample, all: &[Sample]) -> bool {
        let grace = match sample.kind {
            Kind::Short => Duration::ZERO,
            Kind::Held => NOTICED,
        };
        let Range { start, end } = self.window;
        let is_within = sample.at <= end + grace && sample.at + sample.took >= start;
        let bound = || last_answers(all, sample.kind, start);
        let is_its = |name: &str| {
            let server = sample
                .source
                .and_then(|source| bound().get(&source).copied());
            server == Some(name)
        };
        is_within && self.server.is_none_or(is_its)
    }
}

/// The server that last answered each client address before this moment.
fn last_answers(samples: &[Sample], kind: Kind, before: Duration) -> BTreeMap<IpAddr, &str> {
    let mut answered: Vec<&Sample> = samples
        .iter()
        .filter(|it| it.kind == kind && it.at < before && it.outcome.is_ok())
        .collect();
    answered.sort_by_key(|sample| sample.at);
    answered
        .into_iter()
        .filter_map(|sample| Some((sample.source?, sample.outcome.as_deref().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lab::load::{Kind, Sample};

    use super::{Excuse, Span, judge};
    use crate::torture::attack::Attack;

    fn sample(at: u64, took: u64, kind: Kind, outcome: Result<&str, &str>) -> Sample {
        Sample {
            at: Duration::from_millis(at),
            took: Duration::from_millis(took),
            source: Some("192.168.0.100".parse().unwrap()),
            kind,
            outcome: outcome.map(str::to_owned).map_err(str::to_owned),
        }
    }

    /// How many of these are excused and lost, with a failure from 5 s to 6 s.
    fn judged(server: Option<&'static str>, samples: &[Sample]) -> (usize, usize) {
        let seconds = Duration::from_secs;
        let span = Span {
            attack: Attack::Wiped,
            window: Duration::ZERO..seconds(20),
        };
        let excuse = Excuse {
            window: seconds(5)..seconds(6),
            server,
        };
        let counts = judge(&[span], &[excuse], samples);
        let count = counts.first().unwrap();
        assert_eq!(count.asked, samples.len());
        (count.excused, count.lost.len())
    }

    #[test]
    fn a_failure_is_excused_while_its_cause_lasts() {
        let (short, held) = (Kind::Short, Kind::Held);
        for (at, took, kind, expected) in [
            (4000, 999, short, (0, 1)),
            (4000, 1000, short, (1, 0)),
            (5500, 1, short, (1, 0)),
            (6001, 1, short, (0, 1)),
            (6001, 1, held, (1, 0)),
            (7001, 1, held, (0, 1)),
        ] {
            let sample = sample(at, took, kind, Err("reset"));
            assert_eq!(judged(None, &[sample]), expected, "{at} {took} {kind:?}");
        }
    }

    #[test]
    fn an_answer_needs_no_excuse() {
        let sample = sample(5500, 1, Kind::Short, Ok("rs1"));
        assert_eq!(judged(None, &[sample]), (0, 0));
    }

    #[test]
    fn only_clients_of_the_dead_server_are_excused() {
        let failed = || sample(5500, 1, Kind::Short, Err("reset"));
        let bound = |name| sample(1000, 1, Kind::Short, Ok(name));
        assert_eq!(judged(Some("rs3"), &[bound("rs3"), failed()]), (1, 0));
        assert_eq!(judged(Some("rs3"), &[bound("rs1"), failed()]), (0, 1));
        assert_eq!(judged(Some("rs3"), &[failed()]), (0, 1));
    }
}
