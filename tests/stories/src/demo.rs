// SPDX-License-Identifier: MIT OR Apache-2.0
//! The demonstration: `stories demo` shows the director's purpose with real kernels and real traffic.
//!
//! It runs the programs `director`, `realserver` and `lvsadm` as a person would. It measures every figure in the same
//! run.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use lab::machines::{Options, Shape, reexec_inside};

use super::stage::Stage;
use super::story::Story;
use super::{drift, failure, hosts, restart, spread, takeover};

/// The lab that the stories need.
pub(super) fn options() -> Options {
    Options {
        shape: Shape {
            client_addresses: 130,
            ..Shape::default()
        },
        quiet: true,
        ..Options::default()
    }
}

/// Runs the demonstration, in a lab of its own. A printed run to compare with must have the same headings and figures.
#[must_use]
pub(super) fn main(like: Option<&Path>) -> ExitCode {
    if let Some(code) = reexec_inside(&options()) {
        return code;
    }
    // The stage is another directory: the file is read before.
    let opened = printed(like).and_then(|printed| Ok((printed, Story::new(Stage::enter()?))));
    let (printed, mut story) = match opened {
        Ok(opened) => opened,
        Err(error) => return lab::kernel::exit_code(Err(error)),
    };
    let outcome = tell(&mut story);
    if outcome.is_ok()
        && let (Some(file), Some(printed)) = (like, printed)
    {
        story.report.compare(&file.display().to_string(), &printed);
    }
    story.end(outcome)
}

fn printed(file: Option<&Path>) -> Result<Option<String>> {
    let read =
        |file: &Path| fs::read_to_string(file).with_context(|| format!("read {}", file.display()));
    file.map(read).transpose()
}

fn tell(story: &mut Story) -> Result<()> {
    story.introduce();
    hosts::tell(story)?;
    takeover::tell(story)?;
    spread::tell(story)?;
    let mut traffic = story.start_traffic();
    failure::power_cut(story, &mut traffic)?;
    failure::power_back(story)?;
    failure::service_killed(story, &mut traffic)?;
    drift::tell(story, &mut traffic)?;
    restart::stopped(story, &mut traffic)?;
    restart::killed(story, &mut traffic)?;
    story.add_up(traffic);
    Ok(())
}
