// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers that are checked by TLS.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lab::tls::{Authority, Identity, take};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig};

use super::amqp::{LETS_IN, converse};
use super::http::answer;
use super::peer::{HANGS, Peer};
use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::Stage;

const RS1: &str = "192.168.0.2:443";
const RS2: &str = "192.168.0.3:443";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_server_whose_certificate_does_not_count_leaves_and_returns_with_a_good_one",
            certificates,
        ),
        (
            "a_broker_is_asked_by_tls_and_so_is_its_management_api",
            broker,
        ),
        (
            "a_certificate_that_ends_soon_is_told_once_and_takes_nobody_out",
            warning,
        ),
    ]
}

/// What a server shows.
const GOOD: u16 = 1;
const ENDED: u16 = 2;
const OF_ANOTHER_CA: u16 = 3;
const NO_TLS: u16 = 4;

fn server(identity: &Identity) -> Arc<ServerConfig> {
    identity.server(ALL_VERSIONS, None).unwrap()
}

fn in_time(stream: TcpStream) -> TcpStream {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    stream
}

/// A CA, with its file.
fn authority(files: &Files) -> Authority {
    let authority = Authority::new("the CA of the test").unwrap();
    fs::write(files.path("ca.pem"), authority.pem()).unwrap();
    authority
}

/// A server of the service 192.168.0.10:443 on two hosts.
fn stage() -> (Stage, Files) {
    let vip = "192.168.0.10:443".parse().unwrap();
    (Stage::direct_routing(2, &[vip]), Files::new())
}

fn service(check: &str) -> String {
    format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: 192.168.0.10:443\n    scheduler: rr\n    \
         check: {check}\n    servers: [192.168.0.2, 192.168.0.3]\n"
    )
}

fn certificates() {
    let (mut stage, files) = stage();
    let authority = authority(&files);
    let other = Authority::new("another CA").unwrap();
    let webs = [0_usize, 1].map(|index| {
        let names = ["web.example"];
        let [good, ended] = [9, -9].map(|days| server(&authority.sign(&names, days).unwrap()));
        let foreign = server(&other.sign(&names, 9).unwrap());
        Peer::start(&stage.servers[index], 8443, GOOD, move |stream, shows| {
            let stream = in_time(stream);
            match shows {
                NO_TLS => answer(stream, 400),
                ENDED => answer(take(&ended, stream).unwrap(), 200),
                OF_ANOTHER_CA => answer(take(&foreign, stream).unwrap(), 200),
                _ => answer(take(&good, stream).unwrap(), 200),
            }
        })
    });
    let ca = files.path("ca.pem");
    files.write(&service(&format!(
        "{{https: {{port: 8443, path: /ready, host: web.example, ca_file: {}}}}}",
        ca.display()
    )));
    let director = Running::start(&stage.director, &files, &[]);
    let both = [(RS1, 1), (RS2, 1)];
    wait_for_weights(&mut stage, &both);

    for (shows, why) in [
        (
            ENDED,
            "(the server's certificate, or that of a CA of it, ended at 20",
        ),
        (
            OF_ANOTHER_CA,
            "(the server's certificate has an issuer that is not in ca_file /",
        ),
        (NO_TLS, "(the server does not speak TLS, 3/3)"),
        (
            HANGS,
            "(connected, but the TLS handshake did not end in time, 3/3)",
        ),
    ] {
        webs[0].acts(shows);
        wait_for_weights(&mut stage, &[(RS2, 1)]);
        director.wait_for(&format!("up -> down {why}"));
        webs[0].acts(GOOD);
        wait_for_weights(&mut stage, &both);
    }
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    let asked = "  check https 192.168.0.2:8443/ready host web.example name web.example ca /";
    assert!(why.out.contains(asked), "{}", why.out);

    // A file that is gone is no failure of the servers.
    let pem = fs::read(&ca).unwrap();
    fs::remove_file(&ca).unwrap();
    director.wait_for("ca.pem: no such file or directory (ENOENT)");
    director.wait_for("could not run (4 in a row)");
    wait_for_weights(&mut stage, &both);
    fs::write(&ca, pem).unwrap();
    director.wait_for("runs again");
    assert_eq!(director.count("up -> down"), 4, "{}", director.log());
}

