// SPDX-License-Identifier: MIT OR Apache-2.0
//! HAProxy's checks as ours: what is asked, of whom, and when.

mod expect;
mod http;
mod known;
mod schedule;
mod status;
mod talk;
mod tls;

use std::net::IpAddr;

use super::proxy::Proxy;
use super::server::{Server, Settings};
use super::value::Port;
use crate::diagnostic::{Finding, Findings, Span};
use crate::import::statement::Statement;
use crate::import::{Entry, Value};

pub(super) use expect::TOLD;
pub(super) use schedule::{Times, as_haproxy};

/// One question to a server, without the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    kind: Kind,
    port: Option<u16>,
    address: Option<IpAddr>,
    /// Whether it is asked by TLS, whatever the server's line says.
    tls: bool,
    /// The name that is said by TLS.
    name: Option<Box<str>>,
    settings: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Http,
    Smtp,
}

impl Question {
    const fn new(kind: Kind, settings: Vec<Entry>) -> Self {
        Self {
            kind,
            port: None,
            address: None,
            tls: false,
            name: None,
            settings,
        }
    }

    /// A connection, and nothing else.
    const fn connect() -> Self {
        Self::new(Kind::Tcp, Vec::new())
    }
}

/// Our checks of a server have at most so many questions.
const MOST: usize = 8;
/// A proxy has at most so many rules of `tcp-check` and `http-check`.
const MOST_RULES: usize = 256;

/// What a proxy asks each of its servers.
pub(super) fn questions(proxy: &Proxy<'_>, out: &mut Findings) -> Vec<Question> {
    let Some(option) = proxy.check_option() else {
        lonely_rules(proxy, out);
        return vec![Question::connect()];
    };
    let words = option.words.get(1..).unwrap_or_default();
    let mut questions = match option.words.first().map_or("", |word| &*word.text) {
        "httpchk" => http::questions(words, &rules(proxy, "http-check", out), out),
        "tcp-check" => talk::questions(&rules(proxy, "tcp-check", out), out),
        other => vec![known::question(other, words, option.span(), out)],
    };
    if questions.len() > MOST {
        let message = format!("{} connections for one check", questions.len());
        let finding = Finding::warning(option.span(), message);
        out.push(finding.help(format!("the first {MOST} are carried over")));
        questions.truncate(MOST);
    }
    questions
}

/// The rules of a check, the proxy's own or those of its `defaults`.
fn rules<'a>(proxy: &Proxy<'a>, keyword: &str, out: &mut Findings) -> Vec<&'a Statement> {
    let rules = proxy.own_or_inherited(keyword, MOST_RULES + 1);
    if rules.len() > MOST_RULES
        && let Some(last) = rules.last()
    {
        let message = format!("more than {MOST_RULES} rules of {keyword}");
        out.error(last.span(), message);
    }
    rules
}

/// Rules that HAProxy does not use, because their option is missing.
fn lonely_rules(proxy: &Proxy<'_>, out: &mut Findings) {
    for (keyword, option) in [("tcp-check", "tcp-check"), ("http-check", "httpchk")] {
        if let Some(rule) = proxy.own_or_inherited(keyword, 1).first() {
            let message = format!("{keyword} does nothing without option {option}");
            let finding = Finding::warning(rule.span(), message);
            out.push(finding.help("the check is a connection, as in HAProxy"));
        }
    }
}

/// The check of one server: its questions, and its times.
pub(super) fn of_server(
    questions: &[Question],
    server: &Server<'_>,
    times: &Times,
    out: &mut Findings,
) -> Value {
    let (settings, span) = (&server.settings, server.span);
    let mut asked: Vec<Asked> = once_each(questions, server)
        .into_iter()
        .map(|question| asked(question, settings, span, out))
        .collect();
    let mut entries = Vec::new();
    let agent = agent(settings, times, span, out);
    if asked.len() == 1 && agent.is_none() {
        let only = asked.remove(0);
        // Without a type the check is a connection.
        if only.kind != "tcp" || !only.settings.is_empty() {
            entries.push(only.entry());
        }
        entries.extend(schedule::entries(settings, times, span, out));
    } else {
        entries.extend(schedule::entries(settings, times, span, out));
        let each = asked.into_iter().map(Asked::item).chain(agent);
        entries.push(Entry::new("each", Value::list(each)));
    }
    entries.extend(path(questions, server, out));
    if settings.observe {
        entries.push(Entry::new("passive", Value::word("true")));
    }
    Value::Map(entries)
}

