// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of a pool: from what each server wants for itself to the servers of the service.

use std::collections::BTreeMap;

use crate::model::{
    ConfiguredServer, ConfiguredService, Order, RealServer, ServerKey, Standing, Weight,
};

/// What one server wants for itself.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    /// Which one.
    pub(super) server: ServerKey,
    /// As configured.
    pub(super) configured: &'a ConfiguredServer,
    /// What its checks say.
    pub(super) standing: Standing,
    /// What an operator has ordered for it.
    pub(super) order: Option<Order>,
    /// Its rule in the kernel; `None` when it should not be there.
    pub(super) real: Option<RealServer>,
}

/// The servers that the kernel should have for this service.
pub(super) fn table(
    service: &ConfiguredService,
    mut wishes: Vec<Wish<'_>>,
) -> BTreeMap<ServerKey, RealServer> {
    if service.settings.falls_back() {
        keep_places(&mut wishes);
    }
    let servers = wishes.into_iter();
    let servers = servers.filter_map(|wish| Some((wish.server, wish.real?)));
    servers.collect()
}

/// A server that is down keeps its place, with weight 0: under `mh` and `sh` a removal gives clients of the other servers
/// to another server. One that an operator has disabled does not.
fn keep_places(wishes: &mut [Wish<'_>]) {
    for wish in wishes {
        if wish.standing == Standing::Down && wish.order != Some(Order::Disable) {
            wish.real = Some(RealServer {
                weight: Weight::ZERO,
                ..wish.configured.real_server
            });
        }
    }
}
