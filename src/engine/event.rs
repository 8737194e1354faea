// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to the engine, and what it asks for. Both serialise: a recording of them plays again without a kernel.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::health::{ProbeRequest, Probed, WireId, WireRequest};
use crate::model::{
    Config, ConnectionCounts, DrainTerms, Host, HostEvent, IpvsTable, Order, Ordered, Probe,
    Recalled, RecalledDrain, RecalledSlowStart, ServerKey, ServiceKey, Sighting, Traffic,
    Transition, VirtualService, WireNews,
};
use crate::pair::{LedgerLine, Message};
use crate::plan::{HostScope, HostStep, Step, StepFailure};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The director starts. It is the first event, and comes once.
    Start(Box<Start>),
    /// The deadline has come, or there is time for what can wait.
    Deadline,
    /// Probes have ended: all those that had come back.
    Probed(Vec<Probed>),
    /// A connection tells something that [`Action::Hold`] asked for.
    WireTold(WireId, WireNews),
    /// Something happened to the links or addresses of this host.
    Happened(Vec<HostEvent>),
    /// The answer to [`Action::Look`].
    Seen(Result<Box<Sighting>, Box<str>>),
    /// To [`Action::ReadTable`].
    TableRead(Result<IpvsTable, Box<str>>),
    /// To [`Action::ReadService`].
    ServiceRead(ServiceKey, Result<Option<VirtualService>, Box<str>>),
    /// The answer to [`Action::Apply`]: the refused steps; or why nobody knows how much is done.
    Applied(Result<Vec<StepFailure>, Box<str>>),
    /// The answer to [`Action::ReadHost`]: what could be read, and why other parts could not.
    HostRead(Box<Host>, Vec<Box<str>>),
    /// To [`Action::ApplyHost`]: the steps that failed, by their place, and why.
    HostApplied(Vec<(usize, Box<str>)>),
    /// To [`Action::WriteOwned`].
    OwnedWritten(Result<(), Box<str>>),
    /// To [`Action::Count`]: those that could be counted.
    Counted(Vec<Counted>),
    /// A new configuration has been read and checked, for this request.
    Next(ReloadId, Arc<Config>),
    /// A new configuration has errors, or could not be read.
    NextRefused(ReloadId, Box<str>),
    /// This host is now master of these virtual routers, and of no other.
    MasterOf(BTreeSet<Box<str>>),
    /// Something came from the other director of the pair, or happened to the channel.
    Peer(PeerNews),
    /// An operator orders something for single servers.
    Ordered(Box<Command>),
    /// The director should end. With `release` it removes its own services.
    Stop {
        /// Whether to take the services away.
        release: bool,
    },
}

/// The state in which a director starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The configuration.
    pub config: Arc<Config>,
    /// The services that are ours by the state file.
    pub owned: BTreeSet<ServiceKey>,
    /// The standings of the servers that an earlier director knew.
    pub recalled: Vec<Recalled>,
    /// The orders in force when it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Ordered>,
    /// The drains that were under way, or had ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drains: Vec<RecalledDrain>,
    /// The slow starts that were under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slow_starts: Vec<RecalledSlowStart>,
    /// The virtual routers of which this host was master, and still is unless [`Event::MasterOf`] says otherwise.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub masters: BTreeSet<Box<str>>,
    /// The last order for each server, with its version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ledger: Vec<LedgerLine>,
    /// The number of this director in the versions of orders: one by chance.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub origin: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference to the field"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What comes from the other director of the pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerNews {
    /// The channel is there, or is there anew: the other director runs this program.
    Came(Box<str>),
    /// The channel is gone, for this reason.
    Gone(Box<str>),
    /// The other director says this.
    Said(Box<Message>),
}

/// The connections of the servers of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The service.
    pub service: ServiceKey,
    /// Its servers.
    pub servers: Vec<(ServerKey, ConnectionCounts)>,
    /// The traffic of each of them. The recordings of the first directors do not have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<Traffic>,
}

impl Counted {
    /// From what a kernel has counted.
    #[must_use]
    pub fn of(service: ServiceKey, all: Vec<(ServerKey, ConnectionCounts, Traffic)>) -> Self {
        let (servers, traffic) = all
            .into_iter()
            .map(|(server, counts, traffic)| ((server, counts), traffic))
            .unzip();
        Self {
            service,
            servers,
            traffic,
        }
    }
}

/// What an operator orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Numbers the commands.
    pub id: CommandId,
    /// For whom: real servers of services of the configuration.
    pub servers: Vec<(ServiceKey, ServerKey)>,
    /// The order; `None` takes one back.
    pub order: Option<Order>,
    /// What ends a drain, when it is one.
    #[serde(default)]
    pub terms: DrainTerms,
    /// Also when a service is left without a server that takes new connections.
    pub force: bool,
    /// Who ordered it, in words.
    pub by: Box<str>,
    /// When, in milliseconds since 1970 by the clock of this host.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub given: u64,
}

/// Numbers the commands of operators, in their order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct CommandId(pub u64);

/// Numbers the requests to reload, in their order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ReloadId(pub u64);

/// One thing to do. The shell does them in order, and gives each answer before the next event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make a probe, and report with [`Event::Probed`].
    Probe(ProbeRequest),
    /// Hold a connection, and report what it tells with [`Event::WireTold`].
    Hold(WireRequest),
    /// Let go of a held connection.
    Release(WireId),
    /// Look at the links of this host, and at the ways of these probes.
    Look(Questions),
    /// Read the whole table.
    ReadTable,
    /// Read one service.
    ReadService(ServiceKey),
    /// Count the connections of the servers of these services.
    Count(Vec<ServiceKey>),
    /// Carry these steps out, in their order; a refused one does not stop the others.
    Apply(Arc<Vec<Step>>),
    /// Read this much of the host.
    ReadHost(HostScope),
    /// Carry these steps out on the host, in their order; one that fails does not stop the others.
    ApplyHost(Vec<HostStep>),
    /// Write the list of our services to the state file, before the next action.
    WriteOwned(Arc<BTreeSet<ServiceKey>>),
    /// Send this to the other director of the pair.
    ToPeer(Box<Message>),
    /// Tell the world.
    Tell(Arc<Transition>),
    /// The director ends; `true` when everything could be done.
    End(bool),
}

/// The probes whose ways to look at.
///
/// A recording has only these, as it had before there were suspects. Which are suspects follows from the events.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Probe>", into = "Vec<Probe>")]
pub struct Questions {
    /// The probes.
    pub probes: Vec<Probe>,
    /// Those of which this host's own firewall is asked whether it denies them.
    pub suspects: Vec<Probe>,
}

impl PartialEq for Questions {
    fn eq(&self, other: &Self) -> bool {
        self.probes == other.probes
    }
}

impl Eq for Questions {}

impl From<Vec<Probe>> for Questions {
    fn from(probes: Vec<Probe>) -> Self {
        let suspects = Vec::new();
        Self { probes, suspects }
    }
}

impl From<Questions> for Vec<Probe> {
    fn from(questions: Questions) -> Self {
        questions.probes
    }
}
