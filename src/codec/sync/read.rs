// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading messages, as strictly as the kernel does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{
    FIXED, HEADER, LONGEST_ENGINE_DATA, LONGEST_ENGINE_NAME, OPTION_ENGINE_DATA,
    OPTION_ENGINE_NAME, OPTION_OPTIONAL, OPTION_SEQUENCES, SEQUENCES, SyncConnection, SyncFlags,
    TYPE_IPV6, VERSION,
};

/// Why bytes are no message that a receiver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// It ends early, or its size is another one.
    #[error("a message of another size than it says")]
    Size,
    /// Version 0, or a later one.
    #[error("not version 1 of connection synchronisation")]
    Version,
    /// A connection is longer than the message, or than its own size.
    #[error("a connection that is cut off")]
    Cut,
    /// Neither IPv4 nor IPv6, or a connection of a later format.
    #[error("a connection of an unknown type")]
    Type,
    /// An option that must be known and is not, is there twice, or has an impossible length.
    #[error("a connection with a wrong option")]
    Option,
}

/// What a message says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncHeader {
    /// Receivers with this number take it.
    pub sync_id: u8,
    /// How many connections follow.
    pub connections: u8,
}

/// The connections of a message. The first one that is wrong is the last one: a receiver drops the rest.
#[derive(Debug, Clone)]
pub struct SyncConnections<'a> {
    bytes: &'a [u8],
    left: u8,
}

/// Reads the header of a datagram; the connections are read one by one.
///
/// # Errors
///
/// It is no message of version 1, or not whole.
pub fn parse(datagram: &[u8]) -> Result<(SyncHeader, SyncConnections<'_>), SyncError> {
    let (header, bytes) = datagram.split_at_checked(HEADER).ok_or(SyncError::Size)?;
    let &[
        reserved,
        sync_id,
        high,
        low,
        connections,
        version,
        spare,
        more,
    ] = header
    else {
        return Err(SyncError::Size);
    };
    if usize::from(u16::from_be_bytes([high, low])) != datagram.len() {
        return Err(SyncError::Size);
    }
    if (reserved, version, spare, more) != (0, VERSION, 0, 0) {
        return Err(SyncError::Version);
    }
    let header = SyncHeader {
        sync_id,
        connections,
    };
    let left = connections;
    Ok((header, SyncConnections { bytes, left }))
}

impl<'a> Iterator for SyncConnections<'a> {
    type Item = Result<SyncConnection<'a>, SyncError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let read = self.connection();
        if read.is_err() {
            self.left = 0;
        }
        Some(read)
    }
}

impl<'a> SyncConnections<'a> {
    fn connection(&mut self) -> Result<SyncConnection<'a>, SyncError> {
        let size = self.bytes.get(2..4).ok_or(SyncError::Cut)?;
        let size = size
            .iter()
            .fold(0, |size, byte| size << 8 | usize::from(*byte));
        if size > 0xfff {
            return Err(SyncError::Type);
        }
        let bytes = self.bytes.get(..size).ok_or(SyncError::Cut)?;
        // The last one of a message has no padding.
        let next = size.next_multiple_of(4).min(self.bytes.len());
        self.bytes = self.bytes.get(next..).unwrap_or_default();
        read(&mut Bytes(bytes))
    }
}

/// What is left to read of a connection.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], SyncError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(SyncError::Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SyncError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| SyncError::Cut)
    }

    fn u16(&mut self) -> Result<u16, SyncError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, SyncError> {
        self.array().map(u32::from_be_bytes)
    }

    fn address(&mut self, kind: u8) -> Result<IpAddr, SyncError> {
        Ok(if kind == TYPE_IPV6 {
            Ipv6Addr::from(self.array::<16>()?).into()
        } else {
            Ipv4Addr::from(self.array::<4>()?).into()
        })
    }
}

fn read<'a>(bytes: &mut Bytes<'a>) -> Result<SyncConnection<'a>, SyncError> {
    let [kind, protocol, _, _] = bytes.array()?;
    if kind > TYPE_IPV6 {
        return Err(SyncError::Type);
    }
    let flags = SyncFlags(bytes.u32()?);
    let state = bytes.u16()?;
    let ports = [bytes.u16()?, bytes.u16()?, bytes.u16()?];
    let (mark, timeout) = (bytes.u32()?, bytes.u32()?);
    let mut ends = ports.into_iter();
    let mut end = || {
        let address = bytes.address(kind)?;
        // There are three.
        Ok(SocketAddr::new(address, ends.next().unwrap_or(0)))
    };
    let (client, service, server) = (end()?, end()?, end()?);
    let mut connection = SyncConnection {
        protocol,
        flags,
        state,
        client,
        service,
        server,
        mark,
        timeout,
        sequences: None,
        engine: None,
    };
    read_options(bytes, &mut connection)?;
    Ok(connection)
}

fn read_options<'a>(
    bytes: &mut Bytes<'a>,
    connection: &mut SyncConnection<'a>,
) -> Result<(), SyncError> {
    let (mut name, mut data) = (None, None);
    while !bytes.0.is_empty() {
        let [option, length] = bytes.array()?;
        let text = bytes.take(length.into())?;
        if text.is_empty() {
            return Err(SyncError::Option);
        }
        // The kernel knows these also when they could be passed over.
        let is_new = match option & !OPTION_OPTIONAL {
            OPTION_SEQUENCES if text.len() == SEQUENCES => {
                connection.sequences.replace(sequences(text)).is_none()
            }
            OPTION_ENGINE_DATA if text.len() <= LONGEST_ENGINE_DATA => data.replace(text).is_none(),
            OPTION_ENGINE_NAME if text.len() <= LONGEST_ENGINE_NAME => name.replace(text).is_none(),
            OPTION_SEQUENCES | OPTION_ENGINE_DATA | OPTION_ENGINE_NAME => false,
            _ => option & OPTION_OPTIONAL != 0,
        };
        if !is_new {
            return Err(SyncError::Option);
        }
    }
    connection.engine = match (name, data) {
        (Some(name), Some(data)) => Some((name, data)),
        // A name alone means nothing.
        (Some(_) | None, None) => None,
        (None, Some(_)) => return Err(SyncError::Option),
    };
    Ok(())
}

fn sequences(text: &[u8]) -> [u32; 6] {
    let mut numbers = [0; 6];
    for (number, bytes) in numbers.iter_mut().zip(text.chunks(4)) {
        *number = bytes.iter().fold(0, |it, byte| it << 8 | u32::from(*byte));
    }
    numbers
}

const _: () = assert!(FIXED == 4 + 4 + 8 + 8);
