// SPDX-License-Identifier: MIT OR Apache-2.0
//! The body of an HTTP answer, as far as it has come (RFC 9112, section 6.3).

use std::borrow::Cow;

use httparse::{Header, Status, parse_chunk_size};

/// As much of a body is read, with what frames it.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpBody {
    /// After this many bytes.
    Bytes(u64),
    /// After the last of its chunks.
    Chunked,
    /// Where the connection ends.
    ToTheEnd,
    /// Nobody can know where, because the length is impossible.
    Unknown,
}

/// What has come of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpContent<'a> {
    /// The content, without what frames it.
    pub bytes: Cow<'a, [u8]>,
    /// Whether it is all of it.
    pub ended: bool,
}

impl HttpBody {
    /// The body of an answer with this status and these headers.
    pub(super) fn of(status: u16, headers: &[Header<'_>]) -> Self {
        let named = |name: &str| {
            let headers = headers.iter();
            let name = name.to_owned();
            headers.filter(move |header| header.name.eq_ignore_ascii_case(&name))
        };
        if matches!(status, 204 | 304) {
            return Self::Bytes(0);
        }
        if let Some(encoding) = named("transfer-encoding").next_back() {
            let value = encoding.value.trim_ascii();
            let last = value.rsplit(|byte| *byte == b',').next();
            let chunked = last.is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(b"chunked"));
            return if chunked {
                Self::Chunked
            } else {
                Self::ToTheEnd
            };
        }
        // The same length may be there several times (RFC 9110, section 8.6).
        let values = named("content-length").flat_map(|it| it.value.split(|byte| *byte == b','));
        let mut length = None;
        for value in values {
            let text = str::from_utf8(value.trim_ascii()).ok();
            let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let bytes: Option<u64> = digits.and_then(|digits| digits.parse().ok());
            if bytes.is_none() || length.is_some_and(|length| Some(length) != bytes) {
                return Self::Unknown;
            }
            length = bytes;
        }
        length.map_or(Self::ToTheEnd, Self::Bytes)
    }

    /// Reads what has come behind the head. `closed` tells that no more comes. An error says what is wrong with it.
    pub fn read(self, came: &[u8], closed: bool) -> Result<HttpContent<'_>, &'static str> {
        let content = match self {
            Self::Bytes(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let bytes = came.get(..length).unwrap_or(came).into();
                let ended = came.len() >= length;
                HttpContent { bytes, ended }
            }
            Self::Unknown => return Err("the answer has an impossible Content-Length"),
            Self::Chunked => chunks(came)?,
            Self::ToTheEnd => HttpContent {
                bytes: came.into(),
                ended: closed,
            },
        };
        if closed && !content.ended {
            return Err("the server closed the connection within the answer");
        }
        Ok(content)
    }
}

/// The content of the chunks that have come. What follows the last one is of no interest.
fn chunks(mut came: &[u8]) -> Result<HttpContent<'static>, &'static str> {
    let mut content = Vec::new();
    loop {
        let (begin, length) = match parse_chunk_size(came) {
            Ok(Status::Complete((begin, length))) => (begin, length),
            Ok(Status::Partial) => break,
            Err(_) => return Err("the answer has a broken chunk"),
        };
        if length == 0 {
            let (bytes, ended) = (content.into(), true);
            return Ok(HttpContent { bytes, ended });
        }
        let rest = came.get(begin..).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((chunk, rest)) = rest.split_at_checked(length) else {
            content.extend(rest);
            break;
        };
        content.extend(chunk);
        came = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => break,
            [..] => return Err("the answer has a broken chunk"),
        };
    }
    let (bytes, ended) = (content.into(), false);
    Ok(HttpContent { bytes, ended })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&str, &str)]) -> HttpBody {
        let headers: Vec<Header<'_>> = headers
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_bytes(),
            })
            .collect();
        HttpBody::of(200, &headers)
    }

    #[test]
    fn the_headers_say_where_a_body_ends() {
        for (headers, expected) in [
            (&[][..], HttpBody::ToTheEnd),
            (&[("Content-Length", "12")], HttpBody::Bytes(12)),
            (
                &[("content-length", "12"), ("Content-Length", " 12 ")],
                HttpBody::Bytes(12),
            ),
            (
                &[("content-length", "12"), ("content-length", "13")],
                HttpBody::Unknown,
            ),
            (&[("content-length", "-1")], HttpBody::Unknown),
            (&[("content-length", "")], HttpBody::Unknown),
            (&[("content-length", "5, 5")], HttpBody::Bytes(5)),
            (&[("content-length", "5, 6")], HttpBody::Unknown),
            (
                &[("content-length", "99999999999999999999")],
                HttpBody::Unknown,
            ),
            (
                &[
                    ("Transfer-Encoding", "gzip, Chunked"),
                    ("Content-Length", "x"),
                ],
                HttpBody::Chunked,
            ),
            (&[("transfer-encoding", "gzip")], HttpBody::ToTheEnd),
        ] {
            assert_eq!(of(headers), expected, "{headers:?}");
        }
        assert_eq!(HttpBody::of(204, &[]), HttpBody::Bytes(0));
    }

    #[test]
    fn a_body_is_read_as_far_as_it_has_come() {
        let broken = Err("the answer has a broken chunk");
        let early = Err("the server closed the connection within the answer");
        for (body, came, closed, expected) in [
            (HttpBody::Bytes(0), "", false, Ok(("", true))),
            (HttpBody::Bytes(3), "ab", false, Ok(("ab", false))),
            (HttpBody::Bytes(3), "abcd", false, Ok(("abc", true))),
            (HttpBody::Bytes(3), "ab", true, early),
            (HttpBody::ToTheEnd, "ab", false, Ok(("ab", false))),
            (HttpBody::ToTheEnd, "ab", true, Ok(("ab", true))),
            (HttpBody::Chunked, "", false, Ok(("", false))),
            (HttpBody::Chunked, "3\r\nab", false, Ok(("ab", false))),
            (HttpBody::Chunked, "3\r\nab", true, early),
            (
                HttpBody::Chunked,
                "3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\nmore",
                false,
                Ok(("abcd", true)),
            ),
            (HttpBody::Chunked, "3\r\nabcd", false, broken),
            (HttpBody::Chunked, "x\r\n", false, broken),
            (
                HttpBody::Chunked,
                "ffffffffffffffff\r\nab",
                false,
                Ok(("ab", false)),
            ),
            (HttpBody::Chunked, "1ffffffffffffffff\r\n", false, broken),
        ] {
            let read = body.read(came.as_bytes(), closed);
            let expected = expected.map(|(bytes, ended)| HttpContent {
                bytes: bytes.as_bytes().into(),
                ended,
            });
            assert_eq!(read, expected, "{came:?}");
        }
    }
}
