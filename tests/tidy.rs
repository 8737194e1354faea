// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the house that a compiler does not check: layers, headers, words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is wrong"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Which modules each module of the library may use. `daemon` and `cli` join the others and may use all.
const LAYERS: [(&str, &[&str]); 20] = [
    ("model", &[]),
    ("diagnostic", &["model"]),
    ("codec", &["model"]),
    ("ipvsadm", &["model"]),
    ("config", &["model", "diagnostic"]),
    (
        "import",
        &["model", "diagnostic", "codec", "ipvsadm", "config"],
    ),
    ("health", &["model"]),
    ("vrrp", &["model", "diagnostic", "codec"]),
    ("plan", &["model", "codec", "ipvsadm"]),
    ("pair", &["model", "codec"]),
    ("export", &["model", "ipvsadm", "plan"]),
    ("doctor", &["model", "ipvsadm"]),
    ("engine", &["model", "health", "plan", "pair", "ipvsadm"]),
    ("system", &["model"]),
    ("screen", &["model", "system"]),
    ("kernel", &["model", "codec", "plan", "system"]),
    ("net", &["model", "codec"]),
    (
        "probe",
        &["model", "codec", "health", "system", "kernel", "net"],
    ),
    ("control", &["model", "engine", "system"]),
    ("web", &["model", "codec", "system", "control"]),
];

/// The modules that do no I/O, read no clock and are not async.
const PURE: [&str; 12] = [
    "model",
    "diagnostic",
    "codec",
    "ipvsadm",
    "config",
    "health",
    "vrrp",
    "plan",
    "pair",
    "export",
    "doctor",
    "engine",
];

/// What a pure module may not name.
const IMPURE: [&str; 12] = [
    "std::fs",
    "std::process",
    "std::thread",
    "std::os",
    "std::env",
    "tokio::",
    "Instant::now",
    "SystemTime",
    "TcpStream",
    "UdpSocket",
    "async fn",
    "libc::",
];

/// Words the field does not use, or that say nothing.
const WORDS: [&str; 9] = [
    "holds for down",
    "held for down",
    "taken for up",
    "backend",
    "upstream",
    "vserver",
    "stickiness",
    "Manager",
    "Helper",
];

/// Names that crates and other programs gave to their own things, with one of these words in them.
const GIVEN: [&str; 5] = [
    "NetworkManager",
    "ratatui::backend",
    "CrosstermBackend",
    "TestBackend",
    ".backend()",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file without its unit tests, which may use whatever they like.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| {
        matches!(
            part.as_os_str().to_str(),
            Some("tests" | "tests.rs" | "properties.rs")
        )
    })
}

/// Lines that are neither comments nor empty.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//") && !line.trim().is_empty())
}

#[test]
fn imports_go_up_the_layers_only() {
    for (module, may_use) in LAYERS {
        for path in rust_files(&format!("src/{module}"))
            .iter()
            .filter(|path| !is_test_file(path))
        {
            let text = read(path);
            for line in code(without_tests(&text)) {
                for used in line.split("crate::").skip(1) {
                    let used = used
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .next()
                        .unwrap();
                    let known = LAYERS.iter().any(|(name, _)| *name == used)
                        || ["daemon", "cli"].contains(&used);
                    assert!(
                        !known || used == module || may_use.contains(&used),
                        "{}: {module} may not use {used}: {}",
                        path.display(),
                        line.trim()
                    );
                }
            }
        }
    }
}

/// What the hosts behind the VIP run is small: neither the director nor `lvsadm` is in it.
#[test]
fn realserver_compiles_neither_the_daemon_nor_cli() {
    let manifest = read(&root().join("realserver/Cargo.toml"));
    let library = manifest
        .lines()
        .find(|line| line.starts_with("lvs-director"))
        .expect("realserver uses the library");
    assert!(library.contains("default-features = false"), "{library}");
    for feature in ["cli", "daemon", "watch"] {
        assert!(!library.contains(&format!("\"{feature}\"")), "{library}");
    }
    let rooms = read(&root().join("src/lib.rs"));
    for (feature, rooms_of_it) in [
        ("cli", &["cli"][..]),
        ("watch", &["screen"]),
        (
            "daemon",
            &["control", "daemon", "export", "import", "probe", "vrrp"],
        ),
    ] {
        for room in rooms_of_it {
            let gated = format!("#[cfg(feature = \"{feature}\")]\npub mod {room};");
            assert!(
                rooms.contains(&gated),
                "src/lib.rs: {room} is not behind {feature}"
            );
        }
    }
}

#[test]
fn the_middle_does_no_io_and_reads_no_clock() {
    for module in PURE {
        for path in rust_files(&format!("src/{module}"))
            .iter()
            .filter(|path| !is_test_file(path))
        {
            let text = read(path);
            for line in code(without_tests(&text)) {
                for word in IMPURE {
                    assert!(
                        !line.contains(word),
                        "{}: {word} in {module}: {}",
                        path.display(),
                        line.trim()
                    );
                }
            }
        }
    }
}

/// Who may call the functions that decide what the kernel should hold, and what to do about it.
const DECIDERS: [(&str, &[&str]); 3] = [
    (
        "desired(",
        &[
            "src/plan/desired.rs",
            "src/daemon/oneshot.rs",
            "src/daemon/beside.rs",
            // The table of a configuration whose servers are all up, as text.
            "src/export/ipvsadm.rs",
        ],
    ),
    (
        "desired_service(",
        &[
            "src/plan/desired.rs",
            "src/engine/converge.rs",
            "src/engine/tell.rs",
        ],
    ),
    (
        "diff(",
        &[
            "src/plan/diff.rs",
            "src/daemon/oneshot.rs",
            // lvsadm compares a table with a file, and makes the one the other. No configuration is involved.
            "src/cli/restore.rs",
            "src/cli/compare.rs",
        ],
    ),
];

