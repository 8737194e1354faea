// SPDX-License-Identifier: MIT OR Apache-2.0
//! `option httpchk` and `http-check`: requests, and what their answers must have.

use super::expect::{self, Expect};
use super::status::{goes_beyond, statuses, statuses_of_expression};
use super::talk::{connect, is_variable};
use super::{Kind, Question};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::haproxy::lexer::BYTES;
use crate::import::statement::{Statement, Word};
use crate::import::{Entry, Value};

/// What our keys take.
const LONGEST: usize = 1024;
/// What HAProxy takes as a success when nothing is said.
const USUAL: &str = "200-399";
const MOST_HEADERS: usize = 32;

/// One request.
#[derive(Debug, Clone)]
struct Request {
    connect: Question,
    method: String,
    path: String,
    host: Option<String>,
    headers: Vec<(String, String)>,
    statuses: Option<Vec<(u16, u16)>>,
    contains: Option<String>,
    /// Whether anything was said about it.
    begun: bool,
}

impl Request {
    fn new(connect: Question) -> Self {
        Self {
            connect,
            method: "OPTIONS".to_owned(),
            path: "/".to_owned(),
            host: None,
            headers: Vec::new(),
            statuses: None,
            contains: None,
            begun: false,
        }
    }
}

/// The option's words and the rules as questions.
pub(super) fn questions(words: &[Word], rules: &[&Statement], out: &mut Findings) -> Vec<Question> {
    let mut all = Vec::new();
    let mut at = Request::new(Question::connect());
    line(&mut at, words, out);
    for rule in rules {
        let Some((word, rest)) = rule.words.split_first() else {
            continue;
        };
        let span = rule.span();
        match &*word.text {
            "connect" => {
                let next = connect(rest, out);
                if at.begun {
                    let following = Request::new(next);
                    all.push(std::mem::replace(&mut at, following).question());
                } else {
                    at.connect = next;
                }
            }
            "send" => send(&mut at, rest, span, out),
            "expect" => {
                at.begun = true;
                if let Some(expect) = Expect::read(rest, span, out) {
                    expected(&mut at, &expect, out);
                }
            }
            "comment" => {}
            other => other_rule(other, span, out),
        }
    }
    all.push(at.question());
    all
}

fn other_rule(word: &str, span: Span, out: &mut Findings) {
    let finding = match word {
        "disable-on-404" => Finding::warning(span, "not carried over: 404 counts as a failure")
            .help("with HAProxy such a server keeps its connections and gets no new ones; an agent or a file check can say drain"),
        "send-state" => Finding::note(span, "not carried over: servers are not told their state"),
        _ if is_variable(word) => {
            Finding::warning(span, "not carried over: variables of a check")
        }
        // It is told as unknown already.
        _ => return,
    };
    out.push(finding);
}

/// `[METHOD] URI [VERSION]`, with headers behind the version as older files have them.
fn line(at: &mut Request, words: &[Word], out: &mut Findings) {
    match words {
        [] => {}
        [uri] => path(at, uri, out),
        [meth, uri, version @ ..] => {
            method(at, meth, out);
            path(at, uri, out);
            if let Some(version) = version.first() {
                for line in version.text.split("\r\n").skip(1) {
                    if let Some((name, value)) = line.split_once(':') {
                        header(at, name, value, version.span, out);
                    }
                }
            }
        }
    }
}

/// `send meth M uri U ver V hdr NAME VALUE ... body B`.
fn send(at: &mut Request, words: &[Word], span: Span, out: &mut Findings) {
    at.begun = true;
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        let taken = match (&*word.text, after) {
            ("meth", [value, ..]) => {
                method(at, value, out);
                1
            }
            ("uri", [value, ..]) => {
                path(at, value, out);
                1
            }
            ("hdr", [name, value, ..]) => {
                header(at, &name.text, &value.text, span, out);
                2
            }
            ("ver" | "comment", [_, ..]) => 1,
            ("body" | "body-lf" | "uri-lf", [value, ..]) => {
                let message = format!("not carried over: {} of a request", word.text);
                let finding = Finding::warning(word.span.through(value.span), message);
                out.push(finding.help("a check sends no body, and has no variables"));
                1
            }
            // It is told as unknown already.
            _ => return,
        };
        rest = after.get(taken..).unwrap_or_default();
    }
}

fn method(at: &mut Request, word: &Word, out: &mut Findings) {
    let method = word.text.to_ascii_uppercase();
    if matches!(&*method, "GET" | "HEAD" | "OPTIONS") {
        at.method = method;
        return;
    }
    let message = format!("{} becomes GET", Shown(&word.text));
    let finding = Finding::warning(word.span, message);
    out.push(finding.help("a check asks by GET, HEAD or OPTIONS"));
    "GET".clone_into(&mut at.method);
}

fn path(at: &mut Request, word: &Word, out: &mut Findings) {
    let text = &*word.text;
    let usable = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
    if usable && text.starts_with('/') {
        text.clone_into(&mut at.path);
        return;
    }
    let message = format!("{} is no path: the check asks for /", Shown(text));
    out.push(Finding::warning(word.span, message).help("a path begins with /"));
}

