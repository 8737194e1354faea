// SPDX-License-Identifier: MIT OR Apache-2.0
//! Carries out the words that only `lvsadm` knows.

use std::fs::File;
use std::io;
use std::process::ExitCode;

use super::compare::Comparison;
use super::own::{Asked, Word};
use super::top::{self, Counted, Wanted};
use super::{completion, connections_file, manual, open, print, print_json, restore, unexpected};
use crate::ipvsadm::arguments::Context;
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::restore::{read, refuse_nothing};
use crate::plan::Target as _;

/// Carries out the command.
pub(super) fn run(context: Context<'_>, asked: &Asked<'_>) -> Result<ExitCode, Failure> {
    match asked.word {
        Word::Diff => compare(context, asked),
        Word::TopConnections => top_connections(asked).map(|()| ExitCode::SUCCESS),
        Word::Completion => {
            let shell = asked.operand.unwrap_or_default();
            print(|out| completion::write(out, shell)).map(|()| ExitCode::SUCCESS)
        }
        Word::Manual => print(manual::write).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "watch")]
        Word::Watch => super::watch::run(asked).map(|()| ExitCode::SUCCESS),
        #[cfg(not(feature = "watch"))]
        Word::Watch => Err(Failure::usage(
            "watch: this lvsadm was built without the cargo feature watch",
        )),
    }
}

/// `diff`: 0 for no difference, 1 for some, 2 where that is not known.
fn compare(context: Context<'_>, asked: &Asked<'_>) -> Result<ExitCode, Failure> {
    let unknown = |failure: Failure| Failure {
        status: 2,
        ..failure
    };
    let name = asked.operand.unwrap_or_default();
    let name = if name == "-" { "standard input" } else { name };
    let about = |failure: Failure| {
        let lines = failure.message.lines();
        Failure::usage(
            lines
                .map(|line| format!("{name}: {line}"))
                .collect::<Vec<_>>()
                .join("\n"),
        )
    };
    let items = match asked.operand {
        Some("-") | None => read(context, io::stdin().lock()),
        Some(path) => read(context, open_file(path)?),
    };
    let items = items.map_err(about)?;
    refuse_nothing(&items).map_err(about)?;
    let wanted = restore::table(&items).map_err(about)?;
    let kernel = open()?
        .read()
        .map_err(|error| unknown(Failure::list(&error)))?;
    let comparison = Comparison::new(&wanted, &kernel);
    if asked.has("json") {
        print_json(&comparison).map_err(unknown)?;
    } else {
        print(|out| comparison.render(out)).map_err(unknown)?;
    }
    Ok(if comparison.equal {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `top-connections`.
fn top_connections(asked: &Asked<'_>) -> Result<(), Failure> {
    let wanted = Wanted::read(asked)?;
    // Loads IPVS if needed, as every other command does; without IPVS, the error says so.
    let input = match connections_file() {
        Ok(input) => input,
        Err(_) => open().and_then(|_| connections_file())?,
    };
    let counted = Counted::read(input, &wanted).map_err(|error| unexpected(&error))?;
    if asked.has("json") {
        return print_json(&top::Document::new(&counted, wanted.rows));
    }
    print(|out| top::render(out, &counted, wanted.rows))
}

fn open_file(name: &str) -> Result<File, Failure> {
    File::open(name).map_err(|error| Failure::usage(format!("read {name}: {error}")))
}
