// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the password of a login for one probe.

use std::path::Path;

use super::Answer;
use crate::system::read_limited;

/// The longest file of a password, in bytes.
const MOST_BYTES: u64 = 4096;

/// The first line of the file. An error is the answer of the probe. A disk that hangs delays this probe only.
pub(super) async fn read(file: &Path) -> Result<Vec<u8>, Answer> {
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || read_limited(&file, MOST_BYTES)).await;
    let mut bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(Answer::could_not_run(error.to_string())),
        Err(error) => {
            let why = format!("read the password file: {error}");
            return Err(Answer::could_not_run(why));
        }
    };
    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    bytes.truncate(end.unwrap_or(bytes.len()));
    Ok(bytes)
}
