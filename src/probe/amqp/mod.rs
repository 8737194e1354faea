// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AMQP 0-9-1 checker: the greeting of a broker, or a whole login and a proper goodbye.

mod held;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

pub(super) use self::held::hold;
use super::connection::Connection;
use super::conversation::{self, failed};
use super::tcp::First;
use super::{Answer, password};
use crate::codec::amqp::{self as frame, AmqpAnswer, FromServer, MOST_BYTES, PROTOCOL_HEADER};
use crate::model::{AmqpLogin, AmqpProbe, ProbePath};

/// Reply codes of a server (AMQP 0-9-1 specification, section 1.1), as RabbitMQ uses them.
mod reply {
    /// The broker shuts down, goes into maintenance, or an operator closed the connection.
    pub(super) const CONNECTION_FORCED: u16 = 320;
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
        let login = login
            .as_ref()
            .map(|(login, password)| (*login, &**password));
        let talked = Broker::default().talk(stream, login).await;
        talked.err().unwrap_or_else(Answer::up)
    };
    conversation::once(at, path, amqp.tls.as_ref(), First::We, timeout, talk).await
}

/// The state of a conversation with a broker. An error is the answer of the probe.
#[derive(Default)]
struct Broker {
    /// What has come.
    came: Vec<u8>,
    /// How many bytes of it were read.
    read: usize,
    /// How many messages needed no answer.
    passed_over: usize,
}

/// The name under which an operator of the broker sees the connection of a probe.
const NAME: &str = "lvs-director health check";

/// The most messages that a probe passes over: a healthy broker sends none.
const MOST_PASSED_OVER: usize = 16;

impl Broker {
    async fn talk(
        &mut self,
        stream: &mut Connection,
        login: Option<(&AmqpLogin, &[u8])>,
    ) -> Result<(), Answer> {
        const END: &str = "the end of the connection";
        let plain = self.greet(stream).await?;
        let Some((login, password)) = login else {
            return Ok(());
        };
        let start_ok = frame::start_ok(NAME, &login.who.user, password);
        self.log_in(stream, plain, login, &start_ok, |_| 0).await?;
        send(stream, &frame::close(), "close the connection").await?;
        match self.next(stream, END, Some(login)).await? {
            FromServer::CloseOk => Ok(()),
            _ => Err(unexpected(END)),
        }
    }

    /// Returns whether the broker takes a login by PLAIN.
    async fn greet(&mut self, stream: &mut Connection) -> Result<bool, Answer> {
        const GREETING: &str = "a greeting";
        send(stream, PROTOCOL_HEADER, "send the greeting").await?;
        match self.next(stream, GREETING, None).await? {
            FromServer::Start { plain } => Ok(plain),
            _ => Err(unexpected(GREETING)),
        }
    }

    /// Returns the heartbeat that was agreed on: what `heartbeat` makes of the broker's.
    async fn log_in(
        &mut self,
        stream: &mut Connection,
        plain: bool,
        login: &AmqpLogin,
        start_ok: &[u8],
        heartbeat: impl Fn(u16) -> u16,
    ) -> Result<u16, Answer> {
        const TUNE: &str = "the answer to the login";
        const OPEN: &str = "the virtual host";
        if !plain {
            return Err(Answer::could_not_run(match stream {
                Connection::Plain(_) => "the server takes no login by PLAIN without TLS",
                Connection::Tls(_) => "the server takes no login by PLAIN",
            }));
        }
        send(stream, start_ok, "log in").await?;
        let (channel_max, frame_max, heartbeat) = match self.next(stream, TUNE, Some(login)).await?
        {
            FromServer::Tune {
                channel_max,
                frame_max,
                heartbeat: wanted,
            } => (channel_max, frame_max, heartbeat(wanted)),
            FromServer::Secure => {
                let why = format!(
                    "the server wants more than a password of user {}",
                    login.who.user
                );
                return Err(Answer::could_not_run(why));
            }
            _ => return Err(unexpected(TUNE)),
        };
        let open = frame::tune_ok_and_open(channel_max, frame_max, heartbeat, &login.vhost);
        send(stream, &open, "open the virtual host").await?;
        match self.next(stream, OPEN, Some(login)).await? {
            FromServer::OpenOk => Ok(heartbeat),
            _ => Err(unexpected(OPEN)),
        }
    }

    /// The next message that matters. A close by the server is an answer of the probe.
    async fn next(
        &mut self,
        stream: &mut Connection,
        wanted: &str,
        login: Option<&AmqpLogin>,
    ) -> Result<FromServer, Answer> {
        loop {
            match self.whole() {
                Ok(Some(
                    FromServer::Other | FromServer::Blocked { .. } | FromServer::Unblocked,
                )) => {
                    self.passed_over += 1;
                    if self.passed_over > MOST_PASSED_OVER {
                        return Err(unexpected(wanted));
                    }
                }
                Ok(Some(FromServer::Close { code, text })) => {
                    // It is a courtesy: the answer is known.
                    let _ = stream.send(&frame::close_ok()).await;
                    return Err(closed(code, &text, login));
                }
                Ok(Some(message)) => return Ok(message),
                Ok(None) => self.more(stream, wanted).await?,
                Err(why) => return Err(Answer::down(why)),
            }
        }
    }

    /// The next message, if it is there; or why it is none.
    fn whole(&mut self) -> Result<Option<FromServer>, &'static str> {
        let unread = self.came.get(self.read..).unwrap_or_default();
        match AmqpAnswer::read(unread) {
            AmqpAnswer::Partial => Ok(None),
            AmqpAnswer::Wrong(why) => Err(why),
            AmqpAnswer::Complete(message, length) => {
                self.read += length;
                Ok(Some(message))
            }
        }
    }

    /// Reads once, and returns how much that was. Who stops waiting loses nothing.
    async fn read_on(&mut self, stream: &mut Connection) -> io::Result<usize> {
        self.came.drain(..self.read);
        self.read = 0;
        if self.came.is_empty() {
            // Connections are held for months, and there may be thousands.
            self.came = Vec::new();
        }
        let room = MOST_BYTES.saturating_sub(self.came.len());
        let room = u64::try_from(room).unwrap_or_default();
        stream.take(room).read_buf(&mut self.came).await
    }

    async fn more(&mut self, stream: &mut Connection, wanted: &str) -> Result<(), Answer> {
        match self.read_on(stream).await {
            Ok(0) => Err(Answer::down(format!(
                "the server closed the connection before {wanted}"
            ))),
            Ok(_) => Ok(()),
            Err(error) => Err(failed("read the answer", &error)),
        }
    }
}

async fn send(stream: &mut Connection, bytes: &[u8], operation: &str) -> Result<(), Answer> {
    let sent = stream.send(bytes).await;
    sent.map_err(|error| failed(operation, &error))
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
