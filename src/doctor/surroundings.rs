// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other programs on this host.

use super::facts::{Caretaker, Facts, vips};
use super::finding::{Fact, Trouble};
use crate::ipvsadm::ServiceArgument;

/// Another program that programs IPVS, or has virtual addresses.
pub(super) fn balancers(facts: &Facts) -> Fact<Vec<Trouble>> {
    let others = facts.balancers.clone()?.into_iter();
    Ok(others
        .map(|name| {
            Trouble::warning(
                format!("{name} runs on this host, too"),
                "Two programs that change one table undo each other's work, unless their services and addresses are different.",
            )
            .mended_by(format!("systemctl disable --now {name}    # when the director has taken over"))
        })
        .collect())
}

/// Services that neither the configuration nor the state file has.
pub(super) fn foreign_services(facts: &Facts) -> Fact<Vec<Trouble>> {
    let (table, owned) = (facts.table.clone()?, facts.owned.clone()?);
    let configured = &facts.config()?.services;
    let mut foreign = table
        .iter()
        .filter(|it| !configured.contains_key(it) && !owned.contains(it));
    let Some(first) = foreign.next() else {
        return Ok(Vec::new());
    };
    let more = foreign.count();
    let also = if more == 0 {
        String::new()
    } else {
        format!(", and {more} more")
    };
    Ok(vec![
        Trouble::note(
            format!("the kernel has {first}{also}, which is neither in the configuration nor a director's work"),
            "The director leaves it alone. Another program made it, or somebody by hand, and nobody checks its servers.",
        )
        .mended_by(format!("lvsadm -D {}", ServiceArgument(first))),
    ])
}

/// The interfaces that have, or will have, virtual addresses.
fn has_vips(facts: &Facts, interface: &str) -> Fact<bool> {
    let config = facts.config()?;
    if config
        .routers
        .values()
        .any(|it| &*it.interface == interface)
    {
        return Ok(true);
    }
    for vip in vips(config).into_keys() {
        if facts
            .holders(vip)?
            .iter()
            .any(|link| link.name == interface)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// It removes addresses that it did not add, when it starts or configures the interface anew.
pub(super) fn networkd(facts: &Facts) -> Fact<Vec<Trouble>> {
    networkd_removes(
        &facts.caretakers.clone()?,
        |interface| has_vips(facts, interface),
        "director",
        "When it starts anew, or configures the interface again, it removes the virtual addresses.",
    )
}

/// The interfaces that matter, and that systemd-networkd configures so that addresses of others go. `why` says what is lost; the
/// file that mends it gets the name of this program.
pub fn networkd_removes(
    caretakers: &[Caretaker],
    matters: impl Fn(&str) -> Fact<bool>,
    program: &str,
    why: &str,
) -> Fact<Vec<Trouble>> {
    let mut troubles = Vec::new();
    for caretaker in caretakers {
        let Caretaker::Networkd {
            interface,
            file,
            keeps,
        } = caretaker
        else {
            continue;
        };
        if *keeps || !matters(interface)? {
            continue;
        }
        let name = file.file_name().unwrap_or_default().display().to_string();
        let drop_in = format!("/etc/systemd/network/{name}.d");
        let trouble = Trouble::warning(
            format!(
                "systemd-networkd configures {interface} by {} without KeepConfiguration=",
                file.display()
            ),
            why,
        );
        troubles.push(trouble.mended_by(format!(
            "mkdir -p {drop_in} && printf '[Network]\\nKeepConfiguration=static\\n' > {drop_in}/{program}.conf && networkctl reload"
        )));
    }
    Ok(troubles)
}

/// The same of the other one.
pub(super) fn network_manager(facts: &Facts) -> Fact<Vec<Trouble>> {
    let mut troubles = Vec::new();
    for caretaker in facts.caretakers.clone()? {
        let Caretaker::NetworkManager { interface } = caretaker else {
            continue;
        };
        if has_vips(facts, &interface)? {
            let trouble = Trouble::warning(
                format!("NetworkManager manages {interface}"),
                "When it activates the connection again, it removes addresses that it did not add: the virtual ones.",
            );
            troubles.push(trouble.mended_by(format!("nmcli device set {interface} managed no")));
        }
    }
    Ok(troubles)
}
