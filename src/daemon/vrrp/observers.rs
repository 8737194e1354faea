// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is tracked on this host and takes time to find out: a thread for each object looks again and again. One that
//! hangs, on a disk, keeps nobody else waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tracing::warn;

use super::VrrpOrders;
use super::scripts::ScriptThread;
use crate::codec::shown_bytes;
use crate::daemon::clock::Clock;
use crate::kernel::Route;
use crate::model::{RouteEntry, RouteKind, TrackedObject};
use crate::system::{FileCause, read_limited, runs};
use crate::vrrp::Reading;

/// How often a file, the routes or the processes are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// After a look that took long, the thread rests so many times as long.
const SHARE: u32 = 20;
/// `RT_TABLE_MAIN`
const MAIN_TABLE: u32 = 254;
/// The largest file, in bytes.
const MOST_BYTES: u64 = 4096;
/// The longest text of a file that is shown, in characters.
const LONGEST_SHOWN: usize = 40;

/// The threads, each until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Observers(BTreeMap<TrackedObject, Observer>);

#[derive(Debug)]
enum Observer {
    /// It ends when its end of the channel is gone. Nobody waits for it: it may hang on a disk.
    Looks {
        _end: Sender<()>,
    },
    Runs {
        _script: ScriptThread,
    },
}

impl Observers {
    /// Looks at these from now on, and at no others.
    pub(super) fn observe(&mut self, wanted: &BTreeSet<TrackedObject>, orders: &VrrpOrders) {
        self.0.retain(|object, _| wanted.contains(object));
        for object in wanted {
            if self.0.contains_key(object) {
                continue;
            }
            match start(object, orders) {
                Ok(observer) => drop(self.0.insert(object.clone(), observer)),
                Err(error) => warn!("start a thread that looks at {object}: {error}"),
            }
        }
    }
}

fn start(object: &TrackedObject, orders: &VrrpOrders) -> io::Result<Observer> {
    let (object, orders) = (object.clone(), orders.clone());
    Ok(match object {
        TrackedObject::Script(script) => Observer::Runs {
            _script: ScriptThread::start(script, orders)?,
        },
        TrackedObject::Interface(_)
        | TrackedObject::Route { .. }
        | TrackedObject::File(_)
        | TrackedObject::Process(_)
        | TrackedObject::Service(_) => Observer::Looks {
            _end: start_to_look(object, orders)?,
        },
    })
}

/// The thread that looks at one object.
fn start_to_look(object: TrackedObject, orders: VrrpOrders) -> io::Result<Sender<()>> {
    let (ends, end) = channel();
    let look_again = move || {
        let clock = Clock::start();
        let mut last = None;
        let mut complaint = None;
        loop {
            let began = clock.now();
            match look(&object) {
                Ok(reading) => {
                    complaint = None;
                    if last.replace(reading) != Some(reading) {
                        orders.read(object.clone(), reading);
                    }
                }
                // This host's trouble: what was known last still counts.
                Err(why) => {
                    if complaint.as_ref() != Some(&why) {
                        warn!("{object} is tracked, and cannot be looked at: {why}");
                        complaint = Some(why);
                    }
                }
            }
            // The routes of a whole internet take their time.
            let rest = EVERY.max(clock.now().since(began) * SHARE);
            match end.recv_timeout(rest) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    };
    let thread = thread::Builder::new().name("track".to_owned());
    thread.spawn(look_again).map(|_| ends)
}

/// How an object is now.
fn look(object: &TrackedObject) -> Result<Reading, String> {
    match object {
        TrackedObject::Route {
            destination,
            prefix,
        } => has_route(*destination, *prefix).map(Reading::of),
        TrackedObject::File(path) => number_in(Path::new(&**path)).map(Reading::Number),
        TrackedObject::Process(name) => runs(name).map(Reading::of).map_err(|it| it.to_string()),
        TrackedObject::Interface(_) | TrackedObject::Script(_) | TrackedObject::Service(_) => {
            Err("nobody looks at it".to_owned())
        }
    }
}

/// Whether the main table has a route to exactly this network.
fn has_route(destination: IpAddr, prefix: u8) -> Result<bool, String> {
    let routes = Route::open().and_then(|mut it| it.routes());
    let is_it = |it: &RouteEntry| {
        let main = it.table == MAIN_TABLE && it.kind == RouteKind::Unicast;
        main && (it.destination, it.prefix) == (destination, prefix)
    };
    routes
        .map(|it| it.iter().any(is_it))
        .map_err(|it| it.to_string())
}

/// The number in a file; 0 when there is no file.
fn number_in(path: &Path) -> Result<i32, String> {
    let bytes = match read_limited(path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.cause == FileCause::Missing => return Ok(0),
        Err(error) => return Err(error.to_string()),
    };
    let text = bytes.trim_ascii();
    let number = str::from_utf8(text).ok().and_then(|it| it.parse().ok());
    number.ok_or_else(|| {
        let shown = shown_bytes(text, LONGEST_SHOWN);
        format!("{} must have a number, got {shown}", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_number_and_no_file_is_zero() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weight");
        assert_eq!(number_in(&path), Ok(0));
        for (content, number) in [("7", 7), (" -20\n", -20), ("+3\n", 3)] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(number_in(&path), Ok(number), "{content:?}");
        }
        for content in ["", "seven", "1 2", "99999999999", "\u{1b}[2J", "1.5"] {
            std::fs::write(&path, content).unwrap();
            let why = number_in(&path).unwrap_err();
            assert!(
                why.contains("must have a number") && !why.contains('\u{1b}'),
                "{why}"
            );
        }
        std::fs::write(&path, "1".repeat(5000)).unwrap();
        assert!(number_in(&path).unwrap_err().contains("larger than"));
    }
}
