// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random drains, many of them, with clients at work: what is promised about them holds.
//!
//! A round is a director with ten services, and one drain in each. Its seed chooses the services, the kind of each drain,
//! and what else happens meanwhile; not the exact moments, which the machine has a part in. `DRAINS` says how many drains
//! are played, `SEED` which seed the first round has. What is asked is the order of events, never how long they take.

mod clients;
mod round;
mod service;

use std::time::Instant;

use crate::{Test, number};

/// One in each service of a round.
const EACH_ROUND: u64 = 10;
const FIRST_SEED: u64 = 1;

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "random_drains_get_nothing_new_break_nothing_old_and_empty_no_pool",
        played,
    )]
}

fn played() {
    let drains = number("DRAINS", EACH_ROUND);
    let first = number("SEED", FIRST_SEED);
    let begun = Instant::now();
    let mut failed = Vec::new();
    let rounds = drains.div_ceil(EACH_ROUND);
    for seed in first..first + rounds {
        let wrong = round::play(seed);
        for line in &wrong {
            eprintln!("seed {seed}: {line}");
        }
        if !wrong.is_empty() {
            failed.push(seed);
        }
    }
    let took = begun.elapsed().as_secs();
    println!(
        "{} drains, seeds {first} to {}, in {took} s: {} rounds failed",
        rounds * EACH_ROUND,
        first + rounds - 1,
        failed.len()
    );
    assert!(
        failed.is_empty(),
        "again: make drains DRAINS={EACH_ROUND} SEED=N, for each N of {failed:?}"
    );
}
