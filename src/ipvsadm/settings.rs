// SPDX-License-Identifier: MIT OR Apache-2.0
//! The settings of a service or a server on a command line. `-A` and `-a` apply them to the defaults, `-E` and `-e` to
//! the kernel's present settings.

use super::failure::Failure;
use crate::model::{
    ForwardingMethod, Granularity, PersistenceEngine, RealServer, Scheduler, SchedulerFlags,
    Seconds, ServerKey, ServiceSettings, Thresholds, Tunnel, Weight,
};

/// The settings given for a service. `None` means not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceOptions {
    /// `-s`.
    pub scheduler: Option<Scheduler>,
    /// `-b`, by name.
    pub flags: Option<Vec<String>>,
    /// `-o`, `--no-ops`.
    pub one_packet: Option<bool>,
    /// `-p`.
    pub timeout: Option<Seconds>,
    /// `--no-persistent`.
    pub no_persistence: bool,
    /// `-M`.
    pub granularity: Option<Granularity>,
    /// `--pe`; an empty name is none.
    pub engine: Option<Option<PersistenceEngine>>,
}

impl ServiceOptions {
    /// These options over settings.
    pub fn over(&self, current: &ServiceSettings) -> Result<ServiceSettings, Failure> {
        let scheduler = self.scheduler.as_ref().unwrap_or(&current.scheduler);
        let scheduler_flags = match &self.flags {
            Some(names) => scheduler_flags(names, scheduler)?,
            // The meaning of a flag depends on the scheduler.
            None if *scheduler == current.scheduler => current.scheduler_flags,
            None => SchedulerFlags::NONE,
        };
        let (persistence, granularity, engine) = if self.no_persistence {
            (None, Granularity::Single, &None)
        } else {
            (current.persistence, current.granularity, &current.engine)
        };
        Ok(ServiceSettings {
            scheduler: scheduler.clone(),
            scheduler_flags,
            one_packet: self.one_packet.unwrap_or(current.one_packet),
            persistence: self.timeout.or(persistence),
            granularity: self.granularity.unwrap_or(granularity),
            engine: self.engine.as_ref().unwrap_or(engine).clone(),
        })
    }
}

/// Flags by name, for this scheduler.
pub fn scheduler_flags(names: &[String], scheduler: &Scheduler) -> Result<SchedulerFlags, Failure> {
    let mut flags = SchedulerFlags::NONE;
    for name in names {
        match SchedulerFlags::by_name(name, scheduler) {
            Some(flag) => flags = flags.union(flag),
            None => return Err(no_such_flag(name)),
        }
    }
    Ok(flags)
}

fn no_such_flag(name: &str) -> Failure {
    let known = FLAGS_OF_SCHEDULERS.contains(&name);
    let what = if known { "incompatible" } else { "invalid" };
    Failure::usage(format!("{what} scheduler flag `{name}'"))
}

const FLAGS_OF_SCHEDULERS: [&str; 4] = ["sh-fallback", "sh-port", "mh-fallback", "mh-port"];

/// The settings given for a real server. `None` means not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerOptions {
    /// `-g`, `-i`, `-m`.
    pub method: Option<Method>,
    /// `--tun-type` and what belongs to it, with `-i`.
    pub tunnel: Option<Tunnel>,
    /// `-w`.
    pub weight: Option<Weight>,
    /// `-x`.
    pub upper: Option<u32>,
    /// `-y`.
    pub lower: Option<u32>,
}

/// A forwarding method, as given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `-g`.
    Gatewaying,
    /// `-i`.
    Ipip,
    /// `-m`.
    Masquerading,
}

impl Method {
    /// Whether the server's port must be the service's.
    #[must_use]
    pub const fn keeps_port(self) -> bool {
        match self {
            Self::Gatewaying | Self::Ipip => true,
            Self::Masquerading => false,
        }
    }
}

impl ServerOptions {
    /// The default settings of a server: weight 1, direct routing.
    #[must_use]
    pub const fn default_server() -> RealServer {
        RealServer::new(ForwardingMethod::DirectRouting, Weight::ONE)
    }

