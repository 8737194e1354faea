// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a web server is asked.

use super::text::{literal, payload};
use super::{Asked, one};
use crate::diagnostic::{Finding, Findings};
use crate::import::document::{Entry, Value};
use crate::import::ldirectord::endpoint;
use crate::import::ldirectord::wanted::{Said, Wanted};

impl Wanted {
    pub(super) fn web(&self, asked: &Asked, out: &mut Findings) -> Vec<Vec<Entry>> {
        let (request, receive) = self.pair(asked);
        let request = request.map_or("/", |said| said.text.as_str());
        let (place, path) = locate(request, self.service);
        let mut keys = match place {
            None => self.ports(asked, out),
            Some(place) => self.elsewhere(place, asked, out),
        };
        let target = keys.clone();
        if self.asks_head {
            keys.push(Entry::new("method", Value::word("HEAD")));
        }
        if path != "/" {
            keys.push(Entry::new("path", Value::text(&path)));
        }
        if let Some(host) = &self.virtualhost {
            keys.push(Entry::new("host", Value::text(host)));
        }
        if self.service == "https" {
            let verify = Entry::new("verify", Value::word(false));
            keys.push(verify);
            let message = "certificates are not verified, as ldirectord does it";
            let help = "leave out verify: false, and name the CA by ca_file";
            out.push(Finding::note(self.at, message).help(help));
        }
        let mut checks = vec![one(self.service, keys)];
        if let Some(receive) = receive.filter(|said| !said.text.is_empty()) {
            checks.extend(self.content(receive, &path, target, out));
        }
        checks
    }

    /// A request that names another host than the server.
    fn elsewhere(&self, place: &str, asked: &Asked, out: &mut Findings) -> Vec<Entry> {
        let at = asked.request.as_ref().map_or(self.at, |said| said.at);
        let Some((address, port)) = endpoint::endpoint(place, at, out) else {
            return Vec::new();
        };
        let usual = if self.service == "https" { 443 } else { 80 };
        let mut keys = Vec::new();
        if address != asked.address {
            keys.push(Entry::new("address", Value::text(address)));
        }
        let port = port.unwrap_or(usual);
        if port != asked.own_port {
            keys.push(Entry::new("port", Value::word(port)));
        }
        keys
    }

    /// A second check for what must stand in the page, where that can be asked.
    fn content(
        &self,
        receive: &Said,
        path: &str,
        target: Vec<Entry>,
        out: &mut Findings,
    ) -> Option<Vec<Entry>> {
        if self.asks_head {
            let message = "an answer to HEAD has no content, so this check never passes";
            out.push(Finding::new(receive.at, message).help("leave out receive, or httpmethod"));
            return None;
        }
        if self.service == "https" {
            let message = "what the page says is not looked at: only the status is";
            let help = "ask for a page that answers 200 only when all is well, or use json or exec";
            out.push(Finding::warning(receive.at, message).help(help));
            return None;
        }
        let expect = literal(receive, out)?;
        let host = match &self.virtualhost {
            Some(host) => format!("Host: {host}\r\n"),
            None => String::new(),
        };
        let request = format!("GET {path} HTTP/1.0\r\n{host}\r\n");
        let mut keys = target;
        keys.push(Entry::new("send", payload(&request)));
        keys.push(Entry::new("expect", payload(&expect)));
        let message =
            "the page is asked for twice: by http for its status, by tcp for what it says";
        let help = "a page that answers 200 only when all is well needs no second check";
        out.push(Finding::note(receive.at, message).help(help));
        Some(one("tcp", keys))
    }
}

/// The host that a request names, and the path.
fn locate<'a>(request: &'a str, scheme: &str) -> (Option<&'a str>, String) {
    let scheme = format!("{scheme}://");
    let bare = request.trim_start_matches('/');
    let Some(rest) = bare.strip_prefix(scheme.as_str()) else {
        return (None, format!("/{bare}"));
    };
    match rest.split_once('/') {
        Some((host, path)) => (Some(host), format!("/{path}")),
        None => (Some(rest), "/".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_name_another_host() {
        assert_eq!(
            locate("index.html", "http"),
            (None, "/index.html".to_owned())
        );
        assert_eq!(locate("/a/b", "http"), (None, "/a/b".to_owned()));
        assert_eq!(
            locate("http://10.0.0.1:81/x", "http"),
            (Some("10.0.0.1:81"), "/x".to_owned())
        );
        assert_eq!(
            locate("http://10.0.0.1", "http"),
            (Some("10.0.0.1"), "/".to_owned())
        );
    }
}
