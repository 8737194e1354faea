// SPDX-License-Identifier: MIT OR Apache-2.0
//! The HTTP checker: one request, the status of its answer, and what its body has, if that is asked for.

mod answer;
mod body;

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use self::answer::MOST_BYTES;
pub use self::answer::{HttpAnswer, HttpHead};
pub use self::body::{HttpBody, HttpContent};
use super::conversation::{self, failed};
use super::{Answer, password};
use crate::model::{HttpProbe, Login, ProbePath};

/// Asks, within `timeout` from the connection's first packet to the end of the answer's head.
pub(super) async fn probe(
    http: &HttpProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let authorization = match &http.login {
        None => None,
        Some(login) => match authorization(login).await {
            Ok(value) => Some(value),
            Err(answer) => return answer,
        },
    };
    let talk = async |stream| ask(stream, http, at, authorization.as_deref()).await;
    conversation::hold(at, path, timeout, talk).await
}

async fn ask(
    mut stream: TcpStream,
    http: &HttpProbe,
    at: SocketAddr,
    authorization: Option<&str>,
) -> Answer {
    let request = request(http, at, authorization);
    if let Err(error) = stream.write_all(request.as_bytes()).await {
        return failed("send the request", &error);
    }
    let mut answer = Vec::new();
    loop {
        match more(&mut stream, MOST_BYTES, &mut answer).await {
            Ok(0) => return Answer::down("the server closed the connection without an answer"),
            Ok(_) => {}
            Err(error) => return failed("read the answer", &error),
        }
        let head = match HttpAnswer::read(&answer) {
            HttpAnswer::Partial => continue,
            HttpAnswer::Wrong(why) => return Answer::down(why),
            HttpAnswer::Complete(head) => head,
        };
        if let Some(answer) = refused(&head, http) {
            return answer;
        }
        return match &http.contains {
            None => Answer::up(),
            Some(part) => find(part, &mut stream, &head, answer).await,
        };
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

/// Reads the body until it has this part.
async fn find(part: &str, stream: &mut TcpStream, head: &HttpHead, mut came: Vec<u8>) -> Answer {
    let most = head.length + body::MOST_BYTES;
    let mut closed = false;
    loop {
        let body = came.get(head.length..).unwrap_or_default();
        let content = match head.body.read(body, closed) {
            Ok(content) => content,
            Err(why) => return Answer::down(why),
        };
        let has_it = content
            .bytes
            .windows(part.len())
            .any(|it| it == part.as_bytes());
        if has_it {
            return Answer::up();
        }
        if content.ended {
            return Answer::down(format!("the answer does not contain {part:?}"));
        }
        if came.len() >= most {
            let why = format!("the first 64 KiB of the answer do not contain {part:?}");
            return Answer::down(why);
        }
        match more(stream, most, &mut came).await {
            Ok(bytes) => closed = bytes == 0,
            Err(error) => return failed("read the answer", &error),
        }
    }
}

/// Reads more, so that no more than `most` bytes are there in all.
async fn more(stream: &mut TcpStream, most: usize, came: &mut Vec<u8>) -> io::Result<usize> {
    let room = u64::try_from(most.saturating_sub(came.len())).unwrap_or_default();
    stream.take(room).read_buf(came).await
}

fn request(http: &HttpProbe, at: SocketAddr, authorization: Option<&str>) -> String {
    let host = http.host.as_deref();
    let host = host.map_or_else(|| host_of(at), ToOwned::to_owned);
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

/// The `Authorization` header of a login (RFC 7617).
async fn authorization(login: &Login) -> Result<String, Answer> {
    let mut pair = login.user.as_bytes().to_vec();
    pair.push(b':');
    pair.extend(password::read(&login.password_file).await?);
    Ok(format!("Basic {}", BASE64.encode(&pair)))
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
