// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state and the orders as JSON. `openapi.json` describes it.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::access::{Visitor, is_from_elsewhere};
use super::site::{Refused, Site};
use super::{body, orders};
use crate::control::{ServerStatus, ServiceStatus, Told};
use crate::model::{DrainTerms, OrderFor, ServerKey, ServiceKey};

/// The description of all this, by `OpenAPI` 3.1.
const DESCRIPTION: &str = include_str!("openapi.json");
/// The longest text of an error.
const LONGEST_ERROR: usize = 16 << 10;

/// Each path below `/api/v1`, as it stands in the description.
fn paths() -> [(&'static str, MethodRouter<Site>); 7] {
    [
        ("/status", get(status)),
        ("/services", get(services)),
        ("/services/{service}", get(service)),
        ("/services/{service}/servers/{server}", get(server)),
        ("/events", get(events)),
        ("/orders", post(order)),
        ("/openapi.json", get(description)),
    ]
}

/// All of them.
pub(super) fn routes(prefix: &str) -> Router<Site> {
    let add = |router: Router<Site>, (path, method)| {
        router.route(&format!("{prefix}/api/v1{path}"), method)
    };
    paths().into_iter().fold(Router::new(), add)
}

/// What is wrong, for programs.
#[derive(Serialize)]
struct Problem<'a> {
    message: &'a str,
}

/// Errors as JSON for all paths of the API, whoever found them. So is "log in first" everywhere: it says nothing of a path.
pub(super) async fn explain(State(site): State<Site>, request: Request, next: Next) -> Response {
    let inside = request
        .uri()
        .path()
        .strip_prefix(site.listener().path.prefix());
    let ours = inside.is_some_and(|it| it.starts_with("/api/"));
    let response = next.run(request).await;
    let code = response.status();
    let wrong = code.is_client_error() || code.is_server_error();
    if !wrong || !ours && code != StatusCode::UNAUTHORIZED || is_of(&response, "text/html") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, LONGEST_ERROR).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let message = match text.trim() {
        "" => code.canonical_reason().unwrap_or_default(),
        text => text,
    };
    let json = serde_json::to_vec(&Problem { message }).unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(json_kind());
    Response::from_parts(parts, Body::from(json))
}

fn is_of(response: &Response, kind: &str) -> bool {
    let found = response.headers().get(header::CONTENT_TYPE);
    found.is_some_and(|it| it.as_bytes().starts_with(kind.as_bytes()))
}

fn json_kind() -> HeaderMap {
    let kind = axum::http::HeaderValue::from_static("application/json");
    std::iter::once((header::CONTENT_TYPE, kind)).collect()
}

async fn status(State(site): State<Site>) -> Result<Response, Refused> {
    let json: Bytes = site.look()?.json();
    Ok((json_kind(), json).into_response())
}

async fn description() -> impl IntoResponse {
    (json_kind(), DESCRIPTION)
}

#[derive(Serialize)]
struct Services<'a> {
    services: &'a [ServiceStatus],
}

async fn services(State(site): State<Site>) -> Result<Response, Refused> {
    let look = site.look()?;
    let services = &look.status.services;
    Ok(Json(Services { services }).into_response())
}

async fn service(
    State(site): State<Site>,
    Path(service): Path<String>,
) -> Result<Json<ServiceStatus>, Refused> {
    let look = site.look()?;
    find_service(&look.status.services, &service).map(|it| Json(it.clone()))
}

async fn server(
    State(site): State<Site>,
    Path((service, server)): Path<(String, String)>,
) -> Result<Json<ServerStatus>, Refused> {
    let look = site.look()?;
    let service = find_service(&look.status.services, &service)?;
    let wanted = server.parse::<ServerKey>().ok();
    let mut servers = service.servers.iter();
    let found = servers.find(|it| Some(it.server) == wanted);
    found.map(|it| Json(it.clone())).ok_or_else(no_server)
}

const fn no_server() -> Refused {
    Refused::Missing("such server; a server is written 10.0.0.1:5672")
}

const fn no_service() -> Refused {
    Refused::Missing("such service; a service is written TCP 192.0.2.10:5672")
}

fn find_service<'a>(all: &'a [ServiceStatus], name: &str) -> Result<&'a ServiceStatus, Refused> {
    let wanted = name.parse::<ServiceKey>().ok();
    let found = all.iter().find(|it| Some(it.service) == wanted);
    found.ok_or_else(no_service)
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    after: u64,
}

#[derive(Serialize)]
struct Events {
    events: Vec<Told>,
}

async fn events(
    State(site): State<Site>,
    Query(Since { after }): Query<Since>,
) -> Result<Json<Events>, Refused> {
    site.look()?;
    let events = site.source().events(after);
    Ok(Json(Events { events }))
}

/// An order in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    servers: Vec<Whose>,
    order: String,
    #[serde(default, deserialize_with = "whole")]
    weight: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    deadline_seconds: Option<u64>,
    #[serde(default)]
    templates: bool,
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    service: String,
    server: String,
}

impl Whose {
    /// A name that nobody can have is a server that is not there.
    fn key(&self) -> Result<(ServiceKey, ServerKey), Refused> {
        let service = self.service.parse().map_err(|_| no_service())?;
        let server = self.server.parse().map_err(|_| no_server())?;
        Ok((service, server))
    }
}

/// A whole number. JSON has one kind of numbers: 60.0 is 60.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else {
        return Ok(None);
    };
    let whole = number.as_u64().or_else(|| {
        let float = number.as_f64().filter(|it| it.fract() == 0.0)?;
        format!("{float:.0}").parse().ok()
    });
    let wrong = || de::Error::custom(format_args!("{number} is no whole number of 0 or more"));
    whole.map(Some).ok_or_else(wrong)
}

#[derive(Serialize)]
struct Outcome {
    changed: u64,
    not_written: Option<String>,
}

async fn order(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Result<Json<Outcome>, Refused> {
    if is_from_elsewhere(request.headers()) {
        return Err(Refused::Elsewhere);
    }
    orders::by(&site, &visitor)?;
    let wanted: Wanted = body::json(request).await?;
    let deadline = wanted.deadline_seconds.map(deadline).transpose()?;
    let servers = wanted.servers.iter().map(Whose::key);
    let wanted = OrderFor {
        servers: servers.collect::<Result<_, _>>()?,
        order: orders::order(&wanted.order, wanted.weight)?,
        terms: DrainTerms {
            deadline,
            templates: wanted.templates,
        },
        force: wanted.force,
    };
    let carried = orders::carry_out(&site, &visitor, wanted).await?;
    Ok(Json(Outcome {
        changed: carried.servers,
        not_written: carried.not_written,
    }))
}

fn deadline(seconds: u64) -> Result<Duration, Refused> {
    const LONGEST: u64 = DrainTerms::LONGEST_DEADLINE;
    if (1..=LONGEST).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    Err(Refused::Wrong(format!(
        "deadline_seconds is 1 to {LONGEST}"
    )))
}

#[cfg(test)]
mod tests;
