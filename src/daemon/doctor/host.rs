// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts of this host's processes, files and clock.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::doctor::{
    Caretaker, Fact, Facts, KernelVersion, ModuleState, Place, PlaceState, Unread,
};
use crate::kernel::Modules;
use crate::model::{Config, Link};
use crate::system::{
    Caretakers, capabilities, clock_is_synchronised, disk, most_open_files, read_limited, runs,
};

/// Other programs that program IPVS, as the kernel names their processes.
const BALANCERS: [&str; 3] = ["keepalived", "ldirectord", "kube-proxy"];
const RELEASE: &str = "/proc/sys/kernel/osrelease";
const RELEASE_AT_MOST: u64 = 256;

pub(super) fn collect(facts: &mut Facts) {
    facts.kernel = kernel();
    let running = facts.running.as_ref().ok().and_then(Option::as_ref);
    let pid = running.map(|it| it.pid);
    let subject = pid.unwrap_or_else(std::process::id);
    facts.capabilities = read("the capabilities of the process", capabilities(subject));
    facts.open_files = pid
        .map(|pid| read("the limits of the director", most_open_files(pid)))
        .transpose();
    facts.synchronised = read("the clock's state", clock_is_synchronised());
    facts.balancers = balancers();
    if let Ok(config) = &facts.config {
        let read = Modules::read();
        let state = |name: &String| match &read {
            Ok(modules) if modules.has(name) => Ok(ModuleState::There),
            Ok(modules) if modules.can_load(name) => Ok(ModuleState::OnDisk),
            Ok(_) => Ok(ModuleState::Missing),
            Err(error) => Err(unread("the list of modules", error)),
        };
        let names = Facts::modules_of_interest(config).into_iter();
        facts.modules = names.map(|name| (name.clone(), state(&name))).collect();
        facts.places = places(config);
    }
}

fn unread(what: &str, error: &io::Error) -> Unread {
    let help = if error.kind() == io::ErrorKind::PermissionDenied {
        "; run as root"
    } else {
        ""
    };
    Unread(format!("read {what}: {error}{help}"))
}

fn read<T>(what: &str, read: io::Result<T>) -> Fact<T> {
    read.map_err(|error| unread(what, &error))
}

fn kernel() -> Fact<KernelVersion> {
    let bytes = read_limited(Path::new(RELEASE), RELEASE_AT_MOST).map_err(Unread::because)?;
    let release = String::from_utf8_lossy(&bytes);
    let version = KernelVersion::of_release(&release);
    version.ok_or_else(|| Unread(format!("{RELEASE} has no version: {release}")))
}

fn balancers() -> Fact<Vec<String>> {
    let mut found = Vec::new();
    for name in BALANCERS {
        if read("the list of processes", runs(name))? {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

/// The directories of the state file, of the remembered file, and of the control socket.
fn places(config: &Config) -> Vec<Place> {
    let settings = &config.director;
    let files = [
        &settings.state_file,
        &settings.remembered_file,
        &settings.socket,
    ];
    let directories: BTreeSet<_> = files.into_iter().filter_map(|it| it.parent()).collect();
    let place = |directory: &Path| Place {
        directory: directory.to_owned(),
        state: read(&directory.display().to_string(), disk(directory)).map(|found| {
            found.map(|it| PlaceState {
                writable_by_others: it.writable_by_others,
                read_only: it.read_only,
                free_bytes: it.free_bytes,
                free_files: it.free_files,
            })
        }),
    };
    directories.into_iter().map(place).collect()
}

/// Who looks after these interfaces.
pub(super) fn caretakers(links: &[Link]) -> Fact<Vec<Caretaker>> {
    let programs = read("the list of processes", Caretakers::read())?;
    let mut found = Vec::new();
    for link in links {
        let interface = link.name.clone();
        if let Some(it) = programs.networkd(link.index).map_err(Unread::because)? {
            let (file, keeps) = (it.file, it.keeps);
            found.push(Caretaker::Networkd {
                interface,
                file,
                keeps,
            });
        } else if programs
            .network_manager(link.index)
            .map_err(Unread::because)?
        {
            found.push(Caretaker::NetworkManager { interface });
        }
    }
    Ok(found)
}
