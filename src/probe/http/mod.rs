// SPDX-License-Identifier: MIT OR Apache-2.0
//! The HTTP checker: one request, and the status of its answer. It reads no body.

mod answer;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub use self::answer::HttpAnswer;
use self::answer::MOST_BYTES;
use super::Answer;
use super::conversation::{self, failed};
use crate::model::{HttpProbe, ProbePath};

/// Asks, within `timeout` from the connection's first packet to the end of the answer's head.
pub(super) async fn probe(
    http: &HttpProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    conversation::hold(at, path, timeout, async |stream| {
        ask(stream, http, at).await
    })
    .await
}

async fn ask(mut stream: TcpStream, http: &HttpProbe, at: SocketAddr) -> Answer {
    if let Err(error) = stream.write_all(request(http, at).as_bytes()).await {
        return failed("send the request", &error);
    }
    let mut answer = Vec::new();
    loop {
        match (&mut stream)
            .take(room(&answer))
            .read_buf(&mut answer)
            .await
        {
            Ok(0) => return Answer::down("the server closed the connection without an answer"),
            Ok(_) => {}
            Err(error) => return failed("read the answer", &error),
        }
        match HttpAnswer::read(&answer) {
            HttpAnswer::Partial => {}
            HttpAnswer::Complete(status, _) if http.accepts(status) => return Answer::up(),
            HttpAnswer::Complete(status, phrase) => {
                let said = format!("status {status} {phrase}");
                let accepted = http.accepted();
                return Answer::down(format!("{}, not {accepted}", said.trim_end()));
            }
            HttpAnswer::Wrong(why) => return Answer::down(why),
        }
    }
}

/// How much more of the answer may come.
fn room(answer: &[u8]) -> u64 {
    let room = MOST_BYTES.saturating_sub(answer.len());
    u64::try_from(room).unwrap_or_default()
}

fn request(http: &HttpProbe, at: SocketAddr) -> String {
    let host = http.host.as_deref();
    let host = host.map_or_else(|| host_of(at), ToOwned::to_owned);
    format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: lvs-director/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        http.method.word(),
        http.path,
        env!("CARGO_PKG_VERSION"),
    )
}

/// The `Host` header for an address. It has no port where that is the usual one (RFC 9110, section 7.2).
fn host_of(at: SocketAddr) -> String {
    match (at.ip(), at.port()) {
        (IpAddr::V6(ip), 80) => format!("[{ip}]"),
        (IpAddr::V4(ip), 80) => ip.to_string(),
        _ => at.to_string(),
    }
}

#[cfg(test)]
mod tests;
