// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `SERVICE` nest.

use std::net::Ipv4Addr;

use super::stats;
use crate::codec::DecodeError;
use crate::codec::attribute::{Attribute, AttributeWriter};
use crate::model::{
    AddressFamily, Counters, Fwmark, Granularity, PersistenceEngine, Protocol, Scheduler,
    SchedulerFlags, Seconds, ServiceKey, ServiceSettings,
};

const AF: u16 = 1;
const PROTOCOL: u16 = 2;
const ADDR: u16 = 3;
const PORT: u16 = 4;
const FWMARK: u16 = 5;
const SCHED_NAME: u16 = 6;
const FLAGS: u16 = 7;
const TIMEOUT: u16 = 8;
const NETMASK: u16 = 9;
const STATS: u16 = 10;
const PE_NAME: u16 = 11;
const STATS64: u16 = 12;

const FLAG_PERSISTENT: u32 = 0x01;
const FLAG_ONE_PACKET: u32 = 0x04;
const SCHEDULER_FLAGS_SHIFT: u32 = 3;

pub(super) const AF_INET: u16 = 2;
pub(super) const AF_INET6: u16 = 10;

/// A virtual service as the kernel reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntry {
    /// Its identity.
    pub key: ServiceKey,
    /// How it spreads connections.
    pub settings: ServiceSettings,
    /// Its traffic.
    pub counters: Counters,
}

pub(super) const fn family_number(family: AddressFamily) -> u16 {
    match family {
        AddressFamily::Ipv4 => AF_INET,
        AddressFamily::Ipv6 => AF_INET6,
    }
}

pub(super) fn parse_family(name: &'static str, number: u16) -> Result<AddressFamily, DecodeError> {
    match number {
        AF_INET => Ok(AddressFamily::Ipv4),
        AF_INET6 => Ok(AddressFamily::Ipv6),
        other => Err(DecodeError::Impossible {
            name,
            value: other.into(),
        }),
    }
}

/// What the kernel needs to find a service.
pub(super) fn emit_key(out: &mut AttributeWriter<'_>, key: &ServiceKey) {
    out.u16(AF, family_number(key.family()));
    match *key {
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => {
            out.u16(PROTOCOL, protocol.number());
            out.address(ADDR, address);
            out.u16_be(PORT, port);
        }
        ServiceKey::Fwmark { mark, .. } => out.u32(FWMARK, mark.get()),
    }
}

/// Everything the kernel needs to make or edit a service. Timeout and netmask are mandatory even without persistence.
pub(super) fn emit(out: &mut AttributeWriter<'_>, key: &ServiceKey, settings: &ServiceSettings) {
    emit_key(out, key);
    out.string(SCHED_NAME, settings.scheduler.name());
    if let Some(engine) = &settings.engine {
        out.string(PE_NAME, engine.name());
    }
    out.bytes(FLAGS, &flags_and_mask(settings));
    out.u32(TIMEOUT, settings.persistence.map_or(0, |timeout| timeout.0));
    match (settings.granularity, key.family()) {
        (Granularity::Single, AddressFamily::Ipv4) => out.bytes(NETMASK, &[0xff; 4]),
        (Granularity::Single, AddressFamily::Ipv6) => out.u32(NETMASK, 128),
        (Granularity::Mask(mask), _) => out.bytes(NETMASK, &mask.octets()),
        (Granularity::Prefix(length), _) => out.u32(NETMASK, length.into()),
    }
}

/// `{u32 flags, u32 mask}`. The mask is always all ones: the kernel clears the flags that are not set.
fn flags_and_mask(settings: &ServiceSettings) -> [u8; 8] {
    let mut flags = u32::from(settings.scheduler_flags.bits()) << SCHEDULER_FLAGS_SHIFT;
    if settings.persistence.is_some() {
        flags |= FLAG_PERSISTENT;
    }
    if settings.one_packet {
        flags |= FLAG_ONE_PACKET;
    }
    let mut both = [0xff; 8];
    for (to, from) in both.iter_mut().zip(flags.to_ne_bytes()) {
        *to = from;
    }
    both
}

/// The attributes of the nest, unchanged, before we interpret them together.
#[derive(Default)]
struct Raw<'a> {
    family: Option<u16>,
    protocol: Option<u16>,
    address: Option<Attribute<'a>>,
    port: Option<u16>,
    mark: Option<u32>,
    scheduler: Option<String>,
    flags: u32,
    timeout: u32,
    netmask: Option<Attribute<'a>>,
    engine: Option<String>,
    stats: Option<Counters>,
    stats64: Option<Counters>,
}

