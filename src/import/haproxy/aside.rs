// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is named and not carried over, and why. Statements of one section with one reason are told together.

use std::collections::BTreeMap;

use super::keywords::{self, Fate, NotHere};
use super::sections::{Kind, Other, Section};
use crate::diagnostic::{Finding, Findings, Fix, Severity, Shown, Span, nearest};
use crate::import::statement::Statement;

/// Why something is not carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reason {
    Process,
    Log,
    Socket,
    Limit,
    Tcp,
    Retry,
    Timeout,
    Http,
    Content,
    Tls,
    Mail,
    External,
    Spread,
    Names,
    Proxy,
    Queue,
    Observe,
    Idle,
    Off,
    Threshold,
    Slow,
    Page,
}

impl Reason {
    const fn severity(self) -> Severity {
        match self {
            Self::Process
            | Self::Log
            | Self::Socket
            | Self::Limit
            | Self::Tcp
            | Self::Timeout
            | Self::Http
            | Self::Tls
            | Self::Names
            | Self::Observe
            | Self::Idle
            | Self::Off
            | Self::Slow
            | Self::Page
            | Self::Spread => Severity::Note,
            Self::Retry
            | Self::Content
            | Self::Mail
            | Self::External
            | Self::Proxy
            | Self::Queue
            | Self::Threshold => Severity::Warning,
        }
    }

    /// Whether nothing of it is in our file.
    const fn is_left_out(self) -> bool {
        !matches!(self, Self::Idle | Self::Threshold)
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Process => "settings of HAProxy's own process",
            Self::Log => "logs and statistics of HAProxy",
            Self::Socket => "HAProxy's control socket",
            Self::Limit => "IPVS has no limit of all connections",
            Self::Tcp => "a client's connection goes to the server itself: its TCP is theirs",
            Self::Retry => "nobody connects again in the client's place",
            Self::Timeout => "nobody waits between the client and the server",
            Self::Http => "layer 4 reads no HTTP",
            Self::Content => "layer 4 does not look into what clients and servers say",
            Self::Tls => "layer 4 ends no TLS",
            Self::Mail => "the director sends no mail",
            Self::External => "programs are named in the check itself",
            Self::Spread => "probes are spread by the director itself",
            Self::Names => "the director resolves no names",
            Self::Proxy => "layer 4 adds nothing to a connection, and takes nothing away",
            Self::Queue => "IPVS has no queue",
            Self::Idle => "IPVS ends no idle connection: it forgets one after ipvs: tcp_timeout",
            Self::Off => "what is switched off",
            Self::Threshold => {
                "becomes upper_threshold: clients above it are refused, and do not wait"
            }
            Self::Page => "the director's own status page has no such setting",
            Self::Slow => "this scheduler does not share by weights",
            Self::Observe => "what clients meet counts in the way of passive: true",
        }
    }

    const fn help(self) -> Option<&'static str> {
        Some(match self {
            Self::Socket => {
                "director status, drain, disable, enable, weight and events are its commands"
            }
            Self::Limit => "upper_threshold limits the connections of a server",
            Self::Retry => {
                "a client that meets a dead server must connect again; tripwire and a short interval make that rare"
            }
            Self::Content => "keep HAProxy behind the director for this",
            Self::Mail => "director events tells what happens",
            Self::External => "write check: {exec: {command: [/path, argument]}}",
            Self::Proxy => {
                "turn the PROXY protocol off at the servers: they see the client's own address"
            }
            Self::Queue => "a client above all thresholds is refused",
            Self::Threshold => {
                "IPVS also counts connections that ended within the last two minutes; take a higher number where there are many short ones"
            }
            Self::Process
            | Self::Page
            | Self::Slow
            | Self::Log
            | Self::Tcp
            | Self::Timeout
            | Self::Http
            | Self::Tls
            | Self::Spread
            | Self::Names
            | Self::Idle
            | Self::Off
            | Self::Observe => return None,
        })
    }
}

/// What is left out, until all is read.
#[derive(Debug, Default)]
pub(super) struct Aside {
    groups: BTreeMap<(Span, Reason), Group>,
    /// Unknown words so far.
    unknown: usize,
}

/// Names that are told together.
#[derive(Debug)]
struct Group {
    first: Span,
    names: Vec<Box<str>>,
    more: usize,
}

/// A finding names so many keywords, and counts the others.
const MOST_NAMES: usize = 24;
/// For so many unknown words the one that was meant is looked for.
const MOST_UNKNOWN: usize = 1_000;

impl Aside {
    /// Leaves something out: within what is told together, where, what, why.
    pub(super) fn add(&mut self, within: Span, at: Span, name: &str, reason: Reason) {
        let group = self.groups.entry((within, reason)).or_insert(Group {
            first: at,
            names: Vec::new(),
            more: 0,
        });
        if group.names.iter().any(|known| **known == *name) {
            return;
        }
        if group.names.len() < MOST_NAMES {
            group.names.push(name.into());
        } else {
            group.more += 1;
        }
    }

