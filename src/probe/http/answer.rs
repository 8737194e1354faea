// SPDX-License-Identifier: MIT OR Apache-2.0
//! The head of an HTTP answer, as far as it has come. It is hostile until read.

use httparse::{EMPTY_HEADER, Error, Response, Status};

/// The longest head, interim answers included. Few servers send more than 2 KiB.
pub(super) const MOST_BYTES: usize = 16 * 1024;
/// The most header lines of one answer.
const MOST_HEADERS: usize = 100;
/// The longest reason phrase that is shown, in characters.
const LONGEST_PHRASE: usize = 40;

/// What has come of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpAnswer {
    /// The head has not ended yet.
    Partial,
    /// The head of the final answer: its status code and its reason phrase, printable.
    Complete(u16, Box<str>),
    /// Why this is no answer.
    Wrong(&'static str),
}

impl HttpAnswer {
    /// Reads what has come. Interim answers (`100 Continue`, RFC 9110 section 15.2) are passed over.
    #[must_use]
    pub fn read(mut bytes: &[u8]) -> Self {
        let is_full = bytes.len() >= MOST_BYTES;
        loop {
            let mut headers = [EMPTY_HEADER; MOST_HEADERS];
            let mut response = Response::new(&mut headers);
            let end = match response.parse(bytes) {
                Ok(Status::Complete(end)) => end,
                Ok(Status::Partial) if is_full => {
                    return Self::Wrong("the head of the answer has more than 16 KiB");
                }
                Ok(Status::Partial) => return Self::Partial,
                Err(Error::TooManyHeaders) => {
                    return Self::Wrong("the answer has more than 100 header lines");
                }
                Err(_) => return Self::Wrong("the answer is not HTTP/1"),
            };
            let code = response.code.unwrap_or_default();
            if (100..200).contains(&code) {
                bytes = bytes.get(end..).unwrap_or_default();
                continue;
            }
            return Self::Complete(code, phrase(response.reason.unwrap_or_default()));
        }
    }
}

/// A server may write anything there.
fn phrase(reason: &str) -> Box<str> {
    let shown = reason.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
    let shown: String = shown.take(LONGEST_PHRASE).collect();
    shown.trim().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_final_status_is_the_answer() {
        use HttpAnswer::{Complete, Partial, Wrong};
        let many = "a: b\r\n".repeat(200);
        let long = "a".repeat(MOST_BYTES);
        let table: &[(&str, HttpAnswer)] = &[
            ("", Partial),
            ("HTTP/1.1 200 OK\r\n", Partial),
            ("HTTP/1.1 200 OK\r\n\r\n", Complete(200, "OK".into())),
            (
                "HTTP/1.0 204\r\nserver: x\r\n\r\nbody",
                Complete(204, "".into()),
            ),
            (
                "HTTP/1.1 503 Service Unavailable\n\n",
                Complete(503, "Service Unavailable".into()),
            ),
            ("HTTP/1.1 100 Continue\r\n\r\n", Partial),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n",
                Complete(404, "Not Found".into()),
            ),
            ("HTTP/1.1 500 a\tb\r\n\r\n", Complete(500, "ab".into())),
            ("HTTP/2 200\r\n\r\n", Wrong("the answer is not HTTP/1")),
            ("AMQP\0\0\x09\x01", Wrong("the answer is not HTTP/1")),
            (
                "HTTP/1.1 99999 OK\r\n\r\n",
                Wrong("the answer is not HTTP/1"),
            ),
            (
                &format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
                Wrong("the answer has more than 100 header lines"),
            ),
            (
                &format!("HTTP/1.1 200 OK\r\na: {long}"),
                Wrong("the head of the answer has more than 16 KiB"),
            ),
        ];
        for (bytes, expected) in table {
            let start: String = bytes.chars().take(60).collect();
            assert_eq!(HttpAnswer::read(bytes.as_bytes()), *expected, "{start:?}");
        }
        let long_phrase = format!("HTTP/1.1 200 {}\r\n\r\n", "ab ".repeat(100));
        let HttpAnswer::Complete(200, phrase) = HttpAnswer::read(long_phrase.as_bytes()) else {
            panic!("no status");
        };
        assert!(phrase.len() <= LONGEST_PHRASE, "{phrase}");
    }

    proptest! {
        /// What has come stays what it is when more comes.
        #[test]
        fn an_answer_does_not_change_when_more_comes(
            bytes in "(HTTP/1[.]1 [1-5][0-9]{2} ?[a-zA-Z ]{0,5}\r\n(a: b\r\n){0,2}\r\n){0,3}[ -~]{0,20}",
            cut in any::<prop::sample::Index>(),
        ) {
            let cut = cut.index(bytes.len() + 1);
            let early = HttpAnswer::read(&bytes.as_bytes()[..cut]);
            if early != HttpAnswer::Partial {
                prop_assert_eq!(HttpAnswer::read(bytes.as_bytes()), early);
            }
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let HttpAnswer::Complete(code, phrase) = HttpAnswer::read(&bytes) {
                prop_assert!(!(100..200).contains(&code));
                prop_assert!(!phrase.chars().any(char::is_control));
            }
        }
    }
}
