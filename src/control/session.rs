// SPDX-License-Identifier: MIT OR Apache-2.0
//! One client of the control socket, from its hello to its end.

use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::hello::Hello;
use super::lines::{Heard, Lines};
use super::peer::{Access, Peer};
use super::reply::ReplyLine;
use super::request::{ClientLine, Misunderstood, Request};
use super::server::{Admission, Admit, Asked, Limits};
use super::writer::{Replies, Unanswered, Writer};

/// One client.
pub(super) struct Session<A> {
    lines: Lines<OwnedReadHalf>,
    writer: Rc<Writer>,
    peer: Peer,
    access: Rc<Admit>,
    limits: Limits,
    answer: Rc<A>,
    /// The requests that are being answered. They end with the session.
    answering: JoinSet<()>,
    numbers: BTreeMap<Id, u64>,
}

impl<A, F> Session<A>
where
    A: Fn(Asked, Replies) -> F + 'static,
    F: Future<Output = Result<(), Unanswered>> + 'static,
{
    pub(super) fn new(
        client: UnixStream,
        peer: Peer,
        access: Rc<Admit>,
        limits: Limits,
        answer: Rc<A>,
    ) -> Self {
        let (read, write) = client.into_split();
        Self {
            lines: Lines::new(read, limits.line, limits.patience),
            writer: Rc::new(Writer::new(write, limits.patience)),
            peer,
            access,
            limits,
            answer,
            answering: JoinSet::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// Returns when the client has gone, or the server gives it up.
    pub(super) async fn run(mut self) {
        let writer = Rc::clone(&self.writer);
        tokio::select! {
            () = writer.failed() => {}
            told = self.converse() => {
                if let Err(Unanswered::Refused(why)) = told {
                    // The client may have gone already.
                    let _ = writer.send(&ReplyLine::Error(None, why)).await;
                }
            }
        }
    }

    /// A refusal ends the connection: the client gets the reason first.
    async fn converse(&mut self) -> Result<(), Unanswered> {
        self.greet().await?;
        let mut alive = interval(self.limits.alive);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut idle_since = Instant::now();
        loop {
            let waiting = !self.answering.is_empty();
            if !waiting {
                alive.reset();
            }
            tokio::select! {
                heard = self.lines.next() => match heard {
                    Heard::Line(line) => self.take(&line).await?,
                    Heard::End => return self.finish().await,
                    Heard::TooLong => return Err(self.too_long()),
                    Heard::Stalled => return Err(stalled()),
                },
                Some(ended) = self.answering.join_next_with_id(), if waiting => {
                    self.ended(ended).await?;
                }
                _ = alive.tick(), if waiting => self.writer.send_alive().await,
                () = sleep_until(idle_since + self.limits.idle), if !waiting => {
                    let seconds = self.limits.idle.as_secs();
                    return Err(refused(format!("no request came for {seconds} s")));
                }
            }
            idle_since = Instant::now();
        }
    }

    /// The first line of each side.
    async fn greet(&mut self) -> Result<(), Unanswered> {
        let Ok(heard) = timeout(self.limits.patience, self.lines.next()).await else {
            return Err(stalled());
        };
        let line = match heard {
            Heard::Line(line) => line,
            Heard::End => return Err(Unanswered::Gone),
            Heard::TooLong => return Err(self.too_long()),
            Heard::Stalled => return Err(stalled()),
        };
        let ours = Hello::ours();
        let theirs = match ClientLine::read(&line) {
            Ok(ClientLine::Hello { hello }) => hello,
            Err(Misunderstood::Old) => Hello::of_protocol_1(),
            Ok(ClientLine::Request { .. }) | Err(_) => {
                return Err(refused("the first line must be a hello".to_owned()));
            }
        };
        let common = Hello::common(&theirs, &ours);
        if theirs.protocol > 1 {
            self.writer.send(&ReplyLine::Hello(ours)).await?;
        }
        common.map(drop).map_err(|error| refused(error.to_string()))
    }

    /// One line after the hello.
    async fn take(&mut self, line: &[u8]) -> Result<(), Unanswered> {
        let (id, why) = match ClientLine::read(line) {
            Ok(ClientLine::Request { id, request }) => match self.reason_against(id, &request) {
                None => {
                    self.begin(id, request);
                    return Ok(());
                }
                Some(why) => (Some(id), why),
            },
            Ok(ClientLine::Hello { .. }) => return Ok(()),
            Err(error) => (error.id(), error.to_string()),
        };
        self.writer.send(&ReplyLine::Error(id, why)).await
    }

    fn reason_against(&self, id: u64, request: &Request) -> Option<String> {
        // A reload may have changed who may ask what.
        let Admission { access, rules } = (self.access)(&self.peer);
        if !access.permits(request) {
            let uid = self.peer.uid;
            return Some(match access {
                Access::Nothing => rules.against(uid),
                Access::Everything | Access::Reading => rules.against_change(uid),
            });
        }
        if self.numbers.values().any(|other| *other == id) {
            return Some(format!("request {id} is still being answered"));
        }
        (self.answering.len() >= self.limits.requests).then(|| {
            let most = self.limits.requests;
            format!("{most} requests of this client are being answered; wait for one of them")
        })
    }

    fn begin(&mut self, id: u64, request: Request) {
        let asked = Asked {
            peer: self.peer.clone(),
            request,
        };
        let writer = Rc::clone(&self.writer);
        let answer = (self.answer)(asked, Replies::new(id, Rc::clone(&writer)));
        let task = self.answering.spawn_local(async move {
            let last = match answer.await {
                Ok(()) => ReplyLine::End(id),
                Err(Unanswered::Refused(why)) => ReplyLine::Error(Some(id), why),
                Err(Unanswered::Gone) => return,
            };
            // The session ends by itself when this fails.
            let _ = writer.send(&last).await;
        });
        self.numbers.insert(task.id(), id);
    }

    async fn ended(&mut self, ended: Result<(Id, ()), JoinError>) -> Result<(), Unanswered> {
        let (task, defect) = match ended {
            Ok((task, ())) => (task, false),
            Err(error) => (error.id(), true),
        };
        let id = self.numbers.remove(&task);
        if !defect {
            return Ok(());
        }
        let why = "the request ended by a defect; this is a bug".to_owned();
        self.writer.send(&ReplyLine::Error(id, why)).await
    }

    /// The client has sent its last request. Open answers have a little time left; streams end.
    async fn finish(&mut self) -> Result<(), Unanswered> {
        let rest = async { while self.answering.join_next().await.is_some() {} };
        // The session gives up what is not done by then.
        let _ = timeout(self.limits.patience, rest).await;
        Ok(())
    }

    fn too_long(&self) -> Unanswered {
        let longest = self.limits.line;
        refused(format!("a line has at most {longest} bytes"))
    }
}

const fn refused(why: String) -> Unanswered {
    Unanswered::Refused(why)
}

fn stalled() -> Unanswered {
    refused("the line did not end in time".to_owned())
}
