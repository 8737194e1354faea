// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is there: a Noise handshake with the key of both, and the first message of each side.
//!
//! `Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s`: both prove that they have the key, and every connection has keys of its own. So
//! what was recorded is good for nothing: not to be sent again, and not to be read when the key is known later.

use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::io::{ReadHalf, WriteHalf};

use super::frames::{self, Frames};
use super::key::PairKey;
use crate::pair::{self, Hello, Message, READABLE_BY, VERSION};

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
/// What both speak of. Another program with the same key does not get through.
const PROLOGUE: &[u8] = b"lvs-director pair";
/// The longest message of Noise.
const LONGEST: usize = 65_535;

/// Why there is no connection to the other director.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Its first message, or the answer to ours, was made with another key.
    #[error("it has another key, or is no director")]
    WrongKey,
    /// It ended the connection instead of an answer.
    #[error("it ended the connection; perhaps it has another key")]
    Ended,
    /// It says nothing that this director understands.
    #[error("it says nothing that this director understands: {0}")]
    Unreadable(String),
    /// It speaks a version that this director does not read.
    #[error(
        "{0} needs a director that reads version {1} of the channel, and this one reads version {VERSION}"
    )]
    Newer(Box<str>, u32),
    /// This director.
    #[error("this is the director itself: peer must be the address of the other one")]
    Itself,
    /// The host, or the network.
    #[error("{0}")]
    Network(String),
}

impl Refused {
    /// A name for it, to be counted by.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::WrongKey => "wrong key",
            Self::Ended => "ended",
            Self::Unreadable(_) => "unreadable",
            Self::Newer(..) => "newer version",
            Self::Itself => "itself",
            Self::Network(_) => "network",
        }
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Network(error.to_string())
    }
}

/// A connection whose other end has the key, and has said who it is.
pub(super) struct Proved<S> {
    pub(super) frames: Frames<ReadHalf<S>>,
    pub(super) to: WriteHalf<S>,
    pub(super) cipher: Cipher,
    pub(super) hello: Hello,
}

/// Turns messages into frames, and frames into messages.
pub(super) struct Cipher(snow::TransportState);

impl Cipher {
    /// The frame of a message; `None` when it does not fit.
    pub(super) fn seal(&mut self, message: &Message) -> Option<Vec<u8>> {
        self.seal_bytes(&pair::write(message)?)
    }

    /// The frame of these bytes.
    pub(super) fn seal_bytes(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut frame = vec![0; text.len() + 64];
        let length = self.0.write_message(text, &mut frame).ok()?;
        frame.truncate(length);
        Some(frame)
    }

    /// What a frame carries; `None` when it was not made by the other end for this place.
    pub(super) fn open(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let mut text = vec![0; frame.len()];
        let length = self.0.read_message(frame, &mut text).ok()?;
        text.truncate(length);
        Some(text)
    }
}

/// Who begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// This director opened the connection.
    Opened,
    /// The other one did.
    Accepted,
}

/// Finds out who is at the other end. The caller limits the time.
pub(super) async fn prove<S: AsyncRead + AsyncWrite>(
    stream: S,
    side: Side,
    key: &PairKey,
    instance: u64,
) -> Result<Proved<S>, Refused> {
    let (from, mut to) = split(stream);
    let mut frames = Frames::new(from);
    let mut noise = begin(side, key).ok_or(Refused::WrongKey)?;
    let mut buffer = vec![0; LONGEST];
    while !noise.is_handshake_finished() {
        if noise.is_my_turn() {
            let length = noise.write_message(&[], &mut buffer);
            let length = length.map_err(|_| Refused::WrongKey)?;
            frames::write(&mut to, buffer.get(..length).unwrap_or_default()).await?;
        } else {
            let frame = frames.next().await?.ok_or(Refused::Ended)?;
            let read = noise.read_message(&frame, &mut buffer);
            read.map_err(|_| Refused::WrongKey)?;
        }
    }
    let noise = noise.into_transport_mode().map_err(|_| Refused::WrongKey)?;
    let mut cipher = Cipher(noise);
    let ours = Message::Hello(hello(instance));
    let frame = cipher.seal(&ours).ok_or(Refused::WrongKey)?;
    frames::write(&mut to, &frame).await?;
    let frame = frames.next().await?.ok_or(Refused::Ended)?;
    // Who sends what somebody else sent once gets as far as this.
    let text = cipher.open(&frame).ok_or(Refused::WrongKey)?;
    let hello = match pair::read(&text) {
        Ok(Message::Hello(hello)) => hello,
        Ok(_) => return Err(Refused::Unreadable("no hello".to_owned())),
        Err(error) => return Err(Refused::Unreadable(error.to_string())),
    };
    if hello.readable_by > VERSION {
        return Err(Refused::Newer(hello.program, hello.readable_by));
    }
    if hello.instance == instance {
        return Err(Refused::Itself);
    }
    Ok(Proved {
        frames,
        to,
        cipher,
        hello,
    })
}

fn begin(side: Side, key: &PairKey) -> Option<snow::HandshakeState> {
    let builder = snow::Builder::new(PATTERN.parse().ok()?);
    let builder = builder.psk(0, key.bytes()).ok()?;
    let builder = builder.prologue(PROLOGUE).ok()?;
    match side {
        Side::Opened => builder.build_initiator().ok(),
        Side::Accepted => builder.build_responder().ok(),
    }
}

fn hello(instance: u64) -> Hello {
    Hello {
        version: VERSION,
        readable_by: READABLE_BY,
        instance,
        program: concat!("director ", env!("CARGO_PKG_VERSION")).into(),
    }
}
