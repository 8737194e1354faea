// SPDX-License-Identifier: MIT OR Apache-2.0
//! The times of all checks, in each program's language.

use std::fmt;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use lvs_director::config;
use lvs_director::model::{CheckSchedule, Fall, Retry};

use crate::answer::Protocol;
use crate::rate::asks;

/// The address of all virtual services.
const VIRTUAL_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// The times of all checks.
pub(super) struct Settings {
    /// Whose they are.
    pub(super) whose: &'static str,
    /// What the director is told; nothing where they are its defaults.
    told: String,
    pub(super) schedule: CheckSchedule,
}

impl Settings {
    /// Those of many keepalived configurations for RabbitMQ, as keepalived understands them: it does not know the
    /// `nb_get_retry 3` of their `TCP_CHECK`, and tries once more (its `retry`).
    pub(super) fn usual() -> Self {
        let schedule = CheckSchedule {
            interval: Duration::from_secs(6),
            timeout: Duration::from_secs(3),
            rise: 2,
            fall: Fall::InARow(2),
            retry: Retry::Delay(Duration::from_secs(3)),
            ..CheckSchedule::DEFAULT
        };
        let told = ", check: {interval: 6s, timeout: 3s, rise: 2, fall: 2, retry_delay: 3s}";
        Self {
            whose: "usual settings of keepalived",
            told: told.to_owned(),
            schedule,
        }
    }

    /// The director's defaults.
    pub(super) fn defaults() -> Result<Self> {
        let text = "virtual_services: [{address: 10.0.0.1:80, servers: [192.0.2.1]}]";
        let config = config::parse("defaults.yaml", text.as_bytes());
        let config = config.map_err(|wrong| anyhow!("{wrong}"))?;
        let mut servers = config.services.values().flat_map(|it| it.servers.values());
        let check = servers
            .next()
            .and_then(|server| server.checks.each.iter().next());
        Ok(Self {
            whose: "defaults of the director",
            told: String::new(),
            schedule: *check.context("a server without a check")?.schedule,
        })
    }

    /// How many failures take a server down.
    pub(super) const fn failures(&self) -> u32 {
        match self.schedule.fall {
            Fall::InARow(failures) | Fall::OfTheLast { failures, .. } => failures,
        }
    }

    /// From a failure to the next probe.
    pub(super) const fn retry(&self) -> Duration {
        match self.schedule.retry {
            Retry::Delay(time) | Retry::FastInterval(time) => time,
        }
    }

    pub(super) fn for_director(&self, directory: &Path, servers: &[Ipv4Addr]) -> String {
        let mut text = format!(
            "director: {{state_file: {0}/state.json, socket: {0}/director.sock}}\n\
             defaults: {{scheduler: rr{1}}}\nvirtual_services:\n",
            directory.display(),
            self.told
        );
        for protocol in Protocol::ALL {
            let _ = writeln!(
                text,
                "  - address: {VIRTUAL_ADDRESS}:{}\n    check: {{{}: {{}}}}\n    servers:",
                protocol.port(),
                protocol.word()
            );
            for server in servers {
                let _ = writeln!(text, "      - {server}");
            }
        }
        text
    }

    /// keepalived has no check by AMQP.
    pub(super) fn for_keepalived(&self, servers: &[Ipv4Addr]) -> String {
        let schedule = &self.schedule;
        let [interval, timeout, delay] =
            [schedule.interval, schedule.timeout, self.retry()].map(|it| it.as_secs_f64());
        let times = format!(
            "connect_timeout {timeout}\n      retry {}\n      delay_before_retry {delay}\n",
            self.failures() - 1
        );
        let mut text = String::new();
        for (protocol, check) in [
            (Protocol::Tcp, format!("TCP_CHECK {{\n      {times}    }}")),
            (
                Protocol::Http,
                format!(
                    "HTTP_GET {{\n      url {{\n        path /\n        status_code 200\n      }}\n      {times}    }}"
                ),
            ),
        ] {
            let port = protocol.port();
            let _ = writeln!(
                text,
                "virtual_server {VIRTUAL_ADDRESS} {port} {{\n  delay_loop {interval}\n  lvs_sched rr\n  lvs_method DR\n  \
                 protocol TCP"
            );
            for server in servers {
                let _ = writeln!(text, "  real_server {server} {port} {{\n    {check}\n  }}");
            }
            text.push_str("}\n");
        }
        text
    }

    pub(super) fn for_haproxy(&self, directory: &Path, servers: &[Ipv4Addr]) -> String {
        let schedule = &self.schedule;
        let [interval, timeout, delay] =
            [schedule.interval, schedule.timeout, self.retry()].map(|it| it.as_millis());
        let mut text = format!(
            "global\n  nbthread 1\n  maxconn 100\n  stats socket {0}/haproxy.stats\ndefaults\n  mode tcp\n  \
             timeout connect {timeout}ms\n  timeout check {timeout}ms\n  timeout client 1s\n  timeout server 1s\n\
             frontend all\n  bind unix@{0}/haproxy.sock\n  default_backend tcp\n",
            directory.display()
        );
        for protocol in Protocol::ALL {
            let _ = writeln!(
                text,
                "backend {}\n{}  default-server inter {interval}ms fastinter {delay}ms rise {} fall {}",
                protocol.word(),
                asks(protocol),
                schedule.rise,
                self.failures()
            );
            for server in servers {
                let _ = writeln!(text, "  server {server} {server}:{} check", protocol.port());
            }
        }
        text
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CheckSchedule {
            interval, timeout, ..
        } = self.schedule;
        let (failures, retry) = (self.failures(), self.retry());
        write!(
            f,
            "{}: every {interval:?}, {timeout:?} each, {failures} failures {retry:?} apart",
            self.whose
        )
    }
}
