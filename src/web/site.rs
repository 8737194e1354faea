// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one listener answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::board::{Board, Look};
use super::page;
use crate::model::WebListener;

/// A listener as configured, and what it shows.
#[derive(Clone)]
pub struct Site {
    listener: Arc<WebListener>,
    board: Arc<Board>,
}

/// What a browser may load, and from where: from this site alone.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

impl Site {
    /// What is at this listener.
    #[must_use]
    pub fn new(listener: WebListener, board: Arc<Board>) -> Self {
        Self {
            listener: Arc::new(listener),
            board,
        }
    }

    /// Its answers by path.
    pub fn router(self) -> Router {
        let (path, prefix) = (self.listener.path.to_string(), self.listener.path.prefix());
        let inside = Router::new()
            .route(&path, get(status_page))
            .route(&format!("{prefix}/style.css"), get(page::style))
            .route(&format!("{prefix}/api/v1/status"), get(status_json))
            .layer(from_fn_with_state(self.clone(), admit));
        let open = Router::new()
            .route("/healthz", get(alive))
            .route("/readyz", get(ready));
        open.merge(inside).layer(from_fn(guard)).with_state(self)
    }

    fn look(&self) -> Result<Arc<Look>, Refused> {
        self.board.look().ok_or(Refused::Starting)
    }
}

/// Why there is no answer to a request.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the director is starting, and knows nothing yet; ask again in a moment")]
    Starting,
    #[error("log in first")]
    Unknown,
    #[error("the kernel is not as it should be for {0} virtual services")]
    NotReady(usize),
    #[error("the page could not be made: {0}")]
    Unmade(askama::Error),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = match self {
            Self::Starting | Self::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::Unmade(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (code, format!("{self}\n")).into_response()
    }
}

/// Only who has logged in gets further, where there are users.
async fn admit(State(site): State<Site>, request: Request, next: Next) -> Response {
    if site.listener.users_file.is_some() {
        return Refused::Unknown.into_response();
    }
    next.run(request).await
}

/// The headers of every answer.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn status_page(State(site): State<Site>) -> Result<Html<String>, Refused> {
    let look = site.look()?;
    let page = page::render(&look.status, &site.listener);
    page.map(Html).map_err(Refused::Unmade)
}

async fn status_json(State(site): State<Site>) -> Result<Response, Refused> {
    let json: Bytes = site.look()?.json();
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
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
