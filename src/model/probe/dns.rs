// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a DNS probe asks, and which answers are right.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// One question to a DNS server (RFC 1035).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DnsProbe {
    /// How it is asked.
    pub transport: DnsTransport,
    /// The name that is asked for.
    pub name: DnsName,
    /// The type of record that is asked for.
    #[serde(rename = "type")]
    pub kind: DnsType,
    /// Records, each as [`DnsType::written`] writes it. One of them must be in the answer; none is wanted when it is empty.
    pub expect: Box<[Box<str>]>,
    /// The response codes that are a success; never empty.
    pub rcodes: Box<[DnsRcode]>,
}

impl DnsProbe {
    /// The port of DNS servers.
    pub const PORT: u16 = 53;

    /// What it asks, and of whom: as [`super::Probe`] is printed. What is as it always is, is left out.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dns {at} {} {}", self.name, self.kind)?;
        if self.transport == DnsTransport::Tcp {
            f.write_str(" by tcp")?;
        }
        for (at, expected) in self.expect.iter().enumerate() {
            write!(
                f,
                "{} {expected:?}",
                if at == 0 { " expect" } else { " or" }
            )?;
        }
        if *self.rcodes == [DnsRcode::NO_ERROR] {
            return Ok(());
        }
        let rcodes: Vec<String> = self.rcodes.iter().map(ToString::to_string).collect();
        write!(f, " rcode {}", rcodes.join(","))
    }
}

/// How a question goes to a DNS server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsTransport {
    /// In a datagram. A truncated answer is asked for again by TCP, as every resolver does (RFC 2181, section 9).
    Udp,
    /// Over a TCP connection.
    Tcp,
}

impl DnsTransport {
    /// Its word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// A domain name: labels of visible ASCII characters, in lower case, without the last dot. The root is `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DnsName(Box<str>);

/// A text that is no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a domain name has labels of 1 to 63 visible ASCII characters, 253 with their dots")]
pub struct WrongDnsName;

impl DnsName {
    /// The longest name as text, and the longest label (RFC 1035, section 2.3.4), in bytes.
    const LONGEST: (usize, usize) = (253, 63);

    /// Reads a name, with or without its last dot.
    pub fn parse(text: &str) -> Result<Self, WrongDnsName> {
        let (longest, longest_label) = Self::LONGEST;
        if text == "." {
            return Ok(Self(text.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        // A backslash would begin an escape, and a quote a text.
        let possible = |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"');
        let is_label =
            |it: &str| (1..=longest_label).contains(&it.len()) && it.bytes().all(possible);
        if name.len() > longest || !name.split('.').all(is_label) {
            return Err(WrongDnsName);
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }

    /// Its labels; the root has none.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').filter(|label| !label.is_empty())
    }

    /// The name as text.
    #[must_use]
    pub const fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DnsName> for String {
    fn from(name: DnsName) -> Self {
        name.0.into()
    }
}

impl TryFrom<String> for DnsName {
    type Error = WrongDnsName;

    fn try_from(text: String) -> Result<Self, WrongDnsName> {
        Self::parse(&text)
    }
}

/// A type of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DnsType(pub u16);

/// What a record of a type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsData {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Any text.
    Text,
    /// These fields, in this order.
    Fields(&'static [DnsField]),
    /// Something that is not read.
    Unknown,
}

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsField {
    /// A domain name.
    Name,
    /// A number of 16 bits.
    Short,
    /// A number of 32 bits.
    Long,
}

impl DnsType {
    /// An IPv4 address: what is asked for when nothing is written.
    pub const A: Self = Self(1);

    /// The types that have a word.
    const WORDS: [(&str, Self); 9] = [
        ("a", Self::A),
        ("ns", Self(2)),
        ("cname", Self(5)),
        ("soa", Self(6)),
        ("ptr", Self(12)),
        ("mx", Self(15)),
        ("txt", Self(16)),
        ("aaaa", Self(28)),
        ("srv", Self(33)),
    ];

    /// The type with this word, in lower or upper case.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let mut words = Self::WORDS.iter();
        let found = words.find(|(known, _)| known.eq_ignore_ascii_case(word));
        found.map(|(_, kind)| *kind)
    }

    /// Its word, if it has one.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        let found = Self::WORDS.iter().find(|(_, kind)| *kind == self);
        found.map(|(word, _)| *word)
    }

    /// What its records have.
    #[must_use]
    pub fn data(self) -> DnsData {
        use DnsField::{Long, Name, Short};
        match self.word() {
            Some("a") => DnsData::Ipv4,
            Some("aaaa") => DnsData::Ipv6,
            Some("txt") => DnsData::Text,
            Some("ns" | "cname" | "ptr") => DnsData::Fields(&[Name]),
            Some("mx") => DnsData::Fields(&[Short, Name]),
            Some("srv") => DnsData::Fields(&[Short, Short, Short, Name]),
            Some("soa") => DnsData::Fields(&[Name, Name, Long, Long, Long, Long, Long]),
            Some(_) | None => DnsData::Unknown,
        }
    }

    /// A record of this type as it is always written, from how a person writes it; `None` when it is none.
    #[must_use]
    pub fn written(self, text: &str) -> Option<Box<str>> {
        match self.data() {
            DnsData::Ipv4 => Some(text.parse::<Ipv4Addr>().ok()?.to_string().into()),
            DnsData::Ipv6 => Some(text.parse::<Ipv6Addr>().ok()?.to_string().into()),
            DnsData::Text => Some(text.into()),
            DnsData::Fields(fields) => {
                let words: Vec<&str> = text.split_ascii_whitespace().collect();
                let same = words.len() == fields.len();
                let mut pairs = fields.iter().zip(words).filter(|_| same);
                let first = pairs.next()?;
                let written = pairs.try_fold(first.0.written(first.1)?, |text, (field, word)| {
                    Some(text + " " + &field.written(word)?)
                });
                Some(written?.into())
            }
            DnsData::Unknown => None,
        }
    }
}

impl DnsField {
    fn written(self, word: &str) -> Option<String> {
        match self {
            Self::Name => Some(DnsName::parse(word).ok()?.to_string()),
            Self::Short => Some(word.parse::<u16>().ok()?.to_string()),
            Self::Long => Some(word.parse::<u32>().ok()?.to_string()),
        }
    }
}

impl fmt::Display for DnsType {
    /// Its word, or else its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word() {
            Some(word) => f.write_str(word),
            None => self.0.fmt(f),
        }
    }
}

/// A response code: 0 to 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DnsRcode(pub u8);

impl DnsRcode {
    /// All is well.
    pub const NO_ERROR: Self = Self(0);
    /// The highest: there are 4 bits.
    pub const MAX: u8 = 15;

