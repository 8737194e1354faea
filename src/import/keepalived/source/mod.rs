// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines -> a tree: included files, conditions, definitions and repetitions, in keepalived's order.

mod include;

use super::definitions::{Definition, Definitions, LONGEST_LINE, assignment, config_id};
use super::lexer::{comment, tell_unprotected, tokens};
use super::line::Line;
use super::repeat::{Repeat, repeat};
use super::secret::{begins_secret, tell_of_comment, without_secret};
use super::tree::{Builder, Tree};
use crate::diagnostic::{FileId, Finding, Shown};
use crate::import::{MAX_BYTES, Reading};

/// Files in files, and definitions in definitions.
const DEEPEST: usize = 64;
/// All lines together.
const MOST_LINES: usize = 1_000_000;
/// What definitions and repetitions make, in lines and in bytes: a few short lines can ask for any number.
const MOST_MADE: usize = 100_000;
const MOST_MADE_BYTES: usize = MAX_BYTES;

/// Reads a file and all that it includes.
pub(super) fn tree(file: FileId, reading: &mut Reading<'_>) -> Tree {
    let around = reading.around;
    let mut source = Source {
        definitions: Definitions::new(around),
        id: config_id(around),
        builder: Builder::default(),
        collecting: None,
        open: Vec::new(),
        files: 0,
        bytes: 0,
        lines: 0,
        made: 0,
        made_bytes: 0,
        told: false,
        reading,
    };
    source.file(file);
    let Source {
        builder, reading, ..
    } = source;
    builder.finish(reading.out)
}

struct Source<'s, 'r> {
    reading: &'s mut Reading<'r>,
    definitions: Definitions<'r>,
    /// What `@id` is compared with.
    id: String,
    builder: Builder,
    /// A definition of several lines whose end has not come.
    collecting: Option<Collecting>,
    /// The names of the files that include each other.
    open: Vec<String>,
    files: usize,
    bytes: usize,
    lines: usize,
    /// Lines of definitions and repetitions, and their length.
    made: usize,
    made_bytes: usize,
    /// Whether it is said that there is no room.
    told: bool,
}

struct Collecting {
    /// `None` when a condition leaves it out.
    name: Option<Box<str>>,
    lines: Vec<Box<str>>,
}

impl Source<'_, '_> {
    fn file(&mut self, file: FileId) {
        let name = self.reading.sources.name(file).to_owned();
        let directory = name
            .rsplit_once('/')
            .map_or(".", |(directory, _)| directory);
        let outer = std::mem::replace(&mut self.definitions.directory, directory.to_owned());
        self.open.push(name);
        let text = self.reading.sources.text(file);
        let begin = self.reading.sources.span(file, 0..0).start();
        let mut offset = 0;
        for raw in text.split_inclusive('\n') {
            let line = Line::of_file(raw, begin + offset);
            if self.is_too_much(&line) {
                break;
            }
            self.raw(&line);
            offset += raw.len();
        }
        self.open.pop();
        self.definitions.directory = outer;
    }

    const fn is_full(&self) -> bool {
        self.lines >= MOST_LINES || self.made >= MOST_MADE || self.made_bytes >= MOST_MADE_BYTES
    }

    /// Whether there is no room for this line: that is said once.
    fn is_too_much(&mut self, line: &Line<'_>) -> bool {
        if self.is_full() && !self.told {
            self.told = true;
            let what = if self.lines >= MOST_LINES {
                format!("more than {MOST_LINES} lines")
            } else {
                format!(
                    "definitions and repetitions make more than {MOST_MADE} lines, or {} MiB",
                    MOST_MADE_BYTES >> 20
                )
            };
            let finding = Finding::new(line.span(0..line.text().len()), what);
            let finding = finding.help("nothing is read from here on");
            self.reading.out.push(finding);
        }
        self.is_full()
    }

    /// A line as it stands in a file.
    fn raw(&mut self, line: &Line<'_>) {
        let begins = comment(line.text());
        if let Some(begins) = begins {
            tell_unprotected(line, begins, self.reading.out);
        }
        let code = line.part(0..begins.unwrap_or(line.text().len())).trimmed();
        let said = begins.and_then(|begins| self.comment(line, begins));
        let said = said.as_deref();
        if line.text().trim_ascii_end().len() > LONGEST_LINE && !code.text().is_empty() {
            let span = code.span(0..code.text().len());
            let what = format!("keepalived takes no line of more than {LONGEST_LINE} bytes");
            let finding = Finding::new(span, what);
            self.reading
                .out
                .push(finding.help("keepalived leaves the line out; divide it"));
        } else if self.collecting.is_none() && self.include(&code, said) {
        } else if code.text().is_empty() && self.collecting.is_none() {
            self.builder.blank(said);
        } else {
            self.line(&code, said, 0);
        }
    }

    /// The comment that begins here, as far as it may be carried over.
    fn comment(&mut self, line: &Line<'_>, begins: usize) -> Option<String> {
        let (code, comment) = line.text().split_at_checked(begins)?;
        if begins_secret(code) {
            let sign = line.span(begins..begins + 1);
            tell_of_comment(code, sign, self.reading.out);
            return None;
        }
        let comment = comment.trim_start_matches(['#', '!']).trim();
        Some(without_secret(comment))
    }

