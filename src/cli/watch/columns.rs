// SPDX-License-Identifier: MIT OR Apache-2.0
//! The columns: their order, their titles, and which ones a narrow terminal omits.

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Protocol, address and port.
    Address,
    /// Scheduler of a service, forwarding method of a server.
    Method,
    /// Servers that take connections of all servers; a server's weight.
    Servers,
    /// Established connections.
    Active,
    /// Other connections.
    Inactive,
    /// Connections per second.
    Connections,
    /// Packets per second from clients.
    InPackets,
    /// Bytes per second from clients.
    InBytes,
    /// Bytes per second to clients.
    OutBytes,
    /// Connections per second over time.
    History,
}

/// How a column is called: by `--sort`, and in the two lines of the title.
struct Title {
    sort: Option<&'static str>,
    width: u16,
    service: &'static str,
    server: &'static str,
}

/// As wide as the history is at least.
const HISTORY: u16 = 8;
/// The address has at least the room of its title.
const ADDRESS: u16 = 23;

impl Column {
    /// From left to right.
    pub(super) const ALL: [Self; 10] = [
        Self::Address,
        Self::Method,
        Self::Servers,
        Self::Active,
        Self::Inactive,
        Self::Connections,
        Self::InPackets,
        Self::InBytes,
        Self::OutBytes,
        Self::History,
    ];

    /// The columns that a narrow terminal omits, first to last.
    const DISPENSABLE: [Self; 9] = [
        Self::InPackets,
        Self::OutBytes,
        Self::Method,
        Self::Inactive,
        Self::InBytes,
        Self::Servers,
        Self::History,
        Self::Active,
        Self::Connections,
    ];

    const fn title(self) -> Title {
        let (sort, width, service, server) = match self {
            Self::Address => (
                Some("address"),
                ADDRESS,
                "Prot LocalAddress:Port",
                "  -> RemoteAddress:Port",
            ),
            Self::Method => (None, 7, "Sched", "Forward"),
            Self::Servers => (Some("servers"), 7, "Servers", "Weight"),
            Self::Active => (Some("active"), 6, "Active", ""),
            Self::Inactive => (Some("inactive"), 6, "InAct", ""),
            Self::Connections => (Some("conns"), 6, "Conn/s", ""),
            Self::InPackets => (Some("in-packets"), 6, "InPk/s", ""),
            Self::InBytes => (Some("in-bytes"), 6, "In B/s", ""),
            Self::OutBytes => (Some("out-bytes"), 6, "OutB/s", ""),
            Self::History => (None, HISTORY, "History", ""),
        };
        Title {
            sort,
            width,
            service,
            server,
        }
    }

    /// How `--sort` names it, if it sorts.
    pub(super) const fn sort_name(self) -> Option<&'static str> {
        self.title().sort
    }

    /// Its title above services, and the line below it above servers.
    pub(super) const fn titles(self) -> (&'static str, &'static str) {
        let title = self.title();
        (title.service, title.server)
    }

    /// Whether it is aligned left.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Address | Self::Method | Self::History)
    }

    /// The columns that can be sorted by.
    pub(super) fn sorting() -> impl DoubleEndedIterator<Item = Self> + Clone {
        Self::ALL
            .into_iter()
            .filter(|column| column.sort_name().is_some())
    }

    /// The next one to sort by, or the one before.
    pub(super) fn next_sorting(self, back: bool) -> Self {
        let all: Vec<Self> = Self::sorting().collect();
        let here = all.iter().position(|column| *column == self).unwrap_or(0);
        let step = if back { all.len() - 1 } else { 1 };
        let next = (here + step).checked_rem(all.len()).unwrap_or(0);
        all.get(next).copied().unwrap_or(self)
    }
}

/// A column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) column: Column,
    pub(super) x: u16,
    pub(super) width: u16,
}

/// The columns for a terminal of this width, when the longest address needs `address` characters: as many as fit, with
/// one blank between them. The history takes the remaining space.
pub(super) fn fit(width: u16, address: u16) -> Vec<Slot> {
    let wanted = |column: Column| match column {
        Column::Address => address.max(ADDRESS),
        other => other.title().width,
    };
    let mut columns = Column::ALL.to_vec();
    let needed = |columns: &[Column]| {
        let needs = columns.iter().map(|it| u32::from(wanted(*it)) + 1);
        needs.sum::<u32>().saturating_sub(1)
    };
    for column in Column::DISPENSABLE {
        if needed(&columns) <= u32::from(width) {
            break;
        }
        columns.retain(|it| *it != column);
    }
    let left = u32::from(width).saturating_sub(needed(&columns));
    let left = u16::try_from(left).unwrap_or_default();
    let mut x = 0_u16;
    let slots = columns.iter().map(|column| {
        let room = match column {
            Column::History => wanted(*column).saturating_add(left),
            other => wanted(*other),
        };
        let slot = Slot {
            column: *column,
            x,
            width: room.min(width.saturating_sub(x)),
        };
        x = x.saturating_add(room).saturating_add(1);
        slot
    });
    slots.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::own::SORTING;

    fn shown(width: u16, address: u16) -> Vec<Column> {
        fit(width, address).iter().map(|slot| slot.column).collect()
    }

    #[test]
    fn eighty_columns_show_what_matters_and_wider_ones_everything() {
        use Column::{Active, Address, Connections, History, InBytes, Inactive, Method, Servers};
        assert_eq!(
            shown(80, 23),
            [
                Address,
                Method,
                Servers,
                Active,
                Inactive,
                Connections,
                InBytes,
                History
            ]
        );
        assert_eq!(shown(100, 27), Column::ALL);
        assert_eq!(shown(40, 23), [Address, Active, Connections]);
        assert_eq!(
            shown(80, 46),
            [Address, Servers, Active, Connections, History]
        );
    }

    #[test]
    fn columns_never_overlap_nor_leave_the_screen() {
        for width in 0..=300 {
            for address in [0, 23, 46, 200] {
                let mut end = 0;
                for slot in fit(width, address) {
                    assert!(slot.x >= end || slot.width == 0, "{width}: {slot:?}");
                    end = slot.x.saturating_add(slot.width);
                    assert!(end <= width.max(slot.x), "{width}: {slot:?}");
                    let whole = slot.column == Column::Address || slot.width >= 6;
                    assert!(whole, "{width}: {slot:?} would be cut");
                }
            }
        }
    }

    #[test]
    fn the_command_line_knows_the_columns_that_sort() {
        let names: Vec<&str> = Column::sorting().filter_map(Column::sort_name).collect();
        assert_eq!(SORTING, names);
        let mut column = Column::Address;
        for _ in &names {
            assert_eq!(column.next_sorting(false).next_sorting(true), column);
            column = column.next_sorting(false);
        }
        assert_eq!(column, Column::Address, "once round");
    }
}
