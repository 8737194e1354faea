// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director import` with several files.

use std::fs;

use tempfile::TempDir;

use crate::program::{Said, director};

const LDIRECTORD: &str =
    "checkinterval=3\nvirtual=192.0.2.1:80\n\treal=10.0.0.1:80 gate\n\tchecktype=connect\n";
const SAVED: &str = "-A -t 192.0.2.2:80 -s rr\n-a -t 192.0.2.2:80 -r 10.0.0.1:80 -g -w 1\n";
const KEEPALIVED: &str = "virtual_server 192.0.2.3 80 {\n protocol TCP\n lvs_sched rr\n lvs_method DR\n real_server 10.0.0.1 80 {\n }\n}\n";
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
    for part in ["0.cf:2:1", "1.cf:2:1", "TCP 192.0.2.1:80"] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
    let said = import(&[KEEPALIVED, KEEPALIVED]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
    for part in ["0.cf:1:1", "1.cf:1:1", "TCP 192.0.2.3:80"] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
}

/// What is said about a file of keepalived with these options.
fn keepalived(options: &[&str], text: &str) -> Said {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("keepalived.conf");
    fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap();
    let arguments: Vec<&str> = ["import", "--from", "keepalived", file]
        .into_iter()
        .chain(options.iter().copied())
        .collect();
    director(&arguments)
}

#[test]
fn corrections_are_listed_with_their_places_also_as_json() {
    let text = KEEPALIVED.replace("protocol", "protocal");
    let said = keepalived(&["--fix"], &text);
    assert_eq!(said.code, Some(0), "{said:?}");
    let place = "keepalived.conf:2:2: corrected: write protocol";
    assert!(said.err.contains(place), "{said:?}");
    let said = keepalived(&["--fix", "--check", "--json"], &text);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let correction = &json["corrections"][0];
    assert_eq!(correction["title"], "write protocol");
    let replacement = &correction["replacements"][0];
    assert_eq!(
        (&replacement["line"], &replacement["column"]),
        (&2.into(), &2.into())
    );
    assert_eq!(said.err, "", "{said:?}");
    let said = keepalived(&["--check", "--json"], KEEPALIVED);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert!(json.get("corrections").is_none());
}

#[test]
fn a_file_that_becomes_nothing_is_wrong() {
    for text in ["# only a comment\n", "global_defs {\n}\n", ""] {
        let said = keepalived(&[], text);
        assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
        assert!(
            said.err.contains("nothing in this file becomes"),
            "{said:?}"
        );
    }
}

#[test]
fn a_pattern_that_meets_all_files_of_the_host_has_an_answer() {
    for pattern in ["/*/*/*/*", "/**/**/**/**/none"] {
        let said = keepalived(&[], &format!("include {pattern}\n{KEEPALIVED}"));
        assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
        assert!(said.err.contains("more than"), "{said:?}");
    }
}

#[test]
fn no_line_of_a_file_that_is_none_of_keepalived_is_shown() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("shadow");
    fs::write(&path, "root:S3cr3t:19000:0:99999:7:::\nS3cr3t {\n").unwrap();
    let text = format!("include {}\n{KEEPALIVED}", path.display());
    for options in [&[][..], &["--json"], &["--fix", "--json"]] {
        let said = keepalived(options, &text);
        assert_eq!(said.code, Some(3), "{said:?}");
        assert!(said.err.contains("shadow"), "{said:?}");
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains("S3cr3t"), "{all}");
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
