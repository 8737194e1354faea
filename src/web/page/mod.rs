// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status page as HTML.

use askama::Template;
use axum::http::header;
use axum::response::IntoResponse;

use crate::control::{ServerStatus, Status};
use crate::model::WebListener;

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    status: &'a Status,
    prefix: &'a str,
    refresh: u64,
}

/// The page.
pub(super) fn render(status: &Status, listener: &WebListener) -> askama::Result<String> {
    let page = StatusPage {
        status,
        prefix: listener.path.prefix(),
        refresh: listener.refresh.as_secs(),
    };
    page.render()
}

/// Its style sheet.
pub(super) async fn style() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("style.css"))
}

/// The weight of a server in the kernel; `-` when the kernel does not have it.
fn weight(server: &ServerStatus) -> String {
    server
        .weight
        .map_or_else(|| "-".to_owned(), |it| it.to_string())
}
