// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the pages get what they show, and give what is ordered.

use std::pin::Pin;

use tokio::sync::watch;

use crate::control::{Carried, Status, Told};
use crate::model::{Figures, OrderFor};

/// An answer that comes later.
pub type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where the pages get what they show, and give what is ordered. Nothing in it waits for the engine, but an order does.
pub trait Source: Send + Sync + 'static {
    /// How everything is now; `None` while the director starts.
    fn status(&self) -> Option<Status>;

    /// What the engine has counted.
    fn figures(&self) -> Figures;

    /// Notifies of every later change. Several at once may be one notification.
    fn changes(&self) -> watch::Receiver<u64>;

    /// The events that are kept after the one with this number, the oldest first.
    fn events(&self, after: u64) -> Vec<Told>;

    /// Hands in an order, and waits until it has been carried out. `by` says who gave it; the error is why it was not
    /// carried out.
    fn order(&self, wanted: OrderFor, by: String) -> Waiting<Result<Carried, String>>;
}
