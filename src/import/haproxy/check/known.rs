// SPDX-License-Identifier: MIT OR Apache-2.0
//! HAProxy's checks of protocols that it knows: the same bytes as its `src/tcpcheck.c` sends, and what it waits for.

use super::talk::payload;
use super::{Kind, Question};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::statement::Word;
use crate::import::{Entry, Value};

/// The longest name of a user.
const LONGEST_USER: usize = 255;

/// `option NAME ...` as a question.
pub(super) fn question(name: &str, words: &[Word], span: Span, out: &mut Findings) -> Question {
    let settings = match name {
        "redis-check" => talk(b"*1\r\n$4\r\nPING\r\n".to_vec(), b"+PONG\r\n"),
        // An anonymous bind, and its result: success.
        "ldap-check" => talk(
            b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00".to_vec(),
            b"\x0a\x01\x00\x04\x00",
        ),
        "mysql-check" => mysql(words, span, out),
        "pgsql-check" => postgresql(words, span, out),
        "smtpchk" => return smtp(words),
        "ssl-hello-chk" => {
            let finding = Finding::note(span, "the TLS hello becomes a whole handshake");
            out.push(finding.help("the certificate is not verified, as in HAProxy: verify: false"));
            return Question {
                tls: true,
                ..Question::connect()
            };
        }
        "external-check" => {
            let message =
                "not carried over: the program of external-check; the check is a connection";
            let finding = Finding::warning(span, message);
            out.push(finding.help("write check: {exec: {command: [/path, argument]}}; it finds the server in LVS_ADDRESS and LVS_PORT"));
            Vec::new()
        }
        other => {
            let message = format!(
                "not carried over: option {}; the check is a connection",
                Shown(other)
            );
            out.push(Finding::warning(span, message));
            Vec::new()
        }
    };
    Question::new(Kind::Tcp, settings)
}

fn talk(send: Vec<u8>, expect: &[u8]) -> Vec<Entry> {
    vec![payload("send", send), payload("expect", expect.to_vec())]
}

/// `user NAME` among the words.
fn user<'a>(words: &'a [Word], out: &mut Findings) -> Option<&'a str> {
    let at = words.iter().position(|word| &*word.text == "user")?;
    let Some(name) = words.get(at + 1) else {
        let span = words.get(at).map_or_else(Span::default, |it| it.span);
        let finding = Finding::new(span, "user says nothing alone");
        out.push(finding.help("the name of a user must follow"));
        return None;
    };
    if name.text.len() > LONGEST_USER {
        out.error(
            name.span,
            format!("a user's name has at most {LONGEST_USER} bytes"),
        );
        return None;
    }
    Some(&name.text)
}

/// The greeting; with a user a login without a password, and the goodbye.
fn mysql(words: &[Word], span: Span, out: &mut Findings) -> Vec<Entry> {
    let Some(user) = user(words, out) else {
        let finding = Finding::warning(span, "MySQL blocks hosts that only read its greeting");
        out.push(
            finding
                .help("write option mysql-check user NAME, and make that user without a password"),
        );
        // The end of the packet's header, and the version of the protocol.
        return vec![payload("expect", b"\x00\x00\x00\x0a".to_vec())];
    };
    let old = words.iter().any(|word| &*word.text == "pre-41");
    let mut login = if old {
        b"\x00\x80\x00\x00\x01".to_vec()
    } else {
        let mut login = b"\x00\x82\x00\x00\x00\x80\x00\x01\x21".to_vec();
        login.extend([0; 23]);
        login
    };
    login.extend(user.as_bytes());
    login.extend([0, 0]);
    // A user's name is short.
    let length = u8::try_from(login.len()).unwrap_or(u8::MAX);
    let mut send = vec![length, 0, 0, 1];
    send.extend(login);
    // COM_QUIT.
    send.extend(b"\x01\x00\x00\x00\x01");
    // A short packet, the second of the server's, that says OK.
    talk(send, b"\x00\x00\x02\x00")
}

/// A startup message, and any request for a login or none.
fn postgresql(words: &[Word], span: Span, out: &mut Findings) -> Vec<Entry> {
    let Some(user) = user(words, out) else {
        let finding = Finding::new(span, "option pgsql-check needs a user");
        out.push(finding.help("write option pgsql-check user NAME"));
        return Vec::new();
    };
    let mut message = b"\x00\x03\x00\x00user\x00".to_vec();
    message.extend(user.as_bytes());
    message.extend([0, 0]);
    let length = u32::try_from(message.len() + 4).unwrap_or(u32::MAX);
    let mut send = length.to_be_bytes().to_vec();
    send.extend(message);
    talk(send, b"R\x00\x00\x00")
}

fn smtp(words: &[Word]) -> Question {
    let name = words.get(1).map_or("localhost", |word| &*word.text);
    let is_name =
        !name.is_empty() && name.len() <= 255 && name.bytes().all(|it| it.is_ascii_graphic());
    let name = if is_name { name } else { "localhost" };
    Question::new(Kind::Smtp, vec![Entry::new("helo", Value::text(name))])
}
