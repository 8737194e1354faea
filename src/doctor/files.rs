// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director's files.

use super::facts::{Facts, Place, PlaceState};
use super::finding::{Fact, Trouble};

/// Less is an error: the state of ten thousand services has about one MiB.
const LITTLE: u64 = 1024 * 1024;
/// Less is worth a warning.
const SCARCE: u64 = 32 * LITTLE;

/// Without a configuration most checks cannot look.
#[expect(
    clippy::unnecessary_wraps,
    reason = "every row of the table has this form"
)]
pub(super) fn configuration(facts: &Facts) -> Fact<Vec<Trouble>> {
    Ok(match facts.config() {
        Ok(_) => Vec::new(),
        Err(why) => vec![
            Trouble::error(
                why.to_string(),
                "A director cannot start with it, and most of these checks cannot look.",
            )
            .mended_by("director check"),
        ],
    })
}

fn each(facts: &Facts, of: impl Fn(&Place, PlaceState) -> Option<Trouble>) -> Fact<Vec<Trouble>> {
    let mut troubles = Vec::new();
    for place in &facts.places {
        if let Some(state) = place.state.clone()? {
            troubles.extend(of(place, state));
        }
    }
    Ok(troubles)
}

/// Who may write there can say which services are the director's.
pub(super) fn directories(facts: &Facts) -> Fact<Vec<Trouble>> {
    each(facts, |place, state| {
        let directory = place.directory.display();
        state.writable_by_others.then(|| {
            Trouble::warning(
                format!("others than its owner may write to {directory}"),
                "Whoever may write there can replace the director's files, and so have it remove services.",
            )
            .mended_by(format!("chmod go-w {directory}"))
        })
    })
}

/// Orders and standings are written down.
pub(super) fn room(facts: &Facts) -> Fact<Vec<Trouble>> {
    each(facts, |place, state| {
        let directory = place.directory.display();
        let why = "The director cannot write down its services, orders and standings: they are lost at its next start.";
        if state.read_only {
            let trouble =
                Trouble::error(format!("the file system of {directory} is read-only"), why);
            return Some(
                trouble.mended_by(format!("mount -o remount,rw \"$(stat -c %m {directory})\"")),
            );
        }
        let files = state.free_files == Some(0);
        let what = if files {
            format!("the file system of {directory} can have no more files")
        } else {
            format!(
                "{} KiB are left on the file system of {directory}",
                state.free_bytes / 1024
            )
        };
        let trouble = if files || state.free_bytes < LITTLE {
            Trouble::error(what, why)
        } else if state.free_bytes < SCARCE {
            Trouble::warning(what, why)
        } else {
            return None;
        };
        Some(trouble.mended_by(format!(
            "du -xh --max-depth=1 \"$(stat -c %m {directory})\" | sort -h    # find what to remove"
        )))
    })
}
