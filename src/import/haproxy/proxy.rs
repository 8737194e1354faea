// SPDX-License-Identifier: MIT OR Apache-2.0
//! A `listen`, `frontend` or `backend` over the `defaults` that it follows.

use std::collections::HashMap;
use std::time::Duration;

use super::aside::Aside;
use super::sections::{Kind, Section, Sections};
use super::server::{self, Settings};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::statement::Statement;

/// A section with what it inherits.
#[derive(Debug, Clone)]
pub(super) struct Proxy<'a> {
    pub(super) section: &'a Section,
    pub(super) defaults: Option<&'a Section>,
    /// What its servers have in common, by `default-server`.
    pub(super) settings: Settings,
}

/// All proxies of a file.
#[derive(Debug)]
pub(super) struct Proxies<'a> {
    pub(super) all: Vec<Proxy<'a>>,
    /// Those with servers, by name.
    by_name: HashMap<&'a str, usize>,
}

/// `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Tcp,
    Http,
    Other,
}

impl<'a> Proxies<'a> {
    /// Reads the proxies of a file, and what `defaults` each has.
    pub(super) fn read(sections: &'a Sections, aside: &mut Aside, out: &mut Findings) -> Self {
        let mut these = Self {
            all: Vec::new(),
            by_name: HashMap::new(),
        };
        let mut named: HashMap<&str, (&Section, Settings)> = HashMap::new();
        let mut last: Option<(&Section, Settings)> = None;
        for section in &sections.all {
            let inherited = match from(section) {
                Some((name, span)) => {
                    let found = named.get(name).cloned();
                    if found.is_none() {
                        let message = format!("there is no defaults {}", Shown(name));
                        out.push(Finding::new(span, message).help("write defaults NAME above it"));
                    }
                    found
                }
                None if section.kind == Kind::Defaults => None,
                None => last.clone(),
            };
            let (defaults, settings) = match inherited {
                Some((defaults, settings)) => (Some(defaults), settings),
                None => (None, Settings::default()),
            };
            match section.kind {
                Kind::Defaults => {
                    let settings = common(section, settings, aside, out);
                    named.insert(section.name(), (section, settings.clone()));
                    last = Some((section, settings));
                }
                Kind::Frontend | Kind::Listen | Kind::Backend => {
                    these.push(
                        section,
                        defaults,
                        common(section, settings, aside, out),
                        out,
                    );
                }
                Kind::Global | Kind::Other(_) => {}
            }
        }
        these
    }

    fn push(
        &mut self,
        section: &'a Section,
        defaults: Option<&'a Section>,
        settings: Settings,
        out: &mut Findings,
    ) {
        if section.name().is_empty() {
            let message = format!("a {} has a name", section.kind.word());
            out.error(section.head.span(), message);
        }
        let index = self.all.len();
        if section.kind != Kind::Frontend
            && let Some(known) = self.by_name.insert(section.name(), index)
            && let Some(known) = self.all.get(known)
        {
            let message = format!("a second section {}", Shown(section.name()));
            let finding = Finding::new(section.head.span(), message);
            out.push(finding.first(known.section.head.span()));
        }
        self.all.push(Proxy {
            section,
            defaults,
            settings,
        });
    }

    /// The proxy with servers of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Proxy<'a>> {
        self.all.get(*self.by_name.get(name)?)
    }
}

/// `from NAME` behind a section's name.
fn from(section: &Section) -> Option<(&str, Span)> {
    let words = &section.head.words;
    let at = words.iter().position(|word| &*word.text == "from")?;
    let name = words.get(at + 1)?;
    Some((&name.text, name.span))
}

/// What all servers of a section have in common.
fn common(
    section: &Section,
    mut settings: Settings,
    aside: &mut Aside,
    out: &mut Findings,
) -> Settings {
    let within = section.head.keyword.span;
    for statement in section.all_of("default-server") {
        settings.read(&statement.words, within, aside, out);
    }
    // Each server says for itself whether it is checked.
    settings.about_checks = None;
    if let Some(source) = section.last_of("source") {
        settings.source(&source.words, source.words.get(1..).unwrap_or_default());
    }
    settings
}

impl<'a> Proxy<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.section.name()
    }

    pub(super) const fn within(&self) -> Span {
        self.section.head.keyword.span
    }

    /// The statement that counts for this keyword: its own last one, or that of its `defaults`.
    pub(super) fn last(&self, words: &str) -> Option<&'a Statement> {
        let inherited = || self.defaults?.last_of(words);
        self.section.last_of(words).or_else(inherited)
    }

    /// Its own statements of this keyword, so many at most; when it has none, those of its `defaults`.
    pub(super) fn own_or_inherited(&self, words: &str, most: usize) -> Vec<&'a Statement> {
        let own: Vec<_> = self.section.all_of(words).take(most).collect();
        match self.defaults {
            Some(defaults) if own.is_empty() => defaults.all_of(words).take(most).collect(),
            _ => own,
        }
    }

    /// Whether an option is on, also when a section switches it off again.
    pub(super) fn has(&self, option: &str) -> bool {
        for section in [Some(self.section), self.defaults].into_iter().flatten() {
            let on = section.last_of(&format!("option {option}"));
            let off = section.all_of("no option");
            let off = off.filter(|it| it.words.get(1).is_some_and(|word| &*word.text == option));
            let on = on.map(|it| it.keyword.span);
            let off = off.map(|it| it.keyword.span).max();
            if on.is_some() || off.is_some() {
                return on > off;
            }
        }
        false
    }

    /// What kind of check its servers have: the last `option` that says so.
    pub(super) fn check_option(&self) -> Option<&'a Statement> {
        let last = |section: &'a Section| {
            let found = CHECKS.iter().filter_map(|it| section.last_of(it));
            found.max_by_key(|it| it.keyword.span)
        };
        last(self.section).or_else(|| self.defaults.and_then(last))
    }

    pub(super) fn mode(&self) -> Mode {
        let mode = self.last("mode").and_then(|it| it.words.first());
        match mode.map_or("tcp", |word| &*word.text) {
            "tcp" => Mode::Tcp,
            "http" => Mode::Http,
            _ => Mode::Other,
        }
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.section.last_of("disabled").is_some()
            || self.section.last_of("enabled").is_none()
                && self
                    .defaults
                    .is_some_and(|it| it.last_of("disabled").is_some())
    }

    /// A time of `timeout NAME`, or of the word that older files have for it.
    pub(super) fn timeout(&self, name: &str, old: &str, out: &mut Findings) -> Option<Duration> {
        let statement = self.last(&format!("timeout {name}"));
        let word = match statement {
            Some(statement) => statement.words.get(1),
            None => self.last(old).and_then(|it| it.words.first()),
        }?;
        server::time(&word.text, word.span, out)
    }
}

/// The options that say what kind of check servers have.
const CHECKS: [&str; 10] = [
    "option tcp-check",
    "option httpchk",
    "option mysql-check",
    "option pgsql-check",
    "option redis-check",
    "option smtpchk",
    "option ldap-check",
    "option ssl-hello-chk",
    "option spop-check",
    "option external-check",
];
