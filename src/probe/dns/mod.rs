// SPDX-License-Identifier: MIT OR Apache-2.0
//! The DNS checker: one question, in a datagram or over a connection, and whether its answer is right.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use super::Answer;
use super::connection::Connection;
use super::conversation::{self, Time, Whom, failed};
use super::datagram::Datagrams;
use super::tcp::First;
use crate::codec::dns::{DnsAnswer, NoDnsAnswer, question};
use crate::codec::shown;
use crate::model::{DnsProbe, DnsTransport, ProbeOutcome, ProbePath};

/// So many datagrams that answer somebody else's question are passed over.
const MOST_STRANGERS: usize = 16;
/// So many records of an answer are shown, and so many characters of each.
const MOST_SHOWN: (usize, usize) = (3, 60);

/// Asks, within `timeout` from the first packet to the whole answer.
pub(super) async fn probe(
    dns: &DnsProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    match dns.transport {
        DnsTransport::Tcp => {
            let talk = async |stream: &mut Connection| by_tcp(dns, stream).await;
            conversation::once(at, path, None, First::We, timeout, talk).await
        }
        DnsTransport::Udp => {
            let time = Time::from_now(timeout);
            let mut strangers = 0;
            let asking = by_udp(dns, at, path, &mut strangers);
            match time.within(asking).await {
                Some(Said::Answer(answer)) => answer,
                Some(Said::Truncated) => again_by_tcp(dns, at, path, time, timeout).await,
                None => time.missed().unwrap_or_else(|| match strangers {
                    0 => Answer::silent("no answer came in time"),
                    _ => Answer::down("no answer came in time, but some to other questions"),
                }),
            }
        }
    }
}

/// What a server said.
enum Said {
    Answer(Answer),
    /// Not all of it.
    Truncated,
}

/// A question, and the number by which its answer is known.
struct Question<'a> {
    dns: &'a DnsProbe,
    id: u16,
}

impl<'a> Question<'a> {
    /// One that nobody can foretell.
    fn new(dns: &'a DnsProbe) -> Self {
        let id = fastrand::u16(..);
        Self { dns, id }
    }

    fn message(&self) -> Vec<u8> {
        question(self.id, &self.dns.name, self.dns.kind)
    }

    /// What a message says; `None` when it is not about this question.
    fn read(&self, message: &[u8]) -> Option<Said> {
        let DnsProbe { name, kind, .. } = self.dns;
        match DnsAnswer::read(message, self.id, name, *kind) {
            Ok(answer) if answer.is_truncated => Some(Said::Truncated),
            Ok(answer) => Some(Said::Answer(judge(self.dns, answer))),
            Err(NoDnsAnswer::OtherId) => None,
            Err(NoDnsAnswer::Wrong(why)) => Some(Said::Answer(Answer::down(why))),
        }
    }
}

async fn by_udp(
    dns: &DnsProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    strangers: &mut usize,
) -> Said {
    let question = Question::new(dns);
    let asked = async {
        let server = Datagrams::udp(at, path)?;
        server.send(&question.message())?;
        loop {
            if let Some(said) = question.read(&server.receive().await?) {
                return Ok(said);
            }
            *strangers += 1;
            if *strangers > MOST_STRANGERS {
                return Err(Answer::down("only answers to other questions came"));
            }
        }
    };
    asked.await.unwrap_or_else(Said::Answer)
}

/// A resolver would ask again, too: a server that answers it by UDP only serves nobody.
async fn again_by_tcp(
    dns: &DnsProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    time: Time,
    timeout: Duration,
) -> Answer {
    let talk = async |stream: &mut Connection| by_tcp(dns, stream).await;
    let answer = match Whom::new(at, path, None, First::We, timeout).await {
        Ok(whom) => conversation::hold(&whom, time, true, talk).await,
        Err(answer) => answer,
    };
    if let ProbeOutcome::Up(_) = answer.outcome {
        return answer;
    }
    let reason = format!(
        "the answer by UDP is truncated, and by TCP: {}",
        answer.reason
    );
    Answer::new(answer.outcome, reason)
}

/// Asks over a connection, where each message has its length before it (RFC 1035, section 4.2.2).
async fn by_tcp(dns: &DnsProbe, stream: &mut Connection) -> Answer {
    let question = Question::new(dns);
    match exchange(&question.message(), stream).await {
        Ok(message) => match question.read(&message) {
            Some(Said::Answer(answer)) => answer,
            Some(Said::Truncated) => Answer::down("the answer is truncated"),
            None => Answer::down("the answer is for another question"),
        },
        Err(answer) => answer,
    }
}

async fn exchange(question: &[u8], stream: &mut Connection) -> Result<Vec<u8>, Answer> {
    // The head, a name, a type and a class: far less than 64 KiB.
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    let framed = [&length.to_be_bytes(), question].concat();
    let sent = stream.send(&framed).await;
    sent.map_err(|error| failed("send the question", &error))?;
    let length = usize::from(u16::from_be_bytes([
        byte(stream).await?,
        byte(stream).await?,
    ]));
    // Memory is taken as the bytes come.
    let mut message = Vec::new();
    let mut rest = stream.take(u64::try_from(length).unwrap_or_default());
    while message.len() < length {
        match rest.read_buf(&mut message).await {
            Ok(0) => return Err(closed()),
            Ok(_) => {}
            Err(error) => return Err(failed("read the answer", &error)),
        }
    }
    Ok(message)
}

async fn byte(stream: &mut Connection) -> Result<u8, Answer> {
    let mut byte = [0];
    match stream.read(&mut byte).await {
        Ok(0) => Err(closed()),
        Ok(_) => Ok(byte[0]),
        Err(error) => Err(failed("read the answer", &error)),
    }
}

fn closed() -> Answer {
    Answer::down("the server closed the connection before the answer")
}

fn judge(dns: &DnsProbe, answer: DnsAnswer<'_>) -> Answer {
    if !dns.rcodes.contains(&answer.rcode) {
        return Answer::down(format!("the server answers with rcode {}", answer.rcode));
    }
    let (most, longest) = MOST_SHOWN;
    let mut came: Vec<String> = Vec::new();
    let mut found = dns.expect.is_empty();
    for record in answer.records() {
        let Some(record) = record else {
            return Answer::down("the answer ends in a record");
        };
        found |= dns.expect.iter().any(|it| **it == *record);
        if came.len() < most {
            came.push(shown(&record, longest));
        } else if came.len() == most {
            came.push("...".to_owned());
        }
    }
    if found {
        return Answer::up();
    }
    if came.is_empty() {
        return Answer::down(format!("the answer has no record of type {}", dns.kind));
    }
    let wanted: Vec<String> = dns.expect.iter().map(|it| shown(it, longest)).collect();
    Answer::down(format!(
        "the answer is {}, not {}",
        came.join(", "),
        wanted.join(" or ")
    ))
}

#[cfg(test)]
mod tests;
