// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections that are held, and the server that each has.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::limits::allow_many_descriptors;
use crate::question::{Conversation, connect};

/// What is said on them.
const WORDS: &str = "hello";

/// Open connections. Each has been answered once.
#[derive(Debug)]
pub struct Held {
    all: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    conversation: Conversation,
    /// How its server answers: with its name, and what was said.
    answer: String,
    /// Whether the last words could be sent.
    said: bool,
}

impl Held {
    /// Opens so many, one after the other, in the calling thread's network namespace. `patience` is for each.
    pub fn open(count: usize, to: SocketAddr, patience: Duration) -> io::Result<Self> {
        allow_many_descriptors().map_err(io::Error::other)?;
        let open = |_| {
            let mut conversation = Conversation::new(connect(None, to, patience)?)?;
            let answer = conversation.ask(WORDS, Instant::now() + patience)?;
            Ok(Connection {
                conversation,
                answer,
                said: true,
            })
        };
        let all = (0..count).map(open).collect::<io::Result<_>>()?;
        Ok(Self { all })
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The servers that have some.
    #[must_use]
    pub fn servers(&self) -> BTreeSet<&str> {
        let names = self.all.iter().map(|it| server(&it.answer));
        names.collect()
    }

    /// Closes those that this server has.
    pub fn close_those_of(&mut self, name: &str) {
        self.all.retain(|it| server(&it.answer) != name);
    }

    /// Says something on each, and waits for no answer.
    pub fn say(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for it in &mut self.all {
            it.said = it.conversation.say(WORDS, deadline).is_ok();
        }
    }

    /// How many have no answer to what was said, or another one than the first. `patience` is for each.
    pub fn broken(&mut self, patience: Duration) -> usize {
        let broken = self.all.iter_mut().filter_map(|it| {
            let answer = it.conversation.hear(Instant::now() + patience).ok();
            (!it.said || answer.as_ref() != Some(&it.answer)).then_some(())
        });
        broken.count()
    }

    /// The same of words that are said now. All are asked before the first answer is read: a director that has taken over
    /// adopts those that speak soon.
    pub fn broken_when_asked(&mut self, patience: Duration) -> usize {
        self.say(patience);
        self.broken(patience)
    }
}

/// The name in an answer.
fn server(answer: &str) -> &str {
    answer.split(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Held;
    use crate::service::tcp_name_server;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn connections_are_broken_when_their_server_is_gone() {
        let server = tcp_name_server("127.0.0.1:0".parse().unwrap(), "rs1").unwrap();
        let mut held = Held::open(10, server.address(), SECOND).unwrap();
        assert_eq!((held.count(), held.servers()), (10, ["rs1"].into()));
        assert_eq!(held.broken_when_asked(SECOND), 0);
        drop(server);
        assert_eq!(held.broken_when_asked(SECOND), 10);
        held.close_those_of("rs1");
        assert_eq!(held.count(), 0);
    }
}
