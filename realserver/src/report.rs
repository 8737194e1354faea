// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person or a script is told.

use std::fmt::Write;

use serde::Serialize;

use crate::parts::{Outcome, Part, PartState};
use crate::placement::Placement;
use crate::plan::Change;

/// What an action did, or found. This is what `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `start`, `stop` or `status`.
    pub action: &'static str,
    /// What this host is now, as far as the VIPs in question are concerned.
    pub outcome: Outcome,
    /// The VIPs in question.
    pub vips: Vec<Placement>,
    /// What was changed, in order. A status changes nothing.
    pub changes: Vec<Change>,
    /// Every part as it is now. A stop lists those of VIPs that it left there.
    pub parts: Vec<Part>,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// What `--json` prints when an action failed.
#[derive(Debug, Serialize)]
pub struct FailureReport {
    /// `start`, `stop` or `status`.
    pub action: &'static str,
    /// Always `failed`.
    pub outcome: &'static str,
    /// Why.
    pub error: String,
    /// What the program ends with.
    pub exit_code: u8,
}

impl Report {
    /// The text for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        for change in &self.changes {
            writeln!(out, "{change}")?;
        }
        if self.action == "status" {
            for part in &self.parts {
                write_part(out, part)?;
            }
        }
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
        }
        writeln!(out, "{}", self.summary())
    }

    fn summary(&self) -> String {
        let vips: std::collections::BTreeSet<_> = self.vips.iter().map(|at| at.vip).collect();
        let vips: Vec<String> = vips.iter().map(ToString::to_string).collect();
        let of = if vips.is_empty() {
            "real server".to_owned()
        } else {
            format!("real server for {}", vips.join(", "))
        };
        let unchanged = self.action != "status" && self.changes.is_empty();
        match self.outcome {
            Outcome::Running if unchanged => format!("{of}: running already, nothing changed"),
            Outcome::Running => format!("{of}: running"),
            Outcome::Stopped if unchanged => format!("{of}: stopped already, nothing changed"),
            Outcome::Stopped => format!("{of}: stopped"),
            Outcome::HalfSetUp => {
                let total = self.parts.len();
                let ok = |part: &&Part| part.state == PartState::Ok;
                let good = self.parts.iter().filter(ok).count();
                let wrong = self.parts.iter().any(|part| part.state == PartState::Wrong);
                let first = if wrong {
                    "mend what is wrong, then "
                } else {
                    ""
                };
                format!(
                    "{of}: half set up, {good} of {total} parts are right; {first}complete it with: {}",
                    self.start_command()
                )
            }
        }
    }

    fn start_command(&self) -> String {
        let tunneled = self.vips.iter().filter(|at| at.device.tunnel().is_some());
        let (tunneled, all) = (tunneled.count(), self.vips.len());
        let mut command = "realserver start".to_owned();
        if tunneled > 0 && tunneled < all {
            // Some of each: only the configuration says which.
            return command;
        }
        for placement in &self.vips {
            command.push_str(" --vip ");
            command.push_str(&placement.vip.to_string());
        }
        if tunneled > 0 {
            command.push_str(" --tun");
        }
        command
    }
}

fn write_part(out: &mut String, part: &Part) -> std::fmt::Result {
    let state = match part.state {
        PartState::Ok => "ok",
        PartState::Missing => "missing",
        PartState::Wrong => "wrong",
    };
    write!(out, "{state:<8} {}", part.part)?;
    if let Some(detail) = &part.detail {
        write!(out, " ({detail})")?;
    }
    if let Some(mend) = &part.mend {
        write!(out, "; mend it with: {mend}")?;
    }
    out.push('\n');
    Ok(())
}
