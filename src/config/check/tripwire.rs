// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.tripwire`: whether a connection is held to the server, and what its end counts for.

use super::counts::counts;
use crate::config::section::CHECK_TRIPWIRE;
use crate::config::setting::{Setting, Subject, innermost};
use crate::config::tree::Entry;
use crate::diagnostic::{Findings, Wrong};
use crate::model::{Counts, Probe, ProbeKind};

/// The ports of AMQP brokers, plain and by TLS. They log a connection on which nobody logs in.
const AMQP: [u16; 2] = [5671, 5672];

/// The tripwire of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct TripwireLayer {
    chosen: Setting<Option<Counts>>,
}

impl TripwireLayer {
    /// Reads the key if it is this one, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        if name != "tripwire" {
            return false;
        }
        self.chosen = Setting::read(node, counts(&CHECK_TRIPWIRE, name, node, out));
        true
    }

    /// The tripwire of a check, from all layers, the innermost first.
    pub(super) fn resolve(
        layers: &[&Self],
        probe: &Probe,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<Option<Counts>, Wrong> {
        let Some(found) = innermost(layers, |layer| &layer.chosen)? else {
            return Ok(None);
        };
        if found.value.is_none() {
            return Ok(None);
        }
        let Some((message, help)) = trouble(probe) else {
            return Ok(*found.value);
        };
        out.push(subject.finding(found.span, message).help(help));
        Err(Wrong)
    }
}

/// Why no connection is held to such a server, and what to write instead.
fn trouble(probe: &Probe) -> Option<(&'static str, &'static str)> {
    const LOGS: &str =
        "no tripwire here: an AMQP broker closes and logs a connection that does not log in";
    const SPEAKS: &str = "no tripwire here: only tcp, tls, http and amqp checks have one";
    const HELP: &str = "write tripwire: false for this check";
    const LOG_IN: &str =
        "write user: and password_file: in amqp:, or tripwire: false for this check";
    match &probe.kind {
        ProbeKind::Amqp(amqp) if amqp.login.is_some() => None,
        ProbeKind::Amqp(_) => Some((LOGS, LOG_IN)),
        ProbeKind::Tcp | ProbeKind::TcpTalk(_) | ProbeKind::Tls(_)
            if AMQP.contains(&probe.target.port()) =>
        {
            Some((LOGS, HELP))
        }
        ProbeKind::Tcp | ProbeKind::TcpTalk(_) | ProbeKind::Tls(_) | ProbeKind::Http(_) => None,
        ProbeKind::Rabbitmq(_)
        | ProbeKind::Udp(_)
        | ProbeKind::Dns(_)
        | ProbeKind::Icmp
        | ProbeKind::Smtp(_)
        | ProbeKind::Agent(_)
        | ProbeKind::Vip(_)
        | ProbeKind::File(_)
        | ProbeKind::Exec(_) => Some((SPEAKS, HELP)),
    }
}
