// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of the table: the request of a command line, and its step.

use super::draft::{Draft, Encapsulation};
use super::failure::Failure;
use super::options::Command;
use super::settings::{Method, NamedServer, ServerOptions, ServiceOptions};
use super::topic::Topic;
use crate::model::{
    AddressFamily, Protocol, Scheduler, ServiceKey, ServiceSettings, Step, Tunnel, TunnelChecksum,
    TunnelKind, VirtualService,
};

/// A change of one service or server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A complete change.
    Step(Step),
    /// `-E`: settings that are not given stay.
    EditService(ServiceKey, ServiceOptions),
    /// `-e`: settings that are not given stay.
    EditServer(ServiceKey, NamedServer, ServerOptions),
}

impl Change {
    /// The step of this change. `current` gives the present service, `None` when there is none; it is called only when
    /// the change keeps a setting.
    pub fn step<E>(
        &self,
        current: impl FnOnce(&ServiceKey) -> Result<Option<VirtualService>, E>,
    ) -> Result<Step, Failure>
    where
        Failure: From<E>,
    {
        match self {
            Self::Step(step) => Ok(step.clone()),
            Self::EditService(key, options) => {
                let service = current(key)?;
                let service = service.ok_or_else(|| Failure::refused("No such service"))?;
                let settings = options.over(&service.settings)?;
                Ok(Step::EditService(*key, settings))
            }
            Self::EditServer(key, named, options) => {
                let service = current(key)?;
                let service = service.ok_or_else(|| Failure::refused("Service not defined"))?;
                edit_server(*key, &service, *named, options)
            }
        }
    }
}

fn edit_server(
    key: ServiceKey,
    service: &VirtualService,
    named: NamedServer,
    options: &ServerOptions,
) -> Result<Step, Failure> {
    // When no method is given, the server's present method decides about its port.
    let candidates = match options.method {
        Some(method) => [named.under(method.keeps_port()); 2],
        None => [named.key, named.under(true)],
    };
    let found = candidates.iter().find_map(|candidate| {
        let server = service.servers.get(candidate)?;
        let meant =
            options.method.is_some() || *candidate == named.key || server.forwarding.keeps_port();
        meant.then_some((*candidate, server))
    });
    let (server, current) = found.ok_or_else(|| Failure::refused("No such destination"))?;
    Ok(Step::EditServer(key, server, options.over(current)))
}

/// The change of a command line; `None` when no service or server is named, which the rules have excluded.
pub(super) fn wanted(command: Command, mut draft: Draft<'_>) -> Result<Option<Change>, Failure> {
    let Some(key) = draft.service() else {
        return Ok(None);
    };
    if command == Command::DeleteService {
        return Ok(Some(Change::Step(Step::DeleteService(key))));
    }
    if matches!(command, Command::AddService | Command::EditService) {
        return service_change(command, key, draft).map(Some);
    }
    let Some(server) = draft.server() else {
        return Ok(None);
    };
    if command == Command::DeleteServer {
        return Ok(Some(Change::Step(Step::DeleteServer(key, server.key))));
    }
    let keeping = command == Command::EditServer && !draft.compat;
    draft.server_options.tunnel = check_server(&draft, &key, server.key.family(), keeping)?;
    let options = draft.server_options;
    if keeping {
        return Ok(Some(Change::EditServer(key, server, options)));
    }
    let real = options.over(&ServerOptions::default_server());
    let server = server.under(real.forwarding.keeps_port());
    Ok(Some(Change::Step(match command {
        Command::EditServer => Step::EditServer(key, server, real),
        _ => Step::AddServer(key, server, real),
    })))
}

