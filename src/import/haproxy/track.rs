// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which check decides about a server: its own, or that of a server that it tracks.

use super::aside::Aside;
use super::check::{self, Question, Times};
use super::proxy::{Proxies, Proxy};
use super::server::{self, Server};
use super::value::Port;
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::Value;

/// What a section asks its servers, and for how long.
#[derive(Debug)]
pub(super) struct Checks {
    name: Box<str>,
    questions: Vec<Question>,
    times: Times,
}

/// Servers track one another in chains of this length at most.
const LONGEST: usize = 16;

impl Checks {
    /// The checks of a section.
    pub(super) fn of(proxy: &Proxy<'_>, out: &mut Findings) -> Self {
        let times = Times {
            check: proxy.timeout("check", "", out),
            connect: proxy.timeout("connect", "contimeout", out),
            talks: proxy.check_option().is_some(),
        };
        Self {
            name: proxy.name().into(),
            questions: check::questions(proxy, out),
            times,
        }
    }

    /// The check of a server; `None` when nobody checks it.
    pub(super) fn of_server(
        &self,
        server: &Server<'_>,
        proxies: &Proxies<'_>,
        aside: &mut Aside,
        out: &mut Findings,
    ) -> Option<Value> {
        let settings = &server.settings;
        if settings.track.is_some() {
            return tracked(&self.name, server, proxies, aside, out);
        }
        if settings.check {
            return Some(check::of_server(&self.questions, server, &self.times, out));
        }
        if settings.agent.check {
            let finding = Finding::warning(
                server.span,
                "agent-check without check: the server is checked by a connection, too",
            );
            out.push(finding.help("an agent alone does not say whether the service answers"));
            return Some(check::of_server(&self.questions, server, &self.times, out));
        }
        if let Some(span) = settings.about_checks {
            let finding =
                Finding::warning(span, "nobody checks this server: the word check is missing");
            out.push(
                finding
                    .help("HAProxy does the same: it takes the server as up for ever; add check"),
            );
        }
        None
    }
}

/// The check of the server that this one tracks, with that one's address.
fn tracked(
    here: &str,
    server: &Server<'_>,
    proxies: &Proxies<'_>,
    aside: &mut Aside,
    out: &mut Findings,
) -> Option<Value> {
    let mut here = here.to_owned();
    let mut track = server.settings.track.clone();
    for _ in 0..LONGEST {
        let (name, span) = track?;
        let (section, name) = match name.split_once('/') {
            Some((section, name)) => (section.to_owned(), name),
            None => (here.clone(), &*name),
        };
        let proxy = proxies.named(&section);
        let statement = proxy.and_then(|proxy| proxy.section.last_of(&format!("server {name}")));
        let (Some(proxy), Some(statement)) = (proxy, statement) else {
            let message = format!("there is no server {} in {}", Shown(name), Shown(&section));
            out.push(Finding::new(span, message).help("write track SECTION/SERVER"));
            return None;
        };
        let other = server::read(
            statement,
            proxy.settings.clone(),
            proxy.within(),
            aside,
            out,
        )?;
        if other.settings.track.is_some() {
            (here, track) = (section, other.settings.track);
            continue;
        }
        if !other.settings.check {
            out.error(
                span,
                format!("the tracked server {} has no check", Shown(name)),
            );
            return None;
        }
        return Some(check_of(proxy, other, span, out));
    }
    out.error(server.span, "these servers track one another in a circle");
    None
}

/// The check of a server of another section: it says where, because it is asked for somebody else.
fn check_of(proxy: &Proxy<'_>, mut other: Server<'_>, span: Span, out: &mut Findings) -> Value {
    let port = match other.port {
        Port::Fixed(port) => Some(port),
        Port::Same | Port::Moved(_) => None,
    };
    let settings = &mut other.settings;
    settings.check_port = settings.check_port.or(port);
    settings.check_address = settings.check_address.or(Some(other.address));
    if settings.check_port.is_none() {
        let finding = Finding::warning(span, "the tracked server has no port of its own");
        out.push(finding.help("it is asked at the port of this service"));
    }
    let checks = Checks::of(proxy, out);
    check::of_server(&checks.questions, &other, &checks.times, out)
}
