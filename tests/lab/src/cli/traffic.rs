// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that make traffic: a service that names the server that answered, and a load that counts.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use super::say;
use crate::limits;
use crate::load::{ALWAYS, Kind, Plan, Record, run};
use crate::machines::Lab;
use crate::service::{NameServer, tcp_name_server, udp_name_server};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Serve(ServeArgs),
    Load(LoadArgs),
}

/// Serve until ended: every line of a TCP connection is answered with "NAME line".
///
/// Connections stay open until the client closes them.
#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Serve by UDP instead, a datagram for a datagram
    #[arg(long)]
    udp: bool,
    /// Serve at this address only; for UDP at a virtual IP, name that one [default: all, IPv4 and IPv6]
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V6(Ipv6Addr::UNSPECIFIED), hide_default_value = true)]
    bind: IpAddr,
    /// The name before each answer
    name: String,
    /// The ports to serve
    #[arg(required = true)]
    ports: Vec<u16>,
}

/// Ask a service at a steady rate, each time on a new connection, and count who answered.
#[derive(Args, Debug)]
pub(super) struct LoadArgs {
    /// New connections in a second
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate: u32,
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u32,
    /// Additional connections to hold open; each asks a line every 200 ms
    #[arg(long, value_name = "N", default_value_t = 0)]
    held: u32,
    /// How long an answer may take, connecting included, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    timeout: u64,
    /// Source addresses, used in turn: a list such as 192.168.0.101,192.168.0.102, or a range such as
    /// 192.168.0.101-160 [default: what the kernel chooses]
    #[arg(long, value_name = "ADDRESSES", value_parser = parse_sources)]
    from: Option<Sources>,
    /// Use all addresses of the lab's client in turn
    #[arg(long, conflicts_with = "from")]
    clients: bool,
    /// Print every single question and answer, as JSON
    #[arg(long)]
    json: bool,
    /// The service
    #[arg(value_name = "ADDRESS:PORT")]
    to: SocketAddr,
}

impl Command {
    pub(super) fn run(self) -> Result<u8> {
        match self {
            Self::Serve(args) => serve(&args),
            Self::Load(args) => load(args),
        }
    }
}

fn serve(args: &ServeArgs) -> Result<u8> {
    // Thousands of connections may be held.
    limits::allow_many_descriptors()?;
    let start = if args.udp {
        udp_name_server
    } else {
        tcp_name_server
    };
    let servers: Vec<NameServer> = args
        .ports
        .iter()
        .map(|&port| {
            let address = SocketAddr::new(args.bind, port);
            start(address, &args.name).with_context(|| format!("serve at {address}"))
        })
        .collect::<Result<_>>()?;
    servers.into_iter().for_each(NameServer::wait);
    Ok(1)
}

fn load(args: LoadArgs) -> Result<u8> {
    let sources = if args.clients {
        Lab::from_env()?.client_addresses(args.to.is_ipv6())?
    } else {
        args.from.unwrap_or_default().0
    };
    let plan = Plan {
        to: args.to,
        sources,
        rate: args.rate,
        timeout: Duration::from_millis(args.timeout),
        held: args.held,
    };
    let record = run(&plan, Duration::from_secs(args.seconds.into()));
    if args.json {
        say(&format!("{}\n", serde_json::to_string(&record)?))?;
    } else {
        say(&summary(&record))?;
    }
    Ok(0)
}

fn summary(record: &Record) -> String {
    let mut text = String::new();
    for (kind, name) in [
        (Kind::Short, "new connections"),
        (Kind::Held, "held connections"),
    ] {
        let asked = record.of(kind, ALWAYS).count();
        if asked == 0 {
            continue;
        }
        text.push_str(&format!("{name}: {asked} questions\n"));
        for (server, count) in record.per_server(kind, ALWAYS) {
            text.push_str(&format!("{count:>8} answered by {server}\n"));
        }
        for (error, count) in record.failures(kind, ALWAYS) {
            text.push_str(&format!("{count:>8} failed: {error}\n"));
        }
    }
    text.push_str(&format!(
        "longest time without an answer: {} ms\n",
        record.longest_gap().as_millis()
    ));
    text
}

/// The addresses of `--from`. It needs its own type: clap would read a plain list as an option that may be repeated.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Sources(Vec<IpAddr>);

fn parse_sources(text: &str) -> Result<Sources> {
    let mut sources = Vec::new();
    for part in text.split(',') {
        let Some((first, last)) = part.split_once('-') else {
            sources.push(
                part.parse()
                    .with_context(|| format!("{part:?} is no address"))?,
            );
            continue;
        };
        let dot = first
            .rfind(['.', ':'])
            .with_context(|| format!("{first:?} is no address"))?
            + 1;
        let (network, first) = first.split_at(dot);
        let number = |text: &str| {
            text.parse::<u8>()
                .with_context(|| format!("{text:?} is no last number"))
        };
        let (first, last) = (number(first)?, number(last)?);
        ensure!(first <= last, "{part:?} is empty");
        for number in first..=last {
            let address = format!("{network}{number}");
            sources.push(
                address
                    .parse()
                    .with_context(|| format!("{address:?} is no address"))?,
            );
        }
    }
    Ok(Sources(sources))
}

#[cfg(test)]
mod tests {
    use super::parse_sources;

    #[test]
    fn sources_are_lists_and_ranges() {
        let show = |text: &str| -> Option<Vec<String>> {
            let sources = parse_sources(text).ok()?;
            Some(sources.0.iter().map(ToString::to_string).collect())
        };
        let expected: Vec<String> = ["10.0.0.1", "10.0.0.8", "10.0.0.9"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(show("10.0.0.1,10.0.0.8-9").unwrap(), expected);
        assert_eq!(show("fd00::1-1").unwrap(), vec!["fd00::1".to_owned()]);
        for text in ["", "10.0.0", "10.0.0.9-8", "10.0.0.1-300", "1-2"] {
            assert!(show(text).is_none(), "{text:?}");
        }
    }
}
