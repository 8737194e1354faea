// SPDX-License-Identifier: MIT OR Apache-2.0
//! The types of the table of commands and options, and how to look one up.

use super::rules::Legality;
pub use super::table::DEFINITIONS;
use std::fmt;

/// A command: the first option of a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `-A`.
    AddService,
    /// `-E`.
    EditService,
    /// `-D`.
    DeleteService,
    /// `-C`.
    Clear,
    /// `-R`.
    Restore,
    /// `-S`.
    Save,
    /// `-a`.
    AddServer,
    /// `-e`.
    EditServer,
    /// `-d`.
    DeleteServer,
    /// `-L`.
    List,
    /// `-Z`.
    Zero,
    /// `--set`.
    SetTimeouts,
    /// `--start-daemon`.
    StartDaemon,
    /// `--stop-daemon`.
    StopDaemon,
    /// `-h`.
    Help,
    /// `-v`.
    Version,
}

/// An option after the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opt {
    /// `-t`.
    TcpService,
    /// `-u`.
    UdpService,
    /// `--sctp-service`.
    SctpService,
    /// `-f`.
    FwmarkService,
    /// `-6`.
    Ipv6,
    /// `-s`.
    Scheduler,
    /// `-b`.
    SchedulerFlags,
    /// `-p`.
    Persistent,
    /// `-M`.
    Netmask,
    /// `--pe`.
    Engine,
    /// `-o`.
    OnePacket,
    /// `--no-persistent`.
    NoPersistence,
    /// `--no-ops`.
    NoOnePacket,
    /// `-r`.
    RealServer,
    /// `-g`.
    Gatewaying,
    /// `-i`.
    Ipip,
    /// `-m`.
    Masquerading,
    /// `--tun-type`.
    TunType,
    /// `--tun-port`.
    TunPort,
    /// `--tun-nocsum`.
    TunNoCsum,
    /// `--tun-csum`.
    TunCsum,
    /// `--tun-remcsum`.
    TunRemCsum,
    /// `-w`.
    Weight,
    /// `-x`.
    UpperThreshold,
    /// `-y`.
    LowerThreshold,
    /// `-n`.
    Numeric,
    /// `-c`.
    Connection,
    /// `--timeout`.
    Timeout,
    /// `--daemon`.
    Daemon,
    /// `--stats`.
    Stats,
    /// `--rate`.
    Rate,
    /// `-X`.
    Exact,
    /// `--thresholds`.
    Thresholds,
    /// `--persistent-conn`.
    PersistentConn,
    /// `--tun-info`.
    TunInfo,
    /// `--nosort`.
    NoSort,
    /// `--sort`.
    Sort,
    /// `--service`.
    FilterService,
    /// `--server`.
    FilterServer,
    /// `--state`.
    FilterState,
    /// `--client`.
    FilterClient,
    /// `--json`.
    Json,
    /// `--compat`.
    Compat,
    /// `--atomic-replace`.
    AtomicReplace,
    /// `--syncid`.
    SyncId,
    /// `--sync-maxlen`.
    SyncMaxLength,
    /// `--mcast-interface`.
    MulticastInterface,
    /// `--mcast-group`.
    MulticastGroup,
    /// `--mcast-port`.
    MulticastPort,
    /// `--mcast-ttl`.
    MulticastTtl,
}

/// Whether a value follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// No value follows.
    None,
    /// A value follows.
    Required(Argument),
    /// A value may follow: the next word, unless it starts with a dash.
    Optional(Argument),
}

impl Value {
    /// What it can be, where that is known.
    #[must_use]
    pub const fn choices(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Required(argument) | Self::Optional(argument) => argument.choices,
        }
    }
}

/// A value that follows an option. Displayed, it is its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Its name in the help.
    pub name: &'static str,
    /// What it can be, where that is known.
    pub choices: &'static [&'static str],
}

impl Argument {
    /// A value of any form.
    #[must_use]
    pub const fn of(name: &'static str) -> Self {
        let choices = &[];
        Self { name, choices }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The meaning of a word on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A command.
    Command(Command),
    /// An option.
    Option(Opt),
}

/// A command or option: how it is written, with which others, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its meaning.
    pub meaning: Meaning,
    /// Its name after two dashes.
    pub long: &'static str,
    /// Its letters after one dash.
    pub short: &'static str,
    /// Whether a value follows.
    pub value: Value,
    /// Which commands take an option.
    pub legality: Legality,
    /// The name of a command in messages.
    pub called: &'static str,
    /// Whether only lvsadm has it.
    pub is_own: bool,
    /// One line of help.
    pub help: &'static str,
}

/// The row of a command.
pub(super) const fn command(
    command: Command,
    long: &'static str,
    short: &'static str,
    value: Value,
    help: &'static str,
) -> Definition {
    Definition {
        meaning: Meaning::Command(command),
        long,
        short,
        value,
        legality: Legality::NEVER,
        called: long,
        is_own: false,
        help,
    }
}

/// The row of an option.
pub(super) const fn option(
    option: Opt,
    long: &'static str,
    short: &'static str,
    value: Value,
    legality: Legality,
    help: &'static str,
) -> Definition {
    Definition {
        meaning: Meaning::Option(option),
        long,
        short,
        value,
        legality,
        called: long,
        is_own: false,
        help,
    }
}

impl Definition {
    /// Marks one that ipvsadm does not have.
    pub(super) const fn own(mut self) -> Self {
        self.is_own = true;
        self
    }

    /// A command that has another name in messages than its long one.
    pub(super) const fn called(mut self, name: &'static str) -> Self {
        self.called = name;
        self
    }

    /// Whether it is an option that this command takes.
    #[must_use]
    pub const fn is_option_of(&self, command: Command) -> bool {
        matches!(self.meaning, Meaning::Option(_)) && self.legality.allows(command)
    }
}

/// The command or option of this name.
#[must_use]
pub fn by_long(name: &str) -> Option<&'static Definition> {
    DEFINITIONS
        .iter()
        .find(|definition| definition.long == name)
}

/// The command or option of this letter.
#[must_use]
pub fn by_short(letter: u8) -> Option<&'static Definition> {
    /// Every option of every line of a restore is looked up: the place in [`DEFINITIONS`] of each letter.
    static PLACES: [Option<u8>; 128] = places();
    let place = (*PLACES.get(usize::from(letter))?)?;
    DEFINITIONS.get(usize::from(place))
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "carried out by the compiler, which refuses what is out of bounds"
)]
const fn places() -> [Option<u8>; 128] {
    let mut places = [None; 128];
    let mut place = 0;
    while place < DEFINITIONS.len() {
        let letters = DEFINITIONS[place].short.as_bytes();
        let mut index = 0;
        while index < letters.len() {
            places[letters[index] as usize] = Some(place as u8);
            index += 1;
        }
        place += 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_of_some_is_one_of_these() {
        for definition in DEFINITIONS {
            if let Value::Required(argument) = definition.value
                && argument.name.contains('|')
            {
                let choices: Vec<&str> = argument.name.split('|').collect();
                assert_eq!(argument.choices, choices, "{}", definition.long);
            }
        }
    }

    #[test]
    fn no_name_and_no_letter_stands_for_two_things() {
        for (index, one) in DEFINITIONS.iter().enumerate() {
            assert_eq!(by_long(one.long), Some(one));
            for other in &DEFINITIONS[index + 1..] {
                assert!(
                    one.short
                        .chars()
                        .all(|letter| !other.short.contains(letter))
                );
            }
        }
    }
}
