// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the standings of a server's checks to the standing of the server.

use crate::model::{Need, Standing, Weight};

/// The standing of a server, from all of its checks.
///
/// The server is down when too many checks are down: the others are not enough. Otherwise, one check that reports
/// maintenance, or drain, decides. Otherwise it is up when enough checks are up, with the smallest weight that one of
/// them asks for. A server without checks is up.
pub(super) fn combine(need: Need, checks: impl Iterator<Item = Standing>) -> Standing {
    let mut seen = Seen::default();
    for standing in checks {
        seen.count(standing);
    }
    if seen.checks == 0 {
        return Standing::UP;
    }
    let needed = need.of(seen.checks);
    if seen.checks - seen.down < needed {
        Standing::Down
    } else if seen.maintenance {
        Standing::Maintenance
    } else if seen.drain {
        Standing::Drain
    } else if seen.up >= needed {
        Standing::Up(seen.weight)
    } else {
        Standing::Unknown
    }
}

#[derive(Default)]
struct Seen {
    checks: usize,
    up: usize,
    down: usize,
    maintenance: bool,
    drain: bool,
    weight: Option<Weight>,
}

impl Seen {
    fn count(&mut self, standing: Standing) {
        self.checks += 1;
        match standing {
            Standing::Unknown => {}
            Standing::Up(weight) => {
                self.up += 1;
                self.weight = match (self.weight, weight) {
                    (Some(smallest), Some(weight)) => Some(smallest.min(weight)),
                    (smallest, weight) => smallest.or(weight),
                };
            }
            Standing::Down => self.down += 1,
            Standing::Drain => self.drain = true,
            Standing::Maintenance => self.maintenance = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: Standing = Standing::UP;

    const fn up(weight: u32) -> Standing {
        Standing::Up(Weight::new(weight))
    }

    #[test]
    fn the_standings_of_checks_make_the_standing_of_a_server() {
        use Need::{All, Any, AtLeast};
        use Standing::{Down, Drain, Maintenance, Unknown};
        let table: &[(Need, &[Standing], Standing)] = &[
            (All, &[], UP),
            (Any, &[], UP),
            // One check alone.
            (All, &[Unknown], Unknown),
            (All, &[UP], UP),
            (All, &[up(5)], up(5)),
            (All, &[Down], Down),
            (Any, &[Drain], Drain),
            (Any, &[Maintenance], Maintenance),
            // All.
            (All, &[UP, UP], UP),
            (All, &[UP, Unknown], Unknown),
            (All, &[Unknown, Down], Down),
            (All, &[UP, Down], Down),
            // Any.
            (Any, &[UP, Down], UP),
            (Any, &[UP, Unknown], UP),
            (Any, &[Unknown, Down], Unknown),
            (Any, &[Down, Down], Down),
            // At least this many.
            (AtLeast(2), &[UP, UP, Down], UP),
            (AtLeast(2), &[UP, Unknown, Down], Unknown),
            (AtLeast(2), &[UP, Down, Down], Down),
            (AtLeast(9), &[UP, UP], UP),
            (AtLeast(0), &[UP, Down], UP),
            // A wish for no new connections wins over up, but not over down.
            (All, &[UP, Drain], Drain),
            (All, &[Drain, Maintenance], Maintenance),
            (All, &[Unknown, Maintenance], Maintenance),
            (All, &[Drain, Down], Down),
            (Any, &[UP, Drain], Drain),
            (Any, &[Drain, Down], Drain),
            (AtLeast(2), &[Maintenance, Down, Down], Down),
            // The smallest weight that an up check asks for.
            (All, &[up(7), UP, up(3)], up(3)),
            (Any, &[UP, up(0)], up(0)),
            (Any, &[Down, up(4)], up(4)),
        ];
        for (need, checks, expected) in table {
            let combined = combine(*need, checks.iter().copied());
            assert_eq!(combined, *expected, "{need:?} of {checks:?}");
        }
    }
}
