// SPDX-License-Identifier: MIT OR Apache-2.0
//! How everything is: the JSON of `director status`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{NoResult, ProbeCounts, ServerKey, ServiceKey};

/// How everything is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Status {
    /// The director's version.
    pub version: String,
    /// Its process number.
    pub pid: u32,
    /// The configuration file it was started with.
    #[serde(default)]
    pub configuration: String,
    /// How long it has been running, in seconds.
    pub uptime_seconds: u64,
    /// How many changes of others in the kernel's table the director repaired.
    pub drift_repairs: u64,
    /// How many probes could not run, for reasons of this host.
    pub probes_not_run: u64,
    /// Why the last reload was refused, if it was.
    pub reload_error: Option<String>,
    /// The number of the last event; 0 when there was none.
    #[serde(default)]
    pub last_event: u64,
    /// How long verdicts took to reach the kernel.
    pub verdict_delay: VerdictDelay,
    /// The virtual services in ipvsadm's order.
    pub services: Vec<ServiceStatus>,
    /// The virtual routers, by name.
    #[serde(default)]
    pub routers: Vec<RouterStatus>,
    /// The connections that were sent to the other director's kernel; absent when none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_sync: Option<SyncStatus>,
    /// The other director of the pair; absent when none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<PeerStatus>,
}

/// How often all connections were sent to the other director's kernel, at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyncStatus {
    /// How often all were sent.
    pub completed: u64,
    /// How often they could not be, or not all of them.
    pub failed: u64,
    /// The last time that all were sent.
    pub last: Option<SentConnections>,
    /// How long ago that was, in seconds.
    pub seconds_ago: Option<u64>,
    /// Why the last attempt failed, if it did.
    pub problem: Option<String>,
}

/// All connections, as they were sent at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentConnections {
    /// How many connections and persistence templates.
    pub connections: u64,
    /// How many were left out, by reason.
    #[serde(default)]
    pub left_out: BTreeMap<String, u64>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// To whom: `224.0.0.81:8848 on eth1`.
    pub to: String,
}

impl fmt::Display for SentConnections {
    /// `100000 connections sent in 1.3 s to 224.0.0.81:8848 on eth1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            left_out,
            milliseconds,
            to,
        } = self;
        let plural = if *connections == 1 { "" } else { "s" };
        let (seconds, tenths) = (milliseconds / 1000, milliseconds % 1000 / 100);
        write!(
            f,
            "{connections} connection{plural} sent in {seconds}.{tenths} s to {to}"
        )?;
        left_out
            .iter()
            .try_for_each(|(reason, count)| write!(f, "; {count} left out ({reason})"))
    }
}

/// The other director of the pair, and the channel to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Where it listens: `192.0.2.2:9568`.
    pub address: String,
    /// For how long the channel has been there, in seconds; absent while it is not.
    pub connected_seconds: Option<u64>,
    /// How long ago something was heard last, in milliseconds; absent when nothing ever was.
    pub heard_milliseconds_ago: Option<u64>,
    /// `alone`, `leads`, `follows`, `nobody leads` or `both lead`: what this director is.
    pub role: String,
    /// For how many servers the last word of a leader that is gone still counts.
    #[serde(default)]
    pub last_words: u64,
    /// How many of its orders wait here, because they would leave a service without a server.
    #[serde(default)]
    pub kept_back: u64,
    /// How many of its orders are for servers that this director does not have.
    #[serde(default)]
    pub kept_out: u64,
    /// What was refused or passed over, by reason.
    #[serde(default)]
    pub refused: BTreeMap<String, u64>,
    /// Services that only this director has: the first of them.
    #[serde(default)]
    pub only_here: Vec<ServiceKey>,
    /// Services that only the other one has: the first of them.
    #[serde(default)]
    pub only_there: Vec<ServiceKey>,
    /// Services that both have, with another configuration: the first of them.
    #[serde(default)]
    pub configured_differently: Vec<ServiceKey>,
    /// Servers of which the checks of the two say something else: the first of them.
    #[serde(default)]
    pub found_differently: Vec<FoundDifferently>,
    /// Why there is no channel.
    #[serde(default)]
    pub problem: Option<String>,
}

/// A server of which the checks of the two directors say something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDifferently {
    /// Whose server.
    pub service: ServiceKey,
    /// Which one.
    pub server: ServerKey,
    /// What the checks of this director say.
    pub here: Cow<'static, str>,
    /// What those of the other one say.
    pub there: Cow<'static, str>,
}

