// SPDX-License-Identifier: MIT OR Apache-2.0
//! What HAProxy refuses of statements that are read here, and what counts when a statement stands twice.
//!
//! The readers take what they understand. This looks at each statement once, before they do: how many words it may have,
//! which ones, and whether it is there already. `haproxy -c -f` of HAProxy 2.6 is the judge.

mod check;
mod samples;
mod server;
mod stick;

use std::collections::HashMap;

use super::aside::Aside;
use super::sections::{Kind, Section};
use crate::diagnostic::{Finding, Findings, Fix, Shown, Span};
use crate::import::statement::{Statement, Word};

/// So many words may follow a statement's name.
const MOST_WORDS: [(&str, usize); 29] = [
    ("mode", 1),
    ("disabled", 0),
    ("enabled", 0),
    ("default_backend", 1),
    ("hash-type", 3),
    ("option allbackups", 0),
    ("option external-check", 0),
    ("option httpchk", 3),
    ("option ldap-check", 0),
    ("option mysql-check", 3),
    ("option pgsql-check", 2),
    ("option redis-check", 0),
    ("option smtpchk", 2),
    ("option spop-check", 0),
    ("option ssl-hello-chk", 0),
    ("option tcp-check", 0),
    ("timeout check", 1),
    ("timeout client", 1),
    ("timeout client-fin", 1),
    ("timeout connect", 1),
    ("timeout http-keep-alive", 1),
    ("timeout http-request", 1),
    ("timeout queue", 1),
    ("timeout server", 1),
    ("timeout server-fin", 1),
    ("timeout tarpit", 1),
    ("timeout tunnel", 1),
    ("http-check disable-on-404", 0),
    ("http-check send-state", 0),
];

/// What a word of a statement may be: the statement, the word's place behind its name, how such a word is called.
const VALUES: [(&str, usize, &str, &[&str]); 8] = [
    ("mode", 0, "mode", &["tcp", "http", "log", "spop"]),
    (
        "hash-type",
        0,
        "method of hash-type",
        &["consistent", "map-based"],
    ),
    (
        "hash-type",
        1,
        "function of hash-type",
        &["sdbm", "djb2", "wt6", "crc32", "none"],
    ),
    ("hash-type", 2, "modifier of hash-type", &["avalanche"]),
    ("option mysql-check", 0, "word of mysql-check", &["user"]),
    (
        "option mysql-check",
        2,
        "version of mysql-check",
        &["post-41", "pre-41"],
    ),
    ("option smtpchk", 0, "command of smtpchk", &["HELO", "EHLO"]),
    ("option pgsql-check", 0, "word of pgsql-check", &["user"]),
];

/// Options that `no` and `default` cannot switch.
const UNSWITCHED: [&str; 18] = [
    "external-check",
    "forwardfor",
    "http-restrict-req-hdr-names",
    "http-use-htx",
    "httpchk",
    "httplog",
    "httpslog",
    "ldap-check",
    "mysql-check",
    "originalto",
    "pgsql-check",
    "redis-check",
    "smtpchk",
    "spop-check",
    "ssl-hello-chk",
    "tcp-check",
    "tcplog",
    "tcpka",
];

/// Statements of which a section has one: the last one counts.
const SINGLE: [&str; 14] = [
    "mode",
    "balance",
    "hash-type",
    "default_backend",
    "source",
    "maxconn",
    "retries",
    "fullconn",
    "timeout",
    "option httpchk",
    "option mysql-check",
    "option pgsql-check",
    "option smtpchk",
    "external-check",
];

/// Where what is wrong is said.
struct Judge<'a> {
    aside: &'a mut Aside,
    out: &'a mut Findings,
}

/// Says what HAProxy refuses of a section's statements, and which of them count for nothing.
pub(super) fn check(section: &Section, aside: &mut Aside, out: &mut Findings) {
    if matches!(section.kind, Kind::Global | Kind::Other(_)) {
        return;
    }
    let mut judge = Judge { aside, out };
    let mut known: HashMap<String, Span> = HashMap::new();
    let mut servers: HashMap<&str, Span> = HashMap::new();
    for statement in &section.statements {
        judge.statement(statement);
        judge.repeated(statement, &mut known);
        if &*statement.keyword.text == "server"
            && let Some(name) = statement.words.first()
            && let Some(first) = servers.insert(&name.text, name.span)
        {
            let message = format!("a second server {}", Shown(&name.text));
            let finding = Finding::new(name.span, message).first(first);
            judge.out.push(
                finding.help("HAProxy refuses it: each server of a section has its own name"),
            );
        }
    }
}

