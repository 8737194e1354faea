// SPDX-License-Identifier: MIT OR Apache-2.0
//! A question to a DNS server, and the records of its answer. The answer is hostile until read.
//!
//! Source: RFC 1035, section 4 (messages, names and their compression); RFC 2782 (SRV); RFC 3596 (AAAA).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::model::{DnsData, DnsField, DnsName, DnsRcode, DnsType};

/// The longest message, in bytes.
pub const MOST_BYTES: usize = u16::MAX as usize;

/// Class Internet.
const INTERNET: u16 = 1;
/// The bits of a header's flags that matter here.
mod flag {
    pub(super) const ANSWER: u16 = 0x8000;
    pub(super) const OPCODE: u16 = 0x7800;
    pub(super) const TRUNCATED: u16 = 0x0200;
    pub(super) const RECURSION_DESIRED: u16 = 0x0100;
    pub(super) const RCODE: u16 = 0x000f;
}
/// The longest name in a message, with the lengths of its labels, in bytes.
const LONGEST_NAME: usize = 255;
/// A name has no more labels, so it needs no more pointers.
const MOST_POINTERS: usize = 127;

/// A message that asks for the records of this name, type, and class Internet. A resolver is to look further.
#[must_use]
pub fn question(id: u16, name: &DnsName, kind: DnsType) -> Vec<u8> {
    let mut message = Vec::with_capacity(64);
    for short in [id, flag::RECURSION_DESIRED, 1, 0, 0, 0] {
        message.extend(short.to_be_bytes());
    }
    for label in name.labels() {
        // A label has 63 bytes at most.
        message.extend(u8::try_from(label.len()));
        message.extend(label.bytes());
    }
    message.push(0);
    message.extend(kind.0.to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    message
}

/// An answer to our question.
#[derive(Debug, Clone, Copy)]
pub struct DnsAnswer<'a> {
    /// Whether it says so.
    pub rcode: DnsRcode,
    /// Whether a part is missing: then none of its records count.
    pub is_truncated: bool,
    kind: DnsType,
    records: u16,
    /// Where its records are.
    rest: Reader<'a>,
}

/// Why a message is no answer to our question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDnsAnswer {
    /// It has another number: somebody else may have sent it.
    OtherId,
    /// It has our number, and is wrong.
    Wrong(&'static str),
}

impl<'a> DnsAnswer<'a> {
    /// Reads a message as the answer to [`question`] with the same arguments. Its records are read by
    /// [`DnsAnswer::records`].
    pub fn read(
        message: &'a [u8],
        id: u16,
        name: &DnsName,
        kind: DnsType,
    ) -> Result<Self, NoDnsAnswer> {
        use NoDnsAnswer::{OtherId, Wrong};
        const SHORT: NoDnsAnswer = Wrong("the answer has no whole head");
        let mut rest = Reader { message, at: 0 };
        if rest.short() != Some(id) {
            return Err(OtherId);
        }
        let flags = rest.short().ok_or(SHORT)?;
        let questions = rest.short().ok_or(SHORT)?;
        let records = rest.short().ok_or(SHORT)?;
        let _others = rest.long().ok_or(SHORT)?;
        if flags & flag::ANSWER == 0 || flags & flag::OPCODE != 0 {
            return Err(Wrong("the answer is none: it is a question"));
        }
        // Four bits.
        let rcode = DnsRcode(u8::try_from(flags & flag::RCODE).unwrap_or_default());
        match questions {
            1 => {
                let asked = rest.question();
                if asked != Some((name.text().to_owned(), kind, INTERNET)) {
                    return Err(Wrong("the answer is for another question"));
                }
            }
            // Some servers that refuse a question do not repeat it.
            0 if rcode != DnsRcode::NO_ERROR => {}
            _ => return Err(Wrong("the answer does not repeat the question")),
        }
        Ok(Self {
            rcode,
            is_truncated: flags & flag::TRUNCATED != 0,
            kind,
            records,
            rest,
        })
    }

