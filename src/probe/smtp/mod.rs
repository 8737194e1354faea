// SPDX-License-Identifier: MIT OR Apache-2.0
//! The SMTP checker: a greeting, a hello, and a goodbye. Mail servers log a client that leaves without one.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use super::Answer;
use super::connection::Connection;
use super::conversation::{self, failed};
use super::tcp::{First, describe};
use crate::codec::smtp::{MOST_BYTES, SmtpAnswer, SmtpReply};
use crate::model::{ProbePath, SmtpProbe};

/// Reply codes of a server (RFC 5321, section 4.2.3).
mod code {
    /// It is ready.
    pub(super) const READY: u16 = 220;
    /// What was asked is done.
    pub(super) const DONE: u16 = 250;
    /// It does not like the name in a hello: its syntax, or who has it.
    pub(super) const NAME_REFUSED: [u16; 3] = [501, 504, 550];
}

/// Talks, within `timeout` from the connection's first packet to the goodbye.
pub(super) async fn probe(
    smtp: &SmtpProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let talk = async |stream: &mut Connection| {
        let mut server = Server {
            stream,
            came: Vec::new(),
        };
        let talked = server.talk(smtp.helo.as_deref()).await;
        talked.err().unwrap_or_else(Answer::up)
    };
    conversation::once(at, path, smtp.tls.as_ref(), First::They, timeout, talk).await
}

/// A connection to a mail server. An error is the answer of the probe.
struct Server<'a> {
    stream: &'a mut Connection,
    /// What has come and was not read.
    came: Vec<u8>,
}

impl Server<'_> {
    async fn talk(&mut self, helo: Option<&str>) -> Result<(), Answer> {
        let greeting = self.reply("its greeting").await?;
        if greeting.code != code::READY {
            return Err(Answer::down(format!(
                "the server greets with {}",
                said(&greeting)
            )));
        }
        self.say_hello(helo).await?;
        // It is a courtesy: the answer is known.
        if self.send("QUIT").await.is_ok() {
            let _ = self.reply("its goodbye").await;
        }
        Ok(())
    }

    /// Servers that do not know the new hello know the old one.
    async fn say_hello(&mut self, helo: Option<&str>) -> Result<(), Answer> {
        let name = match helo {
            Some(name) => name.to_owned(),
            None => literal(self.own_address()?),
        };
        for (hello, is_last) in [("EHLO", false), ("HELO", true)] {
            self.send(&format!("{hello} {name}")).await?;
            let reply = self.reply(&format!("the reply to {hello}")).await?;
            match reply.code {
                code::DONE => return Ok(()),
                500..=599 if !is_last => {}
                refused if code::NAME_REFUSED.contains(&refused) => {
                    // A mistake of our configuration would be told by all servers at once.
                    return Err(Answer::could_not_run(format!(
                        "the server refuses the name {name}: {}; write another helo",
                        said(&reply)
                    )));
                }
                _ => {
                    let said = said(&reply);
                    return Err(Answer::down(format!(
                        "the server answers {hello} with {said}"
                    )));
                }
            }
        }
        Ok(())
    }

    fn own_address(&self) -> Result<IpAddr, Answer> {
        let own = self.stream.local_address();
        own.map_err(|error| Answer::could_not_run(describe("look at a socket", &error)))
    }

    async fn send(&mut self, line: &str) -> Result<(), Answer> {
        let sent = self.stream.send(format!("{line}\r\n").as_bytes()).await;
        sent.map_err(|error| failed("talk", &error))
    }

    /// The next reply, which is `wanted`.
    async fn reply(&mut self, wanted: &str) -> Result<SmtpReply, Answer> {
        loop {
            match SmtpAnswer::read(&self.came) {
                SmtpAnswer::Complete(reply, length) => {
                    self.came.drain(..length);
                    return Ok(reply);
                }
                SmtpAnswer::Wrong(why) => return Err(Answer::down(why)),
                SmtpAnswer::Partial => {}
            }
            let room = MOST_BYTES.saturating_sub(self.came.len());
            let room = u64::try_from(room).unwrap_or_default();
            match (&mut self.stream).take(room).read_buf(&mut self.came).await {
                Ok(0) => {
                    let why = format!("the server closed the connection before {wanted}");
                    return Err(Answer::down(why));
                }
                Ok(_) => {}
                Err(error) => return Err(failed("read the reply", &error)),
            }
        }
    }
}

/// A reply for a person: `421 4.3.2 no`.
fn said(reply: &SmtpReply) -> String {
    format!("{} {}", reply.code, reply.text)
        .trim_end()
        .to_owned()
}

/// An address in place of a name (RFC 5321, section 4.1.3).
fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

#[cfg(test)]
mod tests;
