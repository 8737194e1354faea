// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that ask a running director: status, events, reload.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::{DEFAULT_FILE, Failure};
use super::forecast::count_at_risk;
use super::render::{event, skipped, status as render_status};
use super::say::{complain, printable, say};
use crate::config;
use crate::control::{Client, ClientError, Hello, Item, Request};
use crate::engine::count;
use crate::model::ServiceKey;
use crate::system::{Reader, read_limited};

/// The director to ask.
#[derive(Debug)]
pub(super) struct Whom {
    /// Its control socket.
    pub(super) socket: Option<PathBuf>,
    /// A configuration that names its control socket.
    pub(super) file: Option<PathBuf>,
}

impl Whom {
    /// The socket of the command line; otherwise the one in the configuration, if that is readable; otherwise the usual
    /// one.
    fn find(self) -> PathBuf {
        if let Some(socket) = self.socket {
            return socket;
        }
        let file = self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        match socket_of(file) {
            Ok(socket) => socket,
            Err(why) => {
                let usual = config::default_director().socket;
                if self.file.is_some() {
                    complain(&format!(
                        "director: note: {why}; asking on the usual socket, {}",
                        usual.display()
                    ));
                }
                usual
            }
        }
    }

    pub(super) fn connect(self) -> Result<Client, Failure> {
        let client = Client::connect(&self.find())?;
        let (theirs, ours) = (&client.director().program, &Hello::ours().program);
        if theirs != ours {
            complain(&format!(
                "director: note: the running director is {}, this program is {ours}",
                printable(theirs)
            ));
        }
        Ok(client)
    }
}

fn socket_of(file: &Path) -> Result<PathBuf, String> {
    let limit = u64::try_from(config::MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = read_limited(file, limit).map_err(|error| error.to_string())?;
    let name = file.display();
    match config::parse(&name.to_string(), &bytes) {
        Ok(config) => Ok(config.director.socket),
        Err(_) => Err(format!("{name} is wrong (director check {name} says how)")),
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = printable(&error.to_string());
        if let ClientError::NotPermitted(_) = error {
            Self::permission(message)
        } else {
            Self::failed(message)
        }
    }
}

/// `director status`.
pub(super) fn status(
    whom: Whom,
    services: Vec<ServiceKey>,
    watch: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    let request = Request::Status { services, watch };
    let clear = watch && !json && stdout().is_terminal();
    for item in client.ask(request)? {
        let Item::Status(mut status) = item? else {
            continue;
        };
        if !watch {
            count_at_risk(&mut status);
        }
        let text = match (json, watch) {
            (true, false) => to_json(serde_json::to_string_pretty(&status))?,
            (true, true) => to_json(serde_json::to_string(&status))?,
            (false, false) => render_status(&status),
            // From the upper left corner, on an empty screen.
            (false, true) if clear => format!("\x1b[H\x1b[2J{}", render_status(&status)),
            (false, true) => format!("{}\n", render_status(&status)),
        };
        if say(&text)? == Reader::Gone {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `director events`.
pub(super) fn events(
    whom: Whom,
    after: Option<u64>,
    follow: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    let request = Request::Events { after, follow };
    for item in client.ask(request)? {
        let item = item?;
        let text = match &item {
            Item::Event(told) if json => to_json(serde_json::to_string(told))?,
            Item::Skipped { .. } if json => to_json(serde_json::to_string(&item))?,
            Item::Event(told) => event(told),
            Item::Skipped { first, last } => skipped(*first, *last),
            Item::Status(_)
            | Item::Reload(_)
            | Item::Ordered(_)
            | Item::HandedOver(_)
            | Item::Sent(_)
            | Item::NotWritten(_)
            | Item::Standings(_) => {
                continue;
            }
        };
        if say(&text)? == Reader::Gone {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `director reload`.
pub(super) fn reload(whom: Whom, wait: bool) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    let request = Request::Reload { wait };
    for item in client.ask(request)? {
        let Item::Reload(reloaded) = item? else {
            continue;
        };
        let Some(answered) = reloaded.answered else {
            if !wait {
                say("asked\n")?;
            }
            continue;
        };
        let overtaken = if answered == reloaded.reload {
            ""
        } else {
            " (by a later request)"
        };
        if let Some(why) = &reloaded.refused {
            return Err(Failure::failed(format!(
                "reload refused{overtaken}, the running configuration stays: {}",
                printable(why)
            )));
        }
        let steps = count(
            usize::try_from(reloaded.steps).unwrap_or(usize::MAX),
            "step",
        );
        say(&format!("reloaded{overtaken}: {steps}\n"))?;
        if let Some(warning) = &reloaded.warning {
            complain(&format!("warning: {}", printable(warning)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `director failover`.
pub(super) fn failover(whom: Whom, router: Option<String>) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    for item in client.ask(Request::Failover { router })? {
        match item? {
            Item::HandedOver(names) => {
                say(&format!("handed over: {}\n", printable(&names.join(", "))))?;
            }
            Item::Sent(sent) => drop(say(&printable(&format!("{sent}\n")))?),
            Item::Status(_)
            | Item::Event(_)
            | Item::Skipped { .. }
            | Item::Reload(_)
            | Item::Ordered(_)
            | Item::NotWritten(_)
            | Item::Standings(_) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `director sync`.
pub(super) fn sync(whom: Whom) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    for item in client.ask(Request::Sync)? {
        if let Item::Sent(sent) = item? {
            say(&printable(&format!("{sent}\n")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn to_json(text: serde_json::Result<String>) -> Result<String, Failure> {
    let mut text = text.map_err(Failure::failed)?;
    text.push('\n');
    Ok(text)
}
