// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who logs in to a real server that is checked.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A user, and where the password is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Login {
    /// The user: 1 to 255 bytes without control characters.
    pub user: Box<str>,
    /// The absolute path of a file whose first line is the password. The password itself is in no configuration, record
    /// or message.
    pub password_file: Box<Path>,
}
