// SPDX-License-Identifier: MIT OR Apache-2.0
//! The LVS side.

use super::draft::Draft;
use crate::import::statement::Statement;

/// Reads the blocks of the LVS side.
pub(super) fn read(_: &[&Statement], _: &mut Draft<'_>) {}
