// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director why`: all that the running director knows about one real server.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use super::args::Failure;
use super::ask::{Whom, to_json};
use super::render::{event, ground, slow_start};
use super::say::{printable, say};
use crate::control::{
    CheckStatus, Client, HeldStatus, Item, Request, ServerStatus, Told, TripwireStatus,
};
use crate::engine::count;
use crate::model::{Object, ServerKey, ServiceKey};

/// How many events are shown: the last ones.
const MOST_EVENTS: usize = 10;

/// A real server as a person names it: with its port, or on all ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whose {
    address: IpAddr,
    port: Option<u16>,
}

impl FromStr for Whose {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            let port = None;
            return Ok(Self { address, port });
        }
        let at: SocketAddr = text
            .parse()
            .map_err(|_| "write an address, or an address and a port: 10.0.0.5:5672")?;
        Ok(Self {
            address: at.ip(),
            port: Some(at.port()),
        })
    }
}

impl Whose {
    /// Whether this is the server.
    pub(super) fn is(self, server: &ServerKey) -> bool {
        self.is_at(server.address, server.port)
    }

    /// Whether it names this address, and this port if it names one.
    pub(super) fn is_at(self, address: IpAddr, port: u16) -> bool {
        self.address == address && self.port.is_none_or(|it| it == port)
    }
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
            None => self.address.fmt(f),
        }
    }
}

/// One server of one service, and why it is where it is.
#[derive(Debug, Serialize)]
pub(super) struct Why {
    pub(super) service: ServiceKey,
    /// Why the kernel is not as it should be, if it is not.
    error: Option<String>,
    #[serde(flatten)]
    pub(super) server: ServerStatus,
    /// What happened to it, the latest last.
    events: Vec<Told>,
}

