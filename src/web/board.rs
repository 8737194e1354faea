// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all readers of the pages share: the last state that was asked for.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::source::Source;
use crate::control::Status;

/// Nobody needs a newer state than this: it is made once in this time, for all readers together.
const FRESH: Duration = Duration::from_millis(500);

/// The last state, for any number of readers.
pub struct Board {
    source: Arc<dyn Source>,
    last: Mutex<Option<Arc<Look>>>,
}

/// The state at one moment, and what was made of it.
pub struct Look {
    /// How everything was.
    pub status: Status,
    at: Instant,
    json: OnceLock<Bytes>,
}

impl Board {
    /// A board that shows what this source says.
    #[must_use]
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self {
            source,
            last: Mutex::new(None),
        }
    }

    /// What it shows.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// The state, at most half a second old; `None` while the director starts.
    #[must_use]
    pub fn look(&self) -> Option<Arc<Look>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = last
            .as_ref()
            .filter(|look| now().duration_since(look.at) < FRESH)
        {
            return Some(Arc::clone(look));
        }
        let look = Arc::new(Look {
            status: self.source.status()?,
            at: now(),
            json: OnceLock::new(),
        });
        *last = Some(Arc::clone(&look));
        Some(look)
    }
}

impl Look {
    /// The status as JSON.
    pub fn json(&self) -> Bytes {
        let make = || serde_json::to_vec(&self.status).unwrap_or_default().into();
        self.json.get_or_init(make).clone()
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "how old a page or a session is, only the rim can say"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