    /// The codes of RFC 1035, section 4.1.1.
    const WORDS: [&str; 6] = [
        "noerror", "formerr", "servfail", "nxdomain", "notimp", "refused",
    ];

    /// The code with this word, in lower or upper case.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let mut words = (0..).zip(Self::WORDS);
        let found = words.find(|(_, known)| known.eq_ignore_ascii_case(word));
        found.map(|(code, _)| Self(code))
    }
}

impl fmt::Display for DnsRcode {
    /// Its word, or else its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::WORDS.get(usize::from(self.0)) {
            Some(word) => f.write_str(word),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_any_case_and_with_its_last_dot() {
        for (text, name) in [
            ("Example.COM.", "example.com"),
            (".", "."),
            ("_sip._tcp.a", "_sip._tcp.a"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(DnsName::parse(text).unwrap().text(), name);
        }
        let long = "a".repeat(64);
        let longer = ["a"; 128].join(".");
        for text in ["", "..", "a..b", ".a", "a b", "é", "a\\.b", &long, &longer] {
            assert_eq!(DnsName::parse(text), Err(WrongDnsName), "{text:?}");
        }
        assert_eq!(DnsName::parse(".").unwrap().labels().count(), 0);
        let longest = ["a"; 127].join(".");
        assert_eq!(DnsName::parse(&longest).unwrap().labels().count(), 127);
    }

    #[test]
    fn a_record_has_one_way_to_be_written() {
        let kind = |word| DnsType::of(word).unwrap();
        for (word, text, written) in [
            ("A", "10.0.0.5", Some("10.0.0.5")),
            ("a", "2001:db8::5", None),
            ("aaaa", "2001:DB8:0::5", Some("2001:db8::5")),
            ("cname", "WWW.example.", Some("www.example")),
            ("mx", "010  Mail.example.", Some("10 mail.example")),
            ("mx", "mail.example", None),
            ("mx", "10 mail.example more", None),
            ("srv", "0 5 5060 sip.example", Some("0 5 5060 sip.example")),
            ("srv", "0 5 65536 sip.example", None),
            ("soa", "a. b. 1 2 3 4 5", Some("a b 1 2 3 4 5")),
            ("txt", " v=spf1  -all", Some(" v=spf1  -all")),
        ] {
            assert_eq!(kind(word).written(text).as_deref(), written, "{text}");
        }
        assert_eq!(DnsType(257).written("0"), None);
        assert_eq!(DnsType(257).to_string(), "257");
        assert_eq!(DnsRcode(3).to_string(), "nxdomain");
        assert_eq!(DnsRcode(9).to_string(), "9");
    }
}
