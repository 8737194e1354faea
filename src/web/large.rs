// SPDX-License-Identifier: MIT OR Apache-2.0
//! Large answers: so many at a time, and each for so long. Those who read slowly hold what they were given, and a thousand of
//! them must not hold a thousand pages with all servers of a large configuration.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use super::connection::{Client, Guests, Place, network};
use super::site::Refused;

/// What is large, in bytes.
const LARGE: u64 = 256 << 10;
/// So many at a time.
const AT_A_TIME: usize = 64;
/// And of one address.
const OF_ONE: usize = 8;
/// A large answer must have been taken in this time.
const TO_TAKE: Duration = Duration::from_secs(60);
/// It is handed over in pieces, so that it is known how far it is.
const PIECE: usize = 16 << 10;

/// The places for large answers.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    guests: Guests,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_A_TIME)),
            guests: Guests::default(),
        }
    }
}

/// Gives a large answer when there is a place for it.
pub(super) async fn bound(State(places): State<Places>, request: Request, next: Next) -> Response {
    let from: Client = request.extensions().get().copied().unwrap_or_default();
    let response = next.run(request).await;
    let size = response.body().size_hint().exact();
    if size.is_none_or(|it| it < LARGE) {
        return response;
    }
    let place = places.guests.admit(network(from.0.ip()), OF_ONE);
    let permit = places.all.try_acquire_owned().ok();
    let (Some(place), Some(permit)) = (place, permit) else {
        return Refused::TooManyLarge.into_response();
    };
    let (parts, body) = response.into_parts();
    // All of it is there: its size is known.
    let Ok(rest) = to_bytes(body, usize::MAX).await else {
        return Refused::TooManyLarge.into_response();
    };
    let body = Large {
        rest,
        late: Box::pin(sleep(TO_TAKE)),
        _held: (place, permit),
    };
    Response::from_parts(parts, Body::new(body))
}

/// A large answer, and its place.
struct Large {
    rest: Bytes,
    late: Pin<Box<Sleep>>,
    _held: (Place, OwnedSemaphorePermit),
}

/// It was not taken in time.
#[derive(Debug, thiserror::Error)]
#[error("it was not taken in time")]
struct Late;

impl HttpBody for Large {
    type Data = Bytes;
    type Error = Late;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Late>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if self.late.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(Late)));
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
