// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the standings of a server's checks to the standing of the server.

use crate::model::{AskedWeight, Need, Standing};

/// The standing of a server, from all of its checks.
///
/// The server is down when too many checks are down: the others are not enough. Otherwise, one check that reports
/// maintenance, or drain, decides. Otherwise it is up when enough checks are up, with the smallest weight that one of
/// them asks for. A server without checks is up. A check that abstains (`None`) does not count; when all do, nothing is
/// known.
pub(super) fn combine(need: Need, checks: impl Iterator<Item = Option<Standing>>) -> Standing {
    let mut seen = Seen::default();
    let mut abstained = false;
    for standing in checks {
        match standing {
            Some(standing) => seen.count(standing),
            None => abstained = true,
        }
    }
    match (seen.checks, abstained) {
        (0, false) => return Standing::UP,
        (0, true) => return Standing::Unknown,
        (1.., _) => {}
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
    weight: Option<AskedWeight>,
}

impl Seen {
    fn count(&mut self, standing: Standing) {
        self.checks += 1;
        match standing {
            Standing::Unknown => {}
            Standing::Up(weight) => {
                self.up += 1;
                self.weight = match (self.weight, weight) {
                    (Some(smallest), Some(weight)) => Some(smallest.smallest(weight)),
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
    use crate::model::Weight;

    const UP: Standing = Standing::UP;

    fn up(weight: u32) -> Standing {
        let weight = Weight::new(weight).map(AskedWeight::Weight);
        Standing::Up(weight)
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
            let combined = combine(*need, checks.iter().copied().map(Some));
            assert_eq!(combined, *expected, "{need:?} of {checks:?}");
        }
    }

    #[test]
    fn a_check_without_an_opinion_leaves_the_verdict_to_the_others() {
        use Need::{All, Any, AtLeast};
        use Standing::{Down, Drain, Unknown};
        let table: &[(Need, &[Option<Standing>], Standing)] = &[
            (All, &[None], Unknown),
            (Any, &[None, None], Unknown),
            (All, &[None, Some(UP)], UP),
            (All, &[None, Some(Unknown)], Unknown),
            (All, &[Some(Down), None], Down),
            (Any, &[Some(Down), None], Down),
            (AtLeast(2), &[Some(UP), None], UP),
            (AtLeast(2), &[Some(UP), Some(Down), None], Down),
            (All, &[None, Some(Drain)], Drain),
        ];
        for (need, checks, expected) in table {
            let combined = combine(*need, checks.iter().copied());
            assert_eq!(combined, *expected, "{need:?} of {checks:?}");
        }
    }
}
