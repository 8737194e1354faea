// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel as the shell uses it: the table, and the host around it.

use crate::kernel::{HostError, Ipvs, IpvsError, LocalHost, OpenError};
use crate::model::{ConnectionCounts, IpvsTable, ServerKey, ServiceKey, Traffic, VirtualService};
use crate::plan::{
    HostFailure, HostReading, HostScope, HostStep, HostTarget, SimulatedKernel, Step, StepFailure,
    Target,
};

/// A [`Target`] that also has the host around it.
pub(super) trait Kernel: Target + HostTarget {}

impl Kernel for LocalKernel {}

impl Kernel for SimulatedKernel {}

/// The kernel of this host. One without IPVS has an empty table, until something is to be added to it: a director that
/// only has virtual routers needs no IPVS.
#[derive(Debug)]
pub(super) enum LocalKernel {
    /// It has IPVS.
    With(Ipvs),
    /// It has none, or has not loaded it.
    Without,
}

/// Why an exchange with the table failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TableError {
    /// There is no IPVS to talk to.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The exchange itself.
    #[error(transparent)]
    Ipvs(#[from] IpvsError),
}

impl LocalKernel {
    /// Opens IPVS. `needed` says whether there is something to do for it; where nothing is, it may be missing.
    pub(super) fn open(needed: bool) -> Result<Self, OpenError> {
        match Ipvs::open() {
            Ok(ipvs) => Ok(Self::With(ipvs)),
            Err(OpenError::NoIpvs) if !needed => Ok(Self::Without),
            Err(error) => Err(error),
        }
    }
}

impl Target for LocalKernel {
    type Error = TableError;

    fn read(&mut self) -> Result<IpvsTable, TableError> {
        match self {
            Self::With(ipvs) => Ok(ipvs.read()?),
            Self::Without => Ok(IpvsTable::new()),
        }
    }

    fn read_service(&mut self, key: &ServiceKey) -> Result<Option<VirtualService>, TableError> {
        match self {
            Self::With(ipvs) => Ok(ipvs.read_service(key)?),
            Self::Without => Ok(None),
        }
    }

    fn count(
        &mut self,
        key: &ServiceKey,
    ) -> Result<Vec<(ServerKey, ConnectionCounts, Traffic)>, TableError> {
        match self {
            Self::With(ipvs) => Ok(ipvs.count(key)?),
            Self::Without => Ok(Vec::new()),
        }
    }

    fn apply(&mut self, steps: &[Step]) -> Result<Vec<StepFailure>, TableError> {
        match self {
            Self::With(ipvs) => Ok(ipvs.apply(steps)?),
            Self::Without if steps.is_empty() => Ok(Vec::new()),
            Self::Without => {
                let mut ipvs = Ipvs::open()?;
                let refused = ipvs.apply(steps);
                *self = Self::With(ipvs);
                Ok(refused?)
            }
        }
    }
}

impl HostTarget for LocalKernel {
    type HostError = HostError;

    fn read_host(&mut self, scope: &HostScope) -> HostReading<HostError> {
        match self {
            Self::With(ipvs) => ipvs.read_host(scope),
            Self::Without => {
                let mut scope = scope.clone();
                scope.settings.retain(|it| !it.is_of_ipvs());
                LocalHost::new().read_host(&scope)
            }
        }
    }

    fn apply_host(&mut self, steps: &[HostStep]) -> Vec<HostFailure<HostError>> {
        match self {
            Self::With(ipvs) => ipvs.apply_host(steps),
            Self::Without => LocalHost::new().apply_host(steps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SysctlName;

    #[test]
    fn a_kernel_without_ipvs_has_an_empty_table_and_nothing_to_do_is_done() {
        let mut kernel = LocalKernel::Without;
        assert_eq!(kernel.read().unwrap(), IpvsTable::new());
        assert!(kernel.apply(&[]).unwrap().is_empty());
        let key = "TCP 192.0.2.10:80".parse().unwrap();
        assert_eq!(kernel.read_service(&key).unwrap(), None);
        assert!(kernel.count(&key).unwrap().is_empty());
    }

    #[test]
    fn without_ipvs_its_settings_are_not_missed() {
        let ours = SysctlName::net(&["ipv4", "vs", "expire_nodest_conn"]);
        let others = SysctlName::net(&["ipv4", "ip_forward"]);
        let scope = HostScope::of_settings([ours.clone(), others.clone()]);
        let reading = LocalKernel::Without.read_host(&scope);
        assert!(reading.failures.is_empty(), "{:?}", reading.failures);
        assert!(reading.host.settings.contains_key(&others));
        assert!(!reading.host.settings.contains_key(&ours));
    }
}
