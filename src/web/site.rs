// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one listener answers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use serde::Deserialize;

use super::access::{self, Gate};
use super::board::{Board, Look};
use super::connection::{Limits, serve};
use super::live::Live;
use super::page::{self, Question};
use super::source::Source;
use super::tls::Certificate;
use super::{act, api, large, metrics};
use crate::model::{ServiceKey, WebListener};

/// A listener as configured, and what it shows.
#[derive(Clone)]
pub struct Site {
    listener: Arc<WebListener>,
    board: Arc<Board>,
    gate: Option<Arc<Gate>>,
    live: Arc<Live>,
    last_page: Arc<Mutex<Option<LastPage>>>,
}

/// The page that was made last, for all who ask for the same look.
struct LastPage {
    look: Arc<Look>,
    page: Bytes,
}

/// Shows a site to everybody who connects, and follows the files that it reads. It never ends.
pub async fn run(socket: TcpListener, tls: Option<Certificate>, site: Site, limits: Limits) {
    let tls = tls.map(Arc::new);
    let (gate, certificate) = (site.gate.clone(), tls.clone());
    let users = async {
        if let Some(gate) = gate {
            gate.follow().await;
        }
    };
    let certificate = async {
        if let Some(certificate) = certificate {
            certificate.follow().await;
        }
    };
    tokio::join!(
        serve(socket, tls, site.router(), limits),
        users,
        certificate
    );
}

/// What a browser may load, and from where: from this site alone.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

impl Site {
    /// What is at this listener. It reads the file with the users.
    #[must_use]
    pub fn new(listener: WebListener, board: Arc<Board>) -> Self {
        let listener = Arc::new(listener);
        let live = Live::new(Arc::clone(&listener), Arc::clone(&board));
        Self {
            gate: Gate::of(&listener).map(Arc::new),
            listener,
            board,
            live: Arc::new(live),
            last_page: Arc::default(),
        }
    }

    pub(super) fn listener(&self) -> &WebListener {
        &self.listener
    }

    /// The door, where there are users.
    pub(super) const fn gate(&self) -> Option<&Arc<Gate>> {
        self.gate.as_ref()
    }

    pub(super) fn source(&self) -> &dyn Source {
        &**self.board.source()
    }

    /// Its answers by path.
    pub(super) fn router(self) -> Router {
        let (path, prefix) = (self.listener.path.to_string(), self.listener.path.prefix());
        let inside = Router::new()
            .route(&path, get(status_page))
            .route(&format!("{prefix}/style.css"), get(page::style))
            .route(&format!("{prefix}/page.js"), get(page::script))
            .route(&format!("{prefix}/icon.svg"), get(page::icon))
            .route(&format!("{prefix}/events"), get(events))
            .route(&format!("{prefix}/service"), get(service))
            .route(&format!("{prefix}/live"), get(live))
            .route("/metrics", get(for_prometheus))
            .merge(access::routes(&self))
            .merge(act::routes(prefix))
            .merge(api::routes(prefix));
        let open = Router::new()
            .route("/healthz", get(alive))
            .route("/readyz", get(ready));
        let all = open.merge(inside).fallback(async || Refused::NotFound);
        // What is asked first is the last of them.
        all.layer(from_fn_with_state(large::Places::default(), large::bound))
            .layer(from_fn_with_state(self.clone(), access::admit))
            .layer(from_fn_with_state(self.clone(), api::explain))
            .layer(from_fn(guard))
            .with_state(self)
    }

    pub(super) fn look(&self) -> Result<Arc<Look>, Refused> {
        self.board.look().ok_or(Refused::Starting)
    }
}

/// Why there is no answer to a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the director is starting, and knows nothing yet; ask again in a moment")]
    Starting,
    #[error("log in first")]
    Unknown,
    #[error("too many wrong passwords came from your address; try again in a few seconds")]
    TooOften,
    #[error("too many people log in at this moment; try again in a few seconds")]
    Busy,
    #[error("too many large answers are being read at this moment; try again in a few seconds")]
    TooManyLarge,
    #[error("a request names one host, in Host")]
    Host,
    #[error(
        "this listener has no users, so it answers only to an IP address or localhost; ask for that, or configure \
         users_file"
    )]
    Rebound,
    #[error(
        "this request was made by a page from elsewhere, or by a form that is too old; load the page again"
    )]
    Elsewhere,
    #[error(
        "forms are taken from a browser that has logged in by the login page; programs use the JSON API"
    )]
    NoSession,
    #[error(
        "nothing can be changed here: the configuration has no actions: true for this listener"
    )]
    NoActions,
    #[error("there is nothing here")]
    NotFound,
    #[error("there is no {0}")]
    Missing(&'static str),
    #[error("{0}")]
    Wrong(String),
    #[error("{0}")]
    Form(String),
    #[error("the body is not what is wanted: {0}")]
    Json(String),
    #[error("the body must be JSON, with content-type: application/json")]
    NotJson,
    #[error("a body is complete, and has 64 KiB at most")]
    TooLarge,
    #[error("the body did not come in time")]
    TooSlow,
    #[error("{0}")]
    Order(String),
    #[error("the order was handed in, and its outcome is not known yet; look at the status")]
    OrderLate,
    #[error("the kernel is not as it should be for {0} virtual services")]
    NotReady(usize),
    #[error("{0} is not a virtual service of the running configuration")]
    NoService(ServiceKey),
    #[error("the page could not be made: {0}")]
    Unmade(askama::Error),
}

