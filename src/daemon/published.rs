// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last snapshot: the engine publishes it, all others read it.

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
    /// Replaces the last snapshot. Waits for nobody.
    pub(super) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Some(Arc::new(snapshot)));
        self.changed
            .send_modify(|number| *number = number.wrapping_add(1));
    }

    /// The last one; `None` before the first.
    pub(super) fn latest(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Notifies of every later snapshot. Several at once may be one notification.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
