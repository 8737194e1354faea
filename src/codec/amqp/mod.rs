// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of AMQP 0-9-1 as far as a login needs them. What a server sends is hostile until read.
//!
//! Source: AMQP 0-9-1 specification, sections 4.2 (frames, fields) and 1.4 (class connection).

use super::shown_bytes;

/// What a client says first: it wants AMQP 0-9-1.
pub const PROTOCOL_HEADER: &[u8; 8] = b"AMQP\0\x00\x09\x01";
/// The longest frame that is read, with its head and its end. RabbitMQ's `Connection.Start` has some 500 bytes.
pub const MOST_BYTES: usize = 64 * 1024;

/// The longest text of a server that is shown, in characters.
const LONGEST_TEXT: usize = 200;
const METHOD: u8 = 1;
const HEARTBEAT: u8 = 8;
const FRAME_END: u8 = 0xce;
/// Type, channel and size.
const HEAD: usize = 7;
/// The class of methods about the connection.
const CONNECTION: u16 = 10;

/// The methods of class connection that matter here.
mod method {
    pub(super) const START: u16 = 10;
    pub(super) const START_OK: u16 = 11;
    pub(super) const SECURE: u16 = 20;
    pub(super) const TUNE: u16 = 30;
    pub(super) const TUNE_OK: u16 = 31;
    pub(super) const OPEN: u16 = 40;
    pub(super) const OPEN_OK: u16 = 41;
    pub(super) const CLOSE: u16 = 50;
    pub(super) const CLOSE_OK: u16 = 51;
    /// An extension of RabbitMQ, for clients with the capability `connection.blocked`; so is the next one.
    pub(super) const BLOCKED: u16 = 60;
    pub(super) const UNBLOCKED: u16 = 61;
}

/// What has come from a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmqpAnswer {
    /// No whole frame yet.
    Partial,
    /// A frame, and how many bytes it has.
    Complete(FromServer, usize),
    /// Why this is no frame that can come here.
    Wrong(&'static str),
}

/// A message of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromServer {
    /// It greets, and names its ways to log in.
    Start {
        /// Whether PLAIN is among them.
        plain: bool,
    },
    /// The login needs another step.
    Secure,
    /// The login was right; these are the limits.
    Tune {
        /// The most channels.
        channel_max: u16,
        /// The largest frame.
        frame_max: u32,
        /// After so many seconds without a byte each side may ask whether the other one lives; 0 for never.
        heartbeat: u16,
    },
    /// The virtual host is open.
    OpenOk,
    /// It closes the connection.
    Close {
        /// The reply code.
        code: u16,
        /// The reason, printable.
        text: Box<str>,
    },
    /// It has closed the connection as we asked.
    CloseOk,
    /// It takes no messages from publishers.
    Blocked {
        /// The reason, printable.
        reason: Box<str>,
    },
    /// It takes messages again.
    Unblocked,
    /// Something that needs no answer.
    Other,
}

impl AmqpAnswer {
    /// Reads the first frame of what has come.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"AMQP") {
            return Self::Wrong("the server does not speak AMQP 0-9-1");
        }
        if b"AMQP".starts_with(bytes) {
            return Self::Partial;
        }
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
            return Self::Partial;
        };
        let [kind, _, _, size @ ..] = *head;
        let size = u32::from_be_bytes(size);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if !matches!(kind, METHOD..=3 | HEARTBEAT) {
            return Self::Wrong("the answer is not AMQP");
        }
        if size > MOST_BYTES - HEAD - 1 {
            return Self::Wrong("the answer has a frame of more than 64 KiB");
        }
        let (Some(payload), Some(end)) = (rest.get(..size), rest.get(size)) else {
            return Self::Partial;
        };
        if *end != FRAME_END {
            return Self::Wrong("a frame of the answer has no end");
        }
        let message = if kind == METHOD {
            FromServer::read(payload)
        } else {
            Some(FromServer::Other)
        };
        message.map_or(
            Self::Wrong("a frame of the answer ends too early"),
            |message| Self::Complete(message, HEAD + size + 1),
        )
    }
}