    /// The word that was meant by one that is unknown. After a thousand of them nobody looks any more.
    pub(super) fn near<'k>(
        &mut self,
        word: &str,
        known: impl Iterator<Item = &'k str>,
    ) -> Option<&'k str> {
        self.unknown += 1;
        if self.unknown > MOST_UNKNOWN {
            return None;
        }
        nearest(word, known)
    }

    /// Reads all keywords of a section: what is not carried over, what is unknown, and what belongs elsewhere.
    pub(super) fn section(&mut self, section: &Section, out: &mut Findings) {
        if let Kind::Other(other) = section.kind {
            out.push(other_section(other, section));
            return;
        }
        for statement in &section.statements {
            self.statement(section, statement, out);
        }
    }

    fn statement(&mut self, section: &Section, statement: &Statement, out: &mut Findings) {
        let within = section.head.keyword.span;
        let mut words = std::iter::once(&statement.keyword).chain(&statement.words);
        let mut first = &statement.keyword;
        let mut second = words.nth(1);
        let inverted = matches!(&*first.text, "no" | "default");
        if inverted && let Some(word) = second {
            (first, second) = (word, words.next());
        }
        match keywords::find(section.kind, &first.text, second.map(|word| &*word.text)) {
            // What is switched off is nothing that could be missed.
            Ok(found) if inverted => {
                let name = format!("{} {}", statement.keyword.text, found.name);
                self.add(within, statement.span(), &name, Reason::Off);
            }
            Ok(found) => match found.fate {
                Fate::Read => {}
                Fate::Aside(reason) => self.add(within, statement.span(), found.name, reason),
                Fate::Old(new) => out.push(old(found.name, new, first.span)),
            },
            Err(NotHere::Misplaced(places)) => {
                let name = name_of(&first.text, second.map(|word| &*word.text));
                let message = format!("{name} does not belong into {}", section.kind.word());
                let help = format!("it belongs into {}", keywords::sections(places));
                out.push(Finding::new(statement.span(), message).help(help));
            }
            Err(NotHere::Unknown) => self.unknown(section.kind, statement, out),
        }
    }

    fn unknown(&mut self, kind: Kind, statement: &Statement, out: &mut Findings) {
        let first = &statement.keyword;
        let second = statement.words.first();
        let grouped = keywords::is_group(&first.text);
        let name = name_of(&first.text, second.map(|word| &*word.text));
        let span = match second {
            Some(second) if grouped => first.span.through(second.span),
            _ => first.span,
        };
        let message = format!("unknown keyword {} in {}", Shown(&name), kind.word());
        let finding = Finding::new(span, message);
        let finding = match self.near(&name, keywords::names(kind)) {
            Some(near) => finding
                .help(format!("did you mean {near}?"))
                .fix(Fix::replace(span, near)),
            None => finding.help("HAProxy 2.6 does not know it; remove it"),
        };
        out.push(finding);
    }

    /// Says all that was left out.
    pub(super) fn tell(self, out: &mut Findings) {
        for ((_, reason), group) in self.groups {
            let mut names = group.names.join(", ");
            if group.more > 0 {
                names = format!("{names} and {} more", group.more);
            }
            let not = if reason.is_left_out() {
                "not carried over: "
            } else {
                ""
            };
            let message = format!("{not}{names}: {}", reason.text());
            let finding = match reason.severity() {
                Severity::Error => Finding::new(group.first, message),
                Severity::Warning => Finding::warning(group.first, message),
                Severity::Note => Finding::note(group.first, message),
            };
            out.push(match reason.help() {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
    }
}

/// A word that HAProxy had another one for.
fn old(name: &str, new: &str, span: Span) -> Finding {
    let message = format!("{name} is {new} since HAProxy 2.1");
    let finding = Finding::warning(span, message).help("it is taken for that");
    finding.fix(Fix::replace(span, new))
}

/// The keyword as it is told: with its second word where the first says nothing alone.
fn name_of(first: &str, second: Option<&str>) -> String {
    match second {
        Some(second) if keywords::is_group(first) => format!("{first} {second}"),
        _ => first.to_owned(),
    }
}

fn other_section(other: Other, section: &Section) -> Finding {
    let span = section.head.span();
    let word = section.kind.word();
    let note = |text: &str| Finding::note(span, format!("{word} is not carried over: {text}"));
    let warning =
        |text: &str| Finding::warning(span, format!("{word} is not carried over: {text}"));
    match other {
        Other::Peers => warning("HAProxy's peers share stick tables")
            .help("connection_sync shares the kernel's connections and persistence with another director; peer shares orders and verdicts"),
        Other::Resolvers => note("the director resolves no names"),
        Other::Userlist => note("there is no login to what layer 4 forwards"),
        Other::Mailers => warning("the director sends no mail").help("director events tells what happens"),
        Other::Program => warning("the director starts no other program").help("let systemd start it"),
        Other::Cache | Other::HttpErrors | Other::FcgiApp => note("layer 4 reads no HTTP"),
        Other::Ring | Other::LogForward | Other::Traces => note("logs of HAProxy"),
        Other::CrtStore => note("layer 4 ends no TLS"),
    }
}
