// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread of the status page: it opens what the configuration in force says, and closes what it says no more.
//!
//! It has a runtime of its own: whatever browsers do there, no probe waits for them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::timeout;
use tracing::{info, warn};

use super::desk::Desk;
use super::published::Published;
use super::status::told;
use super::traffic;
use crate::control::{Carried, Status, Told};
use crate::model::{Figures, OrderFor, WebListener};
use crate::system::step_back;
use crate::web::{self, Board, Certificate, Limits, Site, Source, Waiting};

/// So many clients may wait to be accepted.
const BACKLOG: u32 = 256;
/// The wait before a listener that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(5);

impl Source for Arc<Desk> {
    fn status(&self) -> Option<Status> {
        self.status_now(&[])
    }

    fn figures(&self) -> Figures {
        let snapshot = self.published.latest();
        snapshot.map_or_else(Figures::default, |it| it.figures.clone())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.published.changes()
    }

    fn events(&self, after: u64) -> Vec<Told> {
        let Some(snapshot) = self.published.latest() else {
            return Vec::new();
        };
        let now = self.clock.now();
        let events = snapshot.history.after(after);
        let events = events.filter_map(|(number, transition)| told(number, transition, now).ok());
        events.collect()
    }

    fn order(&self, wanted: OrderFor, by: String) -> Waiting<Result<Carried, String>> {
        let desk = Self::clone(self);
        Box::pin(async move {
            let carried = Desk::order(&desk, wanted, &by).await;
            carried.map_err(|why| why.to_string())
        })
    }
}

/// Starts the thread. It ends with the process.
pub(super) fn start(desk: &Arc<Desk>) -> io::Result<()> {
    let (published, source) = (Arc::clone(&desk.published), Arc::clone(desk));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let run = move || {
        // Checks and advertisements come first.
        step_back();
        let board = Arc::new(Board::new(Arc::new(source)));
        let traffic = Arc::clone(board.traffic());
        LocalSet::new().block_on(&runtime, async {
            tokio::select! {
                () = Listeners::new(board).follow(&published) => {}
                () = traffic::follow(&traffic, &published) => {}
            }
        });
    };
    thread::Builder::new().name("web".to_owned()).spawn(run)?;
    Ok(())
}

/// The listeners that are open.
struct Listeners {
    board: Arc<Board>,
    open: BTreeMap<SocketAddr, Open>,
    /// Keeps the last hour for the curves of the pages, as long as there is a page.
    memory: Option<Task>,
    /// What could not be opened, and was told.
    told: BTreeMap<SocketAddr, String>,
}

/// One that is open.
struct Open {
    listener: WebListener,
    _task: Task,
}

/// It ends when this is dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listeners {
    const fn new(board: Arc<Board>) -> Self {
        Self {
            board,
            open: BTreeMap::new(),
            memory: None,
            told: BTreeMap::new(),
        }
    }

    /// Follows the configuration in force, for ever.
    async fn follow(mut self, published: &Published) {
        let mut changes = published.changes();
        loop {
            changes.borrow_and_update();
            let config = published.latest().map(|it| Arc::clone(&it.config));
            let wanted = config.as_ref().map_or(&[][..], |it| &it.web);
            let all = self.reach(wanted);
            let next = changes.changed();
            let ended = if all {
                next.await.is_err()
            } else {
                matches!(timeout(AGAIN, next).await, Ok(Err(_)))
            };
            if ended {
                return;
            }
        }
    }

    /// Opens and closes until these are there, and returns whether all of them are.
    fn reach(&mut self, wanted: &[WebListener]) -> bool {
        // What is closed first gives its address free.
        self.open.retain(|_, open| wanted.contains(&open.listener));
        self.told
            .retain(|at, _| wanted.iter().any(|it| it.listen == *at));
        for listener in wanted {
            if self.open.contains_key(&listener.listen) {
                continue;
            }
            match self.open_one(listener) {
                Ok(open) => {
                    info!("status page at {}", shown(listener));
                    self.told.remove(&listener.listen);
                    self.open.insert(listener.listen, open);
                }
                Err(why) => self.tell(listener, why),
            }
        }
        if self.open.is_empty() {
            self.memory = None;
        } else {
            let board = Arc::clone(&self.board);
            let remember = || Task(spawn_local(async move { board.remember().await }));
            self.memory.get_or_insert_with(remember);
        }
        self.open.len() == wanted.len()
    }

    fn open_one(&self, listener: &WebListener) -> Result<Open, String> {
        let tls = listener.tls.as_ref().map(Certificate::read).transpose();
        let tls = tls.map_err(|error| error.to_string())?;
        let socket = listen(listener.listen).map_err(|error| format!("listen: {error}"))?;
        let site = Site::new(listener.clone(), Arc::clone(&self.board));
        Ok(Open {
            listener: listener.clone(),
            _task: Task(spawn_local(web::run(socket, tls, site, Limits::default()))),
        })
    }

    /// Once for each reason.
    fn tell(&mut self, listener: &WebListener, why: String) {
        if self.told.get(&listener.listen) != Some(&why) {
            let seconds = AGAIN.as_secs();
            warn!(
                "status page at {}: {why}; tried again every {seconds} s, all else goes on",
                shown(listener)
            );
            self.told.insert(listener.listen, why);
        }
    }
}

/// Listens there, also when the address is not at this host yet: a virtual address comes and goes.
fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = match at {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    // Without it the address must be here, and listening is tried again until it is.
    let _ = setsockopt(&socket.as_fd(), sockopt::IpFreebind, &true);
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// As a browser has it.
fn shown(listener: &WebListener) -> String {
    let scheme = if listener.tls.is_some() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{}{}", listener.listen, listener.path)
}