impl FromServer {
    /// Reads a method; `None` when it ends too early.
    fn read(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields(payload);
        let (class, method) = (fields.short()?, fields.short()?);
        if class != CONNECTION {
            return Some(Self::Other);
        }
        Some(match method {
            method::START => {
                let _versions = fields.short()?;
                let _properties = fields.long_string()?;
                let mechanisms = fields.long_string()?;
                let plain = mechanisms
                    .split(|byte| *byte == b' ')
                    .any(|it| it == b"PLAIN");
                Self::Start { plain }
            }
            method::SECURE => Self::Secure,
            method::TUNE => Self::Tune {
                channel_max: fields.short()?,
                frame_max: fields.long()?,
                heartbeat: fields.short()?,
            },
            method::OPEN_OK => Self::OpenOk,
            method::CLOSE => Self::Close {
                code: fields.short()?,
                text: text(fields.short_string()?),
            },
            method::CLOSE_OK => Self::CloseOk,
            method::BLOCKED => Self::Blocked {
                reason: text(fields.short_string()?),
            },
            method::UNBLOCKED => Self::Unblocked,
            _ => Self::Other,
        })
    }
}

/// A server may write anything there.
fn text(bytes: &[u8]) -> Box<str> {
    shown_bytes(bytes, LONGEST_TEXT).into()
}

/// The fields of a method, from the first on.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    fn short_string(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(usize::from(length))
    }

    /// Also a table, which has the same outer form.
    fn long_string(&mut self) -> Option<&'a [u8]> {
        let length = self.long()?;
        self.take(usize::try_from(length).ok()?)
    }
}

/// `Connection.Start-Ok`: who we are, and the login by PLAIN. Operators see the connection under this name.
#[must_use]
pub fn start_ok(name: &str, user: &str, password: &[u8]) -> Vec<u8> {
    let mut capabilities = Vec::new();
    // With the first one a server says why it refuses a login, and does not only close the connection; with the other one
    // it tells that it takes no messages.
    for capability in ["authentication_failure_close", "connection.blocked"] {
        short_string(&mut capabilities, capability.as_bytes());
        capabilities.extend(b"t\x01");
    }
    let mut properties = Vec::new();
    for (name, value) in [
        ("product", "lvs-director"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("connection_name", name),
    ] {
        short_string(&mut properties, name.as_bytes());
        properties.push(b'S');
        long_string(&mut properties, value.as_bytes());
    }
    short_string(&mut properties, b"capabilities");
    properties.push(b'F');
    long_string(&mut properties, &capabilities);
    let mut arguments = Vec::new();
    long_string(&mut arguments, &properties);
    short_string(&mut arguments, b"PLAIN");
    let login = [b"\0", user.as_bytes(), b"\0", password].concat();
    long_string(&mut arguments, &login);
    short_string(&mut arguments, b"en_US");
    frame(method::START_OK, &arguments)
}

/// `Connection.Tune-Ok` with a heartbeat of so many seconds (0 for none), and `Connection.Open`.
#[must_use]
pub fn tune_ok_and_open(channel_max: u16, frame_max: u32, heartbeat: u16, vhost: &str) -> Vec<u8> {
    let mut limits = channel_max.to_be_bytes().to_vec();
    limits.extend(frame_max.to_be_bytes());
    limits.extend(heartbeat.to_be_bytes());
    let mut open = Vec::new();
    short_string(&mut open, vhost.as_bytes());
    // Two fields that are reserved.
    open.extend([0, 0]);
    [frame(method::TUNE_OK, &limits), frame(method::OPEN, &open)].concat()
}

/// A heartbeat: we live.
#[must_use]
pub const fn heartbeat() -> [u8; 8] {
    [HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END]
}

/// `Connection.Close`: we are done.
#[must_use]
pub fn close() -> Vec<u8> {
    let mut arguments = 200_u16.to_be_bytes().to_vec();
    short_string(&mut arguments, b"health check done");
    arguments.extend([0; 4]);
    frame(method::CLOSE, &arguments)
}

/// `Connection.Close-Ok`: the answer to a close of the server.
#[must_use]
pub fn close_ok() -> Vec<u8> {
    frame(method::CLOSE_OK, &[])
}

fn frame(method: u16, arguments: &[u8]) -> Vec<u8> {
    let mut payload = CONNECTION.to_be_bytes().to_vec();
    payload.extend(method.to_be_bytes());
    payload.extend(arguments);
    let mut frame = vec![METHOD, 0, 0];
    long_string(&mut frame, &payload);
    frame.push(FRAME_END);
    frame
}

/// At most 255 bytes: the configuration takes no longer ones.
fn short_string(to: &mut Vec<u8>, text: &[u8]) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    to.push(length);
    to.extend(text.iter().take(usize::from(length)));
}

fn long_string(to: &mut Vec<u8>, text: &[u8]) {
    let length = u32::try_from(text.len()).unwrap_or_default();
    to.extend(length.to_be_bytes());
    to.extend(text);
}

#[cfg(test)]
mod tests;
