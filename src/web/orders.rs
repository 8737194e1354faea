// SPDX-License-Identifier: MIT OR Apache-2.0
//! What users order, by a form or by JSON.

use std::time::Duration;

use tokio::time::timeout;

use super::access::Visitor;
use super::site::{Refused, Site};
use crate::control::Carried;
use crate::model::{Order, OrderFor, ServerKey, ServiceKey, Weight};

/// The engine answers in a moment; nobody waits longer.
const LONGEST: Duration = Duration::from_secs(30);

/// The order with this name; `enable` takes one back. A weight is 0 to 2147483647, also where it means nothing.
pub(super) fn order(name: &str, weight: Option<u64>) -> Result<Option<Order>, Refused> {
    let wrong = || Refused::Wrong(format!("a weight is 0 to {}", Weight::MAX));
    let read = |it| u32::try_from(it).ok().and_then(Weight::new);
    let weight = weight.map(|it| read(it).ok_or_else(wrong));
    let weight = weight.transpose()?;
    match name {
        "drain" => Ok(Some(Order::Drain)),
        "disable" => Ok(Some(Order::Disable)),
        "enable" => Ok(None),
        "weight" => weight.map(|it| Some(Order::Weight(it))).ok_or_else(wrong),
        _ => Err(Refused::Wrong(
            "an order is drain, disable, enable or weight".to_owned(),
        )),
    }
}

/// What a form has for a server: `TCP 192.0.2.10:5672 10.0.0.1:5672`.
pub(super) fn whose(text: &str) -> Result<(ServiceKey, ServerKey), Refused> {
    let read = text.rsplit_once(' ').and_then(|(service, server)| {
        let service: ServiceKey = service.parse().ok()?;
        Some((service, server.parse().ok()?))
    });
    read.ok_or_else(|| {
        let shown = crate::codec::shown(text, 100);
        Refused::Wrong(format!(
            "a server is written TCP 192.0.2.10:5672 10.0.0.1:5672, not {shown}"
        ))
    })
}

/// Who may order something here.
pub(super) fn by(site: &Site, visitor: &Visitor) -> Result<String, Refused> {
    if !site.listener().actions {
        return Err(Refused::NoActions);
    }
    visitor.name().ok_or(Refused::NoActions)
}

/// Hands an order in, and waits until it has been carried out.
pub(super) async fn carry_out(
    site: &Site,
    visitor: &Visitor,
    wanted: OrderFor,
) -> Result<Carried, Refused> {
    let by = by(site, visitor)?;
    if wanted.servers.is_empty() {
        return Err(Refused::Wrong("choose a server, or several".to_owned()));
    }
    let answer = timeout(LONGEST, site.source().order(wanted, by)).await;
    answer
        .map_err(|_| Refused::OrderLate)?
        .map_err(Refused::Order)
}
