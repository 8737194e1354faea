// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the README promises, and the attacks on each promise.
//!
//! Every attack ends with the same question: is all as promised? The attacks that are named here are aimed at their
//! promise: without it they would cost something.

use super::attack::Attack::{
    self, ChecksNotRun, EditedByHand, ForeignKey, IpvsUnloaded, KilledAtWork, KilledReloading,
    KilledStarting, LinkDown, LogDiskFull, MistakenReload, Ordered, RefusedReload, Restarted,
    StateDiskFull, Suspended, Wiped,
};

/// The sentences of the README, and the attacks on them.
pub(super) const PROMISES: [(&str, &[Attack]); 5] = [
    (
        "A restart, an upgrade or a `kill -9` of the director loses no connection: the kernel goes on forwarding, and \
         the next start takes over what it finds.",
        &[
            KilledAtWork,
            Restarted,
            Ordered,
            KilledStarting,
            KilledReloading,
            Suspended,
            LogDiskFull,
            StateDiskFull,
            LinkDown,
        ],
    ),
    (
        "The director never touches services that others made.",
        &[ForeignKey, Wiped, IpvsUnloaded, KilledReloading],
    ),
    (
        "When somebody changes our services by hand, the director repairs them within ten seconds and logs it.",
        &[
            EditedByHand,
            Wiped,
            IpvsUnloaded,
            Suspended,
            LogDiskFull,
            StateDiskFull,
        ],
    ),
    (
        "A configuration with an error, or one that the kernel refuses, changes nothing.",
        &[RefusedReload, MistakenReload, ForeignKey, KilledReloading],
    ),
    (
        "A check that could not run counts neither as failed nor as passed. While the way from the director to the \
         servers is gone (interface down, no carrier, no route), it removes no server.",
        &[ChecksNotRun, Suspended, LinkDown],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::ValueEnum;

    use super::PROMISES;
    use crate::torture::attack::Attack;

    /// The items of the README's list of promises, each as one line.
    fn promised() -> BTreeSet<String> {
        let readme = include_str!("../../../../README.md");
        let (_, rest) = readme.split_once("\n## What is promised\n\n").unwrap();
        let (list, _) = rest.split_once("\n\n").unwrap();
        let mut items: Vec<String> = Vec::new();
        for line in list.lines() {
            if let Some(first) = line.strip_prefix("- ") {
                items.push(first.to_owned());
            } else {
                let item = items.last_mut().unwrap();
                item.push(' ');
                item.push_str(line.trim());
            }
        }
        items.into_iter().collect()
    }

    #[test]
    fn every_promise_of_the_readme_is_attacked() {
        let promised = promised();
        assert!(!promised.is_empty());
        let attacked: BTreeSet<String> = PROMISES.iter().map(|(it, _)| (*it).to_owned()).collect();
        assert_eq!(attacked, promised, "left: attacked, right: in the README");
        for (promise, attacks) in PROMISES {
            assert!(!attacks.is_empty(), "no attack on: {promise}");
        }
    }

    #[test]
    fn every_attack_is_aimed_at_a_promise() {
        let aimed: BTreeSet<Attack> = PROMISES.iter().flat_map(|it| it.1).copied().collect();
        let all: BTreeSet<Attack> = Attack::value_variants().iter().copied().collect();
        assert_eq!(aimed, all);
    }
}
