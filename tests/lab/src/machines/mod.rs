// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shape "machines": directors that are kernels of their own, clients and real-server hosts that are namespaces of this
//! machine, all on one bridge.
//!
//! A program enters such a lab by calling [`reexec_inside`] at the start of `main`. That starts the lab, and the same
//! program again inside it, where it uses [`Lab::from_env`]. Everything ends with the program.
//!
//! ```no_run
//! # use std::process::ExitCode;
//! # use lab::machines::{Lab, Options, Shape, reexec_inside};
//! # fn start() -> ExitCode {
//! let options = Options { shape: Shape { directors: 2, ..Shape::default() }, ..Options::default() };
//! if let Some(code) = reexec_inside(&options) {
//!     return code;
//! }
//! # let story = || -> anyhow::Result<()> {
//! let lab = Lab::from_env()?;
//! let table = lab.on("director1", &["ipvsadm", "-Ln"])?.text();
//! lab.kill("director1")?;
//! # Ok(()) };
//! # ExitCode::SUCCESS
//! # }
//! ```

mod agent;
mod director;
mod frame;
mod keyboard;
mod lab;
mod lan;
mod nest;
mod plan;
mod power;
mod state;
mod task;

pub(crate) use frame::Input;
pub(crate) use keyboard::Raw;
pub use lab::Lab;
pub(crate) use lab::request;
pub use nest::{Options, is_agent, reexec_inside};
pub use plan::{Host, Kind, Shape};
pub use power::Power;
pub use state::DIR;
pub use task::{Output, Stream, Task};
