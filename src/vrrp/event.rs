// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to a virtual router, and what it asks for.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::heard::{Heard, Notice};
use super::track::Effective;
use crate::model::{ChecksumForm, Priority};

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Take part (RFC 9568: Startup).
    Start,
    /// Leave for good (RFC 9568: Shutdown).
    Stop,
    /// Let another router be master, and go on as backup.
    HandOver,
    /// This process ends, and another one goes on where it was: the others shall wait for that one.
    Suspend,
    /// Take part, and go on where the process before was: it was master, has left the addresses here, and advertised last
    /// so long ago.
    Resume(Duration),
    /// The deadline has come.
    Deadline,
    /// An advertisement came in.
    Heard(Heard),
    /// What is tracked says something else about this host.
    Tracked(Effective),
    /// The interface is up and has carrier.
    LinkUp,
    /// The interface is gone, down or without carrier.
    LinkDown,
    /// A packet from anybody came in: the link passes traffic.
    LinkPasses,
    /// The master has sent all its connections.
    Synced,
    /// This process did not run for so long, and the clock has not counted it.
    Stalled(Duration),
    /// The sync group moves.
    Group(GroupOrder),
}

/// What the members of a sync group do together. Each names the member that leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupOrder {
    /// That one has become master.
    Master(Box<str>),
    /// That one is master no more: another router is.
    Backup(Box<str>),
    /// That one cannot take part.
    Fault(Box<str>),
    /// All can take part again.
    Cured,
}

/// What the machine asks for. A shell carries them out in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Send an advertisement with this priority, and the interval and addresses of the configuration.
    Advertise {
        /// 0 when we leave.
        priority: Priority,
        /// The form of the last advertisement heard; `None` when there was none.
        form: Option<ChecksumForm>,
    },
    /// Take the virtual addresses.
    TakeAddresses,
    /// Release the virtual addresses.
    ReleaseAddresses,
    /// Announce the virtual addresses to the LAN: a burst of gratuitous ARP, or of unsolicited neighbour
    /// advertisements.
    Announce(AnnounceReason),
    /// The state has changed.
    Tell {
        /// What it was.
        from: State,
        /// What it is.
        to: State,
        /// Why.
        why: Reason,
    },
    /// Something is odd about the advertisements of a router. Each kind is told once a minute at most.
    Notice {
        /// Whose.
        source: IpAddr,
        /// What.
        notice: Notice,
    },
}

/// Why the addresses are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnounceReason {
    /// We have become master.
    TookOver,
    /// We have become master a moment ago: whoever missed it hears it again.
    Again,
    /// It is time: nobody shall forget.
    Refresh,
    /// Another router believed that it was master: others may have learned its address.
    TwoMasters,
}

/// The state of a virtual router on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not started, or stopped.
    Initialize,
    /// Started, and unable to take part: its link is down, or what it tracks is bad. To others this is
    /// [`State::Initialize`].
    Fault,
    /// Listens to the master.
    Backup,
    /// Has the addresses. RFC 9568 says Active.
    Master,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initialize => "initialize",
            Self::Fault => "fault",
            Self::Backup => "backup",
            Self::Master => "master",
        })
    }
}

/// Why the state has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was started.
    Started,
    /// It was stopped.
    Stopped,
    /// The process before was master, and advertised so long ago.
    Resumed(Duration),
    /// The addresses are this host's own.
    Owner,
    /// No router was heard.
    NobodyMaster,
    /// The master was heard no more for so long.
    MasterSilent(IpAddr, Duration),
    /// The master said that it leaves.
    MasterLeft(IpAddr),
    /// The master works, with a lower priority than ours.
    Preempted(IpAddr, Priority),
    /// Another master has a higher priority.
    Outranked(IpAddr, Priority),
    /// Another master has our priority and a higher address.
    HigherAddress(IpAddr),
    /// An operator asked for it.
    HandedOver,
    /// The link is down.
    LinkDown,
    /// The link is up again.
    LinkUp,
    /// Something that is tracked is bad; which.
    Fault(Box<str>),
    /// Nothing that is tracked is bad any more.
    FaultOver,
    /// This process had not run for so long that another router has taken over.
    Stalled(Duration),
    /// A member of the sync group has moved; which.
    Group(Box<str>),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Stopped => f.write_str("stopped"),
            Self::Resumed(silent) => write!(
                f,
                "resumed from the process before, which advertised {silent:.1?} ago"
            ),
            Self::Owner => f.write_str("the addresses are this host's own"),
            Self::NobodyMaster => f.write_str("no master was heard"),
            Self::MasterSilent(source, time) => {
                write!(f, "master {source} not heard for {time:.1?}")
            }
            Self::MasterLeft(source) => write!(f, "master {source} left"),
            Self::Preempted(source, priority) => {
                write!(f, "master {source} has a lower priority, {priority}")
            }
            Self::Outranked(source, priority) => {
                write!(f, "{source} is master with a higher priority, {priority}")
            }
            Self::HigherAddress(source) => write!(
                f,
                "{source} is master with the same priority and a higher address"
            ),
            Self::HandedOver => f.write_str("handed over"),
            Self::LinkDown => f.write_str("link down"),
            Self::LinkUp => f.write_str("link up"),
            Self::Fault(what) => f.write_str(what),
            Self::FaultOver => f.write_str("nothing that is tracked is bad any more"),
            Self::Stalled(time) => write!(f, "this process did not run for {time:.1?}"),
            Self::Group(member) => write!(f, "with virtual router {member} of its sync group"),
        }
    }
}
