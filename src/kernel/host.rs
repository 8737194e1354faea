// SPDX-License-Identifier: MIT OR Apache-2.0
//! This host as the kernel has it: read into a value, changed step by step.

use super::failure::{IpvsError, OpenError};
use super::ipvs::Ipvs;
use super::route::{Route, RouteError};
use super::sysctl::{SysctlCause, SysctlError, read_sysctl, set_sysctl};
use crate::model::{AddressKey, Host, Link, Seconds, Timeouts};
use crate::plan::{
    AddressSettings, HostFailure, HostPart, HostReading, HostScope, HostStep, HostTarget,
};

/// This host, in the network namespace of the thread that uses it. It opens each socket at its first use.
#[derive(Debug, Default)]
pub struct LocalHost<'a> {
    route: Option<Route>,
    ipvs: Option<Ipvs>,
    lent: Option<&'a mut Ipvs>,
}

/// Why something of this host could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// A link, an address, a neighbour or a route.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A setting.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// There is no IPVS to talk to.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Timeouts or a sync daemon.
    #[error(transparent)]
    Ipvs(#[from] IpvsError),
}

impl<'a> LocalHost<'a> {
    /// A host that opens what it needs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A host that uses this open connection to IPVS.
    #[must_use]
    pub fn with(ipvs: &'a mut Ipvs) -> Self {
        Self {
            lent: Some(ipvs),
            ..Self::default()
        }
    }

    /// The connection to links, addresses and routes.
    pub fn route(&mut self) -> Result<&mut Route, RouteError> {
        open(&mut self.route, Route::open)
    }

    /// The connection to IPVS.
    pub fn ipvs(&mut self) -> Result<&mut Ipvs, OpenError> {
        match &mut self.lent {
            Some(ipvs) => Ok(ipvs),
            None => open(&mut self.ipvs, Ipvs::open),
        }
    }

    /// One step.
    pub fn step(&mut self, step: &HostStep) -> Result<(), HostError> {
        match step {
            HostStep::MakeTunnel { device } => self.route()?.add_tunnel(*device)?,
            HostStep::SetLink { interface, up } => self.set_link(interface, *up)?,
            HostStep::SetSetting { name, to, .. } => set_sysctl(name, *to)?,
            HostStep::SetTimeouts { from, to } => {
                self.ipvs()?.set_timeouts(changed(*from, *to))?;
            }
            HostStep::StopSyncDaemon { role } => self.ipvs()?.stop_sync_daemon(*role)?,
            HostStep::StartSyncDaemon { daemon } => self.ipvs()?.start_sync_daemon(daemon)?,
            HostStep::AddAddress { address, settings } => {
                let link = self.interface_of(address, "add", "to")?;
                let told = settings.at(address, link.index);
                self.route()?.add_address(&link.name, &told)?;
            }
            HostStep::RenewAddress { address, settings } => {
                let link = self.interface_of(address, "renew", "on")?;
                let told = settings.at(address, link.index);
                self.route()?.renew_address(&link.name, &told)?;
            }
            HostStep::RemoveAddress { address } => {
                // With an interface its addresses are gone, too.
                if let Some(link) = self.route()?.link(&address.interface)? {
                    let told = AddressSettings::default().at(address, link.index);
                    self.route()?.remove_address(&link.name, &told)?;
                }
            }
        }
        Ok(())
    }

    fn list<T>(
        &mut self,
        list: impl FnOnce(&mut Route) -> Result<Vec<T>, RouteError>,
    ) -> Result<Vec<T>, HostError> {
        Ok(list(self.route()?)?)
    }

    fn ask<T>(
        &mut self,
        ask: impl FnOnce(&mut Ipvs) -> Result<T, IpvsError>,
    ) -> Result<T, HostError> {
        Ok(ask(self.ipvs()?)?)
    }

    fn set_link(&mut self, interface: &str, up: bool) -> Result<(), RouteError> {
        match self.route()?.link(interface)? {
            Some(link) => self.route()?.set_up(&link, up),
            None if up => Err(RouteError::no_interface(format!("set {interface} up"))),
            None => Ok(()),
        }
    }

    fn interface_of(
        &mut self,
        key: &AddressKey,
        verb: &str,
        preposition: &str,
    ) -> Result<Link, RouteError> {
        let AddressKey {
            interface,
            address,
            prefix,
        } = key;
        let operation = || format!("{verb} {address}/{prefix} {preposition} {interface}");
        let link = self.route()?.link(interface)?;
        link.ok_or_else(|| RouteError::no_interface(operation()))
    }
}

impl HostTarget for LocalHost<'_> {
    type HostError = HostError;

    fn read_host(&mut self, scope: &HostScope) -> HostReading<HostError> {
        let (mut host, mut failures) = (Host::default(), Vec::new());
        for part in &scope.parts {
            let notes = &mut failures;
            match part {
                HostPart::Links => host.links = noted(self.list(Route::links), notes),
                HostPart::Addresses => host.addresses = noted(self.list(Route::addresses), notes),
                HostPart::Neighbours => {
                    host.neighbours = noted(self.list(Route::neighbours), notes);
                }
                HostPart::Routes => host.routes = noted(self.list(Route::routes), notes),
                HostPart::Timeouts => {
                    host.timeouts = noted(self.ask(Ipvs::timeouts).map(Some), notes);
                }
                HostPart::SyncDaemons => {
                    host.sync_daemons = noted(self.ask(Ipvs::sync_daemons), notes);
                }
            }
        }
        for name in &scope.settings {
            let value = match read_sysctl(name) {
                Err(SysctlError {
                    cause: SysctlCause::Missing,
                    ..
                }) if scope.optional.contains(name) => Ok(None),
                read => read.map_err(HostError::from).map(Some),
            };
            if let Some(value) = noted(value, &mut failures) {
                host.settings.insert(name.clone(), value);
            }
        }
        HostReading { host, failures }
    }

    fn apply_host(&mut self, steps: &[HostStep]) -> Vec<HostFailure<HostError>> {
        let failure = |(index, step): (usize, &HostStep)| {
            let error = self.step(step).err()?;
            let step = step.clone();
            Some(HostFailure { index, step, error })
        };
        steps.iter().enumerate().filter_map(failure).collect()
    }
}

/// A program that has a connection to IPVS has this host with it.
impl HostTarget for Ipvs {
    type HostError = HostError;

    fn read_host(&mut self, scope: &HostScope) -> HostReading<HostError> {
        LocalHost::with(self).read_host(scope)
    }

    fn apply_host(&mut self, steps: &[HostStep]) -> Vec<HostFailure<HostError>> {
        LocalHost::with(self).apply_host(steps)
    }
}

/// The result, or the default and a note of the failure.
fn noted<T: Default>(read: Result<T, HostError>, failures: &mut Vec<HostError>) -> T {
    read.unwrap_or_else(|failure| {
        failures.push(failure);
        T::default()
    })
}

/// The open socket; opens it at the first use.
fn open<T, E>(part: &mut Option<T>, open: impl FnOnce() -> Result<T, E>) -> Result<&mut T, E> {
    let opened = match part.take() {
        Some(opened) => opened,
        None => open()?,
    };
    Ok(part.insert(opened))
}

/// Sends only the timeouts that change. 0 leaves one as it is.
fn changed(from: Timeouts, to: Timeouts) -> Timeouts {
    let told = |from: Seconds, to: Seconds| if from == to { Seconds(0) } else { to };
    Timeouts {
        tcp: told(from.tcp, to.tcp),
        tcp_fin: told(from.tcp_fin, to.tcp_fin),
        udp: told(from.udp, to.udp),
    }
}
