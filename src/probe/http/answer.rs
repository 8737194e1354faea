// SPDX-License-Identifier: MIT OR Apache-2.0
//! The head of an HTTP answer, as far as it has come. It is hostile until read.

use httparse::{EMPTY_HEADER, Error, Response, Status};

use super::body::HttpBody;
use crate::codec::shown;

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
    /// The head of the final answer.
    Complete(HttpHead),
    /// Why this is no answer.
    Wrong(&'static str),
}

/// The head of a final answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHead {
    /// Its status code.
    pub status: u16,
    /// Its reason phrase, printable.
    pub phrase: Box<str>,
    /// How many bytes it has, interim answers included: the body begins there.
    pub length: usize,
    /// Where the body ends.
    pub body: HttpBody,
}

impl HttpAnswer {
    /// Reads what has come. Interim answers (`100 Continue`, RFC 9110 section 15.2) are passed over.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let is_full = bytes.len() >= MOST_BYTES;
        let mut begin = 0;
        loop {
            let mut headers = [EMPTY_HEADER; MOST_HEADERS];
            let mut response = Response::new(&mut headers);
            let rest = bytes.get(begin..).unwrap_or_default();
            let end = match response.parse(rest) {
                Ok(Status::Complete(end)) => begin + end,
                Ok(Status::Partial) if is_full => {
                    return Self::Wrong("the head of the answer has more than 16 KiB");
                }
                Ok(Status::Partial) => return Self::Partial,
                Err(Error::TooManyHeaders) => {
                    return Self::Wrong("the answer has more than 100 header lines");
                }
                Err(_) => return Self::Wrong("the answer is not HTTP/1"),
            };
            let status = response.code.unwrap_or_default();
            if (100..200).contains(&status) {
                begin = end;
                continue;
            }
            return Self::Complete(HttpHead {
                status,
                phrase: phrase(response.reason.unwrap_or_default()),
                length: end,
                body: HttpBody::of(status, response.headers),
            });
        }
    }
}

/// A server may write anything there.
fn phrase(reason: &str) -> Box<str> {
    shown(reason, LONGEST_PHRASE).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A final status and its phrase, nothing yet, or what is wrong.
    type Seen<'a> = Result<Option<(u16, &'a str)>, &'a str>;

    fn shown(answer: &HttpAnswer) -> Seen<'_> {
        match answer {
            HttpAnswer::Partial => Ok(None),
            HttpAnswer::Complete(head) => Ok(Some((head.status, &head.phrase))),
            HttpAnswer::Wrong(why) => Err(why),
        }
    }

    #[test]
    fn the_first_final_status_is_the_answer() {
        let many = "a: b\r\n".repeat(200);
        let long = "a".repeat(MOST_BYTES);
        let table: &[(&str, Seen<'_>)] = &[
            ("", Ok(None)),
            ("HTTP/1.1 200 OK\r\n", Ok(None)),
            ("HTTP/1.1 200 OK\r\n\r\n", Ok(Some((200, "OK")))),
            ("HTTP/1.0 204\r\nserver: x\r\n\r\nbody", Ok(Some((204, "")))),
            (
                "HTTP/1.1 503 Service Unavailable\n\n",
                Ok(Some((503, "Service Unavailable"))),
            ),
            ("HTTP/1.1 100 Continue\r\n\r\n", Ok(None)),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n",
                Ok(Some((404, "Not Found"))),
            ),
            ("HTTP/1.1 500 a\tb\r\n\r\n", Ok(Some((500, "ab")))),
            ("HTTP/2 200\r\n\r\n", Err("the answer is not HTTP/1")),
            ("AMQP\0\0\x09\x01", Err("the answer is not HTTP/1")),
            ("HTTP/1.1 99999 OK\r\n\r\n", Err("the answer is not HTTP/1")),
            (
                &format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
                Err("the answer has more than 100 header lines"),
            ),
            (
                &format!("HTTP/1.1 200 OK\r\na: {long}"),
                Err("the head of the answer has more than 16 KiB"),
            ),
        ];
        for (bytes, expected) in table {
            let start: String = bytes.chars().take(60).collect();
            assert_eq!(
                shown(&HttpAnswer::read(bytes.as_bytes())),
                *expected,
                "{start:?}"
            );
        }
        let long_phrase = format!("HTTP/1.1 200 {}\r\n\r\n", "ab ".repeat(100));
        let HttpAnswer::Complete(head) = HttpAnswer::read(long_phrase.as_bytes()) else {
            panic!("no status");
        };
        assert!(head.phrase.len() <= LONGEST_PHRASE, "{head:?}");
        assert_eq!(head.length, long_phrase.len());
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
            if let HttpAnswer::Complete(head) = HttpAnswer::read(&bytes) {
                prop_assert!(!(100..200).contains(&head.status));
                prop_assert!(!head.phrase.chars().any(char::is_control));
                prop_assert!(head.length <= bytes.len());
            }
        }
    }
}
