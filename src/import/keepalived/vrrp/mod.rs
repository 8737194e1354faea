// SPDX-License-Identifier: MIT OR Apache-2.0
//! The VRRP side.

use super::draft::Draft;
use super::keywords::not_carried_over;
use crate::diagnostic::Severity;
use crate::import::statement::Statement;

/// Reads the VRRP side: the lines of `global_defs` that are its own, and its blocks at the root.
pub(super) fn read(globals: &[&Statement], roots: &[&Statement], draft: &mut Draft<'_>) {
    for statement in globals.iter().chain(roots) {
        let why = "virtual routers are not read yet";
        let finding = not_carried_over(statement, Severity::Warning, why);
        draft.out.push(finding);
    }
}
