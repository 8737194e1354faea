// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sections of a `haproxy.cfg`, their statements, and the comments beside these.

use std::collections::HashMap;

use super::environment::Environment;
use super::keywords;
use super::lexer::{Lexer, Line};
use crate::diagnostic::{FileId, Finding, Fix, Shown, Span, nearest};
use crate::import::Reading;
use crate::import::statement::{Remarks, Statement, Word};

/// What a section is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Global,
    Defaults,
    Frontend,
    Listen,
    Backend,
    Other(Other),
}

/// A section of which nothing is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Other {
    Peers,
    Resolvers,
    Userlist,
    Mailers,
    Program,
    Cache,
    HttpErrors,
    Ring,
    LogForward,
    FcgiApp,
    CrtStore,
    Traces,
}

impl Kind {
    const ALL: [(&'static str, Self); 17] = [
        ("global", Self::Global),
        ("defaults", Self::Defaults),
        ("frontend", Self::Frontend),
        ("listen", Self::Listen),
        ("backend", Self::Backend),
        ("peers", Self::Other(Other::Peers)),
        ("resolvers", Self::Other(Other::Resolvers)),
        ("userlist", Self::Other(Other::Userlist)),
        ("mailers", Self::Other(Other::Mailers)),
        ("program", Self::Other(Other::Program)),
        ("cache", Self::Other(Other::Cache)),
        ("http-errors", Self::Other(Other::HttpErrors)),
        ("ring", Self::Other(Other::Ring)),
        ("log-forward", Self::Other(Other::LogForward)),
        ("fcgi-app", Self::Other(Other::FcgiApp)),
        ("crt-store", Self::Other(Other::CrtStore)),
        ("traces", Self::Other(Other::Traces)),
    ];

    fn of(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(name, kind)| (name == word).then_some(kind))
    }

    /// The word that begins such a section.
    pub(super) fn word(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find_map(|(name, kind)| (kind == self).then_some(name))
            .unwrap_or_default()
    }
}

/// A section.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) kind: Kind,
    /// The line that begins it.
    pub(super) head: Statement,
    pub(super) statements: Vec<Statement>,
    /// The statements by their first word, and by their first two.
    by_words: HashMap<Box<str>, Vec<usize>>,
}

/// All that a file has.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) all: Vec<Section>,
    /// Comments above everything.
    pub(super) head: Vec<Box<str>>,
}

impl Section {
    fn new(kind: Kind, head: Statement) -> Self {
        Self {
            kind,
            head,
            statements: Vec::new(),
            by_words: HashMap::new(),
        }
    }

    /// Its name; empty when it has none.
    pub(super) fn name(&self) -> &str {
        self.head.words.first().map_or("", |word| &*word.text)
    }

    fn push(&mut self, statement: Statement) {
        let index = self.statements.len();
        let first = statement.keyword.text.clone();
        if let Some(second) = statement.words.first() {
            let both = format!("{first} {}", second.text).into();
            self.by_words.entry(both).or_default().push(index);
        }
        self.by_words.entry(first).or_default().push(index);
        self.statements.push(statement);
    }

    /// The statements that begin with this word, or with these two.
    pub(super) fn all_of(&self, words: &str) -> impl DoubleEndedIterator<Item = &Statement> {
        let indices = self.by_words.get(words).map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .filter_map(|index| self.statements.get(*index))
    }

    /// The last statement that begins so: it is the one that counts.
    pub(super) fn last_of(&self, words: &str) -> Option<&Statement> {
        self.all_of(words).next_back()
    }
}

/// Reads the sections of a file.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Sections {
    let text = reading.sources.text(file);
    let mut environment = Environment::new(reading.around);
    let mut reader = Reader::default();
    let mut base = 0;
    for raw in text.split_inclusive('\n') {
        let mut lexer = Lexer {
            sources: reading.sources,
            file,
            environment: &mut environment,
            out: reading.out,
        };
        let mut line = lexer.line(base, raw.trim_end_matches('\n'));
        if line.comment.as_deref().is_some_and(names_password) {
            line.comment = None;
            let place = reading
                .sources
                .span(file, base..base + raw.trim_end().len());
            let finding = Finding::note(place, "a comment is left out: it may hold a password");
            reading
                .out
                .push(finding.help("nothing of it is in the configuration"));
        }
        let indented = raw.starts_with(char::is_whitespace);
        base += raw.len();
        if reader.line(line, indented, reading) {
            reader.obey(&mut environment);
        }
    }
    reader.end(reading);
    reader.sections
}

/// Whether a comment has a word for a password, and another one behind it: most are lines that were switched off.
fn names_password(comment: &str) -> bool {
    let words: Vec<String> = comment
        .split([' ', '\t', '=', ':'])
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let names = ["auth", "pass", "passwd", "password", "passphrase", "secret"];
    words.windows(2).any(|pair| match pair {
        [name, _] => names.contains(&name.as_str()),
        _ => false,
    })
}

