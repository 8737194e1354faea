// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-L -c`: the connections, in the kernel's order, a few hundred at a time for any number of them.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::io::BufRead;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::endpoint::endpoint;
use crate::codec::connection::{Connection, ConnectionError};
use crate::ipvsadm::filter::Filter;
use crate::kernel::ConnectionLines;
use crate::model::Protocol;
use crate::system::Names;

/// How many lines are read before they are written.
const CHUNK: usize = 512;

/// How connections are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFormat {
    /// Text.
    Plain,
    /// Text, with the data of persistence engines.
    WithEngines,
    /// JSON.
    Json,
}

/// Why connections could not be listed to their end.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionsError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// A line made no sense.
    #[error(transparent)]
    Line(#[from] ConnectionError),
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] fmt::Error),
}

/// The addresses and ports that may have a name.
pub type Nameable = (BTreeSet<IpAddr>, BTreeSet<(Protocol, u16)>);

/// Lists the connections of `input`, after its title, that match `filter`. `learn` looks up names, again and again;
/// without it there are none.
pub fn render(
    out: &mut impl Write,
    input: impl BufRead,
    format: ConnectionFormat,
    filter: &Filter,
    mut learn: Option<impl FnMut(Nameable) -> Names>,
) -> Result<(), ConnectionsError> {
    let mut input = ConnectionLines::behind_title(input)?;
    out.write_str(title(format))?;
    let mut first = true;
    let mut lines: Vec<String> = Vec::new();
    let mut names = Names::default();
    loop {
        let count = fill(&mut lines, &mut input)?;
        let chunk = lines.get(..count).unwrap_or_default().iter();
        let connections: Vec<_> = chunk
            .map(|line| Connection::parse(line))
            .filter(|parsed| {
                parsed
                    .as_ref()
                    .map_or(true, |connection| filter.has_connection(connection))
            })
            .collect::<Result<_, _>>()?;
        if let Some(learn) = &mut learn {
            names = learn(nameable(&connections));
        }
        for connection in &connections {
            match format {
                ConnectionFormat::Json => {
                    out.write_str(if first { "\n  " } else { ",\n  " })?;
                    write_json(out, connection)?;
                }
                ConnectionFormat::Plain | ConnectionFormat::WithEngines => {
                    write_text(out, connection, format, &names)?;
                }
            }
            first = false;
        }
        if count < CHUNK {
            break;
        }
    }
    if format == ConnectionFormat::Json {
        out.write_str(if first { "]}\n" } else { "\n]}\n" })?;
    }
    Ok(())
}

/// Reads a chunk into strings that are used again, and returns how many lines it has.
fn fill<R: BufRead>(
    chunk: &mut Vec<String>,
    lines: &mut ConnectionLines<R>,
) -> Result<usize, std::io::Error> {
    chunk.resize_with(CHUNK, String::new);
    for (count, line) in chunk.iter_mut().enumerate() {
        if !lines.next(line)? {
            return Ok(count);
        }
    }
    Ok(chunk.len())
}

fn nameable(connections: &[Connection<'_>]) -> Nameable {
    let (mut addresses, mut ports) = Nameable::default();
    for connection in connections {
        for end in [connection.client, connection.service, connection.server] {
            addresses.insert(end.ip());
            ports.extend(
                connection
                    .transport()
                    .map(|protocol| (protocol, end.port())),
            );
        }
    }
    (addresses, ports)
}

const fn title(format: ConnectionFormat) -> &'static str {
    match format {
        ConnectionFormat::Plain => {
            "IPVS connection entries\n\
             pro expire state       source             virtual            destination\n"
        }
        ConnectionFormat::WithEngines => {
            "IPVS connection entries\n\
             pro expire state       source             virtual            destination        \
             pe name          pe_data\n"
        }
        ConnectionFormat::Json => "{\"connections\": [",
    }
}

fn write_text(
    out: &mut impl Write,
    connection: &Connection<'_>,
    format: ConnectionFormat,
    names: &Names,
) -> fmt::Result {
    let protocol = connection.transport();
    let name = |end: SocketAddr| endpoint(names, end.ip(), end.port(), protocol);
    let expires = format!(
        "{:02}:{:02}",
        connection.expires / 60,
        connection.expires % 60
    );
    write!(
        out,
        "{:<3} {expires:<6} {:<11} {:<18} {:<18} ",
        connection.protocol,
        connection.state,
        name(connection.client),
        name(connection.service),
    )?;
    let server = name(connection.server);
    match connection.engine {
        Some((engine, data)) if format == ConnectionFormat::WithEngines => {
            writeln!(out, "{server:<16} {engine:<18} {data}")
        }
        _ => writeln!(out, "{server}"),
    }
}

#[derive(Serialize)]
struct ConnectionJson<'a> {
    protocol: Option<String>,
    state: &'a str,
    expires: u32,
    client: EndpointJson,
    service: EndpointJson,
    fwmark: Option<u32>,
    server: EndpointJson,
    engine: Option<EngineJson<'a>>,
}

#[derive(Serialize)]
struct EndpointJson {
    address: IpAddr,
    port: u16,
}

#[derive(Serialize)]
struct EngineJson<'a> {
    name: &'a str,
    data: &'a str,
}

