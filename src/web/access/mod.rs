// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may see and do what.
//!
//! A listener without `users_file` shows everything to everybody who can connect, and nobody can change anything. At a
//! loopback address nobody can connect but this host, and there a browser is the way in: a page from elsewhere whose
//! name suddenly means 127.0.0.1 (DNS rebinding) is the same origin as ours for the browser, and its scripts could read.
//! Such a request has the other page's name in `Host`. So there only hosts that need no DNS are answered.
//! With `users_file` this is no way in: the browser has neither a cookie nor a password for the other name.
//!
//! With `users_file` everything but `/healthz`, `/readyz` and the login needs one of the users: a password with each
//! request (HTTP's Basic, for programs), or a session (a cookie, for browsers).

mod attempts;
mod credentials;
mod gate;
mod lasting;
mod login;
mod recent;
mod sessions;
mod users;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

pub use self::credentials::{basic, cookie, needs_no_dns};
pub(super) use self::gate::Gate;
use self::gate::NotIn;
pub use self::gate::read_users;
use self::lasting::lasting;
pub(super) use self::login::{is_open, routes};
use self::sessions::Token;
#[cfg(test)]
pub(super) use self::users::hashed;
pub use self::users::{Unfit, Users, WrongLine, user_line, with_line};
use super::connection::Client;
use super::site::{Refused, Site};

/// Who asks. It is an extension of every request that was let in.
#[derive(Clone)]
pub(super) struct Visitor {
    /// The user; `None` where there are no users.
    pub(super) user: Option<Arc<str>>,
    /// From where.
    pub(super) from: Client,
    /// The session, when it is a browser's. Only forms of a session change something.
    pub(super) session: Option<Token>,
}

impl Visitor {
    /// What a form must have in it; `None` when forms of this visitor are not taken.
    pub(super) fn form_token(&self) -> Option<String> {
        self.session.map(Token::of_forms)
    }

    /// Who gives an order: `user alice from 192.0.2.7 by the status page`; `None` when nobody has logged in.
    pub(super) fn name(&self) -> Option<String> {
        let user = self.user.as_ref()?;
        let from = self.from.0.ip().to_canonical();
        Some(format!("user {user} from {from} by the status page"))
    }
}

/// Answers those who may ask, and turns away the others.
pub(super) async fn admit(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let from = request.extensions().get().copied().unwrap_or_default();
    if let Some(refused) = misaddressed(&site, &request) {
        return refused.into_response();
    }
    let Some(gate) = site.gate() else {
        let visitor = Visitor {
            user: None,
            from,
            session: None,
        };
        request.extensions_mut().insert(visitor);
        return next.run(request).await;
    };
    if is_open(&site, request.uri().path()) {
        return next.run(request).await;
    }
    match identify(&site, gate, request.headers(), from).await {
        Ok(Some(visitor)) => {
            let session = visitor.session;
            request.extensions_mut().insert(visitor);
            let response = next.run(request).await;
            match session {
                Some(token) => lasting(response, gate, token),
                None => response,
            }
        }
        Ok(None) => turn_away(&site, &request),
        Err(NotIn::Wrong) => challenge(request.headers()),
        Err(NotIn::TooOften) => Refused::TooOften.into_response(),
        Err(NotIn::Busy) => Refused::Busy.into_response(),
    }
}

/// Who asks, by cookie or by password; `None` when nobody says who.
async fn identify(
    site: &Site,
    gate: &Gate,
    headers: &HeaderMap,
    from: Client,
) -> Result<Option<Visitor>, NotIn> {
    if let Some((token, session)) =
        token(site, headers).and_then(|it| Some((it, gate.session(it)?)))
    {
        return Ok(Some(Visitor {
            user: Some(session.user),
            from,
            session: Some(token),
        }));
    }
    let authorization = headers.get(header::AUTHORIZATION);
    let Some((name, password)) = authorization.and_then(|it| basic(it.as_bytes())) else {
        return Ok(None);
    };
    gate.let_in(from.0.ip(), &name, &password).await?;
    Ok(Some(Visitor {
        user: Some(name.into()),
        from,
        session: None,
    }))
}

/// The token in the cookie.
fn token(site: &Site, headers: &HeaderMap) -> Option<Token> {
    let name = login::cookie_name(site);
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let mut tokens = cookies.filter_map(|it| cookie(it.as_bytes(), &name));
    tokens.next().map(Token)
}

/// The same for every path: who has not logged in learns nothing, not even what there is.
fn turn_away(site: &Site, request: &Request) -> Response {
    let accepts = request.headers().get(header::ACCEPT);
    let page = accepts.is_some_and(|it| it.as_bytes().windows(9).any(|part| part == b"text/html"));
    if page {
        return Redirect::to(&login::path(site)).into_response();
    }
    challenge(request.headers())
}

/// Asks for a password. A browser would ask its user in a window of its own when a script has asked us: browsers are told
/// by headers that programs do not send.
fn challenge(headers: &HeaderMap) -> Response {
    let mut response = Refused::Unknown.into_response();
    let of_browsers = ["sec-fetch-mode", "accept-language"];
    if !of_browsers.iter().any(|it| headers.contains_key(*it)) {
        let basic = HeaderValue::from_static("Basic realm=\"status page\", charset=\"UTF-8\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

/// A request that says wrongly or not at all for whom it is (RFC 9112, 3.2), or that a page from elsewhere made.
fn misaddressed(site: &Site, request: &Request) -> Option<Refused> {
    let mut hosts = request.headers().get_all(header::HOST).into_iter();
    let (host, second) = (hosts.next(), hosts.next());
    let old = matches!(request.version(), Version::HTTP_09 | Version::HTTP_10);
    if second.is_some() || host.is_none() && !old {
        return Some(Refused::Host);
    }
    let listener = site.listener();
    let open = ["/healthz", "/readyz"].contains(&request.uri().path());
    if listener.users_file.is_some() || !listener.listen.ip().is_loopback() || open {
        return None;
    }
    let target = request.uri().authority().map(Authority::as_str);
    let host = host.map(|it| it.to_str().unwrap_or_default());
    let strange = target.into_iter().chain(host).any(|it| !needs_no_dns(it));
    strange.then_some(Refused::Rebound)
}

/// Whether a browser says that a page from elsewhere made this request. `Sec-Fetch-Site` is the browser's own word; without
/// it the origin must be the host that was asked.
pub(super) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    rest.map(str::as_bytes) != host || rest.is_none()
}

/// The code for one who is not let in.
impl NotIn {
    const fn code(self) -> StatusCode {
        match self {
            Self::Wrong => StatusCode::UNAUTHORIZED,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
