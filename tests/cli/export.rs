// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director export`: what is printed where, and the exit codes.

use super::program::{GOOD, director, file};

/// What keepalived does as well.
const EQUAL: &str = "\
ipvs: {expire_nodest_conn: keep, expire_quiescent_template: keep, conn_lfactor: keep}
virtual_services:
  - address: 192.0.2.10:80
    min_healthy: 0
    drain: none
    check: {interval_from: end, rise: 1, first_failure: decides, initial: up}
    servers: [10.0.0.1]
";

#[test]
fn what_has_no_equal_is_told_on_standard_error_and_is_a_failure_only_when_asked() {
    let (_directory, path) = file(GOOD);
    let path = path.to_str().unwrap();
    for (to, begins) in [
        ("keepalived", "# Written by director export"),
        ("ipvsadm", "-A -t 192.0.2.10:80"),
    ] {
        let said = director(&["export", "--to", to, path]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.out.starts_with(begins), "{said:?}");
        assert!(!said.err.is_empty(), "{said:?}");
        for line in said.err.lines() {
            assert!(line.starts_with("director: not exported: "), "{said:?}");
        }
        let strict = director(&["export", "--to", to, "--strict", path]);
        assert_eq!(strict.code, Some(1), "{strict:?}");
        assert_eq!((strict.out, strict.err), (said.out, said.err));
    }
}

#[test]
fn a_configuration_that_means_what_keepalived_means_is_exported_in_silence() {
    let (_directory, path) = file(EQUAL);
    let said = director(&[
        "export",
        "--to",
        "keepalived",
        "--strict",
        path.to_str().unwrap(),
    ]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
}

#[test]
fn a_configuration_that_is_wrong_is_not_exported() {
    let (_directory, path) = file("virtual_services: [{}]\n");
    let said = director(&["export", "--to", "keepalived", path.to_str().unwrap()]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
}

#[test]
fn a_name_with_a_new_line_begins_no_line_of_its_own() {
    let text = "virtual_routers: [{interface: eth0, vrid: 1, addresses: [192.0.2.10/24], version: 2, \
                authentication: {password_file: \"/etc/a\\nvirtual_server x\"}}]\nvirtual_services: []\n";
    let (_directory, path) = file(text);
    let said = director(&["export", "--to", "keepalived", path.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.out.contains("virtual_server"), "{said:?}");
    for line in said.err.lines() {
        assert!(line.starts_with("director: not exported: "), "{said:?}");
    }
}
