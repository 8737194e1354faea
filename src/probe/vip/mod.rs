// SPDX-License-Identifier: MIT OR Apache-2.0
//! The check of the way that clients' packets take under direct routing and tunneling: a SYN to the virtual address, sent
//! to this server and no other, and its answer. The server's own address says nothing of that way
//! (docs/decisions/0010-vip-check.md).
//!
//! The kernel's TCP cannot ask: IPVS would choose a server, and a host that has the virtual address itself drops the
//! answer. So the SYN is ours, it passes IPVS by, and a RST ends the handshake. IPVS and the server's program never see
//! it.

mod ears;
mod way;

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use self::ears::Ears;
use self::way::{Way, not_opened};
use super::conversation::Time;
use super::tcp::describe;
use super::{Answer, path, tcp};
use crate::codec::handshake::{Handshake, Reply};
use crate::model::{AddressFamily, ProbeOutcome, ProbePath, VipProbe};

/// A SYN is repeated after this time, then after twice as long, and so on: as the kernel does it.
const REPEATED_AFTER: Duration = Duration::from_secs(1);

/// Asks for a connection to the virtual address through the server `target`, within `timeout`. When nobody answers in
/// the first half, it asks the server's own address, too: so the answer can tell what is wrong.
pub(super) async fn probe(
    vip: &VipProbe,
    target: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let time = Time::from_now(timeout);
    let answer = asked(vip, target, path, time, time.at_most(timeout)).await;
    answer.unwrap_or_else(|answer| answer)
}

async fn asked(
    vip: &VipProbe,
    target: SocketAddr,
    path: Option<&ProbePath>,
    time: Time,
    until: Instant,
) -> Result<Answer, Answer> {
    let (way, own) = way(vip, target, path, until).await?;
    let at = SocketAddr::new(vip.address, target.port());
    let mut asking = Asking::begin(way, at, path)?;
    let left = until.saturating_duration_since(Instant::now());
    if let Some(reply) = asking.heard(until - left / 2).await? {
        return Ok(answered(at, reply));
    }
    let mut heard = pin!(asking.heard(until));
    let own = if let Some(own) = own {
        own
    } else {
        tokio::select! {
            biased;
            // It ends before the other.
            own = tcp::probe(target, path, left * 2 / 5) => own,
            reply = &mut heard => {
                let silent = || Answer::silent(format!("SYN to {at} through this server was not answered"));
                let nothing = || time.missed().unwrap_or_else(silent);
                return Ok(reply?.map_or_else(nothing, |reply| answered(at, reply)));
            }
        }
    };
    let unanswered = || {
        let missed = time.missed();
        missed.unwrap_or_else(|| unanswered(vip, at, target, &own))
    };
    Ok(heard
        .await?
        .map_or_else(unanswered, |reply| answered(at, reply)))
}

/// The way to the server, and what its own address said if it had to be asked. The kernel looks for a server's
/// link-layer address only when somebody talks to the server.
async fn way(
    vip: &VipProbe,
    target: SocketAddr,
    path: Option<&ProbePath>,
    until: Instant,
) -> Result<(Way, Option<Answer>), Answer> {
    if let Some(way) = Way::find(vip, target.ip(), path)? {
        return Ok((way, None));
    }
    let left = until.saturating_duration_since(Instant::now());
    let own = tcp::probe(target, path, left / 2).await;
    match Way::find(vip, target.ip(), path)? {
        Some(way) => Ok((way, Some(own))),
        None if lives(&own) => Err(Answer::could_not_run(format!(
            "{target} answers, but the kernel does not know its link-layer address"
        ))),
        None => Err(Answer::new(
            own.outcome,
            format!("its own address {target}: {}", own.reason),
        )),
    }
}

/// Whether the server's own address sent something.
const fn lives(own: &Answer) -> bool {
    match own.outcome {
        ProbeOutcome::Up(_)
        | ProbeOutcome::Down
        | ProbeOutcome::Refused
        | ProbeOutcome::Drain
        | ProbeOutcome::Maintenance
        | ProbeOutcome::Unsupported
        | ProbeOutcome::Told(_)
        | ProbeOutcome::Stalled
        | ProbeOutcome::CutOff => true,
        ProbeOutcome::Quiet
        | ProbeOutcome::Silent
        | ProbeOutcome::Abstained
        | ProbeOutcome::CouldNotRun => false,
    }
}

fn answered(at: SocketAddr, reply: Reply) -> Answer {
    match reply {
        Reply::Accepted => Answer::up(),
        Reply::Refused => Answer::down(format!(
            "connect to {at} through this server refused: does its program listen at {at}?"
        )),
    }
}

