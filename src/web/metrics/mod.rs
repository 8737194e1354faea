// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/metrics`: the director's state for Prometheus.
//!
//! The text is made from values alone, once for all who ask at about the same time ([`Board`](super::Board)).

mod director;
mod families;
mod routers;
mod servers;
#[cfg(test)]
mod tests;
mod text;

pub(super) use text::CONTENT_TYPE;

use self::text::Text;
use super::traffic::Reading;
use crate::control::Status;
use crate::model::Figures;

/// What the text is made from.
pub(super) struct Known<'a> {
    /// How everything is.
    pub(super) status: &'a Status,
    /// What the engine has counted.
    pub(super) figures: &'a Figures,
    /// What the kernel has counted; `None` when it could not be read.
    pub(super) kernel: Option<&'a Reading>,
    /// When the director started, in seconds since 1970.
    pub(super) started: u64,
}

/// The whole text.
pub(super) fn render(known: &Known<'_>) -> String {
    let mut text = Text::default();
    director::write(&mut text, known);
    servers::write(&mut text, known);
    routers::write(&mut text, known.status);
    text.finish()
}
