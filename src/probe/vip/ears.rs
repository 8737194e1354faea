// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hears the answers to all handshakes that are under way, by one socket for each address family. It is there only as
//! long as a handshake is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, spawn_local, yield_now};

use crate::codec::handshake::{Handshake, Heard, MOST_BYTES, Reply};
use crate::model::AddressFamily;
use crate::net::PacketSocket;

thread_local! {
    /// Those of IPv4, and those of IPv6. All probes run in one thread.
    static OPEN: RefCell<[Weak<Ears>; 2]> = RefCell::default();
}

/// The handshakes that wait for an answer, by both of their ends. There are no more of them than probes under way.
type Waiting = RefCell<HashMap<[SocketAddr; 2], (Handshake, oneshot::Sender<Reply>)>>;

/// What all handshakes of one family share.
pub(super) struct Ears {
    pub(super) socket: Rc<PacketSocket>,
    /// The high half of the sequence numbers that are heard.
    tag: u16,
    waiting: Rc<Waiting>,
    reader: AbortHandle,
}

impl Ears {
    /// Those that are open, or new ones.
    pub(super) fn of(family: AddressFamily) -> io::Result<Rc<Self>> {
        let place = usize::from(family == AddressFamily::Ipv6);
        OPEN.with_borrow_mut(|open| {
            let Some(kept) = open.get_mut(place) else {
                return Self::open(family).map(Rc::new);
            };
            // Those whose socket has failed are deaf.
            if let Some(ears) = kept.upgrade()
                && !ears.reader.is_finished()
            {
                return Ok(ears);
            }
            let ears = Rc::new(Self::open(family)?);
            *kept = Rc::downgrade(&ears);
            Ok(ears)
        })
    }

    fn open(family: AddressFamily) -> io::Result<Self> {
        let tag = fastrand::u16(..);
        let socket = Rc::new(PacketSocket::hear(family, tag)?);
        let waiting = Rc::<Waiting>::default();
        let reader = spawn_local(hear(Rc::clone(&socket), Rc::clone(&waiting))).abort_handle();
        Ok(Self {
            socket,
            tag,
            waiting,
            reader,
        })
    }

    /// A first sequence number, by chance, whose answer is heard.
    pub(super) fn sequence(&self) -> u32 {
        Handshake::sequence(self.tag, fastrand::u16(..))
    }

    /// Waits for the answer to this handshake. The receiver fails when nothing can be heard any more.
    pub(super) fn expect(&self, handshake: Handshake) -> oneshot::Receiver<Reply> {
        let (sender, receiver) = oneshot::channel();
        let ends = [handshake.from, handshake.to];
        let waiting = (handshake, sender);
        self.waiting.borrow_mut().insert(ends, waiting);
        receiver
    }

    /// Nobody waits for the answer to this handshake any more.
    pub(super) fn forget(&self, handshake: &Handshake) {
        let ends = [handshake.from, handshake.to];
        self.waiting.borrow_mut().remove(&ends);
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Hands every answer to the one who waits for it, until the socket fails.
async fn hear(socket: Rc<PacketSocket>, waiting: Rc<Waiting>) {
    let mut packet = [0; MOST_BYTES];
    while let Ok(length) = socket.receive(&mut packet).await {
        if let Some(heard) = packet.get(..length).and_then(Heard::read) {
            hand_over(heard, &waiting);
        }
        // A server that sends without end does not keep the other probes from their turn.
        yield_now().await;
    }
    // All who wait learn that nothing comes any more.
    waiting.borrow_mut().clear();
}

fn hand_over(heard: Heard, waiting: &Waiting) {
    let ends = [heard.to, heard.from];
    let mut waiting = waiting.borrow_mut();
    let is_answer = |(handshake, _): &(Handshake, _)| heard.answers(handshake);
    if waiting.get(&ends).is_some_and(is_answer)
        && let Some((_, sender)) = waiting.remove(&ends)
    {
        // The one who waited may have given up.
        let _ = sender.send(heard.reply);
    }
}