/// The virtual address was silent; `own` is what the server's own address said meanwhile.
fn unanswered(vip: &VipProbe, at: SocketAddr, target: SocketAddr, own: &Answer) -> Answer {
    let silent = format!("SYN to {at} through this server was not answered");
    if !lives(own) {
        let reason = format!("{silent}; nor does its own address answer: {}", own.reason);
        return Answer::new(own.outcome, reason);
    }
    let own = if own.reason.is_empty() {
        "answers".to_owned()
    } else {
        format!("says \"{}\"", own.reason)
    };
    let cause = if vip.tunnel.is_some() {
        "on its tunnel device or its lo, and does rp_filter let the tunnel's packets in"
    } else {
        "on its lo"
    };
    Answer::down(format!(
        "{silent}; its own address {target} {own}: is {} {cause}?",
        vip.address
    ))
}

/// A handshake under way. Its end tells the server, whatever came of it.
struct Asking {
    way: Way,
    ears: Rc<Ears>,
    handshake: Handshake,
    reply: oneshot::Receiver<Reply>,
    /// When the SYN is repeated, and how long after that once more.
    again: Instant,
    pause: Duration,
    /// Nobody else on this host has the port meanwhile.
    _port: TcpSocket,
}

impl Asking {
    fn begin(way: Way, at: SocketAddr, path: Option<&ProbePath>) -> Result<Self, Answer> {
        let (port, from) = reserve(way.source, path)?;
        let ears = Ears::of(AddressFamily::of(at.ip()))
            .map_err(|error| not_opened("open a packet socket", &error))?;
        let handshake = Handshake {
            from,
            to: at,
            sequence: ears.sequence(),
            hops: way.hops,
        };
        let reply = ears.expect(handshake);
        let asking = Self {
            way,
            ears,
            handshake,
            reply,
            again: Instant::now() + REPEATED_AFTER,
            pause: REPEATED_AFTER,
            _port: port,
        };
        asking.ask()?;
        Ok(asking)
    }

    fn ask(&self) -> Result<(), Answer> {
        self.way.send(&self.ears, &self.handshake.syn())
    }

    /// What is heard until then; `None` when it is nothing.
    async fn heard(&mut self, until: Instant) -> Result<Option<Reply>, Answer> {
        loop {
            let next = self.again.min(until);
            match timeout_at(next, &mut self.reply).await {
                Ok(Ok(reply)) => return Ok(Some(reply)),
                Ok(Err(_)) => {
                    let reason = "hear the answer: the packet socket failed";
                    return Err(Answer::could_not_run(reason));
                }
                Err(_) if next == until => return Ok(None),
                Err(_) => {
                    self.ask()?;
                    self.pause *= 2;
                    self.again = next + self.pause;
                }
            }
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.ears.forget(&self.handshake);
        // A server that hears nothing forgets the handshake by itself, a minute later.
        let _ = self.way.send(&self.ears, &self.handshake.reset());
    }
}

/// A port of this address that nobody uses: a handshake from it cannot be taken for a connection of this host.
fn reserve(source: IpAddr, path: Option<&ProbePath>) -> Result<(TcpSocket, SocketAddr), Answer> {
    let socket = match source {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    };
    let failed = |error| Answer::could_not_run(describe("reserve a port for a probe", &error));
    let socket = socket.map_err(failed)?;
    if let Some(path) = path {
        // Its source must not be bound without a port.
        let path = ProbePath {
            source: None,
            ..path.clone()
        };
        path::set_out(&socket, &path).map_err(Answer::could_not_run)?;
    }
    socket.bind(SocketAddr::new(source, 0)).map_err(failed)?;
    let from = socket.local_addr().map_err(failed)?;
    Ok((socket, from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tunnel;

    fn said(tunnel: Option<Tunnel>, own: &Answer) -> Answer {
        let address = "192.0.2.10".parse().unwrap();
        let at = SocketAddr::new(address, 80);
        let server = "10.0.0.5:80".parse().unwrap();
        unanswered(&VipProbe { address, tunnel }, at, server, own)
    }

    #[test]
    fn a_server_that_lives_and_is_silent_at_the_virtual_address_is_down_with_the_cause() {
        assert_eq!(
            said(None, &Answer::up()),
            Answer::down(
                "SYN to 192.0.2.10:80 through this server was not answered; its own address 10.0.0.5:80 answers: is \
                 192.0.2.10 on its lo?"
            )
        );
        assert_eq!(
            said(Some(Tunnel::IPIP), &Answer::refused("connect refused")),
            Answer::down(
                "SYN to 192.0.2.10:80 through this server was not answered; its own address 10.0.0.5:80 says \
                 \"connect refused\": is 192.0.2.10 on its tunnel device or its lo, and does rp_filter let the \
                 tunnel's packets in?"
            )
        );
    }

    #[test]
    fn when_nothing_answers_the_own_address_says_whose_failure_it_is() {
        let silent = "SYN to 192.0.2.10:80 through this server was not answered; nor does its own address answer: ";
        for own in [
            Answer::silent("connect timed out"),
            Answer::could_not_run("no sockets"),
        ] {
            let said = said(None, &own);
            assert_eq!(said.outcome, own.outcome);
            assert_eq!(*said.reason, *format!("{silent}{}", own.reason));
        }
    }
}
