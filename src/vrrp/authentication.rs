// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may speak for a virtual router: passwords, and signatures that are good once.

use std::net::IpAddr;
use std::time::Duration;

use crate::codec::vrrp::{
    self, Advertisement, AntiReplay, Delivery, Heard, Keys, Numbering, Proof, Refused, ReplayGuard,
    Signature, Terms,
};
use crate::model::{ChecksumForm, Vrid, VrrpPassword};

/// What advertisements carry to prove who sent them.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// The password of version 2.
    Password(VrrpPassword),
    /// A signature.
    Hmac {
        /// The keys that are accepted.
        keys: Keys,
        /// The number of the key that signs; `None` when nothing is signed.
        signs: Option<u8>,
        /// Whether what is not signed is dropped.
        enforced: bool,
    },
}

/// Writes the advertisements of one virtual router, and reads those of others.
#[derive(Debug, Clone)]
pub struct Authenticator {
    vrid: Vrid,
    credentials: Credentials,
    numbering: Numbering,
    guard: ReplayGuard,
}

impl Authenticator {
    /// Of a virtual router that has sent and heard nothing.
    #[must_use]
    pub const fn new(vrid: Vrid, credentials: Credentials, anti_replay: AntiReplay) -> Self {
        Self {
            vrid,
            credentials,
            numbering: Numbering::new(anti_replay),
            guard: ReplayGuard::new(anti_replay),
        }
    }

    /// From now on with these. What was heard before is known still: a recording of it is refused.
    pub fn renew(&mut self, credentials: Credentials) {
        self.credentials = credentials;
    }

    /// Whether it matters what time it is: signatures have it. Else any time will do.
    #[must_use]
    pub const fn needs_clock(&self) -> bool {
        match self.credentials {
            Credentials::Hmac { .. } => true,
            Credentials::None | Credentials::Password(_) => false,
        }
    }

    /// What an IP packet carries that says this. `since_1970` is this host's clock.
    pub fn write(
        &mut self,
        since_1970: Duration,
        advertisement: Advertisement,
        (source, destination): (IpAddr, IpAddr),
        form: ChecksumForm,
    ) -> Vec<u8> {
        let (password, key) = match &self.credentials {
            Credentials::None => (None, None),
            Credentials::Password(password) => (Some(*password), None),
            Credentials::Hmac { keys, signs, .. } => (None, signs.and_then(|id| keys.get(id))),
        };
        let advertisement = Advertisement {
            password,
            ..advertisement
        };
        let signature = key.map(|key| Signature {
            key,
            sequence: self.numbering.next(since_1970),
        });
        advertisement.emit(source, destination, form, signature.as_ref())
    }

    /// What an IP packet says, when it is an advertisement. One about this virtual router has proved who sent it.
    pub fn read(
        &mut self,
        since_1970: Duration,
        payload: &[u8],
        delivery: &Delivery,
    ) -> Result<Heard, Refused> {
        // Another virtual router on the LAN has other secrets.
        let ours = self.concerns(payload);
        let nothing = Keys::default();
        let keys = match &self.credentials {
            Credentials::Hmac { keys, .. } if ours => keys,
            Credentials::Hmac { .. } | Credentials::None | Credentials::Password(_) => &nothing,
        };
        let heard = vrrp::parse(payload, delivery, &Terms::on_the_lan(keys))?;
        if ours {
            self.believe(since_1970, delivery.source, &heard)?;
        }
        Ok(heard)
    }

    /// Whether these bytes, if they are an advertisement, are about this virtual router.
    #[must_use]
    pub fn concerns(&self, payload: &[u8]) -> bool {
        payload.get(1) == Some(&self.vrid.get())
    }

    /// Source for passwords: RFC 3768, section 5.3.6: another kind of authentication than ours is discarded.
    fn believe(
        &mut self,
        since_1970: Duration,
        source: IpAddr,
        heard: &Heard,
    ) -> Result<(), Refused> {
        let password = heard.advertisement.password;
        match (&self.credentials, password, heard.proof) {
            (Credentials::None, None, _) => Ok(()),
            (Credentials::Password(ours), Some(theirs), _) if *ours == theirs => Ok(()),
            (Credentials::Password(_), Some(_), _) => Err(Refused::Password),
            (Credentials::Password(_), None, _) => Err(Refused::PasswordMissing),
            (Credentials::None, Some(_), _) => Err(Refused::PasswordUnexpected),
            // The number of a signature that is right, and of nothing else, moves the guard.
            (Credentials::Hmac { .. }, _, Proof::Signed { sequence, .. }) => {
                self.guard.accept(since_1970, source, sequence)
            }
            (Credentials::Hmac { enforced, .. }, _, Proof::Absent | Proof::Unchecked) => {
                if *enforced {
                    Err(Refused::Unsigned)
                } else {
                    Ok(())
                }
            }
        }
    }
}
