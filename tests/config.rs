// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration files: the good, and the bad with what is said of them.
