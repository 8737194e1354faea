// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real packets through a table, which the director's own code made if nothing else is said.

mod forecast;
mod forwarding;
mod growth;
mod maglev;
mod persistence;
mod schedulers;
mod sniffer;
mod sync;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    [
        forwarding::tests(),
        schedulers::tests(),
        persistence::tests(),
        growth::tests(),
        maglev::tests(),
        forecast::tests(),
        sync::tests(),
    ]
    .concat()
}
