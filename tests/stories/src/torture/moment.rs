// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a director is killed, and the numbers that choose it.

use std::time::Duration;

use anyhow::{Context, Result};

use super::files::{DIRECTORY, STATE};
use crate::report::seconds;

/// The latest that a director is killed after its launch, or after it was told to reload, in milliseconds: by then the
/// table is made.
const LATEST: u64 = 600;
/// The longest from a file that was written to a director's end, in milliseconds: one that aims at the file, and one that
/// aims at the table, which is filled just after the state file was written.
const AIMED_AT_FILE: u64 = 10;
const AIMED_AT_TABLE: u64 = 60;

/// The shell counts so far in about a millisecond.
const TURNS: u32 = 200;

/// When a director is killed that starts, or reloads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// So long afterwards.
    After(Duration),
    /// As soon as the table is seen to change.
    AtChange,
    /// In the middle of writing what is to replace this file.
    InWrite(&'static str),
    /// About so long after this file was written.
    AfterWrite(&'static str, Duration),
}

impl Moment {
    pub(super) fn choose(random: &mut Random, it_will_change: bool) -> Result<Self> {
        let file = random.pick(&STATE)?;
        let [state, _] = STATE;
        let choice = random.below(8);
        let mut within = |limit| Duration::from_millis(random.below(limit));
        Ok(match choice {
            0 | 1 if it_will_change => Self::AtChange,
            2 | 3 if it_will_change => Self::AfterWrite(state, within(AIMED_AT_TABLE)),
            4 => Self::InWrite(file),
            5 | 6 => Self::AfterWrite(file, within(AIMED_AT_FILE)),
            _ => Self::After(within(LATEST)),
        })
    }

    pub(super) fn tell(self) -> String {
        match self {
            Self::After(time) => format!("after {}", seconds(time)),
            Self::AtChange => "in the act".to_owned(),
            Self::InWrite(file) => format!("writing {file}"),
            Self::AfterWrite(file, _) => format!("{file} written"),
        }
    }

    /// The shell's way of noting how it was before.
    pub(super) const fn note(self) -> &'static str {
        match self {
            Self::After(_) | Self::InWrite(_) => ":",
            Self::AtChange => "old=$(busybox wc -l </proc/net/ip_vs)",
            // A file's time is told in ticks of the kernel, which are 10 ms.
            Self::AfterWrite(..) => ": >/tmp/mark; busybox usleep 20000",
        }
    }

    /// How long a file may become, in bytes: the kernel kills who writes more, with the first part written.
    pub(super) fn longest_file(self) -> Option<u32> {
        match self {
            Self::InWrite(file) if file == STATE[0] => Some(4096),
            Self::InWrite(_) => Some(512),
            Self::After(_) | Self::AtChange | Self::AfterWrite(..) => None,
        }
    }

    /// The shell's way of waiting for it. It gives up where nothing happens, and most of the time starts no process
    /// while it looks.
    pub(super) fn wait(self) -> String {
        match self {
            Self::After(time) => format!("busybox usleep {}", time.as_micros()),
            Self::AtChange => {
                while_true(500, "[ \"$(busybox wc -l </proc/net/ip_vs)\" = \"$old\" ]")
            }
            // A process that has ended has no program any more.
            Self::InWrite(_) => while_true(20_000, "[ -e /proc/$pid/exe ]"),
            Self::AfterWrite(file, time) => {
                let unwritten = format!("! [ {DIRECTORY}/{file} -nt /tmp/mark ]");
                let wait = while_true(8000, &unwritten);
                // The shell counts: to start a process that sleeps would take longer.
                let turns = time.subsec_millis() * TURNS;
                format!("{wait}; {}", while_true(turns, ":"))
            }
        }
    }
}

/// So often at most.
fn while_true(limit: u32, condition: &str) -> String {
    format!("i=0; while [ $i -lt {limit} ] && {condition}; do i=$((i + 1)); done")
}

/// Numbers from a seed: `SplitMix64`.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> Result<&'a T> {
        let index = self.below(u64::try_from(all.len())?);
        all.get(usize::try_from(index)?)
            .context("nothing to choose from")
    }
}
