// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status page of HAProxy (section 4.2 of its manual, `stats`) as `web` of ours.

use std::time::Duration;

use super::proxy::Proxy;
use super::value::{self, Bound, Listening};
use crate::config::written_duration;
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::statement::{Remarks, Statement};
use crate::import::{Entry, Item, Value};
use crate::model::WebPath;

/// So many addresses of a page are carried over.
const MOST: usize = 8;
/// Where the users of the page are, if it has some.
const USERS: &str = "/etc/lvs-director/web.users";
/// What our key takes.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(1);

/// A status page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    span: Span,
    listens: Vec<&'a Statement>,
    path: &'a str,
    refresh: Option<&'a str>,
    /// Names of users; their passwords stay where they are.
    users: Vec<&'a str>,
    admin: bool,
    remarks: &'a Remarks,
}

impl<'a> Page<'a> {
    /// The page that a proxy shows, if it does.
    pub(super) fn of(proxy: &Proxy<'a>) -> Option<Self> {
        proxy.last("stats")?;
        // A line with a password is not shown.
        let named = ["stats uri", "stats enable"];
        let shown = named.into_iter().find_map(|it| proxy.section.last_of(it));
        let span = shown.map_or(proxy.section.head.span(), Statement::span);
        let argument = |words: &str| {
            let statement = proxy.last(words)?;
            Some(&*statement.words.get(1)?.text)
        };
        let users = proxy.section.all_of("stats auth").take(MOST);
        let users = users.filter_map(|it| it.words.get(1)?.text.split(':').next());
        Some(Self {
            span,
            listens: proxy.section.all_of("bind").take(MOST).collect(),
            path: argument("stats uri").unwrap_or("/haproxy?stats"),
            refresh: argument("stats refresh"),
            users: users.collect(),
            admin: argument("stats admin").is_some(),
            remarks: &proxy.section.head.remarks,
        })
    }

    /// Its listeners, one for each address and port.
    pub(super) fn carried_over(&self, out: &mut Findings) -> Vec<Item> {
        let path = self.path(out);
        let refresh = self.refresh(out);
        let mut items: Vec<Item> = Vec::new();
        for bind in &self.listens {
            let Some(text) = bind.words.first().map(|it| &*it.text) else {
                continue;
            };
            for text in text.split(',') {
                items.extend(self.listener(bind, text, &path, refresh, out));
            }
        }
        if let Some(first) = items.first_mut() {
            let lines = self.remarks.before.iter().map(ToString::to_string);
            first.before.extend(lines);
            self.tell(&path, out);
        } else {
            let message = "not carried over: the status page, which listens at no address";
            out.push(Finding::warning(self.span, message).help("write web: [{listen: 8100}]"));
        }
        items
    }

    fn listener(
        &self,
        bind: &Statement,
        text: &str,
        path: &WebPath,
        refresh: Option<Duration>,
        out: &mut Findings,
    ) -> Option<Item> {
        let Some(at) = value::bound(text).ok().and_then(|it| at(&it)) else {
            let message = format!("not carried over: the status page at {}", Shown(text));
            let finding = Finding::warning(bind.span(), message);
            out.push(finding.help("the page needs an address with one port: 127.0.0.1:8100"));
            return None;
        };
        let mut entries = vec![
            Entry::new("listen", Value::text(at)),
            Entry::new("path", Value::text(path)),
        ];
        let refresh = refresh.map(|it| Entry::new("refresh", Value::word(written_duration(it))));
        entries.extend(refresh);
        if !self.users.is_empty() {
            entries.push(Entry::new("users_file", Value::text(USERS)));
            if self.admin {
                entries.push(Entry::new("actions", Value::word(true)));
            }
        }
        if let Some(file) = certificate(bind) {
            let file = |key| Entry::new(key, Value::text(file));
            entries.push(Entry::new(
                "tls",
                Value::Map(vec![file("certificate"), file("key")]),
            ));
        }
        Some(Item::new(Value::Map(entries)))
    }

    fn path(&self, out: &mut Findings) -> WebPath {
        let before_the_question = self.path.split('?').next().unwrap_or_default();
        if let Some(path) = WebPath::new(self.path) {
            return path;
        }
        let path = WebPath::new(before_the_question).unwrap_or_default();
        let message = format!("the status page is at {path}, not at {}", Shown(self.path));
        out.push(Finding::note(self.span, message));
        path
    }

    fn refresh(&self, out: &mut Findings) -> Option<Duration> {
        let text = self.refresh?;
        // It is in seconds when it has no unit (section 4.2, "stats refresh").
        let seconds = text.parse().ok().map(Duration::from_secs);
        let read = seconds.or_else(|| value::time(text));
        let Some(read) = read else {
            let message = format!("stats refresh must be a time, got {}", Shown(text));
            out.push(Finding::new(self.span, message).help("write 5s"));
            return None;
        };
        Some(Duration::from_secs(read.clamp(SHORTEST, LONGEST).as_secs()))
    }

    /// What a person has to know, or to do.
    fn tell(&self, path: &WebPath, out: &mut Findings) {
        if let Some(first) = self.users.first() {
            let message = format!(
                "the passwords of {} for the status page are not carried over",
                Shown(&self.users.join(", "))
            );
            let help = format!("set each: director password {first} --file {USERS}");
            out.push(Finding::warning(self.span, message).help(help));
        } else if self.admin {
            let message =
                "stats admin without stats auth lets everybody change servers: not carried over";
            let help = format!("write users_file: {USERS} and actions: true");
            out.push(Finding::warning(self.span, message).help(help));
        }
        let message = format!("the status page of the director is under the same path, {path}");
        out.push(Finding::note(self.span, message).help(
            "it reads as director status; programs that read HAProxy's CSV need /metrics or the JSON in its place",
        ));
    }
}

/// Where a page can listen: one port.
fn at(bound: &Bound) -> Option<String> {
    let (port, last) = (bound.ports.start(), bound.ports.end());
    (port == last).then(|| match bound.listening {
        Listening::EveryV4 => format!("0.0.0.0:{port}"),
        Listening::EveryV6 => format!("[::]:{port}"),
        Listening::At(ip) => std::net::SocketAddr::new(ip, *port).to_string(),
    })
}

/// The file with the certificate and its key, when TLS ends there.
fn certificate(bind: &Statement) -> Option<&str> {
    let mut words = bind.words.iter().map(|it| &*it.text);
    let tls = bind.words.iter().any(|it| &*it.text == "ssl");
    words.find(|it| *it == "crt").filter(|_| tls)?;
    words.next().filter(|it| it.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WebListener;

    #[test]
    fn what_is_carried_over_reads_as_a_listener_of_ours() {
        let bound = value::bound(":8100").unwrap();
        assert_eq!(
            at(&bound).unwrap(),
            format!("0.0.0.0:{}", WebListener::PORT)
        );
    }
}
