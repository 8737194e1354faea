// SPDX-License-Identifier: MIT OR Apache-2.0
//! What outlives the director, in three files.
//!
//! | file | content | when it is written | when it is lost |
//! |---|---|---|---|
//! | [`OwnedFile`] | which services of the kernel's table are ours | before a service is made, and after one is removed | services that are no longer configured stay in the kernel |
//! | [`RememberedFile`] | the standings of the servers, and since when | some seconds later, by [`RememberedWriter`]'s thread | servers are checked as if for the first time |
//! | [`Mastership`] | of which virtual routers this host is master | when the director ends for the next one, which removes it | another host becomes master |

mod confirm;
mod error;
mod kept;
mod mastership;
mod owned;
mod remembered;
mod remembered_file;
#[cfg(test)]
mod tests;
mod wall;
mod writer;

pub(in crate::daemon) use confirm::{CONFIRM_INTERVAL, Confirm, Confirming};
pub(in crate::daemon) use error::StateError;
pub(in crate::daemon) use mastership::{Mastership, leave_mastership, take_mastership};
pub(in crate::daemon) use owned::{OwnedFile, read_owned};
pub(in crate::daemon) use remembered::{Noted, Recollection, Remembered};
pub(in crate::daemon) use remembered_file::{RememberedFile, refuse_other_kinds};
pub(in crate::daemon) use wall::WallTime;
pub(in crate::daemon) use writer::{LAST_WRITE, RememberedWriter, Tried, WRITE_INTERVAL};

/// The largest file that is read or written.
const LARGEST: u64 = 64 * 1024 * 1024;
