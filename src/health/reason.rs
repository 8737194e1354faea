// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a standing changes, in words.

use std::time::Duration;

use super::hold::Held;
use super::results::Progress;
use crate::model::Standing;

/// The reason of a change. `reason` is that of the last result, `progress` what it has come to, `held` the hold-down
/// that ends or begins.
pub(super) fn because(
    from: Standing,
    to: Standing,
    reason: &str,
    progress: Option<Progress>,
    held: Option<Held>,
) -> Box<str> {
    let said = |plain: &'static str| if reason.is_empty() { plain } else { reason };
    let times = match progress {
        None => "1/1".to_owned(),
        Some(Progress { needed, of, .. }) => match of {
            None => format!("{needed}/{needed}"),
            Some(of) => format!("{needed} of the last {of}"),
        },
    };
    match to {
        Standing::Up(Some(weight)) if from.is_up() => {
            format!("the server asks for {weight}").into()
        }
        Standing::Up(None) if from.is_up() => "the server asks for no weight of its own".into(),
        Standing::Up(_) => {
            let held =
                held.map_or_else(String::new, |held| format!(", for {}", seconds(held.time)));
            format!("check passed, {times}{held}").into()
        }
        Standing::Down => {
            let held = held.map_or_else(String::new, |held| {
                let Held { falls, time, .. } = held;
                format!("; fall number {falls}: it must pass for {}", seconds(time))
            });
            format!("{}, {times}{held}", said("check failed")).into()
        }
        Standing::Drain => said("the server asks for no new connections").into(),
        Standing::Maintenance => said("the server is in maintenance").into(),
        Standing::Unknown => said("nothing is known").into(),
    }
}

/// `20 s`, `0.5 s`
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
