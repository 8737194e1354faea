// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of the channel: their length in two bytes, and so many bytes. Whatever comes, no more than one of them is kept.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The bytes that one read asks for.
const CHUNK: usize = 4096;
/// The bytes of a length.
const HEAD: usize = 2;

/// Reads frames. A call that is dropped before it returns loses nothing.
#[derive(Debug)]
pub(super) struct Frames<R> {
    from: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) const fn new(from: R) -> Self {
        Self {
            from,
            buffer: Vec::new(),
        }
    }

    /// The next frame; `None` at the end. Half a frame at the end does not count.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(frame) = self.take() {
                return Ok(Some(frame));
            }
            let mut chunk = [0; CHUNK];
            let read = self.from.read(&mut chunk).await?;
            if read == 0 {
                return Ok(None);
            }
            self.buffer
                .extend_from_slice(chunk.get(..read).unwrap_or_default());
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let (head, rest) = self.buffer.split_first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_be_bytes(*head));
        let frame = rest.get(..length)?.to_vec();
        self.buffer.drain(..HEAD + length);
        Some(frame)
    }
}

/// Writes a frame.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    let length = u16::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut bytes = Vec::with_capacity(HEAD + frame.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(frame);
    to.write_all(&bytes).await
}
