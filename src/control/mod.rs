// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket: one JSON line each way on a Unix socket that only its owner may open.

mod client;
mod request;
mod server;

pub use client::{ClientError, ask};
pub use request::{Reply, Request, ServerStatus, ServiceStatus, Status, VerdictDelay};
pub use server::{ControlSocket, OpenError, serve};
