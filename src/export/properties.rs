// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true for every configuration.

use proptest::prelude::*;

use super::{to_ipvsadm, to_keepalived};
use crate::config::properties::config;
use crate::model::{ConfiguredService, Rank};

proptest! {
    /// Keepalived reads every line (it ignores long ones), and every block ends. Nothing from the configuration begins a
    /// block, a comment or a definition of its own.
    #[test]
    fn every_text_for_keepalived_is_one_that_it_reads_line_by_line(config in config()) {
        let exported = to_keepalived(&config);
        let mut depth = 0_u32;
        for line in exported.text.lines() {
            prop_assert!(line.len() < 1024, "{}", line);
            prop_assert!(!line.contains(['$', '\\']), "{}", line);
            prop_assert!(!line.chars().any(char::is_control), "{}", line);
            prop_assert_eq!(line.matches('"').count() % 2, 0, "{}", line);
            let bare: String = line.split('"').step_by(2).collect();
            match bare.trim() {
                "}" => depth = depth.checked_sub(1).unwrap(),
                head if head.ends_with(" {") => depth += 1,
                comment if comment.starts_with('#') => {}
                plain => prop_assert!(!plain.contains(['{', '}', '!', '#']), "{}", line),
            }
        }
        prop_assert_eq!(depth, 0);
        let heads = exported.text.lines().filter(|line| line.starts_with("virtual_server ")).count();
        let has_primary = |service: &&ConfiguredService| {
            service.servers.values().any(|server| server.rank == Rank::Primary)
        };
        prop_assert_eq!(heads, config.services.values().filter(has_primary).count());
    }

    /// ipvsadm gets a line for each service and each server that is in the table.
    #[test]
    fn every_text_for_ipvsadm_names_every_service(config in config()) {
        let exported = to_ipvsadm(&config);
        let services = exported.text.lines().filter(|line| line.starts_with("-A ")).count();
        prop_assert_eq!(services, config.services.len());
        prop_assert!(exported.text.lines().all(|line| line.starts_with("-A ") || line.starts_with("-a ")));
    }
}