    /// A line without comment and blanks around it, of a file or of a definition.
    fn line(&mut self, line: &Line<'_>, comment: Option<&str>, depth: usize) {
        let span = line.span(0..line.text().len());
        if self.is_too_much(line) {
            return;
        }
        self.lines += 1;
        if depth > 0 {
            self.made += 1;
            self.made_bytes += line.text().len();
        }
        if depth > DEEPEST {
            let what = "the definitions here hold each other";
            self.reading.out.error(span, what);
            return;
        }
        if self.collecting.is_some() {
            self.collect(line.text());
        } else if line.text().starts_with('@') {
            self.condition(line, comment, depth);
        } else if let Some(repeat) = repeat(line.text()) {
            self.repeat(line, repeat, comment, depth);
        } else if let Some((name, value)) = assignment(line.text()) {
            self.define(Some(name), value);
        } else if let Some(lines) = self.definitions.lines(line.text()) {
            for inner in lines {
                if self.is_too_much(line) {
                    break;
                }
                self.line(
                    &Line::of_definition(&inner, span).trimmed(),
                    None,
                    depth + 1,
                );
            }
        } else {
            self.statement(line, comment, depth);
        }
    }

    fn statement(&mut self, line: &Line<'_>, comment: Option<&str>, depth: usize) {
        let replaced = self.definitions.replace(line.clone(), self.reading.out);
        // Copying is the cheaper part.
        self.made_bytes += self.definitions.take_copied() / 8;
        let Some(replaced) = replaced else {
            return;
        };
        let changed = replaced.text() != line.text();
        if changed {
            self.made_bytes += replaced.text().len();
        }
        if changed && replaced.text().starts_with(['@', '~', '$']) {
            return self.line(&replaced.trimmed(), comment, depth + 1);
        }
        let tokens = tokens(&replaced, self.reading.out);
        if tokens.is_empty() {
            return self.builder.blank(comment);
        }
        self.builder.line(tokens, comment, self.reading.out);
    }

    /// `@id rest`, `@^id rest`.
    fn condition(&mut self, line: &Line<'_>, comment: Option<&str>, depth: usize) {
        let text = line.text();
        let end = text.find(|c: char| c.is_ascii_whitespace());
        let end = end.unwrap_or(text.len());
        let word = text.get(1..end).unwrap_or_default();
        let (is_not, id) = match word.strip_prefix('^') {
            Some(id) => (true, id),
            None => (false, word),
        };
        let rest = line.part(end..text.len()).trimmed();
        if (id == self.id) != is_not {
            return self.line(&rest, comment, depth + 1);
        }
        let what = format!("left out: the id of this host is {}", Shown(&self.id));
        let finding = Finding::note(line.span(0..text.len()), what);
        let help = "keepalived compares with its option -i, or the first part of the host's name";
        self.reading.out.push(finding.help(help));
        if let Some((_, value)) = assignment(rest.text()) {
            self.define(None, value);
        }
    }

    fn repeat(
        &mut self,
        line: &Line<'_>,
        repeat: Result<Repeat, &'static str>,
        comment: Option<&str>,
        depth: usize,
    ) {
        let length = line.text().len();
        let Repeat { times, length: own } = match repeat {
            Ok(repeat) => repeat,
            Err(wrong) => return self.reading.out.error(line.span(0..length), wrong),
        };
        let rest = line.part(own..length).trimmed();
        for (number, names) in times.into_iter().enumerate() {
            if self.is_too_much(line) {
                break;
            }
            for (name, value) in names {
                self.definitions.define(&name, Definition::Words(value));
            }
            let comment = comment.filter(|_| number == 0);
            self.line(&rest, comment, depth + 1);
        }
    }

    /// `$NAME=value`; with a backslash at the end more lines follow. Without a name it is left out.
    fn define(&mut self, name: Option<&str>, value: &str) {
        match (name, value.strip_suffix('\\')) {
            (_, Some(first)) => {
                let first = first.trim();
                let lines = (!first.is_empty()).then(|| first.into());
                self.collecting = Some(Collecting {
                    name: name.map(Into::into),
                    lines: lines.into_iter().collect(),
                });
            }
            (Some(name), None) => {
                let value = Definition::Words(value.into());
                self.definitions.define(name, value);
            }
            (None, None) => {}
        }
    }

    /// A line of a definition of several lines.
    fn collect(&mut self, line: &str) {
        let Some(mut collecting) = self.collecting.take() else {
            return;
        };
        let inner = line.strip_suffix('\\');
        collecting.lines.push(inner.unwrap_or(line).trim().into());
        if inner.is_some() {
            self.collecting = Some(collecting);
        } else if let Some(name) = collecting.name {
            let lines = Definition::Lines(collecting.lines);
            self.definitions.define(&name, lines);
        }
    }
}

#[cfg(test)]
mod tests;
