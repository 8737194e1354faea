// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keepalived asks in place of a probe.

use std::fmt::Write as _;

use super::globals::user;
use super::text::{LONGEST, command, word};
use crate::export::omission::OfServer;
use crate::model::{
    DnsProbe, DnsRcode, DnsTransport, ExecProbe, HttpMethod, HttpProbe, Payload, ProbeKind,
    SmtpProbe, Tls, UdpProbe,
};

/// The checker that connects.
pub(super) const TCP_CHECK: &str = "TCP_CHECK";

/// A checker of keepalived.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Its block.
    pub(super) block: &'static str,
    /// What stands in it beside the target and the times.
    pub(super) lines: Vec<String>,
    /// What stands in its block `url`.
    pub(super) url: Vec<String>,
}

impl Asked {
    const fn of(block: &'static str) -> Self {
        Self {
            block,
            lines: Vec::new(),
            url: Vec::new(),
        }
    }
}

/// The checker for a probe of this kind; `None` when keepalived has nothing for it. A probe by TCP that it does not know
/// becomes a connection to the same port, which is better than nothing: a server without a checker is always up.
pub(super) fn asked(kind: &ProbeKind, of: &mut OfServer<'_>) -> Option<Asked> {
    let why = match kind {
        ProbeKind::Tcp => return Some(Asked::of(TCP_CHECK)),
        ProbeKind::TcpTalk(_) => return Some(connect("tcp with send and expect", of)),
        ProbeKind::Tls(_) => return Some(connect("tls", of)),
        ProbeKind::Amqp(_) => return Some(connect("amqp", of)),
        ProbeKind::Rabbitmq(_) => return Some(connect("rabbitmq", of)),
        ProbeKind::Http(http) => return Some(http_get(http, of)),
        ProbeKind::Smtp(smtp) => return Some(smtp_check(smtp, of)),
        ProbeKind::Udp(udp) => match udp_check(udp, of) {
            Some(asked) => return Some(asked),
            None => "check udp: keepalived cannot read the bytes of send",
        },
        ProbeKind::Icmp => return Some(Asked::of("PING_CHECK")),
        ProbeKind::Dns(dns) => match dns_check(dns, of) {
            Ok(asked) => return Some(asked),
            Err(why) => why,
        },
        ProbeKind::Exec(exec) => match misc_check(exec, of) {
            Some(asked) => return Some(asked),
            None => "check exec: keepalived cannot read a word of the command",
        },
        ProbeKind::Agent(_) => "check agent: keepalived asks no agent",
        ProbeKind::File(_) => {
            "check file: FILE_CHECK adds the number to the weight, and knows no words"
        }
        ProbeKind::Vip(_) => "check vip: keepalived has no such check",
    };
    of.note(format!("{why}; it is left out"));
    None
}

fn connect(what: &str, of: &mut OfServer<'_>) -> Asked {
    of.note(format!(
        "check {what}: keepalived has no such check; it becomes a TCP_CHECK"
    ));
    Asked::of(TCP_CHECK)
}

/// A request that keepalived cannot make as it is meant would fail, and take the servers out.
fn http_get(http: &HttpProbe, of: &mut OfServer<'_>) -> Asked {
    let HttpProbe {
        method,
        path,
        host,
        headers,
        login,
        statuses,
        contains,
        json,
        tls,
    } = http;
    if login.is_some() {
        return connect("http with a login", of);
    }
    if tls.as_ref().is_some_and(|tls| tls.client.is_some()) {
        return connect("https with a client_certificate", of);
    }
    if *method == HttpMethod::Options {
        return connect("http by OPTIONS", of);
    }
    let (Some(path), Ok(host)) = (word(path), host.as_deref().map(said).transpose()) else {
        return connect("http with such a path or host", of);
    };
    if *method == HttpMethod::Head {
        of.note("method: keepalived asks by GET");
    }
    if !headers.is_empty() {
        of.note("headers: keepalived sends none");
    }
    if !json.is_empty() {
        of.note("json: keepalived does not read it");
    }
    let statuses: Vec<String> = statuses.iter().map(ToString::to_string).collect();
    let mut asked = Asked::of("HTTP_GET");
    asked.url = vec![
        format!("path {path}"),
        format!("status_code {}", statuses.join(" ")),
    ];
    asked
        .url
        .extend(host.as_ref().map(|host| format!("virtualhost {host}")));
    if let Some(part) = contains {
        asked.url.extend(regex(part, of));
    }
    if let Some(tls) = tls {
        asked.block = "SSL_GET";
        asked.lines.extend(sni(tls, host.as_deref(), of));
        verification(tls, of);
    }
    asked
}

fn said(text: &str) -> Result<String, ()> {
    word(text).ok_or(())
}