impl<'a> Raw<'a> {
    fn collect(nest: &'a [u8]) -> Result<Self, DecodeError> {
        let mut raw = Self::default();
        for attribute in Attribute::all(nest) {
            let attribute = attribute?;
            match attribute.kind {
                AF => raw.family = Some(attribute.u16("AF")?),
                PROTOCOL => raw.protocol = Some(attribute.u16("PROTOCOL")?),
                ADDR => raw.address = Some(attribute),
                PORT => raw.port = Some(attribute.u16_be("PORT")?),
                FWMARK => raw.mark = Some(attribute.u32("FWMARK")?),
                SCHED_NAME => raw.scheduler = Some(attribute.string()),
                FLAGS => raw.flags = attribute.u32("FLAGS")?,
                TIMEOUT => raw.timeout = attribute.u32("TIMEOUT")?,
                NETMASK => raw.netmask = Some(attribute),
                PE_NAME => raw.engine = Some(attribute.string()),
                STATS => raw.stats = Some(stats::parse(attribute.bytes())?),
                STATS64 => raw.stats64 = Some(stats::parse(attribute.bytes())?),
                // A newer kernel may send more than this code understands.
                _ => {}
            }
        }
        Ok(raw)
    }

    fn key(&self) -> Result<ServiceKey, DecodeError> {
        let family = parse_family("AF", self.family.ok_or(DecodeError::Missing("AF"))?)?;
        if let Some(mark) = self.mark.and_then(Fwmark::new) {
            return Ok(ServiceKey::Fwmark { mark, family });
        }
        let address = self.address.ok_or(DecodeError::Missing("ADDR"))?;
        Ok(ServiceKey::Address {
            protocol: Protocol::from_number(self.protocol.ok_or(DecodeError::Missing("PROTOCOL"))?),
            address: address.address("ADDR", family)?,
            port: self.port.ok_or(DecodeError::Missing("PORT"))?,
        })
    }

    fn granularity(&self, family: AddressFamily) -> Result<Granularity, DecodeError> {
        let Some(netmask) = self.netmask else {
            return Ok(Granularity::Single);
        };
        match family {
            AddressFamily::Ipv4 => {
                let octets = netmask.u32("NETMASK")?.to_ne_bytes();
                Ok(Granularity::mask(Ipv4Addr::from(octets)))
            }
            AddressFamily::Ipv6 => {
                let length = netmask.u32("NETMASK")?;
                let prefix = u8::try_from(length).ok().and_then(Granularity::prefix);
                prefix.ok_or(DecodeError::Impossible {
                    name: "NETMASK",
                    value: length.into(),
                })
            }
        }
    }

    fn settings(&self, family: AddressFamily) -> Result<ServiceSettings, DecodeError> {
        let name = self
            .scheduler
            .as_deref()
            .ok_or(DecodeError::Missing("SCHED_NAME"))?;
        let scheduler = Scheduler::new(name).map_err(|_| DecodeError::WrongLength {
            name: "SCHED_NAME",
            length: name.len(),
        })?;
        let persistent = self.flags & FLAG_PERSISTENT != 0;
        let bits = (self.flags >> SCHEDULER_FLAGS_SHIFT) & 0b111;
        Ok(ServiceSettings {
            scheduler,
            scheduler_flags: SchedulerFlags::from_bits(bits.to_le_bytes()[0]),
            one_packet: self.flags & FLAG_ONE_PACKET != 0,
            persistence: persistent.then_some(Seconds(self.timeout)),
            granularity: self.granularity(family)?,
            engine: self.engine.as_deref().and_then(PersistenceEngine::new),
        })
    }
}

/// A service out of its nest. Unknown attributes are passed over.
pub(super) fn parse(nest: &[u8]) -> Result<ServiceEntry, DecodeError> {
    let raw = Raw::collect(nest)?;
    let key = raw.key()?;
    Ok(ServiceEntry {
        key,
        settings: raw.settings(key.family())?,
        counters: raw.stats64.or(raw.stats).unwrap_or_default(),
    })
}

/// The identity from a nest that may have nothing else.
pub(super) fn parse_key(nest: &[u8]) -> Result<ServiceKey, DecodeError> {
    Raw::collect(nest)?.key()
}
