// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first line of both sides: which protocols each of them speaks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The newest protocol that this program speaks.
const PROTOCOL: u32 = 2;
/// The oldest one.
const OLDEST: u32 = 2;

/// The protocol and the program of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The newest protocol it speaks.
    pub protocol: u32,
    /// The oldest protocol it speaks.
    pub oldest: u32,
    /// Its name and version: `director 0.1.0`.
    pub program: String,
}

impl Hello {
    /// The hello of this program.
    #[must_use]
    pub fn ours() -> Self {
        Self {
            protocol: PROTOCOL,
            oldest: OLDEST,
            program: concat!("director ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The hello of a program of protocol 1. That protocol has none, so this stands for it.
    pub(super) fn of_protocol_1() -> Self {
        Self {
            protocol: 1,
            oldest: 1,
            program: "an older version".to_owned(),
        }
    }

    /// The newest protocol that a client and a director both speak.
    pub fn common(client: &Self, director: &Self) -> Result<u32, Incompatible> {
        let newest = client.protocol.min(director.protocol);
        if newest >= client.oldest.max(director.oldest) {
            Ok(newest)
        } else {
            Err(Incompatible {
                client: client.clone(),
                director: director.clone(),
            })
        }
    }

    /// `protocol 2`, `protocols 2 to 4`.
    fn protocols(&self) -> impl fmt::Display {
        let Self {
            protocol, oldest, ..
        } = *self;
        fmt::from_fn(move |f| {
            if protocol == oldest {
                write!(f, "protocol {protocol}")
            } else {
                write!(f, "protocols {oldest} to {protocol}")
            }
        })
    }
}

/// A client and a director that have no protocol in common.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Incompatible {
    /// The client's hello.
    pub client: Hello,
    /// The director's hello.
    pub director: Hello,
}

impl fmt::Display for Incompatible {
    /// The message for the person who runs the client.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, director } = self;
        write!(
            f,
            "the running director ({}) speaks control {}, this program ({}) speaks {}; ",
            director.program,
            director.protocols(),
            client.program,
            client.protocols()
        )?;
        f.write_str(if client.protocol < director.oldest {
            "use the program that belongs to the running director"
        } else {
            "restart the director, so that its new version runs (no connection is lost)"
        })
    }
}
