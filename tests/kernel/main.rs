// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that needs a real kernel with IPVS.
//!
//! When the running kernel has IPVS and we are root, the tests run here. Otherwise this program runs again inside the
//! lab's kernel, which boots once, or twice side by side for a half of the tests each. Without either it fails and says
//! what to install: it never skips. Each test gets a network namespace of its own, with `lo` up.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::similar_names,
    clippy::unwrap_used,
    reason = "tests wait for what they made happen, and stop where something is wrong"
)]

mod beside;
mod beyond;
mod commands;
mod compat;
mod director;
mod generated;
mod host;
mod listing;
mod monitor;
mod stage;
mod terminal;
mod top;
mod traffic;
mod traps;
mod watch;

use std::process::ExitCode;

use lab::namespace::Namespace;
use libtest_mimic::{Arguments, Trial, run};

/// One test: its name, a sentence, and what it does.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let inside = std::env::var_os(lab::kernel::INSIDE).is_some();
    let here = lab::kernel::running_is_wanted() || lab::kernel::ipvs_here();
    if !inside && !here {
        // Who asks for some tests sees them run one after the other.
        if std::env::args_os().len() == 1 {
            return lab::kernel::rerun_inside_shared();
        }
        return lab::kernel::rerun_inside(std::env::args_os().skip(1));
    }
    if !inside {
        lab::etc::use_the_labs_names().expect("use the lab's files of names");
    }
    let mut arguments = Arguments::from_args();
    // One at a time: they measure, and the kernel of the lab has one processor.
    arguments.test_threads = Some(1);
    let groups: Vec<(&str, Vec<Test>)> = vec![
        ("beyond", beyond::tests()),
        ("commands", commands::tests()),
        ("compat", compat::tests()),
        ("director", director::tests()),
        ("generated", generated::tests()),
        ("host", host::tests()),
        ("listing", listing::tests()),
        ("monitor", monitor::tests()),
        ("top", top::tests()),
        ("traffic", traffic::tests()),
        ("traps", traps::tests()),
        ("watch", watch::tests()),
    ];
    let trials = groups.into_iter().flat_map(|(group, tests)| {
        tests.into_iter().map(move |(name, test)| {
            Trial::test(format!("{group}::{name}"), move || {
                alone(test);
                Ok(())
            })
        })
    });
    let (part, of) = lab::kernel::share();
    let mine = trials.enumerate().filter(|(index, _)| index % of == part);
    run(&arguments, mine.map(|(_, trial)| trial).collect()).exit_code()
}

/// Runs a test in a fresh network namespace.
fn alone(test: fn()) {
    let namespace = Namespace::fresh().expect("make a network namespace (needs root)");
    namespace.ip("link set lo up").expect("bring lo up");
    namespace.run(test);
}

/// A number of the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok().filter(|text| !text.is_empty());
    given.map_or(otherwise, |text| {
        let number = text.parse();
        number.unwrap_or_else(|_| panic!("{name}={text:?} is no number"))
    })
}