/// The first two words of a statement, as tables have them.
fn pair(statement: &Statement) -> String {
    let second = statement.words.first().map_or("", |word| &*word.text);
    format!("{} {second}", statement.keyword.text)
}

impl Judge<'_> {
    fn statement(&mut self, statement: &Statement) {
        let words = &statement.words;
        let pair = pair(statement);
        match &*statement.keyword.text {
            "no" | "default" => self.switched(statement),
            "server" => self.server(words.get(2..).unwrap_or_default()),
            "default-server" => self.server(words),
            "stick" => self.stick(words),
            "stick-table" => self.table(statement),
            "http-check" | "tcp-check" => self.rule(statement),
            _ => {}
        }
        let one = (&*statement.keyword.text, words.as_slice());
        let two = (&*pair, words.get(1..).unwrap_or_default());
        for (name, words) in [one, two] {
            if let Some((_, most)) = MOST_WORDS.iter().find(|it| it.0 == name) {
                self.too_many(name, words, *most);
            }
            let values = VALUES.iter().filter(|it| it.0 == name);
            for (_, at, what, known) in values {
                if let Some(word) = words.get(*at) {
                    self.one_of(word, what, known);
                }
            }
        }
    }

    /// One word more than a statement has.
    fn too_many(&mut self, name: &str, words: &[Word], most: usize) {
        let Some(word) = words.get(most) else {
            return;
        };
        let message = match most {
            0 => format!("{name} has no words behind it"),
            1 => format!("{name} has one word behind it"),
            _ => format!("{name} has at most {most} words behind it"),
        };
        let finding = Finding::new(word.span, message);
        self.out
            .push(finding.help("HAProxy refuses this one; remove it"));
    }

    /// Whether a word is one of these; says so when it is none.
    fn one_of(&mut self, word: &Word, what: &str, known: &[&str]) -> bool {
        if known.contains(&&*word.text) {
            return true;
        }
        let finding = Finding::new(word.span, format!("unknown {what} {}", Shown(&word.text)));
        let near = self.aside.near(&word.text, known.iter().copied());
        self.out.push(match near {
            Some(near) => finding
                .help(format!("did you mean {near}?"))
                .fix(Fix::replace(word.span, near)),
            None => finding.help(format!("HAProxy knows here: {}", known.join(", "))),
        });
        false
    }

    /// `no option NAME`: some of them are not switched, and other statements never are.
    fn switched(&mut self, statement: &Statement) {
        let inverts = &statement.keyword.text;
        let mut words = statement.words.iter();
        let (first, second) = (words.next(), words.next());
        let text = |word: Option<&Word>| word.map_or(String::new(), |it| it.text.to_string());
        let (first, second) = (text(first), text(second));
        let is_switched = match &*first {
            "option" => !UNSWITCHED.contains(&&*second),
            "log" => true,
            _ => false,
        };
        if is_switched {
            return;
        }
        let name = if first == "option" {
            format!("option {second}")
        } else {
            first
        };
        let message = format!("{inverts} does not go with {}", Shown(&name));
        let finding = Finding::new(statement.span(), message);
        self.out.push(
            finding.help("HAProxy refuses it; remove the line, and the one that it is against"),
        );
    }

    /// A statement that takes another one's place.
    fn repeated(&mut self, statement: &Statement, known: &mut HashMap<String, Span>) {
        let (one, two) = (&*statement.keyword.text, pair(statement));
        let name = if one == "timeout" || one == "external-check" {
            two
        } else if SINGLE.contains(&one) || one == "stick-table" {
            one.to_owned()
        } else if SINGLE.contains(&&*two) {
            two
        } else {
            return;
        };
        let Some(first) = known.insert(name.clone(), statement.keyword.span) else {
            return;
        };
        let finding = if one == "stick-table" {
            Finding::new(statement.span(), "a second stick-table of this section")
                .help("HAProxy refuses it: write one")
        } else {
            let message = format!(
                "{} stands here twice, and the last one counts, as in HAProxy",
                Shown(&name)
            );
            Finding::warning(statement.span(), message).help("remove the other one")
        };
        self.out.push(finding.first(first));
    }
}
