// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checker of RabbitMQ's management API: whether a node is ready to serve clients.
//!
//! Nodes since 4.1 are asked that very question, which needs no login. Older ones do not know it; with a login they are
//! asked whether they listen for clients, and whether their virtual hosts run.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::Answer;
use super::connection::Connection;
use super::conversation::{self, Time, Whom};
use super::http::{self, HttpHead};
use super::tcp::First;
use crate::codec::shown;
use crate::model::{HttpProbe, Login, ProbePath, RabbitmqProbe};

const READY: &str = "/api/health/checks/ready-to-serve-clients";
const VIRTUAL_HOSTS: &str = "/api/health/checks/virtual-hosts";
/// The longest reason that is shown, in characters.
const LONGEST_REASON: usize = 200;

/// What a node says to one question.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Yes,
    /// Not, for this reason; empty when it gives none.
    No(String),
    /// It does not know the question.
    Unknown,
    /// It refuses the login.
    Refused,
    /// Another status.
    Else(String),
}

/// Asks, within `timeout` from the first connection's first packet to the last answer.
pub(super) async fn probe(
    rabbitmq: &RabbitmqProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    // Its time is not the server's.
    let authorization = match http::authorization(rabbitmq.login.as_ref(), timeout).await {
        Ok(value) => value,
        Err(answer) => return answer,
    };
    let whom = match Whom::new(at, path, rabbitmq.tls.as_ref(), First::We, timeout).await {
        Ok(whom) => whom,
        Err(answer) => return answer,
    };
    let mut way = Way {
        at,
        whom,
        time: Time::from_now(timeout),
        met: None,
    };
    let login = rabbitmq.login.as_ref().zip(authorization.as_deref());
    let said = way.all(rabbitmq.listener, login).await;
    let met = way.met.unwrap_or_else(Answer::up);
    said.err().unwrap_or(met)
}

/// How a node is reached.
struct Way<'a> {
    at: SocketAddr,
    whom: Whom<'a>,
    time: Time,
    /// A success, when it has answered a question; it may have a warning about its certificate.
    met: Option<Answer>,
}

impl Way<'_> {
    /// All questions. An error is the answer of the probe.
    async fn all(&mut self, listener: u16, login: Option<(&Login, &str)>) -> Result<(), Answer> {
        match self.ask(READY, None).await? {
            Said::Yes => return Ok(()),
            Said::No(reason) => return Err(not_ready(&reason)),
            Said::Else(status) => return Err(Answer::down(status)),
            Said::Unknown | Said::Refused => {}
        }
        let Some((login, authorization)) = login else {
            return Err(Answer::unsupported(
                "this node is older than RabbitMQ 4.1, and says nothing without a login: write user and password_file, \
                 or an amqp check",
            ));
        };
        let listener = format!("/api/health/checks/port-listener/{listener}");
        for (question, what) in [
            (&*listener, "no listener for clients"),
            (VIRTUAL_HOSTS, "a virtual host is down"),
        ] {
            match self.ask(question, Some(authorization)).await? {
                Said::Yes => {}
                Said::No(reason) if reason.is_empty() => return Err(Answer::down(what)),
                Said::No(reason) => return Err(Answer::down(format!("{what}: {reason}"))),
                Said::Else(status) => return Err(Answer::down(status)),
                Said::Refused => {
                    let user = &login.user;
                    let why = format!("login of user {user} to the management API refused");
                    return Err(Answer::could_not_run(why));
                }
                Said::Unknown => {
                    let why = format!("this node does not know {question}: is it RabbitMQ?");
                    return Err(Answer::unsupported(why));
                }
            }
        }
        Ok(())
    }

    async fn ask(&mut self, question: &str, authorization: Option<&str>) -> Result<Said, Answer> {
        let mut said = None;
        let talk = async |stream: &mut Connection| match exchange(
            stream,
            question,
            self.at,
            authorization,
        )
        .await
        {
            Ok((head, body)) => {
                said = Some(understand(&head, &body));
                Answer::up()
            }
            Err(answer) => answer,
        };
        let met = self.met.is_some();
        let answer = conversation::hold(&self.whom, self.time, met, talk).await;
        match said {
            None => Err(answer),
            Some(said) => {
                self.met = Some(answer);
                Ok(said)
            }
        }
    }
}

async fn exchange(
    stream: &mut Connection,
    question: &str,
    at: SocketAddr,
    authorization: Option<&str>,
) -> Result<(HttpHead, Vec<u8>), Answer> {
    let asked = HttpProbe::get(question);
    let (head, came) = http::head(stream, &asked, at, authorization).await?;
    let body = http::body(stream, &head, came, |_| false).await?;
    Ok((head, body.bytes))
}

fn understand(head: &HttpHead, body: &[u8]) -> Said {
    match head.status {
        200..=299 => Said::Yes,
        401 | 403 => Said::Refused,
        404 => Said::Unknown,
        503 => Said::No(reason(body)),
        status => Said::Else(format!("status {status} {}", head.phrase).trim_end().into()),
    }
}

/// The reason that a node gives, printable.
fn reason(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Failed {
        #[serde(default)]
        reason: String,
    }
    let failed = serde_json::from_slice(body).unwrap_or(Failed {
        reason: String::new(),
    });
    shown(&failed.reason, LONGEST_REASON)
}

/// What it means that a node is not ready. A full one, and one that drains or boots, keeps the connections that it has.
fn not_ready(reason: &str) -> Answer {
    if reason.contains("connection limit") {
        Answer::drain(format!("the node takes no more connections: {reason}"))
    } else if reason.contains("not currently available to serve") {
        Answer::drain(format!("the node drains or boots: {reason}"))
    } else if reason.is_empty() {
        Answer::down("the node is not ready to serve clients")
    } else {
        Answer::down(format!("the node is not ready to serve clients: {reason}"))
    }
}

#[cfg(test)]
mod tests;
