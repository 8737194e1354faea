// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real packets through a table that the director's own code made.

mod forwarding;
mod persistence;
mod schedulers;
mod sniffer;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    [
        forwarding::tests(),
        schedulers::tests(),
        persistence::tests(),
    ]
    .concat()
}
