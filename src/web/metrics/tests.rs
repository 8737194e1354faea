// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text: its format, its names, and the documents and examples that use these.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::families::{ALL, Family, Kind};
use super::*;
use crate::control::{
    CheckStatus, PeerStatus, RouterStatus, SentConnections, ServerStatus, ServiceStatus, SyncStatus,
};
use crate::model::{
    ConnectionCounts, Counters, NoResult, ProbeCounts, ProbeKind, ProbeResult, Severity,
};
use crate::web::tests::status as two_servers;
use crate::web::traffic::{ServerTraffic, ServiceTraffic};

fn check(probe: &str) -> CheckStatus {
    CheckStatus {
        probe: probe.to_owned(),
        standing: "up".into(),
        since_seconds: 7,
        by_configuration: false,
        remembered: None,
        latency_microseconds: Some(1_500),
        last_failure: None,
        warning: Some("the certificate ends in 3 days".to_owned()),
        last_succeeded: Some(true),
        probes: ProbeCounts {
            success: 5,
            failure: 1,
            could_not_run: 2,
            ..ProbeCounts::default()
        },
        against: 0,
        against_needed: 3,
        against_of: None,
        held: None,
        next_milliseconds: None,
        checked_seconds_ago: Some(1),
        could_not_run: 0,
        no_result: NoResult::CouldNotRun,
        not_checked_seconds: Some(4),
        hastened: None,
        tripwire: None,
    }
}

/// A status with a sample of every kind, and hostile words where others write them.
fn status() -> Status {
    let mut status = two_servers();
    status.uptime_seconds = 60;
    status.services[0].servers[0].order = Some("weight 5".to_owned());
    status.services[0].servers[0].checks = vec![check(HOSTILE)];
    status.routers = vec![RouterStatus {
        name: HOSTILE.to_owned(),
        interface: "eth0".to_owned(),
        vrid: 51,
        state: "backup".to_owned(),
        since_seconds: 12,
        reason: None,
        priority: 100,
        master: None,
        addresses: Vec::new(),
        sent: 3,
        heard: 120,
        dropped: BTreeMap::from([("checksum".to_owned(), 2)]),
        transitions: 1,
        late_at_most_microseconds: 120,
        put_back: 0,
        disputes: 0,
        group: None,
        tracked: Vec::new(),
        problem: None,
    }];
    status.peer = Some(PeerStatus {
        role: "both lead".to_owned(),
        refused: BTreeMap::from([("too long".to_owned(), 1)]),
        ..PeerStatus::default()
    });
    status.connection_sync = Some(SyncStatus {
        completed: 1,
        failed: 0,
        last: None::<SentConnections>,
        seconds_ago: Some(9),
        problem: None,
    });
    status
}

const HOSTILE: &str = "a\"} 1\nevil{x=\"\\\u{1b}[2J\u{9b}é";

fn figures() -> Figures {
    let mut figures = Figures::default();
    let probes = Arc::make_mut(&mut figures.probes);
    let took = Duration::from_millis(3);
    probes.note(&ProbeKind::Tcp, ProbeResult::Success, took);
    probes.note(
        &ProbeKind::Icmp,
        ProbeResult::None(NoResult::NoOpinion),
        took,
    );
    figures.tell(Severity::Warning);
    figures.late(took);
    figures
}

fn reading() -> Reading {
    let counters = Counters {
        connections: 9,
        in_bytes: u64::MAX,
        ..Counters::default()
    };
    let server = |active| ServerTraffic {
        counters,
        connections: ConnectionCounts {
            active,
            inactive: 2,
            persistent: 0,
        },
    };
    let of_service = ServiceTraffic {
        counters,
        servers: BTreeMap::from([
            ("10.0.0.1:5672".parse().unwrap(), server(3)),
            ("10.0.0.2:5672".parse().unwrap(), server(4)),
        ]),
    };
    Reading {
        services: BTreeMap::from([("TCP 192.0.2.10:5672".parse().unwrap(), of_service)]),
    }
}

fn made(status: &Status, kernel: Option<&Reading>) -> String {
    render(&Known {
        status,
        figures: &figures(),
        kernel,
        started: 1_700_000_000,
    })
}

/// One sample: its name, its labels, its value.
type Sample = (String, BTreeMap<String, String>, f64);

/// What a strict reader makes of the text: the type of each family, and its samples.
fn read(text: &str) -> BTreeMap<String, (String, Vec<Sample>)> {
    let mut families: BTreeMap<String, (String, Vec<Sample>)> = BTreeMap::new();
    let (mut helped, mut present) = (None, String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(words.len() > 10, "{line}");
            helped = Some(name.to_owned());
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of.split_once(' ').unwrap();
            assert_eq!(helped.take().as_deref(), Some(name), "{line}");
            name.clone_into(&mut present);
            let new = families.insert(present.clone(), (kind.to_owned(), Vec::new()));
            assert!(new.is_none(), "twice: {line}");
        } else {
            let sample = sample(line);
            let rest = sample.0.strip_prefix(&present);
            assert!(
                matches!(rest, Some("" | "_bucket" | "_sum" | "_count")),
                "not of {present}: {line}"
            );
            families.get_mut(&present).unwrap().1.push(sample);
        }
    }
    assert!(text.ends_with('\n'));
    families
}

fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
    let mut labels = labels.strip_suffix('}').unwrap();
    let mut read = BTreeMap::new();
    while !labels.is_empty() {
        let (label, rest) = labels.split_once("=\"").unwrap();
        let mut chars = rest.char_indices();
        let mut text = String::new();
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => text.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    char @ ('"' | '\\') => char,
                    other => panic!("\\{other} in {line}"),
                }),
                (_, char) => text.push(char),
            }
        };
        assert!(read.insert(label.to_owned(), text).is_none(), "{line}");
        labels = &rest[end + 1..];
        labels = labels.strip_prefix(',').unwrap_or(labels);
    }
    (name.to_owned(), read, value.parse().unwrap())
}

#[test]
fn each_metric_has_help_and_type_and_no_sample_is_twice() {
    let text = made(&status(), Some(&reading()));
    let families = read(&text);
    for (name, (kind, samples)) in &families {
        let family: Vec<&&Family> = ALL.iter().filter(|it| it.name == *name).collect();
        assert_eq!(family.len(), 1, "{name}");
        let declared: BTreeSet<&str> = family[0].labels.iter().copied().collect();
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        let mut seen = BTreeSet::new();
        for (sample, labels, _) in samples {
            let names = labels.keys().map(String::as_str);
            let names: BTreeSet<&str> = names.filter(|it| *it != "le").collect();
            assert_eq!(names, declared, "{sample}");
            assert!(seen.insert((sample, labels)), "{sample} {labels:?}");
        }
    }
    let missing = ALL.iter().filter(|it| !families.contains_key(it.name));
    let missing: Vec<&str> = missing.map(|it| it.name).collect();
    assert!(missing.is_empty(), "no sample of {missing:?}");
}

/// The only value of this metric that has these labels.
fn value(text: &str, name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
    let families = read(text);
    let (_, samples) = families.get(name)?;
    let fits = |labels: &BTreeMap<String, String>| {
        let mut wanted = wanted.iter();
        wanted.all(|(label, value)| labels.get(*label).is_some_and(|it| it == value))
    };
    let mut found = samples.iter().filter(|(_, labels, _)| fits(labels));
    let value = found.next().map(|(_, _, value)| *value);
    assert!(found.next().is_none(), "several of {name} {wanted:?}");
    value
}

#[test]
fn values_are_those_of_the_status_the_engine_and_the_kernel() {
    let text = made(&status(), Some(&reading()));
    let down = [("server", "10.0.0.2:5672")];
    for (name, labels, wanted) in [
        ("director_start_time_seconds", &[][..], 1_700_000_000.0),
        ("director_service_up", &[], 1.0),
        ("director_service_servers", &[("state", "down")], 1.0),
        ("director_service_active_connections", &[], 7.0),
        ("director_service_connections_total", &[], 9.0),
        ("director_server_up", &down, 0.0),
        ("director_server_state", &down, 1.0),
        ("director_server_active_connections", &down, 4.0),
        (
            "director_check_probes_total",
            &[("outcome", "could_not_run")],
            2.0,
        ),
        ("director_check_last_latency_seconds", &[], 0.0015),
        (
            "director_probes_total",
            &[("type", "tcp"), ("outcome", "success")],
            1.0,
        ),
        ("director_events_total", &[("severity", "warning")], 1.0),
        ("director_kernel_up", &[], 1.0),
        ("director_vrrp_state", &[("state", "backup")], 1.0),
        ("director_vrrp_state", &[("state", "master")], 0.0),
        ("director_loop_lag_longest_seconds", &[], 0.003),
    ] {
        assert_eq!(
            value(&text, name, labels),
            Some(wanted),
            "{name} {labels:?}"
        );
    }
    assert!(text.contains("director_check_latency_seconds_bucket{type=\"tcp\",le=\"0.0025\"} 0\n"));
    assert!(text.contains("director_check_latency_seconds_bucket{type=\"tcp\",le=\"0.005\"} 1\n"));
    assert!(text.contains("director_check_latency_seconds_bucket{type=\"tcp\",le=\"+Inf\"} 1\n"));
    // 64 bits are written as they are.
    assert!(text.contains(&format!(" {}\n", u64::MAX)));
}

#[test]
fn without_the_kernels_counters_all_else_is_there() {
    let text = made(&status(), None);
    assert_eq!(value(&text, "director_kernel_up", &[]), Some(0.0));
    assert!(!text.contains("connections_total") && !text.contains("active_connections"));
    assert_eq!(value(&text, "director_service_up", &[]), Some(1.0));
    let nothing = made(&Status::default(), None);
    assert_eq!(value(&nothing, "director_kernel_up", &[]), None);
    assert_eq!(value(&nothing, "director_reload_success", &[]), Some(1.0));
}

