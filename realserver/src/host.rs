// SPDX-License-Identifier: MIT OR Apache-2.0
//! This host: reads it, changes it, keeps the state file and its lock.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use lvs_director::kernel::{
    InterfaceAddress, Link, Route, RouteError, Sysctl, SysctlCause, SysctlError,
};
use lvs_director::system::{FileCause, read_limited, write_atomically};

use crate::failure::Failure;
use crate::observed::Observed;
use crate::placement::{Device, Placement};
use crate::plan::Change;
use crate::state::State;

/// The state of a hundred VIPs has some ten thousand bytes.
const STATE_LIMIT: u64 = 1024 * 1024;

/// The host's network, as the network namespace of this process shows it.
#[derive(Debug)]
pub struct Host {
    route: Route,
}

impl Host {
    /// Connects to the kernel.
    pub fn open() -> Result<Self, RouteError> {
        Ok(Self {
            route: Route::open()?,
        })
    }

    /// Whether this process may change anything.
    pub fn may_change(&mut self) -> Result<bool, RouteError> {
        self.route.may_change()
    }

    /// Looks at everything.
    pub fn observe(&mut self) -> Result<Observed, Failure> {
        let (links, addresses) = (self.route.links()?, self.route.addresses()?);
        let mut settings = BTreeMap::new();
        let interfaces = links.iter().map(|link| link.name.as_str());
        for interface in interfaces.chain(["all"]) {
            for key in ["arp_ignore", "arp_announce", "rp_filter"] {
                let name = Sysctl::ipv4_conf(interface, key);
                if let Some(value) = present(name.get())? {
                    settings.insert(name, value);
                }
            }
        }
        Ok(Observed {
            links,
            addresses,
            settings,
        })
    }

    /// Makes one change.
    pub fn apply(&mut self, change: &Change) -> Result<(), Failure> {
        match change {
            Change::Make { device } => {
                if let Some(tunnel) = device.tunnel() {
                    self.route.add_tunnel(tunnel)?;
                }
            }
            Change::Up { device } => self.set_up(*device, true)?,
            Change::Down { device } => self.set_up(*device, false)?,
            Change::Set { name, to, .. } => name.set(*to)?,
            Change::Add { placement, label } => {
                if let Some(link) = self.link(placement.device)? {
                    let address = address(*placement, &link, label.clone());
                    self.route.add_address(&link.name, &address)?;
                }
            }
            Change::Remove { placement } => {
                if let Some(link) = self.link(placement.device)? {
                    let address = address(*placement, &link, None);
                    self.route.remove_address(&link.name, &address)?;
                    let (index, vip) = (link.index, placement.vip);
                    self.route.remove_host_route(&link.name, index, vip)?;
                }
            }
        }
        Ok(())
    }

    fn set_up(&mut self, device: Device, up: bool) -> Result<(), RouteError> {
        match self.link(device)? {
            Some(link) => self.route.set_up(&link, up),
            None => Ok(()),
        }
    }

    fn link(&mut self, device: Device) -> Result<Option<Link>, RouteError> {
        self.route.link(device.name())
    }
}

fn address(placement: Placement, link: &Link, label: Option<String>) -> InterfaceAddress {
    InterfaceAddress {
        index: link.index,
        address: placement.vip,
        prefix: placement.prefix(),
        label,
        nodad: placement.vip.is_ipv6(),
        tentative: false,
        duplicate: false,
    }
}

/// An interface that went away between two looks has no settings.
fn present(value: Result<i32, SysctlError>) -> Result<Option<i32>, SysctlError> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.cause == SysctlCause::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the state file; one that does not exist says nothing.
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

/// The right to change this host's set-up and its state file, held by one process at a time.
#[derive(Debug)]
pub struct Lock {
    state: PathBuf,
    /// Locked for as long as it is open.
    _file: File,
}

impl Lock {
    /// Waits until nobody else has it. Makes the state file's directory.
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
