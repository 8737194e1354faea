// SPDX-License-Identifier: MIT OR Apache-2.0
//! An answer of IPVS's older interface: no byte is read behind its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::sockopt::{ask_servers, read_server_counts, read_servers};

fuzz_target!(|answer: &[u8]| {
    let mut servers = Vec::new();
    if read_servers(answer, &mut servers).is_some() {
        // Each takes some 90 bytes, after a header of 20 or more.
        assert!(servers.len() * 80 <= answer.len());
    }
    if let Some(counts) = read_server_counts(answer) {
        assert!(counts.len() * 80 <= answer.len());
        for key in counts.keys() {
            let mut question = Vec::new();
            assert!(ask_servers(key, 1, &mut question), "{key}");
            assert_eq!(
                read_servers(&question[..question.len() - 1], &mut servers),
                None
            );
        }
    }
});
