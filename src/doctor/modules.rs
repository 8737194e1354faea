// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel modules.

use super::facts::{Facts, ModuleState, masqueraded_at, scheduler_module};
use super::finding::{Fact, Trouble, Unread};

/// The port that `ip_vs_ftp` looks at, unless it is told another one.
const FTP: u16 = 21;
/// Where a distribution keeps the modules that its small kernel image does not have.
const MORE_MODULES: &str = "apt-get install linux-modules-extra-$(uname -r)";

fn state(facts: &Facts, module: &str) -> Fact<ModuleState> {
    let state = facts.modules.get(module).cloned();
    state.unwrap_or_else(|| Err(Unread(format!("nobody looked for the module {module}"))))
}

/// Without it there is nothing to program.
pub(super) fn ip_vs(facts: &Facts) -> Fact<Vec<Trouble>> {
    Ok(match state(facts, "ip_vs")? {
        ModuleState::There => Vec::new(),
        ModuleState::OnDisk => vec![
            Trouble::note(
                "the module ip_vs is not loaded",
                "director run loads it; until then the kernel has no IPVS and no net.ipv4.vs settings.",
            )
            .mended_by("modprobe ip_vs"),
        ],
        ModuleState::Missing => vec![
            Trouble::error(
                "this kernel comes without the module ip_vs",
                "Without it no virtual service can exist.",
            )
            .mended_by(MORE_MODULES),
        ],
    })
}

/// The kernel loads them when a service is made.
pub(super) fn schedulers(facts: &Facts) -> Fact<Vec<Trouble>> {
    let mut seen = std::collections::BTreeMap::new();
    for (key, service) in &facts.config()?.services {
        let module = scheduler_module(&service.settings.scheduler);
        seen.entry(module).or_insert(key);
    }
    let mut troubles = Vec::new();
    for (module, service) in seen {
        troubles.extend(match state(facts, &module)? {
            ModuleState::There => None,
            ModuleState::OnDisk => Some(
                Trouble::note(
                    format!("the module {module} of {service} is not loaded"),
                    "The kernel loads it with the service, if it may still load modules then.",
                )
                .mended_by(format!("modprobe {module}")),
            ),
            ModuleState::Missing => Some(
                Trouble::error(
                    format!(
                        "this kernel comes without the module {module}, the scheduler of {service}"
                    ),
                    "The kernel refuses the service without its scheduler.",
                )
                .mended_by(MORE_MODULES),
            ),
        });
    }
    Ok(troubles)
}

/// It rewrites the addresses in FTP's own words: only masqueraded FTP needs it.
pub(super) fn ftp(facts: &Facts) -> Fact<Vec<Trouble>> {
    let service = masqueraded_at(facts.config()?, FTP);
    Ok(match (service, state(facts, "ip_vs_ftp")?) {
        (None, ModuleState::There) => vec![
            Trouble::note(
                "the module ip_vs_ftp is loaded, and no masqueraded service has port 21",
                "It brings nf_conntrack and NAT along, which cost time for each packet.",
            )
            .mended_by("modprobe -r ip_vs_ftp"),
        ],
        (Some(service), ModuleState::OnDisk | ModuleState::Missing) => vec![
            Trouble::warning(
                format!("{service} masquerades FTP without the module ip_vs_ftp"),
                "The data connections of passive FTP go to the servers' own addresses, which clients cannot reach.",
            )
            .mended_by("modprobe ip_vs_ftp"),
        ],
        (None, ModuleState::OnDisk | ModuleState::Missing) | (Some(_), ModuleState::There) => {
            Vec::new()
        }
    })
}

/// Virtual MAC addresses are macvlan interfaces.
pub(super) fn macvlan(facts: &Facts) -> Fact<Vec<Trouble>> {
    let config = facts.config()?;
    let Some((name, _)) = config.routers.iter().find(|(_, it)| it.virtual_mac) else {
        return Ok(Vec::new());
    };
    Ok(match state(facts, "macvlan")? {
        ModuleState::There | ModuleState::OnDisk => Vec::new(),
        ModuleState::Missing => vec![
            Trouble::warning(
                format!("virtual router {name} has virtual_mac, and this kernel comes without the module macvlan"),
                "Its addresses then have the interface's own hardware address, which changes at a failover.",
            )
            .mended_by(MORE_MODULES),
        ],
    })
}
