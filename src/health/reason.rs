// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a standing changes, in words.

use super::results::Progress;
use crate::model::Standing;

/// The reason of a change. `reason` is that of the last result, `progress` what it has come to.
pub(super) fn because(
    from: Standing,
    to: Standing,
    reason: &str,
    progress: Option<Progress>,
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
            format!("the server asks for weight {weight}").into()
        }
        Standing::Up(None) if from.is_up() => "the server asks for no weight of its own".into(),
        Standing::Up(_) => format!("check passed, {times}").into(),
        Standing::Down => format!("{}, {times}", said("check failed")).into(),
        Standing::Drain => said("the server asks for no new connections").into(),
        Standing::Maintenance => said("the server is in maintenance").into(),
        Standing::Unknown => said("nothing is known").into(),
    }
}