impl Refused {
    pub(super) const fn code(&self) -> StatusCode {
        match self {
            Self::Starting | Self::NotReady(_) | Self::Busy | Self::TooManyLarge => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Host | Self::Wrong(_) | Self::Form(_) | Self::Json(_) => StatusCode::BAD_REQUEST,
            Self::Rebound => StatusCode::MISDIRECTED_REQUEST,
            Self::Elsewhere | Self::NoSession | Self::NoActions => StatusCode::FORBIDDEN,
            Self::NotFound | Self::Missing(_) | Self::NoService(_) => StatusCode::NOT_FOUND,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Order(_) => StatusCode::CONFLICT,
            Self::OrderLate => StatusCode::GATEWAY_TIMEOUT,
            Self::Unmade(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        if matches!(self, Self::TooOften | Self::Busy | Self::TooManyLarge) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        (self.code(), headers, format!("{self}\n")).into_response()
    }
}

/// The headers of every answer.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Under no-referrer a browser says no origin with its own forms, and they would look as if from elsewhere.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn status_page(
    State(site): State<Site>,
    Query(question): Query<Question>,
) -> Result<Html<Bytes>, Refused> {
    let look = site.look()?;
    let make = || {
        site.board
            .scene(&look, |it| it.page(&site.listener, &question))
    };
    if !question.is_plain() {
        return Ok(Html(make().map_err(Refused::Unmade)?.into()));
    }
    let mut last = site
        .last_page
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(it) = last.as_ref().filter(|it| Arc::ptr_eq(&it.look, &look)) {
        return Ok(Html(it.page.clone()));
    }
    let page = Bytes::from(make().map_err(Refused::Unmade)?);
    *last = Some(LastPage {
        look,
        page: page.clone(),
    });
    Ok(Html(page))
}

/// All events that are kept.
async fn events(State(site): State<Site>) -> Result<Html<String>, Refused> {
    let look = site.look()?;
    let page = site.board.scene(&look, |it| it.history(&site.listener));
    page.map(Html).map_err(Refused::Unmade)
}

#[derive(Deserialize)]
struct Which {
    key: ServiceKey,
}

/// The part of the page about one service.
async fn service(
    State(site): State<Site>,
    Query(Which { key }): Query<Which>,
) -> Result<Html<String>, Refused> {
    let look = site.look()?;
    let mut services = look.status.services.iter();
    let place = services.position(|it| it.service == key);
    let part = place.and_then(|place| site.board.scene(&look, |it| it.service(place)));
    let part = part.ok_or(Refused::NoService(key))?;
    part.map(Html).map_err(Refused::Unmade)
}

#[derive(Deserialize)]
struct Seen {
    /// The version of the page that the browser has.
    seen: u64,
}

/// What changes on the page, for as long as the browser listens.
async fn live(
    State(site): State<Site>,
    Query(Seen { seen }): Query<Seen>,
) -> Result<Response, Refused> {
    let look = site.look()?;
    let body = site.live.join(&look, seen).map_err(Refused::Unmade)?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // A proxy passes it on at once.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, body).into_response())
}

/// The state and the counters for Prometheus.
async fn for_prometheus(State(site): State<Site>) -> Result<Response, Refused> {
    site.board.traffic().fresh().await;
    let text = site.board.metrics(&*site.look()?);
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

/// The director answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the kernel has everything that is configured.
async fn ready(State(site): State<Site>) -> Result<&'static str, Refused> {
    let look = site.look()?;
    let wrong = look.status.services.iter().filter(|it| it.error.is_some());
    match wrong.count() {
        0 => Ok("ok\n"),
        services => Err(Refused::NotReady(services)),
    }
}
