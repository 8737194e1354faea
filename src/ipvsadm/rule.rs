// SPDX-License-Identifier: MIT OR Apache-2.0
//! Services, servers and steps as ipvsadm's lines: people who know ipvsadm can read a plan, and carry it out by hand.

use std::fmt;
use std::net::SocketAddr;

use crate::model::{
    AddressFamily, ForwardingMethod, Protocol, RealServer, ServerKey, ServiceKey, ServiceSettings,
    Step, TunnelChecksum, TunnelKind,
};

/// The arguments after `-A` or `-E`: which service, and how it spreads connections.
#[derive(Debug, Clone, Copy)]
pub struct ServiceRule<'a>(pub &'a ServiceKey, pub &'a ServiceSettings);

impl fmt::Display for ServiceRule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key, settings) = self;
        write!(f, "{} -s {}", ServiceArgument(key), settings.scheduler)?;
        if let Some(timeout) = settings.persistence {
            write!(f, " -p {timeout}")?;
        }
        if let Some(granularity) = settings.granularity.argument() {
            write!(f, " -M {granularity}")?;
        }
        if let Some(engine) = &settings.engine {
            write!(f, " --pe {engine}")?;
        }
        if settings.one_packet {
            f.write_str(" -o")?;
        }
        if !settings.scheduler_flags.is_empty() {
            write!(
                f,
                " -b {}",
                settings.scheduler_flags.display(&settings.scheduler)
            )?;
        }
        Ok(())
    }
}

/// The arguments after `-a`, `-e` (with a server) or `-d` (without): the service, the server, and its settings.
#[derive(Debug, Clone, Copy)]
pub struct ServerRule<'a>(
    pub &'a ServiceKey,
    pub &'a ServerKey,
    pub Option<&'a RealServer>,
);

impl fmt::Display for ServerRule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(service, key, server) = self;
        write!(f, "{} -r {key}", ServiceArgument(service))?;
        let Some(server) = server else { return Ok(()) };
        write!(
            f,
            " {} -w {}",
            forwarding_option(server.forwarding),
            server.weight
        )?;
        if server.thresholds.upper != 0 {
            write!(f, " -x {}", server.thresholds.upper)?;
        }
        if server.thresholds.lower != 0 {
            write!(f, " -y {}", server.thresholds.lower)?;
        }
        fmt_tunnel(server.forwarding, f)
    }
}

/// `-t 192.0.2.10:80`, `-f 8 -6`: a service as an argument, all that `-D` and `-Z` need.
#[derive(Debug, Clone, Copy)]
pub struct ServiceArgument<'a>(pub &'a ServiceKey);

impl fmt::Display for ServiceArgument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            ServiceKey::Address {
                protocol,
                address,
                port,
            } => {
                let option = match protocol {
                    Protocol::Tcp => "-t",
                    Protocol::Udp => "-u",
                    Protocol::Sctp => "--sctp-service",
                    Protocol::Other(_) => "--xxx-service",
                };
                write!(f, "{option} {}", SocketAddr::new(address, port))
            }
            ServiceKey::Fwmark {
                mark,
                family: AddressFamily::Ipv4,
            } => write!(f, "-f {mark}"),
            ServiceKey::Fwmark {
                mark,
                family: AddressFamily::Ipv6,
            } => write!(f, "-f {mark} -6"),
        }
    }
}

impl fmt::Display for Step {
    /// The line that `ipvsadm -R` would take for the same change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService(key, settings) => write!(f, "-A {}", ServiceRule(key, settings)),
            Self::EditService(key, settings) => write!(f, "-E {}", ServiceRule(key, settings)),
            Self::DeleteService(key) => write!(f, "-D {}", ServiceArgument(key)),
            Self::AddServer(key, server, real) => {
                write!(f, "-a {}", ServerRule(key, server, Some(real)))
            }
            Self::EditServer(key, server, real) => {
                write!(f, "-e {}", ServerRule(key, server, Some(real)))
            }
            Self::DeleteServer(key, server) => write!(f, "-d {}", ServerRule(key, server, None)),
        }
    }
}

