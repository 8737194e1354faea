// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director is attacked at random moments while clients work, one attack after another: it is killed, suspended, its
//! table edited and emptied, its disks filled, its reloads refused. What the README promises must hold.
//!
//! Each round has a lab and a seed of its own. The seed alone chooses what is done in it; not the exact moments, which
//! the machine has a part in.

mod attack;
mod checks;
mod disks;
mod files;
mod goal;
mod hands;
mod kills;
mod link;
mod losses;
mod moment;
mod orders;
mod promises;
mod reloads;
mod round;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use attack::Attack;

/// The first round's seed when the command line names none.
const FIRST_SEED: u64 = 1;
/// How many rounds are played when the command line does not say it.
const ROUNDS: u32 = 20;
/// How many `make test` plays.
#[cfg(test)]
const ROUNDS_OF_MAKE_TEST: u32 = 11;
/// The word by which a round is started.
const ONE: &str = "--one";

/// Attack the director at random moments while clients work, and check that every promise of the README holds
///
/// A round is a lab of its own with three attacks. Its seed chooses them, and is printed. The exit status is not 0 if a
/// round failed: a request was lost that an attack had not to cost, or the table, the files, the status or the log were
/// not as they should be afterwards.
#[derive(Args, Debug)]
pub(super) struct TortureArgs {
    /// How many rounds [default: 20, or 1 with --seed]
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    rounds: Option<u32>,
    /// Begin rounds for so long
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// The seed of the first round; each one after it has the next number [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only these attacks; may be repeated
    #[arg(long, value_name = "ATTACK", value_enum)]
    only: Vec<Attack>,
    /// Show which attacks there are, and on which promise each is made
    #[arg(long)]
    list: bool,
    /// Play the round of the seed in this process
    #[arg(long, hide = true)]
    one: bool,
}

/// Plays the rounds.
#[must_use]
pub(super) fn main(args: &TortureArgs) -> ExitCode {
    if args.list {
        list();
        return ExitCode::SUCCESS;
    }
    let first = args.seed.unwrap_or(FIRST_SEED);
    if args.one {
        return round::main(first, &args.only);
    }
    match rounds(args, first) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => lab::kernel::exit_code(Err(error)),
    }
}

/// Each round is a process with a lab of its own: whatever happens in one, the next one begins as the first did.
fn rounds(args: &TortureArgs, first: u64) -> Result<bool> {
    let begun = Instant::now();
    let limit = args.minutes.map(|it| Duration::from_secs(it * 60));
    let rounds = args.rounds.unwrap_or(match (limit, args.seed) {
        (Some(_), _) => u32::MAX,
        (None, Some(_)) => 1,
        (None, None) => ROUNDS,
    });
    let mut failed = Vec::new();
    let mut played = 0;
    while played < rounds && limit.is_none_or(|limit| begun.elapsed() < limit) {
        let seed = first.wrapping_add(u64::from(played));
        if !play(args, seed)? {
            failed.push(seed);
        }
        played += 1;
    }
    let (took, count) = (begun.elapsed().as_secs(), failed.len());
    let seeds = match played {
        1 => format!("1 round, seed {first}"),
        _ => format!("{played} rounds, from seed {first} on"),
    };
    println!("\n{seeds}, in {took} s: {count} failed");
    for seed in &failed {
        let words = only(args).join(" ");
        println!("   again: stories torture --seed {seed} {words}");
    }
    Ok(failed.is_empty())
}

fn play(args: &TortureArgs, seed: u64) -> Result<bool> {
    let program = std::env::current_exe().context("find this program's file")?;
    let mut round = Command::new(program);
    round.args(["torture", ONE, "--seed", &seed.to_string()]);
    round.args(only(args));
    let status = round.status().context("start a round")?;
    Ok(status.success())
}

/// The words that name the attacks again.
fn only(args: &TortureArgs) -> Vec<String> {
    let values = args.only.iter().filter_map(Attack::to_possible_value);
    values
        .map(|value| format!("--only={}", value.get_name()))
        .collect()
}

fn list() {
    for (promise, attacks) in promises::PROMISES {
        println!("{promise}");
        let values = attacks.iter().filter_map(Attack::to_possible_value);
        for value in values {
            let help = value
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            println!("   {:<18} {help}", value.get_name());
        }
    }
}
