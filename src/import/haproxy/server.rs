// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `server` and `default-server` say about a server (section 5.2 of HAProxy's manual).

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::aside::Aside;
use super::value::{self, NoAddress, Port};
use super::words::{Means, Means as M, WORDS};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::statement::{Remarks, Statement, Word};

/// The settings of a server, with HAProxy's defaults.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a word on a server's line"
)]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settings {
    pub(super) check: bool,
    pub(super) check_port: Option<u16>,
    pub(super) check_address: Option<IpAddr>,
    pub(super) inter: Option<Duration>,
    pub(super) fast: Option<Duration>,
    pub(super) down: Option<Duration>,
    pub(super) rise: Option<u32>,
    pub(super) fall: Option<u32>,
    pub(super) weight: Option<u32>,
    pub(super) backup: bool,
    pub(super) disabled: bool,
    pub(super) slow_start: Option<Duration>,
    pub(super) most_connections: Option<u32>,
    pub(super) agent: Agent,
    pub(super) tls: Tls,
    /// Whether the connections of a server that goes down end.
    pub(super) ends_when_down: bool,
    /// Where it is said that the connections of backup servers end when this one is back.
    pub(super) ends_backups: Option<Span>,
    pub(super) init_state: InitState,
    pub(super) observe: bool,
    /// The server whose checks count for this one.
    pub(super) track: Option<(Box<str>, Span)>,
    pub(super) source: Option<IpAddr>,
    pub(super) interface: Option<Box<str>>,
    /// Where something is written that says nothing without `check`.
    pub(super) about_checks: Option<Span>,
}

/// What a server counts as before its first check (`init-state` of HAProxy 3.1 and later).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum InitState {
    /// Up, and its first failure takes it down.
    #[default]
    Up,
    /// Up, and `fall` failures take it down.
    FullyUp,
    /// Down, and its first success brings it up.
    Down,
    /// Down, and `rise` successes bring it up.
    FullyDown,
}

impl InitState {
    fn of(word: &str) -> Self {
        match word {
            "fully-up" => Self::FullyUp,
            "down" => Self::Down,
            "fully-down" => Self::FullyDown,
            _ => Self::Up,
        }
    }
}

/// What is said about an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Agent {
    pub(super) check: bool,
    pub(super) port: Option<u16>,
    pub(super) address: Option<IpAddr>,
    pub(super) inter: Option<Duration>,
    pub(super) send: Option<Box<str>>,
}

/// What is said about TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tls {
    /// Where it is said that clients' connections are wrapped.
    pub(super) traffic: Option<Span>,
    pub(super) check: bool,
    pub(super) verify: Option<bool>,
    pub(super) ca_file: Option<Box<str>>,
    pub(super) certificate: Option<Box<str>>,
    /// The name that is said in a check.
    pub(super) check_name: Option<Box<str>>,
    /// The name that the certificate must have.
    pub(super) verify_host: Option<Box<str>>,
}

/// A server.
#[derive(Debug, Clone)]
pub(super) struct Server<'a> {
    pub(super) name: &'a str,
    pub(super) span: Span,
    pub(super) address: IpAddr,
    pub(super) port: Port,
    pub(super) settings: Settings,
    pub(super) remarks: &'a Remarks,
}

/// Reads `server NAME ADDRESS[:PORT] ...` over what `default-server` says.
pub(super) fn read<'a>(
    statement: &'a Statement,
    mut settings: Settings,
    section: Span,
    aside: &mut Aside,
    out: &mut Findings,
) -> Option<Server<'a>> {
    let (Some(name), Some(at)) = (statement.words.first(), statement.words.get(1)) else {
        let message = "a server has a name and an address";
        out.push(Finding::new(statement.span(), message).help("write server web1 10.0.0.1:80"));
        return None;
    };
    settings.read(
        statement.words.get(2..).unwrap_or_default(),
        section,
        aside,
        out,
    );
    let (address, port) = match value::target(&at.text) {
        Ok(target) => target,
        Err(cause) => {
            out.push(no_target(at, cause));
            return None;
        }
    };
    if address.is_unspecified() || address.is_multicast() {
        let message = format!("{address} is no server's address");
        out.push(Finding::new(at.span, message).help("write the server's own address"));
        return None;
    }
    Some(Server {
        name: &name.text,
        span: at.span,
        address,
        port,
        settings,
        remarks: &statement.remarks,
    })
}

/// Why a server's address cannot be carried over.
pub(super) fn no_target(at: &Word, cause: NoAddress) -> Finding {
    let shown = Shown(&at.text);
    match cause {
        NoAddress::Name => Finding::new(at.span, format!("{shown} is a name, and IPVS needs an address"))
            .help("write the address: a name can change while the director runs, and nothing is looked up"),
        NoAddress::OtherSocket => Finding::new(at.span, format!("{shown} is no TCP address"))
            .help("IPVS forwards packets to an IPv4 or IPv6 address"),
        NoAddress::Port => Finding::new(at.span, format!("{shown} has no port from 1 to 65535")),
        NoAddress::Nonsense => Finding::new(at.span, format!("{shown} is no address")),
    }
}