/// A part of the body, when it means the same as a regular expression.
fn regex(part: &str, of: &mut OfServer<'_>) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _-:/,=<>&;@%'!#".contains(c);
    let said = word(part).filter(|_| part.chars().all(plain));
    if said.is_none() {
        of.note("contains: this text would mean something else as a regular expression");
    }
    said.map(|part| format!("regex {part}"))
}

/// Whether the server is told a name: keepalived tells that of `virtualhost`.
fn sni(tls: &Tls, host: Option<&str>, of: &mut OfServer<'_>) -> Option<String> {
    let host = host.filter(|host| !host.contains([':', '[']));
    match (tls.server_name.as_deref(), host) {
        (None, None) => None,
        (None, Some(_)) => Some("enable_sni".to_owned()),
        (Some(name), Some(host)) if name == host => Some("enable_sni".to_owned()),
        (Some(_), _) => {
            of.note("server_name: keepalived 2.2 tells the server only the name of virtualhost");
            None
        }
    }
}

fn verification(tls: &Tls, of: &mut OfServer<'_>) {
    if tls.verify {
        of.note("verify: keepalived verifies no certificate");
    }
    if tls.min_days.is_some_and(|days| days > 0) {
        of.note("min_days: keepalived does not look at the end of a certificate");
    }
}

fn smtp_check(smtp: &SmtpProbe, of: &mut OfServer<'_>) -> Asked {
    let SmtpProbe { helo, tls } = smtp;
    if tls.is_some() {
        return connect("smtp by tls", of);
    }
    let mut asked = Asked::of("SMTP_CHECK");
    if let Some(helo) = helo {
        let Some(helo) = word(helo) else {
            return connect("smtp with such a helo", of);
        };
        asked.lines.push(format!("helo_name {helo}"));
    }
    asked
}

fn udp_check(udp: &UdpProbe, of: &mut OfServer<'_>) -> Option<Asked> {
    let UdpProbe { send, expect } = udp;
    let mut asked = Asked::of("UDP_CHECK");
    if send.bytes().is_empty() {
        of.note("send: keepalived sends random bytes where nothing is written");
    } else {
        asked.lines.push(format!("payload {}", hex(send)?));
    }
    if let Some(expect) = expect {
        let said = hex(expect);
        of.note(match said {
            Some(_) => "expect: keepalived wants it at the beginning of the answer",
            None => "expect: keepalived cannot read these bytes, and takes any answer",
        });
        let said = said.unwrap_or_default();
        let reply = format!("require_reply {said}");
        asked.lines.push(reply.trim_end().to_owned());
        // A shorter answer would count as well, and one above 255 bytes would not.
        let least = said.len() / 2;
        asked.lines.push(format!("min_reply_length {least}"));
        asked.lines.push("max_reply_length 65535".to_owned());
    }
    Some(asked)
}

/// Bytes as keepalived 2.2 reads them: it refuses those that end with 0xff.
fn hex(payload: &Payload) -> Option<String> {
    let bytes = payload.bytes();
    let text = bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    });
    (bytes.last() != Some(&u8::MAX) && text.len() <= LONGEST).then_some(text)
}

fn dns_check(dns: &DnsProbe, of: &mut OfServer<'_>) -> Result<Asked, &'static str> {
    const TYPES: [&str; 9] = [
        "A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY",
    ];
    let DnsProbe {
        transport,
        name,
        kind,
        expect,
        rcodes,
    } = dns;
    if *transport == DnsTransport::Tcp {
        return Ok(connect("dns by tcp", of));
    }
    let kind = kind.to_string().to_uppercase();
    let name = word(name.text());
    let (true, Some(name)) = (TYPES.contains(&&*kind), name) else {
        return Err("check dns: keepalived does not know the type or the name");
    };
    if !rcodes.contains(&DnsRcode::NO_ERROR) {
        return Err("check dns: keepalived wants the response code NOERROR");
    }
    if rcodes.len() > 1 {
        of.note("rcode: keepalived wants NOERROR");
    }
    if !expect.is_empty() {
        of.note("expect: keepalived does not look at the records");
    }
    let mut asked = Asked::of("DNS_CHECK");
    asked.lines = vec![format!("type {kind}"), format!("name {name}")];
    Ok(asked)
}

fn misc_check(exec: &ExecProbe, of: &mut OfServer<'_>) -> Option<Asked> {
    let command = command(&exec.command)?;
    of.note("check exec: keepalived gives the program no LVS_ADDRESS and no LVS_PORT");
    let mut asked = Asked::of("MISC_CHECK");
    asked.lines.push(format!("misc_path {command}"));
    if exec.dynamic {
        asked.lines.push("misc_dynamic".to_owned());
    }
    match user(exec) {
        Some(user) => asked.lines.push(format!("user {user}")),
        None if exec.user.is_some() => of.note("user: keepalived takes names only; it is nobody"),
        None => {}
    }
    Some(asked)
}
