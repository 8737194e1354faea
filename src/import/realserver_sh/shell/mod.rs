// SPDX-License-Identifier: MIT OR Apache-2.0
//! As much of a shell script as says what it does: commands, simple variables, and the parts of `case "$1" in`. Nothing is
//! run, so no condition is followed: what stands under one is taken as if it always ran, and says so.

mod split;
mod word;

use std::collections::HashSet;
use std::ops::Range;

use self::split::{function, here_document, label, part_of, part_of_label, split};
pub(super) use self::word::Word;
use self::word::{MOST_VALUES, Variables, assignment, expand, words_of};

/// When a command is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// At the start, or always.
    Start,
    /// At the stop.
    Stop,
    /// For a status, for help.
    Other,
}

/// A command with its words.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) part: Part,
    pub(super) words: Vec<Word>,
    /// The bytes of its line.
    pub(super) line: Range<usize>,
    /// The line of the condition that it stands under.
    pub(super) under: Option<Range<usize>>,
}

/// A variable that gets another value under a condition.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) line: Range<usize>,
}

/// What a script says.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// In their order.
    pub(super) commands: Vec<Command>,
    pub(super) choices: Vec<Choice>,
    /// The names of its functions.
    pub(super) functions: HashSet<String>,
}

/// Bounds: a script as this has a few dozen lines.
const MOST_VARIABLES: usize = 1_000;
const DEEPEST: usize = 64;

/// Reads a script.
pub(super) fn read_script(script: &str) -> Script {
    let mut reader = Reader::default();
    let mut lines = Lines { script, at: 0 };
    while let Some((text, range)) = lines.next_line() {
        reader.line(&text, &range);
    }
    reader.script
}

/// Lines, with those joined that end with a backslash.
struct Lines<'s> {
    script: &'s str,
    at: usize,
}

impl Lines<'_> {
    fn next_line(&mut self) -> Option<(String, Range<usize>)> {
        let start = self.at;
        let mut text = String::new();
        let mut end = start;
        loop {
            let rest = self.script.get(self.at..)?;
            if rest.is_empty() {
                break;
            }
            let line = rest.split_inclusive('\n').next().unwrap_or(rest);
            let plain = line.trim_end_matches(['\n', '\r']);
            end = self.at + plain.len();
            self.at += line.len();
            let Some(plain) = plain.strip_suffix('\\') else {
                text.push_str(plain);
                break;
            };
            text.push_str(plain);
            text.push(' ');
        }
        if self.at == start {
            return None;
        }
        let blanks = text.len() - text.trim_start().len();
        let first = (start + blanks).min(end);
        Some((text, first..end))
    }
}

/// A construct that is open.
#[derive(Debug)]
enum Open {
    /// `if`, at this line.
    If(Range<usize>),
    /// `for`; `while` and `until` with their line.
    Loop(Option<Range<usize>>),
    /// `case`: the part of its last label, and its line when nobody follows it.
    Case(Option<Part>, Option<Range<usize>>),
}

#[derive(Default)]
struct Reader {
    script: Script,
    variables: Variables,
    open: Vec<Open>,
    function: Option<Part>,
    /// What ends a text that is no command: a quote, or the word behind `<<`.
    text_until: Option<String>,
}

impl Reader {
    fn line(&mut self, text: &str, range: &Range<usize>) {
        let mut text = text.trim();
        if let Some(end) = self.text_until.take() {
            let is_word = !matches!(&*end, "\"" | "'" | "`");
            match text.split_once(&*end) {
                Some(_) if is_word && text != end => self.text_until = Some(end),
                Some((_, rest)) => text = rest,
                None => self.text_until = Some(end),
            }
            if self.text_until.is_some() {
                return;
            }
        }
        if let Some((name, rest)) = function(text) {
            self.function = Some(part_of(name));
            self.script.functions.insert(name.to_owned());
            text = rest;
        }
        if text == "}" {
            self.function = None;
            return;
        }
        if let Some(Open::Case(part, unfollowed)) = self.open.last_mut()
            && let Some((label, rest)) = label(text)
        {
            // Of a case that is not followed every branch counts.
            if unfollowed.is_none() {
                *part = Some(part_of_label(label));
            }
            text = rest;
        }
        let (commands, quote) = split(text);
        for words in commands {
            self.command(&words, range);
        }
        let document = here_document(text).map(str::to_owned);
        self.text_until = quote.map(String::from).or(document);
    }