/// One virtual router: addresses that this host shares with others by VRRP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterStatus {
    /// Its name.
    pub name: String,
    /// The interface where it is.
    pub interface: String,
    /// Its number there.
    pub vrid: u8,
    /// `initialize`, `fault`, `backup` or `master`.
    pub state: String,
    /// For how long, in seconds.
    pub since_seconds: u64,
    /// Why it is in that state.
    #[serde(default)]
    pub reason: Option<String>,
    /// Its priority now.
    pub priority: u8,
    /// The master that it follows.
    pub master: Option<MasterStatus>,
    /// Its virtual addresses: `192.0.2.10/24`.
    pub addresses: Vec<String>,
    /// Advertisements sent.
    pub sent: u64,
    /// Advertisements that came in, well formed.
    pub heard: u64,
    /// Advertisements that were dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// How often its state has changed.
    pub transitions: u64,
    /// How late an advertisement was at most, while this host was master, in microseconds.
    #[serde(default)]
    pub late_at_most_microseconds: u64,
    /// How often a virtual address was put back that somebody else had removed.
    pub put_back: u64,
    /// How often another host said, by ARP, that a virtual address is there while this host had it.
    #[serde(default)]
    pub disputes: u64,
    /// The sync group that it moves with.
    #[serde(default)]
    pub group: Option<String>,
    /// What is tracked.
    #[serde(default)]
    pub tracked: Vec<TrackedStatus>,
    /// Why it cannot take part, if it is not said by its state.
    pub problem: Option<String>,
}

/// An object that a virtual router tracks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedStatus {
    /// `interface eth1`, `service TCP 192.0.2.10:80`.
    pub object: String,
    /// What follows from it: `fault`, or `weight -50`.
    pub consequence: String,
    /// `good`, `bad`, or the number in a file.
    pub reading: String,
}

/// Another host that is master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterStatus {
    /// Where it speaks from.
    pub address: IpAddr,
    /// What it advertised last.
    pub priority: u8,
}

/// The time from the return of the probe that decided a verdict to the kernel's confirmation of what it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerdictDelay {
    /// How many batches of verdicts changed the kernel's table.
    pub batches: u64,
    /// The duration of the last one, in microseconds.
    pub latest_microseconds: u64,
    /// The longest, in microseconds.
    pub longest_microseconds: u64,
}

/// One virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// As ipvsadm lists it: `TCP 192.0.2.10:80`.
    pub service: ServiceKey,
    /// Its scheduler.
    pub scheduler: String,
    /// Whether its connections live on when another director takes over (`failover: keep_connections`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_connections: bool,
    /// What a take-over would do to its connections now. The command asks the kernel for it; only for a service that keeps
    /// its connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_over: Option<TakeOverStatus>,
    /// Why the kernel is not as it should be, if it is not.
    pub error: Option<String>,
    /// What is wrong with its real servers together.
    #[serde(default)]
    pub alarm: Option<String>,
    /// Its real servers.
    pub servers: Vec<ServerStatus>,
}

/// What another director would do to the open connections of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeOverStatus {
    /// All are known.
    Counted {
        /// So many are open.
        open: u64,
        /// So many of them would break.
        would_break: u64,
    },
    /// They are not, and why.
    NotCounted(String),
}

/// One real server of one virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// `10.0.0.5:5672`.
    pub server: ServerKey,
    /// `up`, `down`, `unknown`, `drain`, `maintenance`, `unchecked`, or `leaving` for a server that the configuration has
    /// no more.
    pub health: Cow<'static, str>,
    /// How long it has been so, in seconds; absent for a server without checks.
    pub since_seconds: Option<u64>,
    /// Its weight in the kernel; absent when the kernel does not have it.
    pub weight: Option<u32>,
    /// Its weight while it is up.
    pub configured_weight: u32,
    /// Whether only the configuration (`initial`) has it count so: no probe has found it yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_configuration: bool,
    /// What the last failed probe saw.
    pub reason: Option<String>,
    /// What an operator has ordered for it: `drain`, `disable`, `weight 5`.
    #[serde(default)]
    pub order: Option<String>,
    /// Why it is in the table, or out of it, in spite of its health.
    #[serde(default)]
    pub note: Option<String>,
    /// How its drain goes on, while it drains or when it has drained.
    #[serde(default)]
    pub drain: Option<DrainStatus>,
    /// How its slow start goes on, while it has less than its full weight after it has come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<SlowStartStatus>,
    /// Its checks.
    #[serde(default)]
    pub checks: Vec<CheckStatus>,
}

