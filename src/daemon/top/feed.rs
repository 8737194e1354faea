// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the readings come from: the director, over its control socket, and the kernel's counters, by netlink.

use std::path::PathBuf;
use std::time::Instant;

use crate::codec::ipvs::{ServerEntry, ServiceEntry};
use crate::control::{Client, ClientError, Item, Request, Status};
use crate::kernel::{Ipvs, IpvsError};
use crate::model::{Order, ServerKey, ServiceKey, Timestamp};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// How everything is.
    Read,
    /// An order for a server; `None` takes one back.
    Order(ServiceKey, ServerKey, Option<Order>),
}

/// What has come of it.
#[derive(Debug)]
pub(super) enum Came {
    /// How everything is.
    Reading(Box<Reading>),
    /// What became of an order, in words.
    Ordered(String),
}

/// How everything was at a moment.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) at: Timestamp,
    pub(super) status: Result<Status, String>,
    pub(super) kernel: Result<Vec<Listed>, String>,
}

/// A service of the kernel's table.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) service: ServiceEntry,
    pub(super) servers: Vec<ServerEntry>,
}

/// Asks the director and the kernel. When one of them has gone, it looks for it again at the next reading.
pub(super) struct Feed {
    socket: PathBuf,
    client: Option<Client>,
    ipvs: Option<Ipvs>,
    start: Instant,
}

impl Feed {
    /// With a director that has just answered on this socket.
    #[expect(clippy::disallowed_methods, reason = "the rim: time begins here")]
    pub(super) fn new(socket: PathBuf, client: Client) -> Self {
        Self {
            socket,
            client: Some(client),
            ipvs: None,
            start: Instant::now(),
        }
    }

    /// Does what is asked for.
    pub(super) fn go(&mut self, errand: Errand) -> Came {
        match errand {
            Errand::Read => Came::Reading(Box::new(self.read())),
            Errand::Order(service, server, order) => {
                Came::Ordered(self.order(service, server, order))
            }
        }
    }

    /// The moment is that of the kernel's counters.
    #[expect(clippy::disallowed_methods, reason = "the rim: when it was read")]
    pub(super) fn read(&mut self) -> Reading {
        let status = self.status().map_err(|error| error.to_string());
        let at = Timestamp::after_start(Instant::now().saturating_duration_since(self.start));
        Reading {
            at,
            status,
            kernel: self.kernel(),
        }
    }

    fn status(&mut self) -> Result<Status, ClientError> {
        let (services, watch) = (Vec::new(), false);
        let mut found = Status::default();
        self.ask(Request::Status { services, watch }, |item| {
            if let Item::Status(status) = item {
                found = *status;
            }
        })?;
        Ok(found)
    }

    fn order(&mut self, service: ServiceKey, server: ServerKey, order: Option<Order>) -> String {
        let what = order.map_or_else(|| "enable".to_owned(), |order| order.to_string());
        let request = Request::Order {
            servers: vec![(service, server)],
            order,
            deadline_seconds: None,
            templates: false,
            force: false,
        };
        let mut said = format!("{what} {server}: it was so already");
        let done = self.ask(request, |item| match item {
            Item::Ordered(1..) => said = format!("{what} {server} of {service}: ordered"),
            Item::NotWritten(why) => said = format!("{what} {server}: not written down: {why}"),
            _ => {}
        });
        match done {
            Ok(()) => said,
            Err(error) => error.to_string(),
        }
    }

    /// A connection that has failed is not used again.
    fn ask(&mut self, request: Request, mut take: impl FnMut(Item)) -> Result<(), ClientError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(&self.socket)?,
        };
        for item in client.ask(request)? {
            match item {
                Ok(item) => take(item),
                Err(error) => {
                    // After a refusal it goes on.
                    if matches!(
                        error,
                        ClientError::Refused { .. } | ClientError::Denied { .. }
                    ) {
                        self.client = Some(client);
                    }
                    return Err(error);
                }
            }
        }
        self.client = Some(client);
        Ok(())
    }

    fn kernel(&mut self) -> Result<Vec<Listed>, String> {
        let mut ipvs = match self.ipvs.take() {
            Some(ipvs) => ipvs,
            None => Ipvs::open().map_err(|error| error.to_string())?,
        };
        let listed = list(&mut ipvs).map_err(|error| error.to_string())?;
        self.ipvs = Some(ipvs);
        Ok(listed)
    }
}

fn list(ipvs: &mut Ipvs) -> Result<Vec<Listed>, IpvsError> {
    let services = ipvs.services()?.into_iter();
    let listed = services.map(|service| {
        let servers = ipvs.servers(&service.key)?;
        Ok(Listed { service, servers })
    });
    listed.collect()
}
