// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a running director can be asked.

use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::whom::{Director, Socket};
use crate::daemon::ask;
use crate::daemon::forecast;
use crate::daemon::pick::{Meant, Pick};
use crate::daemon::since::Since;
use crate::daemon::why::{self, Whose};
use crate::model::ServiceKey;

/// What is shown of the status, and how.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Only these: a virtual service as ipvsadm lists it ("TCP 192.0.2.10:80"), or an address with or without a port, of
    /// a service or of a real server (10.0.0.5, 10.0.0.5:5672). What has a / in it, or is a file, is taken as --config FILE
    #[arg(value_name = "SERVICE|SERVER")]
    what: Vec<Meant>,
    /// Only this virtual service, as ipvsadm lists it: "TCP 192.0.2.10:80". May be repeated
    #[arg(long, value_name = "SERVICE")]
    service: Vec<ServiceKey>,
    /// Only what is not up: real servers that are down, not checked, drained or disabled, and virtual services with an
    /// error or an alarm
    #[arg(long)]
    down: bool,
    /// Print it again after every change, until interrupted; with --json one line each time
    #[arg(long)]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: Socket,
}

impl Status {
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        let mut pick = Pick::new(self.service, self.down);
        let mut file = None;
        for meant in self.what {
            match meant {
                Meant::Service(key) => pick.services.push(key),
                Meant::Address(address) => pick.addresses.push(address),
                Meant::File(path) => file = Some(path),
            }
        }
        ask::status(self.socket.or_of(file), &pick, self.watch, self.json)
    }
}

/// Which server is explained.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// The real server: 10.0.0.5, or 10.0.0.5:5672
    #[arg(value_name = "SERVER")]
    server: Whose,
    #[command(flatten)]
    whom: Director,
    /// Only in this virtual service, as ipvsadm lists it: "TCP 192.0.2.10:80". May be repeated
    #[arg(long, value_name = "SERVICE")]
    service: Vec<ServiceKey>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Why {
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        why::why(self.whom.into(), self.server, self.service, self.json)
    }
}

/// Which events are shown, and how.
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(flatten)]
    whom: Director,
    /// Print only events after the one with this number
    #[arg(long, value_name = "NUMBER", value_parser = event_number)]
    since_number: Option<u64>,
    /// Print only events of the last 30s, 5m, 2h or 3d, or since a time: 14:30, 2026-12-31, "2026-12-31 14:30",
    /// 2026-12-31T14:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Print new events as they come, until interrupted
    #[arg(long)]
    follow: bool,
    /// Print JSON, one line for each event
    #[arg(long)]
    json: bool,
}

impl Events {
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        let wanted = ask::Wanted {
            after: self.since_number,
            since: self.since,
            follow: self.follow,
        };
        ask::events(self.whom.into(), &wanted, self.json)
    }
}

/// Which addresses another director gets, or would get.
#[derive(Debug, Args)]
pub(super) struct HandOver {
    #[command(flatten)]
    whom: Director,
    /// Only this virtual router, as director status names it: eth0/51
    #[arg(long, value_name = "NAME")]
    router: Option<String>,
    /// Change nothing: print how many open connections would break, and why. The other director is taken to have the same
    /// configuration, and no connection sync
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run, print JSON with all these connections
    #[arg(long, requires = "dry_run")]
    json: bool,
}

impl HandOver {
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        let whom = self.whom.into();
        if self.dry_run {
            forecast::forecast(whom, self.router.as_deref(), self.json)
        } else {
            ask::failover(whom, self.router)
        }
    }
}

/// How a reload is asked for.
#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    whom: Director,
    /// Wait until the new configuration is in force; exit with 1 when it is refused, and say why
    #[arg(long)]
    wait: bool,
    /// Neither print the steps nor ask. So it is, too, when standard input is no terminal
    #[arg(long, short)]
    yes: bool,
}

impl Reload {
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        ask::reload(self.whom.into(), self.wait, self.yes)
    }
}

/// Which level the log gets.
#[derive(Debug, Args)]
pub(super) struct LogLevel {
    /// Log messages of this level and above from now on. Without a module this is for all modules
    #[arg(value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    level: Option<String>,
    /// Only of this module, as `RUST_LOG` names it: `lvs_director::daemon::vrrp`
    #[arg(value_name = "MODULE")]
    module: Option<String>,
    #[command(flatten)]
    socket: Socket,
}

impl LogLevel {
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        ask::log_level(self.socket.into(), self.level, self.module)
    }
}

/// How the live view begins.
#[cfg(feature = "watch")]
#[derive(Debug, Args)]
pub(super) struct Top {
    /// How often to ask the director and the kernel, in seconds: 0.1 to 3600
    #[arg(long, value_name = "SECONDS", value_parser = interval, default_value = "1")]
    interval: std::time::Duration,
    /// The column to sort by
    #[arg(long, value_enum, default_value_t = crate::daemon::top::Column::Name)]
    sort: crate::daemon::top::Column,
    #[command(flatten)]
    socket: Socket,
}

#[cfg(feature = "watch")]
impl Top {
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        let Self {
            interval,
            sort,
            socket,
        } = self;
        let settings = crate::daemon::top::Settings { interval, sort };
        crate::daemon::top::run(socket.into(), &settings)
    }
}

#[cfg(feature = "watch")]
fn interval(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse().ok().filter(|it| (0.1..=3600.0).contains(it));
    let seconds: Option<f64> = seconds;
    seconds
        .map(std::time::Duration::from_secs_f64)
        .ok_or_else(|| "write a number of seconds, 0.1 to 3600".to_owned())
}

fn event_number(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| "write the number of an event, as director events prints it: 12".to_owned())
}
