// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director comes back with nothing in its kernel, and is loaded with the connections of the other one.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::director::Director;
use super::pair::{NAMES, play};
use super::report::{Figure, Report, seconds};
use super::stage::{LONG, SERVERS, Stage, VIP, wait_for};

/// A director, and the other one of its pair.
struct Post {
    name: &'static str,
    /// Its configuration.
    file: &'static str,
    address: &'static str,
    peer: &'static str,
}

const FIRST: Post = Post {
    name: NAMES[0],
    file: "director1.yaml",
    address: "192.168.0.11",
    peer: "192.168.0.12",
};
const SECOND: Post = Post {
    name: NAMES[1],
    file: "director2.yaml",
    address: FIRST.peer,
    peer: FIRST.address,
};
/// The service by UDP: each datagram of another client port is a connection of its own.
const PORT: u16 = 5353;
/// The client ports of each address.
const PORTS: std::ops::Range<u16> = 10_000..60_000;
/// A director with so many connections takes its time.
const PATIENCE: Duration = Duration::from_mins(3);
/// So soon it should be loaded.
const GOAL: Duration = Duration::from_secs(5);
/// So many datagrams are sent before the others have the processor.
const BURST: usize = 200;

/// Have a director that has come back loaded with the connections of the other one
///
/// Two directors with a kernel each are a pair. The first one has so many connections by UDP; then the second one starts, asks
/// for them, and gets them. The exit status is not 0 if one is missing.
#[derive(Args, Debug)]
pub(super) struct LoadArgs {
    /// How many connections the first one has
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    connections: usize,
}

/// Plays it, in a lab of its own.
#[must_use]
pub(super) fn main(args: &LoadArgs) -> ExitCode {
    play(|stage, report| tell(stage, report, args.connections))
}

fn tell(stage: &Stage, report: &mut Report, count: usize) -> Result<()> {
    report.step("The first of two directors has the virtual address");
    for post in [FIRST, SECOND] {
        configure(stage, &post)?;
    }
    let [first, second] = [FIRST, SECOND].map(|post| Director::on(&stage.lab, post.name));
    let mark = first.mark()?;
    first.launch(FIRST.file)?;
    first.wait_for_lines(mark, 1, LONG, |line| line.contains("backup -> master"))?;

    report.step(&format!("{count} connections"));
    open(stage, count)?;
    let known = wait_for("all connections are in the table", LONG, || {
        let known = connections(&first)?;
        // The network of the lab may lose a datagram.
        Ok((known >= count - count / 100).then_some(known))
    })?;
    report.check(true, &format!("{} has {known} connections", FIRST.name));

    report.step("The second one starts, with nothing in its kernel");
    let mark = second.mark()?;
    second.launch(SECOND.file)?;
    second.wait_for_lines(mark, 1, LONG, |line| line.starts_with("peer connected"))?;
    let begun = Instant::now();
    let told = second.wait_for_lines(mark, 1, PATIENCE, |line| {
        line.contains("the other director has sent its ")
    })?;
    let took = begun.elapsed();
    report.quote(&told.concat());
    let sent = first.log_tail(3);
    report.quote(&sent);
    let there = connections(&second)?;
    let missing = known.saturating_sub(there);
    let text = format!(
        "{} had {there} of {known} connections {} after it had met the first one",
        SECOND.name,
        seconds(took)
    );
    report.figures(
        &text,
        [
            Figure::time("loaded after", took, GOAL),
            Figure::lost("loaded: connections missing", missing, known),
        ],
    );
    Ok(())
}

fn configure(stage: &Stage, post: &Post) -> Result<()> {
    let share = stage.lab.share();
    let key = share.join("pair.key");
    fs::write(&key, "9f86d081884c7d659a2feaa0c55ad015").context("write the key of the pair")?;
    let servers = SERVERS.map(|server| server.address.to_string()).join(", ");
    let text = format!(
        "peer: {{address: {}, bind: {}, key_file: {}}}\n\
         connection_sync: {{interface: eth0, id: 51}}\n\
         virtual_routers:\n  - {{interface: eth0, vrid: 51, hold: 0s, addresses: [{VIP}/24]}}\n\
         virtual_services:\n  - {{address: '{VIP}:{PORT}', protocol: udp, scheduler: wrr, check: none, servers: [{servers}]}}\n",
        post.peer,
        post.address,
        key.display()
    );
    let path = share.join(post.file);
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

/// Says something once from so many ports of the client.
fn open(stage: &Stage, count: usize) -> Result<()> {
    let addresses = stage.lab.client_addresses(false)?;
    let ports = PORTS.len();
    ensure!(
        count <= ports * addresses.len(),
        "the client has too few addresses"
    );
    let all = addresses
        .iter()
        .flat_map(|address| PORTS.map(move |port| SocketAddr::new(*address, port)));
    stage.client.run(|| {
        for (number, from) in all.take(count).enumerate() {
            say(from).with_context(|| format!("say something from {from}"))?;
            if number % BURST == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    })
}

fn say(from: SocketAddr) -> std::io::Result<()> {
    let socket = UdpSocket::bind(from)?;
    socket
        .send_to(b"hello", (IpAddr::from(VIP), PORT))
        .map(drop)
}

/// How many connections a director's kernel counts.
fn connections(director: &Director) -> Result<usize> {
    let listed = director.run("ipvsadm -Ln")?;
    let servers = listed
        .lines()
        .filter(|line| line.trim_start().starts_with("->"));
    // The title has no numbers.
    let counts = servers.filter_map(|line| {
        let mut words = line.split_whitespace().rev();
        let inactive: usize = words.next()?.parse().ok()?;
        let active: usize = words.next()?.parse().ok()?;
        Some(active + inactive)
    });
    Ok(counts.sum())
}
