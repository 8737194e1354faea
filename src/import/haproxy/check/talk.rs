// SPDX-License-Identifier: MIT OR Apache-2.0
//! `tcp-check`: connections in which something is said and expected.

use super::expect::{self, Expect};
use super::{Kind, Question};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::haproxy::lexer::bytes_of;
use crate::import::haproxy::value;
use crate::import::statement::{Statement, Word};
use crate::import::{Entry, Value};
use crate::model::Payload;

/// `send` and `expect` of our check have at most so many bytes.
const LONGEST: usize = 1024;

/// One connection of a `tcp-check`.
struct Conversation {
    connect: Question,
    /// All that was said so far.
    said: Vec<u8>,
    /// What was said since the last expectation.
    last: Vec<u8>,
    last_span: Option<Span>,
    questions: Vec<Question>,
}

impl Conversation {
    const fn new(connect: Question) -> Self {
        Self {
            connect,
            said: Vec::new(),
            last: Vec::new(),
            last_span: None,
            questions: Vec::new(),
        }
    }
}

/// The rules as questions: each expectation is one.
pub(super) fn questions(rules: &[&Statement], out: &mut Findings) -> Vec<Question> {
    let mut all = Vec::new();
    let mut at = Conversation::new(Question::connect());
    let mut begun = false;
    for rule in rules {
        let Some((word, rest)) = rule.words.split_first() else {
            continue;
        };
        match &*word.text {
            "connect" => {
                if begun {
                    all.append(&mut end(at, out));
                }
                at = Conversation::new(connect(rest, out));
                begun = true;
            }
            "send" | "send-lf" | "send-binary" | "send-binary-lf" => {
                say(&mut at, &word.text, rest, rule.span(), out);
                begun = true;
            }
            "expect" => {
                if let Some(expect) = Expect::read(rest, rule.span(), out) {
                    expected(&mut at, &expect, out);
                }
                begun = true;
            }
            "comment" => {}
            other if is_variable(other) => {
                let message = "not carried over: variables of a check";
                out.push(Finding::warning(rule.span(), message));
            }
            // It is told as unknown already.
            _ => {}
        }
    }
    all.append(&mut end(at, out));
    all
}

/// Whether a rule is about a variable: `set-var(NAME) VALUE`.
pub(super) fn is_variable(rule: &str) -> bool {
    let name = rule.split('(').next().unwrap_or_default();
    matches!(name, "set-var" | "set-var-fmt" | "unset-var")
}

/// `connect [port N] [addr A] [ssl] [sni NAME] ...`, also of `http-check`.
pub(super) fn connect(words: &[Word], out: &mut Findings) -> Question {
    let mut question = Question::connect();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        rest = after;
        let argument = after.first();
        let text = argument.map_or("", |word| &*word.text);
        let takes_one = match &*word.text {
            "port" => {
                question.port = text.parse().ok().filter(|port| *port > 0);
                if question.port.is_none() {
                    out.error(word.span, format!("{} is no port", Shown(text)));
                }
                true
            }
            "addr" => {
                question.address = value::address(text).ok();
                if question.address.is_none() {
                    out.error(word.span, format!("{} is no address", Shown(text)));
                }
                true
            }
            "ssl" => {
                question.tls = true;
                false
            }
            "sni" => {
                question.name = Some(text.into());
                true
            }
            "alpn" | "proto" | "comment" => true,
            "send-proxy" | "via-socks4" => {
                let message = format!("not carried over: {} of a check", word.text);
                out.push(Finding::warning(word.span, message));
                false
            }
            // "default" and "linger" stand alone. What is unknown is told already.
            _ => false,
        };
        if takes_one {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    question
}

fn say(at: &mut Conversation, keyword: &str, words: &[Word], span: Span, out: &mut Findings) {
    let text = words.first().map_or("", |word| &*word.text);
    let bytes = match keyword {
        "send" => Some(bytes_of(text)),
        "send-binary" => bytes_in_hex(text),
        // A format without a variable is a text.
        "send-lf" if !text.contains('%') => Some(bytes_of(text)),
        _ => None,
    };
    if bytes.is_none() && keyword == "send-binary" {
        // What is no number of bytes is told already.
        return;
    }
    let Some(bytes) = bytes else {
        let finding = Finding::warning(span, format!("not carried over: {keyword}"));
        out.push(finding.help("there are no variables in what is sent"));
        return;
    };
    if has_password(&bytes) {
        let finding = Finding::warning(
            span,
            "what a check sends is shown in the log and the status",
        );
        out.push(finding.help("it seems to have a password: write an exec check in its place"));
    }
    at.said.extend_from_slice(&bytes);
    at.last.extend_from_slice(&bytes);
    at.last_span = Some(span);
}

/// Whether a line of what is said begins as a login does.
fn has_password(said: &[u8]) -> bool {
    let mut lines = said.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.any(|line| {
        let first = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let logins: [&[u8]; 5] = [b"AUTH", b"PASS", b"PASSWORD", b"LOGIN", b"USERPASS"];
        first.len() < line.len() && logins.iter().any(|it| first.eq_ignore_ascii_case(it))
    })
}

fn expected(at: &mut Conversation, expect: &Expect<'_>, out: &mut Findings) {
    let bytes = match (expect.negated, expect.kind) {
        (false, "string") => Some(bytes_of(expect.pattern)),
        (false, "binary") => bytes_in_hex(expect.pattern),
        (false, "rstring") => expect::literal(expect.pattern).map(String::into_bytes),
        _ => None,
    };
    let last = std::mem::take(&mut at.last);
    let Some(bytes) = bytes.filter(|it| (1..=LONGEST).contains(&it.len())) else {
        out.push(expect::without(expect));
        return;
    };
    if !at.questions.is_empty() && last.to_ascii_uppercase().starts_with(b"QUIT") {
        let message = "not carried over: the goodbye; the director ends the connection by itself";
        out.push(Finding::note(expect.span, message));
        return;
    }
    if at.said.len() > LONGEST {
        let message = format!("a check says at most {LONGEST} bytes");
        out.push(Finding::warning(expect.span, message).help("this part is not carried over"));
        return;
    }
    if at.questions.len() == 1 {
        let finding = Finding::warning(
            expect.span,
            "several answers in one connection become several checks",
        );
        out.push(
            finding.help("each says all that comes before at once, and waits for its own answer"),
        );
    }
    let mut settings = Vec::new();
    if !at.said.is_empty() {
        settings.push(payload("send", at.said.clone()));
    }
    settings.push(payload("expect", bytes));
    at.questions.push(Question {
        settings,
        kind: Kind::Tcp,
        ..at.connect.clone()
    });
}

/// The questions of a connection.
fn end(at: Conversation, out: &mut Findings) -> Vec<Question> {
    if !at.last.is_empty()
        && let Some(span) = at.last_span
    {
        let finding = if at.questions.is_empty() {
            Finding::warning(span, "not carried over: nothing is expected after this")
                .help("the check only connects; write what must come as an answer")
        } else {
            Finding::note(span, "not carried over: nothing is expected after this")
        };
        out.push(finding);
    }
    if at.questions.is_empty() {
        return vec![at.connect];
    }
    at.questions
}

/// Bytes as our keys `send` and `expect` have them.
pub(super) fn payload(key: &str, bytes: Vec<u8>) -> Entry {
    Entry::new(key, Value::text(Payload::new(bytes)))
}

/// Reads an even number of hexadecimal digits.
fn bytes_in_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