    /// The records of the type that was asked for, as [`DnsType::written`] writes them; those of an unknown type are empty
    /// texts. `None` stands for the end of an answer that ends too early.
    pub fn records(self) -> impl Iterator<Item = Option<String>> {
        let (mut rest, mut left) = (Some(self.rest), self.records);
        std::iter::from_fn(move || {
            loop {
                left = left.checked_sub(1)?;
                let read = rest.as_mut()?.record(self.kind);
                match read {
                    Some(Record::Other) => {}
                    Some(Record::Wanted(text)) => return Some(Some(text)),
                    None => {
                        rest = None;
                        return Some(None);
                    }
                }
            }
        })
    }
}

/// A record that was read.
enum Record {
    /// Of another type or class.
    Other,
    Wanted(String),
}

/// What has been read of a message. All of its readers return `None` when the message ends too early.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.message.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn long(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A name as text. A pointer must point before all of the name that was read: so there is an end.
    fn name(&mut self) -> Option<String> {
        let mut text = String::new();
        let (mut length, mut pointers) = (1, 0);
        let (mut label, mut first) = (*self, self.at);
        let mut behind = None;
        loop {
            let size = label.byte()?;
            match usize::from(size) {
                0 => break,
                size @ 1..=63 => {
                    length += 1 + size;
                    if length > LONGEST_NAME {
                        return None;
                    }
                    write_label(&mut text, label.bytes(size)?);
                }
                high @ 0xc0.. => {
                    let to = (high & 0x3f) << 8 | usize::from(label.byte()?);
                    behind.get_or_insert(label.at);
                    pointers += 1;
                    if to >= first || pointers > MOST_POINTERS {
                        return None;
                    }
                    (first, label.at) = (to, to);
                }
                64..0xc0 => return None,
            }
        }
        self.at = behind.unwrap_or(label.at);
        if text.is_empty() {
            text.push('.');
        }
        Some(text)
    }

    fn question(&mut self) -> Option<(String, DnsType, u16)> {
        Some((self.name()?, DnsType(self.short()?), self.short()?))
    }

    /// A record, if it is one of this type.
    fn record(&mut self, wanted: DnsType) -> Option<Record> {
        let (_owner, kind, class) = self.question()?;
        let _seconds = self.long()?;
        let length = usize::from(self.short()?);
        let mut data = *self;
        self.bytes(length)?;
        if kind != wanted || class != INTERNET {
            return Some(Record::Other);
        }
        let text = match kind.data() {
            DnsData::Ipv4 => Ipv4Addr::from(data.array()?).to_string(),
            DnsData::Ipv6 => Ipv6Addr::from(data.array::<16>()?).to_string(),
            DnsData::Text => data.text(self.at)?,
            DnsData::Fields(fields) => {
                let words = fields.iter().map(|field| data.field(*field));
                words.collect::<Option<Vec<_>>>()?.join(" ")
            }
            DnsData::Unknown => return Some(Record::Wanted(String::new())),
        };
        (data.at == self.at).then_some(Record::Wanted(text))
    }

    fn field(&mut self, field: DnsField) -> Option<String> {
        match field {
            DnsField::Name => self.name(),
            DnsField::Short => Some(self.short()?.to_string()),
            DnsField::Long => Some(self.long()?.to_string()),
        }
    }

    /// The texts up to `end`, as one.
    fn text(&mut self, end: usize) -> Option<String> {
        let mut bytes = Vec::new();
        while self.at < end {
            let length = usize::from(self.byte()?);
            bytes.extend(self.bytes(length)?);
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Adds a label in lower case. What cannot be in a [`DnsName`] is written as `\NNN` (RFC 1035, section 5.1).
fn write_label(text: &mut String, label: &[u8]) {
    if !text.is_empty() {
        text.push('.');
    }
    for byte in label {
        if byte.is_ascii_graphic() && !matches!(byte, b'.' | b'\\' | b'"') {
            text.push(char::from(byte.to_ascii_lowercase()));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\{byte:03}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: u16 = 0x1234;
    /// Where the name of the question is.
    const NAME: [u8; 2] = [0xc0, 12];

    fn name() -> DnsName {
        DnsName::parse("www.Example").unwrap()
    }

    fn kind(word: &str) -> DnsType {
        DnsType::of(word).unwrap()
    }

    /// An answer with these flags to a question for records of this type.
    fn answer(kind: DnsType, flags: u16, records: &[(DnsType, &[u8])]) -> Vec<u8> {
        let mut message = question(ID, &name(), kind);
        message[2..4].copy_from_slice(&(flag::ANSWER | flags).to_be_bytes());
        message[7] = u8::try_from(records.len()).unwrap();
        for (kind, data) in records {
            message.extend(NAME);
            message.extend(kind.0.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60]);
            message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend(*data);
        }
        message
    }

    fn read(message: &[u8], kind: DnsType) -> Result<(DnsRcode, bool), NoDnsAnswer> {
        let read = DnsAnswer::read(message, ID, &name(), kind);
        read.map(|it| (it.rcode, it.is_truncated))
    }

    fn records(message: &[u8], kind: DnsType) -> Vec<Option<String>> {
        let read = DnsAnswer::read(message, ID, &name(), kind).unwrap();
        read.records().collect()
    }

    #[test]
    fn a_question_has_the_bytes_of_the_standard() {
        let bytes = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x1c\0\x01";
        assert_eq!(question(ID, &name(), kind("aaaa")), bytes);
        let root = DnsName::parse(".").unwrap();
        let bytes = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\0\0\x06\0\x01";
        assert_eq!(question(1, &root, kind("soa")), bytes);
    }

    #[test]
    fn records_of_every_type_are_written_as_people_write_them() {
        let table: [(&str, &[u8], &str); 9] = [
            ("a", &[10, 0, 0, 5], "10.0.0.5"),
            (
                "aaaa",
                &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5],
                "2001:db8::5",
            ),
            ("cname", b"\x01A\xc0\x10", "a.example"),
            ("ns", b"\0", "."),
            ("ptr", b"\x05a.b\\\xff\0", "a\\046b\\092\\255"),
            ("mx", b"\0\x0a\x04mail\xc0\x0c", "10 mail.www.example"),
            ("srv", b"\0\0\0\x05\x13\xc4\0", "0 5 5060 ."),
            ("txt", b"\x03a b\0\x02=\xff", "a b=\u{fffd}"),
            (
                "soa",
                b"\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\xff\xff\xff\xff",
                ". . 1 2 3 4 4294967295",
            ),
        ];
        for (word, data, text) in table {
            let kind = kind(word);
            let others = (DnsType(99), &b"anything"[..]);
            let message = answer(kind, 0, &[others, (kind, data)]);
            assert_eq!(read(&message, kind), Ok((DnsRcode::NO_ERROR, false)));
            assert_eq!(records(&message, kind), [Some(text.to_owned())], "{word}");
            // Cut anywhere, it has an end.
            for length in 0..message.len() {
                let cut = DnsAnswer::read(&message[..length], ID, &name(), kind);
                let ends = |it: DnsAnswer<'_>| it.records().last() == Some(None);
                assert!(cut.is_err() || cut.is_ok_and(ends), "{word} {length}");
            }
        }
        let unknown = answer(DnsType(99), 0, &[(DnsType(99), b"x")]);
        assert_eq!(records(&unknown, DnsType(99)), [Some(String::new())]);
    }

    #[test]
    fn data_of_another_length_than_it_says_is_wrong() {
        for (word, data) in [
            ("a", &[10, 0, 0][..]),
            ("a", &[10, 0, 0, 5, 6]),
            ("txt", b"\x03ab"),
            ("cname", b"\xc0\x0cmore"),
            ("mx", b"\0"),
        ] {
            let message = answer(kind(word), 0, &[(kind(word), data)]);
            assert_eq!(records(&message, kind(word)), [None], "{word}");
        }
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let a = DnsType::A;
        let good = answer(a, 0, &[]);
        assert_eq!(read(&[], a), Err(NoDnsAnswer::OtherId));
        assert_eq!(read(&[0x12], a), Err(NoDnsAnswer::OtherId));
        let changed = |at: usize, byte| {
            let mut message = good.clone();
            message[at] = byte;
            read(&message, a)
        };
        assert_eq!(changed(1, 0), Err(NoDnsAnswer::OtherId));
        for (at, byte, why) in [
            (2, 0, "the answer is none: it is a question"),
            (2, 0xa0, "the answer is none: it is a question"),
            (5, 0, "the answer does not repeat the question"),
            (5, 2, "the answer does not repeat the question"),
            (13, b'x', "the answer is for another question"),
            (26, 2, "the answer is for another question"),
            (28, 3, "the answer is for another question"),
        ] {
            assert_eq!(changed(at, byte), Err(NoDnsAnswer::Wrong(why)), "{at}");
        }
        // Names are the same in any case.
        assert_eq!(changed(13, b'W'), Ok((DnsRcode::NO_ERROR, false)));
    }

    #[test]
    fn codes_and_truncation_are_read_also_when_the_question_is_not_repeated() {
        let (a, refused) = (DnsType::A, DnsRcode(5));
        let truncated = answer(a, flag::TRUNCATED, &[]);
        assert_eq!(read(&truncated, a), Ok((DnsRcode::NO_ERROR, true)));
        let mut short = answer(a, 5, &[]);
        assert_eq!(read(&short, a), Ok((refused, false)));
        short[5] = 0;
        assert_eq!(read(&short[..12], a), Ok((refused, false)));
    }

    #[test]
    fn pointers_never_loop() {
        let cname = kind("cname");
        // To itself, forward, to one that points back, and one after the other.
        let itself = answer(cname, 0, &[(cname, &[0xc0, 41])]);
        assert_eq!(itself[41..], [0xc0, 41]);
        let forward = answer(cname, 0, &[(cname, &[0xc0, 43, 0])]);
        let after_a_label = answer(cname, 0, &[(cname, &[1, b'a', 0xc0, 41])]);
        let other_kinds = answer(cname, 0, &[(cname, &[0x40, 0])]);
        for message in [itself, forward, after_a_label, other_kinds] {
            assert_eq!(records(&message, cname), [None]);
        }
        let chain: Vec<u8> = (0..200_u16)
            .flat_map(|step| match step {
                0 => [0, 0],
                step => (0xc000 | (41 + 2 * (step - 1))).to_be_bytes(),
            })
            .collect();
        let long = answer(cname, 0, &[(DnsType(99), &chain), (cname, &[0xc0, 41 + 6])]);
        assert_eq!(records(&long, cname), [Some(".".to_owned())]);
        let last = (0xc000_u16 | (41 + 398)).to_be_bytes();
        let longer = answer(cname, 0, &[(DnsType(99), &chain), (cname, &last)]);
        assert_eq!(records(&longer, cname), [None]);
    }

    #[test]
    fn a_name_is_no_longer_than_names_can_be() {
        let cname = kind("cname");
        let labels = |number: usize| [[&[49][..], &[b'a'; 49]].concat().repeat(number), vec![0]];
        for (number, fits) in [(5, true), (6, false)] {
            let data = labels(number).concat();
            let message = answer(cname, 0, &[(cname, &data)]);
            assert_eq!(records(&message, cname)[0].is_some(), fits, "{number}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_end(
            flags in any::<u16>(), tail in prop::collection::vec(any::<u8>(), 0..200), word in 0..9_usize,
        ) {
            let kind = kind(["a", "aaaa", "cname", "ns", "ptr", "mx", "srv", "txt", "soa"][word]);
            let mut message = answer(kind, flags & !flag::OPCODE, &[]);
            message[6..8].copy_from_slice(&[0xff, 0xff]);
            message.extend(tail);
            let read = DnsAnswer::read(&message, ID, &name(), kind).unwrap();
            prop_assert!(read.records().count() <= 200);
        }
    }
}
