// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the director counts of itself since it began, for those who measure it. It decides nothing.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{NoResult, ProbeKind, Severity};

/// Durations in buckets: how many were at most so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Those in each bucket, not in the ones before; the last has no bound.
    buckets: [u64; Self::BOUNDS.len() + 1],
    sum: Duration,
}

impl Histogram {
    /// The upper bounds: from a part of a wake-up to the longest that a check may take in practice.
    pub const BOUNDS: [Duration; 16] = [
        Duration::from_micros(100),
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2_500),
        Duration::from_secs(5),
        Duration::from_secs(10),
    ];

    /// Adds one.
    pub fn note(&mut self, duration: Duration) {
        let at = Self::BOUNDS.partition_point(|bound| *bound < duration);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.sum = self.sum.saturating_add(duration);
    }

    /// Each bound, with how many were at most so long.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> {
        let sums = self.buckets.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        Self::BOUNDS.into_iter().zip(sums)
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

/// How a probe came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult {
    /// The server answered as it should.
    Success,
    /// It did not, or asked for a drain or for maintenance.
    Failure,
    /// There was none.
    None(NoResult),
}

impl ProbeResult {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Failure,
        Self::None(NoResult::CouldNotRun),
        Self::None(NoResult::NotSupported),
        Self::None(NoResult::NoOpinion),
    ];

    /// Its name, for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::None(NoResult::CouldNotRun) => "could_not_run",
            Self::None(NoResult::NotSupported) => "not_supported",
            Self::None(NoResult::NoOpinion) => "no_opinion",
        }
    }
}

/// How many probes came out how. Of one check: it never comes to the end of these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProbeCounts {
    /// The server answered as it should.
    pub success: u32,
    /// It did not, or asked for a drain or for maintenance.
    pub failure: u32,
    /// The probe could not run, for a reason of this host.
    #[serde(default)]
    pub could_not_run: u32,
    /// The server does not understand it.
    #[serde(default)]
    pub not_supported: u32,
    /// It found nothing that speaks for or against the server.
    #[serde(default)]
    pub no_opinion: u32,
}

impl ProbeCounts {
    /// Adds one.
    pub const fn note(&mut self, result: ProbeResult) {
        let count = match result {
            ProbeResult::Success => &mut self.success,
            ProbeResult::Failure => &mut self.failure,
            ProbeResult::None(NoResult::CouldNotRun) => &mut self.could_not_run,
            ProbeResult::None(NoResult::NotSupported) => &mut self.not_supported,
            ProbeResult::None(NoResult::NoOpinion) => &mut self.no_opinion,
        };
        *count = count.saturating_add(1);
    }

    /// How many came out like this.
    #[must_use]
    pub const fn of(&self, result: ProbeResult) -> u32 {
        match result {
            ProbeResult::Success => self.success,
            ProbeResult::Failure => self.failure,
            ProbeResult::None(NoResult::CouldNotRun) => self.could_not_run,
            ProbeResult::None(NoResult::NotSupported) => self.not_supported,
            ProbeResult::None(NoResult::NoOpinion) => self.no_opinion,
        }
    }

    /// Whether none has come back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The probes of all checks of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TypeFigures {
    outcomes: [u64; ProbeResult::ALL.len()],
    /// How long those took that had a result.
    pub latency: Histogram,
}

impl TypeFigures {
    /// Each outcome, and how often it was.
    pub fn outcomes(&self) -> impl Iterator<Item = (ProbeResult, u64)> {
        ProbeResult::ALL.into_iter().zip(self.outcomes)
    }
}

/// The probes by the type of their checks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbeFigures([TypeFigures; ProbeKind::TYPES.len()]);

impl ProbeFigures {
    /// Adds a probe that took so long.
    pub fn note(&mut self, kind: &ProbeKind, result: ProbeResult, latency: Duration) {
        let name = kind.type_name();
        let position = ProbeKind::TYPES.iter().position(|it| *it == name);
        let Some(figures) = position.and_then(|it| self.0.get_mut(it)) else {
            return;
        };
        let outcomes = ProbeResult::ALL.iter().zip(&mut figures.outcomes);
        for (_, count) in outcomes.filter(|(it, _)| **it == result) {
            *count += 1;
        }
        match result {
            ProbeResult::Success | ProbeResult::Failure => figures.latency.note(latency),
            ProbeResult::None(_) => {}
        }
    }

    /// The types of which a probe has come back.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &TypeFigures)> {
        let all = ProbeKind::TYPES.into_iter().zip(&self.0);
        all.filter(|(_, figures)| figures.outcomes.iter().any(|count| *count > 0))
    }
}

/// What the engine has counted since it began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// The probes that have come back.
    pub probes: Arc<ProbeFigures>,
    /// How late the engine came to what was due.
    pub lag: Histogram,
    /// How late it was at most.
    pub longest_lag: Duration,
    /// From the return of the probe that decided a verdict to the kernel's confirmation of what it changed.
    pub verdict_delay: Histogram,
    /// Steps that the kernel has carried out.
    pub steps: u64,
    /// Steps that it has refused.
    pub refused_steps: u64,
    /// Exchanges with the kernel that failed as a whole.
    pub failed_exchanges: u64,
    /// Reloads that were carried out.
    pub reloads: u64,
    /// Reloads that were refused.
    pub refused_reloads: u64,
    /// What was told, by [`Severity`].
    told: [u64; Severity::ALL.len()],
}

impl Figures {
    /// Counts something that was told.
    pub fn tell(&mut self, severity: Severity) {
        let counts = Severity::ALL.iter().zip(&mut self.told);
        for (_, count) in counts.filter(|(it, _)| **it == severity) {
            *count += 1;
        }
    }

    /// Notes that the engine came so late to what was due.
    pub fn late(&mut self, by: Duration) {
        self.lag.note(by);
        self.longest_lag = self.longest_lag.max(by);
    }

    /// How often something of each severity was told.
    pub fn told(&self) -> impl Iterator<Item = (Severity, u64)> {
        Severity::ALL.into_iter().zip(self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        let mut histogram = Histogram::default();
        for micros in [100, 101, 20_000_000] {
            histogram.note(Duration::from_micros(micros));
        }
        let counts: Vec<u64> = histogram.cumulative().map(|(_, count)| count).collect();
        assert_eq!((counts[0], counts[1], counts[15]), (1, 2, 2));
        assert_eq!(histogram.count(), 3);
        assert_eq!(histogram.sum(), Duration::from_micros(20_000_201));
    }

    #[test]
    fn bounds_rise() {
        assert!(Histogram::BOUNDS.is_sorted());
    }

    #[test]
    fn probes_count_by_type_and_outcome_and_only_results_have_a_latency() {
        let mut figures = ProbeFigures::default();
        let took = Duration::from_millis(3);
        for result in ProbeResult::ALL {
            figures.note(&ProbeKind::Tcp, result, took);
        }
        figures.note(&ProbeKind::Tcp, ProbeResult::Success, took);
        let all: Vec<_> = figures.each().collect();
        assert_eq!(all.len(), 1);
        let (name, tcp) = all[0];
        assert_eq!(name, "tcp");
        let counts: Vec<u64> = tcp.outcomes().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 1, 1, 1, 1]);
        assert_eq!(tcp.latency.count(), 3);
    }

    #[test]
    fn what_is_told_counts_by_severity() {
        let mut figures = Figures::default();
        figures.tell(Severity::Error);
        figures.tell(Severity::Error);
        figures.tell(Severity::Info);
        let counts: Vec<u64> = figures.told().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 0, 2]);
    }
}