    /// The part that the innermost labels name.
    fn part(&self) -> Part {
        let cases = self.open.iter().filter_map(|open| match open {
            Open::Case(part, _) => *part,
            Open::If(_) | Open::Loop(_) => None,
        });
        let mut parts = cases.chain(self.function);
        parts
            .rfind(|part| *part != Part::Start)
            .unwrap_or(Part::Start)
    }

    /// The innermost condition that is open.
    fn condition(&self) -> Option<Range<usize>> {
        self.open.iter().rev().find_map(|open| match open {
            Open::If(line) => Some(line.clone()),
            Open::Loop(line) | Open::Case(_, line) => line.clone(),
        })
    }

    fn begin(&mut self, open: Open) {
        if self.open.len() < DEEPEST {
            self.open.push(open);
        }
    }

    /// Ends the last construct of a kind, and those within.
    fn end(&mut self, is_kind: fn(&Open) -> bool) {
        if let Some(at) = self.open.iter().rposition(is_kind) {
            self.open.truncate(at);
        }
    }

    fn command(&mut self, mut raw: &[String], range: &Range<usize>) {
        while let [first, rest @ ..] = raw
            && self.is_prefix(first, range)
        {
            raw = rest;
        }
        while let [first, rest @ ..] = raw
            && let Some((name, value)) = assignment(first)
        {
            let value = expand(value, &self.variables);
            let values = if value.is_open {
                Vec::new()
            } else {
                value.values
            };
            self.choose(name, &values, range);
            self.assign(name, values);
            raw = rest;
        }
        match raw {
            [] => {}
            [case, subject, ..] if case == "case" => {
                let is_action = matches!(subject.trim_matches('"'), "$1" | "${1}");
                self.begin(if is_action {
                    Open::Case(None, None)
                } else {
                    Open::Case(Some(Part::Start), Some(range.clone()))
                });
            }
            [esac, ..] if esac == "esac" => self.end(|it| matches!(it, Open::Case(..))),
            [fi, ..] if fi == "fi" => self.end(|it| matches!(it, Open::If(_))),
            [done, ..] if done == "done" => self.end(|it| matches!(it, Open::Loop(_))),
            [word, name, kind, values @ ..] if word == "for" && kind == "in" => {
                self.begin(Open::Loop(None));
                let values = values.iter().map(|value| expand(value, &self.variables));
                let values = values.filter(|value| !value.is_open);
                let values = values.flat_map(|value| value.values);
                let values: Vec<String> = values
                    .flat_map(|value| words_of(&value))
                    .take(MOST_VALUES)
                    .collect();
                self.assign(name, values);
            }
            [word, ..] if word == "for" => self.begin(Open::Loop(Some(range.clone()))),
            words => {
                let words = words.iter().map(|word| expand(word, &self.variables));
                let words = words.collect();
                self.script.commands.push(Command {
                    part: self.part(),
                    words,
                    line: range.clone(),
                    under: self.condition(),
                });
            }
        }
    }

    /// Whether a word stands before a command, and is none itself.
    fn is_prefix(&mut self, word: &str, range: &Range<usize>) -> bool {
        match word {
            "if" => self.begin(Open::If(range.clone())),
            "while" | "until" => self.begin(Open::Loop(Some(range.clone()))),
            "then" | "else" | "elif" | "do" | "{" | "sudo" | "export" | "local" | "readonly"
            | "command" | "!" => {}
            _ => return false,
        }
        true
    }

    /// Keeps that a variable gets another value under a condition.
    fn choose(&mut self, name: &str, values: &[String], range: &Range<usize>) {
        let is_other = self
            .variables
            .get(name)
            .is_some_and(|known| known.as_slice() != values);
        if is_other && self.condition().is_some() && self.part() == Part::Start {
            self.script.choices.push(Choice {
                name: name.to_owned(),
                line: range.clone(),
            });
        }
    }

    fn assign(&mut self, name: &str, values: Vec<String>) {
        if self.variables.len() < MOST_VARIABLES || self.variables.contains_key(name) {
            self.variables.insert(name.to_owned(), values);
        }
    }
}

#[cfg(test)]
mod tests;
