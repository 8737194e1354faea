// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's IPVS of one network namespace.

use std::collections::BTreeMap;

use netlink_sys::protocols::NETLINK_GENERIC;
use nix::errno::Errno;

use super::every_service::every_service;
use super::failure::{IpvsError, OpenError};
use super::netlink::{Netlink, NetlinkError};
use super::spared::Spared;
use crate::codec::DecodeError;
use crate::codec::ipvs::{
    FAMILY_NAME, Info, Request, ServerEntry, ServiceEntry, parse_info, parse_server, parse_service,
    parse_sync_daemon, parse_timeouts,
};
use crate::codec::message::{IncomingKind, emit_get_family, parse_family};
use crate::model::{
    ConnectionCounts, IpvsTable, RealServer, ServerKey, ServiceKey, SyncDaemon, SyncRole, Timeouts,
    Traffic, VirtualService,
};
use crate::plan::{Step, StepFailure, Target, moves_servers};

/// A connection to the kernel's IPVS: one long-lived socket in the network namespace of the thread that opened it.
/// Calls block; the kernel answers within milliseconds.
#[derive(Debug)]
pub struct Ipvs {
    netlink: Netlink,
    family: u16,
}

impl Ipvs {
    /// Connects to the IPVS of the calling thread's network namespace. The request makes Linux 5.16 and later load the
    /// module. It also shows at once whether we may *use* IPVS: even reading needs CAP_NET_ADMIN.
    pub fn open() -> Result<Self, OpenError> {
        let mut netlink = Netlink::open(NETLINK_GENERIC).map_err(OpenError::Netlink)?;
        let family = resolve(&mut netlink)?;
        let mut ipvs = Self { netlink, family };
        match ipvs.info() {
            Ok(_) => Ok(ipvs),
            Err(error) => Err(match error.cause {
                NetlinkError::Refused(refusal) if refusal.errno == libc::EPERM => {
                    OpenError::NotPermitted
                }
                cause => OpenError::Netlink(cause),
            }),
        }
    }

    /// The version and the connection table's size.
    pub fn info(&mut self) -> Result<Info, IpvsError> {
        self.ask("read IPVS information", Request::GetInfo, parse_info)
    }

    /// The connection timeouts.
    pub fn timeouts(&mut self) -> Result<Timeouts, IpvsError> {
        self.ask(
            "read the connection timeouts",
            Request::GetTimeouts,
            parse_timeouts,
        )
    }

