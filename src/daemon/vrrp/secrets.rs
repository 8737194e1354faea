// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files with the secrets of virtual routers. Another thread than theirs reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use tracing::warn;

use super::Routers;
use crate::codec::vrrp::{Key, Keys};
use crate::model::{ConfiguredRouter, HmacMode, RouterAuthentication, RouterHmac, VrrpPassword};
use crate::system::{is_readable_by_all, read_first_line};
use crate::vrrp::Credentials;

/// The longest file with a secret, in bytes.
const MOST_BYTES: u64 = 4096;
/// What stands before a key in hexadecimal digits. keepalived has the same word.
const HEX: &str = "hex:";

/// What stands in the files, by path; or why a file cannot be read.
#[derive(Clone, Default)]
pub(in crate::daemon) struct Secrets(BTreeMap<Box<Path>, Result<Box<[u8]>, String>>);

impl fmt::Debug for Secrets {
    /// The files, and nothing of what stands in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// Reads the files that these virtual routers name, and tells which of them everybody can read.
    pub(in crate::daemon) fn read(routers: &Routers) -> Self {
        for file in readable_by_all(routers) {
            let file = file.display();
            warn!(
                "everybody on this host can read the secret of virtual routers in {file}: chmod o-r"
            );
        }
        let files: BTreeSet<&Path> = files(routers).collect();
        let read = files.into_iter().map(|file| {
            let line = read_first_line(file, MOST_BYTES).map_err(|error| error.to_string());
            (file.into(), line)
        });
        Self(read.collect())
    }

    /// Why a virtual router could not prove who it is with these; the first reason.
    pub(in crate::daemon) fn problem(&self, routers: &Routers) -> Option<String> {
        routers.iter().find_map(|(name, router)| {
            let why = self.credentials(router).err()?;
            Some(format!("virtual router {name}: {why}"))
        })
    }

    /// What this virtual router proves with who it is. An error says which file is not right, and how.
    pub(super) fn credentials(&self, router: &ConfiguredRouter) -> Result<Credentials, String> {
        match &router.authentication {
            None => Ok(Credentials::None),
            Some(RouterAuthentication::Password(file)) => {
                let most = VrrpPassword::BYTES;
                let password = VrrpPassword::new(self.line(file)?);
                let wrong = || wrong(file, &format!("1 to {most} bytes, a password of version 2"));
                password.map(Credentials::Password).ok_or_else(wrong)
            }
            Some(RouterAuthentication::Hmac(hmac)) => self.hmac(hmac),
        }
    }

    fn hmac(&self, hmac: &RouterHmac) -> Result<Credentials, String> {
        let keys = hmac.keys.iter().map(|key| {
            let secret = key_bytes(self.line(&key.file)?);
            let (least, most) = (Key::BYTES.start(), Key::BYTES.end());
            let wanted =
                format!("a key: {HEX} and {least} to {most} bytes in hexadecimal digits, or so many characters");
            let key_of = |secret: Vec<u8>| Key::new(key.id, &secret);
            secret.and_then(key_of).ok_or_else(|| wrong(&key.file, &wanted))
        });
        let keys: Vec<Key> = keys.collect::<Result<_, String>>()?;
        let first = keys.first().map(Key::id);
        let (signs, enforced) = match hmac.mode {
            HmacMode::Enforce => (first, true),
            HmacMode::Permissive => (first, false),
            HmacMode::ReceiveOnly => (None, false),
        };
        let keys = Keys::new(keys).ok_or("two keys have one number")?;
        Ok(Credentials::Hmac {
            keys,
            signs,
            enforced,
        })
    }

    fn line(&self, file: &Path) -> Result<&[u8], String> {
        match self.0.get(file) {
            Some(Ok(line)) => Ok(line),
            Some(Err(why)) => Err(why.clone()),
            None => Err(format!("{} was not read", file.display())),
        }
    }
}

fn wrong(file: &Path, wanted: &str) -> String {
    format!("the first line of {} must be {wanted}", file.display())
}

/// The files with the secrets of these virtual routers.
fn files(routers: &Routers) -> impl Iterator<Item = &Path> {
    let all = routers.values().filter_map(|it| it.authentication.as_ref());
    all.flat_map(RouterAuthentication::files)
}

/// Those that everybody on this host can read.
pub(in crate::daemon) fn readable_by_all(routers: &Routers) -> BTreeSet<&Path> {
    files(routers).filter(|it| is_readable_by_all(it)).collect()
}

/// A key as it is written down; `None` when its digits are none.
fn key_bytes(line: &[u8]) -> Option<Vec<u8>> {
    let Some(digits) = line.strip_prefix(HEX.as_bytes()) else {
        return Some(line.to_vec());
    };
    let (pairs, rest) = digits.as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let digit = |it: u8| char::from(it).to_digit(16);
        let [high, low] = *pair;
        u8::try_from(digit(high)? << 4 | digit(low)?).ok()
    };
    pairs
        .iter()
        .map(byte)
        .collect::<Option<_>>()
        .filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_in_digits_or_as_it_is() {
        assert_eq!(key_bytes(b"hex:00fFa0"), Some(vec![0, 0xff, 0xa0]));
        assert_eq!(key_bytes(b"secret"), Some(b"secret".to_vec()));
        for wrong in [&b"hex:0"[..], b"hex:0g", b"hex:00 1", b"hex:+1"] {
            assert_eq!(key_bytes(wrong), None);
        }
    }

    #[test]
    fn secrets_are_never_printed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        std::fs::write(&file, "hush\nmore").unwrap();
        let text = format!(
            "virtual_routers: [{{interface: eth0, vrid: 1, addresses: [192.0.2.1], version: 2, authentication: \
             {{password_file: {}}}}}]\nvirtual_services: []\n",
            file.display()
        );
        let config = crate::config::parse("test.yaml", text.as_bytes()).unwrap();
        let secrets = Secrets::read(&config.routers);
        assert_eq!(secrets.problem(&config.routers), None);
        let shown = format!("{secrets:?}");
        assert!(
            shown.contains("password") && !shown.contains("hush"),
            "{shown}"
        );
        for (content, why) in [
            ("", "must be 1 to 8 bytes"),
            ("123456789", "must be 1 to 8 bytes"),
        ] {
            std::fs::write(&file, content).unwrap();
            let problem = Secrets::read(&config.routers).problem(&config.routers);
            assert!(
                problem.as_ref().is_some_and(|it| it.contains(why)),
                "{problem:?}"
            );
        }
        std::fs::remove_file(&file).unwrap();
        let problem = Secrets::read(&config.routers).problem(&config.routers);
        assert!(problem.is_some_and(|it| it.contains("no such file")));
    }
}
