// SPDX-License-Identifier: MIT OR Apache-2.0
//! The demonstration: `lab demo` tells, with real kernels and real traffic, what the director is for.
//!
//! It runs the programs `director`, `realserver` and `lvsadm` that lie beside `lab`, as a person would. Whatever it
//! tells was measured in the same run; what did not hold is said, and is its exit status.

mod config;
mod director;
mod drift;
mod failure;
mod hosts;
mod report;
mod restart;
mod spread;
mod stage;
mod story;
mod takeover;
pub(crate) mod torture;
mod traffic;

use std::process::ExitCode;

use anyhow::Result;

use crate::machines::{Options, Shape, reexec_inside};
use stage::Stage;
use story::Story;

/// The lab that this needs.
fn options() -> Options {
    Options {
        shape: Shape {
            client_addresses: 130,
            ..Shape::default()
        },
        quiet: true,
        ..Options::default()
    }
}

/// Runs the demonstration, in a lab of its own.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(code) = reexec_inside(&options()) {
        return code;
    }
    let mut story = match Stage::enter() {
        Ok(stage) => Story::new(stage),
        Err(error) => return crate::kernel::exit_code(Err(error)),
    };
    let outcome = tell(&mut story);
    story.end(outcome)
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
