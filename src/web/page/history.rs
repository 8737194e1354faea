// SPDX-License-Identifier: MIT OR Apache-2.0
//! The latency of checks in the last hour, and its curve.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use super::words::Short;
use crate::control::{ServiceStatus, Status};
use crate::model::ServiceKey;

/// A value is kept so often,
pub(in crate::web) const STEP: Duration = Duration::from_secs(10);
/// and so many of them: an hour.
const KEPT: usize = 360;
/// So many of them are one point of a curve.
const IN_A_POINT: usize = 6;
const POINTS: usize = KEPT / IN_A_POINT;
/// The height of a curve, in its own units.
const HEIGHT: u64 = 20;

/// The slowest check of each service and of all, every ten seconds for an hour.
#[derive(Debug, Default)]
pub(in crate::web) struct History {
    steps: u64,
    all: Ring,
    services: HashMap<ServiceKey, Ring>,
}

/// Microseconds; `None` while no probe had come back.
#[derive(Debug, Default)]
struct Ring(VecDeque<Option<u32>>);

impl Ring {
    fn push(&mut self, value: Option<u32>) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }
}

impl History {
    /// Adds how everything is now.
    pub(in crate::web) fn add(&mut self, status: &Status) {
        let keys: HashSet<_> = status.services.iter().map(|it| it.service).collect();
        self.services.retain(|key, _| keys.contains(key));
        for service in &status.services {
            let ring = self.services.entry(service.service).or_default();
            ring.push(slowest(service));
        }
        self.all
            .push(status.services.iter().filter_map(slowest).max());
        self.steps += 1;
    }

    /// How often something was added.
    pub(in crate::web) const fn steps(&self) -> u64 {
        self.steps
    }

    /// The curve of one service.
    pub(super) fn of(&self, service: &ServiceKey) -> Option<Curve> {
        self.services.get(service).and_then(curve)
    }

    /// The curve of all together.
    pub(super) fn of_all(&self) -> Option<Curve> {
        curve(&self.all)
    }
}

fn slowest(service: &ServiceStatus) -> Option<u32> {
    let checks = service.servers.iter().flat_map(|it| &it.checks);
    let slowest = checks.filter_map(|it| it.latency_microseconds).max()?;
    Some(u32::try_from(slowest).unwrap_or(u32::MAX))
}

/// A curve of at most sixty points, the newest at the right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Curve {
    /// The path, as SVG writes it.
    pub(super) path: String,
    /// The highest value: `3.12 ms`.
    pub(super) most: String,
}

fn curve(ring: &Ring) -> Option<Curve> {
    let values: Vec<_> = ring.0.iter().copied().collect();
    let points: Vec<Option<u32>> = values
        .rchunks(IN_A_POINT)
        .map(|chunk| chunk.iter().copied().flatten().max())
        .collect();
    let most = points.iter().copied().flatten().max()?;
    let mut path = String::with_capacity(points.len() * 6);
    let mut is_down = false;
    for (back, value) in points.iter().enumerate().rev() {
        let Some(value) = value else {
            is_down = false;
            continue;
        };
        let y = HEIGHT - u64::from(*value) * HEIGHT / u64::from(most.max(1));
        let pen = if is_down { 'L' } else { 'M' };
        // Writing to a String cannot fail.
        let _ = write!(path, "{pen}{} {y}", POINTS - 1 - back);
        is_down = true;
    }
    Some(Curve {
        path,
        most: Short(u64::from(most)).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(values: &[Option<u32>]) -> Ring {
        let mut ring = Ring::default();
        for it in values {
            ring.push(*it);
        }
        ring
    }

    #[test]
    fn the_newest_value_is_at_the_right_and_the_highest_at_the_top() {
        let values = [[Some(50); 6], [Some(100); 6]].concat();
        let curve = curve(&ring(&values)).unwrap();
        assert_eq!(curve.path, "M58 10L59 0");
        assert_eq!(curve.most, "0.10 ms");
    }

    #[test]
    fn a_time_without_probes_is_a_gap() {
        let values = [[Some(4); 6], [None; 6], [Some(4); 6]].concat();
        assert_eq!(curve(&ring(&values)).unwrap().path, "M57 0M59 0");
        assert_eq!(curve(&ring(&[None])), None);
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let ring = ring(&[Some(0); KEPT + 7]);
        assert_eq!(ring.0.len(), KEPT);
        let path = curve(&ring).unwrap().path;
        assert!(
            path.starts_with("M0 20L1 20") && path.ends_with("L59 20"),
            "{path}"
        );
    }
}