const fn forwarding_option(method: ForwardingMethod) -> &'static str {
    match method {
        ForwardingMethod::Masquerading => "-m",
        ForwardingMethod::Tunneling(_) => "-i",
        ForwardingMethod::Local
        | ForwardingMethod::DirectRouting
        | ForwardingMethod::Bypass
        | ForwardingMethod::Other(_) => "-g",
    }
}

fn fmt_tunnel(method: ForwardingMethod, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ForwardingMethod::Tunneling(tunnel) = method else {
        return Ok(());
    };
    match tunnel.kind {
        TunnelKind::Ipip => return f.write_str(" --tun-type ipip"),
        TunnelKind::Gue { port } => write!(f, " --tun-type gue --tun-port {port}")?,
        TunnelKind::Gre => f.write_str(" --tun-type gre")?,
        TunnelKind::Other(kind) => write!(f, " --tun-type {kind}")?,
    }
    f.write_str(match tunnel.checksum {
        TunnelChecksum::None => " --tun-nocsum",
        TunnelChecksum::Full => " --tun-csum",
        TunnelChecksum::Remote => " --tun-remcsum",
        TunnelChecksum::Other(_) => "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Fwmark, Granularity, PersistenceEngine, Scheduler, SchedulerFlags, Seconds,
    };
    use crate::model::{Thresholds, Tunnel, Weight};

    #[test]
    fn a_persistent_service_reads_as_ipvsadm_saves_it() {
        let key = ServiceKey::Fwmark {
            mark: Fwmark::new(8).unwrap(),
            family: AddressFamily::Ipv6,
        };
        let mut settings = ServiceSettings::new(Scheduler::new("rr").unwrap());
        settings.persistence = Some(Seconds(90));
        settings.granularity = Granularity::Prefix(64);
        assert_eq!(
            ServiceRule(&key, &settings).to_string(),
            "-f 8 -6 -s rr -p 90 -M 64"
        );
    }

    #[test]
    fn a_mask_and_an_engine_are_kept_without_persistence() {
        let key = ServiceKey::udp("10.0.0.100:5060".parse().unwrap());
        let mut settings = ServiceSettings::new(Scheduler::new("rr").unwrap());
        settings.granularity = Granularity::mask([255, 255, 255, 0].into());
        settings.engine = PersistenceEngine::new("sip");
        assert_eq!(
            ServiceRule(&key, &settings).to_string(),
            "-u 10.0.0.100:5060 -s rr -M 255.255.255.0 --pe sip"
        );
    }

    #[test]
    fn a_hashed_one_packet_service_reads_as_ipvsadm_saves_it() {
        let key = ServiceKey::udp("10.0.0.100:53".parse().unwrap());
        let settings = ServiceSettings {
            one_packet: true,
            scheduler_flags: SchedulerFlags::from_bits(3),
            ..ServiceSettings::new(Scheduler::MH)
        };
        assert_eq!(
            ServiceRule(&key, &settings).to_string(),
            "-u 10.0.0.100:53 -s mh -o -b mh-fallback,mh-port"
        );
    }

    #[test]
    fn a_tunneled_server_keeps_thresholds_and_encapsulation() {
        let service = ServiceKey::tcp("10.0.0.100:80".parse().unwrap());
        let key = ServerKey::new("192.0.2.2".parse().unwrap(), 80);
        let tunnel = Tunnel {
            kind: TunnelKind::Gue { port: 6080 },
            checksum: TunnelChecksum::Remote,
        };
        let server = RealServer {
            thresholds: Thresholds {
                upper: 100,
                lower: 50,
            },
            ..RealServer::new(ForwardingMethod::Tunneling(tunnel), Weight::ONE)
        };
        assert_eq!(
            ServerRule(&service, &key, Some(&server)).to_string(),
            "-t 10.0.0.100:80 -r 192.0.2.2:80 -i -w 1 -x 100 -y 50 --tun-type gue --tun-port 6080 --tun-remcsum"
        );
        assert_eq!(
            ServerRule(&service, &key, None).to_string(),
            "-t 10.0.0.100:80 -r 192.0.2.2:80"
        );
    }
}
