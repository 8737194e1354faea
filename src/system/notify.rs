// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a service tells systemd: the protocol of `sd_notify(3)`.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The socket of the service manager.
#[derive(Debug)]
pub struct Notifier(UnixDatagram);

impl Notifier {
    /// The one that `NOTIFY_SOCKET` names; `None` when nobody wants to hear. An error says why it cannot be used.
    #[must_use]
    pub fn of_environment() -> Option<io::Result<Self>> {
        let name = std::env::var_os("NOTIFY_SOCKET").filter(|it| !it.is_empty())?;
        Some(Self::connect(&name))
    }

    fn connect(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address)?;
        Ok(Self(socket))
    }

    /// Says these assignments, one a line: `READY=1`. It never waits, and what does not arrive is said again or of no use.
    pub fn say(&self, state: &str) {
        let _ = self.0.send(state.as_bytes());
    }
}

/// How often the service manager wants to hear that this process lives; `None` when it does not.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let period = number("WATCHDOG_USEC").filter(|it| meant && *it > 0)?;
    Some(Duration::from_micros(period))
}

/// The moment that goes with `RELOADING=1`: `MONOTONIC_USEC=...`.
#[must_use]
pub fn monotonic_moment() -> String {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    format!("MONOTONIC_USEC={}", now.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_arrives_at_a_path_and_at_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let abstract_name = format!("lvs-director-test-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        for (heard, name) in [
            (
                UnixDatagram::bind(&path).unwrap(),
                path.as_os_str().to_owned(),
            ),
            (
                UnixDatagram::bind_addr(&abstract_address).unwrap(),
                format!("@{abstract_name}").into(),
            ),
        ] {
            Notifier::connect(&name)
                .unwrap()
                .say("READY=1\nSTATUS=well");
            let mut buffer = [0; 64];
            let length = heard.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1\nSTATUS=well");
        }
    }

    #[test]
    fn a_service_manager_that_does_not_listen_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let heard = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::connect(path.as_os_str()).unwrap();
        (0..100_000).for_each(|_| notifier.say("WATCHDOG=1"));
        drop(heard);
        notifier.say("WATCHDOG=1");
        assert!(Notifier::connect(path.as_os_str()).is_err());
    }
}