#[test]
fn only_these_decide_what_the_kernel_should_hold() {
    for path in rust_files("src").iter().filter(|path| !is_test_file(path)) {
        let text = read(path);
        let place = path.strip_prefix(root()).unwrap().to_str().unwrap();
        for line in code(without_tests(&text)) {
            for (name, allowed) in DECIDERS {
                let calls = line.match_indices(name).any(|(at, _)| {
                    // A method, or a longer name, is another function.
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_.".contains(c))
                });
                assert!(
                    !calls || allowed.contains(&place),
                    "{place}: {name}) is called here: {}",
                    line.trim()
                );
            }
        }
    }
}

#[test]
fn every_file_says_its_licence_and_what_it_owns() {
    for folder in ["src", "realserver", "tests", "benches"] {
        for path in rust_files(folder) {
            let text = read(&path);
            let mut lines = text.lines();
            assert_eq!(
                lines.next(),
                Some("// SPDX-License-Identifier: MIT OR Apache-2.0"),
                "{}",
                path.display()
            );
            assert!(
                lines.next().is_some_and(|line| line.starts_with("//!")),
                "{}: no //! line",
                path.display()
            );
        }
    }
}

#[test]
fn the_field_s_words_are_used() {
    for folder in ["src", "realserver"] {
        // What others call our keys is told to those who write it so.
        let synonyms = root().join("src/config/section.rs");
        // And what other programs call theirs is read there.
        let import = root().join("src/import");
        for path in rust_files(folder)
            .into_iter()
            .filter(|path| *path != synonyms && !path.starts_with(&import))
        {
            for (number, line) in read(&path).lines().enumerate() {
                let line = GIVEN
                    .iter()
                    .fold(line.to_owned(), |line, name| line.replace(name, ""));
                let lower = line.to_lowercase();
                for word in WORDS {
                    let found = if word.starts_with(char::is_uppercase) {
                        line.contains(word)
                    } else {
                        lower.contains(word)
                    };
                    assert!(!found, "{}:{}: {word}", path.display(), number + 1);
                }
            }
        }
    }
}

#[test]
fn no_module_is_a_drawer() {
    for folder in ["src", "realserver/src"] {
        for path in rust_files(folder) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                !["util", "utils", "common", "core", "misc", "helpers"].contains(&name),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn unsafe_code_stands_only_where_linux_and_the_c_library_are_called() {
    for folder in ["src", "realserver/src"] {
        for path in rust_files(folder) {
            let in_rim = ["src/kernel", "src/net", "src/system"]
                .iter()
                .any(|room| path.starts_with(root().join(room)));
            let text = read(&path);
            let has =
                code(&text).any(|line| line.contains("unsafe {") || line.contains("unsafe fn"));
            assert!(
                in_rim || !has,
                "{}: unsafe outside src/kernel, src/net and src/system",
                path.display()
            );
        }
    }
}

#[test]
fn everything_that_is_to_be_done_has_an_issue() {
    for folder in ["src", "realserver", "tests", "benches"] {
        for path in rust_files(folder)
            .iter()
            .filter(|path| !path.ends_with("tidy.rs"))
        {
            let text = read(path);
            for marker in ["TODO", "FIXME", "XXX", "unimplemented!", "todo!"] {
                assert!(!text.contains(marker), "{}: {marker}", path.display());
            }
        }
    }
}

#[test]
fn every_decision_is_listed() {
    let folder = root().join("docs/decisions");
    let index = read(&folder.join("README.md"));
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "README.md" || index.contains(&name),
            "docs/decisions/README.md does not list {name}"
        );
    }
}

/// systemd removes a service's runtime directory when it stops.
#[test]
fn the_units_start_what_the_readme_installs_and_share_no_directory() {
    let unit = |program: &str| read(&root().join(format!("examples/{program}.service")));
    let readme = read(&root().join("README.md"));
    let values = |text: &str, key: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines
            .filter(|(name, _)| name.starts_with(key))
            .map(|(_, value)| value.to_owned())
            .collect()
    };
    for program in ["director", "realserver"] {
        let place = format!("/usr/local/sbin/{program} ");
        assert!(readme.contains(&format!("target/release/{program} ")));
        let commands = values(&unit(program), "Exec");
        let own = |command: &&String| !command.starts_with("/bin/");
        assert!(commands.iter().filter(own).count() > 1);
        for command in commands.iter().filter(own) {
            assert!(command.starts_with(&place), "{command}");
        }
    }
    assert!(readme.contains("/usr/local/sbin/"));
    let directories = ["director", "realserver"].map(|it| values(&unit(it), "RuntimeDirectory"));
    assert_ne!(directories[0][0], directories[1][0]);
    let state = read(&root().join("realserver/src/cli.rs"));
    assert!(state.contains(&format!("\"/run/{}/", directories[1][0])));
}

/// `make test` compares docs/demo.txt with a real run.
#[test]
fn the_readme_shows_an_excerpt_of_the_demonstration_in_the_docs() {
    let readme = read(&root().join("README.md"));
    let printed = read(&root().join("docs/demo.txt"));
    let (_, from) = readme.split_once("$ make demo").unwrap();
    let (excerpt, _) = from.split_once("\n```").unwrap();
    let mut rest = printed.lines();
    let mut shown = 0;
    for line in excerpt.lines().skip(1).filter(|line| *line != "...") {
        assert!(
            rest.any(|theirs| theirs == line),
            "README.md shows a line that is not in docs/demo.txt, or not there: {line}"
        );
        shown += 1;
    }
    assert!(shown > 20, "{shown} lines");
}
