// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status page as HTML: whole, and each part of it as it stands there.
//!
//! The templates escape every text. Nothing here is marked as safe but numbers in tags of our own (`words.rs`).

mod events;
mod grade;
mod history;
mod view;
mod words;

use std::fmt;
use std::time::Duration;

use askama::Template;
use axum::http::header;
use axum::response::IntoResponse;

pub(super) use self::events::Log;
pub(super) use self::history::{History, STEP};
pub(super) use self::view::Question;

use self::events::Events;
use self::grade::{Grade, Summary, not_checked, of_check, of_router, since};
use self::history::Curve;
use self::view::{ServiceView, latency};
use self::words::{Ago, In, Short, Text};
use super::board::Look;
use crate::control::{CheckStatus, ServerStatus, Status};
use crate::model::{ServiceKey, WebListener};

/// What a page is made of.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) look: &'a Look,
    pub(super) history: &'a History,
    pub(super) log: &'a Log,
    /// The time since 1970.
    pub(super) now: Duration,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    status: &'a Status,
    version: u64,
    path: &'a str,
    prefix: &'a str,
    refresh: u64,
    question: &'a Question,
    summary: Summary,
    curve: Option<Curve>,
    services: Vec<ServiceView<'a>>,
    events: Events,
    whole: bool,
    /// Whether servers can be changed from here.
    actions: bool,
}

#[derive(Template)]
#[template(path = "director.html")]
struct Director<'a> {
    status: &'a Status,
    summary: Summary,
    curve: Option<Curve>,
}

#[derive(Template)]
#[template(path = "pair.html")]
struct Pair<'a> {
    status: &'a Status,
}

#[derive(Template)]
#[template(path = "service.html")]
struct Service<'a> {
    service: ServiceView<'a>,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventList<'a> {
    prefix: &'a str,
    events: Events,
    whole: bool,
}

#[derive(Template)]
#[template(path = "history.html")]
struct AllEvents<'a> {
    path: &'a str,
    prefix: &'a str,
    refresh: u64,
    events: Events,
    whole: bool,
}

impl Scene<'_> {
    /// The page with what is asked for.
    pub(super) fn page(
        &self,
        listener: &WebListener,
        question: &Question,
    ) -> askama::Result<String> {
        let status = &self.look.status;
        let page = Page {
            status,
            version: self.look.changes.version(),
            path: listener.path.as_str(),
            prefix: listener.path.prefix(),
            refresh: listener.refresh.as_secs(),
            question,
            summary: Summary::of(status),
            curve: self.history.of_all(),
            services: view::services(status, self.history, question),
            events: self.log.view(false, self.now),
            whole: false,
            actions: listener.actions,
        };
        page.render()
    }

    /// The page with all events that are kept.
    pub(super) fn history(&self, listener: &WebListener) -> askama::Result<String> {
        let page = AllEvents {
            path: listener.path.as_str(),
            prefix: listener.path.prefix(),
            refresh: listener.refresh.as_secs(),
            events: self.log.view(true, self.now),
            whole: true,
        };
        page.render()
    }

    /// Its part about the director itself.
    pub(super) fn director(&self) -> askama::Result<String> {
        let status = &self.look.status;
        let part = Director {
            status,
            summary: Summary::of(status),
            curve: self.history.of_all(),
        };
        part.render()
    }

    /// Its part about virtual routers and the other director.
    pub(super) fn pair(&self) -> askama::Result<String> {
        let status = &self.look.status;
        Pair { status }.render()
    }

    /// Its part about the service in this place; `None` when there is none.
    pub(super) fn service(&self, place: usize) -> Option<askama::Result<String>> {
        let service = self.look.status.services.get(place)?;
        let service = view::service(place, service, self.history);
        Some(Service { service }.render())
    }

    /// Its part with the last events.
    pub(super) fn events(&self, listener: &WebListener) -> askama::Result<String> {
        let part = EventList {
            prefix: listener.path.prefix(),
            events: self.log.view(false, self.now),
            whole: false,
        };
        part.render()
    }
}

/// How bad the service in this place is: the larger the worse.
pub(super) fn badness(status: &Status, place: usize) -> u8 {
    let service = status.services.get(place);
    service.map_or(0, grade::badness)
}

/// Its style sheet.
pub(super) async fn style() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("style.css"))
}

/// Its script.
pub(super) async fn script() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("page.js"))
}

/// Its icon.
pub(super) async fn icon() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "image/svg+xml")];
    (kind, include_str!("icon.svg"))
}

/// The name of a service's element.
fn id(service: &ServiceKey) -> String {
    service.to_string().replace(' ', "-")
}

/// Templates have values, and references to them.
trait Number {
    fn number(&self) -> u64;
}

impl Number for u64 {
    fn number(&self) -> u64 {
        *self
    }
}

impl<T: Number> Number for &T {
    fn number(&self) -> u64 {
        (*self).number()
    }
}

fn ago(seconds: impl Number) -> Ago {
    Ago(seconds.number())
}

fn within(milliseconds: impl Number) -> In {
    In(milliseconds.number())
}

fn short(microseconds: impl Number) -> Short {
    Short(microseconds.number())
}

/// What has words of its own.
fn said(it: &impl fmt::Display) -> String {
    Text(&it.to_string()).to_string()
}

/// The weight of a server in the kernel; `-` when the kernel does not have it.
fn weight(server: &ServerStatus) -> String {
    server
        .weight
        .map_or_else(|| "-".to_owned(), |it| it.to_string())
}

/// How many results speak for another standing: `1 of 3 to down`; `None` when none does.
fn progress(check: &CheckStatus) -> Option<String> {
    let (against, needed) = (check.against, check.against_needed);
    if against == 0 {
        return None;
    }
    let to = if check.standing == "down" {
        "up"
    } else {
        "down"
    };
    Some(match check.against_of {
        None => format!("{against} of {needed} to {to}"),
        Some(of) => format!("{against} of {needed} to {to} (of the last {of})"),
    })
}

/// Whether the last probe of a check gave no success: then its failure is what matters.
fn is_failing(check: &CheckStatus) -> bool {
    check.could_not_run > 0 || check.last_succeeded != Some(true)
}

/// The reason of a server, when none of its checks says it.
fn own_reason(server: &ServerStatus) -> Option<&str> {
    let reason = server.reason.as_deref()?;
    let said = |it: &CheckStatus| {
        it.last_failure
            .as_deref()
            .is_some_and(|why| reason.contains(why))
    };
    (!server.checks.iter().any(said)).then_some(reason)
}

#[cfg(test)]
mod tests;
