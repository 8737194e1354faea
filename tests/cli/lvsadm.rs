// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `lvsadm` on any machine: its messages about bad command lines.

use std::process::{Command, Stdio};

const LVSADM: &str = env!("CARGO_BIN_EXE_lvsadm");
const USAGE: &str = "usage: lvsadm top-connections [--by client|server|service] [--rows number] [--service service] \
                     [--server address[:port]] [--state states] [--client address[/prefix]] [--json]\n";

/// Its status, standard output and standard error.
fn lvsadm(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(LVSADM);
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn top_connections_refuses_what_makes_no_sense_before_it_reads_anything() {
    for (arguments, message, usage) in [
        (&["--by"] as &[&str], "--by: missing argument", true),
        (
            &["--by", "port"],
            "invalid by `port' specified: one of client, server, service",
            false,
        ),
        (
            &["--by=client", "--by=server"],
            "multiple 'by' options specified",
            true,
        ),
        (
            &["--rows", "-1"],
            "invalid rows `-1' specified: 1 to 1000",
            false,
        ),
        (
            &["--server", "rs1:80"],
            "invalid server `rs1:80' specified",
            false,
        ),
        (
            &["--json=yes"],
            "--json=yes: option does not take an argument",
            true,
        ),
        (&["-n"], "-n: unknown option", true),
        (&["all"], "unexpected argument all", true),
    ] {
        let usage = if usage { USAGE } else { "" };
        let (status, out, said) = lvsadm(&[&["top-connections"], arguments].concat());
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert_eq!(said, format!("{message}\n{usage}"), "{arguments:?}");
    }
}

/// On any machine: it is refused before the kernel is asked.
#[test]
fn an_empty_input_is_no_table() {
    const REFUSED: &str = "the input has no virtual service: as a table it would take all services away; look why it \
                           is empty, or ask for an empty table with the line -C\n";
    let (status, out, said) = lvsadm(&["-R", "--atomic-replace"]);
    assert_eq!(
        (status, out.as_str(), said.as_str()),
        (Some(2), "", REFUSED)
    );
    for (name, shown) in [("-", "standard input"), ("/dev/null", "/dev/null")] {
        let (status, out, said) = lvsadm(&["diff", name]);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{said}");
        assert_eq!(said, format!("{shown}: {REFUSED}"));
    }
}

#[test]
fn ipvsadms_ways_have_no_word_for_it() {
    let (status, out, said) = lvsadm(&["top-connections", "--compat"]);
    assert_eq!((status, out.as_str()), (Some(255), ""), "{said}");
    assert!(said.starts_with("Try `"), "{said}");
}
