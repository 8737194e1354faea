// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director replay`: plays a recording again without a kernel, and prints what the engine reported then.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use super::args::Failure;
use super::recorder::{Entry, FORM, Header};
use super::say::say;
use crate::engine::{Action, Engine, Event};
use crate::model::Timestamp;

/// The longest line that is read: one reading of a large table.
const LONGEST_LINE: u64 = 256 << 20;

/// The command. It exits with 1 when the engine acts differently than it did then.
pub(super) fn replay(path: &Path) -> Result<ExitCode, Failure> {
    let fail = |line: u64, why: &dyn std::fmt::Display| {
        Failure::failed(format!("replay {}:{line}: {why}", path.display()))
    };
    let file = File::open(path).map_err(|error| fail(0, &error))?;
    let mut lines = Lines {
        input: BufReader::new(file),
        number: 0,
    };
    let header = lines.next().map_err(|why| fail(1, &why))?;
    let header: Header = parse(header.as_deref().unwrap_or_default())
        .map_err(|why| fail(1, &format!("not a recording: {why}")))?;
    if header.recording != FORM {
        let why = format!(
            "a recording of form {}, by director {}; this director reads form {FORM}",
            header.recording, header.version
        );
        return Err(fail(1, &why));
    }
    let mut engine = Engine::new(header.seed);
    let (mut events, mut told) = (0_u64, 0_u64);
    while let Some(text) = lines.next().map_err(|why| fail(lines.number, &why))? {
        let entry: Entry = parse(&text).map_err(|why| fail(lines.number, &why))?;
        let Entry::Event { at, event, actions } = entry else {
            return Err(fail(
                lines.number,
                &"events were lost here: the rest cannot be played",
            ));
        };
        events += 1;
        told += play(&mut engine, at, event, &actions).map_err(|why| fail(lines.number, &why))?;
    }
    say(&format!(
        "{events} events, {told} transitions: all as recorded\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Hands one event in, prints the transitions, and compares the actions with the recorded ones.
fn play(
    engine: &mut Engine,
    at: Timestamp,
    event: Event,
    recorded: &[Action],
) -> Result<u64, String> {
    let mut actions = Vec::new();
    engine.handle(at, event, &mut actions);
    let mut told = 0;
    for action in &actions {
        if let Action::Tell(transition) = action {
            told += 1;
            let seconds = at.since_start().as_secs_f64();
            say(&format!("{seconds:>12.3}s {transition}\n")).map_err(|it| it.message)?;
        }
    }
    if actions == recorded {
        return Ok(told);
    }
    let differs = actions
        .iter()
        .zip(recorded)
        .position(|(now, then)| now != then);
    let index = differs.unwrap_or_else(|| actions.len().min(recorded.len()));
    let show =
        |action: Option<&Action>| action.map_or("nothing".to_owned(), |it| format!("{it:?}"));
    Err(format!(
        "the engine now acts differently than it did then\n  then: {}\n  now:  {}",
        show(recorded.get(index)),
        show(actions.get(index))
    ))
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line; `None` at the end. It leaves out a last line that was cut short, for example by a power cut.
    fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        self.number += 1;
        let mut line = Vec::new();
        let mut limited = self.input.by_ref().take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut line);
        match read {
            Ok(_) if line.ends_with(b"\n") => Ok(Some(line)),
            Ok(length) if length as u64 == LONGEST_LINE => Err("the line is too long".to_owned()),
            Ok(_) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}
