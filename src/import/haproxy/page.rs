// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status page of HAProxy: where it is, and what it shows.

use super::proxy::Proxy;
use crate::diagnostic::{Finding, Shown, Span};
use crate::import::statement::Statement;

/// A status page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    span: Span,
    /// As `bind` has them.
    listens: Vec<&'a str>,
    path: &'a str,
    refresh: Option<&'a str>,
    login: bool,
    admin: bool,
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
        let binds = proxy.section.all_of("bind").take(MOST);
        Some(Self {
            span,
            listens: binds
                .filter_map(|it| Some(&*it.words.first()?.text))
                .collect(),
            path: argument("stats uri").unwrap_or("/haproxy?stats"),
            refresh: argument("stats refresh"),
            login: argument("stats auth").is_some(),
            admin: argument("stats admin").is_some(),
        })
    }

    /// What becomes of it.
    pub(super) fn finding(&self) -> Finding {
        let listens = self.listens.join(", ");
        let mut message = format!(
            "not carried over: the status page at {}{}",
            Shown(&listens),
            Shown(self.path)
        );
        if let Some(refresh) = self.refresh {
            message = format!("{message}, renewed every {}", Shown(refresh));
        }
        for (is, text) in [
            (self.login, ", with a login"),
            (self.admin, ", with its buttons"),
        ] {
            if is {
                message.push_str(text);
            }
        }
        Finding::warning(self.span, message)
            .help("the director has no status page yet: director status and director events show the same")
    }
}

/// So many addresses of a page are told.
const MOST: usize = 8;
