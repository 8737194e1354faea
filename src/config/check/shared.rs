// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the checks of many servers have in common is in the memory once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::MOST_CHECKS;
use crate::model::{
    AgentProbe, AmqpProbe, CheckSchedule, DnsProbe, ExecProbe, FileProbe, HttpProbe, RabbitmqProbe,
    SmtpProbe, TcpTalk, Tls, UdpProbe, VipProbe,
};

/// What the checks of the servers before have: servers nearly always share these.
#[derive(Debug, Default)]
pub(in crate::config) struct Shared {
    pub(super) schedule: Last<CheckSchedule>,
    pub(super) tcp: Last<TcpTalk>,
    pub(super) http: Last<HttpProbe>,
    pub(super) amqp: Last<AmqpProbe>,
    pub(super) rabbitmq: Last<RabbitmqProbe>,
    pub(super) udp: Last<UdpProbe>,
    pub(super) dns: Last<DnsProbe>,
    pub(super) smtp: Last<SmtpProbe>,
    pub(super) agent: Last<AgentProbe>,
    pub(super) file: Last<FileProbe>,
    pub(super) exec: Last<ExecProbe>,
    pub(super) tls: Last<Tls>,
    pub(super) vip: Last<VipProbe>,
}

/// The last values, the latest last: as many as a server can have checks.
pub(super) type Last<T> = VecDeque<Arc<T>>;

/// One of the last values if it is the same; otherwise this one, which is among them from now on.
pub(super) fn share<T: PartialEq>(last: &mut Last<T>, own: T) -> Arc<T> {
    if let Some(same) = last.iter().rev().find(|it| ***it == own) {
        return Arc::clone(same);
    }
    if last.len() >= MOST_CHECKS {
        last.pop_front();
    }
    let own = Arc::new(own);
    last.push_back(Arc::clone(&own));
    own
}