#[test]
fn hostile_text_stays_in_its_label() {
    let text = made(&status(), None);
    let shown = HOSTILE.replace(['\u{1b}', '\u{9b}'], "\u{fffd}");
    let check = [("check", &*shown)];
    assert_eq!(value(&text, "director_check_success", &check), Some(1.0));
    assert!(!text.lines().any(|line| line.starts_with("evil")));
    assert!(text.chars().all(|it| it == '\n' || !it.is_control()));
}

#[test]
fn a_service_whose_servers_are_all_out_is_not_up() {
    let mut status = status();
    let servers: &mut Vec<ServerStatus> = &mut status.services[0].servers;
    servers[0].weight = Some(0);
    servers[1].weight = None;
    assert_eq!(
        value(&made(&status, None), "director_service_up", &[]),
        Some(0.0)
    );
}

/// The table in the docs.
fn table() -> String {
    let rows = ALL.iter().map(|family| {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels = family.labels.join(", ");
        format!(
            "| `{}` | {kind} | {labels} | {} |\n",
            family.name, family.help
        )
    });
    let head = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
    std::iter::once(head.to_owned()).chain(rows).collect()
}

fn file(path: &str) -> (PathBuf, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn the_docs_have_every_metric() {
    let (path, text) = file("docs/operations.md");
    let (begin, end) = ("<!-- all metrics -->\n", "<!-- end -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (found, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = format!("{before}{begin}{}{end}{after}", table());
        fs::write(path, text).unwrap();
    } else {
        assert_eq!(found, table(), "UPDATE_GOLDEN=1 writes it anew");
    }
}

#[test]
fn the_dashboard_and_the_alerts_use_metrics_that_there_are() {
    for path in [
        "examples/monitoring/dashboard.json",
        "examples/monitoring/alerts.yml",
        "examples/monitoring/alerts_test.yml",
    ] {
        let (_, text) = file(path);
        let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        let used: BTreeSet<&str> = words.filter(|it| it.starts_with("director_")).collect();
        assert!(used.len() > 5, "{path}: {used:?}");
        for name in used {
            let known = ALL.iter().any(|family| match family.kind {
                Kind::Counter | Kind::Gauge => family.name == name,
                Kind::Histogram => ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|it| name.strip_suffix(it) == Some(family.name)),
            });
            assert!(known, "{path}: there is no {name}");
        }
    }
}

#[test]
fn the_dashboard_is_json_with_a_variable_for_the_data_source() {
    let (_, text) = file("examples/monitoring/dashboard.json");
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(variables.iter().any(|it| it["type"] == "datasource"));
    let panels = dashboard["panels"].as_array().unwrap();
    let numbers: BTreeSet<u64> = panels.iter().map(|it| it["id"].as_u64().unwrap()).collect();
    assert_eq!(numbers.len(), panels.len());
    for panel in panels.iter().filter(|it| it["type"] != "row") {
        assert_eq!(
            panel["datasource"]["uid"], "${datasource}",
            "{}",
            panel["title"]
        );
    }
}

/// `make monitoring` runs it.
#[test]
#[ignore = "it needs promtool: make monitoring"]
fn promtool_accepts_the_text() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let mut promtool = Command::new(program);
    let mut promtool = promtool
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = made(&status(), Some(&reading()));
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// What a real scrape of 1,000 services with 10 servers each costs, in a release build:
/// `cargo test --release --lib web::metrics -- --ignored --nocapture`.
#[test]
#[ignore = "it prints a time, and asserts nothing"]
fn the_cost_of_ten_thousand_servers() {
    let model = status();
    let (service, one) = (&model.services[0], reading());
    let traffic = one.services.values().next().unwrap();
    let mut large = Status::default();
    let mut kernel = Reading::default();
    for number in 0..1_000_u32 {
        let key = format!("TCP 192.0.{}.{}:80", number / 256, number % 256);
        let key: crate::model::ServiceKey = key.parse().unwrap();
        let servers = (1..=10).map(|server| ServerStatus {
            server: format!("10.{}.{}.{server}:80", number / 256, number % 256)
                .parse()
                .unwrap(),
            checks: vec![check("tcp 10.0.0.1:80")],
            ..service.servers[0].clone()
        });
        large.services.push(ServiceStatus {
            service: key,
            servers: servers.collect(),
            ..service.clone()
        });
        let servers = large.services.last().unwrap().servers.iter();
        let each = *traffic.servers.values().next().unwrap();
        let traffic = ServiceTraffic {
            counters: traffic.counters,
            servers: servers.map(|it| (it.server, each)).collect(),
        };
        kernel.services.insert(key, traffic);
    }
    let began = crate::web::clock::now();
    let text = made(&large, Some(&kernel));
    let lines = text.lines().count();
    println!(
        "{lines} lines, {} bytes, in {:?}",
        text.len(),
        began.elapsed()
    );
}
