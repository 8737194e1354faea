// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director import` with several files.

use std::fs;

use tempfile::TempDir;

use crate::program::{Said, director};

const LDIRECTORD: &str =
    "checkinterval=3\nvirtual=192.0.2.1:80\n\treal=10.0.0.1:80 gate\n\tchecktype=connect\n";
const SAVED: &str = "-A -t 192.0.2.2:80 -s rr\n-a -t 192.0.2.2:80 -r 10.0.0.1:80 -g -w 1\n";
const SCRIPT: &str = "#!/bin/sh\nifconfig lo:0 192.0.2.1 netmask 255.255.255.255\n";

/// Imports files of these contents.
fn import(texts: &[&str]) -> Said {
    let directory = TempDir::new().unwrap();
    let mut arguments = vec!["import".to_owned()];
    for (number, text) in texts.iter().enumerate() {
        let path = directory.path().join(format!("{number}.cf"));
        fs::write(&path, text).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    director(&arguments)
}

#[test]
fn several_files_become_one() {
    let said = import(&[LDIRECTORD, SAVED]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for part in [
        "192.0.2.1:80",
        "192.0.2.2:80",
        "interval: 3s",
        "check: none",
    ] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn a_service_in_two_files_names_both() {
    let said = import(&[LDIRECTORD, LDIRECTORD]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
    for part in ["0.cf", "1.cf", "TCP 192.0.2.1:80"] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn what_becomes_a_file_of_another_kind_goes_alone() {
    let said = import(&[SAVED, SCRIPT]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
    assert!(said.err.contains("import it by itself"), "{said:?}");
    let said = import(&[SCRIPT]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("--vip 192.0.2.1"), "{said:?}");
}

#[test]
fn a_file_or_the_kernel_is_named() {
    for arguments in [
        &["import"][..],
        &["import", "--from", "kernel", "/dev/null"],
    ] {
        let said = director(arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains("--from kernel"), "{said:?}");
    }
}
