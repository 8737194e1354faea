// SPDX-License-Identifier: MIT OR Apache-2.0
//! The request of `-L`.

use super::filter::Filter;
use crate::model::ServiceKey;

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
    /// The parts to list.
    pub filter: Filter,
}

impl List {
    /// The meaning of a command line without arguments.
    #[must_use]
    pub const fn everything(compat: bool) -> Self {
        Self {
            what: Listed::Table,
            format: Format {
                compat,
                ..Format::DEFAULT
            },
            numeric: false,
            json: false,
            filter: Filter::NONE,
        }
    }
}

/// What there is to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// All services.
    Table,
    /// One service.
    Service(ServiceKey),
    /// All connections.
    Connections,
    /// The connection timeouts.
    Timeouts,
    /// The sync daemons.
    Daemons,
}

/// How services are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The columns for each.
    pub columns: Columns,
    /// Numbers in full.
    pub exact: bool,
    /// Sorted, or in the kernel's order.
    pub sorted: bool,
    /// As ipvsadm shows it, where that is wrong too.
    pub compat: bool,
}

impl Format {
    /// What is listed when nothing is asked for.
    pub const DEFAULT: Self = Self {
        columns: Columns::Settings,
        exact: false,
        sorted: true,
        compat: false,
    };
}

/// The columns for services and servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Forwarding method, weight and connections.
    Settings,
    /// `--stats`.
    Counters,
    /// `--rate`.
    Rates,
    /// `--thresholds`.
    Thresholds,
    /// `--persistent-conn`.
    PersistentConnections,
    /// `--tun-info`.
    Tunnels,
}
