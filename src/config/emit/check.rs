// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checks of a server, with every default spelled out.

use std::fmt;
use std::path::Path;

use super::Quoted;
use crate::config::duration;
use crate::model::{
    AgentProbe, AmqpLogin, AmqpProbe, Check, CheckSchedule, Checks, DnsProbe, ExecProbe, Fall,
    FileProbe, HoldDown, HttpProbe, JsonMatch, JsonScalar, Login, Need, Payload, ProbeKind,
    ProbePath, RabbitmqProbe, Retry, SmtpProbe, TcpTalk, Tls, UdpProbe,
};

pub(super) fn write_checks(checks: &Checks, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let one = "          ";
    match (&*checks.each, checks.need) {
        ([], _) => f.write_str("        check: none\n"),
        ([check], Need::All) => {
            f.write_str("        check:\n")?;
            write_check(check, [one, one], f)
        }
        (each, need) => {
            let need = match need {
                Need::All => "all".to_owned(),
                Need::Any => "any".to_owned(),
                Need::AtLeast(number) => number.to_string(),
            };
            writeln!(f, "        check:\n{one}need: {need}\n{one}each:")?;
            let mut each = each.iter();
            each.try_for_each(|check| write_check(check, ["            - ", "              "], f))
        }
    }
}

/// `indents` are those of the first line and of the others.
fn write_check(check: &Check, indents: [&str; 2], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [first, indent] = indents;
    let at = check.probe.target;
    let (word, asked) = match &check.probe.kind {
        ProbeKind::Tcp => ("tcp", String::new()),
        ProbeKind::TcpTalk(talk) => ("tcp", write_talk(talk)),
        ProbeKind::Tls(tls) => ("tls", format!(", {}", write_tls(tls))),
        ProbeKind::Http(http) => (http.scheme(), write_http(http)),
        ProbeKind::Amqp(amqp) => ("amqp", write_amqp(amqp)),
        ProbeKind::Udp(udp) => ("udp", write_udp(udp)),
        ProbeKind::Dns(dns) => ("dns", write_dns(dns)),
        ProbeKind::Icmp => ("icmp", String::new()),
        ProbeKind::Smtp(smtp) => ("smtp", write_smtp(smtp)),
        ProbeKind::Rabbitmq(rabbitmq) => ("rabbitmq", write_rabbitmq(rabbitmq)),
        ProbeKind::Agent(agent) => ("agent", write_agent(agent)),
        ProbeKind::File(file) => ("file", write_file(file)),
        ProbeKind::Exec(exec) => ("exec", write_exec(exec)),
        ProbeKind::Vip(_) => ("vip", String::new()),
    };
    if check.probe.uses_network() {
        let ip = check.probe.kind.addressed().unwrap_or(at.ip());
        let port = match at.port() {
            // ICMP has none.
            0 => String::new(),
            port => format!(", port: {port}"),
        };
        writeln!(f, "{first}{word}: {{address: \"{ip}\"{port}{asked}}}")?;
    } else {
        writeln!(f, "{first}{word}: {{{asked}}}")?;
    }
    write_schedule(&check.schedule, indent, f)?;
    let path = check.probe.path.as_deref();
    path.map_or(Ok(()), |path| write_path(path, indent, f))
}

