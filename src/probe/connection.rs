// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connection to a server: plain, or by TLS.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What a probe talks over. A reset closes it.
pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Sends all of these bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// The socket.
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// The address on this side.
    pub(super) fn local_address(&self) -> io::Result<IpAddr> {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        stream.local_addr().map(|own| own.ip())
    }

    /// Tells the server that no more comes, as TLS demands (`close_notify`), and waits for nothing.
    pub(super) fn say_goodbye(&mut self) {
        match self {
            Self::Plain(_) => {}
            Self::Tls(stream) => {
                let (stream, session) = stream.get_mut();
                session.send_close_notify();
                let mut bytes = Vec::new();
                // Writing to a Vec cannot fail. A server that does not read has no need of it.
                let _ = session.write_tls(&mut bytes);
                let _ = stream.try_write(&bytes);
            }
        }
    }
}

impl AsyncRead for Connection {
    /// Many servers close a TLS connection without saying so. For a health check that is an end like any other.
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => match Pin::new(stream).poll_read(context, into) {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(()))
                }
                read => read,
            },
        }
    }
}
