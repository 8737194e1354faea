// SPDX-License-Identifier: MIT OR Apache-2.0
//! TLS: the handshake that begins a conversation, and the checker that wants nothing else.

mod failure;
mod files;
mod nobody;
mod unverified;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::{ResolvesClientCert, Resumption};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{ClientConfig, DEFAULT_VERSIONS};

pub(super) use self::failure::ended;
use self::failure::{not_shaken, refused};
use self::nobody::Nobody;
use self::unverified::Unverified;
use super::Answer;
use super::connection::Connection;
use super::conversation::{self, Time, Whom};
use super::tcp::First;
use crate::codec::certificate::{Second, not_after};
use crate::model::{ProbePath, Tls};

/// What encrypts.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(ring::default_provider()));

/// A server may take so long to answer our goodbye. By TLS 1.3 it may not have read the end of our handshake yet: a reset
/// at once would make it log that the handshake failed, and it could not say what it thinks of our certificate.
const GOODBYE: Duration = Duration::from_millis(500);

const SECONDS_A_DAY: i64 = 86_400;

/// Connects and shakes hands, within `timeout`.
pub(super) async fn probe(
    tls: &Tls,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let whom = match Whom::new(at, path, Some(tls), First::We, timeout).await {
        Ok(whom) => whom,
        Err(answer) => return answer,
    };
    let time = Time::from_now(timeout);
    let talk = async |connection: &mut Connection| {
        connection.say_goodbye();
        let end = time.at_most(GOODBYE);
        let answered = timeout_at(end, connection.read(&mut [0; 64])).await;
        match answered {
            Ok(Err(error)) => refused(&error).unwrap_or_else(Answer::up),
            Ok(Ok(_)) | Err(_) => Answer::up(),
        }
    };
    conversation::hold(&whom, time, false, talk).await
}

const UNFINISHED: &str = "connected, but the TLS handshake did not end in time";

/// Our side of a handshake.
pub(super) struct Client<'a> {
    tls: &'a Tls,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    /// Who we are without a certificate of our own.
    nobody: Arc<Nobody>,
}

impl<'a> Client<'a> {
    /// Reads the files, within `timeout`. An error is the answer of the probe.
    pub(super) async fn new(tls: &'a Tls, ip: IpAddr, timeout: Duration) -> Result<Self, Answer> {
        let name = match &tls.server_name {
            None => ip.into(),
            Some(name) => ServerName::try_from(&**name)
                .map_err(|_| Answer::could_not_run(format!("no server can have the name {name}")))?
                .to_owned(),
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_protocol_versions(DEFAULT_VERSIONS)
            .map_err(|error| Answer::could_not_run(format!("prepare TLS: {error}")))?;
        let builder = if tls.verify {
            builder.with_root_certificates(files::roots(tls.ca_file.as_deref(), timeout).await?)
        } else {
            let anybody = Arc::new(Unverified(Arc::clone(&PROVIDER)));
            builder
                .dangerous()
                .with_custom_certificate_verifier(anybody)
        };
        let nobody = Arc::new(Nobody::default());
        let mut config = match &tls.client {
            None => builder.with_client_cert_resolver(Arc::clone(&nobody) as _),
            Some(client) => {
                let identity = files::identity(client, timeout).await?;
                let identity: Arc<dyn ResolvesClientCert> =
                    Arc::new(SingleCertAndKey::from(identity));
                builder.with_client_cert_resolver(identity)
            }
        };
        // A session that is resumed would not show the certificate.
        config.resumption = Resumption::disabled();
        let config = Arc::new(config);
        Ok(Self {
            tls,
            name,
            config,
            nobody,
        })
    }

    /// The connection after the handshake, within the time, and what is to be told about the server's certificate.
    pub(super) async fn shake_hands(
        &self,
        stream: TcpStream,
        time: Time,
    ) -> Result<(TlsStream<TcpStream>, Option<String>), Answer> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let mut shaking = connector.connect(self.name.clone(), stream);
        let Some(shaken) = time.within(&mut shaking).await else {
            return Err(match shaking.get_ref() {
                Some(stream) => conversation::too_late(stream, time, UNFINISHED).await,
                None => Answer::cut_off(UNFINISHED),
            });
        };
        let stream =
            shaken.map_err(|error| not_shaken(&error, self.tls, self.nobody.was_asked()))?;
        let certificates = stream.get_ref().1.peer_certificates();
        let own = certificates.and_then(<[_]>::first);
        let warning = warning(own, self.tls.min_days, seconds(UnixTime::now()));
        Ok((stream, warning))
    }
}

/// What is to be told about the end of the server's own certificate.
fn warning(
    certificate: Option<&CertificateDer<'_>>,
    min_days: Option<u16>,
    now: Second,
) -> Option<String> {
    let (certificate, days) = (certificate?, min_days?);
    let Some(end) = not_after(certificate) else {
        return Some("nobody can read when the server's certificate ends".to_owned());
    };
    if end < now {
        return Some(format!("the server's certificate ended at {end}"));
    }
    let soon = Second(now.0 + i64::from(days) * SECONDS_A_DAY);
    (end < soon)
        .then(|| format!("the server's certificate ends at {end}, in less than {days} days"))
}

fn seconds(time: UnixTime) -> Second {
    Second(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
