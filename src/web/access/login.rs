// SPDX-License-Identifier: MIT OR Apache-2.0
//! The login of browsers, and its end.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::gate::{Gate, NotIn};
use super::sessions::LONGEST;
use super::{Visitor, is_from_elsewhere};
use crate::web::body::{field, form};
use crate::web::connection::Client;
use crate::web::site::{Refused, Site};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    prefix: &'a str,
    path: &'a str,
    problem: Option<&'a str>,
}

/// Where somebody logs in, where there are users.
pub(in crate::web) fn routes(site: &Site) -> Router<Site> {
    if site.gate().is_none() {
        return Router::new();
    }
    let prefix = site.listener().path.prefix();
    Router::new()
        .route(&path(site), get(show).post(log_in))
        .route(&format!("{prefix}/login.css"), get(style))
        .route(&format!("{prefix}/logout"), post(log_out))
}

/// Whether a path is answered before the login.
pub(in crate::web) fn is_open(site: &Site, asked: &str) -> bool {
    let inside = asked.strip_prefix(site.listener().path.prefix());
    ["/healthz", "/readyz"].contains(&asked)
        || inside.is_some_and(|it| ["/login", "/login.css"].contains(&it))
}

/// The path of the login.
pub(super) fn path(site: &Site) -> String {
    format!("{}/login", site.listener().path.prefix())
}

/// Cookies belong to a host and not to a port, so the port is in the name: two listeners of one host have two.
pub(super) fn cookie_name(site: &Site) -> String {
    format!("session-{}", site.listener().listen.port())
}

fn set_cookie(site: &Site, value: &str, seconds: u64) -> String {
    let (name, path) = (cookie_name(site), &site.listener().path);
    let secure = if site.listener().tls.is_some() {
        "; Secure"
    } else {
        ""
    };
    format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

fn page(site: &Site, code: StatusCode, problem: Option<&str>) -> Result<Response, Refused> {
    let path = &site.listener().path;
    let page = LoginPage {
        prefix: path.prefix(),
        path: path.as_str(),
        problem,
    };
    let page = page.render().map_err(Refused::Unmade)?;
    Ok((code, Html(page)).into_response())
}

async fn show(State(site): State<Site>) -> Result<Response, Refused> {
    page(&site, StatusCode::OK, None)
}

async fn style() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("login.css"))
}

async fn log_in(State(site): State<Site>, request: Request) -> Result<Response, Refused> {
    if is_from_elsewhere(request.headers()) {
        return Err(Refused::Elsewhere);
    }
    let from: Client = request.extensions().get().copied().unwrap_or_default();
    let fields = form(request).await?;
    let (user, password) = (field(&fields, "user"), field(&fields, "password"));
    match gate(&site)?
        .log_in(from.0.ip(), user, password.as_bytes())
        .await
    {
        Ok(token) => {
            let token = data_encoding::HEXLOWER.encode(&token.0);
            let cookie = set_cookie(&site, &token, LONGEST.as_secs());
            Ok(go_on(site.listener().path.as_str(), cookie))
        }
        Err(why) => page(&site, why.code(), Some(said(why))),
    }
}

async fn log_out(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Result<Response, Refused> {
    let token = visitor.session.ok_or(Refused::NoSession)?;
    let fields = form(request).await?;
    if field(&fields, "token") != token.of_forms() {
        return Err(Refused::Elsewhere);
    }
    gate(&site)?.log_out(token);
    Ok(go_on(&path(&site), set_cookie(&site, "", 0)))
}

fn gate(site: &Site) -> Result<&Arc<Gate>, Refused> {
    site.gate().ok_or(Refused::NotFound)
}

fn go_on(path: &str, cookie: String) -> Response {
    ([(header::SET_COOKIE, cookie)], Redirect::to(path)).into_response()
}

const fn said(why: NotIn) -> &'static str {
    match why {
        NotIn::Wrong => "There is no such user with this password.",
        NotIn::TooOften => {
            "Too many wrong passwords came from your address. Try again in a few seconds."
        }
        NotIn::Busy => "Too many people log in at this moment. Try again in a few seconds.",
    }
}
