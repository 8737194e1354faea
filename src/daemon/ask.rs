// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that ask a running director: status, events, reload.

use std::io::{BufRead as _, IsTerminal, Read as _, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::{DEFAULT_FILE, Failure};
use super::beside::Beside;
use super::forecast::count_at_risk;
use super::oneshot;
use super::pick::Pick;
use super::render::{event, happened, skipped, status as render_status};
use super::say::{complain, printable, say};
use super::since::Since;
use crate::config;
use crate::control::{Client, ClientError, Hello, Item, Request, Status, Told};
use crate::engine::count;
use crate::system::{Reader, read_limited};

/// More than an answer to yes or no has, in bytes.
const LONGEST_ANSWER: u64 = 1024;

/// The director to ask.
#[derive(Debug, Clone)]
pub(super) struct Whom {
    /// Its control socket.
    pub(super) socket: Option<PathBuf>,
    /// A configuration that names its control socket.
    pub(super) file: Option<PathBuf>,
}

impl Whom {
    /// The socket of the command line; otherwise the one in the configuration, if that is readable; otherwise the usual
    /// one.
    pub(super) fn find(self) -> PathBuf {
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
        self.connect_at().map(|(_, client)| client)
    }

    /// The same, and where that is.
    pub(super) fn connect_at(self) -> Result<(PathBuf, Client), Failure> {
        let socket = self.find();
        let client = Client::connect(&socket)?;
        let (theirs, ours) = (&client.director().program, &Hello::ours().program);
        if theirs != ours {
            complain(&format!(
                "director: note: the running director is {}, this program is {ours}",
                printable(theirs)
            ));
        }
        Ok((socket, client))
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
        if let ClientError::NotPermitted { .. } | ClientError::Denied { .. } = error {
            Self::permission(message)
        } else {
            Self::failed(message)
        }
    }
}

/// `director status`.
pub(super) fn status(
    whom: Whom,
    pick: &Pick,
    watch: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    let services = pick.asked();
    let request = Request::Status { services, watch };
    let clear = watch && !json && stdout().is_terminal();
    let mut checked = false;
    for item in client.ask(request)? {
        let Item::Status(mut status) = item? else {
            continue;
        };
        // Later it may have left the configuration: that is news, and no mistake.
        if !checked && let Some(word) = pick.missing(&status) {
            return Err(Failure::failed(format!(
                "{word} is neither a virtual service nor a real server of the running configuration; director status \
                 lists them"
            )));
        }
        checked = true;
        pick.keep_services(&mut status);
        if !watch {
            count_at_risk(&mut status);
        }
        pick.keep_rest(&mut status);
        let text = match (json, watch) {
            (true, false) => to_json(serde_json::to_string_pretty(&status))?,
            (true, true) => to_json(serde_json::to_string(&status))?,
            (false, false) => shown(&status, pick),
            // From the upper left corner, on an empty screen.
            (false, true) if clear => format!("\x1b[H\x1b[2J{}", shown(&status, pick)),
            (false, true) => format!("{}\n", shown(&status, pick)),
        };
        if say(&text)? == Reader::Gone {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// For people. Nothing at all would leave them in doubt.
fn shown(status: &Status, pick: &Pick) -> String {
    let mut text = render_status(status);
    if pick.is_only_down() && status.services.is_empty() {
        text.push_str("nothing is down: all of them are up\n");
    }
    text
}

/// Which events are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Only those after the one with this number.
    pub(super) after: Option<u64>,
    /// Only those since this moment.
    pub(super) since: Option<Since>,
    /// Also new ones, as they come.
    pub(super) follow: bool,
}

impl Wanted {
    /// Whether this one is shown. By the wall clock, like the time that it is shown with.
    fn has(&self, told: &Told) -> bool {
        self.since
            .is_none_or(|Since(since)| happened(told.milliseconds_ago) >= since)
    }
}

/// `director events`.
pub(super) fn events(whom: Whom, wanted: &Wanted, json: bool) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    let Wanted { after, follow, .. } = *wanted;
    for item in client.ask(Request::Events { after, follow })? {
        let item = item?;
        let text = match &item {
            Item::Event(told) if !wanted.has(told) => continue,
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
            | Item::LogLevel(_)
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

/// `director reload`. A person sees the steps first, and is asked.
pub(super) fn reload(whom: Whom, wait: bool, yes: bool) -> Result<ExitCode, Failure> {
    let named = whom.file.clone();
    let mut client = whom.connect()?;
    if !yes && stdin().is_terminal() {
        let file = match named {
            Some(file) => file,
            None => configuration_of(&mut client)?,
        };
        if !is_wanted(&mut client, &file)? {
            return Err(Failure::failed("not reloaded: the answer was no"));
        }
    }
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

/// The file that the director would read.
fn configuration_of(client: &mut Client) -> Result<PathBuf, Failure> {
    let (services, watch) = (Vec::new(), false);
    let mut file = PathBuf::from(DEFAULT_FILE);
    for item in client.ask(Request::Status { services, watch })? {
        if let Item::Status(status) = item? {
            file = PathBuf::from(status.configuration);
        }
    }
    Ok(file)
}

/// Prints the steps of a reload, and asks whether they are to be carried out. Whoever may not read the kernel's table sees
/// no steps, and is asked all the same.
fn is_wanted(client: &mut Client, file: &Path) -> Result<bool, Failure> {
    // This director, also when the file names another socket from now on.
    let beside = |_: &Path| Ok(Beside::Director(Box::new(client.standings()?)));
    match oneshot::steps_of(file, beside) {
        Ok(lines) if lines.is_empty() => say("the kernel's table needs no steps\n")?,
        Ok(lines) => say(&printable(&lines))?,
        Err(failure) if failure.code == Failure::permission("").code => {
            complain(&failure.message);
            say("the steps are not known\n")?
        }
        Err(failure) => return Err(failure),
    };
    let file = printable(&file.display().to_string());
    // Without a line's end, beside which the answer is typed.
    say(&format!("reload {file}? [y/N] "))?;
    let mut answer = String::new();
    stdin()
        .lock()
        .take(LONGEST_ANSWER)
        .read_line(&mut answer)
        .map_err(|error| Failure::failed(format!("read the answer: {error}")))?;
    let answer = answer.trim();
    Ok(["y", "yes"]
        .iter()
        .any(|yes| answer.eq_ignore_ascii_case(yes)))
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
            | Item::LogLevel(_)
            | Item::Standings(_) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `director log-level`.
pub(super) fn log_level(
    whom: Whom,
    level: Option<String>,
    module: Option<String>,
) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    for item in client.ask(Request::LogLevel { level, module })? {
        if let Item::LogLevel(now) = item? {
            say(&printable(&format!("{now}\n")))?;
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
