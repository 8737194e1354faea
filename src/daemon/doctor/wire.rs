// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is heard on the wire: who answers for virtual addresses, who speaks as a virtual router of ours.
//!
//! It sends ARP probes (RFC 5227), from which no host learns anything, and otherwise only listens: for a second, and where
//! there are virtual routers for three of their intervals, at most ten seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::codec::arp::Arp;
use crate::codec::ethernet::HardwareAddress;
use crate::codec::vrrp::{Keys, MOST_BYTES, Terms, parse};
use crate::daemon::clock::Clock;
use crate::doctor::{CLAIMS_AT_MOST, Claim, Fact, Facts, Speaker, Unread};
use crate::model::{Config, ConfiguredRouter, Link, LinkLayerAddress, ServiceKey, Timestamp};
use crate::net::{FrameSocket, Hears, VrrpSocket};

/// Linux answers at once; a busy host gets some time.
const FOR_ANSWERS: Duration = Duration::from_secs(1);
/// The second question is asked when so much has passed: the first one may be lost.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(10);
/// The largest frame or packet of interest: an advertisement with its IP header.
const FRAME: usize = MOST_BYTES + 60;
/// A flood is not read for ever: so many packets of one socket at a time.
const MOST_TOGETHER: usize = 256;
/// More hosts than this with one address or number say no more than this many.
const MOST_OTHERS: usize = 16;

/// Asks and listens, and adds what it heard.
pub(super) fn listen(facts: &mut Facts, config: &Config) {
    let mut ears = Ears::open(facts, config);
    if ears.is_deaf() {
        ears.write(facts);
        return;
    }
    let clock = Clock::start();
    let begin = clock.now();
    let end = begin + longest(config).min(LONGEST);
    ears.ask();
    let mut again = Some(begin + BETWEEN_QUESTIONS);
    loop {
        let now = clock.now();
        if now >= end {
            break;
        }
        if again.is_some_and(|again| now >= again) {
            ears.ask();
            again = None;
        }
        ears.wait(again.unwrap_or(end).min(end), now);
        ears.hear();
    }
    ears.write(facts);
}

/// For how long somebody has to listen.
fn longest(config: &Config) -> Duration {
    let intervals = config.routers.values().map(|it| it.interval.duration() * 3);
    let slack = Duration::from_millis(200);
    intervals
        .max()
        .map_or(FOR_ANSWERS, |it| FOR_ANSWERS.max(it + slack))
}

/// All that listens.
struct Ears {
    interfaces: Vec<Interface>,
    routers: Vec<Router>,
    /// Whom nobody could ask or hear, and why.
    claims: BTreeMap<IpAddr, Unread>,
    speakers: BTreeMap<Box<str>, Unread>,
}

/// An interface with virtual addresses.
struct Interface {
    name: String,
    hardware: HardwareAddress,
    /// Who answered for which address.
    vips: BTreeMap<Ipv4Addr, BTreeSet<LinkLayerAddress>>,
    /// The hardware addresses of this host.
    own: BTreeSet<HardwareAddress>,
    socket: FrameSocket,
}

/// A virtual router, heard by what is likely to be its advertisements and by all others.
struct Router {
    name: Box<str>,
    vrid: u8,
    sockets: [VrrpSocket; 2],
    heard: BTreeMap<IpAddr, Speaker>,
}

impl Ears {
    fn open(facts: &Facts, config: &Config) -> Self {
        let mut ears = Self {
            interfaces: Vec::new(),
            routers: Vec::new(),
            claims: BTreeMap::new(),
            speakers: BTreeMap::new(),
        };
        let links = facts.links.as_deref().unwrap_or_default();
        let hardware = |link: &Link| link.address.as_ref()?.bytes().try_into().ok();
        let own: BTreeSet<HardwareAddress> = links.iter().filter_map(hardware).collect();
        let all = places(facts, config, links);
        ears.claims = too_many(&all);
        for (name, vips) in all {
            let vips: BTreeSet<_> = vips.into_iter().take(CLAIMS_AT_MOST).collect();
            let Some(link) = links.iter().find(|link| link.name == name) else {
                continue;
            };
            let Some(hardware) = hardware(link) else {
                continue;
            };
            match FrameSocket::open(link.index) {
                Ok(socket) => ears.interfaces.push(Interface {
                    name,
                    hardware,
                    vips: vips.into_iter().map(|vip| (vip, BTreeSet::new())).collect(),
                    own: own.clone(),
                    socket,
                }),
                Err(error) => {
                    let why = Unread(format!("ask on {name} by ARP: {error}; run as root"));
                    let each = vips.into_iter().map(|vip| (vip.into(), why.clone()));
                    ears.claims.extend(each);
                }
            }
        }
        for (name, router) in &config.routers {
            match Router::open(name, router, links) {
                Ok(router) => ears.routers.push(router),
                Err(why) => drop(ears.speakers.insert(name.clone(), why)),
            }
        }
        ears
    }

    fn is_deaf(&self) -> bool {
        self.interfaces.is_empty() && self.routers.is_empty()
    }

    fn ask(&self) {
        for interface in &self.interfaces {
            for vip in interface.vips.keys() {
                let probe = Arp::probe(*vip, interface.hardware);
                // What is not sent is not answered; the second round may go out.
                let _ = interface.socket.send(&probe.broadcast());
            }
        }
    }

