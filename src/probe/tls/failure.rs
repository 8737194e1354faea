// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the failure of TLS says of the server.

use std::fmt::Display;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::seconds;
use crate::codec::shown;
use crate::model::Tls;
use crate::probe::{Answer, tcp};

/// As much of what a stranger or a library says is shown, in characters.
const LONGEST: usize = 200;

/// What an error of the handshake says. `asked` tells that the server asked for a certificate, and we had none: by TLS 1.2
/// it has no alert of its own for that.
pub(super) fn not_shaken(error: &io::Error, tls: &Tls, asked: bool) -> Answer {
    match of_tls(error) {
        Some(Error::InvalidCertificate(wrong)) => return Answer::down(not_accepted(wrong, tls)),
        Some(Error::AlertReceived(AlertDescription::HandshakeFailure)) if asked => {
            return alerted(AlertDescription::CertificateRequired);
        }
        Some(_) | None => {}
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Answer::down("the server closed the connection within the TLS handshake")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Answer::down("the server reset the connection within the TLS handshake")
        }
        _ => ended(error).unwrap_or_else(|| tcp::failed("TLS handshake", error)),
    }
}

/// What an error of a connection says if TLS ended it, also after the handshake.
pub(in crate::probe) fn ended(error: &io::Error) -> Option<Answer> {
    if error.raw_os_error().is_some() {
        return None;
    }
    let Some(of_tls) = of_tls(error) else {
        return Some(broken(error));
    };
    Some(match of_tls {
        Error::AlertReceived(alert) => alerted(*alert),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::InvalidEmptyPayload,
        ) => Answer::down("the server does not speak TLS"),
        Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::CertificatePayloadTooLarge
            | InvalidMessage::MessageTooLarge,
        )
        | Error::PeerSentOversizedRecord => {
            Answer::down("the server sent more than a TLS handshake may have")
        }
        Error::PeerIncompatible(why) => {
            let why = shown(&format!("{why:?}"), LONGEST);
            Answer::down(format!(
                "the server and we have no version or cipher of TLS in common: {why}"
            ))
        }
        Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => {
            Answer::could_not_run(format!("TLS: {of_tls}"))
        }
        error => broken(error),
    })
}

fn broken(why: &impl Display) -> Answer {
    let why = shown(&why.to_string(), LONGEST);
    Answer::down(format!("the server broke the rules of TLS: {why}"))
}

/// What an alert says that came after the handshake.
pub(super) fn refused(error: &io::Error) -> Option<Answer> {
    match of_tls(error)? {
        Error::AlertReceived(alert) => Some(alerted(*alert)),
        _ => None,
    }
}

fn of_tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// What an alert of the server says. When it is about our own certificate, or that we have none, that is a mistake of our
/// configuration: all servers would tell it at once.
fn alerted(alert: AlertDescription) -> Answer {
    use AlertDescription as Alert;
    let name = words(&format!("{alert:?}"));
    match alert {
        Alert::CertificateRequired | Alert::NoCertificate => Answer::could_not_run(
            "the server wants a certificate from us; write client_certificate and client_key",
        ),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => Answer::could_not_run(format!(
            "the server refuses our certificate, or that we have none (TLS alert: {name}); see client_certificate"
        )),
        _ => Answer::down(format!("the server refused TLS (alert: {name})")),
    }
}

/// `handshake failure` of `HandshakeFailure`.
fn words(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
        before = letter;
    }
    words
}

/// `a.example` of `DnsName("a.example")`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').map_or(name, |(_, inside)| inside);
    inside.trim_matches(['"', ')'])
}

/// Why the server's certificate does not count, and what to do.
fn not_accepted(wrong: &CertificateError, tls: &Tls) -> String {
    const ITS: &str = "the server's certificate";
    match wrong {
        CertificateError::ExpiredContext { not_after, .. } => {
            let end = seconds(*not_after);
            format!("{ITS}, or that of a CA of it, ended at {end}: it needs a new one")
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let (begin, now) = (seconds(*not_before), seconds(*time));
            format!("{ITS}, or that of a CA of it, begins at {begin}; here it is {now}")
        }
        CertificateError::UnknownIssuer => match &tls.ca_file {
            None => format!(
                "{ITS} has an issuer that this host does not know; write ca_file: with its CA"
            ),
            Some(file) => format!(
                "{ITS} has an issuer that is not in ca_file {}",
                file.display()
            ),
        },
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names = match presented.as_slice() {
                [] => "no name at all".to_owned(),
                names => {
                    let names: Vec<&str> = names.iter().map(|name| bare(name)).collect();
                    shown(&names.join(", "), LONGEST)
                }
            };
            let expected = expected.to_str();
            format!(
                "{ITS} is for {names}, and not for {expected}; server_name: sets what it must be for"
            )
        }
        CertificateError::BadSignature => format!("{ITS} has a wrong signature"),
        CertificateError::BadEncoding => format!("{ITS} cannot be read"),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!("{ITS} is not for a server (extended key usage)")
        }
        // The crate that says so is not ours to name.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            format!("{ITS} is that of a CA; give it one that a CA signed")
        }
        other => format!(
            "{ITS} does not count: {}",
            shown(&other.to_string(), LONGEST)
        ),
    }
}
