// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checks of a server, with every default spelled out.

use std::fmt;

use super::Quoted;
use crate::config::duration;
use crate::model::{
    AgentProbe, AmqpLogin, AmqpProbe, Check, Checks, ExecProbe, FileProbe, HttpProbe, Login, Need,
    ProbeKind, ProbePath, RabbitmqProbe,
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
    let schedule = &check.schedule;
    let (word, asked) = match &check.probe.kind {
        ProbeKind::Tcp => ("tcp", String::new()),
        ProbeKind::Http(http) => ("http", write_http(http)),
        ProbeKind::Amqp(amqp) => ("amqp", write_amqp(amqp)),
        ProbeKind::Rabbitmq(rabbitmq) => ("rabbitmq", write_rabbitmq(rabbitmq)),
        ProbeKind::Agent(agent) => ("agent", write_agent(agent)),
        ProbeKind::File(file) => ("file", write_file(file)),
        ProbeKind::Exec(exec) => ("exec", write_exec(exec)),
    };
    if check.probe.uses_network() {
        let (ip, port) = (at.ip(), at.port());
        writeln!(
            f,
            "{first}{word}: {{address: \"{ip}\", port: {port}{asked}}}"
        )?;
    } else {
        writeln!(f, "{first}{word}: {{{asked}}}")?;
    }
    for (key, value) in [
        ("interval", schedule.interval),
        ("timeout", schedule.timeout),
        ("retry_delay", schedule.retry_delay),
    ] {
        writeln!(f, "{indent}{key}: {}", duration::write(value))?;
    }
    writeln!(f, "{indent}rise: {}", schedule.rise)?;
    writeln!(f, "{indent}fall: {}", schedule.fall)?;
    let path = check.probe.path.as_deref();
    path.map_or(Ok(()), |path| write_path(path, indent, f))
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
    format!(
        ", method: {method}, path: {path}{host}{headers}{login}, status: [{}]{contains}",
        http.accepted()
    )
}

fn write_amqp(amqp: &AmqpProbe) -> String {
    let AmqpProbe { login } = amqp;
    let Some(login) = login else {
        return String::new();
    };
    let AmqpLogin { who, vhost } = login;
    format!("{}, vhost: {}", write_login(who), Quoted(vhost))
}

fn write_rabbitmq(rabbitmq: &RabbitmqProbe) -> String {
    let RabbitmqProbe { login, listener } = rabbitmq;
    let login = login.as_ref().map_or_else(String::new, write_login);
    format!(", listener: {listener}{login}")
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
    let ExecProbe {
        command,
        user,
        dynamic,
    } = exec;
    let command: Vec<String> = command.iter().map(|it| Quoted(it).to_string()).collect();
    let command = command.join(", ");
    let user = user.as_ref();
    let user = user.map_or_else(String::new, |user| format!(", user: {}", Quoted(user)));
    format!("command: [{command}]{user}, dynamic: {dynamic}")
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
