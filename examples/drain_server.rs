// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes a real server out of a TCP service without breaking a connection. First it sets weight 0: the server gets no
//! new connections. Then it deletes the server when the last connection has ended, or when the time is up.
//!
//! `cargo run --example drain_server 192.0.2.10:5672 10.0.0.5:5672 600`

#![allow(
    clippy::disallowed_methods,
    reason = "a program that waits, in real time"
)]

use std::error::Error;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use lvs_director::kernel::Ipvs;
use lvs_director::model::{RealServer, ServerKey, ServiceKey, Weight};
use lvs_director::plan::{Step, Target as _};

const USAGE: &str = "usage: drain_server SERVICE-ADDRESS:PORT SERVER-ADDRESS:PORT SECONDS";

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().ok_or(USAGE);
    let service = ServiceKey::tcp(word()?.parse::<SocketAddr>()?);
    let server = ServerKey::from(word()?.parse::<SocketAddr>()?);
    let patience = Duration::from_secs(word()?.parse()?);

    let mut ipvs = Ipvs::open()?;
    let quiesced = RealServer {
        weight: Weight::new(0).ok_or("weight 0")?,
        ..find(&mut ipvs, &service, &server)?.0
    };
    change(&mut ipvs, Step::EditServer(service, server, quiesced))?;
    let start = Instant::now();
    loop {
        let (_, connections) = find(&mut ipvs, &service, &server)?;
        if connections == 0 || start.elapsed() >= patience {
            println!("{server} of {service}: deleted with {connections} connections left");
            return change(&mut ipvs, Step::DeleteServer(service, server));
        }
        println!("{server} of {service}: {connections} connections left");
        thread::sleep(Duration::from_secs(1));
    }
}

/// The server's present settings, and the number of its connections, including those that are about to end.
fn find(
    ipvs: &mut Ipvs,
    service: &ServiceKey,
    server: &ServerKey,
) -> Result<(RealServer, u64), Box<dyn Error>> {
    let servers = ipvs.servers(service)?;
    let entry = servers.into_iter().find(|entry| entry.key == *server);
    let entry = entry.ok_or_else(|| format!("{service} has no real server {server}"))?;
    let connections = entry.connections;
    Ok((
        entry.server,
        u64::from(connections.active) + u64::from(connections.inactive),
    ))
}

/// One change. A refusal is not an error of the exchange: the kernel reports it step by step.
fn change(ipvs: &mut Ipvs, step: Step) -> Result<(), Box<dyn Error>> {
    match ipvs.apply(&[step])?.first() {
        Some(refused) => Err(format!("{}: {}", refused.step, refused.errno).into()),
        None => Ok(()),
    }
}
