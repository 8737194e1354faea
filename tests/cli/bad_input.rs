// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are not configurations, or that cannot be read.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::program::{director, file, refused, refused_by, refused_text};

#[test]
fn a_file_that_is_not_there_or_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    refused(
        &path("missing.yaml"),
        &["director: read FILE: no such file or directory (ENOENT)"],
    );
    refused(
        directory.path(),
        &["director: read FILE: is a directory; name a regular file"],
    );
    mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
    refused(
        &path("fifo"),
        &["director: read FILE: is a FIFO; name a regular file"],
    );
    symlink(path("fifo"), path("link")).unwrap();
    refused(
        &path("link"),
        &["director: read FILE: is a FIFO; name a regular file"],
    );
    symlink(path("loop"), path("loop")).unwrap();
    refused(&path("loop"), &["director: read FILE: ", "(ELOOP)"]);
    refused(
        Path::new("/dev/zero"),
        &["director: read FILE: is a device; name a regular file"],
    );
    refused(&path("missing.yaml").join("x"), &["director: read FILE: "]);
}

#[test]
fn a_file_of_100_mb_is_refused_at_once() {
    let (_directory, path) = file("");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    refused(&path, &["director: read FILE: larger than 16777216 bytes"]);
}

#[test]
fn text_that_is_no_configuration_is_refused_with_its_place() {
    refused_text("", &["FILE:1:1: the file is empty"]);
    refused_text("[1, 2]\n", &["FILE:1:1: "]);
    refused_text("- a\n- b\n", &["FILE:1:1: "]);
    refused_text("hello\n", &["FILE:1:1: "]);
    refused_text(
        b"virtual_services: []\n# caf\xe9\n",
        &["FILE:2:6: not UTF-8: byte 0xe9"],
    );
    refused_text(
        b"\xff\xfev\0",
        &["FILE:1:1: not UTF-8: byte 0xff", "UTF-16"],
    );
    refused_text("virtual_services: [\n", &["FILE:"]);
    refused_text(
        "virtual_services:\n\t- x\n",
        &["FILE:2:", "YAML allows no tabs there"],
    );
    refused_text("a: &a [*a]\n", &["FILE:1:"]);
    refused_text([0; 4096], &["FILE:1:1: "]);
}

/// Two commands represent all, because each takes a while.
fn bomb(text: impl AsRef<[u8]>, words: &[&str]) {
    let (_directory, path) = file(text);
    refused_by(&["check", "run"], &path, words);
}

#[test]
fn bombs_are_refused() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let one = format!("*a{},", level - 1);
        aliases.push_str(&format!("a{level}: &a{level} [{}]\n", one.repeat(10)));
    }
    bomb(aliases, &["FILE:"]);
    bomb("[".repeat(1 << 20), &["FILE:1:"]);
    bomb("a: ".repeat(1 << 18), &["FILE:1:"]);
    bomb("x".repeat(15 << 20), &["FILE:1:1: "]);
    bomb("- ".repeat(1 << 20), &["FILE:1:"]);
    bomb("? ".repeat(1 << 20), &["FILE:1:"]);
}

/// So many services that share a pool of so many servers.
fn services_of_a_pool(services: usize, servers: usize) -> String {
    let servers = (0..servers).map(|n| format!("10.0.{}.{}", n / 250, n % 250 + 1));
    let mut text = format!(
        "pools: {{many: [{}]}}\n",
        servers.collect::<Vec<_>>().join(", ")
    );
    text.push_str("virtual_services:\n");
    for port in 1..=services {
        text.push_str(&format!("  - {{address: 192.0.2.10:{port}, pool: many}}\n"));
    }
    text
}

