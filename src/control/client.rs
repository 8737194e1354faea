// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asking a running director. No wait is endless: the client gives up a director that sends nothing for five seconds.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::connect::connect_within;
use super::failure::{ClientError, not_connected};
use super::hello::Hello;
use super::peer::DENIED;
use super::reply::{Item, Remembered, ReplyLine};
use super::request::{ClientLine, Request};

/// How long a client waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The wait for the next byte. A living director sends something more often. [`ClientError::Slow`] names this time,
    /// too.
    pub(super) silence: Duration,
    /// For a line, from its first byte to its last.
    pub(super) line: Duration,
    /// The longest line that is read, in bytes: the status of a hundred thousand servers.
    pub(super) longest: usize,
}

impl Patience {
    const USUAL: Self = Self {
        silence: Duration::from_secs(5),
        line: Duration::from_secs(30),
        longest: 128 * 1024 * 1024,
    };
}

/// A connection to a running director.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    socket: PathBuf,
    director: Hello,
    patience: Patience,
    asked: u64,
}

impl Client {
    /// Connects to the director on this socket.
    pub fn connect(socket: &Path) -> Result<Self, ClientError> {
        Self::connect_patiently(socket, Patience::USUAL)
    }

    pub(super) fn connect_patiently(
        socket: &Path,
        patience: Patience,
    ) -> Result<Self, ClientError> {
        let stream = connect_within(socket, patience.silence)
            .map_err(|errno| not_connected(socket, errno))?;
        let timeouts = stream
            .set_read_timeout(Some(patience.silence))
            .and_then(|()| stream.set_write_timeout(Some(patience.silence)));
        let mut client = Self {
            stream: BufReader::new(stream),
            socket: socket.to_owned(),
            director: Hello::of_protocol_1(),
            patience,
            asked: 0,
        };
        timeouts.map_err(|cause| client.failed(cause))?;
        client.greet()?;
        Ok(client)
    }

    /// The director's hello.
    #[must_use]
    pub const fn director(&self) -> &Hello {
        &self.director
    }

    /// Sends a request. The answer comes in parts.
    pub fn ask(&mut self, request: Request) -> Result<Answers<'_>, ClientError> {
        self.asked += 1;
        let id = self.asked;
        self.send(&ClientLine::Request { id, request })?;
        Ok(Answers {
            client: self,
            id,
            ended: false,
        })
    }

    /// What `director plan` needs to know from the running director.
    pub fn standings(&mut self) -> Result<Remembered, ClientError> {
        let mut found = None;
        for item in self.ask(Request::Standings)? {
            if let Item::Standings(standings) = item? {
                found = Some(*standings);
            }
        }
        found.ok_or_else(|| self.unreadable("it has no standings".to_owned()))
    }

    fn greet(&mut self) -> Result<(), ClientError> {
        let ours = Hello::ours();
        self.send(&ClientLine::Hello {
            hello: ours.clone(),
        })?;
        self.director = match self.receive()? {
            ReplyLine::Hello(hello) => hello,
            // The answer of a director of protocol 1 to any line that is not of its protocol.
            ReplyLine::Error(None, why)
                if why.starts_with("not a question this director knows") =>
            {
                Hello::of_protocol_1()
            }
            ReplyLine::Error(_, why) => return Err(self.refused(why)),
            ReplyLine::Item(..) | ReplyLine::End(_) | ReplyLine::Alive | ReplyLine::Unknown => {
                return Err(self.unreadable("it does not begin with a hello".to_owned()));
            }
        };
        Hello::common(&ours, &self.director)
            .map(drop)
            .map_err(|why| ClientError::Incompatible {
                socket: self.socket.clone(),
                why: Box::new(why),
            })
    }

    fn send(&mut self, line: &ClientLine) -> Result<(), ClientError> {
        let line = line.line().map_err(|error| self.failed(error.into()))?;
        match self.stream.get_mut().write_all(&line) {
            // The director may have sent a reason before it left.
            Err(error) if is_cut(&error) => Ok(()),
            other => other.map_err(|cause| self.failed(cause)),
        }
    }

    fn receive(&mut self) -> Result<ReplyLine, ClientError> {
        let line = self.line()?;
        ReplyLine::read(&line).map_err(|error| self.unreadable(error.to_string()))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a client is a program of its own, and waits no longer than this"
    )]
    fn line(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut line = Vec::new();
        let mut begun = None;
        loop {
            let chunk = match self.stream.fill_buf() {
                Ok([]) => return Err(ClientError::Cut(self.socket.clone())),
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(chunk.len());
            line.extend(chunk.iter().take(taken));
            self.stream.consume(taken + usize::from(end.is_some()));
            if line.len() > self.patience.longest {
                return Err(self.unreadable("it is too long".to_owned()));
            }
            if end.is_some() {
                return Ok(line);
            }
            if begun.get_or_insert_with(Instant::now).elapsed() > self.patience.line {
                return Err(ClientError::Slow(self.socket.clone()));
            }
        }
    }

    fn failed(&self, cause: io::Error) -> ClientError {
        let socket = self.socket.clone();
        match cause.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => ClientError::Slow(socket),
            _ if is_cut(&cause) => ClientError::Cut(socket),
            _ => ClientError::Io { socket, cause },
        }
    }

    fn refused(&self, why: String) -> ClientError {
        let socket = self.socket.clone();
        if why.starts_with(DENIED) {
            ClientError::Denied { socket, why }
        } else {
            ClientError::Refused { socket, why }
        }
    }

    fn unreadable(&self, why: String) -> ClientError {
        ClientError::Answer {
            socket: self.socket.clone(),
            why,
        }
    }
}

fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected
    )
}

/// The parts of one answer, as they come. It ends with the answer, or with an error.
#[derive(Debug)]
pub struct Answers<'a> {
    client: &'a mut Client,
    id: u64,
    ended: bool,
}

impl Iterator for Answers<'_> {
    type Item = Result<Item, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.client.receive() {
                Ok(ReplyLine::Item(id, Some(item))) if id == self.id => return Some(Ok(item)),
                Ok(ReplyLine::End(id)) if id == self.id => self.ended = true,
                Ok(ReplyLine::Error(id, why)) if id.is_none_or(|id| id == self.id) => {
                    self.ended = true;
                    return Some(Err(self.client.refused(why)));
                }
                // That of an answer that was given up, or of a newer director.
                Ok(
                    ReplyLine::Item(..)
                    | ReplyLine::End(_)
                    | ReplyLine::Error(..)
                    | ReplyLine::Hello(_)
                    | ReplyLine::Alive
                    | ReplyLine::Unknown,
                ) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
