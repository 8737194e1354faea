// SPDX-License-Identifier: MIT OR Apache-2.0
//! One virtual router on this host: who is master, and when that changes.
//!
//! ```text
//!                start                the master is silent, or leaves
//!   Initialize --------> Backup ------------------------------------------> Master
//!       ^                |    ^                                               |  |
//!       |                |    |  hears a better master, was stalled,          |  |
//!       |  stop          |    |  or hands over                                |  |
//!       +--- from any    |    +-----------------------------------------------+  |
//!                        |    ^                                                  |
//!      link down, or     |    |  link up, and nothing bad                        |
//!      something bad     +--> Fault <--------------------------------------------+
//! ```
//!
//! RFC 9568 says Active where RFC 3768, RFC 5798 and this director say Master. Fault is the RFC's Initialize for a
//! router that would take part if it could.
//!
//! What the RFCs leave open, or what we do beside them:
//!
//! - **Start-up hold.** After a start, and after the link has come up, nobody becomes master until a time has passed or
//!   a packet from anybody has come in: a bridge port may have carrier long before it passes traffic, and a router that
//!   hears nothing must not believe that nobody is there. From that packet on it listens for a whole master down
//!   interval. An owner of the addresses does not wait.
//! - **Preemption.** `never` is the default. Yet a master that says that it is worse than it was is left, if it has
//!   lost more than this router: so a lost quorum on the master moves the addresses, and the same loss on both hosts
//!   moves nothing.
//! - **Hand-over.** Who has handed over does not take back from a master that is as good as it was.
//! - **Stalls.** A master that was late for so long that any peer has taken over steps down before it speaks. A backup
//!   that was late listens once more before it takes over: the advertisements may still be in the socket.
//! - **Resumption.** A process that ends for the next one says once more that it lives, and leaves the addresses. The next
//!   one is master at once, without a hold, unless it comes so late that a peer may have taken over.
//! - **Who leaves.** Priority 0 counts only from the master that a backup follows. A late copy from the one before
//!   would take the addresses from the new one.
//! - **Answers.** A lower priority and priority 0 are answered at once, 200 times a second at most.
//!
//! Nothing here does I/O. [`Instance`] is one virtual router, [`Group`] those that move together, [`Tracker`] makes a
//! priority of what is tracked. The shell hands in everything that was received before it hands in a deadline.

#![warn(clippy::wildcard_enum_match_arm)]

mod authentication;
mod counts;
mod event;
mod group;
mod heard;
mod instance;
mod timers;
mod track;

pub use authentication::{Authenticator, Credentials};
pub use counts::Counts;
pub use event::{Action, AnnounceReason, Event, GroupOrder, Reason, State};
pub use group::{Group, Members};
pub use heard::{Heard, NotForUs, Notice, accept};
pub use instance::Instance;
pub use timers::{master_down_interval, shortest_wait, skew_time};
pub use track::{Effective, Reading, Tracker};