/// The questions without those that ask the same of the same port once more.
fn once_each<'q>(questions: &'q [Question], server: &Server<'_>) -> Vec<&'q Question> {
    let usual = match server.port {
        Port::Fixed(port) => Some(port),
        Port::Same | Port::Moved(_) => None,
    };
    let usual = server.settings.check_port.or(usual);
    let address = server.settings.check_address.unwrap_or(server.address);
    let whole = |question: &Question| Question {
        port: question.port.or(usual),
        address: question.address.or(Some(address)),
        ..question.clone()
    };
    let mut kept: Vec<&Question> = Vec::new();
    for question in questions {
        if !kept.iter().any(|known| whole(known) == whole(question)) {
            kept.push(question);
        }
    }
    kept
}

/// A question to one server.
struct Asked {
    kind: &'static str,
    settings: Vec<Entry>,
}

impl Asked {
    fn entry(self) -> Entry {
        Entry::new(self.kind, Value::Map(self.settings))
    }

    /// As an element of `each`.
    fn item(self) -> Value {
        if self.settings.is_empty() {
            return Value::word(self.kind);
        }
        Value::Map(vec![self.entry()])
    }
}

/// Where a server is asked, and whether by TLS.
fn asked(question: &Question, settings: &Settings, span: Span, out: &mut Findings) -> Asked {
    let elsewhere = settings.check_port.is_some() || settings.check_address.is_some();
    let wrapped = settings.tls.traffic.is_some() && !elsewhere;
    let mut entries = Vec::new();
    if let Some(port) = question.port.or(settings.check_port) {
        entries.push(Entry::new("port", Value::word(port)));
    }
    if let Some(address) = question.address.or(settings.check_address) {
        entries.push(Entry::new("address", Value::text(address)));
    }
    let by_tls = question.tls || settings.tls.check || wrapped;
    if by_tls {
        return tls::asked(question, entries, &settings.tls, span, out);
    }
    entries.extend(question.settings.iter().cloned());
    let kind = match question.kind {
        Kind::Tcp => "tcp",
        Kind::Http => "http",
        Kind::Smtp => "smtp",
    };
    Asked {
        kind,
        settings: entries,
    }
}

/// From where a server is asked.
fn path(questions: &[Question], server: &Server<'_>, out: &mut Findings) -> Vec<Entry> {
    let settings = &server.settings;
    let elsewhere = questions.iter().filter_map(|it| it.address);
    let mut asked = elsewhere
        .chain(settings.check_address)
        .chain(settings.agent.address)
        .chain([server.address]);
    let source = settings.source.filter(|source| {
        let alike = asked.all(|it| it.is_ipv4() == source.is_ipv4());
        if !alike {
            let message = format!("not carried over: source {source} of another address family");
            out.push(Finding::warning(server.span, message));
        }
        alike
    });
    let source = source.map(|it| Entry::new("source", Value::text(it)));
    let interface = settings.interface.as_deref();
    let interface = interface.map(|it| Entry::new("interface", Value::text(it)));
    source.into_iter().chain(interface).collect()
}

/// The agent of a server as an element of `each`.
fn agent(settings: &Settings, times: &Times, span: Span, out: &mut Findings) -> Option<Value> {
    if !settings.agent.check {
        return None;
    }
    let Some(port) = settings.agent.port else {
        let finding = Finding::new(span, "agent-check without agent-port");
        out.push(finding.help("write agent-port and the port on which the agent answers"));
        return None;
    };
    let mut keys = vec![Entry::new("port", Value::word(port))];
    let address = settings.agent.address.or(settings.check_address);
    keys.extend(address.map(|it| Entry::new("address", Value::text(it))));
    if let Some(send) = settings.agent.send.as_deref() {
        let line = send.trim_end_matches(['\n', '\r']);
        if line.is_empty() || line.len() > 1024 || line.contains(char::is_control) {
            let finding = Finding::warning(span, "agent-send is no single line");
            out.push(finding.help("nothing is sent to the agent"));
        } else {
            keys.push(Entry::new("send", Value::text(line)));
        }
    }
    let mut entries = vec![Entry::new("agent", Value::Map(keys))];
    entries.extend(schedule::of_agent(settings, times, span, out));
    Some(Value::Map(entries))
}
