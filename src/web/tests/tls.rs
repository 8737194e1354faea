// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listeners with a certificate.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lab::tls::{Authority, Identity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Fixed, listener, status};
use crate::model::WebTls;
use crate::web::{Board, Certificate, Limits, Site, run};

const NAMES: [&str; 1] = ["127.0.0.1"];

/// Certificate and key in one file, as HAProxy has them.
fn write(file: &Path, identity: &Identity) {
    let both = format!("{}{}", identity.pem, identity.key_pem());
    std::fs::write(file, both).unwrap();
}

async fn open(file: &Path) -> SocketAddr {
    let tls = WebTls {
        certificate: file.into(),
        key: file.into(),
    };
    let source = Fixed::new(Some(status()));
    let mut listener = listener("/");
    listener.tls = Some(tls.clone());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    let site = Site::new(listener, Arc::new(Board::new(Arc::new(source))));
    let certificate = Certificate::read(&tls).unwrap();
    tokio::spawn(run(socket, Some(certificate), site, Limits::default()));
    at
}

/// What the site answers to one who trusts this authority; `None` when they do not agree.
async fn get(at: SocketAddr, authority: &Authority) -> Option<String> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
    roots.add(root).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(at).await.unwrap();
    let name = ServerName::try_from(NAMES[0]).unwrap();
    let tls = TlsConnector::from(Arc::new(config));
    let mut stream = tls.connect(name, stream).await.ok()?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    // A server may end without close_notify.
    let _ = stream.read_to_string(&mut answer).await;
    Some(answer)
}

#[tokio::test]
async fn a_browser_speaks_tls_and_plain_http_gets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.pem");
    let authority = Authority::new("ours").unwrap();
    write(&file, &authority.sign(&NAMES, 10).unwrap());
    let at = open(&file).await;
    let answer = get(at, &authority).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut plain = TcpStream::connect(at).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    plain.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_a_broken_one_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.pem");
    let (old, new) = (
        Authority::new("old").unwrap(),
        Authority::new("new").unwrap(),
    );
    write(&file, &old.sign(&NAMES, 10).unwrap());
    let at = open(&file).await;
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nhalf of").unwrap();
    // It has been looked at by then; when it has not, the test says less and is right all the same.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(get(at, &old).await.is_some());
    write(&file, &new.sign(&NAMES, 10).unwrap());
    while get(at, &new).await.is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(get(at, &old).await.is_none());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("a"), directory.path().join("b"));
    let authority = Authority::new("ours").unwrap();
    std::fs::write(&certificate, authority.sign(&NAMES, 10).unwrap().pem).unwrap();
    std::fs::write(&key, authority.sign(&NAMES, 10).unwrap().key_pem()).unwrap();
    let files = WebTls {
        certificate: certificate.into(),
        key: key.into(),
    };
    assert!(Certificate::read(&files).is_err());
}