fn write_schedule(
    schedule: &CheckSchedule,
    indent: &str,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let CheckSchedule {
        interval,
        interval_from,
        timeout,
        rise,
        fall,
        first_failure,
        retry,
        down_interval,
        hold_down,
        tripwire,
        initial,
        passive,
    } = *schedule;
    let (retry, after) = match retry {
        Retry::Delay(delay) => ("retry_delay", delay),
        Retry::FastInterval(interval) => ("fast_interval", interval),
    };
    for (key, value) in [
        ("interval", Some(interval)),
        ("timeout", Some(timeout)),
        (retry, Some(after)),
        ("down_interval", down_interval),
    ] {
        if let Some(value) = value {
            writeln!(f, "{indent}{key}: {}", duration::write(value))?;
        }
    }
    writeln!(f, "{indent}rise: {rise}")?;
    match fall {
        Fall::InARow(failures) => writeln!(f, "{indent}fall: {failures}")?,
        Fall::OfTheLast { failures, of } => {
            writeln!(f, "{indent}fall: {{failures: {failures}, of: {of}}}")?;
        }
    }
    for (key, word) in [
        ("interval_from", interval_from.word()),
        ("first_failure", first_failure.word()),
        ("initial", initial.word()),
    ] {
        writeln!(f, "{indent}{key}: {word}")?;
    }
    if let Some(passive) = passive {
        writeln!(f, "{indent}passive: {{counts: {}}}", passive.word())?;
    }
    if let Some(tripwire) = tripwire {
        writeln!(f, "{indent}tripwire: {{counts: {}}}", tripwire.word())?;
    }
    if let Some(HoldDown { first, ceiling }) = hold_down {
        let [first, ceiling] = [first, ceiling].map(duration::write);
        writeln!(
            f,
            "{indent}hold_down: {{first: {first}, ceiling: {ceiling}}}"
        )?;
    }
    Ok(())
}

/// What is asked, after the target.
fn write_http(http: &HttpProbe) -> String {
    let HttpProbe {
        method,
        path,
        host,
        headers,
        login,
        statuses: _,
        contains,
        json,
        tls,
    } = http;
    let host = host
        .as_ref()
        .map_or_else(String::new, |host| format!(", host: {}", Quoted(host)));
    let (method, path) = (method.word(), Quoted(path));
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{}: {}", Quoted(name), Quoted(value)))
        .collect();
    let headers = match headers.as_slice() {
        [] => String::new(),
        headers => format!(", headers: {{{}}}", headers.join(", ")),
    };
    let login = login.as_ref().map_or_else(String::new, write_login);
    let contains = contains
        .as_ref()
        .map_or_else(String::new, |part| format!(", contains: {}", Quoted(part)));
    let tls = tls
        .as_ref()
        .map_or_else(String::new, |tls| format!(", {}", write_tls(tls)));
    format!(
        ", method: {method}, path: {path}{host}{headers}{login}, status: [{}]{contains}{}{tls}",
        http.accepted(),
        write_json(json)
    )
}

fn write_talk(talk: &TcpTalk) -> String {
    let TcpTalk { send, expect } = talk;
    write_payload("send", send) + &write_payload("expect", expect)
}

fn write_udp(udp: &UdpProbe) -> String {
    let UdpProbe { send, expect } = udp;
    let expect = expect.as_ref();
    let expect = expect.map_or_else(String::new, |expect| write_payload("expect", expect));
    write_payload("send", send) + &expect
}

fn write_dns(dns: &DnsProbe) -> String {
    let DnsProbe {
        transport,
        name,
        kind,
        expect,
        rcodes,
    } = dns;
    let (transport, name) = (transport.word(), Quoted(name.text()));
    let expect: Vec<String> = expect.iter().map(|it| Quoted(it).to_string()).collect();
    let expect = match expect.as_slice() {
        [] => String::new(),
        expect => format!(", expect: [{}]", expect.join(", ")),
    };
    let rcodes: Vec<String> = rcodes.iter().map(ToString::to_string).collect();
    let rcodes = rcodes.join(", ");
    format!(", transport: {transport}, name: {name}, type: {kind}{expect}, rcode: [{rcodes}]")
}

fn write_payload(key: &str, payload: &Payload) -> String {
    format!(", {key}: {}", Quoted(&payload.to_string()))
}

fn write_json(json: &[JsonMatch]) -> String {
    if json.is_empty() {
        return String::new();
    }
    let each: Vec<String> = json
        .iter()
        .map(|JsonMatch { pointer, value }| {
            let value = match value {
                JsonScalar::Text(text) => Quoted(text).to_string(),
                JsonScalar::Null | JsonScalar::Bool(_) | JsonScalar::Number(_) => value.to_string(),
            };
            format!("{}: {value}", Quoted(pointer))
        })
        .collect();
    format!(", json: {{{}}}", each.join(", "))
}

