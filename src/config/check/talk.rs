// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.tcp` and `check.udp`: to which port, what is sent there, and what has to come.

use super::payload::{EXPECTED, SENT, payload};
use super::target::TargetLayer;
use crate::config::section::Section;
use crate::config::setting::{Setting, Subject, innermost};
use crate::config::tree::Node;
use crate::config::value::map;
use crate::diagnostic::{Findings, Wrong};
use crate::model::{Payload, TcpTalk, UdpProbe};

/// The TCP or UDP settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct TalkLayer {
    pub(super) target: TargetLayer,
    send: Setting<Payload>,
    expect: Setting<Payload>,
}

impl TalkLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(
        section: &Section,
        node: &Node<'_>,
        out: &mut Findings,
    ) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(section, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "send" => layer.send = Setting::read(node, payload(name, node, &SENT, out)),
                "expect" => {
                    layer.expect = Setting::read(node, payload(name, node, &EXPECTED, out));
                }
                _ if layer.target.take(entry, out) => {}
                _ => section.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is said over a connection, from all layers, the innermost first; `None` when nothing is.
    pub(super) fn resolve_tcp(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<Option<TcpTalk>, Wrong> {
        let send = innermost(layers, |layer| &layer.send)?;
        let expect = innermost(layers, |layer| &layer.expect)?;
        match (send, expect) {
            (None, None) => Ok(None),
            (Some(send), None) => {
                let finding = subject.finding(send.span, "send needs an expect beside it");
                out.push(finding.help("write send: 'PING\\r\\n', expect: PONG"));
                Err(Wrong)
            }
            (send, Some(expect)) => Ok(Some(TcpTalk {
                send: send.map_or_else(Payload::default, |found| found.value.clone()),
                expect: expect.value.clone(),
            })),
        }
    }

    /// What is sent in a datagram, from all layers, the innermost first.
    pub(super) fn resolve_udp(layers: &[&Self]) -> Result<UdpProbe, Wrong> {
        let send = innermost(layers, |layer| &layer.send)?;
        let expect = innermost(layers, |layer| &layer.expect)?;
        Ok(UdpProbe {
            send: send.map_or_else(Payload::default, |found| found.value.clone()),
            expect: expect.map(|found| found.value.clone()),
        })
    }
}
