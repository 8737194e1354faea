// SPDX-License-Identifier: MIT OR Apache-2.0
//! Orders for real servers: which servers, until when, and who waits for it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::Failure;
use super::whom::Socket;
use crate::daemon::order::{self, Asked, Until, Wait, Wish};
use crate::daemon::why::Whose;
use crate::model::{DrainTerms, Order, ServiceKey, Weight};

/// Which servers are meant, and which director is asked.
#[derive(Debug, Args)]
struct Servers {
    /// The real servers: 10.0.0.5 in all its services, or 10.0.0.5:5672
    #[arg(
        value_name = "SERVER",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    server: Vec<Whose>,
    /// Only in this virtual service, as ipvsadm lists it: "TCP 192.0.2.10:80". May be repeated
    #[arg(long, value_name = "SERVICE")]
    service: Vec<ServiceKey>,
    /// All real servers of these services
    #[arg(long, requires = "service")]
    all: bool,
    #[command(flatten)]
    socket: Socket,
}

impl Servers {
    /// Orders this for them.
    fn order(self, asked: Asked) -> Result<ExitCode, Failure> {
        let Self {
            server,
            service: services,
            all,
            socket,
        } = self;
        let wish = Wish {
            servers: (!all).then_some(server),
            services,
            asked,
        };
        order::order(socket.into(), &wish)
    }
}

/// Who waits for an order, and for how long.
#[derive(Debug, Args)]
struct Patience {
    /// How long to wait, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = seconds,
        default_value_t = 3600,
        requires = "wait"
    )]
    timeout: u64,
}

impl Patience {
    fn wait(&self, wait: bool, until: Until) -> Option<Wait> {
        wait.then(|| Wait {
            until,
            patience: Duration::from_secs(self.timeout),
        })
    }
}

/// Which servers drain, until when, and who waits for it.
#[derive(Debug, Args)]
pub(super) struct Draining {
    #[command(flatten)]
    whom: Servers,
    /// Take them out of the table after so many seconds, also when connections are left: these break
    #[arg(long, value_name = "SECONDS", value_parser = deadline)]
    deadline: Option<u64>,
    /// Wait also until persistence binds no client to them any more
    #[arg(long)]
    templates: bool,
    /// Also when a service is left without a server for new connections
    #[arg(long)]
    force: bool,
    /// Wait, and say what for; exit with 1 when that has not come after the timeout
    #[arg(long)]
    wait: bool,
    /// What to wait for: removed (they have left the table), idle (no packet has come for ten seconds), or a number: so
    /// many active connections are left on all of them together, or fewer
    #[arg(
        long,
        value_name = "removed|idle|N",
        value_parser = until,
        default_value = "removed",
        requires = "wait"
    )]
    until: Until,
    #[command(flatten)]
    patience: Patience,
}

impl Draining {
    pub(super) fn order(self) -> Result<ExitCode, Failure> {
        let Self {
            whom,
            deadline,
            templates,
            force,
            wait,
            until,
            patience,
        } = self;
        let deadline = deadline.map(Duration::from_secs);
        whom.order(Asked {
            order: Some(Order::Drain),
            terms: DrainTerms {
                deadline,
                templates,
            },
            force,
            wait: patience.wait(wait, until),
        })
    }
}

/// Which servers leave the table.
#[derive(Debug, Args)]
pub(super) struct Disabling {
    #[command(flatten)]
    whom: Servers,
    /// Also when a service is left without a server for new connections
    #[arg(long)]
    force: bool,
    /// Wait until they have left the table; exit with 1 when one is left after the timeout
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

impl Disabling {
    pub(super) fn order(self) -> Result<ExitCode, Failure> {
        let wait = self.patience.wait(self.wait, Until::Removed);
        let order = Some(Order::Disable);
        self.whom.order(Asked::of(order, self.force, wait))
    }
}

/// Whose orders are taken back.
#[derive(Debug, Args)]
pub(super) struct Enabling {
    #[command(flatten)]
    whom: Servers,
    /// Wait until they are up and in the table; exit with 1 when one is not after the timeout
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

impl Enabling {
    pub(super) fn order(self) -> Result<ExitCode, Failure> {
        let wait = self.patience.wait(self.wait, Until::Serving);
        self.whom.order(Asked::of(None, true, wait))
    }
}

/// Which servers get another weight.
#[derive(Debug, Args)]
pub(super) struct Weighing {
    /// The weight: 0 to 2147483647
    #[arg(value_name = "WEIGHT", value_parser = weight)]
    weight: Weight,
    #[command(flatten)]
    whom: Servers,
    /// Also when a service is left without a server for new connections
    #[arg(long)]
    force: bool,
}

impl Weighing {
    pub(super) fn order(self) -> Result<ExitCode, Failure> {
        let order = Some(Order::Weight(self.weight));
        self.whom.order(Asked::of(order, self.force, None))
    }
}

fn deadline(text: &str) -> Result<u64, String> {
    const LONGEST_DEADLINE: u64 = DrainTerms::LONGEST_DEADLINE;
    let number = text.parse().ok();
    let number = number.filter(|it| (1..=LONGEST_DEADLINE).contains(it));
    number.ok_or_else(|| {
        format!("write a number of seconds, 1 to {LONGEST_DEADLINE}: 3600 is an hour")
    })
}

fn seconds(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| "write a number of seconds: 3600 is an hour".to_owned())
}

fn until(text: &str) -> Result<Until, String> {
    match text {
        "removed" => Ok(Until::Removed),
        "idle" => Ok(Until::Idle),
        number => number.parse().map(Until::Connections).map_err(|_| {
            "write removed, idle, or a number of connections that may be left".to_owned()
        }),
    }
}

fn weight(text: &str) -> Result<Weight, String> {
    let number = text.parse().ok().and_then(Weight::new);
    number.ok_or_else(|| format!("write 0 to {}", Weight::MAX))
}