#[test]
fn more_servers_than_a_director_can_carry_are_refused_before_they_take_memory() {
    bomb(
        services_of_a_pool(2000, 10_000),
        &[
            "FILE:23:36: more than 200000 real servers in all: 10000 here, 200000 in the services before",
            "a pool counts in each service that uses it",
        ],
    );
    let (_directory, path) = file(services_of_a_pool(2000, 100));
    let said = director(&["check", path.to_str().unwrap()]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
}

#[test]
fn values_that_cannot_be_are_refused_with_their_place() {
    for (rest, said) in [
        (
            "{address: 192.0.2.10:80, servers: [10.0.0.1], sheduler: rr}",
            "unknown key \"sheduler\"",
        ),
        (
            "{address: 192.0.2.10:80, servers: [10.0.0.1], scheduler: rw}",
            "scheduler",
        ),
        (
            "{address: 192.0.2.10:80, servers: [10.0.0.1, 10.0.0.1]}",
            "10.0.0.1",
        ),
        ("{address: 192.0.2.10:0, servers: [10.0.0.1]}", "port 0"),
        ("{address: 192.0.2.10:70000, servers: [10.0.0.1]}", "70000"),
        (
            "{address: 192.0.2.10:80, servers: [10.0.0.1:81]}",
            "port 81 is not the virtual service's port 80",
        ),
        (
            "{address: 192.0.2.10:80, forwarding: tun, servers: [10.0.0.1:81]}",
            "port 81 is not the virtual service's port 80",
        ),
        (
            "{address: 192.0.2.10:80, servers: [\"2001:db8::1\"]}",
            "IPv6",
        ),
        (
            "{address: 192.0.2.10:80, servers: [{address: 10.0.0.1, weight: -1}]}",
            "weight must be 0 to 2147483647, got -1",
        ),
        (
            "{address: 192.0.2.10:80, servers: [{address: 10.0.0.1, weight: 99999999999999999999}]}",
            "weight must be 0 to 2147483647",
        ),
    ] {
        refused_text(
            format!("virtual_services:\n  - {rest}\n"),
            &["FILE:2:", said, "\n2 |"],
        );
    }
    let twice = "virtual_services:\n  - {address: 192.0.2.10:80, servers: []}\n  - {address: 192.0.2.10:80, servers: []}\n";
    refused_text(twice, &["FILE:3:", "192.0.2.10:80"]);
}

#[test]
fn all_errors_of_a_file_are_said_at_once_and_fifty_shown() {
    let mut text = "virtual_services:\n".to_owned();
    for _ in 0..5000 {
        text.push_str("  - {address: nowhere, servers: []}\n");
    }
    let (_directory, path) = file(text);
    let said = director(&["check", path.to_str().unwrap()]);
    assert_eq!(said.code, Some(3));
    let name = path.to_str().unwrap();
    let shown = said
        .err
        .lines()
        .filter(|line| line.starts_with(name))
        .count();
    assert_eq!(shown, 50, "{}", said.err);
    assert!(said.err.contains("4950"), "{}", said.err);
}

#[test]
fn a_service_that_nobody_serves_is_warned_of() {
    let yaml = "virtual_services: [{address: '192.0.2.10:80', servers: [{address: 10.0.0.1, weight: 0}]}]\n";
    let (_directory, path) = file(yaml);
    let said = director(&["check", path.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let warning = "director: warning: no server of TCP 192.0.2.10:80 takes new connections with this configuration";
    assert!(said.err.contains(warning), "{said:?}");
}

#[test]
fn a_check_that_runs_as_nobody_whom_this_host_knows_is_warned_of() {
    let yaml = "virtual_services: [{address: '192.0.2.10:80', servers: [10.0.0.1], \
                check: {exec: {command: [/bin/true], user: no-such-user-here}}}]\n";
    let (_directory, path) = file(yaml);
    let said = director(&["check", path.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let warning = "director: warning: this host has no user no-such-user-here; ";
    assert!(said.err.contains(warning), "{said:?}");
}

#[test]
fn a_wrong_word_on_the_command_line_is_answered_with_an_example() {
    for (words, remedy) in [
        (
            &["drain", "10.0.0.1", "--deadline", "1h"][..],
            "write a number of seconds, 1 to 2592000: 3600 is an hour",
        ),
        (
            &["drain", "10.0.0.1", "--deadline", "0"],
            "write a number of seconds, 1 to 2592000: 3600 is an hour",
        ),
        (
            &["drain", "10.0.0.1", "--wait", "--timeout", "1h"],
            "write a number of seconds: 3600 is an hour",
        ),
        (
            &["events", "--since-number", "x"],
            "write the number of an event, as director events prints it: 12",
        ),
    ] {
        let said = director(words);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(remedy), "{said:?}");
    }
    let said = director(&["status", "--socket", "/tmp"]);
    assert!(said.err.contains("/tmp: this is no socket; "), "{said:?}");
}