    /// Waits for a packet, until this moment at most.
    fn wait(&self, until: Timestamp, now: Timestamp) {
        let frames = self.interfaces.iter().map(|it| it.socket.as_fd());
        let packets = self.routers.iter().flat_map(|it| &it.sockets);
        let all = frames.chain(packets.map(VrrpSocket::as_fd));
        let mut all: Vec<_> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let left = until.since(now).as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::from(1000_u16));
        // A signal ends the wait early, and the loop goes on.
        let _ = poll(&mut all, timeout);
    }

    fn hear(&mut self) {
        self.interfaces.iter_mut().for_each(Interface::hear);
        self.routers.iter_mut().for_each(Router::hear);
    }

    fn write(self, facts: &mut Facts) {
        let unread = self.claims.into_iter().map(|(vip, why)| (vip, Err(why)));
        facts.claims.extend(unread);
        for Interface { name, vips, .. } in self.interfaces {
            for (vip, others) in vips {
                let interface = name.clone();
                facts
                    .claims
                    .insert(vip.into(), Ok(Claim { interface, others }));
            }
        }
        let unread = self
            .speakers
            .into_iter()
            .map(|(name, why)| (name, Err(why)));
        facts.speakers.extend(unread);
        for router in self.routers {
            let heard = router.heard.into_values().collect();
            facts.speakers.insert(router.name, Ok(heard));
        }
    }
}

/// The addresses of which it is not asked: more questions at once would be a flood.
fn too_many(places: &BTreeMap<String, BTreeSet<Ipv4Addr>>) -> BTreeMap<IpAddr, Unread> {
    let beyond = places
        .values()
        .flat_map(|vips| vips.iter().skip(CLAIMS_AT_MOST));
    let why = format!("only the first {CLAIMS_AT_MOST} addresses of an interface are asked for");
    beyond
        .map(|vip| ((*vip).into(), Unread(why.clone())))
        .collect()
}

/// On which interface it is asked for which addresses.
fn places(facts: &Facts, config: &Config, links: &[Link]) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    let mut places: BTreeMap<String, BTreeSet<Ipv4Addr>> = BTreeMap::new();
    let routers = config.routers.values();
    let shared: BTreeMap<IpAddr, &str> = routers
        .flat_map(|router| {
            let addresses = router.addresses.iter();
            addresses.map(|it| (it.address, &*router.interface))
        })
        .collect();
    let services = config.services.keys().filter_map(ServiceKey::address);
    let all: BTreeSet<IpAddr> = services.chain(shared.keys().copied()).collect();
    for vip in all {
        let IpAddr::V4(address) = vip else { continue };
        let place = match shared.get(&vip) {
            Some(interface) => Some((*interface).to_owned()),
            None => at(facts, vip, links),
        };
        if let Some(place) = place {
            places.entry(place).or_default().insert(address);
        }
    }
    places
}

/// The interface that has the address, otherwise that of its network.
fn at(facts: &Facts, vip: IpAddr, links: &[Link]) -> Option<String> {
    let addresses = facts.addresses.as_deref().unwrap_or_default();
    let name = |index| {
        links
            .iter()
            .find(|link| link.index == index)
            .map(|it| it.name.clone())
    };
    let outside = |name: &String| name != "lo";
    let has = addresses.iter().filter(|it| it.address == vip);
    let near = addresses.iter().filter(|it| it.is_on_link(vip));
    has.chain(near)
        .filter_map(|it| name(it.index))
        .find(outside)
}

impl Interface {
    fn hear(&mut self) {
        let mut frame = [0; FRAME];
        for _ in 0..MOST_TOGETHER {
            let Ok(Some(length)) = self.socket.receive(&mut frame) else {
                return;
            };
            let Some(arp) = frame.get(..length).and_then(Arp::read) else {
                continue;
            };
            let hardware = arp.sender.hardware;
            let Some(others) = self.vips.get_mut(&arp.sender.address) else {
                continue;
            };
            if !self.own.contains(&hardware) && others.len() < MOST_OTHERS {
                others.extend(LinkLayerAddress::new(&hardware));
            }
        }
    }
}

impl Router {
    fn open(name: &str, router: &ConfiguredRouter, links: &[Link]) -> Fact<Self> {
        let interface = &*router.interface;
        let link = links.iter().find(|link| link.name == interface);
        let Some(link) = link else {
            return Err(Unread(format!(
                "listen on {interface}: there is no such interface"
            )));
        };
        let open = |hears| {
            VrrpSocket::open(router.family(), interface, link.index, hears).map_err(|error| {
                Unread(format!(
                    "listen on {interface} for VRRP: {error}; run as root"
                ))
            })
        };
        let (version, vrid) = (router.version, router.vrid);
        Ok(Self {
            name: name.into(),
            vrid: vrid.get(),
            sockets: [
                open(Hears::Likely(version, vrid))?,
                open(Hears::Rest(version, vrid))?,
            ],
            heard: BTreeMap::new(),
        })
    }

    /// An advertisement with our number, whoever may have sent it: no secret is asked for, as nothing is believed.
    fn hear(&mut self) {
        let keys = Keys::default();
        let terms = Terms::on_the_lan(&keys);
        let mut packet = [0; FRAME];
        for socket in &self.sockets {
            for _ in 0..MOST_TOGETHER {
                let Ok(Some(arrived)) = socket.receive(&mut packet) else {
                    break;
                };
                let payload = packet.get(arrived.begin..arrived.end).unwrap_or_default();
                let Ok(heard) = parse(payload, &arrived.delivery, &terms) else {
                    continue;
                };
                let says = heard.advertisement;
                let source = arrived.delivery.source;
                let room = self.heard.len() < MOST_OTHERS || self.heard.contains_key(&source);
                if says.vrid.get() == self.vrid && room {
                    let speaker = Speaker {
                        source,
                        priority: says.priority.0,
                        addresses: says.addresses.into_iter().collect(),
                    };
                    self.heard.insert(source, speaker);
                }
            }
        }
    }
}