fn broker() {
    let vips = ["192.168.0.10:5671", "192.168.0.10:15672"].map(|it| it.parse().unwrap());
    let mut stage = Stage::direct_routing(1, &vips);
    let files = Files::new();
    let authority = authority(&files);
    let by_address = server(&authority.sign(&["192.168.0.2"], 9).unwrap());
    let by_name = authority.sign(&["rabbit.example"], 9).unwrap();
    let by_name = by_name.server(&[&TLS12], Some(&authority)).unwrap();
    let broker = Peer::start(&stage.servers[0], 5673, LETS_IN, move |stream, acts| {
        converse(take(&by_address, in_time(stream)).unwrap(), acts);
    });
    // The default port of the management API by TLS.
    let management = Peer::start(&stage.servers[0], 15671, 200, move |stream, status| {
        answer(take(&by_name, in_time(stream)).unwrap(), status);
    });
    let director_s = authority.sign(&["director.example"], 9).unwrap();
    fs::write(files.path("client.pem"), &director_s.pem).unwrap();
    fs::write(files.path("client.key"), director_s.key_pem()).unwrap();
    fs::write(files.path("password"), "open sesame\n").unwrap();
    let file = |name: &str| files.path(name).display().to_string();
    let ca = file("ca.pem");
    files.write(&format!(
        "defaults: {{min_healthy: 0, {QUICK}}}\nvirtual_services:\n  - address: 192.168.0.10:5671\n    servers: [192.168.0.2]\n    \
         check: {{amqp: {{port: 5673, user: monitor, password_file: {}, tls: {{ca_file: {ca}}}}}}}\n  \
         - address: 192.168.0.10:15672\n    servers: [192.168.0.2]\n    check: {{rabbitmq: {{tls: {{ca_file: {ca}, \
         server_name: rabbit.example, client_certificate: {}, client_key: {}}}}}}}\n",
        file("password"),
        file("client.pem"),
        file("client.key")
    ));
    let director = Running::start(&stage.director, &files, &[]);
    let (amqp, api) = ("192.168.0.2:5671", "192.168.0.2:15672");
    wait_for_weights(&mut stage, &[(amqp, 1), (api, 1)]);

    broker.acts(HANGS);
    wait_for_weights(&mut stage, &[(api, 1)]);
    broker.acts(LETS_IN);
    management.acts(503);
    wait_for_weights(&mut stage, &[(amqp, 1), (api, 0)]);
    director.wait_for("up -> drain (the node drains or boots");
    management.acts(200);
    wait_for_weights(&mut stage, &[(amqp, 1), (api, 1)]);

    let key = director_s.key_pem();
    let secrets = ["open sesame", key.lines().nth(1).unwrap()];
    let shown = files.once(&stage.director, "check", &["--print"]);
    assert!(shown.out.contains("client_key: "), "{shown:?}");
    let texts = [
        director.log(),
        files.why(&stage.director, "192.168.0.2", &[]).out,
        shown.out,
    ];
    for text in &texts {
        assert!(
            !secrets.iter().any(|secret| text.contains(secret)),
            "{text}"
        );
    }
}

fn warning() {
    let (mut stage, files) = stage();
    let authority = authority(&files);
    let webs = [0_usize, 1].map(|index| {
        let address = ["192.168.0.2", "192.168.0.3"][index];
        let sign = |days| authority.sign(&[address], days).unwrap();
        let [soon, later] = [sign(5), sign(99)].map(|it| it.server(&[&TLS13], None).unwrap());
        Peer::start(&stage.servers[index], 8443, GOOD, move |stream, shows| {
            let config = if shows == GOOD { &later } else { &soon };
            answer(take(config, in_time(stream)).unwrap(), 200);
        })
    });
    webs[0].acts(ENDED);
    let ca = files.path("ca.pem");
    let check = format!(
        "{{tls: {{port: 8443, min_days: 14, ca_file: {}}}}}",
        Path::new(&ca).display()
    );
    files.write(&service(&check));
    let director = Running::start(&stage.director, &files, &[]);
    let both = [(RS1, 1), (RS2, 1)];
    wait_for_weights(&mut stage, &both);
    let told = "check of real server 192.168.0.2:443 of TCP 192.168.0.10:443 warns: the server's certificate ends at 20";
    let line = director.wait_for(told);
    assert!(
        line.contains("WARN") && line.ends_with("in less than 14 days"),
        "{line}"
    );
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert!(
        why.out
            .contains("\n    warning: the server's certificate ends at 20"),
        "{}",
        why.out
    );

    webs[0].acts(GOOD);
    director.wait_for("check of real server 192.168.0.2:443 of TCP 192.168.0.10:443 warns no more");
    let why = files.why(&stage.director, "192.168.0.2", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&why.out).unwrap();
    assert_eq!(json[0]["checks"][0]["warning"], serde_json::Value::Null);
    wait_for_weights(&mut stage, &both);
    assert_eq!(director.count(" warns: "), 1, "{}", director.log());
    assert_eq!(director.count("up -> down"), 0, "{}", director.log());
}