fn write_amqp(amqp: &AmqpProbe) -> String {
    let AmqpProbe { login, tls } = amqp;
    let login = login.as_ref().map_or_else(String::new, |login| {
        let AmqpLogin { who, vhost } = login;
        format!("{}, vhost: {}", write_login(who), Quoted(vhost))
    });
    login + &write_switch(tls.as_ref())
}

fn write_smtp(smtp: &SmtpProbe) -> String {
    let SmtpProbe { helo, tls } = smtp;
    let helo = helo.as_ref();
    let helo = helo.map_or_else(String::new, |helo| format!(", helo: {}", Quoted(helo)));
    helo + &write_switch(tls.as_ref())
}

fn write_rabbitmq(rabbitmq: &RabbitmqProbe) -> String {
    let RabbitmqProbe {
        login,
        listener,
        tls,
    } = rabbitmq;
    let tls = write_switch(tls.as_ref());
    let login = login.as_ref().map_or_else(String::new, write_login);
    format!(", listener: {listener}{login}{tls}")
}

/// `tls` of a check that may speak it.
fn write_switch(tls: Option<&Tls>) -> String {
    tls.map_or_else(String::new, |tls| format!(", tls: {{{}}}", write_tls(tls)))
}

fn write_tls(tls: &Tls) -> String {
    let Tls {
        server_name,
        ca_file,
        verify,
        client,
        min_days,
    } = tls;
    let file = |file: &Path| Quoted(&file.to_string_lossy()).to_string();
    let name = server_name.as_ref();
    let client = client.as_ref();
    let settings = [
        ("verify", Some(verify.to_string())),
        ("server_name", name.map(|name| Quoted(name).to_string())),
        ("ca_file", ca_file.as_deref().map(file)),
        ("client_certificate", client.map(|it| file(&it.certificate))),
        ("client_key", client.map(|it| file(&it.key))),
        ("min_days", min_days.map(|days| days.to_string())),
    ];
    let settings = settings.into_iter();
    let written = settings.filter_map(|(key, value)| Some(format!("{key}: {}", value?)));
    written.collect::<Vec<_>>().join(", ")
}

fn write_agent(agent: &AgentProbe) -> String {
    let AgentProbe { send } = agent;
    let send = send.as_ref();
    send.map_or_else(String::new, |send| format!(", send: {}", Quoted(send)))
}

/// What is read: it has no target.
fn write_file(file: &FileProbe) -> String {
    let FileProbe { path, missing } = file;
    let (path, missing) = (path.to_string_lossy(), missing.word());
    format!("path: {}, missing: {missing}", Quoted(&path))
}

/// What is run: it has no target.
fn write_exec(exec: &ExecProbe) -> String {
    format!("{}, dynamic: {}", write_program(exec), exec.dynamic)
}

/// A program, and as whom it runs.
pub(super) fn write_program(exec: &ExecProbe) -> String {
    let ExecProbe {
        command,
        user,
        dynamic: _,
    } = exec;
    let command: Vec<String> = command.iter().map(|it| Quoted(it).to_string()).collect();
    let command = command.join(", ");
    let user = user.as_ref();
    let user = user.map_or_else(String::new, |user| format!(", user: {}", Quoted(user)));
    format!("command: [{command}]{user}")
}

fn write_login(login: &Login) -> String {
    let Login {
        user,
        password_file,
    } = login;
    let file = password_file.to_string_lossy();
    format!(", user: {}, password_file: {}", Quoted(user), Quoted(&file))
}

fn write_path(path: &ProbePath, indent: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ProbePath {
        source,
        interface,
        mark,
    } = path;
    if let Some(source) = source {
        writeln!(f, "{indent}source: \"{source}\"")?;
    }
    if let Some(interface) = interface {
        writeln!(f, "{indent}interface: {}", Quoted(interface))?;
    }
    mark.map_or(Ok(()), |mark| writeln!(f, "{indent}fwmark: {mark}"))
}
