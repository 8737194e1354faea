// SPDX-License-Identifier: MIT OR Apache-2.0
//! The certificate of a listener.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::model::WebTls;

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

/// What ends TLS with this certificate. It reads files.
pub fn acceptor(tls: &WebTls) -> Result<TlsAcceptor, TlsError> {
    let WebTls { certificate, key } = tls;
    let of_certificate = |error: &dyn fmt::Display| TlsError::of(certificate, error);
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|it| of_certificate(&it))?;
    let chain = chain.collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|it| of_certificate(&it))?;
    if chain.is_empty() {
        return Err(TlsError::of(certificate, "no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::of(key, error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|it| of_certificate(&it))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| TlsError::of(key, error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
