// SPDX-License-Identifier: MIT OR Apache-2.0
//! The certificate of a listener.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracing::{info, warn};

use super::follow::{LOOK_EVERY, Stamp};
use crate::model::WebTls;
use crate::system::is_readable_by_all;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("read {path}: {why}")]
pub struct TlsError {
    path: String,
    why: String,
}

impl TlsError {
    fn of(path: &Path, why: impl fmt::Display) -> Self {
        Self {
            path: path.display().to_string(),
            why: why.to_string(),
        }
    }
}

/// The certificate of a listener, as it was read last.
pub struct Certificate {
    files: WebTls,
    first: Stamp,
    current: ArcSwap<ServerConfig>,
}

impl Certificate {
    /// Reads the files.
    pub fn read(files: &WebTls) -> Result<Self, TlsError> {
        let first = stamp(files);
        let config = read(files)?;
        Ok(Self {
            files: files.clone(),
            first,
            current: ArcSwap::from(config),
        })
    }

    /// What ends TLS for a new connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Reads the files again whenever they change: a renewed certificate counts for the next connection. One that cannot
    /// be used leaves the one before. It never ends.
    pub(super) async fn follow(&self) {
        if is_readable_by_all(&self.files.key) {
            let key = self.files.key.display();
            warn!("everybody on this host can read the key of the status page in {key}: chmod o-r");
        }
        let mut seen = self.first.clone();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (files, before) = (self.files.clone(), seen.clone());
            // The disk may be slow: browsers need not wait for it.
            let read = spawn_blocking(move || {
                let now = stamp(&files);
                (now != before).then(|| (now, read(&files)))
            });
            if let Ok(Some((now, config))) = read.await {
                self.take(config);
                seen = now;
            }
        }
    }

    fn take(&self, config: Result<Arc<ServerConfig>, TlsError>) {
        let file = self.files.certificate.display();
        match config {
            Ok(config) => {
                self.current.store(config);
                info!("status page: the certificate in {file} is in use");
            }
            Err(error) => {
                warn!(
                    "status page: the certificate in {file} stays as it was read before: {error}"
                );
            }
        }
    }
}

fn stamp(files: &WebTls) -> Stamp {
    Stamp::of([&*files.certificate, &*files.key])
}

fn read(tls: &WebTls) -> Result<Arc<ServerConfig>, TlsError> {
    let WebTls { certificate, key } = tls;
    let of_certificate = |error: &dyn fmt::Display| TlsError::of(certificate, error);
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|it| of_certificate(&it))?;
    let chain = chain.collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|it| of_certificate(&it))?;
    if chain.is_empty() {
        return Err(TlsError::of(certificate, "no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::of(key, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|it| of_certificate(&it))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| TlsError::of(key, error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
