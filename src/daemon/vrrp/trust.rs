// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is believed: the secrets of a virtual router, and what was refused.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tracing::warn;

use super::secrets::Secrets;
use crate::codec::vrrp::{Advertisement, AntiReplay, Delivery, Refused};
use crate::model::{ChecksumForm, ConfiguredRouter, ReplayCheck, RouterAuthentication, Timestamp};
use crate::system::since_1970;
use crate::vrrp::{Authenticator, Heard};

/// A reason is told again when it has not been there for so long.
const QUIET: Duration = Duration::from_secs(60);

/// What a virtual router believes, and what it says itself.
#[derive(Debug)]
pub(super) struct Trust {
    /// Why there is none: a secret that cannot be used.
    authenticator: Result<Authenticator, String>,
    anti_replay: AntiReplay,
    /// Advertisements that were refused, by reason.
    refused: BTreeMap<&'static str, u64>,
    /// When what is told was there last.
    last: BTreeMap<&'static str, Timestamp>,
}

impl Trust {
    pub(super) fn new(router: &ConfiguredRouter, secrets: &Secrets) -> Self {
        let anti_replay = anti_replay(router);
        let credentials = secrets.credentials(router);
        Self {
            authenticator: credentials.map(|it| Authenticator::new(router.vrid, it, anti_replay)),
            anti_replay,
            refused: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// The files were read again, or others are configured. What cannot be used changes nothing.
    pub(super) fn renew(&mut self, router: &ConfiguredRouter, secrets: &Secrets) {
        let anti_replay = anti_replay(router);
        match (&mut self.authenticator, secrets.credentials(router)) {
            (Ok(authenticator), Ok(credentials)) if anti_replay == self.anti_replay => {
                authenticator.renew(credentials);
            }
            (Ok(_) | Err(_), Ok(credentials)) => {
                self.anti_replay = anti_replay;
                let new = Authenticator::new(router.vrid, credentials, anti_replay);
                self.authenticator = Ok(new);
            }
            (Ok(_), Err(_)) => {}
            (Err(known), Err(why)) => *known = why,
        }
    }

    /// Why nothing can be said, if so.
    pub(super) fn problem(&self) -> Option<&String> {
        self.authenticator.as_ref().err()
    }

    /// How many advertisements were refused, by reason.
    pub(super) const fn refused(&self) -> &BTreeMap<&'static str, u64> {
        &self.refused
    }

    /// What an IP packet carries that says this. `None` when it cannot be said.
    pub(super) fn write(
        &mut self,
        advertisement: Advertisement,
        way: (IpAddr, IpAddr),
        form: ChecksumForm,
    ) -> Option<Vec<u8>> {
        let authenticator = self.authenticator.as_mut().ok()?;
        Some(authenticator.write(time(authenticator), advertisement, way, form))
    }

    /// What an IP packet says, when it is an advertisement and whoever sent it may.
    pub(super) fn read(
        &mut self,
        now: Timestamp,
        name: &str,
        payload: &[u8],
        delivery: &Delivery,
    ) -> Option<Heard> {
        let authenticator = self.authenticator.as_mut().ok()?;
        let concerns = authenticator.concerns(payload);
        match authenticator.read(time(authenticator), payload, delivery) {
            Ok(heard) => Some(Heard::new(delivery, heard)),
            Err(refused) => {
                *self.refused.entry(refused.name()).or_default() += 1;
                if concerns && refused.is_distrust() && self.is_news(now, &refused) {
                    let source = delivery.source;
                    warn!("virtual router {name}: advertisement of {source} dropped: {refused}");
                }
                None
            }
        }
    }

    /// Whether this was not there lately.
    fn is_news(&mut self, now: Timestamp, refused: &Refused) -> bool {
        let last = self.last.insert(refused.name(), now);
        last.is_none_or(|last| now.since(last) >= QUIET)
    }
}

/// What time it is, for whom it matters.
fn time(authenticator: &Authenticator) -> Duration {
    if authenticator.needs_clock() {
        since_1970()
    } else {
        Duration::ZERO
    }
}

/// How recordings are known.
fn anti_replay(router: &ConfiguredRouter) -> AntiReplay {
    match &router.authentication {
        Some(RouterAuthentication::Hmac(hmac)) if hmac.anti_replay == ReplayCheck::Monotonic => {
            AntiReplay::Monotonic
        }
        Some(RouterAuthentication::Hmac(_) | RouterAuthentication::Password(_)) | None => {
            AntiReplay::by_time(router.interval)
        }
    }
}
