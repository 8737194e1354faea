// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands in the headers of a request: a name with a password, a cookie, a host.

use std::net::IpAddr;

use data_encoding::{BASE64, HEXLOWER};

/// The name and the password of `Authorization: Basic ...` (RFC 7617).
#[must_use]
pub fn basic(value: &[u8]) -> Option<(String, Vec<u8>)> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = BASE64.decode(rest.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (name, password) = decoded.split_at(colon);
    let name = std::str::from_utf8(name).ok()?.to_owned();
    Some((name, password.get(1..)?.to_vec()))
}

/// The first cookie of this name (RFC 6265, 4.2.1), when its value is a token of ours.
#[must_use]
pub fn cookie(value: &[u8], name: &str) -> Option<[u8; 32]> {
    let mut pairs = value.split(|byte| *byte == b';');
    let token = pairs.find_map(|pair| {
        let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=")
    })?;
    HEXLOWER.decode(token).ok()?.try_into().ok()
}

/// Whether a browser needs no DNS for what stands in `Host`: an IP address or `localhost`, with or without a port.
#[must_use]
pub fn needs_no_dns(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        let v6 = address.parse().is_ok_and(|it: IpAddr| it.is_ipv6());
        return v6 && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return false,
        None => host,
    };
    let v4 = name.parse().is_ok_and(|it: IpAddr| it.is_ipv4());
    v4 || name.eq_ignore_ascii_case("localhost")
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_have_colons_and_a_name_has_none() {
        let header = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
        let read = basic(header("alice:a:b").as_bytes()).unwrap();
        assert_eq!(read, ("alice".to_owned(), b"a:b".to_vec()));
        let read = basic(header(":").to_lowercase().as_bytes());
        assert_eq!(read, None, "base64 has its case");
        for wrong in [
            "",
            "Basic",
            "Basic ",
            "Basic !!!!",
            "Bearer YTpi",
            "Basic YQ==",
        ] {
            assert_eq!(basic(wrong.as_bytes()), None, "{wrong}");
        }
        assert!(basic(b"basic YTpi").is_some());
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let token = "ab".repeat(32);
        let of = |text: &str| cookie(text.replace('T', &token).as_bytes(), "d-8100");
        assert_eq!(of("a=b; d-8100=T"), Some([0xab; 32]));
        assert_eq!(of("d-8100=T;d-8100=x"), Some([0xab; 32]));
        for wrong in [
            "",
            "d-8100",
            "d-8100=",
            "xd-8100=T",
            "d-81000=T",
            "d-8100=Tab",
            "d-8100=\u{0}",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_addresses_and_localhost_need_no_dns() {
        for good in [
            "127.0.0.1",
            "127.0.0.1:8100",
            "[::1]:8100",
            "[::1]",
            "LOCALHOST:8100",
            "192.0.2.1",
        ] {
            assert!(needs_no_dns(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example:8100",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "localhost.evil.example",
            "127.0.0.1:8100@evil.example",
            "[::1",
            "[::1]evil",
            "::1",
            "[127.0.0.1]",
            "0x7f000001",
        ] {
            assert!(!needs_no_dns(bad), "{bad}");
        }
    }
}
