// SPDX-License-Identifier: MIT OR Apache-2.0
//! A check of ldirectord in our words.

use std::net::IpAddr;

mod text;
mod web;

use self::text::{literal, payload};
use super::endpoint::{self, port_of};
use super::timing::Timing;
use super::wanted::{CheckType, Said, Wanted};
use crate::diagnostic::{Finding, Findings};
use crate::import::document::{Entry, Value};
use crate::model::Protocol;

/// The server that is asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) address: IpAddr,
    /// As the file has it; 0 without one.
    pub(super) written_port: u16,
    /// Where our check would connect when it names no port; 0 for nowhere.
    pub(super) own_port: u16,
    /// What only this server is asked.
    pub(super) request: Option<Said>,
    pub(super) receive: Option<Said>,
}

/// What a server is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Check {
    /// Nothing: it always counts as up.
    None,
    /// Checks of our types, each a map, and when they run.
    Some(Vec<Vec<Entry>>, Timing),
}

/// One check of a type.
fn one(kind: &str, keys: Vec<Entry>) -> Vec<Entry> {
    vec![Entry::new(kind, Value::Map(keys))]
}

impl Wanted {
    /// The check of a server.
    pub(super) fn check(&self, asked: &Asked, out: &mut Findings) -> Check {
        let times = &self.times;
        let single = |check| Check::Some(vec![check], times.timing(times.connect));
        let check = match self.checktype {
            CheckType::On => return Check::None,
            CheckType::Off => {
                let finding = Finding::warning(self.at, "no server of this service ever serves");
                out.push(
                    finding.help("ldirectord does so with checktype=off; here they have weight 0"),
                );
                return Check::None;
            }
            CheckType::Ping => Check::Some(vec![one("icmp", Vec::new())], times.ping()),
            CheckType::Connect if self.protocol == Some(Protocol::Udp) => {
                Check::Some(vec![one("icmp", Vec::new())], times.ping())
            }
            CheckType::Connect => single(one("tcp", self.ports(asked, out))),
            CheckType::External => single(self.program(asked, &[], out)),
            CheckType::ExternalPerl => {
                let note =
                    "ldirectord runs this within itself; here perl is started for each check";
                out.push(Finding::note(self.at, note));
                single(self.program(asked, &["/usr/bin/perl"], out))
            }
            CheckType::Negotiate => self.negotiated(asked, out),
            CheckType::Combined(connections) => self.combined(connections, asked, out),
        };
        self.say_tries(&check, out);
        check
    }

    /// Says when pings have both counts of failures.
    fn say_tries(&self, check: &Check, out: &mut Findings) {
        let pings = matches!(check, Check::Some(checks, _)
            if checks.iter().flatten().any(|entry| entry.key == "icmp"));
        let times = &self.times;
        if pings && times.tries > 1 && times.failures > 1 {
            let message = format!(
                "{} rounds of {} pings become {} pings",
                times.failures,
                times.tries,
                times.failures.saturating_mul(times.tries)
            );
            out.push(Finding::warning(self.at, message));
        }
    }

    /// A negotiating check; ldirectord has a type for each service.
    fn negotiated(&self, asked: &Asked, out: &mut Findings) -> Check {
        if self.service == "none" {
            if !self.names_service {
                let message = "ldirectord checks nothing here, and every server counts as up";
                let help = format!(
                    "it knows no service of port {}; write checktype=connect, or check: tcp in our file",
                    self.identity.1
                );
                out.push(Finding::warning(self.at, message).help(help));
            }
            return Check::None;
        }
        Check::Some(
            self.questions(asked, out),
            self.times.timing(self.times.negotiate),
        )
    }

    /// So many connections, then one request.
    fn combined(&self, connections: u32, asked: &Asked, out: &mut Findings) -> Check {
        let timing = self.times.timing(self.times.connect);
        let mut checks = vec![one("tcp", self.ports(asked, out))];
        if self.service != "none" {
            let every = connections.saturating_add(1);
            for mut check in self.questions(asked, out) {
                check.extend(timing.rarer(every, self.times.negotiate));
                checks.push(check);
            }
            let message = format!(
                "{connections} connections and then one request become two checks side by side"
            );
            out.push(Finding::note(self.at, message));
        }
        Check::Some(checks, timing)
    }

    fn questions(&self, asked: &Asked, out: &mut Findings) -> Vec<Vec<Entry>> {
        match self.service {
            "http" | "https" => self.web(asked, out),
            "dns" => vec![self.names(asked, out)],
            "smtp" | "submission" => vec![one("smtp", self.ports(asked, out))],
            "simpletcp" => vec![self.talk(asked, out)],
            "pop" => vec![self.greeting("+OK", asked, out)],
            "imap" => vec![self.greeting("* OK", asked, out)],
            "ftp" => vec![self.greeting("220", asked, out)],
            "nntp" => vec![self.greeting("20", asked, out)],
            "pops" | "imaps" | "ldaps" => {
                self.say_less("a TLS handshake", out);
                let mut keys = self.ports(asked, out);
                keys.push(Entry::new("verify", Value::word(false)));
                vec![one("tls", keys)]
            }
            "radius" | "sip" if self.protocol == Some(Protocol::Udp) => {
                self.say_less("a datagram", out);
                vec![one("udp", self.ports(asked, out))]
            }
            _ => {
                self.say_less("a connection", out);
                vec![one("tcp", self.ports(asked, out))]
            }
        }
    }