fn header(at: &mut Request, name: &str, value: &str, span: Span, out: &mut Findings) {
    let (name, value) = (name.trim(), value.trim());
    let not = |why: &str| {
        let message = format!("not carried over: the header {}", Shown(name));
        Finding::warning(span, message).help(why.to_owned())
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let visible = value.len() <= LONGEST && value.bytes().all(|it| (b' '..=b'~').contains(&it));
    if value.contains("%[") {
        out.push(not("there are no variables in a request"));
    } else if name.eq_ignore_ascii_case("host") {
        if !value.is_empty() && value.len() <= 253 && value.chars().all(is_host) {
            at.host = Some(value.to_owned());
        } else {
            out.push(not("host has letters, digits and -._:[]"));
        }
    } else if name.eq_ignore_ascii_case("authorization") {
        out.push(not("write user and password_file in the check"));
    } else if [
        "connection",
        "content-length",
        "transfer-encoding",
        "proxy-authorization",
    ]
    .iter()
    .any(|known| name.eq_ignore_ascii_case(known))
    {
        let message =
            format!("not carried over: the header {name}, which the director writes itself");
        out.push(Finding::note(span, message));
    } else if name.is_empty() || name.len() > 64 || !name.chars().all(is_token) || !visible {
        out.push(not("a header has a name, and a value of visible ASCII"));
    } else {
        if may_be_secret(name) {
            let message = format!("the header {name} may be a secret");
            let finding = Finding::warning(span, message);
            out.push(
                finding.help("the configuration that is made has it, too: let nobody else read it"),
            );
        }
        at.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if at.headers.len() < MOST_HEADERS {
            at.headers.push((name.to_owned(), value.to_owned()));
        } else {
            out.push(not("a check has at most 32 headers here"));
        }
    }
}

/// Whether people call a header so that says who they are.
fn may_be_secret(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    let names = ["auth", "cookie", "key", "secret", "token", "pass"];
    names.iter().any(|name| header.contains(name))
}

fn expected(at: &mut Request, expect: &Expect<'_>, out: &mut Findings) {
    let text = match (expect.negated, expect.kind) {
        (negated, "status") => {
            if !negated && goes_beyond(expect.pattern) {
                let message = "statuses below 200 and above 599 are left out";
                let finding = Finding::warning(expect.span, message);
                out.push(
                    finding
                        .help("a check takes 200 to 599: a server that answers otherwise is down"),
                );
            }
            expect_status(at, statuses(expect.pattern, negated), expect, out);
            return;
        }
        (false, "string") => Some(expect.pattern.to_owned()),
        (false, "rstring") => expect::literal(expect.pattern),
        (false, "rstatus") => {
            expect_status(at, statuses_of_expression(expect.pattern), expect, out);
            return;
        }
        _ => None,
    };
    let possible = |it: &String| (1..=LONGEST).contains(&it.len()) && !it.contains(is_unseen);
    match text.filter(possible) {
        Some(text) if at.contains.is_none() => at.contains = Some(text),
        Some(_) | None => out.push(expect::without(expect)),
    }
    if at.contains.is_some() && at.method == "HEAD" {
        out.push(Finding::warning(
            expect.span,
            "HEAD becomes GET: the answer to HEAD has no body",
        ));
        "GET".clone_into(&mut at.method);
    }
}

/// Keeps which statuses are right. Our check looks at one list of them.
fn expect_status(
    at: &mut Request,
    statuses: Option<Vec<(u16, u16)>>,
    expect: &Expect<'_>,
    out: &mut Findings,
) {
    if statuses.is_none() || at.statuses.is_some() {
        out.push(expect::without(expect));
    } else {
        at.statuses = statuses;
    }
}

/// A character that is no text, or stands for a byte that is none.
fn is_unseen(character: char) -> bool {
    character.is_control() || u32::from(character) >= BYTES
}

impl Request {
    fn question(self) -> Question {
        let mut settings = vec![
            Entry::new("method", Value::word(&self.method)),
            Entry::new("path", Value::text(&self.path)),
        ];
        if let Some(host) = &self.host {
            settings.push(Entry::new("host", Value::text(host)));
        }
        if !self.headers.is_empty() {
            let headers = self.headers.iter();
            let headers = headers.map(|(name, value)| Entry::new(name, Value::text(value)));
            settings.push(Entry::new("headers", Value::Map(headers.collect())));
        }
        settings.push(Entry::new("status", self.status()));
        if let Some(contains) = self.contains {
            settings.push(Entry::new("contains", Value::text(contains)));
        }
        Question {
            kind: Kind::Http,
            settings,
            ..self.connect
        }
    }

    /// With a text that is expected, HAProxy looks at no status.
    fn status(&self) -> Value {
        let shown = |(low, high): &(u16, u16)| {
            if low == high {
                low.to_string()
            } else {
                format!("{low}-{high}")
            }
        };
        match (self.statuses.as_deref(), &self.contains) {
            (None, None) => Value::word(USUAL),
            (None, Some(_)) => Value::word("200-599"),
            (Some([one]), _) => Value::word(shown(one)),
            (Some(several), _) => Value::list(several.iter().map(|it| Value::word(shown(it)))),
        }
    }
}
