// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/metrics` of a running director: what clients, checks and reloads do to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use lab::netns::Host;
use lvs_director::model::Protocol;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, QUICK, Running, wait_for_weights};
use super::web::page;
use crate::Test;
use crate::stage::{Stage, wait_for};

const HERE: &str = "192.168.0.11:8100";
const VIP: &str = "10.9.0.10:80";
const ANY: &str = "0.0.0.0:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "metrics_follow_clients_and_checks_and_a_reload_keeps_them",
            follow,
        ),
        ("metrics_of_ten_thousand_servers_are_scraped", many),
    ]
}

/// What a scrape gives: its length, and each whole number by its name and labels.
fn scrape(from: &Host) -> (usize, BTreeMap<String, u64>) {
    let answer = page(from, HERE, "/metrics").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("content-type: text/plain; version=0.0.4"),
        "{answer}"
    );
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    (body.len(), samples.collect())
}

/// Waits until a sample has a value that is right.
fn wait_until(stage: &Stage, name: &str, right: impl Fn(u64) -> bool) -> u64 {
    wait_for(name, || {
        let value = scrape(&stage.client).1.get(name).copied();
        value.filter(|it| right(*it))
    })
}

fn of(metric: &str, server: &str) -> String {
    format!("director_{metric}{{service=\"TCP {VIP}\",server=\"{server}\"}}")
}

fn probes(server: &str, outcome: &str) -> String {
    format!(
        "director_check_probes_total{{service=\"TCP {VIP}\",server=\"{server}\",check=\"tcp {server}\",outcome=\"{outcome}\"}}"
    )
}

fn yaml(servers: &str) -> String {
    format!(
        "web: {{listen: 0.0.0.0:8100, path: /stats}}\ndefaults: {{{QUICK}}}\nvirtual_services: [{{address: {VIP}, \
         scheduler: rr, forwarding: nat, servers: {servers}}}]\n"
    )
}

fn follow() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    let vip: SocketAddr = VIP.parse().unwrap();
    stage.vip(vip.ip());
    stage.serve_everywhere(Protocol::Tcp, ANY.parse().unwrap());
    files.write(&yaml("[192.168.0.2, 192.168.0.3]"));
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("status page at");
    let (first, second) = ("192.168.0.2:80", "192.168.0.3:80");
    wait_for_weights(&mut stage, &[(first, 1), (second, 1)]);

    let served = format!("director_service_connections_total{{service=\"TCP {VIP}\"}}");
    assert_eq!(wait_until(&stage, &served, |_| true), 0);
    for _ in 0..10 {
        stage.ask(Protocol::Tcp, None, vip);
    }
    wait_until(&stage, &served, |it| it == 10);
    let (_, seen) = scrape(&stage.client);
    let each = [first, second].map(|it| seen[&of("server_connections_total", it)]);
    assert_eq!(each.iter().sum::<u64>(), 10, "{each:?}");
    assert!(each.iter().all(|it| *it > 0), "{each:?}");
    assert!(seen[&of("server_incoming_bytes_total", first)] > 0);
    assert!(seen[&of("server_outgoing_bytes_total", first)] > 0);
    assert_eq!(seen["director_kernel_up"], 1);
    assert!(seen[&probes(first, "success")] >= 2);
    assert!(seen["director_reconcile_steps_total"] >= 3);

    stage.stop_serving(1, ANY.parse().unwrap());
    wait_until(&stage, &of("server_up", second), |it| it == 0);
    wait_until(&stage, &probes(second, "failure"), |it| it >= 3);
    let (_, seen) = scrape(&stage.client);
    assert!(!seen.contains_key(&of("server_weight", second)));
    let failures = "director_probes_total{type=\"tcp\",outcome=\"failure\"}";
    assert!(seen[failures] >= 3);
    assert!(seen["director_verdict_delay_seconds_count"] >= 1);

    // Another server comes, and nothing begins anew.
    files.write(&yaml("[192.168.0.2, 192.168.0.3, 192.168.0.4]"));
    director.signal(SIGHUP);
    wait_until(&stage, "director_reloads_total{result=\"applied\"}", |it| {
        it == 1
    });
    let (_, after) = scrape(&stage.client);
    for kept in [
        served,
        of("server_connections_total", first),
        probes(second, "failure"),
        failures.to_owned(),
        "director_start_time_seconds".to_owned(),
    ] {
        assert!(after[&kept] >= seen[&kept], "{kept}");
    }
    assert!(
        page(&stage.client, HERE, "/stats/metrics")
            .unwrap()
            .starts_with("HTTP/1.1 404")
    );
    director.stop();
}

/// It prints how long a scrape takes. A director without checks: what is measured is the scrape.
fn many() {
    let (stage, files) = (Stage::new(1), Files::new());
    let servers: Vec<String> = (1..=10).map(|it| format!("10.1.0.{it}")).collect();
    let servers = servers.join(", ");
    let services: Vec<String> = (0..1_000)
        .map(|it| {
            format!(
                "  - {{address: 10.9.{}.{}:80, servers: [{servers}]}}\n",
                1 + it / 250,
                1 + it % 250
            )
        })
        .collect();
    files.write(&format!(
        "web: {{listen: 0.0.0.0:8100}}\ndefaults: {{check: none}}\nvirtual_services:\n{}",
        services.concat()
    ));
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("status page at");
    for scrape_number in 1..=3 {
        let began = Instant::now();
        let (bytes, seen) = scrape(&stage.client);
        println!(
            "scrape {scrape_number} of 1,000 services x 10 servers: {} samples, {bytes} bytes, {:?}",
            seen.len(),
            began.elapsed()
        );
        let up = seen
            .keys()
            .filter(|it| it.starts_with("director_server_up{"));
        assert_eq!(up.count(), 10_000);
    }
    wait_for("the kernel's counters of all servers", || {
        let (_, seen) = scrape(&stage.client);
        let counted = seen.keys();
        let counted = counted.filter(|it| it.starts_with("director_server_connections_total{"));
        (counted.count() == 10_000).then_some(())
    });
    director.stop();
}
