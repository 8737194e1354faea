// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line of an agent: its words mean the same one by one, added in their order, and in any case.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::agent::AgentLine;
use lvs_director::model::AgentState;

fuzz_target!(|line: &[u8]| {
    let whole = AgentLine::read(line);
    let mut added = AgentState::NOTHING;
    let described = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    for word in described.split(|byte| b" \t,".contains(byte)) {
        added.add(AgentLine::read(word).state);
    }
    assert_eq!(added, whole.state);
    assert_eq!(AgentLine::read(&line.to_ascii_uppercase()).state, whole.state);
});
