// SPDX-License-Identifier: MIT OR Apache-2.0
//! The monitor for programs on tokio.

use std::io::Error;

use nix::errno::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::monitor::Monitor;
use super::netlink::NetlinkError;
use super::route::RouteError;
use crate::model::HostEvent;

/// [`Monitor`] without blocking the caller.
#[derive(Debug)]
pub struct AsyncMonitor(AsyncFd<Monitor>);

impl AsyncMonitor {
    /// Begins to listen, in the calling thread's network namespace, on the calling task's runtime.
    pub fn open() -> Result<Self, RouteError> {
        Self::register(Monitor::open()?)
    }

    /// The same, for changes of links and neighbours only.
    pub fn open_for_links_and_neighbours() -> Result<Self, RouteError> {
        Self::register(Monitor::open_for_links_and_neighbours()?)
    }

    #[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
    fn register(monitor: Monitor) -> Result<Self, RouteError> {
        // SAFETY: the monitor owns one descriptor, gives it in `as_raw_fd` each time, and closes it when it is dropped.
        // It moves into the `AsyncFd`, which never gives it away.
        let registered = unsafe { AsyncFd::register_with_interest(monitor, Interest::READABLE) };
        match registered {
            Ok(registered) => Ok(Self(registered)),
            Err(error) => Err(failed(&error.into())),
        }
    }

    /// The next event, or `None` if there is none yet.
    pub fn next_if_any(&mut self) -> Result<Option<HostEvent>, RouteError> {
        self.0.get_mut().next_if_any()
    }

    /// The next event. A caller that stops waiting loses none.
    pub async fn wait(&mut self) -> Result<HostEvent, RouteError> {
        loop {
            let readable = self.0.readable_mut().await;
            let mut ready = readable.map_err(|error| failed(&error))?;
            match ready.get_inner_mut().next_if_any()? {
                Some(event) => return Ok(event),
                None => ready.clear_ready(),
            }
        }
    }
}

fn failed(error: &Error) -> RouteError {
    let operation = "wait for rtnetlink";
    let errno = error
        .raw_os_error()
        .map_or(Errno::UnknownErrno, Errno::from_raw);
    RouteError::new(
        "listen to rtnetlink",
        NetlinkError::Socket { operation, errno },
    )
}
