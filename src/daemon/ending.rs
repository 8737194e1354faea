// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the director ends: for good, or for the next one, which goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::bulk::{Bulk, Reason};
use super::door::Door;
use super::loader::Loader;
use super::state::leave_mastership;
use super::vrrp::VrrpThread;
use crate::model::Config;

/// Before the director ends for the next one, it looks for so long whether that one could start.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// The signals that we handle. One that comes during the start is handled afterwards.
pub(super) struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    next: Signal,
}

/// How the director ends.
pub(super) enum Ending {
    /// For good.
    Stop,
    /// Other hosts become master, and the kernel goes on forwarding: the next director could not start.
    HandOver,
    /// Another director goes on here, with this configuration.
    ForNext(Arc<Config>),
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            next: signal(SignalKind::user_defined2())?,
        })
    }
}

/// Returns when a signal ends the director.
async fn heed(signals: &mut Signals, loader: &Arc<Loader>, door: &Door) -> Ending {
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => {
                loader.ask();
            }
            _ = signals.interrupt.recv() => return Ending::Stop,
            _ = signals.terminate.recv() => return Ending::Stop,
            _ = signals.next.recv() => {
                door.socket().take_away();
                return tokio::select! {
                    ending = ending_for_next(loader) => ending,
                    // No next one comes after all.
                    _ = signals.terminate.recv() => Ending::Stop,
                };
            }
        }
    }
}

/// The same. When other hosts become master, they are told before of the connections that only this one knows. Probes go on
/// meanwhile, and a second signal ends it at once.
pub(super) async fn heed_and_tell(
    mut signals: Signals,
    loader: &Arc<Loader>,
    door: &Door,
    bulk: &Bulk,
) -> Ending {
    let ending = heed(&mut signals, loader, door).await;
    match ending {
        Ending::ForNext(_) => {}
        Ending::Stop | Ending::HandOver => tokio::select! {
            _ = bulk.send_before(Reason::Stop) => (),
            _ = signals.interrupt.recv() => (),
            _ = signals.terminate.recv() => (),
        },
    }
    ending
}

/// Nobody leaves the addresses to a director that cannot start.
async fn ending_for_next(loader: &Arc<Loader>) -> Ending {
    let refused = match timeout(LONGEST_LOOK, loader.check()).await {
        Ok(Ok(Ok(config))) => return Ending::ForNext(config),
        Ok(Ok(Err(why))) => why,
        Ok(Err(_)) => "the file could not be looked at".into(),
        Err(_) => format!("the file was not read in {} s", LONGEST_LOOK.as_secs()).into(),
    };
    error!(
        "the next director could not start, so this one hands its virtual addresses over: {refused}"
    );
    Ending::HandOver
}

/// Leaves the virtual addresses here for the next director, or has the peers take over where it could not know of them.
pub(super) fn leave(virtual_routers: VrrpThread, next: &Config) {
    let masterships = virtual_routers.suspend(next);
    let names: Vec<String> = masterships.iter().map(|it| it.name.to_string()).collect();
    let names = names.join(", ");
    if names.is_empty() {
        return virtual_routers.end();
    }
    match leave_mastership(&next.director.state_file, masterships) {
        Ok(()) => {
            info!("master of {names}: left to the next director");
            virtual_routers.leave();
        }
        Err(why) => {
            warn!("master of {names}: handed over, because the next director cannot know: {why}");
            virtual_routers.end();
        }
    }
}
