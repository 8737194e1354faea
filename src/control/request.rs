// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be asked of a running director, and what it answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How everything is.
    Status,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Status),
    /// The question was not understood, or could not be answered.
    Error(String),
}

/// How everything is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Status {
    /// The director's version.
    pub version: String,
    /// Its process number.
    pub pid: u32,
    /// How long it has been running, in seconds.
    pub uptime_seconds: u64,
    /// How many times something in the kernel's table had been changed by others and was put right.
    pub drift_repairs: u64,
    /// How many probes could not be made, for reasons of this host.
    pub probes_not_run: u64,
    /// Why the last reload was refused, if it was.
    pub reload_error: Option<String>,
    /// How long verdicts took to reach the kernel.
    pub verdict_delay: VerdictDelay,
    /// The virtual services in ipvsadm's order.
    pub services: Vec<ServiceStatus>,
}

/// The time from the return of the probe that decided a verdict to the kernel's confirmation of what it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerdictDelay {
    /// How many batches of verdicts changed the kernel's table.
    pub batches: u64,
    /// The last one's, in microseconds.
    pub latest_microseconds: u64,
    /// The longest, in microseconds.
    pub longest_microseconds: u64,
}

impl VerdictDelay {
    /// One more.
    pub fn note(&mut self, delay: Duration) {
        self.batches += 1;
        self.latest_microseconds = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.longest_microseconds = self.longest_microseconds.max(self.latest_microseconds);
    }
}

/// One virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// As ipvsadm lists it: `TCP 192.0.2.10:80`.
    pub service: String,
    /// Its scheduler.
    pub scheduler: String,
    /// Why the kernel is not as it should be, if it is not.
    pub error: Option<String>,
    /// Its real servers.
    pub servers: Vec<ServerStatus>,
}

/// One real server of one virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// `10.0.0.5:5672`.
    pub server: String,
    /// `up`, `down`, `unknown`, or `unchecked`.
    pub health: String,
    /// How long it has been so, in seconds.
    pub since_seconds: u64,
    /// Its weight in the kernel; absent when the kernel does not have it.
    pub weight: Option<u32>,
    /// Its weight while it is up.
    pub configured_weight: u32,
    /// Why the last probe that was not a success was none.
    pub reason: Option<String>,
}
