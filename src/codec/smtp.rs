// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replies of an SMTP server. What it sends is hostile until read.
//!
//! Source: RFC 5321, section 4.2.

use super::shown_bytes;

/// The longest reply that is read, in bytes: a line has at most 512, and some servers greet with many.
pub const MOST_BYTES: usize = 16 * 1024;

/// The longest text of a server that is shown, in characters.
const LONGEST_TEXT: usize = 200;
const TOO_LONG: &str = "the server's reply has more than 16 KiB";
const NOT_SMTP: &str = "the server does not speak SMTP";

/// What has come from a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpAnswer {
    /// No whole reply yet.
    Partial,
    /// A reply, and how many bytes it has.
    Complete(SmtpReply, usize),
    /// Why this is no reply.
    Wrong(&'static str),
}

/// A reply of one line or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpReply {
    /// Its code: 200 to 599.
    pub code: u16,
    /// The text of its last line, printable.
    pub text: Box<str>,
}

/// One line of a reply.
struct Line<'a> {
    code: u16,
    is_last: bool,
    text: &'a [u8],
}

impl SmtpAnswer {
    /// Reads the first reply of what has come. All of its lines have the same code; a hyphen behind it says that more
    /// lines come. A line may also end without a carriage return.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut read = 0;
        let mut first = None;
        loop {
            let rest = bytes.get(read..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                return Self::unfinished(bytes, rest);
            };
            read += end + 1;
            let line = rest.get(..end).unwrap_or_default();
            let Some(line) = Line::read(line.strip_suffix(b"\r").unwrap_or(line)) else {
                return Self::Wrong(NOT_SMTP);
            };
            if read > MOST_BYTES {
                return Self::Wrong(TOO_LONG);
            }
            if *first.get_or_insert(line.code) != line.code {
                return Self::Wrong("the lines of the server's reply have different codes");
            }
            if line.is_last {
                let (code, text) = (line.code, shown_bytes(line.text, LONGEST_TEXT).into());
                return Self::Complete(SmtpReply { code, text }, read);
            }
        }
    }

    /// What is to be said of a reply that ends in the midst of this line.
    fn unfinished(bytes: &[u8], line: &[u8]) -> Self {
        let begin = line.get(..4).unwrap_or(line);
        if !begin.iter().enumerate().all(|(at, byte)| may_be(at, *byte)) {
            return Self::Wrong(NOT_SMTP);
        }
        if bytes.len() >= MOST_BYTES {
            return Self::Wrong(TOO_LONG);
        }
        Self::Partial
    }
}

/// Whether a line can have this byte in this place: a code, and what is behind it.
const fn may_be(at: usize, byte: u8) -> bool {
    match at {
        0 => matches!(byte, b'2'..=b'5'),
        1 | 2 => byte.is_ascii_digit(),
        _ => matches!(byte, b' ' | b'-' | b'\r'),
    }
}

impl<'a> Line<'a> {
    /// Reads a line without its end; `None` when it is none. A code may stand alone.
    fn read(line: &'a [u8]) -> Option<Self> {
        let begin = line.get(..4).unwrap_or(line);
        let (digits, rest) = line.split_first_chunk::<3>()?;
        if !begin.iter().enumerate().all(|(at, byte)| may_be(at, *byte)) {
            return None;
        }
        let code = digits
            .iter()
            .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let (behind, text) = rest.split_first().unwrap_or((&b' ', &[]));
        let is_last = *behind != b'-';
        Some(Self {
            code,
            is_last,
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(code: u16, text: &str, length: usize) -> SmtpAnswer {
        let text = text.into();
        SmtpAnswer::Complete(SmtpReply { code, text }, length)
    }

    #[test]
    fn a_reply_has_one_line_or_more() {
        for (bytes, answer) in [
            (
                &b"220 mail.example ESMTP\r\n"[..],
                complete(220, "mail.example ESMTP", 24),
            ),
            (b"250\r\n", complete(250, "", 5)),
            (b"250 ok\n250 more\r\n", complete(250, "ok", 7)),
            (b"250-a\r\n250-b\r\n250 c\r\n", complete(250, "c", 21)),
            (b"250-\r\n250\r\n", complete(250, "", 11)),
            (
                b"421 4.3.2 \x1b[31mno\xff\r\n",
                complete(421, "4.3.2 [31mno", 20),
            ),
        ] {
            assert_eq!(SmtpAnswer::read(bytes), answer);
        }
        for bytes in [
            &b""[..],
            b"2",
            b"220",
            b"220 mail",
            b"220-a\r\n",
            b"220-a\r\n220 b\r",
        ] {
            assert_eq!(SmtpAnswer::read(bytes), SmtpAnswer::Partial, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_reply_is_found_with_its_first_wrong_byte() {
        for bytes in [
            &b"S"[..],
            b"SSH-2.0-x\r\n",
            b"\n",
            b"22\r\n",
            b"2a",
            b"220_",
            b"120 a\r\n",
            b"600 a\r\n",
            b"220-a\r\n2b",
            b"HTTP/1.1 400 Bad Request\r\n",
        ] {
            assert_eq!(
                SmtpAnswer::read(bytes),
                SmtpAnswer::Wrong(NOT_SMTP),
                "{bytes:?}"
            );
        }
        let codes = SmtpAnswer::Wrong("the lines of the server's reply have different codes");
        assert_eq!(SmtpAnswer::read(b"250-a\r\n220 b\r\n"), codes);
    }

    #[test]
    fn a_reply_without_an_end_is_too_long_at_16_kib() {
        let one = [&b"220 "[..], &[b'a'; MOST_BYTES]].concat();
        let many = b"220-a\r\n".repeat(MOST_BYTES);
        for endless in [one, many] {
            assert_eq!(
                SmtpAnswer::read(&endless[..MOST_BYTES]),
                SmtpAnswer::Wrong(TOO_LONG)
            );
            assert_eq!(
                SmtpAnswer::read(&endless[..MOST_BYTES - 1]),
                SmtpAnswer::Partial
            );
            assert_eq!(SmtpAnswer::read(&endless), SmtpAnswer::Wrong(TOO_LONG));
        }
    }

    proptest! {
        #[test]
        fn what_has_come_first_decides(bytes in "([2-5][0-9]{2}[ -][ -~]{0,5}\r?\n|[ -~\n]){0,6}") {
            let whole = SmtpAnswer::read(bytes.as_bytes());
            for length in 0..bytes.len() {
                let early = SmtpAnswer::read(&bytes.as_bytes()[..length]);
                prop_assert!(early == SmtpAnswer::Partial || early == whole, "{:?} {:?}", early, whole);
            }
        }
    }
}
