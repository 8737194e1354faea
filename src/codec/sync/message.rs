// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing messages.

use std::net::{IpAddr, SocketAddr};

use super::{
    FIXED, HEADER, LONGEST_ENGINE_DATA, LONGEST_ENGINE_NAME, OPTION_ENGINE_DATA,
    OPTION_ENGINE_NAME, OPTION_SEQUENCES, SEQUENCES, SyncConnection, TYPE_IPV6, VERSION,
};

/// A message while connections are put into it.
#[derive(Debug)]
pub struct SyncMessage {
    bytes: Vec<u8>,
    longest: usize,
}

impl SyncMessage {
    /// An empty one for receivers with this number, of at most so many bytes.
    #[must_use]
    pub fn new(sync_id: u8, longest: u16) -> Self {
        let longest = usize::from(longest);
        let mut bytes = Vec::with_capacity(longest);
        bytes.extend([0, sync_id, 0, 0, 0, VERSION, 0, 0]);
        let mut message = Self { bytes, longest };
        message.note_size();
        message
    }

    /// Puts one more connection in; `false` when there is no room, and nothing changes.
    ///
    /// Only a connection with addresses of one family, and an engine's name and data as long as the kernel takes them,
    /// can ever have room.
    #[must_use]
    pub fn push(&mut self, connection: &SyncConnection<'_>) -> bool {
        let before = self.bytes.len();
        // The kernel writes these, too.
        self.bytes.resize(before.next_multiple_of(4), 0);
        let count = self.bytes.get(4).and_then(|count| count.checked_add(1));
        let written = write(&mut self.bytes, connection);
        match (count, written) {
            (Some(count), Some(())) if self.bytes.len() <= self.longest => {
                self.put(4, &[count]);
                self.note_size();
                true
            }
            (Some(_) | None, Some(()) | None) => {
                self.bytes.truncate(before);
                false
            }
        }
    }

    /// How many connections are in it: at most 255.
    #[must_use]
    pub fn connections(&self) -> u8 {
        self.bytes.get(4).copied().unwrap_or(0)
    }

    /// The datagram.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes all connections out.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER);
        self.put(4, &[0]);
        self.note_size();
    }

    fn note_size(&mut self) {
        // At most `longest`.
        let size = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
        self.put(2, &size.to_be_bytes());
    }

    fn put(&mut self, at: usize, these: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(at).zip(these) {
            *to = *from;
        }
    }
}

/// Appends a connection; `None` when it cannot be written, which leaves a part of it.
fn write(out: &mut Vec<u8>, connection: &SyncConnection<'_>) -> Option<()> {
    let begin = out.len();
    let kind = match connection.client {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(_) => TYPE_IPV6,
    };
    let ends = [connection.client, connection.service, connection.server];
    out.extend([kind, connection.protocol, 0, 0]);
    out.extend(connection.flags.0.to_be_bytes());
    out.extend(connection.state.to_be_bytes());
    for end in ends {
        out.extend(end.port().to_be_bytes());
    }
    out.extend(connection.mark.to_be_bytes());
    out.extend(connection.timeout.to_be_bytes());
    debug_assert_eq!(out.len() - begin, FIXED);
    for end in ends {
        match (connection.client, end.ip()) {
            (SocketAddr::V4(_), IpAddr::V4(address)) => out.extend(address.octets()),
            (SocketAddr::V6(_), IpAddr::V6(address)) => out.extend(address.octets()),
            (SocketAddr::V4(_), IpAddr::V6(_)) | (SocketAddr::V6(_), IpAddr::V4(_)) => return None,
        }
    }
    write_options(out, connection)?;
    // Four more bits are the version, 0.
    let size = u16::try_from(out.len() - begin).ok()?;
    for (to, from) in out.iter_mut().skip(begin + 2).zip(size.to_be_bytes()) {
        *to = from;
    }
    Some(())
}

fn write_options(out: &mut Vec<u8>, connection: &SyncConnection<'_>) -> Option<()> {
    if let Some(sequences) = connection.sequences {
        let numbers = sequences.iter().flat_map(|number| number.to_be_bytes());
        out.extend([OPTION_SEQUENCES, u8::try_from(SEQUENCES).ok()?]);
        out.extend(numbers);
    }
    if let Some((name, data)) = connection.engine {
        let fits = (1..=LONGEST_ENGINE_NAME).contains(&name.len())
            && (1..=LONGEST_ENGINE_DATA).contains(&data.len());
        if !fits {
            return None;
        }
        for (option, text) in [(OPTION_ENGINE_DATA, data), (OPTION_ENGINE_NAME, name)] {
            out.extend([option, u8::try_from(text.len()).ok()?]);
            out.extend(text);
        }
    }
    Some(())
}
