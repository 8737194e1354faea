// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may speak for a virtual router.

use std::net::IpAddr;
use std::time::Duration;

use lvs_director::codec::vrrp::{
    Advertisement, AntiReplay, Delivery, GROUP_V4, HOPS, Key, Keys, Refused,
};
use lvs_director::model::{Centiseconds, ChecksumForm, Priority, Vrid, VrrpPassword, VrrpVersion};
use lvs_director::vrrp::{Authenticator, Credentials};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const GROUP: IpAddr = IpAddr::V4(GROUP_V4);
const NOW: Duration = Duration::from_secs(1_800_000_000);

fn authenticator(credentials: Credentials) -> Authenticator {
    let by_time = AntiReplay::by_time(Centiseconds::SECOND);
    Authenticator::new(Vrid::new(51).unwrap(), credentials, by_time)
}

fn password(text: &str) -> Credentials {
    Credentials::Password(VrrpPassword::new(text.as_bytes()).unwrap())
}

fn keys(ids: &[u8]) -> Keys {
    let key = |id: &u8| Key::new(*id, &[*id; 32]).unwrap();
    Keys::new(ids.iter().map(key).collect()).unwrap()
}

fn hmac(ids: &[u8]) -> Credentials {
    Credentials::Hmac {
        keys: keys(ids),
        signs: ids.first().copied(),
        enforced: true,
    }
}

fn permissive(ids: &[u8], signs: bool) -> Credentials {
    Credentials::Hmac {
        keys: keys(ids),
        signs: ids.first().copied().filter(|_| signs),
        enforced: false,
    }
}

/// What a peer with these credentials sends about a virtual router.
fn sent(credentials: Credentials, version: VrrpVersion, vrid: u8, at: Duration) -> Vec<u8> {
    let says = Advertisement {
        version,
        vrid: Vrid::new(vrid).unwrap(),
        priority: Priority(100),
        interval: Centiseconds::SECOND,
        addresses: vec!["192.0.2.10".parse().unwrap()],
        password: None,
    };
    authenticator(credentials).write(at, says, (PEER, GROUP), ChecksumForm::Message)
}

fn heard(receiver: &mut Authenticator, at: Duration, payload: &[u8]) -> Result<(), Refused> {
    let delivery = Delivery {
        source: PEER,
        destination: GROUP,
        hops: HOPS,
    };
    receiver.read(at, payload, &delivery).map(|_| ())
}

/// One advertisement from a peer with the first credentials to a router with the second.
fn between(theirs: Credentials, ours: Credentials) -> Result<(), Refused> {
    let payload = sent(theirs, VrrpVersion::V2, 51, NOW);
    heard(&mut authenticator(ours), NOW, &payload)
}

#[test]
fn only_the_same_password_is_believed() {
    let ours = || password("secret");
    assert_eq!(between(ours(), ours()), Ok(()));
    assert_eq!(between(password("other"), ours()), Err(Refused::Password));
    assert_eq!(
        between(Credentials::None, ours()),
        Err(Refused::PasswordMissing)
    );
    assert_eq!(
        between(ours(), Credentials::None),
        Err(Refused::PasswordUnexpected)
    );
    assert_eq!(between(Credentials::None, Credentials::None), Ok(()));
}

#[test]
fn only_what_is_signed_with_a_known_key_is_believed() {
    assert_eq!(between(hmac(&[1]), hmac(&[1])), Ok(()));
    assert_eq!(between(hmac(&[2]), hmac(&[1, 2])), Ok(()));
    assert_eq!(between(hmac(&[2]), hmac(&[1])), Err(Refused::KeyUnknown(2)));
    assert_eq!(
        between(Credentials::None, hmac(&[1])),
        Err(Refused::Unsigned)
    );
    assert_eq!(
        between(permissive(&[1], false), hmac(&[1])),
        Err(Refused::Unsigned)
    );
    assert_eq!(
        between(password("secret"), hmac(&[1])),
        Err(Refused::Unsigned)
    );
    let other = Credentials::Hmac {
        keys: Keys::new(vec![Key::new(1, &[9; 32]).unwrap()]).unwrap(),
        signs: Some(1),
        enforced: true,
    };
    assert_eq!(between(other, hmac(&[1])), Err(Refused::Signature));
}

/// Hosts are changed one by one, and each pair of neighbouring steps understands each other.
#[test]
fn a_change_to_signatures_and_of_keys_goes_step_by_step() {
    let steps: [fn() -> Credentials; 6] = [
        || Credentials::None,
        || permissive(&[1], true),
        || hmac(&[1]),
        || hmac(&[1, 2]),
        || hmac(&[2, 1]),
        || hmac(&[2]),
    ];
    for pair in steps.windows(2) {
        assert_eq!(between(pair[0](), pair[1]()), Ok(()));
        assert_eq!(between(pair[1](), pair[0]()), Ok(()));
    }
    // Where others cannot read what is signed, nobody signs until all have the key.
    assert_eq!(between(permissive(&[1], false), Credentials::None), Ok(()));
    assert_eq!(between(Credentials::None, permissive(&[1], false)), Ok(()));
    assert_eq!(
        between(permissive(&[1], true), permissive(&[1], false)),
        Ok(())
    );
    // A wrong signature is worse than none.
    assert_eq!(
        between(hmac(&[2]), permissive(&[1], true)),
        Err(Refused::KeyUnknown(2))
    );
}

#[test]
fn a_recording_is_refused_also_after_a_change_of_keys() {
    let mut receiver = authenticator(hmac(&[1]));
    let payload = sent(hmac(&[1]), VrrpVersion::V3, 51, NOW);
    let later = NOW + Duration::from_secs(1);
    assert_eq!(heard(&mut receiver, NOW, &payload), Ok(()));
    assert_eq!(
        heard(&mut receiver, later, &payload),
        Err(Refused::Replayed)
    );
    receiver.renew(hmac(&[2, 1]));
    assert_eq!(
        heard(&mut receiver, later, &payload),
        Err(Refused::Replayed)
    );
    let late = NOW + Duration::from_secs(60);
    assert_eq!(
        heard(&mut receiver, late, &payload),
        Err(Refused::Stale { seconds: 60 })
    );
}

/// A forged number would shut its sender out.
#[test]
fn only_what_is_rightly_signed_moves_the_guard() {
    let mut receiver = authenticator(hmac(&[1]));
    let early = sent(hmac(&[1]), VrrpVersion::V3, 51, NOW);
    let mut forged = sent(
        hmac(&[1]),
        VrrpVersion::V3,
        51,
        NOW + Duration::from_secs(2),
    );
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(heard(&mut receiver, NOW, &forged), Err(Refused::Signature));
    assert_eq!(heard(&mut receiver, NOW, &early), Ok(()));
}

/// It has other secrets, and is none of our business.
#[test]
fn another_virtual_router_on_the_lan_is_not_asked_for_our_secrets() {
    for ours in [hmac(&[1]), password("secret"), Credentials::None] {
        for theirs in [hmac(&[7]), password("other"), Credentials::None] {
            let payload = sent(theirs, VrrpVersion::V2, 52, NOW);
            let mut receiver = authenticator(ours.clone());
            assert!(!receiver.concerns(&payload));
            assert_eq!(heard(&mut receiver, NOW, &payload), Ok(()));
        }
    }
}