/// The command.
pub(super) fn why(
    whom: Whom,
    whose: Whose,
    services: Vec<ServiceKey>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    let mut found = named(&mut client, Some(&[whose]), services)?;
    for told in history(&mut client)? {
        let Some(transition) = told.transition() else {
            continue;
        };
        let (Object::Server(service, server) | Object::Check(service, server)) = transition.object
        else {
            continue;
        };
        let about = |it: &&mut Why| it.service == service && it.server.server == server;
        if let Some(why) = found.iter_mut().find(about) {
            why.events.push(told);
        }
    }
    for why in &mut found {
        let surplus = why.events.len().saturating_sub(MOST_EVENTS);
        why.events.drain(..surplus);
    }
    let text = if json {
        to_json(serde_json::to_string_pretty(&found))?
    } else {
        let texts: Vec<String> = found.iter().map(render).collect();
        texts.join("\n")
    };
    say(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// These servers, or all, in each of these services that has them; in all services when none is named. A server that none
/// has is an error.
pub(super) fn named(
    client: &mut Client,
    whose: Option<&[Whose]>,
    services: Vec<ServiceKey>,
) -> Result<Vec<Why>, Failure> {
    let mut found = Vec::new();
    let watch = false;
    for item in client.ask(Request::Status { services, watch })? {
        let Item::Status(status) = item? else {
            continue;
        };
        for service in status.services {
            let servers = service.servers.into_iter();
            let is_meant = |it: &ServerStatus| {
                whose.is_none_or(|all| all.iter().any(|whose| whose.is(&it.server)))
            };
            let meant = servers.filter(is_meant);
            found.extend(meant.map(|server| Why {
                service: service.service,
                error: service.error.clone(),
                server,
                events: Vec::new(),
            }));
        }
    }
    let has = |whose: &&Whose| found.iter().any(|why: &Why| whose.is(&why.server.server));
    if let Some(whose) = whose.unwrap_or_default().iter().find(|it| !has(it)) {
        return Err(Failure::failed(format!(
            "no virtual service that was asked about has the real server {whose}; director status lists them"
        )));
    }
    Ok(found)
}

fn history(client: &mut Client) -> Result<Vec<Told>, Failure> {
    let (after, follow) = (None, false);
    let mut events = Vec::new();
    for item in client.ask(Request::Events { after, follow })? {
        if let Item::Event(told) = item? {
            events.push(told);
        }
    }
    Ok(events)
}

/// The answer in words. Writing to a String cannot fail.
fn render(why: &Why) -> String {
    let server = &why.server;
    let mut text = format!("{} -> {}\n", why.service, server.server);
    let _ = writeln!(text, "  {}, {}", standing(server), place(server));
    if let Some(order) = &server.order {
        let _ = writeln!(text, "  {order} is ordered; director enable takes it back");
    }
    if let Some(note) = &server.note {
        let _ = writeln!(text, "  {note}");
    }
    if let Some(it) = &server.drain {
        let _ = writeln!(text, "  {it}");
    }
    if let Some(it) = &server.slow_start {
        let _ = writeln!(text, "  {}", slow_start(it));
    }
    if let Some(error) = &why.error {
        let _ = writeln!(text, "  error: {error}");
    }
    for check in &server.checks {
        render_check(check, &mut text);
    }
    if server.checks.is_empty() {
        text.push_str("  nothing checks it: it counts as up\n");
    }
    if !why.events.is_empty() {
        text.push_str("  what happened, the latest last\n");
    }
    let mut text = printable(&text);
    for told in &why.events {
        let _ = write!(text, "    {}", event(told));
    }
    text
}

fn standing(server: &ServerStatus) -> String {
    match server.since_seconds {
        Some(seconds) => {
            let ground = ground(server.by_configuration);
            format!("{}{ground} for {seconds} s", server.health)
        }
        None => server.health.to_string(),
    }
}

/// Where it is in the kernel, and where it is while it is up.
fn place(server: &ServerStatus) -> String {
    let configured = server.configured_weight;
    match server.weight {
        Some(weight) if weight == configured => format!("in the kernel with weight {weight}"),
        Some(weight) => format!("in the kernel with weight {weight}, configured {configured}"),
        None => format!("not in the kernel; while it is up it has weight {configured}"),
    }
}

fn render_check(check: &CheckStatus, text: &mut String) {
    let _ = writeln!(text, "  check {}", check.probe);
    let _ = writeln!(text, "    {}", verdict(check));
    if let Some(it) = &check.remembered {
        let _ = writeln!(text, "    {it}");
    }
    if let Some(held) = &check.held {
        let _ = writeln!(text, "    {}", hold_down(held));
    }
    let _ = writeln!(text, "    {}", last_probe(check));
    if let Some(warning) = &check.warning {
        let _ = writeln!(text, "    warning: {warning}");
    }
    let _ = match check.next_milliseconds {
        Some(wait) => writeln!(text, "    next probe in {}", time(wait * 1000)),
        None => writeln!(text, "    a probe is out"),
    };
    if let Some(times) = check.hastened {
        let _ = writeln!(
            text,
            "    passive: client connections without an answer have brought {} forward",
            count(usize::try_from(times).unwrap_or(usize::MAX), "probe")
        );
    }
    if let Some(wire) = &check.tripwire {
        let _ = writeln!(text, "    tripwire: {}", tripwire(wire));
    }
}

/// What the held connection does, and how many there were before.
fn tripwire(wire: &TripwireStatus) -> String {
    let TripwireStatus { ended, off, .. } = wire;
    let before = match &wire.last_end {
        Some(end) => format!("; {ended} ended so far, the last one: {end}"),
        None => String::new(),
    };
    let state = match (wire.held_seconds, wire.next_milliseconds) {
        (Some(seconds), _) => format!("holds a connection for {seconds} s"),
        (None, Some(wait)) => format!("opens a connection in {}", time(wait * 1000)),
        (None, None) if *off => "off, because the server ends such connections".to_owned(),
        (None, None) => "waits for a success of the check".to_owned(),
    };
    state + &before
}

/// The standing by this check, and how far it is from another one.
fn verdict(check: &CheckStatus) -> String {
    let (results, to) = if check.standing == "down" {
        ("successes", "up")
    } else {
        ("failures", "down")
    };
    let among = check
        .against_of
        .map_or_else(|| "in a row".to_owned(), |of| format!("in the last {of}"));
    let verdict = format!(
        "{}{} for {} s; {} of {} {results} {among} to be {to}",
        check.standing,
        ground(check.by_configuration),
        check.since_seconds,
        check.against,
        check.against_needed
    );
    match &*check.standing {
        "up" | "down" => verdict,
        _ => format!("{verdict}, 1 success to be up"),
    }
}

/// Why it is not up although its check may pass.
fn hold_down(held: &HeldStatus) -> String {
    let must = time(held.must_pass_milliseconds.saturating_mul(1000));
    let left = match held.left_milliseconds {
        Some(left) => format!("{} left", time(left.saturating_mul(1000))),
        None => "it does not pass now".to_owned(),
    };
    let falls = held.falls;
    format!("held down: this is fall number {falls}, and the check must pass for {must}; {left}")
}

fn last_probe(check: &CheckStatus) -> String {
    let failure = check.last_failure.as_deref().unwrap_or("no reason known");
    if check.could_not_run > 0 {
        let seconds = check.not_checked_seconds.unwrap_or_default();
        let times = check.could_not_run;
        let of = check.no_result;
        return format!("{of} {times} times in a row, for {seconds} s: {failure}");
    }
    let (Some(ago), Some(took)) = (check.checked_seconds_ago, check.latency_microseconds) else {
        return "no probe has come back yet".to_owned();
    };
    let last = format!("last probe {ago} s ago, took {}", time(took));
    if check.last_succeeded == Some(false) {
        return format!("{last}: {failure}");
    }
    match &check.last_failure {
        Some(before) => format!("{last}: success (the last failure was: {before})"),
        None => format!("{last}: success"),
    }
}

/// A time in microseconds, with three digits at most.
fn time(microseconds: u64) -> String {
    let time = Duration::from_micros(microseconds);
    match microseconds {
        0..1_000 => format!("{microseconds} us"),
        1_000..1_000_000 => format!("{} ms", time.as_millis()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NoResult, ProbeCounts, Severity};

    fn check() -> CheckStatus {
        CheckStatus {
            probe: "amqp 10.0.0.5:5672 user monitor vhost /".to_owned(),
            standing: "down".into(),
            since_seconds: 12,
            by_configuration: false,
            remembered: None,
            latency_microseconds: Some(2_350),
            last_failure: Some("connect refused".to_owned()),
            warning: None,
            last_succeeded: Some(true),
            probes: ProbeCounts::default(),
            against: 1,
            against_needed: 2,
            against_of: None,
            held: None,
            next_milliseconds: Some(1_800),
            checked_seconds_ago: Some(0),
            could_not_run: 0,
            no_result: NoResult::CouldNotRun,
            not_checked_seconds: None,
            hastened: None,
            tripwire: None,
        }
    }

    fn down(checks: Vec<CheckStatus>) -> Why {
        Why {
            service: "TCP 192.0.2.10:5672".parse().unwrap(),
            error: None,
            server: ServerStatus {
                server: "10.0.0.5:5672".parse().unwrap(),
                health: "down".into(),
                since_seconds: Some(12),
                weight: None,
                configured_weight: 5,
                by_configuration: false,
                reason: None,
                order: None,
                note: None,
                drain: None,
                slow_start: None,
                checks,
            },
            events: vec![Told {
                number: 7,
                milliseconds_ago: 0,
                severity: Severity::Info,
                text: "real server 10.0.0.5:5672: up -> down".to_owned(),
                transition: serde_json::Value::Null,
            }],
        }
    }

    #[test]
    fn a_person_reads_how_long_a_server_is_held_down() {
        let mut check = check();
        let said = |check: &CheckStatus| {
            let mut text = String::new();
            render_check(check, &mut text);
            text.lines().nth(2).unwrap().to_owned()
        };
        let held = HeldStatus {
            falls: 3,
            must_pass_milliseconds: 20_000,
            left_milliseconds: Some(12_400),
        };
        check.held = Some(held);
        assert_eq!(
            said(&check),
            "    held down: this is fall number 3, and the check must pass for 20.0 s; 12.4 s left"
        );
        check.held = Some(HeldStatus {
            left_milliseconds: None,
            ..held
        });
        assert!(said(&check).ends_with("for 20.0 s; it does not pass now"));
    }

    #[test]
    fn a_person_reads_where_a_server_is_and_why() {
        let text = render(&down(vec![check()]));
        let (said, events) = text.split_once("    7 ").unwrap();
        assert_eq!(
            said,
            "TCP 192.0.2.10:5672 -> 10.0.0.5:5672\n  \
             down for 12 s, not in the kernel; while it is up it has weight 5\n  \
             check amqp 10.0.0.5:5672 user monitor vhost /\n    \
             down for 12 s; 1 of 2 successes in a row to be up\n    \
             last probe 0 s ago, took 2 ms: success (the last failure was: connect refused)\n    \
             next probe in 1.8 s\n  \
             what happened, the latest last\n"
        );
        assert!(events.ends_with(" info real server 10.0.0.5:5672: up -> down\n"));
    }

    #[test]
    fn a_check_says_what_its_last_probe_saw() {
        let failed = CheckStatus {
            standing: "up".into(),
            last_succeeded: Some(false),
            against: 1,
            against_needed: 3,
            against_of: None,
            held: None,
            latency_microseconds: Some(120),
            ..check()
        };
        let drained = CheckStatus {
            standing: "drain".into(),
            ..failed.clone()
        };
        let said = "drain for 12 s; 1 of 3 failures in a row to be down, 1 success to be up";
        assert_eq!(verdict(&drained), said);
        let mut text = String::new();
        render_check(&failed, &mut text);
        assert!(text.contains("up for 12 s; 1 of 3 failures in a row to be down\n"));
        assert!(text.contains("last probe 0 s ago, took 120 us: connect refused\n"));
        let idle = CheckStatus {
            could_not_run: 4,
            not_checked_seconds: Some(9),
            last_failure: Some("eth0 is down".to_owned()),
            next_milliseconds: None,
            ..check()
        };
        render_check(&idle, &mut text);
        assert!(text.ends_with(
            "    could not run 4 times in a row, for 9 s: eth0 is down\n    a probe is out\n"
        ));
        let warned = CheckStatus {
            warning: Some("the server's certificate ends soon".to_owned()),
            ..check()
        };
        render_check(&warned, &mut text);
        let said = "\n    warning: the server's certificate ends soon\n    next probe in 1.8 s\n";
        assert!(text.ends_with(said), "{text}");
        let new = CheckStatus {
            latency_microseconds: None,
            ..check()
        };
        assert_eq!(last_probe(&new), "no probe has come back yet");
    }

    #[test]
    fn a_tripwire_says_what_it_does_and_how_its_connections_ended() {
        let none = TripwireStatus {
            held_seconds: None,
            next_milliseconds: None,
            off: false,
            ended: 0,
            last_end: None,
        };
        let held = TripwireStatus {
            held_seconds: Some(7),
            ..none.clone()
        };
        let waits = TripwireStatus {
            next_milliseconds: Some(1_800),
            ended: 2,
            last_end: Some("the held connection was reset".to_owned()),
            ..none.clone()
        };
        let off = TripwireStatus {
            off: true,
            ..none.clone()
        };
        for (wire, said) in [
            (none, "waits for a success of the check"),
            (held, "holds a connection for 7 s"),
            (
                waits,
                "opens a connection in 1.8 s; 2 ended so far, the last one: the held connection was reset",
            ),
            (off, "off, because the server ends such connections"),
        ] {
            let mut text = String::new();
            let tripwire = Some(wire);
            render_check(
                &CheckStatus {
                    tripwire,
                    ..check()
                },
                &mut text,
            );
            assert!(text.ends_with(&format!("    tripwire: {said}\n")), "{text}");
        }
    }

    #[test]
    fn what_a_server_sent_does_not_reach_the_terminal_as_it_is() {
        let hostile = CheckStatus {
            last_succeeded: Some(false),
            last_failure: Some("\u{1b}[31mred".to_owned()),
            ..check()
        };
        assert!(!render(&down(vec![hostile])).contains('\u{1b}'));
    }

    #[test]
    fn a_server_is_named_with_its_port_or_without() {
        let key: ServerKey = "10.0.0.5:5672".parse().unwrap();
        for (text, is) in [
            ("10.0.0.5", true),
            ("10.0.0.5:5672", true),
            ("10.0.0.5:80", false),
            ("10.0.0.6", false),
        ] {
            let whose: Whose = text.parse().unwrap();
            assert_eq!((whose.is(&key), whose.to_string()), (is, text.to_owned()));
        }
        let key: ServerKey = "[2001:db8::5]:5672".parse().unwrap();
        assert!("2001:db8::5".parse::<Whose>().unwrap().is(&key));
        assert!("[2001:db8::5]:5672".parse::<Whose>().unwrap().is(&key));
        for wrong in ["", "rabbit1", "10.0.0.5:", "10.0.0.5:99999"] {
            wrong.parse::<Whose>().unwrap_err();
        }
    }
}
