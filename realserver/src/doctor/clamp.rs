// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the firewall asks clients for smaller segments.

/// Whether a listing of nft(8) has a rule that sets the segment size, or one of iptables-save(8).
pub(super) fn clamps(rules: &str) -> bool {
    let sets =
        |line: &str| (line.contains("tcp option maxseg size set")) || line.contains("-j TCPMSS");
    rules.lines().any(sets)
}

#[cfg(test)]
mod tests {
    use super::clamps;

    #[test]
    fn a_rule_that_sets_the_segment_size_is_seen_in_both_languages() {
        assert!(clamps(
            "\t\tip saddr 192.0.2.10 tcp flags syn tcp option maxseg size set 1440"
        ));
        assert!(clamps(
            "-A OUTPUT -p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --set-mss 1440"
        ));
        assert!(!clamps(
            "tcp dport 80 accept\ntcp option maxseg size 1440 drop"
        ));
        assert!(!clamps(""));
    }
}
