// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel as the shell uses it: the table, and the host around it.

use crate::kernel::Ipvs;
use crate::plan::{HostTarget, SimulatedKernel, Target};

/// A [`Target`] that also has the host around it.
pub(super) trait Kernel: Target + HostTarget {}

impl Kernel for Ipvs {}

impl Kernel for SimulatedKernel {}
