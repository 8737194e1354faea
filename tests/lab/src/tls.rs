// SPDX-License-Identifier: MIT OR Apache-2.0
//! A CA, what it signs, and servers that speak TLS.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

const DAY: u64 = 86_400;

/// A CA.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A certificate, and its key.
pub struct Identity {
    certificates: Vec<CertificateDer<'static>>,
    key: KeyPair,
    /// The certificate, for a file.
    pub pem: String,
}

/// A connection that a server has taken, after or before its handshake.
pub type Taken = StreamOwned<ServerConnection, TcpStream>;

impl Authority {
    /// A new one, with a name and a key of its own.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Its certificate, for a file.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these names and addresses that began a year ago and ends in so many days, or ended before.
    pub fn sign(&self, names: &[&str], days: i64) -> Result<Identity> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let at = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        params.not_before = at(now.saturating_sub(365 * DAY));
        let later = days.unsigned_abs() * DAY;
        params.not_after = at(if days < 0 { now - later } else { now + later });
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificates: vec![certificate.der().clone()],
            pem: certificate.pem(),
            key,
        })
    }

    /// The certificate of the CA itself, as a server might show it.
    pub fn itself(&self) -> Result<Identity> {
        Ok(Identity {
            certificates: vec![self.certificate.clone()],
            pem: self.pem.clone(),
            key: KeyPair::from_pem(&self.issuer.key().serialize_pem())?,
        })
    }
}

impl Identity {
    /// A certificate that nobody but its own key signed; it says that it is no CA.
    pub fn of_its_own(names: &[&str]) -> Result<Self> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.self_signed(&key)?;
        Ok(Self {
            certificates: vec![certificate.der().clone()],
            pem: certificate.pem(),
            key,
        })
    }

    /// The key, for a file.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.certificates.first().map_or(&[], |it| it)
    }

    /// The same, with the certificate again and again, so many times in all.
    #[must_use]
    pub fn repeated(mut self, times: usize) -> Self {
        let own = self.certificates.first().cloned();
        self.certificates = own.into_iter().cycle().take(times).collect();
        self
    }

    /// A server with this certificate. It asks for certificates of a CA if there is one here.
    pub fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients_by: Option<&Authority>,
    ) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)?;
        let builder = match clients_by {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate.clone())?;
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        Ok(Arc::new(
            builder.with_single_cert(self.certificates.clone(), key)?,
        ))
    }
}

/// The server's side of a connection. The handshake begins when the server reads or writes.
pub fn take(config: &Arc<ServerConfig>, stream: TcpStream) -> Result<Taken> {
    let session = ServerConnection::new(Arc::clone(config))?;
    Ok(StreamOwned::new(session, stream))
}
