// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AMQP 0-9-1 checker: the greeting of a broker, or a whole login and a proper goodbye.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use super::connection::Connection;
use super::conversation::{self, failed};
use super::{Answer, password};
use crate::codec::amqp::{self as frame, AmqpAnswer, FromServer, MOST_BYTES, PROTOCOL_HEADER};
use crate::model::{AmqpLogin, AmqpProbe, ProbePath};

/// Reply codes of a server (AMQP 0-9-1 specification, section 1.1), as RabbitMQ uses them.
mod reply {
    /// User or password is wrong.
    pub(super) const ACCESS_REFUSED: u16 = 403;
    /// The virtual host does not exist, is not for this user, or there are too many connections.
    pub(super) const NOT_ALLOWED: u16 = 530;
}

/// Asks, within `timeout` from the connection's first packet to the last answer.
pub(super) async fn probe(
    amqp: &AmqpProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let login = match &amqp.login {
        None => None,
        Some(login) => match password::read(&login.who.password_file, timeout).await {
            Ok(password) => Some((login, password)),
            Err(answer) => return answer,
        },
    };
    let talk = async |stream: &mut Connection| {
        let mut broker = Broker {
            stream,
            came: Vec::new(),
            read: 0,
            passed_over: 0,
        };
        let login = login
            .as_ref()
            .map(|(login, password)| (*login, &**password));
        let talked = broker.talk(login).await;
        talked.err().unwrap_or_else(Answer::up)
    };
    conversation::once(at, path, amqp.tls.as_ref(), timeout, talk).await
}

/// A connection to a broker. An error is the answer of the probe.
struct Broker<'a> {
    stream: &'a mut Connection,
    /// What has come.
    came: Vec<u8>,
    /// How many bytes of it were read.
    read: usize,
    /// How many messages needed no answer.
    passed_over: usize,
}

/// The most messages that a probe passes over: a healthy broker sends none.
const MOST_PASSED_OVER: usize = 16;

impl Broker<'_> {
    async fn talk(&mut self, login: Option<(&AmqpLogin, &[u8])>) -> Result<(), Answer> {
        self.send(PROTOCOL_HEADER, "send the greeting").await?;
        let FromServer::Start { plain } = self.next("a greeting", None).await? else {
            return Err(unexpected("a greeting"));
        };
        let Some((login, password)) = login else {
            return Ok(());
        };
        if !plain {
            return Err(Answer::could_not_run(match self.stream {
                Connection::Plain(_) => "the server takes no login by PLAIN without TLS",
                Connection::Tls(_) => "the server takes no login by PLAIN",
            }));
        }
        self.log_in(login, password).await?;
        self.send(&frame::close(), "close the connection").await?;
        match self.next("the end of the connection", Some(login)).await? {
            FromServer::CloseOk => Ok(()),
            _ => Err(unexpected("the end of the connection")),
        }
    }

    async fn log_in(&mut self, login: &AmqpLogin, password: &[u8]) -> Result<(), Answer> {
        const TUNE: &str = "the answer to the login";
        const OPEN: &str = "the virtual host";
        let start_ok = frame::start_ok(&login.who.user, password);
        self.send(&start_ok, "log in").await?;
        let (channel_max, frame_max) = match self.next(TUNE, Some(login)).await? {
            FromServer::Tune {
                channel_max,
                frame_max,
            } => (channel_max, frame_max),
            FromServer::Secure => {
                let why = format!(
                    "the server wants more than a password of user {}",
                    login.who.user
                );
                return Err(Answer::could_not_run(why));
            }
            _ => return Err(unexpected(TUNE)),
        };
        let open = frame::tune_ok_and_open(channel_max, frame_max, &login.vhost);
        self.send(&open, "open the virtual host").await?;
        match self.next(OPEN, Some(login)).await? {
            FromServer::OpenOk => Ok(()),
            _ => Err(unexpected(OPEN)),
        }
    }

    async fn send(&mut self, bytes: &[u8], operation: &str) -> Result<(), Answer> {
        let sent = self.stream.send(bytes).await;
        sent.map_err(|error| failed(operation, &error))
    }

    /// The next message that matters. A close by the server is an answer of the probe.
    async fn next(
        &mut self,
        wanted: &str,
        login: Option<&AmqpLogin>,
    ) -> Result<FromServer, Answer> {
        loop {
            let unread = self.came.get(self.read..).unwrap_or_default();
            match AmqpAnswer::read(unread) {
                AmqpAnswer::Partial => self.more(wanted).await?,
                AmqpAnswer::Wrong(why) => return Err(Answer::down(why)),
                AmqpAnswer::Complete(message, length) => {
                    self.read += length;
                    match message {
                        FromServer::Other if self.passed_over < MOST_PASSED_OVER => {
                            self.passed_over += 1;
                        }
                        FromServer::Other => return Err(unexpected(wanted)),
                        FromServer::Close { code, text } => {
                            // It is a courtesy: the answer is known.
                            let _ = self.stream.send(&frame::close_ok()).await;
                            return Err(closed(code, &text, login));
                        }
                        message => return Ok(message),
                    }
                }
            }
        }
    }

    async fn more(&mut self, wanted: &str) -> Result<(), Answer> {
        self.came.drain(..self.read);
        self.read = 0;
        let room = MOST_BYTES.saturating_sub(self.came.len());
        let room = u64::try_from(room).unwrap_or_default();
        let read = (&mut self.stream).take(room).read_buf(&mut self.came).await;
        match read {
            Ok(0) => Err(Answer::down(format!(
                "the server closed the connection before {wanted}"
            ))),
            Ok(_) => Ok(()),
            Err(error) => Err(failed("read the answer", &error)),
        }
    }
}

fn unexpected(wanted: &str) -> Answer {
    Answer::down(format!("the server sent something else than {wanted}"))
}

/// What a close by the server says. A wrong password or virtual host is a mistake of our configuration: it would be told
/// by all servers at once. A node with too many connections wants no new ones; that a virtual host or a user has too many
/// is no reason to keep other clients away.
fn closed(code: u16, text: &str, login: Option<&AmqpLogin>) -> Answer {
    let said = format!("{code} {text}");
    let said = said.trim_end();
    match (code, login) {
        (reply::NOT_ALLOWED, _) if text.contains("node connection limit") => {
            Answer::drain(format!("the server takes no more connections: {said}"))
        }
        (reply::ACCESS_REFUSED | reply::NOT_ALLOWED, Some(login)) => {
            Answer::could_not_run(format!(
                "login of user {} to virtual host {} refused: {said}",
                login.who.user, login.vhost
            ))
        }
        _ => Answer::down(format!("the server closed the connection: {said}")),
    }
}

#[cfg(test)]
mod tests;