/// How a drain goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainStatus {
    /// How long ago it began, in seconds.
    pub since_seconds: u64,
    /// How many active connections are left; absent until they have been counted.
    pub connections: Option<u32>,
    /// How many connections close or have ended, beside the active ones; absent until they have been counted, and from an
    /// older director.
    #[serde(default)]
    pub closing: Option<u32>,
    /// Whether packets flow over any of them.
    #[serde(default)]
    pub packets_flow: bool,
    /// For how long no packet has come, in seconds; absent until they have been counted.
    #[serde(default)]
    pub still_seconds: Option<u64>,
    /// How many persistence templates are left, when it waits for them.
    pub templates: Option<u32>,
    /// In how many seconds it ends, also when connections are left; absent when it waits for as long as they live.
    pub deadline_seconds: Option<u64>,
    /// Whether the server has left the table.
    pub ended: bool,
}

/// How a slow start goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowStartStatus {
    /// How much of its full weight the server has, in per cent.
    pub percent: u64,
    /// In how many milliseconds it has all of it.
    pub left_milliseconds: u64,
}

/// One check of one real server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStatus {
    /// The probe: `tcp 10.0.0.5:5672`.
    pub probe: String,
    /// The standing by this check alone: `up`, `down`, `unknown`, `drain`, or `maintenance`.
    pub standing: Cow<'static, str>,
    /// How long it has been so, in seconds.
    pub since_seconds: u64,
    /// Whether only the configuration (`initial`) has it count so: no probe has found it yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_configuration: bool,
    /// What an earlier director knew, as long as no probe has confirmed it or found something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered: Option<MemoryStatus>,
    /// How long the last probe took, in microseconds; absent until one has come back.
    pub latency_microseconds: Option<u64>,
    /// What the last failed probe saw.
    pub last_failure: Option<String>,
    /// What the last success warned of: a certificate that ends soon.
    #[serde(default)]
    pub warning: Option<String>,
    /// Whether the last probe was a success; absent until one has come back.
    #[serde(default)]
    pub last_succeeded: Option<bool>,
    /// How its probes have come out since the check began.
    #[serde(default, skip_serializing_if = "ProbeCounts::is_empty")]
    pub probes: ProbeCounts,
    /// How many results speak against the standing: in a row, or of the last `against_of`.
    #[serde(default)]
    pub against: u32,
    /// How many of them change it: from down to up, otherwise to down.
    #[serde(default)]
    pub against_needed: u32,
    /// Of how many last results they are; absent when they must come in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_of: Option<u32>,
    /// How its server is held down, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldStatus>,
    /// In how many milliseconds the next probe starts; absent while one is out.
    #[serde(default)]
    pub next_milliseconds: Option<u64>,
    /// How long ago the last probe started, in seconds; absent until one has come back.
    pub checked_seconds_ago: Option<u64>,
    /// How many probes in a row gave no result.
    pub could_not_run: u32,
    /// Why the last of them gave none: `could_not_run`, for a reason of this host; `not_supported` by the server; or
    /// `no_opinion`.
    #[serde(default)]
    pub no_result: NoResult,
    /// For how long no probe has given a result, in seconds; absent when the last one did.
    #[serde(default)]
    pub not_checked_seconds: Option<u64>,
    /// How often client connections without an answer brought a probe forward; absent when the check is not passive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hastened: Option<u32>,
    /// The connection that is held to the server; absent when the check has no tripwire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripwire: Option<TripwireStatus>,
}

/// A standing that an earlier director knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryStatus {
    /// The standing.
    pub standing: Cow<'static, str>,
    /// How long ago a director knew it by itself for the last time, in seconds.
    pub confirmed_seconds_ago: u64,
}

/// The connection that is held to a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TripwireStatus {
    /// For how long it has been held, in seconds; absent when none is.
    pub held_seconds: Option<u64>,
    /// In how many milliseconds the next one is opened, when it waits for that.
    pub next_milliseconds: Option<u64>,
    /// Whether none is opened any more: the server ends such connections too soon.
    pub off: bool,
    /// How many have ended by themselves.
    pub ended: u32,
    /// How the last one ended.
    pub last_end: Option<String>,
}

/// How a server is held down that went down again soon after it had come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldStatus {
    /// How often it went down, each time soon after it had come back.
    pub falls: u32,
    /// For how many milliseconds its check must pass.
    pub must_pass_milliseconds: u64,
    /// How many of them are left; absent while the check does not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_milliseconds: Option<u64>,
}