    /// Sets the connection timeouts; one of 0 seconds stays as it is.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) -> Result<(), IpvsError> {
        self.command(
            "set the connection timeouts",
            Request::SetTimeouts(timeouts),
        )
    }

    /// All virtual services with their counters, in the kernel's order, each of them once.
    pub fn services(&mut self) -> Result<Vec<ServiceEntry>, IpvsError> {
        every_service(self, Self::services_once, Self::service_if_there)
    }

    /// One virtual service with its counters; `Refused` with ESRCH when there is none.
    pub fn service(&mut self, key: &ServiceKey) -> Result<ServiceEntry, IpvsError> {
        self.ask(
            &format!("read service {key}"),
            Request::GetService(key),
            parse_service,
        )
    }

    /// The real servers of a service with their counters, in the kernel's order (newest first). Empty, without an
    /// error, when there is no such service.
    pub fn servers(&mut self, key: &ServiceKey) -> Result<Vec<ServerEntry>, IpvsError> {
        let family = key.family();
        let operation = || format!("list the real servers of {key}");
        self.list(operation, Request::ListServers(key), |bytes| {
            parse_server(bytes, family)
        })
    }

    /// The sync daemons: none, one or two.
    pub fn sync_daemons(&mut self) -> Result<Vec<SyncDaemon>, IpvsError> {
        self.list(
            || "list the sync daemons".to_owned(),
            Request::ListDaemons,
            parse_sync_daemon,
        )
    }

    /// Starts a sync daemon.
    pub fn start_sync_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), IpvsError> {
        self.command("start the sync daemon", Request::StartDaemon(daemon))
    }

    /// Stops a sync daemon; ESRCH when it does not run.
    pub fn stop_sync_daemon(&mut self, role: SyncRole) -> Result<(), IpvsError> {
        self.command("stop the sync daemon", Request::StopDaemon(role))
    }

    /// Zeroes the counters of one service and its servers.
    pub fn zero_service(&mut self, key: &ServiceKey) -> Result<(), IpvsError> {
        let operation = format!("zero the counters of {key}");
        self.command(&operation, Request::ZeroService(key))
    }

    /// Zeroes all counters of the network namespace.
    pub fn zero(&mut self) -> Result<(), IpvsError> {
        self.command("zero all counters", Request::ZeroAll)
    }

    /// Removes every service of the network namespace, including those of others.
    pub fn flush(&mut self) -> Result<(), IpvsError> {
        self.command("remove all virtual services", Request::Flush)
    }

    /// One listing, which may be without some while the kernel enlarges its table.
    fn services_once(&mut self) -> Result<Vec<ServiceEntry>, IpvsError> {
        self.list(
            || "list the virtual services".to_owned(),
            Request::ListServices,
            parse_service,
        )
    }

    fn service_if_there(&mut self, key: &ServiceKey) -> Result<Option<ServiceEntry>, IpvsError> {
        match self.service(key) {
            Ok(service) => Ok(Some(service)),
            Err(error) if error.errno() == Some(Errno::ESRCH) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn apply_once(&mut self, steps: &[Step]) -> Result<Vec<StepFailure>, IpvsError> {
        let family = self.family;
        let refusals = self
            .netlink
            .execute(steps.len(), |index, sequence, answer, out| {
                if let Some(step) = steps.get(index) {
                    request(step).emit(family, sequence, answer, out);
                }
            });
        let refusals = refusals.map_err(|cause| IpvsError {
            operation: "change IPVS".to_owned(),
            cause,
        })?;
        let failure = |(index, refusal): (usize, crate::codec::message::Refusal)| {
            let step = steps.get(index)?.clone();
            Some(StepFailure {
                index,
                step,
                errno: Errno::from_raw(refusal.errno),
            })
        };
        Ok(refusals.into_iter().filter_map(failure).collect())
    }

    fn family_changed(&mut self) -> bool {
        match resolve(&mut self.netlink) {
            Ok(family) if family != self.family => {
                self.family = family;
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    fn server_map(
        &mut self,
        key: &ServiceKey,
    ) -> Result<BTreeMap<ServerKey, RealServer>, IpvsError> {
        Ok(self
            .servers(key)?
            .into_iter()
            .map(|entry| (entry.key, entry.server))
            .collect())
    }

    fn command(&mut self, operation: &str, request: Request<'_>) -> Result<(), IpvsError> {
        let done = self.exchange(|netlink, family| {
            let refusals = netlink.execute(1, |_, sequence, answer, out| {
                request.emit(family, sequence, answer, out);
            })?;
            match refusals.into_iter().next() {
                Some((_, refusal)) => Err(NetlinkError::Refused(refusal)),
                None => Ok(()),
            }
        });
        done.map_err(|cause| IpvsError {
            operation: operation.to_owned(),
            cause,
        })
    }

    fn ask<T>(
        &mut self,
        operation: &str,
        request: Request<'_>,
        parse: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, IpvsError> {
        let answer = self.exchange(|netlink, family| {
            netlink.ask(
                |sequence, answer, out| request.emit(family, sequence, answer, out),
                |kind| parse(attributes(kind)),
            )
        });
        answer.map_err(|cause| IpvsError {
            operation: operation.to_owned(),
            cause,
        })
    }

    fn list<T>(
        &mut self,
        operation: impl Fn() -> String,
        request: Request<'_>,
        parse: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, IpvsError> {
        let listed = self.exchange(|netlink, family| {
            netlink.dump(
                |sequence, answer, out| request.emit(family, sequence, answer, out),
                |all: &mut Vec<T>, kind| {
                    all.push(parse(attributes(kind))?);
                    Ok(())
                },
            )
        });
        listed.map_err(|cause| IpvsError {
            operation: operation(),
            cause,
        })
    }

    /// Talks to the family, and tries again if its number has changed: a module that was unloaded and loaded again has
    /// a new number, and the old one answers ENOENT.
    fn exchange<T>(
        &mut self,
        talk: impl Fn(&mut Netlink, u16) -> Result<T, NetlinkError>,
    ) -> Result<T, NetlinkError> {
        match talk(&mut self.netlink, self.family) {
            Err(NetlinkError::Refused(refusal))
                if refusal.errno == libc::ENOENT && self.family_changed() =>
            {
                talk(&mut self.netlink, self.family)
            }
            outcome => outcome,
        }
    }
}

impl Target for Ipvs {
    type Error = IpvsError;

    /// Not one moment's picture: the kernel lists each service's servers by itself.
    fn read(&mut self) -> Result<IpvsTable, IpvsError> {
        let mut table = IpvsTable::new();
        for ServiceEntry { key, settings, .. } in self.services()? {
            let servers = self.server_map(&key)?;
            table
                .services
                .insert(key, VirtualService { settings, servers });
        }
        Ok(table)
    }

    fn read_service(&mut self, key: &ServiceKey) -> Result<Option<VirtualService>, IpvsError> {
        let Some(ServiceEntry { settings, .. }) = self.service_if_there(key)? else {
            return Ok(None);
        };
        let servers = self.server_map(key)?;
        Ok(Some(VirtualService { settings, servers }))
    }

    fn count(
        &mut self,
        key: &ServiceKey,
    ) -> Result<Vec<(ServerKey, ConnectionCounts, Traffic)>, IpvsError> {
        let servers = self.servers(key)?.into_iter();
        Ok(servers
            .map(|it| (it.key, it.connections, it.counters.into()))
            .collect())
    }

    /// In as few system calls as possible.
    fn apply(&mut self, steps: &[Step]) -> Result<Vec<StepFailure>, IpvsError> {
        let _spared = match moves_servers(steps).then(Spared::begin) {
            None => None,
            Some(Ok(spared)) => Some(spared),
            // Nothing is moved, and no connection ends.
            Some(Err(errno)) => return Ok(all_refused(steps, errno)),
        };
        let failures = self.apply_once(steps)?;
        // ENOENT may mean the family itself, see `exchange`.
        if failures
            .iter()
            .any(|failure| failure.errno == Errno::ENOENT)
            && self.family_changed()
        {
            return self.apply_once(steps);
        }
        Ok(failures)
    }
}

fn all_refused(steps: &[Step], errno: Errno) -> Vec<StepFailure> {
    let refused = |(index, step): (usize, &Step)| StepFailure {
        index,
        step: step.clone(),
        errno,
    };
    steps.iter().enumerate().map(refused).collect()
}

fn attributes<'a>(kind: &IncomingKind<'a>) -> &'a [u8] {
    kind.genl_attributes().unwrap_or_default()
}

fn resolve(netlink: &mut Netlink) -> Result<u16, OpenError> {
    let family = netlink.ask(
        |sequence, _, out| emit_get_family(out, sequence, FAMILY_NAME),
        |kind| parse_family(attributes(kind)),
    );
    family.map_err(|cause| match cause {
        NetlinkError::Refused(refusal) if refusal.errno == libc::ENOENT => OpenError::NoIpvs,
        other => OpenError::Netlink(other),
    })
}

const fn request(step: &Step) -> Request<'_> {
    match step {
        Step::AddService(key, settings) => Request::AddService(key, settings),
        Step::EditService(key, settings) => Request::EditService(key, settings),
        Step::DeleteService(key) => Request::DeleteService(key),
        Step::AddServer(key, server, real) => Request::AddServer(key, server, real),
        Step::EditServer(key, server, real) => Request::EditServer(key, server, real),
        Step::DeleteServer(key, server) => Request::DeleteServer(key, server),
    }
}
