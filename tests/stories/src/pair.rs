// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two directors with a kernel each, and a story of both.

use std::process::ExitCode;

use anyhow::Result;
use lab::machines::{Options, reexec_inside};

use super::director::Director;
use super::report::Report;
use super::stage::Stage;

/// The hosts of the two directors.
pub(super) const NAMES: [&str; 2] = ["director1", "director2"];

/// Plays a story of both, in a lab of its own. Where it does not go well, the ends of both logs follow.
#[must_use]
pub(super) fn play(tell: impl FnOnce(&Stage, &mut Report) -> Result<()>) -> ExitCode {
    let mut options: Options = super::demo::options();
    options.shape.directors = 2;
    if let Some(code) = reexec_inside(&options) {
        return code;
    }
    let mut report = Report::new();
    let outcome = Stage::enter().and_then(|stage| {
        let outcome = tell(&stage, &mut report);
        if outcome.is_err() || !report.is_well() {
            for name in NAMES {
                let log = Director::on(&stage.lab, name).log_tail(40);
                report.line(&format!("\n--- the end of the log of {name}\n{log}"));
            }
        }
        outcome
    });
    if let Err(error) = outcome {
        report.check(false, &format!("{error:#}"));
    }
    if report.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
