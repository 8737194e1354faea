// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client sends beside its head: so much of it, in such a time.

use std::time::Duration;

use axum::Form;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest as _, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::site::Refused;

/// The longest body, in bytes.
const MOST: usize = 64 << 10;
/// It must be there in this time.
const TO_SEND: Duration = Duration::from_secs(10);

/// The fields of a form, in their order.
pub(super) type Fields = Vec<(String, String)>;

/// The fields of the form in a request.
pub(super) async fn form(request: Request) -> Result<Fields, Refused> {
    let (parts, body) = request.into_parts();
    let body = whole(&parts.headers, body).await?;
    let request = Request::from_parts(parts, Body::from(body));
    let Form(fields) = Form::from_request(request, &())
        .await
        .map_err(|error| Refused::Form(error.to_string()))?;
    Ok(fields)
}

/// The first field of this name; empty when there is none.
pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    let found = fields.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value)
}

/// The JSON in a request. It must be called so: no form of a page from elsewhere can do that.
pub(super) async fn json<T: DeserializeOwned>(request: Request) -> Result<T, Refused> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refused::NotJson);
    }
    let body = whole(&parts.headers, body).await?;
    serde_json::from_slice(&body).map_err(|error| Refused::Json(error.to_string()))
}

async fn whole(headers: &HeaderMap, body: Body) -> Result<Bytes, Refused> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|it| it > MOST as u64) {
        return Err(Refused::TooLarge);
    }
    match timeout(TO_SEND, to_bytes(body, MOST)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Refused::TooLarge),
        Err(_) => Err(Refused::TooSlow),
    }
}
