// SPDX-License-Identifier: MIT OR Apache-2.0
//! A command line's meaning, or the message that says what is wrong with it: the first fault found, as ipvsadm does.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::address::{Lookup, endpoint, number, number_within};
use super::failure::Failure;
use super::listing::{Columns, Format, Listed};
use super::options::{Command, Meaning, Opt, Rules, Topic};
use super::words::Words;
use crate::model::{AddressFamily, Fwmark, Protocol, ServiceKey};

/// What `lvsadm` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Explain the command line.
    Help,
    /// Say which version this is.
    Version,
    /// List something.
    List(List),
}

/// What to list, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// What.
    pub what: Listed,
    /// Which columns, and in which order.
    pub format: Format,
    /// Addresses and ports as numbers.
    pub numeric: bool,
    /// JSON instead of text.
    pub json: bool,
}

impl List {
    /// What no arguments at all mean.
    #[must_use]
    pub const fn everything() -> Self {
        Self {
            what: Listed::Table,
            format: Format::DEFAULT,
            numeric: false,
            json: false,
        }
    }
}

/// Reads the arguments after the program's name.
pub fn parse(
    program: &str,
    arguments: &[String],
    lookup: &dyn Lookup,
) -> Result<Invocation, Failure> {
    if arguments.is_empty() {
        return Ok(Invocation::List(List::everything()));
    }
    let mut words = Words::new(arguments);
    let command = match words.next_option() {
        Some(Ok((definition, _))) => match definition.meaning {
            Meaning::Command(command) => command,
            Meaning::Option(_) => return Err(Failure::try_help(program)),
        },
        Some(Err(_)) | None => return Err(Failure::try_help(program)),
    };
    match command {
        Command::Help => return Ok(Invocation::Help),
        Command::Version => return Ok(Invocation::Version),
        Command::List => {}
    }
    let mut draft = Draft::new(lookup);
    draft.read(&mut words)?;
    check(&command.rules(), &draft.topics)?;
    draft.list().map(Invocation::List)
}

/// What the options have said so far.
struct Draft<'a> {
    lookup: &'a dyn Lookup,
    topics: BTreeSet<Topic>,
    protocol: Protocol,
    address: Option<(IpAddr, u16)>,
    mark: Option<(Fwmark, AddressFamily)>,
}

impl<'a> Draft<'a> {
    fn new(lookup: &'a dyn Lookup) -> Self {
        Self {
            lookup,
            topics: BTreeSet::new(),
            protocol: Protocol::Tcp,
            address: None,
            mark: None,
        }
    }

    fn read(&mut self, words: &mut Words<'_>) -> Result<(), Failure> {
        while let Some(read) = words.next_option() {
            let (definition, value) = read.map_err(|error| Failure {
                message: format!("{}: {error}", words.last()),
                status: 255,
            })?;
            let Meaning::Option(option) = definition.meaning else {
                return Err(Failure::usage(format!("invalid option `{}'", words.last())));
            };
            if let Some(topic) = option.topic()
                && !self.topics.insert(topic)
            {
                let message = format!("multiple '{}' options specified", topic.name());
                return Err(Failure::usage(message));
            }
            self.option(option, value.unwrap_or_default())?;
        }
        match words.others().first() {
            Some(word) => Err(Failure::usage(format!("unexpected argument {word}"))),
            None => Ok(()),
        }
    }

    fn option(&mut self, option: Opt, value: &str) -> Result<(), Failure> {
        match option {
            Opt::TcpService => self.service(Protocol::Tcp, value),
            Opt::UdpService => self.service(Protocol::Udp, value),
            Opt::SctpService => self.service(Protocol::Sctp, value),
            Opt::FwmarkService => self.fwmark(value),
            Opt::Ipv6 => match &mut self.mark {
                Some((_, family)) => {
                    *family = AddressFamily::Ipv6;
                    Ok(())
                }
                None => Err(Failure::usage("-6 used before -f\n")),
            },
            Opt::SyncId => number_within::<u8>(value, 0, 255)
                .map(drop)
                .ok_or_else(|| Failure::usage("illegal syncid specified")),
            Opt::Numeric
            | Opt::Timeout
            | Opt::Daemon
            | Opt::Stats
            | Opt::Rate
            | Opt::Thresholds
            | Opt::PersistentConn
            | Opt::TunInfo
            | Opt::NoSort
            | Opt::Sort
            | Opt::Exact
            | Opt::Json => Ok(()),
        }
    }

