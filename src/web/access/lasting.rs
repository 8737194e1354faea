// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers that go on and on, and no longer than the session they are for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::Response;
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

use super::gate::Gate;
use super::sessions::Token;

/// How often the session is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A body that ends with its session. A session is used as long as there is one.
struct Lasting {
    inner: Body,
    gate: Arc<Gate>,
    token: Token,
    look: Pin<Box<Sleep>>,
}

/// Ends a stream of events with its session. Every other answer has an end of its own.
pub(super) fn lasting(response: Response, gate: &Arc<Gate>, token: Token) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|it| !it.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    let gate = Arc::clone(gate);
    response.map(|inner| {
        Body::new(Lasting {
            inner,
            gate,
            token,
            look: Box::pin(sleep(LOOK_EVERY)),
        })
    })
}

impl HttpBody for Lasting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        while this.look.as_mut().poll(context).is_ready() {
            if this.gate.session(this.token).is_none() {
                return Poll::Ready(None);
            }
            this.look = Box::pin(sleep(LOOK_EVERY));
        }
        Pin::new(&mut this.inner).poll_frame(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::super::tests::{PASSWORD, line};
    use super::*;
    use crate::web::tests::listener;

    /// Never ends by itself.
    struct Endless;

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            Poll::Pending
        }
    }

    /// The clock of this test jumps to the next deadline whenever nobody has anything to do.
    #[tokio::test(start_paused = true)]
    async fn a_stream_of_events_ends_when_its_session_does() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("users");
        std::fs::write(&file, line("alice", PASSWORD)).unwrap();
        let mut listener = listener("/");
        listener.users_file = Some(file.into());
        let gate = Arc::new(Gate::of(&listener).unwrap());
        let from = std::net::Ipv4Addr::LOCALHOST.into();
        let token = gate.log_in(from, "alice", PASSWORD.as_bytes()).await;
        let token = token.ok().unwrap();
        let mut response = Response::new(Body::new(Endless));
        let kind = "text/event-stream".parse().unwrap();
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        let body = lasting(response, &gate, token).into_body();
        let mut read = tokio::spawn(to_bytes(body, 10));
        let while_it_holds = tokio::time::timeout(60 * LOOK_EVERY, &mut read).await;
        assert!(while_it_holds.is_err());
        gate.log_out(token);
        assert!(read.await.unwrap().unwrap().is_empty());
    }
}
