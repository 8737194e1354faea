// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the IPVS family is not as one would expect: each trap on the real kernel, and our way around it.

#![allow(
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect stops"
)]

mod batches;
mod chance;
mod desk;
mod ipvsadm;
mod listings;
mod refusals;
mod reload;
mod servers;
mod services;
mod simulation;
mod whole;

/// A test: its name, a sentence, and what it does.
type Test = (&'static str, fn());

/// The tests of this folder.
pub(crate) fn tests() -> Vec<Test> {
    let groups = [
        services::tests(),
        servers::tests(),
        refusals::tests(),
        batches::tests(),
        listings::tests(),
        whole::tests(),
        ipvsadm::tests(),
        simulation::tests(),
        reload::tests(),
    ];
    groups.concat()
}

/// Names each test after its function.
macro_rules! named {
    ($($test:ident),* $(,)?) => {
        vec![$((stringify!($test), $test as fn())),*]
    };
}
use named;