    fn service(&mut self, protocol: Protocol, value: &str) -> Result<(), Failure> {
        let (address, port) = endpoint(value, protocol, self.lookup)
            .ok_or_else(|| Failure::usage("illegal virtual server address[:port] specified"))?;
        self.protocol = protocol;
        self.address = Some((address, port.unwrap_or(0)));
        Ok(())
    }

    fn fwmark(&mut self, value: &str) -> Result<(), Failure> {
        let mark = number(value)
            .and_then(|mark| u32::try_from(mark).ok())
            .and_then(Fwmark::new)
            .ok_or_else(|| Failure::usage(format!("invalid fwmark value `{value}' specified")))?;
        self.mark = Some((mark, AddressFamily::Ipv4));
        Ok(())
    }

    fn service_key(&self) -> Option<ServiceKey> {
        if let Some((mark, family)) = self.mark {
            return Some(ServiceKey::Fwmark { mark, family });
        }
        self.address.map(|(address, port)| ServiceKey::Address {
            protocol: self.protocol,
            address,
            port,
        })
    }

    fn has(&self, topic: Topic) -> bool {
        self.topics.contains(&topic)
    }

    fn list(&self) -> Result<List, Failure> {
        let apart = self.has(Topic::Timeout) || self.has(Topic::Daemon);
        let columns = [
            (Topic::Stats, Columns::Counters),
            (Topic::Rate, Columns::Rates),
            (Topic::Thresholds, Columns::Thresholds),
            (Topic::PersistentConn, Columns::PersistentConnections),
            (Topic::TunInfo, Columns::Tunnels),
        ];
        let columns = columns.iter().find(|(topic, _)| self.has(*topic));
        if apart && columns.is_some_and(|(topic, _)| *topic != Topic::TunInfo) {
            return Err(Failure::usage("options conflicts in the list command"));
        }
        let what = match self.service_key() {
            Some(key) => Listed::Service(key),
            None if self.has(Topic::Timeout) => Listed::Timeouts,
            None if self.has(Topic::Daemon) => Listed::Daemons,
            None => Listed::Table,
        };
        Ok(List {
            what,
            format: Format {
                columns: columns.map_or(Columns::Settings, |(_, columns)| *columns),
                exact: self.has(Topic::Exact),
                sorted: !self.has(Topic::NoSort),
            },
            numeric: self.has(Topic::Numeric),
            json: self.has(Topic::Json),
        })
    }
}

/// Whether a command got what it needs and nothing it does not take, topic by topic.
fn check(rules: &Rules, given: &BTreeSet<Topic>) -> Result<(), Failure> {
    let mut exclusive: Option<Topic> = None;
    for topic in Topic::ALL {
        let (name, command) = (topic.name(), rules.name);
        if !given.contains(&topic) {
            if rules.required.contains(&topic) {
                return Err(Failure::usage(format!(
                    "You need to supply the '{name}' option for the '{command}' command"
                )));
            }
        } else if rules.exclusive.contains(&topic) {
            if let Some(earlier) = exclusive {
                return Err(Failure::usage(format!(
                    "The option '{name}' conflicts with the '{}' option in the '{command}' command",
                    earlier.name()
                )));
            }
            exclusive = Some(topic);
        } else if !rules.required.contains(&topic) && !rules.optional.contains(&topic) {
            return Err(Failure::usage(format!(
                "Illegal '{name}' option with the '{command}' command"
            )));
        }
    }
    Ok(())
}
