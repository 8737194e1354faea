// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file with the users who may log in: a line for each, with a hash of the password.
//!
//! `alice:$pbkdf2-sha256$i=600000$SALT$HASH`, in the form of the PHC string format: salt and hash in base64 without `=`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use data_encoding::BASE64_NOPAD;
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive, verify};

/// How often the hash of a new password is repeated: what OWASP asks of PBKDF2 with SHA-256 (2023).
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
/// What is taken from a file. Above it one login would cost seconds.
const ANY_ROUNDS: RangeInclusive<u32> = 1_000..=10_000_000;
/// The bytes of a salt.
const SALTS: RangeInclusive<usize> = 8..=64;
/// The bytes of a hash.
const HASH: usize = 32;
/// The longest name.
const LONGEST_NAME: usize = 64;
/// The longest password, in bytes.
const LONGEST_PASSWORD: usize = 1024;
/// The shortest password that is set. NIST SP 800-63B asks for so many characters.
const SHORTEST_PASSWORD: usize = 8;
/// What stands before the number of rounds.
const KIND: &str = "$pbkdf2-sha256$i=";

/// What a password is compared with.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::web) struct Record {
    rounds: NonZeroU32,
    salt: Box<[u8]>,
    hash: [u8; HASH],
}

/// Those who may log in.
pub struct Users {
    records: BTreeMap<Box<str>, Record>,
    /// For a name that nobody has: it costs as much, and no password is right.
    nobody: Record,
}

/// A line that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct WrongLine {
    /// Its number, from 1.
    pub line: usize,
    why: &'static str,
}

/// Why a user cannot be given this password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The name.
    #[error(
        "the name of a user has 1 to {LONGEST_NAME} visible ASCII characters, no colon, and no # in front"
    )]
    Name,
    /// The password.
    #[error(
        "a password has {SHORTEST_PASSWORD} characters or more, {LONGEST_PASSWORD} bytes at most, and is one line"
    )]
    Password,
}

impl Users {
    /// Nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self::of(BTreeMap::new())
    }

    /// Reads a file. One wrong line makes it unusable: who is half in a file may be locked out, or not.
    pub fn read(bytes: &[u8]) -> Result<Self, WrongLine> {
        let mut records = BTreeMap::new();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let wrong = |why| WrongLine { line: number, why };
            let line = std::str::from_utf8(line).map_err(|_| wrong("it is not UTF-8"))?;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, hash) = line.split_once(':').ok_or_else(|| wrong("no colon"))?;
            if !is_name(name) {
                return Err(wrong("the name of a user is visible ASCII"));
            }
            let record = Record::read(hash).map_err(wrong)?;
            if records.insert(name.into(), record).is_some() {
                return Err(wrong("this user has a line above"));
            }
        }
        Ok(Self::of(records))
    }

    fn of(records: BTreeMap<Box<str>, Record>) -> Self {
        let most = records.values().map(|it| it.rounds).max();
        let nobody = Record {
            rounds: most.unwrap_or(ROUNDS),
            salt: [0; 16].into(),
            hash: [0; HASH],
        };
        Self { records, nobody }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(|it| &**it)
    }

    /// What the password of this user is compared with now.
    pub(in crate::web) fn record(&self, name: &str) -> Option<&Record> {
        self.records.get(name)
    }

    /// Compares a password. It takes some hundred milliseconds, for a name that nobody has as well.
    pub(in crate::web) fn verify(&self, name: &str, password: &[u8]) -> Option<Record> {
        let record = self.records.get(name);
        let against = record.unwrap_or(&self.nobody);
        let right = against.is_of(password) && password.len() <= LONGEST_PASSWORD;
        record.filter(|_| right).cloned()
    }
}

impl Record {
    fn read(text: &str) -> Result<Self, &'static str> {
        const FORM: &str =
            "after the name stands $pbkdf2-sha256$i=600000$SALT$HASH; director password makes it";
        let rest = text.strip_prefix(KIND).ok_or(FORM)?;
        let mut parts = rest.split('$');
        let (Some(rounds), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(FORM);
        };
        let rounds = rounds.parse().ok().filter(|it| ANY_ROUNDS.contains(it));
        let rounds = rounds.and_then(NonZeroU32::new);
        let rounds = rounds.ok_or("i must be 1000 to 10000000")?;
        let salt = BASE64_NOPAD.decode(salt.as_bytes()).ok();
        let salt = salt.filter(|it| SALTS.contains(&it.len()));
        let salt = salt.ok_or("the salt must be 8 to 64 bytes in base64 without =")?;
        let hash = BASE64_NOPAD.decode(hash.as_bytes()).ok();
        let hash = hash.and_then(|it| it.try_into().ok());
        let hash = hash.ok_or("the hash must be 32 bytes in base64 without =")?;
        Ok(Self {
            rounds,
            salt: salt.into(),
            hash,
        })
    }

    fn is_of(&self, password: &[u8]) -> bool {
        verify(
            PBKDF2_HMAC_SHA256,
            self.rounds,
            &self.salt,
            password,
            &self.hash,
        )
        .is_ok()
    }
}

