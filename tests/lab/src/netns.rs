// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hosts on one bridge, each a network namespace of the calling process: for tests inside one kernel.
//!
//! Nothing has a name in the file system. A dropped host is gone when no thread, socket or child is in it.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::ops::Deref;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};

use crate::namespace::Namespace;

/// A bridge, and the hosts that are plugged into it.
#[derive(Debug)]
pub struct Net {
    bridge: Namespace,
    next_port: AtomicU32,
}

impl Net {
    /// A bridge in a namespace of its own, with nothing on it.
    pub fn new() -> Result<Self> {
        let bridge = Namespace::fresh()?;
        bridge
            .ip("link set lo up\nlink add lan type bridge mcast_snooping 0\nlink set lan up\n")?;
        Ok(Self {
            bridge,
            next_port: AtomicU32::new(0),
        })
    }

    /// A new host whose `eth0` is on the bridge and has these addresses, such as `192.168.0.2/24`.
    pub fn host(&self, name: &str, addresses: &[&str]) -> Result<Host> {
        let port = format!("port{}", self.next_port.fetch_add(1, Ordering::Relaxed));
        let namespace = Namespace::fresh()?;
        let peer = namespace.path();
        self.bridge.ip(&format!(
            "link add {port} type veth peer name eth0 netns {}\nlink set {port} master lan up\n",
            peer.display()
        ))?;
        let cidrs: Vec<String> = addresses
            .iter()
            .map(|&address| address.to_owned())
            .collect();
        namespace
            .configure_host(&cidrs)
            .with_context(|| format!("configure host {name}"))?;
        let addresses = cidrs
            .iter()
            .map(|cidr| parse_address(cidr))
            .collect::<Result<_>>()?;
        Ok(Host {
            name: name.to_owned(),
            port,
            addresses,
            bridge: self.bridge.clone(),
            namespace,
        })
    }

    /// The bridge's own namespace, where every host's traffic can be seen on `lan`.
    pub fn bridge(&self) -> &Namespace {
        &self.bridge
    }
}

/// A host: a network namespace with `lo` and `eth0`. It can do what a [`Namespace`] can.
#[derive(Debug)]
pub struct Host {
    name: String,
    port: String,
    addresses: Vec<IpAddr>,
    bridge: Namespace,
    namespace: Namespace,
}

impl Host {
    /// What it was called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The addresses it was made with.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Runs `work` on this host and returns what it returns.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.run(work)
    }

    /// Starts `work` on this host.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.namespace.spawn(work)
    }

    /// Runs a program on this host to its end.
    pub fn command(&self, program: &str, arguments: &[&str]) -> io::Result<Output> {
        self.namespace.command(program, arguments)
    }

    /// Unplugs this host's cable, or plugs it in again: the bridge's end goes down or up.
    pub fn plug(&self, plugged: bool) -> Result<()> {
        self.bridge.ip(&format!(
            "link set {} {}\n",
            self.port,
            if plugged { "up" } else { "down" }
        ))
    }

    /// A hand at this host's cable, which pulls it when it is told to, without the time that a program takes to start.
    pub fn hand_at_cable(&self) -> Result<Hand> {
        let mut command = Command::new("ip");
        command.args(["-batch", "-"]).stdin(Stdio::piped());
        self.bridge.adopt(&mut command);
        Ok(Hand {
            program: command.spawn().context("run ip")?,
            line: format!("link set {} down\n", self.port),
        })
    }
}

/// See [`Host::hand_at_cable`].
#[derive(Debug)]
pub struct Hand {
    program: Child,
    line: String,
}

impl Hand {
    /// Pulls the cable; afterwards it is out.
    pub fn pull(mut self) -> Result<()> {
        if let Some(mut stdin) = self.program.stdin.take() {
            stdin.write_all(self.line.as_bytes())?;
        }
        let ended = self.program.wait()?;
        ensure!(ended.success(), "ip: {ended}");
        Ok(())
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        // One that was never told reads to the end, and does nothing.
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

impl Deref for Host {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Remove the cable at once, even if something keeps the namespace for a while.
        let _ = self.bridge.ip(&format!("link delete {}\n", self.port));
    }
}

fn parse_address(cidr: &str) -> Result<IpAddr> {
    let (address, length) = cidr
        .split_once('/')
        .with_context(|| format!("{cidr:?} has no prefix length"))?;
    ensure!(
        length.parse::<u8>().is_ok_and(|length| length <= 128),
        "{cidr:?} has no prefix length"
    );
    address
        .parse()
        .with_context(|| format!("{cidr:?} has no address"))
}

#[cfg(test)]
mod tests {
    use super::parse_address;

    #[test]
    fn addresses_come_with_a_prefix_length() {
        assert_eq!(
            parse_address("192.168.0.2/24").unwrap().to_string(),
            "192.168.0.2"
        );
        assert_eq!(parse_address("fd00::2/64").unwrap().to_string(), "fd00::2");
        assert!(parse_address("192.168.0.2").is_err());
        assert!(parse_address("192.168.0.2/x").is_err());
    }
}