fn service_change(command: Command, key: ServiceKey, draft: Draft<'_>) -> Result<Change, Failure> {
    let options = draft.service_options;
    let keeping = command == Command::EditService && !draft.compat;
    let may_be_persistent = options.timeout.is_some() || (keeping && !options.no_persistence);
    if key.port() == Some(0) && !may_be_persistent {
        let message = "Zero port specified for non-persistent service";
        return Err(Failure::usage(message));
    }
    let datagrams = match key {
        ServiceKey::Address { protocol, .. } => protocol == Protocol::Udp,
        ServiceKey::Fwmark { .. } => true,
    };
    if options.one_packet == Some(true) && !datagrams {
        let message = "One-Packet Scheduling is only for UDP virtual services";
        return Err(Failure::usage(message));
    }
    if keeping {
        return Ok(Change::EditService(key, options));
    }
    let defaults = ServiceSettings::new(Scheduler::WLC);
    let settings = options.over(&defaults)?;
    Ok(Change::Step(match command {
        Command::EditService => Step::EditService(key, settings),
        _ => Step::AddService(key, settings),
    }))
}

/// Checks that a server's options agree, and returns their encapsulation.
fn check_server(
    draft: &Draft<'_>,
    service: &ServiceKey,
    family: AddressFamily,
    keeping: bool,
) -> Result<Option<Tunnel>, Failure> {
    let method = draft.server_options.method;
    let tunneled = method == Some(Method::Ipip);
    // An edited server may be tunneled to already.
    let may_be_tunneled = tunneled || (keeping && method.is_none());
    if family != service.family() && !may_be_tunneled {
        let message = "Different address family is allowed only for tunneling servers";
        return Err(Failure::usage(message));
    }
    let said = [
        Topic::TunType,
        Topic::TunPort,
        Topic::TunNoCsum,
        Topic::TunCsum,
        Topic::TunRemCsum,
    ];
    if !said.iter().any(|topic| draft.has(*topic)) {
        return Ok(None);
    }
    if !tunneled {
        let message = "Tunnel options conflict with forward method";
        return Err(Failure::usage(message));
    }
    check_tunnel(draft)?;
    let checksum = if draft.has(Topic::TunRemCsum) {
        TunnelChecksum::Remote
    } else if draft.has(Topic::TunCsum) {
        TunnelChecksum::Full
    } else {
        TunnelChecksum::None
    };
    let port = draft.tunnel.port;
    let kind = match draft.tunnel.kind {
        Encapsulation::Ipip => TunnelKind::Ipip,
        Encapsulation::Gue => TunnelKind::Gue { port },
        Encapsulation::Gre => TunnelKind::Gre,
    };
    Ok(Some(Tunnel { kind, checksum }))
}

fn check_tunnel(draft: &Draft<'_>) -> Result<(), Failure> {
    const CHECKSUMS: [Topic; 3] = [Topic::TunNoCsum, Topic::TunCsum, Topic::TunRemCsum];
    let (kind, checksums): (_, &[Topic]) = match draft.tunnel.kind {
        Encapsulation::Ipip => ("ipip", &[]),
        Encapsulation::Gue => ("gue", &CHECKSUMS),
        Encapsulation::Gre => ("gre", &[Topic::TunNoCsum, Topic::TunCsum]),
    };
    let illegal = |topic: Topic| {
        let name = topic.name();
        Failure::usage(format!(
            "Illegal '{name}' option with the '{kind}' tunnel type"
        ))
    };
    let port = draft.has(Topic::TunPort);
    match draft.tunnel.kind {
        Encapsulation::Gue if !port => {
            return Err(Failure::usage(
                "You need to supply the 'tun-port' option for the 'gue' tunnel type",
            ));
        }
        Encapsulation::Ipip | Encapsulation::Gre if port => return Err(illegal(Topic::TunPort)),
        _ => {}
    }
    let mut earlier: Option<Topic> = None;
    for topic in CHECKSUMS.into_iter().filter(|topic| draft.has(*topic)) {
        if !checksums.contains(&topic) {
            return Err(illegal(topic));
        }
        if let Some(earlier) = earlier {
            return Err(Failure::usage(format!(
                "The option '{}' conflicts with the '{}' option in the '{kind}' tunnel type",
                topic.name(),
                earlier.name()
            )));
        }
        earlier = Some(topic);
    }
    Ok(())
}
