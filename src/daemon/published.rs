// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last snapshot: put there by the engine, read by everybody else.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::engine::Snapshot;

/// The last snapshot, for any number of readers, and a way to wait for the next one.
#[derive(Debug, Default)]
pub(super) struct Published {
    snapshot: ArcSwapOption<Snapshot>,
    changed: watch::Sender<u64>,
}

impl Published {
    /// Puts the next one in the place of the last. Waits for nobody.
    pub(super) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Some(Arc::new(snapshot)));
        self.changed
            .send_modify(|number| *number = number.wrapping_add(1));
    }

    /// The last one; `None` before the first.
    pub(super) fn latest(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Tells of every snapshot that is published from now on. Several that come at once may be told of together.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
