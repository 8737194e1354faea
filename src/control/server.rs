// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director's side of the control socket: who may come in, and how many.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use super::peer::{Access, Peer, Rules};
use super::reply::ReplyLine;
use super::request::Request;
use super::session::Session;
use super::socket::ControlSocket;
use super::writer::{Replies, Unanswered};
use crate::system::peer_groups;

/// One request, and the user who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The user.
    pub peer: Peer,
    /// What.
    pub request: Request,
}

/// Limits for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Clients at a time.
    pub clients: usize,
    /// Requests of one client that are being answered at a time.
    pub requests: usize,
    /// Bytes of a line.
    pub line: usize,
    /// The time in which a client must complete a line that it has begun, and read a line that it gets.
    pub patience: Duration,
    /// The time after which the server closes the connection of a client without a request.
    pub idle: Duration,
    /// While a request waits for news, the server tells the client this often that the director lives.
    pub alive: Duration,
}

impl Limits {
    /// The limits of a director.
    pub const DIRECTOR: Self = Self {
        clients: 64,
        requests: 16,
        line: 64 * 1024,
        patience: Duration::from_secs(5),
        idle: Duration::from_secs(60),
        alive: Duration::from_secs(2),
    };
}

/// Answers every client, each on its own, for ever. `answer` gets a request and the place for its answer.
///
/// `rules` says, at each request, who may ask what. It has to run inside a [`tokio::task::LocalSet`].
pub async fn serve<A, F>(
    socket: &ControlSocket,
    rules: impl Fn() -> Arc<Rules> + 'static,
    answer: Rc<A>,
) where
    A: Fn(Asked, Replies) -> F + 'static,
    F: Future<Output = Result<(), Unanswered>> + 'static,
{
    let access = move |peer: &Peer| {
        let rules = rules();
        let access = rules.access(peer);
        Admission { access, rules }
    };
    serve_within(Limits::DIRECTOR, access, socket, answer).await;
}

/// Who says what a client may ask.
pub(super) type Admit = dyn Fn(&Peer) -> Admission;

/// What one client may ask, and by which rules.
#[derive(Debug, Clone)]
pub struct Admission {
    /// What it may ask.
    pub access: Access,
    /// The rules, for the reason why it may not ask more.
    pub rules: Arc<Rules>,
}

/// [`serve`] with other limits, and other rules for who may ask what.
pub async fn serve_within<A, F>(
    limits: Limits,
    access: impl Fn(&Peer) -> Admission + 'static,
    socket: &ControlSocket,
    answer: Rc<A>,
) where
    A: Fn(Asked, Replies) -> F + 'static,
    F: Future<Output = Result<(), Unanswered>> + 'static,
{
    let access: Rc<Admit> = Rc::new(access);
    let listener = socket
        .listener()
        .try_clone()
        .and_then(UnixListener::from_std);
    let Ok(listener) = listener else {
        tracing::error!("the control socket does not listen; restart the director");
        return std::future::pending().await;
    };
    let clients = Rc::new(Cell::new(0));
    let reserve = Rc::new(Reserve::default());
    loop {
        reserve.take_back();
        let accepted = match listener.accept().await {
            // Out of descriptors: one client gets the one in reserve.
            Err(_) if reserve.lend() => listener.accept().await,
            accepted => accepted,
        };
        let Ok((client, _)) = accepted else {
            // Wait until some are free instead of asking again at once.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        match admit(&client, &*access, clients.get() < limits.clients, limits) {
            Ok(peer) => {
                let (access, answer) = (Rc::clone(&access), Rc::clone(&answer));
                let session = Session::new(client, peer, access, limits, answer);
                let (place, reserve) = (Place::take(&clients), Rc::clone(&reserve));
                tokio::task::spawn_local(async move {
                    session.run().await;
                    // Before a probe takes the descriptor that has just become free.
                    reserve.take_back();
                    drop(place);
                });
            }
            Err(why) => turn_away(&client, why),
        }
    }
}

fn admit(client: &UnixStream, access: &Admit, room: bool, limits: Limits) -> Result<Peer, String> {
    if !room {
        let clients = limits.clients;
        return Err(format!(
            "busy: {clients} clients are connected; try again later"
        ));
    }
    let credentials = client
        .peer_cred()
        .map_err(|error| format!("who asks is not known: {error}"))?;
    let peer = Peer {
        pid: credentials.pid(),
        uid: credentials.uid(),
        gid: credentials.gid(),
        // Whoever is in no known group is at least who it is.
        groups: peer_groups(client).unwrap_or_default(),
    };
    let Admission { access, rules } = access(&peer);
    match access {
        Access::Nothing => Err(rules.against(peer.uid)),
        Access::Everything | Access::Reading => Ok(peer),
    }
}

/// A new connection has room for a line.
fn turn_away(client: &UnixStream, why: String) {
    if let Ok(line) = ReplyLine::Error(None, why).line() {
        // It may have gone already.
        let _ = client.try_write(&line);
    }
}

/// A descriptor that is kept for a client: who asks is answered also when the director has no other one left.
#[derive(Default)]
struct Reserve(RefCell<Option<File>>);

impl Reserve {
    /// Makes room for one descriptor; `false` when it is lent already.
    fn lend(&self) -> bool {
        self.0.borrow_mut().take().is_some()
    }

    /// Has one again, if there is one to be had.
    fn take_back(&self) {
        let mut kept = self.0.borrow_mut();
        if kept.is_none() {
            *kept = File::open("/dev/null").ok();
        }
    }
}

/// One client's place among the others, free again when it is dropped.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(clients: &Rc<Cell<usize>>) -> Self {
        clients.set(clients.get() + 1);
        Self(Rc::clone(clients))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