/// Whether a user can have this name: HTTP's Basic has a colon after it.
fn is_name(name: &str) -> bool {
    let visible = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(visible) && !name.starts_with('#')
}

/// The line for a user, without its end. The salt is 16 random bytes.
pub fn user_line(name: &str, password: &str, salt: [u8; 16]) -> Result<String, Unfit> {
    hashed(name, password, salt, ROUNDS)
}

pub(in crate::web) fn hashed(
    name: &str,
    password: &str,
    salt: [u8; 16],
    rounds: NonZeroU32,
) -> Result<String, Unfit> {
    if !is_name(name) {
        return Err(Unfit::Name);
    }
    let fits = password.chars().count() >= SHORTEST_PASSWORD && password.len() <= LONGEST_PASSWORD;
    if !fits || password.chars().any(char::is_control) {
        return Err(Unfit::Password);
    }
    let mut hash = [0; HASH];
    let bytes = password.as_bytes();
    derive(PBKDF2_HMAC_SHA256, rounds, &salt, bytes, &mut hash);
    let (salt, hash) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&hash));
    Ok(format!("{name}:{KIND}{rounds}${salt}${hash}"))
}

/// A file in which this user has this line, in the place of an older one; all other lines stay as they are.
#[must_use]
pub fn with_line(file: &str, line: &str) -> String {
    let name = |line: &str| line.trim().split_once(':').map(|(name, _)| name.to_owned());
    let (wanted, mut put) = (name(line), false);
    let mut out = String::with_capacity(file.len() + line.len() + 1);
    for old in file.lines() {
        if name(old) != wanted {
            out.push_str(old);
        } else if put {
            continue;
        } else {
            out.push_str(line);
            put = true;
        }
        out.push('\n');
    }
    if !put {
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: NonZeroU32 = NonZeroU32::new(1000).unwrap();

    fn line(name: &str, password: &str) -> String {
        hashed(name, password, [7; 16], FEW).unwrap()
    }

    #[test]
    fn a_user_has_the_password_of_the_line_and_no_other() {
        let text = format!("# who may look\n\n{}\r\n", line("alice", "correct horse"));
        let users = Users::read(text.as_bytes()).unwrap();
        assert!(users.verify("alice", b"correct horse").is_some());
        for (name, password) in [
            ("alice", ""),
            ("alice", "correct hors"),
            ("Alice", "correct horse"),
            ("", "correct horse"),
        ] {
            assert!(users.verify(name, password.as_bytes()).is_none());
        }
        assert!(Users::nobody().verify("alice", b"correct horse").is_none());
    }

    /// Made with Python: `hashlib.pbkdf2_hmac("sha256", b"correct horse", b"0123456789abcdef", 1000)`.
    #[test]
    fn the_hash_is_the_one_that_others_make() {
        let text = "bob:$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M";
        let users = Users::read(text.as_bytes()).unwrap();
        assert!(users.verify("bob", b"correct horse").is_some());
    }

    #[test]
    fn a_name_that_nobody_has_costs_what_a_user_costs() {
        let users = Users::read(line("alice", "correct horse").as_bytes()).unwrap();
        assert_eq!(users.nobody.rounds, FEW);
        assert!(users.verify("mallory", b"").is_none());
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let good = line("alice", "correct horse");
        for (text, number, why) in [
            ("alice".to_owned(), 1, "no colon"),
            ("alice:secret".to_owned(), 1, "after the name stands"),
            (format!("{good}\n{good}"), 2, "has a line above"),
            (format!("{good}$"), 1, "after the name stands"),
            (good.replace("i=1000", "i=10"), 1, "i must be"),
            (good.replace("i=1000", "i=99999999999"), 1, "i must be"),
            (good.replace("BwcH", "B"), 1, "the salt must be"),
            (good[..good.len() - 1].to_owned(), 1, "the hash must be"),
            (format!("a\u{1b}b{good}"), 1, "visible ASCII"),
        ] {
            let error = Users::read(text.as_bytes()).err().unwrap();
            assert_eq!(error.line, number, "{text}");
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
        assert!(Users::read(b"\xff").is_err());
    }

    #[test]
    fn a_line_that_is_made_is_read_again_and_what_does_not_fit_is_refused() {
        for name in ["", "a:b", "#a", "a b", "ä", &"a".repeat(65)] {
            let made = hashed(name, "correct horse", [0; 16], FEW);
            assert_eq!(made, Err(Unfit::Name), "{name}");
        }
        for password in ["", "short", "with\na line", &"a".repeat(1025)] {
            let made = hashed("alice", password, [0; 16], FEW);
            assert_eq!(made, Err(Unfit::Password), "{password}");
        }
    }

    #[test]
    fn a_new_password_replaces_the_line_and_nothing_else() {
        let file = "# ours\nalice:old\nbob:x\nalice:older";
        assert_eq!(with_line(file, "alice:new"), "# ours\nalice:new\nbob:x\n");
        assert_eq!(with_line("", "alice:new"), "alice:new\n");
        assert_eq!(with_line("bob:x", "alice:new"), "bob:x\nalice:new\n");
    }
}
