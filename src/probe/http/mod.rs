// SPDX-License-Identifier: MIT OR Apache-2.0
//! The HTTP checker: one request, the status of its answer, and what its body has, if that is asked for.

mod answer;
mod body;
mod json;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use data_encoding::BASE64;
use tokio::io::AsyncReadExt as _;

use self::answer::MOST_BYTES;
pub use self::answer::{HttpAnswer, HttpHead};
pub use self::body::{HttpBody, HttpContent};
use super::connection::Connection;
use super::conversation::{self, failed};
use super::tcp::First;
use super::{Answer, password};
use crate::model::{HttpProbe, Login, ProbePath};

/// As much of what the body must have is shown, in characters.
const LONGEST_PART: usize = 60;

/// Asks, within `timeout` from the connection's first packet to the last byte that matters.
pub(super) async fn probe(
    http: &HttpProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let authorization = match authorization(http.login.as_ref(), timeout).await {
        Ok(value) => value,
        Err(answer) => return answer,
    };
    let talk =
        async |stream: &mut Connection| ask(stream, http, at, authorization.as_deref()).await;
    conversation::once(at, path, http.tls.as_ref(), First::We, timeout, talk).await
}

async fn ask(
    stream: &mut Connection,
    http: &HttpProbe,
    at: SocketAddr,
    authorization: Option<&str>,
) -> Answer {
    let asked = head(stream, http, at, authorization).await;
    let (head, came) = match asked {
        Ok(answer) => answer,
        Err(answer) => return answer,
    };
    if let Some(answer) = refused(&head, http) {
        return answer;
    }
    match &http.contains {
        _ if !http.json.is_empty() => read_json(http, stream, &head, came).await,
        None => Answer::up(),
        Some(part) => find(part, stream, &head, came).await,
    }
}

/// Sends the request, and reads the head of the answer; the bytes that came may have some of the body.
pub(super) async fn head(
    stream: &mut Connection,
    http: &HttpProbe,
    at: SocketAddr,
    authorization: Option<&str>,
) -> Result<(HttpHead, Vec<u8>), Answer> {
    let request = request(http, at, authorization);
    let sent = stream.send(request.as_bytes()).await;
    sent.map_err(|error| failed("send the request", &error))?;
    let mut came = Vec::new();
    loop {
        if more(stream, MOST_BYTES, &mut came).await? == 0 {
            return Err(Answer::down(
                "the server closed the connection without an answer",
            ));
        }
        match HttpAnswer::read(&came) {
            HttpAnswer::Partial => {}
            HttpAnswer::Wrong(why) => return Err(Answer::down(why)),
            HttpAnswer::Complete(head) => return Ok((head, came)),
        }
    }
}

/// What was read of a body.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// Whether it is all of it.
    pub(super) whole: bool,
}

/// Reads the body until that is enough, or it has ended, or 64 KiB have come.
pub(super) async fn body(
    stream: &mut Connection,
    head: &HttpHead,
    mut came: Vec<u8>,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<Body, Answer> {
    let most = head.length + body::MOST_BYTES;
    let mut closed = false;
    loop {
        let framed = came.get(head.length..).unwrap_or_default();
        let content = head.body.read(framed, closed).map_err(Answer::down)?;
        if content.ended || came.len() >= most || enough(&content.bytes) {
            return Ok(Body {
                whole: content.ended,
                bytes: content.bytes.into_owned(),
            });
        }
        closed = more(stream, most, &mut came).await? == 0;
    }
}

/// What the status says, if it is not a success. A wrong password is a mistake of our configuration: all servers would
/// tell it at once.
fn refused(head: &HttpHead, http: &HttpProbe) -> Option<Answer> {
    let HttpHead { status, phrase, .. } = head;
    if http.accepts(*status) {
        return None;
    }
    let said = format!("status {status} {phrase}");
    let said = said.trim_end();
    Some(match &http.login {
        Some(login) if matches!(status, 401 | 403) => {
            Answer::could_not_run(format!("login of user {} refused: {said}", login.user))
        }
        _ => Answer::down(format!("{said}, not {}", http.accepted())),
    })
}

/// Reads the whole body, and looks for all that it must have.
async fn read_json(
    http: &HttpProbe,
    stream: &mut Connection,
    head: &HttpHead,
    came: Vec<u8>,
) -> Answer {
    let body = match body(stream, head, came, |_| false).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    if !body.whole {
        return Answer::down("the answer has more than 64 KiB: too much to be read as JSON");
    }
    if let Some(part) = &http.contains
        && !has(&body.bytes, part)
    {
        return without(part);
    }
    json::has(&body.bytes, &http.json).map_or_else(Answer::down, |()| Answer::up())
}

/// Reads the body until it has this part.
async fn find(part: &str, stream: &mut Connection, head: &HttpHead, came: Vec<u8>) -> Answer {
    let start = start_of(part);
    match body(stream, head, came, |bytes| has(bytes, part)).await {
        Ok(body) if has(&body.bytes, part) => Answer::up(),
        Ok(Body { whole: true, .. }) => without(part),
        Ok(_) => Answer::down(format!(
            "the first 64 KiB of the answer do not contain {start:?}"
        )),
        Err(answer) => answer,
    }
}

fn has(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|it| it == part.as_bytes())
}

fn without(part: &str) -> Answer {
    let start = start_of(part);
    Answer::down(format!("the answer does not contain {start:?}"))
}

fn start_of(part: &str) -> String {
    part.chars().take(LONGEST_PART).collect()
}

/// Reads more, so that no more than `most` bytes are there in all; 0 tells that the server has closed the connection.
async fn more(stream: &mut Connection, most: usize, came: &mut Vec<u8>) -> Result<usize, Answer> {
    let room = u64::try_from(most.saturating_sub(came.len())).unwrap_or_default();
    let read = stream.take(room).read_buf(came).await;
    read.map_err(|error| failed("read the answer", &error))
}

fn request(http: &HttpProbe, at: SocketAddr, authorization: Option<&str>) -> String {
    let host = http.host.as_deref();
    let usual = if http.tls.is_some() { 443 } else { 80 };
    let host = host.map_or_else(|| host_of(at, usual), ToOwned::to_owned);
    let mut text = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\n",
        http.method.word(),
        http.path,
    );
    let ours = [
        (
            "User-Agent",
            concat!("lvs-director/", env!("CARGO_PKG_VERSION")),
        ),
        ("Accept", "*/*"),
        ("Connection", "close"),
    ];
    let written = http.headers.iter().map(|(name, value)| (&**name, &**value));
    let written: Vec<(&str, &str)> = written.collect();
    let is_written = |name: &str| written.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
    let ours = ours.into_iter().filter(|(name, _)| !is_written(name));
    let authorization = authorization.map(|value| ("Authorization", value));
    for (name, value) in ours.chain(written.iter().copied()).chain(authorization) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text
}

/// The `Authorization` header of a login, if there is one (RFC 7617).
pub(super) async fn authorization(
    login: Option<&Login>,
    timeout: Duration,
) -> Result<Option<String>, Answer> {
    let Some(login) = login else {
        return Ok(None);
    };
    let mut pair = login.user.as_bytes().to_vec();
    pair.push(b':');
    pair.extend(&*password::read(&login.password_file, timeout).await?);
    Ok(Some(format!("Basic {}", BASE64.encode(&pair))))
}

/// The `Host` header for an address. It has no port where that is the usual one (RFC 9110, section 7.2).
fn host_of(at: SocketAddr, usual: u16) -> String {
    match at.ip() {
        _ if at.port() != usual => at.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    }
}

#[cfg(test)]
mod tests;
