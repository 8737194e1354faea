// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ICMP checker: one echo request, and its reply.

mod socket;

use std::net::SocketAddr;
use std::time::Duration;

use self::socket::Pinging;
use super::Answer;
use super::conversation::Time;
use crate::codec::icmp::Echo;
use crate::model::ProbePath;

/// Asks, and waits for the reply until `timeout` has passed.
pub(super) async fn probe(at: SocketAddr, path: Option<&ProbePath>, timeout: Duration) -> Answer {
    let time = Time::from_now(timeout);
    match time.within(ask(at, path)).await {
        Some(Ok(())) => Answer::up(),
        Some(Err(answer)) => answer,
        None => time
            .missed()
            .unwrap_or_else(|| Answer::silent("no answer came in time")),
    }
}

async fn ask(at: SocketAddr, path: Option<&ProbePath>) -> Result<(), Answer> {
    let socket = Pinging::open(at, path)?;
    let mut payload = [0; _];
    fastrand::fill(&mut payload);
    let echo = Echo {
        id: socket.id(),
        sequence: fastrand::u16(..),
        payload,
    };
    socket.send(&echo)?;
    while !socket.receives(&echo).await? {
        // Somebody else may ask the same host, and its replies come here, too.
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProbeOutcome;

    fn run(at: &str, path: Option<&ProbePath>) -> Answer {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let at = SocketAddr::new(at.parse().unwrap(), 0);
        runtime.block_on(probe(at, path, Duration::from_secs(60)))
    }

    /// What a user without rights is told.
    fn may_not(answer: &Answer) -> bool {
        answer.outcome == ProbeOutcome::CouldNotRun && answer.reason.contains("CAP_NET_RAW")
    }

    #[test]
    fn this_host_answers_by_both_families_where_somebody_may_ask() {
        for at in ["127.0.0.1", "::1"] {
            let answer = run(at, None);
            assert!(answer == Answer::up() || may_not(&answer), "{answer:?}");
        }
    }

    #[test]
    fn a_source_that_this_host_does_not_have_says_nothing_of_the_server() {
        let path = ProbePath {
            source: Some("192.0.2.254".parse().unwrap()),
            ..ProbePath::default()
        };
        let answer = run("127.0.0.1", Some(&path));
        assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
    }
}
