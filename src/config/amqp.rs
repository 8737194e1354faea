// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.amqp`: whether a user logs in, and who.

use std::path::Path;

use super::check::TargetLayer;
use super::director;
use super::section::CHECK_AMQP;
use super::setting::{Found, Setting, Subject, innermost};
use super::tree::Node;
use super::value::{map, text_that};
use crate::diagnostic::{Findings, Wrong};
use crate::model::{AmqpLogin, AmqpProbe};

/// The longest name, in bytes: a short string of AMQP.
const LONGEST: usize = 255;

/// The AMQP settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct AmqpLayer {
    pub(super) target: TargetLayer,
    user: Setting<Box<str>>,
    password_file: Setting<Box<Path>>,
    vhost: Setting<Box<str>>,
}

impl AmqpLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(&mut self, node: &Node<'_>, out: &mut Findings) -> Result<(), Wrong> {
        let entries = map(&CHECK_AMQP, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "user" => self.user = Setting::read(node, short(name, node, out)),
                "password_file" => {
                    let path = director::file(name, node, out);
                    let path = path.map(|(path, _)| path.into_boxed_path());
                    self.password_file = Setting::read(node, path.ok_or(Wrong));
                }
                "vhost" => self.vhost = Setting::read(node, short(name, node, out)),
                _ if self.target.take(entry, out) => {}
                _ => CHECK_AMQP.unknown_key(entry, entries, out),
            }
        }
        Ok(())
    }

    /// What is asked, from all layers, the innermost first.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<AmqpProbe, Wrong> {
        let user = innermost(layers, |layer| &layer.user)?;
        let password_file = innermost(layers, |layer| &layer.password_file)?;
        let vhost = innermost(layers, |layer| &layer.vhost)?;
        let (lonely, other) = match (user, password_file, vhost) {
            (Some(user), Some(password_file), vhost) => {
                let vhost = vhost.map_or(AmqpLogin::VHOST, |found| &**found.value);
                return Ok(AmqpProbe {
                    login: Some(AmqpLogin {
                        user: user.value.clone(),
                        password_file: password_file.value.clone(),
                        vhost: vhost.into(),
                    }),
                });
            }
            (None, None, None) => return Ok(AmqpProbe { login: None }),
            (Some(Found { span, .. }), None, _) => (("user", span), "a password_file"),
            (None, Some(Found { span, .. }), _) => (("password_file", span), "a user"),
            (None, None, Some(Found { span, .. })) => (("vhost", span), "a user"),
        };
        let (name, span) = lonely;
        let finding = subject.finding(span, format!("{name} needs {other} beside it"));
        out.push(finding.help(
            "write amqp: {user: monitor, password_file: /etc/lvs-director/monitor.password}",
        ));
        Err(Wrong)
    }
}

/// A name as AMQP has it.
fn short(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible = |text: &str| (1..=LONGEST).contains(&text.len()) && !text.contains('\0');
    text_that(possible, name, node, "a name", "1 to 255 bytes", out)
}
