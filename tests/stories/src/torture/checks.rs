// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attack: the director's host has no port left for a check. And how a server dies.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::round::Torture;
use crate::director::Table;
use crate::stage::Server;

/// How long checks cannot run before anyone looks: longer than `fall` of them take.
const LONG_ENOUGH: Duration = Duration::from_millis(1500);

/// Checks cannot run: the servers that were up stay, and the one that was down stays away although it answers again.
pub(super) fn not_run(torture: &mut Torture<'_>) -> Result<String> {
    let dead = Dead::kill(torture)?;
    let without = dead.table(torture);
    let mark = torture.story.stage.director.mark()?;
    reserve_ports(torture, "1-65535")?;
    torture.wait_for_line(mark, "check of real server ")?;
    torture.story.stage.serve(dead.server)?;
    thread::sleep(LONG_ENOUGH);
    let table = torture.story.stage.director.table()?;
    ensure!(
        table == without,
        "the table moved while no check could run: {:?}",
        table.symmetric_difference(&without).collect::<Vec<_>>()
    );
    torture.no_verdict_since(mark)?;
    reserve_ports(torture, "")?;
    torture.wait_for_table("the return of the server", &torture.goal().table)?;
    let lines = torture.story.stage.director.lines_since(mark)?;
    let told = lines.iter().any(|line| line.contains(" could not run "));
    ensure!(told, "no line says that a check could not run");
    Ok(format!(
        "{} answers again, and is back when checks run again",
        dead.name()
    ))
}

/// The ports that no connection of the director's host may be given. A limit of descriptors would not do: TCP checks use
/// their sockets again.
fn reserve_ports(torture: &Torture<'_>, ports: &str) -> Result<()> {
    let script = format!("echo {ports} >/proc/sys/net/ipv4/ip_local_reserved_ports");
    torture.script(&script).map(drop)
}

/// A real server whose service is dead; its host lives.
#[derive(Debug)]
pub(super) struct Dead {
    server: Server,
}

impl Dead {
    /// Kills one, and waits for its removal. Its clients' requests fail until then.
    pub(super) fn kill(torture: &mut Torture<'_>) -> Result<Self> {
        let server = *torture.random.pick(&torture.alive)?;
        torture.alive.retain(|it| it.name != server.name);
        let dead = Self { server };
        // It will be younger than the others.
        torture.ages = None;
        let from = torture.traffic.now();
        torture.story.stage.kill_service(server)?;
        torture.wait_for_table("the removal", &dead.table(torture))?;
        torture.excuse(from, Some(server.name));
        Ok(dead)
    }

    /// Starts its service, and waits for its return.
    pub(super) fn revive(self, torture: &Torture<'_>) -> Result<()> {
        torture.story.stage.serve(self.server)?;
        torture.wait_for_table("the return of the server", &torture.goal().table)
    }

    pub(super) const fn name(&self) -> &'static str {
        self.server.name
    }

    /// The table without it. Services that are not checked keep it.
    fn table(&self, torture: &Torture<'_>) -> Table {
        let mut table = torture.goal().table.clone();
        table.retain(|line| {
            let is_its = |port| line.contains(&format!(" -r {}:{port} ", self.server.address));
            !crate::stage::PORTS.into_iter().any(is_its)
        });
        table
    }
}
