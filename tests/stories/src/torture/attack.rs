// SPDX-License-Identifier: MIT OR Apache-2.0
//! The attacks, by name, and which of them a seed chooses.

use anyhow::Result;
use clap::ValueEnum;

use super::moment::Random;

/// How many attacks a round makes.
const EACH_ROUND: usize = 3;

/// What is done to the director, its host or its kernel's table.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, ValueEnum)]
pub(crate) enum Attack {
    /// SIGKILL while it works; sometimes somebody edits the table before the next one starts
    KilledAtWork,
    /// SIGTERM, and a new start
    Restarted,
    /// SIGKILL while it starts
    KilledStarting,
    /// SIGKILL while it reloads, to a configuration that the kernel refuses in part, too
    KilledReloading,
    /// SIGSTOP for a while, then SIGCONT
    Suspended,
    /// Weights, schedulers, servers and services changed by hand
    EditedByHand,
    /// Orders for a server: drain, disable, weight, enable; with a kill, a reload or an edit after each
    Ordered,
    /// `ipvsadm -C`
    Wiped,
    /// IPVS and its schedulers unloaded
    IpvsUnloaded,
    /// A reload that the kernel refuses in part
    RefusedReload,
    /// Reloads of files with a mistake
    MistakenReload,
    /// A service made by somebody else under a key that the next configuration has
    ForeignKey,
    /// No room for the log
    LogDiskFull,
    /// No room for the director's files
    StateDiskFull,
    /// No ports are left for the checks
    ChecksNotRun,
    /// The director's card down, or its cable in another network, and up again
    LinkDown,
}

impl Attack {
    /// Its name on the command line and in reports.
    pub(super) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |it| it.get_name().replace('-', " "))
    }

    /// The attacks of the round of this seed: of `only` when there are any, else of all.
    ///
    /// Rounds in a row deal all attacks, shuffled, before one is dealt again.
    pub(super) fn choose(seed: u64, only: &[Self]) -> Result<Vec<Self>> {
        let mut left: Vec<Self> = if only.is_empty() {
            Self::value_variants().to_vec()
        } else {
            only.to_vec()
        };
        let count = left.len();
        let each = EACH_ROUND.min(count);
        let rounds = u64::try_from(count.div_ceil(EACH_ROUND))?.max(1);
        let mut random = Random(seed / rounds);
        let mut shuffled = Vec::new();
        while !left.is_empty() {
            let attack = *random.pick(&left)?;
            left.retain(|it| *it != attack);
            shuffled.push(attack);
        }
        let first = usize::try_from(seed % rounds)? * each;
        Ok(shuffled
            .into_iter()
            .cycle()
            .skip(first)
            .take(each)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::ValueEnum;

    use super::{Attack, EACH_ROUND};
    use crate::torture::ROUNDS_OF_MAKE_TEST;

    #[test]
    fn a_seed_always_chooses_the_same_attacks_and_none_twice() {
        for seed in 0..100 {
            let chosen = Attack::choose(seed, &[]).unwrap();
            assert_eq!(chosen, Attack::choose(seed, &[]).unwrap());
            assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), EACH_ROUND);
        }
    }

    #[test]
    fn the_rounds_of_make_test_play_every_attack_whatever_their_seed() {
        let makefile = include_str!("../../../../Makefile");
        let rounds = format!("torture --rounds {ROUNDS_OF_MAKE_TEST} ");
        assert!(makefile.contains(&rounds), "{rounds:?} in the Makefile");
        let all = Attack::value_variants().iter().copied();
        let all: BTreeSet<Attack> = all.collect();
        for first in 0..100 {
            let seeds = first..first + u64::from(ROUNDS_OF_MAKE_TEST);
            let played = seeds.flat_map(|seed| Attack::choose(seed, &[]).unwrap());
            assert_eq!(played.collect::<BTreeSet<_>>(), all, "from seed {first} on");
        }
    }

    #[test]
    fn an_attack_that_is_named_is_played_alone() {
        let only = [Attack::LinkDown];
        assert_eq!(Attack::choose(1, &only).unwrap(), only);
    }
}
