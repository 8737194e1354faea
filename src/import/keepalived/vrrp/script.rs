// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_script`: a program that says whether this host is fit to be master.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::defaults::Defaults;
use super::known::{WEIGHT, Weight, known_by, weight};
use super::value::{all_comments, block, duration, integer, seconds};
use crate::diagnostic::{Finding, Findings};
use crate::import::keepalived::command::{self, command, divide, user};
use crate::import::keepalived::keywords::{Block, look};
use crate::import::keepalived::value::first;
use crate::import::statement::{Statement, Word};
use crate::import::{Entry, Value};

/// The shortest and the longest times of ours.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(1);
/// The largest count of ours.
const MOST: u32 = 100;

/// A script as ours.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) what: Program,
    pub(super) weight: Weight,
    /// What people have written above it and in it.
    pub(super) comments: Vec<String>,
    interval: Duration,
    timeout: Duration,
    rise: u32,
    fall: u32,
    user: String,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// A program and its arguments.
    Command(Vec<String>),
    /// Whether a process of this name runs: `killall -0 NAME` asks for nothing else.
    Process(String),
}

impl Script {
    /// Reads a definition; `None` when it cannot be used.
    pub(super) fn read(
        statement: &Statement,
        defaults: &Defaults<'_>,
        out: &mut Findings,
    ) -> Option<Self> {
        let mut draft = Draft::default();
        draft.comments.extend(all_comments(statement));
        for statement in block(statement) {
            draft.comments.extend(all_comments(statement));
            draft.take(statement, out);
        }
        if draft.script.is_none() {
            let finding = Finding::new(statement.span(), "vrrp_script needs script");
            out.push(finding.help("keepalived leaves it out, and what tracks it tracks nothing"));
        }
        let program = program(draft.script?, out)?;
        let user = match &draft.user {
            Some(user) => user.clone(),
            None => usual_user(statement, &program, defaults, out),
        };
        Some(draft.script_of(program, user))
    }

    /// `{command: [/x/foo], interval: 5s, ...}`
    pub(super) fn value(&self, command: &[String]) -> Value {
        Value::Map(vec![
            Entry::new("command", Value::list(command.iter().map(Value::text))),
            Entry::new("user", Value::text(&self.user)),
            Entry::new("interval", duration(self.interval)),
            Entry::new("timeout", duration(self.timeout)),
            Entry::new("fall", Value::word(self.fall)),
            Entry::new("rise", Value::word(self.rise)),
        ])
    }
}

/// What a definition says.
#[derive(Default)]
struct Draft<'t> {
    script: Option<&'t Statement>,
    interval: Option<Duration>,
    timeout: Option<Duration>,
    rise: Option<u32>,
    fall: Option<u32>,
    weight: Option<Weight>,
    user: Option<String>,
    comments: Vec<String>,
}

impl<'t> Draft<'t> {
    fn take(&mut self, statement: &'t Statement, out: &mut Findings) {
        let long = Duration::from_micros(1)..=Duration::from_hours(24 * 365);
        match look(statement, Block::VrrpScript, out).map_or("", |it| it.today()) {
            "script" => self.script = Some(statement),
            "interval" => {
                let read = seconds(statement, long, out);
                self.interval = read.map(|it| within(it, INTERVAL, statement, out));
            }
            "timeout" => {
                let read = seconds(statement, long, out);
                self.timeout = read.map(|it| within(it, TIMEOUT, statement, out));
            }
            "rise" => self.rise = count(statement, out),
            "fall" => self.fall = count(statement, out),
            "weight" => self.weight = weight(statement, 0, WEIGHT, out),
            "user" => self.user = user(statement, out).map(str::to_owned),
            "init_fail" => {
                let message =
                    "init_fail is left out: a script of which nothing is known yet is good";
                let finding = Finding::warning(statement.span(), message);
                out.push(finding.help("its first result decides at once"));
            }
            _ => {}
        }
    }

    /// keepalived lets a script take as long as its interval.
    fn script_of(self, what: Program, user: String) -> Script {
        let interval = self.interval.unwrap_or(Duration::from_secs(1));
        let timeout = self.timeout.unwrap_or(interval).min(*TIMEOUT.end());
        Script {
            what,
            weight: self.weight.unwrap_or(Weight::FAULT),
            comments: self.comments,
            interval,
            timeout,
            rise: self.rise.unwrap_or(1),
            fall: self.fall.unwrap_or(1),
            user,
        }
    }
}

fn within(
    duration: Duration,
    range: RangeInclusive<Duration>,
    statement: &Statement,
    out: &mut Findings,
) -> Duration {
    // Ours has no parts of a millisecond.
    let rounded = Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    let clamped = rounded.clamp(*range.start(), *range.end());
    if clamped != duration {
        let message = format!(
            "{} becomes {} s: it must be {} to {} s here",
            &statement.keyword.text,
            clamped.as_secs_f64(),
            range.start().as_secs_f64(),
            range.end().as_secs_f64()
        );
        out.push(Finding::warning(statement.span(), message));
    }
    clamped
}

fn count(statement: &Statement, out: &mut Findings) -> Option<u32> {
    let count = integer(statement, 1..=i32::MAX.unsigned_abs(), out)?;
    if count > MOST {
        let message = format!("{} becomes {MOST}, the most here", &statement.keyword.text);
        out.push(Finding::warning(statement.span(), message));
    }
    Some(count.min(MOST))
}

/// As whom keepalived runs it.
fn usual_user(
    statement: &Statement,
    program: &Program,
    defaults: &Defaults<'_>,
    out: &mut Findings,
) -> String {
    if let Some(user) = &defaults.user {
        return user.to_string();
    }
    match program {
        Program::Command(_) => command::usual_user(statement.span(), out).to_owned(),
        // It is no program that runs.
        Program::Process(_) => "root".to_owned(),
    }
}

/// What a script runs.
fn program(statement: &Statement, out: &mut Findings) -> Option<Program> {
    let place = first(statement, out)?;
    let texts: Vec<&str> = statement.words.iter().map(|it| &*it.text).collect();
    let words = divide(&texts.join(" "));
    let Some(name) = asks_for_process(&words) else {
        return command(statement, out).map(Program::Command);
    };
    let name = Word {
        text: name.into(),
        ..place.clone()
    };
    let name = known_by(&name, out)?;
    let message = format!("this becomes process: {name}, which needs no program");
    out.push(Finding::note(place.span, message));
    Some(Program::Process(name))
}

/// The process that `killall -0 NAME` and `pidof NAME` ask for.
fn asks_for_process(words: &[String]) -> Option<&str> {
    let program = words.first()?.rsplit('/').next()?;
    match (program, words.get(1..)?) {
        ("killall", [signal, name]) if signal == "-0" => Some(name),
        ("pidof", [name]) if !name.starts_with('-') => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_a_process_is_understood() {
        let asks = |text: &str| asks_for_process(&divide(text)).map(str::to_owned);
        assert_eq!(asks("killall -0 haproxy").as_deref(), Some("haproxy"));
        assert_eq!(asks("/usr/bin/killall -0 nginx").as_deref(), Some("nginx"));
        assert_eq!(asks("pidof haproxy").as_deref(), Some("haproxy"));
        assert_eq!(asks("killall haproxy"), None);
        assert_eq!(asks("pidof -x haproxy"), None);
        assert_eq!(asks(""), None);
    }
}
