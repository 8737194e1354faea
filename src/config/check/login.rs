// SPDX-License-Identifier: MIT OR Apache-2.0
//! `user` and `password_file`: who logs in to a server that is checked.

use std::path::Path;

use crate::config::director;
use crate::config::setting::{Found, Setting, Subject, innermost};
use crate::config::tree::{Entry, Node};
use crate::config::value::text_that;
use crate::diagnostic::{Findings, Span, Wrong};
use crate::model::Login;

/// The longest name, in bytes: a short string of AMQP.
const LONGEST: usize = 255;

/// The login settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct LoginLayer {
    user: Setting<Box<str>>,
    password_file: Setting<Box<Path>>,
}

impl LoginLayer {
    /// Reads a key if it is a setting of the login, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "user" => self.user = Setting::read(node, short(name, node, out)),
            "password_file" => {
                self.password_file = Setting::read(node, file(name, node, out));
            }
            _ => return false,
        }
        true
    }

    /// Where the user is, if there is one.
    pub(super) const fn user_span(&self) -> Option<Span> {
        match &self.user {
            Setting::Set(_, span) => Some(*span),
            Setting::Unset | Setting::Wrong => None,
        }
    }

    /// Who logs in, from all layers, the innermost first. One half alone is an error.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<Option<Login>, Wrong> {
        let user = innermost(layers, |layer| &layer.user)?;
        let password_file = innermost(layers, |layer| &layer.password_file)?;
        match (user, password_file) {
            (None, None) => Ok(None),
            (Some(user), Some(password_file)) => Ok(Some(Login {
                user: user.value.clone(),
                password_file: password_file.value.clone(),
            })),
            (Some(Found { span, .. }), None) => {
                Err(needs(span, "user needs a password_file", subject, out))
            }
            (None, Some(Found { span, .. })) => {
                Err(needs(span, "password_file needs a user", subject, out))
            }
        }
    }
}

/// Reports a setting that means nothing without another one.
pub(super) fn needs(span: Span, what: &str, subject: &Subject, out: &mut Findings) -> Wrong {
    let finding = subject.finding(span, format!("{what} beside it"));
    out.push(
        finding.help("write user: monitor, password_file: /etc/lvs-director/monitor.password"),
    );
    Wrong
}

/// The absolute path of a file.
pub(in crate::config) fn file(
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Box<Path>, Wrong> {
    let path = director::file(name, node, out);
    path.map(|(path, _)| path.into_boxed_path()).ok_or(Wrong)
}

/// A name: 1 to 255 bytes without control characters.
pub(in crate::config) fn short(
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Box<str>, Wrong> {
    let possible =
        |text: &str| (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
    let help = "1 to 255 bytes without control characters";
    text_that(possible, name, node, "a name", help, out)
}