impl Settings {
    /// Reads the words behind a server's address, or behind `default-server`.
    pub(super) fn read(
        &mut self,
        words: &[Word],
        section: Span,
        aside: &mut Aside,
        out: &mut Findings,
    ) {
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            // What is unknown, and what is missing, is told already.
            let Some((name, count, means)) = WORDS.iter().find(|it| it.0 == &*word.text) else {
                return;
            };
            let Some((arguments, after)) = after.split_at_checked(*count) else {
                return;
            };
            rest = after;
            let whole = arguments
                .last()
                .map_or(word.span, |it| word.span.through(it.span));
            match means {
                M::Nothing(reason) => aside.add(section, whole, name, *reason),
                M::Source => rest = self.source(arguments, rest),
                _ => self.take(*means, arguments, whole, out),
            }
        }
    }

    fn take(&mut self, means: Means, arguments: &[Word], span: Span, out: &mut Findings) {
        let text = arguments.first().map_or("", |word| &*word.text);
        let boxed = || Some(Box::<str>::from(text));
        match means {
            M::Check(on) => {
                self.check = on;
                self.about_checks = self.about_checks.filter(|_| on);
            }
            M::CheckPort => self.check_port = port(text, span, out),
            M::CheckAddress => self.check_address = address(arguments, out),
            M::Inter => self.inter = self.about_checks(text, span, out),
            M::Fast => self.fast = self.about_checks(text, span, out),
            M::Down => self.down = self.about_checks(text, span, out),
            M::Rise => self.rise = number(text, 1..=MOST, span, out),
            M::Fall => self.fall = number(text, 1..=MOST, span, out),
            M::Weight => self.weight = number(text, 0..=256, span, out),
            M::Backup(on) => self.backup = on,
            M::Disabled(on) => self.disabled = on,
            M::SlowStart => self.slow_start = time(text, span, out),
            M::Connections => self.most_connections = number(text, 0..=MOST, span, out),
            M::AgentCheck(on) => self.agent.check = on,
            M::AgentPort => self.agent.port = port(text, span, out),
            M::AgentAddress => self.agent.address = address(arguments, out),
            M::AgentInter => self.agent.inter = time(text, span, out),
            M::AgentSend => self.agent.send = boxed(),
            M::Ssl(on) => self.tls.traffic = on.then_some(span),
            M::CheckSsl(on) => self.tls.check = on,
            M::Verify => self.tls.verify = Some(text != "none"),
            M::CaFile => self.tls.ca_file = boxed(),
            M::Certificate => self.tls.certificate = boxed(),
            M::CheckName => self.tls.check_name = boxed(),
            M::VerifyHost => self.tls.verify_host = boxed(),
            M::MarkedDown => self.ends_when_down = text == "shutdown-sessions",
            M::MarkedUp => self.ends_backups = Some(span),
            M::InitState => self.init_state = InitState::of(text),
            M::Observe => self.observe = text != "none",
            M::Track => self.track = boxed().map(|name| (name, span)),
            // They are read before.
            M::Source | M::Nothing(_) => {}
        }
    }

    /// A time that says nothing without `check`.
    fn about_checks(&mut self, text: &str, span: Span, out: &mut Findings) -> Option<Duration> {
        self.about_checks = Some(span);
        time(text, span, out)
    }

    /// `source ADDRESS[:PORTS] [usesrc ...] [interface NAME]`: where this host's connections come from.
    pub(super) fn source<'w>(&mut self, arguments: &[Word], rest: &'w [Word]) -> &'w [Word] {
        let text = arguments.first().map_or("", |word| &*word.text);
        let address = value::address(text).or_else(|_| value::target(text).map(|it| it.0));
        self.source = address.ok().filter(|it| !it.is_unspecified());
        let mut rest = rest;
        while let [word, argument, after @ ..] = rest {
            match &*word.text {
                "interface" => self.interface = Some(argument.text.clone()),
                "usesrc" => {}
                _ => return rest,
            }
            rest = after;
        }
        rest
    }
}

fn port(text: &str, span: Span, out: &mut Findings) -> Option<u16> {
    let port = text.parse().ok().filter(|port| *port > 0);
    if port.is_none() {
        out.error(span, format!("{} is no port from 1 to 65535", Shown(text)));
    }
    port
}

fn address(arguments: &[Word], out: &mut Findings) -> Option<IpAddr> {
    let word = arguments.first()?;
    value::address(&word.text)
        .map_err(|cause| out.push(no_target(word, cause)))
        .ok()
}

/// The largest number of connections that the kernel takes.
const MOST: u32 = i32::MAX as u32;

fn number(text: &str, range: RangeInclusive<u32>, span: Span, out: &mut Findings) -> Option<u32> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    if number.is_none() {
        let (least, most) = (range.start(), range.end());
        out.error(
            span,
            format!("{} is no number from {least} to {most}", Shown(text)),
        );
    }
    number
}

/// Nobody means a shorter time than this by a number without a unit.
const SHORTEST: Duration = Duration::from_millis(100);

/// A time; an error for anything else.
pub(super) fn time(text: &str, span: Span, out: &mut Findings) -> Option<Duration> {
    let Some(time) = value::time(text) else {
        let finding = Finding::new(span, format!("{} is no time", Shown(text)));
        out.push(finding.help("HAProxy's times are 5000 (milliseconds), 5s, 2m, 1h"));
        return None;
    };
    let is_bare = text.bytes().all(|it| it.is_ascii_digit());
    if is_bare && !time.is_zero() && time < SHORTEST {
        let message = format!("{text} without a unit is {text} milliseconds, as in HAProxy");
        let finding = Finding::warning(span, message);
        out.push(finding.help(format!("write {text}s for seconds, or {text}ms")));
    }
    Some(time)
}
