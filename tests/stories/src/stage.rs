// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who plays: three real-server hosts, a director, and a client with many addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::director::Director;
use super::traffic::Traffic;
use lab::machines::Lab;
use lab::namespace::Namespace;
use lab::question::ask_tcp;

/// The virtual IP of `examples/rabbitmq.yaml`.
pub(super) const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);
/// Its ports.
pub(super) const PORTS: [u16; 2] = [5672, 15672];
/// The configuration, in the directory that all hosts see and all commands run in.
pub(super) const CONFIG: &str = "director.yaml";
/// The longest that anything may take that has no limit of its own.
pub(super) const LONG: Duration = Duration::from_secs(20);
/// How many of the client's addresses make the continuous load; the others are for later.
const REGULARS: usize = 60;

/// A real-server host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    /// Its name.
    pub(super) name: &'static str,
    /// Its address.
    pub(super) address: Ipv4Addr,
    /// Its weight in the configuration.
    pub(super) weight: usize,
}

/// All of them.
pub(super) const SERVERS: [Server; 3] = [
    Server {
        name: "rs1",
        address: Ipv4Addr::new(192, 168, 0, 2),
        weight: 3,
    },
    Server {
        name: "rs2",
        address: Ipv4Addr::new(192, 168, 0, 3),
        weight: 2,
    },
    Server {
        name: "rs3",
        address: Ipv4Addr::new(192, 168, 0, 4),
        weight: 1,
    },
];

/// The sum of the weights.
pub(super) const WEIGHTS: usize = 6;

/// The lab, and who is in it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) lab: Lab,
    pub(super) director: Director,
    pub(super) client: Namespace,
    /// Addresses that ask all the time.
    pub(super) regulars: Vec<IpAddr>,
    /// Addresses that have not asked yet.
    newcomers: Vec<IpAddr>,
}

impl Stage {
    /// The lab that this process is in.
    pub(super) fn enter() -> Result<Self> {
        let lab = Lab::from_env()?;
        let share = lab.share();
        // Then all commands can use bare file names, on every host.
        std::env::set_current_dir(&share).with_context(|| format!("enter {}", share.display()))?;
        let mut regulars = lab.client_addresses(false)?;
        ensure!(
            regulars.len() > REGULARS,
            "the client has too few addresses"
        );
        let newcomers = regulars.split_off(REGULARS);
        Ok(Self {
            director: Director::new(&lab),
            client: lab.namespace("client")?,
            lab,
            regulars,
            newcomers,
        })
    }

    /// Runs a command on a host to its end; it must succeed. Returns its output.
    pub(super) fn run(&self, host: &str, command: &str) -> Result<String> {
        run(&self.lab, host, command)
    }

    /// Makes a host a real server: the VIP, and the service. Returns the output of `realserver start`.
    pub(super) fn start_server(&self, server: Server) -> Result<String> {
        let said = self.run(server.name, &format!("realserver start --config {CONFIG}"))?;
        self.serve(server)?;
        Ok(said)
    }

    /// Starts the service on a host, and waits until it answers there.
    pub(super) fn serve(&self, server: Server) -> Result<()> {
        let [first, second] = PORTS;
        let name = server.name;
        // Where the shell notes its process number, the service has the same.
        let script = format!("echo $$ >{name}.pid; exec lab serve {name} {first} {second}");
        self.lab.start_detached(name, &["sh", "-c", &script])?;
        for port in PORTS {
            let to = SocketAddr::new(server.address.into(), port);
            wait_for(&format!("the service of {name} at {to}"), LONG, || {
                Ok(self.ask(None, to, Duration::from_millis(300)))
            })?;
        }
        Ok(())
    }

    /// Kills the service on a host, and nothing else; returns its process number.
    pub(super) fn kill_service(&self, server: Server) -> Result<i32> {
        let file = self.lab.share().join(format!("{}.pid", server.name));
        let number =
            std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let number = number
            .trim()
            .parse()
            .context("understand the service's process number")?;
        kill(Pid::from_raw(number), Signal::SIGKILL).context("kill the service")?;
        Ok(number)
    }

    /// Asks once, from the client; the name of the server that answered.
    pub(super) fn ask(
        &self,
        from: Option<IpAddr>,
        to: SocketAddr,
        patience: Duration,
    ) -> Option<String> {
        let answer = self.client.run(|| ask_tcp(from, to, patience)).ok()?;
        answer.split(' ').next().map(str::to_owned)
    }

    /// Starts the continuous load on the first virtual service.
    pub(super) fn start_traffic(&self) -> Traffic {
        Traffic::start(&self.client, service(), &self.regulars)
    }

    /// Unused client addresses ask the first virtual service, one after the other. Returns how many each server
    /// answered, and under `nobody` how many got no answer.
    pub(super) fn newcomers(&mut self, count: usize) -> Result<BTreeMap<String, usize>> {
        let mut answered = BTreeMap::new();
        for _ in 0..count {
            let from = self
                .newcomers
                .pop()
                .context("no client addresses are left")?;
            let server = self.ask(Some(from), service(), super::traffic::PATIENCE);
            *answered
                .entry(server.unwrap_or_else(|| NOBODY.to_owned()))
                .or_default() += 1;
        }
        Ok(answered)
    }
}

/// The name under which requests without an answer are counted.
pub(super) const NOBODY: &str = "nobody";

/// The first virtual service, which the load asks.
pub(super) fn service() -> SocketAddr {
    let [port, _] = PORTS;
    SocketAddr::new(VIP.into(), port)
}

/// Runs a command on a host; failure is an error.
pub(super) fn run(lab: &Lab, host: &str, command: &str) -> Result<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let output = lab
        .on(host, &words)
        .with_context(|| format!("{host}: {command}"))?;
    ensure!(
        output.success(),
        "{host}: {command}: status {}\n{}{}",
        output.status,
        output.text(),
        output.error_text()
    );
    Ok(output.text())
}

/// Looks again and again, until there is something to see.
pub(super) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        ensure!(
            Instant::now() < deadline,
            "{what}: waited for in vain for {} s",
            limit.as_secs()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `rs1 4, rs2 2`.
pub(super) fn list(counts: &BTreeMap<String, usize>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    parts.join(", ")
}
