// SPDX-License-Identifier: MIT OR Apache-2.0
//! What packages have beside the programs, each from the source that the programs use: manual pages from the definitions
//! of the command lines and from `docs/configuration.md`, completions, the JSON Schema of the configuration.
//!
//! `docs/man` and `docs/director.schema.json` are outputs of this crate, and `tests/pages.rs` compares them.

mod command_page;
mod configuration_page;
mod markdown;
mod roff;
/// The JSON Schema of the configuration.
pub mod schema;

use std::path::{Path, PathBuf};

use clap::Command;
use command_page::More;

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The programs whose command line clap reads.
#[must_use]
pub fn commands() -> [Command; 2] {
    [lvs_director::daemon::command(), realserver::command()]
}

/// The files that are in the repository and made here: where each is, and what it must be. `configuration` is the text of
/// `docs/configuration.md`.
#[must_use]
pub fn pages(configuration: &str) -> Vec<(&'static str, String)> {
    let [director, realserver] = commands();
    vec![
        (
            "docs/man/director.8",
            command_page::page(director, &DIRECTOR),
        ),
        (
            "docs/man/realserver.8",
            command_page::page(realserver, &REALSERVER),
        ),
        (
            "docs/man/director.yaml.5",
            configuration_page::page(configuration),
        ),
        (
            "docs/director.schema.json",
            format!("{:#}\n", schema::schema(configuration)),
        ),
    ]
}

const DIRECTOR: More = More {
    entries: &[
        (
            "FILES",
            &[
                (
                    "/etc/lvs-director/director.yaml",
                    "The configuration: director.yaml(5).",
                ),
                (
                    "/var/lib/lvs-director",
                    "What the director must know after a restart.",
                ),
                ("/run/lvs-director/director.sock", "The control socket."),
            ],
        ),
        (
            "SIGNALS",
            &[
                ("SIGHUP", "`director run` reads its configuration again."),
                (
                    "SIGTERM, SIGINT",
                    "It ends. The kernel goes on forwarding; virtual addresses go to another host.",
                ),
                (
                    "SIGUSR2",
                    "It ends for the next director on this host, which keeps the virtual addresses.",
                ),
            ],
        ),
        (
            "ENVIRONMENT",
            &[
                ("RUST_LOG", "The level of the log, also by module."),
                (
                    "NOTIFY_SOCKET, WATCHDOG_USEC, JOURNAL_STREAM",
                    "Set by systemd(1): where the director says that it is ready, how often that it lives, and that its \
                     log goes to the journal.",
                ),
            ],
        ),
    ],
    see_also: &[
        ("director.yaml", 5),
        ("lvsadm", 8),
        ("realserver", 8),
        ("ipvsadm", 8),
    ],
};

const REALSERVER: More = More {
    entries: &[(
        "FILES",
        &[
            (
                "/etc/lvs-director/director.yaml",
                "The configuration of the director, from which the addresses are read when none is named.",
            ),
            (
                "/run/lvs-realserver/realserver.json",
                "What `realserver start` found, for `realserver stop`.",
            ),
        ],
    )],
    see_also: &[("director", 8), ("director.yaml", 5), ("lvsadm", 8)],
};
