// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director replay`: plays a recording again without a kernel, and prints what the engine reported then.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;

use super::args::Failure;
use super::recorder::{Entry, FORM, Header};
use super::say::{printable, say};
use crate::engine::{Action, Engine, Event};
use crate::model::Timestamp;

/// The longest line that is read: one reading of a large table.
const LONGEST_LINE: u64 = 256 << 20;
/// So much of an action is shown where it differs.
const SHOWN: usize = 600;

/// The command. It exits with 1 when the engine acts differently than it did then.
pub(super) fn replay(path: &Path) -> Result<ExitCode, Failure> {
    let fail = |place: &str, why: &str| {
        let place = format!("{}{place}", path.display());
        Failure::failed(printable(&format!("replay {place}: {why}")))
    };
    let file = File::open(path).map_err(|error| fail("", &error.to_string()))?;
    let lines = Lines {
        input: BufReader::new(file),
        number: 0,
        cut: false,
    };
    play(lines).map_err(|failed| match failed {
        Failed::At(line, why) => fail(&format!(":{line}"), &why),
        Failed::Say(failure) => failure,
    })
}

/// Why a recording was not played to its end.
enum Failed {
    /// This line.
    At(u64, String),
    /// What is told could not be printed.
    Say(Failure),
}

fn play(mut lines: Lines<impl BufRead>) -> Result<ExitCode, Failed> {
    let header = header(&mut lines)?;
    let mut engine = Engine::new(header.seed);
    let (mut events, mut told) = (0_u64, 0_u64);
    while let Some(text) = lines.next()? {
        let at = |why| Failed::At(lines.number, why);
        match parse(&text).map_err(|why| at(format!("no entry of a recording: {why}")))? {
            Entry::Event { at, event, actions } => {
                let done = hand_in(&mut engine, at, event).map_err(Failed::Say)?;
                told += done.iter().filter(|it| is_told(it)).count() as u64;
                compare(&done, &actions, &header).map_err(|why| Failed::At(lines.number, why))?;
                events += 1;
            }
            Entry::Lost(number) => {
                let why = format!("{number} events were lost here: the rest cannot be played");
                return Err(at(why));
            }
        }
    }
    let cut = if lines.cut {
        "; the last line is cut short, and was left out"
    } else {
        ""
    };
    let sum = format!("{events} events, {told} transitions: all as recorded{cut}\n");
    say(&sum).map_err(Failed::Say)?;
    Ok(ExitCode::SUCCESS)
}

fn header(lines: &mut Lines<impl BufRead>) -> Result<Header, Failed> {
    /// What a recording of any form says of itself.
    #[derive(Deserialize)]
    struct Form {
        recording: u32,
    }
    let no = |why: String| Failed::At(1, format!("not a recording: {why}"));
    let Some(text) = lines.next()? else {
        let why = if lines.cut {
            "its first line has no end"
        } else {
            "the file is empty"
        };
        return Err(no(why.to_owned()));
    };
    let Form { recording } = parse(&text).map_err(no)?;
    if recording != FORM {
        let why = format!(
            "a recording of form {recording}; this director ({}) reads form {FORM}",
            env!("CARGO_PKG_VERSION")
        );
        return Err(Failed::At(1, why));
    }
    parse(&text).map_err(no)
}

/// Hands one event in, and prints what is told.
fn hand_in(engine: &mut Engine, at: Timestamp, event: Event) -> Result<Vec<Action>, Failure> {
    let mut actions = Vec::new();
    engine.handle(at, event, &mut actions);
    let seconds = at.since_start().as_secs_f64();
    for action in &actions {
        if let Action::Tell(transition) = action {
            say(&printable(&format!("{seconds:>12.3}s {transition}\n")))?;
        }
    }
    Ok(actions)
}

const fn is_told(action: &Action) -> bool {
    matches!(action, Action::Tell(_))
}

/// Holds the actions of now against those of then.
fn compare(now: &[Action], then: &[Action], header: &Header) -> Result<(), String> {
    if now == then {
        return Ok(());
    }
    let differs = now.iter().zip(then).position(|(now, then)| now != then);
    let index = differs.unwrap_or_else(|| now.len().min(then.len()));
    let this = env!("CARGO_PKG_VERSION");
    let by = if header.version == this {
        String::new()
    } else {
        format!(" (director {} then, director {this} now)", header.version)
    };
    Err(format!(
        "the engine now acts differently than it did then{by}\n  then: {}\n  now:  {}",
        show(then.get(index)),
        show(now.get(index))
    ))
}

/// The beginning of an action, which may hold a whole table.
fn show(action: Option<&Action>) -> String {
    let Some(action) = action else {
        return "nothing".to_owned();
    };
    let whole = format!("{action:?}");
    match whole.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", whole.get(..end).unwrap_or_default()),
        None => whole,
    }
}

/// Why a line is no JSON of this sort, with the column instead of the line that serde knows of.
fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| {
        let (why, column) = (error.to_string(), error.column());
        let place = format!(" at line {} column {column}", error.line());
        match why.strip_suffix(&place) {
            Some(why) => format!("{why} (column {column})"),
            None => why,
        }
    })
}

struct Lines<R> {
    input: R,
    number: u64,
    /// Whether the last line has no end, as when the director was killed while it wrote.
    cut: bool,
}

impl<R: BufRead> Lines<R> {
    /// The next line; `None` at the end. A last line that was cut short is left out.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        self.number += 1;
        let fail = |why| Failed::At(self.number, why);
        let mut line = Vec::new();
        let mut limited = self.input.by_ref().take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut line);
        match read {
            Ok(_) if line.ends_with(b"\n") => Ok(Some(line)),
            Ok(length) if length as u64 == LONGEST_LINE => {
                let limit = LONGEST_LINE >> 20;
                Err(fail(format!("the line is longer than {limit} MiB")))
            }
            Ok(length) => {
                self.cut = length > 0;
                Ok(None)
            }
            Err(error) => Err(fail(error.to_string())),
        }
    }
}