fn write_json(out: &mut impl Write, connection: &Connection<'_>) -> fmt::Result {
    let end = |end: SocketAddr| EndpointJson {
        address: end.ip(),
        port: end.port(),
    };
    let engine = connection.engine;
    let json = ConnectionJson {
        protocol: connection
            .transport()
            .map(|_| connection.protocol.to_lowercase()),
        state: connection.state,
        expires: connection.expires,
        client: end(connection.client),
        service: end(connection.service),
        fwmark: connection.fwmark(),
        server: end(connection.server),
        engine: engine.map(|(name, data)| EngineJson { name, data }),
    };
    out.write_str(&serde_json::to_string(&json).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &str = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 0A000001 925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED     892
TCP 0A000000 0000 0A000064 1F90 0A01010B 1F90 ASSURED         292
UDP fd00:0000:0000:0000:0000:0000:0000:00ff 8619 fd00:0000:0000:0000:0000:0000:0000:00ff 0035 0AFF0002 0035 UDP             297
IP  0AFF0000 0000 00000009 0000 0AFF0002 0000 NONE             97
SCTP 0A000001 B2CE 0A000064 0063 0A01010B 0063 REJECTED          1
UDP 0A000001 0000 0A000064 13C4 0A01010B 13C4 NONE            112 sip abc123@host
";

    fn print(format: ConnectionFormat) -> String {
        let mut out = String::new();
        let learn: Option<fn(Nameable) -> Names> = None;
        render(&mut out, KERNEL.as_bytes(), format, &Filter::NONE, learn).unwrap();
        out
    }

    #[test]
    fn connections_print_as_ipvsadm_prints_them() {
        assert_eq!(
            print(ConnectionFormat::Plain),
            "\
IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:52  ESTABLISHED 10.0.0.1:37466     10.0.0.100:8080    10.1.1.11:8080
TCP 04:52  ASSURED     10.0.0.0:0         10.0.0.100:8080    10.1.1.11:8080
UDP 04:57  UDP         [fd00::ff]:34329   [fd00::ff]:53      10.255.0.2:53
IP  01:37  NONE        10.255.0.0:0       0.0.0.9:0          10.255.0.2:0
SCTP 00:01  REJECTED    10.0.0.1:45774     10.0.0.100:99      10.1.1.11:99
UDP 01:52  NONE        10.0.0.1:0         10.0.0.100:5060    10.1.1.11:5060
"
        );
    }

    #[test]
    fn engines_print_as_ipvsadm_prints_them() {
        let text = print(ConnectionFormat::WithEngines);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "pro expire state       source             virtual            destination        pe name          pe_data"
        );
        assert_eq!(
            lines[7],
            "UDP 01:52  NONE        10.0.0.1:0         10.0.0.100:5060    10.1.1.11:5060   sip                abc123@host"
        );
    }

    #[test]
    fn json_holds_every_connection() {
        let json: serde_json::Value = serde_json::from_str(&print(ConnectionFormat::Json)).unwrap();
        let connections = json["connections"].as_array().unwrap();
        assert_eq!(connections.len(), 6);
        assert_eq!(connections[3]["fwmark"], 9);
        assert_eq!(connections[5]["engine"]["data"], "abc123@host");
    }

    #[test]
    fn what_a_client_wrote_that_is_no_text_is_listed_all_the_same() {
        let kernel =
            b"title\nUDP 0A000001 0000 0A000064 13C4 0A01010B 13C4 NONE 112 sip caf\xe9@host\n";
        let mut out = String::new();
        let learn: Option<fn(Nameable) -> Names> = None;
        let format = ConnectionFormat::WithEngines;
        render(&mut out, &kernel[..], format, &Filter::NONE, learn).unwrap();
        assert!(out.ends_with("caf\u{fffd}@host\n"), "{out}");
    }

    #[test]
    fn what_the_filter_leaves_out_is_not_listed() {
        let filter = Filter {
            states: vec!["UDP".to_owned()],
            ..Filter::NONE
        };
        for (format, expected) in [
            (ConnectionFormat::Plain, 3),
            // Brackets, and a connection.
            (ConnectionFormat::Json, 3),
        ] {
            let mut out = String::new();
            let learn: Option<fn(Nameable) -> Names> = None;
            render(&mut out, KERNEL.as_bytes(), format, &filter, learn).unwrap();
            assert_eq!(out.lines().count(), expected, "{out}");
            assert!(out.contains("34329"), "{out}");
        }
    }

    #[test]
    fn names_are_asked_for_as_lines_come() {
        let mut out = String::new();
        let mut asked = 0;
        let learn = Some(|(addresses, ports): Nameable| {
            asked += addresses.len();
            assert!(ports.contains(&(Protocol::Tcp, 8080)));
            let mut names = Names::default();
            names
                .hosts
                .insert("10.0.0.100".parse().unwrap(), "vip".to_owned());
            names
                .ports
                .insert((Protocol::Tcp, 8080), "http-alt".to_owned());
            names
        });
        let format = ConnectionFormat::Plain;
        render(&mut out, KERNEL.as_bytes(), format, &Filter::NONE, learn).unwrap();
        assert_eq!(asked, 8);
        assert!(
            out.contains("10.0.0.1:37466     vip:http-alt       10.1.1.11:http-alt\n"),
            "{out}"
        );
    }
}