    /// These options over a server.
    #[must_use]
    pub fn over(&self, current: &RealServer) -> RealServer {
        let forwarding = match (self.method, current.forwarding) {
            (None, forwarding) => forwarding,
            (Some(Method::Gatewaying), _) => ForwardingMethod::DirectRouting,
            (Some(Method::Masquerading), _) => ForwardingMethod::Masquerading,
            (Some(Method::Ipip), ForwardingMethod::Tunneling(tunnel)) => {
                ForwardingMethod::Tunneling(self.tunnel.unwrap_or(tunnel))
            }
            (Some(Method::Ipip), _) => {
                ForwardingMethod::Tunneling(self.tunnel.unwrap_or(Tunnel::IPIP))
            }
        };
        RealServer {
            forwarding,
            weight: self.weight.unwrap_or(current.weight),
            thresholds: Thresholds {
                upper: self.upper.unwrap_or(current.thresholds.upper),
                lower: self.lower.unwrap_or(current.thresholds.lower),
            },
        }
    }
}

/// A server as a command line names it. It may have no port, or a port that its forwarding method does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedServer {
    /// As named, with the service's port when none was given.
    pub key: ServerKey,
    /// The service's port, which direct routing and tunneling keep; `None` for a service by mark.
    pub kept_port: Option<u16>,
}

impl NamedServer {
    /// The server when it is reached by a method that keeps the service's port, or not.
    #[must_use]
    pub fn under(&self, keeps_port: bool) -> ServerKey {
        match self.kept_port {
            Some(port) if keeps_port => ServerKey::new(self.key.address, port),
            _ => self.key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn flags_are_refused_in_ipvsadms_words() {
        let sh = Scheduler::new("sh").unwrap();
        let refused = |names: &[&str], scheduler| {
            scheduler_flags(&named(names), scheduler)
                .unwrap_err()
                .message
        };
        assert!(scheduler_flags(&named(&["sh-port", "flag-3"]), &sh).is_ok());
        assert_eq!(
            refused(&["sh-port", "mh-port"], &sh),
            "incompatible scheduler flag `mh-port'"
        );
        assert_eq!(
            refused(&["sh-port"], &Scheduler::WLC),
            "incompatible scheduler flag `sh-port'"
        );
        assert_eq!(refused(&["bad"], &sh), "invalid scheduler flag `bad'");
    }

    #[test]
    fn what_is_not_said_stays() {
        let current = ServiceSettings {
            one_packet: true,
            scheduler_flags: SchedulerFlags::from_bits(2),
            persistence: Some(Seconds(100)),
            granularity: Granularity::Prefix(64),
            engine: PersistenceEngine::new("sip"),
            ..ServiceSettings::new(Scheduler::MH)
        };
        let nothing = ServiceOptions::default();
        assert_eq!(nothing.over(&current).unwrap(), current);
        let timeout = ServiceOptions {
            timeout: Some(Seconds(200)),
            ..ServiceOptions::default()
        };
        let expected = ServiceSettings {
            persistence: Some(Seconds(200)),
            ..current.clone()
        };
        assert_eq!(timeout.over(&current).unwrap(), expected);
    }

    #[test]
    fn the_end_of_persistence_is_the_end_of_its_mask_and_engine() {
        let current = ServiceSettings {
            persistence: Some(Seconds(100)),
            granularity: Granularity::Prefix(64),
            engine: PersistenceEngine::new("sip"),
            ..ServiceSettings::new(Scheduler::MH)
        };
        let end = ServiceOptions {
            no_persistence: true,
            ..ServiceOptions::default()
        };
        assert_eq!(
            end.over(&current).unwrap(),
            ServiceSettings::new(Scheduler::MH)
        );
    }

    #[test]
    fn another_scheduler_does_not_inherit_flags() {
        let current = ServiceSettings {
            scheduler_flags: SchedulerFlags::from_bits(1),
            ..ServiceSettings::new(Scheduler::MH)
        };
        let options = ServiceOptions {
            scheduler: Some(Scheduler::WLC),
            ..ServiceOptions::default()
        };
        assert_eq!(
            options.over(&current).unwrap(),
            ServiceSettings::new(Scheduler::WLC)
        );
    }

    #[test]
    fn a_servers_weight_changes_and_nothing_else() {
        let current = RealServer {
            thresholds: Thresholds {
                upper: 100,
                lower: 50,
            },
            ..RealServer::new(ForwardingMethod::Masquerading, Weight::ONE)
        };
        let options = ServerOptions {
            weight: Weight::new(9),
            ..ServerOptions::default()
        };
        let edited = options.over(&current);
        assert_eq!(edited.weight.get(), 9);
        assert_eq!(edited.forwarding, current.forwarding);
        assert_eq!(edited.thresholds, current.thresholds);
    }
}