    fn say_less(&self, what: &str, out: &mut Findings) {
        let message = format!("the check of {} becomes {what}", self.service);
        let help = "it finds less; exec runs a program that asks as before";
        out.push(Finding::warning(self.at, message).help(help));
    }

    /// What a server says first.
    fn greeting(&self, expect: &str, asked: &Asked, out: &mut Findings) -> Vec<Entry> {
        self.say_less("a look at the greeting", out);
        let mut keys = self.ports(asked, out);
        keys.push(Entry::new("expect", Value::text(expect)));
        one("tcp", keys)
    }

    /// The port, where it is not the one that our check takes by itself.
    fn ports(&self, asked: &Asked, out: &mut Findings) -> Vec<Entry> {
        let written = Some(asked.written_port).filter(|port| *port != 0);
        let port = self.port.or(written).or_else(|| port_of(self.service));
        match port {
            Some(port) if port == asked.own_port => Vec::new(),
            Some(port) => vec![Entry::new("port", Value::word(port))],
            // Of an address service a server without a port is asked at the service's.
            None if asked.own_port != 0 => Vec::new(),
            None => {
                let finding = Finding::new(self.at, "nobody says which port is checked");
                out.push(finding.help("write checkport"));
                Vec::new()
            }
        }
    }

    /// What is asked for, and what the answer must have.
    fn pair<'a>(&'a self, asked: &'a Asked) -> (Option<&'a Said>, Option<&'a Said>) {
        // ldirectord takes the two of a server only together.
        match (&asked.request, &asked.receive) {
            (Some(request), Some(receive)) => (Some(request), Some(receive)),
            _ => (self.request.as_ref(), self.receive.as_ref()),
        }
    }

    fn talk(&self, asked: &Asked, out: &mut Findings) -> Vec<Entry> {
        let (request, receive) = self.pair(asked);
        let mut keys = self.ports(asked, out);
        let expect = match receive.filter(|said| !said.text.is_empty()) {
            // Every line matches nothing.
            None => Some("\n".to_owned()),
            Some(said) => literal(said, out),
        };
        let send = request.map_or("", |said| said.text.as_str());
        let send = send.strip_prefix('/').unwrap_or(send).replace("\\n", "\n");
        if let Some(expect) = expect {
            if !send.is_empty() {
                keys.push(Entry::new("send", payload(&send)));
            }
            keys.push(Entry::new("expect", payload(&expect)));
        }
        one("tcp", keys)
    }

    fn names(&self, asked: &Asked, out: &mut Findings) -> Vec<Entry> {
        let (request, receive) = self.pair(asked);
        let name = request.map(|said| said.text.trim_start_matches('/'));
        let name = name.filter(|name| !name.is_empty());
        let (Some(name), Some(receive)) = (name, receive) else {
            let finding = Finding::new(
                self.at,
                "a check of dns without request and receive never passes",
            );
            out.push(finding.help("write the name, and the address that it has"));
            return one("dns", vec![Entry::new("name", Value::text("."))]);
        };
        // ldirectord asks port 53 whatever checkport says.
        let mut keys = Vec::new();
        if asked.own_port != 53 {
            keys.push(Entry::new("port", Value::word(53)));
        }
        if self.protocol == Some(Protocol::Tcp) {
            keys.push(Entry::new("transport", Value::word("tcp")));
        }
        match name.parse::<IpAddr>() {
            Ok(address) => {
                let name = endpoint::reverse(address);
                keys.push(Entry::new("name", Value::text(name)));
                keys.push(Entry::new("type", Value::word("ptr")));
            }
            Err(_) => keys.push(Entry::new("name", Value::text(name))),
        }
        keys.push(Entry::new("expect", Value::text(&receive.text)));
        one("dns", keys)
    }

    /// A program, with the four arguments that ldirectord gives.
    fn program(&self, asked: &Asked, by: &[&str], out: &mut Findings) -> Vec<Entry> {
        let (text, at) = match &self.command {
            Some(said) => (said.text.as_str(), said.at),
            None => ("/bin/true", self.at),
        };
        let mut words: Vec<String> = by.iter().map(|word| (*word).to_owned()).collect();
        words.extend(text.split_whitespace().map(str::to_owned));
        if text.split_whitespace().count() > 1 {
            let message = "ldirectord takes all of this for the name of one program";
            let help = "here the words behind the first are arguments";
            out.push(Finding::warning(at, message).help(help));
        }
        let (virtual_address, port) = &self.identity;
        words.extend([virtual_address.clone(), port.to_string()]);
        words.extend([asked.address.to_string(), asked.written_port.to_string()]);
        let command = Value::list(words.into_iter().map(Value::Text));
        let message = "the program runs as root, as ldirectord does it";
        let help = "write another user where it can: examples/director.service tells what a program as root needs";
        out.push(Finding::note(at, message).help(help));
        one(
            "exec",
            vec![
                Entry::new("command", command),
                Entry::new("user", Value::word("root")),
            ],
        )
    }
}
