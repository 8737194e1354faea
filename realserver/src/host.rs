// SPDX-License-Identifier: MIT OR Apache-2.0
//! This host: reads it, changes it, keeps the state file and its lock.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use lvs_director::kernel::{HostError, LocalHost, RouteError, SysctlCause};
use lvs_director::model::{Host, NextHop, SysctlName};
use lvs_director::plan::{HostPart, HostReading, HostScope, HostStep, HostTarget as _};
use lvs_director::system::{FileCause, read_limited, write_atomically};

use crate::failure::Failure;
use crate::placement::Device;
use crate::setting::ipv6_off;
use crate::state::State;

/// The state of a hundred VIPs has some ten thousand bytes.
const STATE_LIMIT: u64 = 1024 * 1024;

/// The host's network, as the network namespace of this process shows it.
#[derive(Debug, Default)]
pub struct ThisHost(LocalHost<'static>);

impl ThisHost {
    /// Connects to the kernel.
    pub fn open() -> Result<Self, RouteError> {
        let mut host = LocalHost::new();
        host.route()?;
        Ok(Self(host))
    }

    /// Whether this process may change anything.
    pub fn may_change(&mut self) -> Result<bool, RouteError> {
        self.0.route()?.may_change()
    }

    /// Looks at everything a real server depends on.
    pub fn observe(&mut self) -> Result<Host, Failure> {
        let network = HostScope::of([HostPart::Links, HostPart::Addresses]);
        let mut host = self.read(&network)?;
        let interfaces = host.links.iter().map(|link| link.name.as_str());
        let settings = interfaces.chain(["all"]).flat_map(|interface| {
            let keys = ["arp_ignore", "arp_announce", "rp_filter"];
            keys.map(|key| SysctlName::ipv4_conf(interface, key))
        });
        let settings =
            settings.chain([Device::Lo.name(), Device::Ip6tnl0.name(), "default"].map(ipv6_off));
        host.settings = self.read(&HostScope::of_settings(settings))?.settings;
        Ok(host)
    }

    /// Who is next on the way to an address; `None` when there is no way.
    pub fn next_hop(&mut self, to: IpAddr) -> Result<Option<NextHop>, RouteError> {
        self.0.route()?.next_hop(to, None, None)
    }

    /// An interface that went away between two looks has no settings.
    fn read(&mut self, scope: &HostScope) -> Result<Host, Failure> {
        let HostReading { host, failures } = self.0.read_host(scope);
        let missing = |failure: &HostError| matches!(failure, HostError::Sysctl(error) if error.cause == SysctlCause::Missing);
        match failures.into_iter().find(|failure| !missing(failure)) {
            Some(failure) => Err(failure.into()),
            None => Ok(host),
        }
    }

    /// Makes one change. When it removes a VIP, it also removes the route to it that realserver.sh made.
    pub fn apply(&mut self, step: &HostStep) -> Result<(), Failure> {
        self.0.step(step)?;
        if let HostStep::RemoveAddress { address } = step {
            let route = self.0.route()?;
            if let Some(link) = route.link(&address.interface)? {
                route.remove_host_route(&link.name, link.index, address.address)?;
            }
        }
        Ok(())
    }
}

/// The addresses for which this host's IPVS has a virtual service: it is a director for them. None when that is not
/// known: the kernel lists them to everybody, if it has IPVS.
#[must_use]
pub fn directed() -> BTreeSet<IpAddr> {
    let listing = fs::read_to_string("/proc/net/ip_vs").unwrap_or_default();
    listing.lines().filter_map(virtual_address).collect()
}

/// `TCP  C0A8000A:1628 wrr`, or `UDP  [2001:0db8:...:0010]:0035 rr`.
fn virtual_address(line: &str) -> Option<IpAddr> {
    let mut words = line.split_whitespace();
    words
        .next()
        .filter(|word| matches!(*word, "TCP" | "UDP" | "SCTP"))?;
    let (address, _port) = words.next()?.rsplit_once(':')?;
    if let Some(address) = address.strip_prefix('[') {
        return address.strip_suffix(']')?.parse().ok();
    }
    let number = u32::from_str_radix(address, 16).ok()?;
    Some(Ipv4Addr::from_bits(number).into())
}

/// Reads the state file; a missing file counts as empty.
pub fn read_state(path: &Path) -> Result<State, Failure> {
    let bytes = match read_limited(path, STATE_LIMIT) {
        Ok(bytes) => bytes,
        Err(error) if error.cause == FileCause::Missing => return Ok(State::default()),
        Err(error) => return Err(error.into()),
    };
    State::parse(&bytes).map_err(|why| Failure::State {
        path: path.to_owned(),
        why,
    })
}

/// The right to change this host's set-up and its state file. One process has it at a time.
#[derive(Debug)]
pub struct Lock {
    state: PathBuf,
    /// Locked for as long as it is open.
    _file: File,
}

impl Lock {
    /// Waits until no other process has it. Makes the state file's directory.
    pub fn take(state: &Path) -> Result<Self, Failure> {
        let failed = |operation, path: &Path| {
            let path = path.to_owned();
            move |error| Failure::Lock {
                operation,
                path,
                error,
            }
        };
        if let Some(directory) = state.parent().filter(|path| !path.as_os_str().is_empty()) {
            let mut builder = DirBuilder::new();
            let made = builder.recursive(true).mode(0o755).create(directory);
            made.map_err(failed("make directory", directory))?;
        }
        let mut path = state.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600);
        let file = file.open(&path).map_err(failed("open", &path))?;
        file.lock().map_err(failed("lock", &path))?;
        let state = state.to_owned();
        Ok(Self { state, _file: file })
    }

    /// Writes the state file, or deletes it when there is nothing left to remember.
    pub fn write(&self, state: &State) -> Result<(), Failure> {
        if !state.is_empty() {
            return Ok(write_atomically(&self.state, &state.emit(), 0o644)?);
        }
        match fs::remove_file(&self.state) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::Lock {
                operation: "delete",
                path: self.state.clone(),
                error,
            }),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_tells_for_which_addresses_this_host_is_a_director() {
        let lines = [
            "IP Virtual Server version 1.2.1 (size=4096)",
            "Prot LocalAddress:Port Scheduler Flags",
            "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn",
            "TCP  C0A8000A:1628 wrr persistent 50 FFFFFFFF",
            "  -> C0A80002:1628      Route   1      0          0",
            "UDP  [2001:0db8:0000:0000:0000:0000:0000:0010]:0035 rr",
            "FWM  00000007 rr",
        ];
        let found: Vec<_> = lines.into_iter().filter_map(virtual_address).collect();
        let expected: [IpAddr; 2] = ["192.168.0.10", "2001:db8::10"].map(|it| it.parse().unwrap());
        assert_eq!(found, expected);
    }
}
