// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of TLS: CAs that count, and a certificate of our own with its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls_native_certs::load_native_certs;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::{Error, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::PROVIDER;
use crate::model::ClientCertificate;
use crate::probe::Answer;
use crate::probe::reading::{Read, Readings};
use crate::system::read_limited;

/// The longest file of certificates, in bytes: those of all known CAs are a quarter of that.
const MOST_BYTES: u64 = 1024 * 1024;
/// So long one reading of a file serves all probes.
const FRESH: Duration = Duration::from_secs(1);
/// The same for the CAs of this host, which are many.
const ROOTS_FRESH: Duration = Duration::from_mins(1);

thread_local! {
    /// The CAs of this host.
    static HOST: Readings<(), Arc<RootCertStore>> = Readings::default();
    /// CAs, by file.
    static ROOTS: Readings<PathBuf, Arc<RootCertStore>> = Readings::default();
    /// Our certificates, by their files.
    static IDENTITIES: Readings<ClientCertificate, Arc<CertifiedKey>> = Readings::default();
}

/// The CAs that count: those in this file, or of this host. An error is the answer of the probe.
pub(super) async fn roots(
    file: Option<&Path>,
    timeout: Duration,
) -> Result<Arc<RootCertStore>, Answer> {
    let Some(file) = file else {
        let host = HOST.with(|roots| roots.of(&()));
        let operation = "read the CAs of this host";
        return host
            .get(operation, ROOTS_FRESH, timeout, roots_of_host)
            .await;
    };
    let reading = ROOTS.with(|roots| roots.of(file));
    let (operation, file) = (format!("read {}", file.display()), file.to_owned());
    let read = move || roots_in(&file);
    reading.get(&operation, FRESH, timeout, read).await
}

/// Our certificate and its key. An error is the answer of the probe.
pub(super) async fn identity(
    client: &ClientCertificate,
    timeout: Duration,
) -> Result<Arc<CertifiedKey>, Answer> {
    let reading = IDENTITIES.with(|identities| identities.of(client));
    let operation = format!("read {}", client.certificate.display());
    let client = client.clone();
    let read = move || identity_in(&client);
    reading.get(&operation, FRESH, timeout, read).await
}

fn roots_of_host() -> Read<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    // What cannot be read there is of no use to others, either.
    roots.add_parsable_certificates(load_native_certs().certs);
    if roots.is_empty() {
        let why = "read the CAs of this host: it has none; install the package ca-certificates, or write ca_file:";
        return Err(why.into());
    }
    Ok(Arc::new(roots))
}

fn roots_in(file: &Path) -> Read<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| {
            format!(
                "read {}: this is no certificate of a CA: {error}",
                file.display()
            )
        })?;
    }
    Ok(Arc::new(roots))
}

fn identity_in(client: &ClientCertificate) -> Read<Arc<CertifiedKey>> {
    let certificates = certificates(&client.certificate)?;
    let file = client.key.display();
    let bytes = read(&client.key)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        Error::NoItemsFound => format!(
            "read {file}: it has no private key (-----BEGIN PRIVATE KEY-----); one with a passphrase cannot be read"
        ),
        error => format!("read {file}: this is no PEM: {error}"),
    })?;
    let identity = CertifiedKey::from_der(certificates, key, &PROVIDER).map_err(|error| {
        let certificate = client.certificate.display();
        format!("use the key {file} with the certificate {certificate}: {error}")
    })?;
    Ok(Arc::new(identity))
}

/// The certificates in a file; not empty.
fn certificates(file: &Path) -> Read<Vec<CertificateDer<'static>>> {
    let bytes = read(file)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let file = file.display();
    let certificates =
        certificates.map_err(|error| format!("read {file}: this is no PEM: {error}"))?;
    if certificates.is_empty() {
        let why = format!("read {file}: it has no certificate (-----BEGIN CERTIFICATE-----)");
        return Err(why.into());
    }
    Ok(certificates)
}

fn read(file: &Path) -> Read<Vec<u8>> {
    read_limited(file, MOST_BYTES).map_err(|error| error.to_string().into())
}
