// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-R` as ipvsadm does it.

use std::io::Read;

use super::input::Input;
use super::{read_all_words, unreadable};
use crate::ipvsadm::arguments::{Context, Invocation, parse};
use crate::ipvsadm::failure::Failure;

/// Carries out one line at a time, up to the first bad one; `tell` reports errors on the way. The last line's outcome
/// counts for all.
pub fn line_by_line(
    context: Context<'_>,
    from: impl Read,
    mut execute: impl FnMut(&Invocation) -> Result<(), Failure>,
    tell: impl Fn(&Failure),
) -> Result<(), Failure> {
    let mut input = Input::new(from);
    let (mut last, mut number) = (Ok(()), 0);
    while let Some(text) = input.next().map_err(|error| unreadable(number, &error))? {
        let mut words = Vec::new();
        for line in text.lines() {
            number += 1;
            read_all_words(line, &mut words);
            if words.is_empty() {
                continue;
            }
            if let Err(failure) = std::mem::replace(&mut last, Ok(())) {
                tell(&failure);
            }
            let hint = Failure::try_help(context.program);
            last = match parse(context, &words) {
                Ok(Invocation::Restore { .. }) => return Err(hint),
                Ok(invocation) => execute(&invocation),
                // An unknown option ends its line, a wrong one ends the restore.
                Err(failure) if failure.status == 255 && failure != hint => Err(failure),
                Err(failure) => return Err(failure),
            };
        }
    }
    last
}