#[derive(Default)]
struct Reader {
    sections: Sections,
    /// Comments that wait for the next statement.
    comments: Vec<Box<str>>,
    /// Where conditional blocks that are open began: what stands in them is left out.
    conditions: Vec<Span>,
    /// Words outside all sections, which are unknown.
    outside: usize,
    /// Lines that might have been meant to begin a section.
    looked: usize,
}

/// More lines outside all sections than these are not told one by one.
const MOST_OUTSIDE: usize = 16;
/// So many lines are looked at for a misspelt section.
const MOST_LOOKED: usize = 1_000;

impl Reader {
    /// Takes a line; whether it is a statement of a section.
    fn line(&mut self, line: Line, indented: bool, reading: &mut Reading<'_>) -> bool {
        let mut words = line.words.into_iter();
        let Some(keyword) = words.next() else {
            self.comment(line.comment);
            return false;
        };
        if self.sections.all.is_empty() {
            self.sections.head.append(&mut self.comments);
        }
        let statement = Statement {
            keyword,
            words: words.collect(),
            block: None,
            remarks: Remarks {
                before: std::mem::take(&mut self.comments),
                behind: line.comment.map(|it| it.trim().into()),
            },
        };
        if statement.keyword.text.starts_with('.') {
            self.directive(&statement, reading);
            return false;
        }
        if !self.conditions.is_empty() {
            return false;
        }
        if let Some(kind) = Kind::of(&statement.keyword.text) {
            self.sections.all.push(Section::new(kind, statement));
            return false;
        }
        if !indented && let Some(kind) = self.misspelt(&statement.keyword, reading) {
            self.sections.all.push(Section::new(kind, statement));
            return false;
        }
        let Some(section) = self.sections.all.last_mut() else {
            self.outside(&statement, reading);
            return false;
        };
        section.push(statement);
        true
    }

    /// A line without words: comments above the first section are about the file.
    fn comment(&mut self, comment: Option<Box<str>>) {
        if let Some(comment) = comment {
            self.comments.push(comment.trim().into());
        }
    }

    /// A directive of HAProxy's own preprocessor.
    fn directive(&mut self, statement: &Statement, reading: &mut Reading<'_>) {
        let span = statement.span();
        match &*statement.keyword.text {
            ".if" => {
                if self.conditions.is_empty() {
                    let finding = Finding::new(span, "conditions are not evaluated");
                    reading.out.push(finding.help(
                        "keep the lines that apply, without .if, .elif, .else and .endif, and remove the others",
                    ));
                }
                if self.conditions.len() < DEEPEST {
                    self.conditions.push(span);
                }
            }
            ".endif" => {
                if self.conditions.pop().is_none() {
                    reading.out.error(span, ".endif without .if");
                }
            }
            ".elif" | ".else" if self.conditions.is_empty() => {
                let word = &statement.keyword.text;
                reading.out.error(span, format!("{word} without .if"));
            }
            ".elif" | ".else" => {}
            ".diag" | ".notice" | ".warning" | ".alert" => {
                let message = "not carried over: a message that HAProxy prints at its start";
                reading.out.push(Finding::note(span, message));
            }
            other => reading
                .out
                .error(span, format!("unknown directive {}", Shown(other))),
        }
    }

    /// The section that a line without indentation was meant to begin.
    fn misspelt(&mut self, keyword: &Word, reading: &mut Reading<'_>) -> Option<Kind> {
        if keywords::is_known(&keyword.text) || self.looked > MOST_LOOKED {
            return None;
        }
        self.looked += 1;
        let known = Kind::ALL.into_iter().map(|(name, _)| name);
        let near = nearest(&keyword.text, known)?;
        let message = format!("unknown section {}", Shown(&keyword.text));
        let finding = Finding::new(keyword.span, message).help(format!("did you mean {near}?"));
        let fix = Fix::replace(keyword.span, near);
        reading.out.push(finding.fix(fix));
        Kind::of(near)
    }

    fn outside(&mut self, statement: &Statement, reading: &mut Reading<'_>) {
        self.outside += 1;
        if self.outside > MOST_OUTSIDE {
            return;
        }
        let message = format!("{} stands in no section", Shown(&statement.keyword.text));
        let finding = Finding::new(statement.keyword.span, message);
        let help = "a section begins with global, defaults, listen, frontend or backend";
        reading.out.push(finding.help(help));
    }

    /// Lets `global` set variables.
    fn obey(&self, environment: &mut Environment<'_>) {
        let section = self.sections.all.last();
        let Some(section) = section.filter(|it| it.kind == Kind::Global) else {
            return;
        };
        if let Some(statement) = section.statements.last() {
            let mut words = vec![statement.keyword.clone()];
            words.extend(statement.words.iter().take(3).cloned());
            environment.obey(&words);
        }
    }

    fn end(&mut self, reading: &mut Reading<'_>) {
        for open in self.conditions.drain(..) {
            reading.out.error(open, ".if without .endif");
        }
    }
}

/// HAProxy nests no deeper.
const DEEPEST: usize = 64;
