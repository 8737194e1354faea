// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted in the kernel's list, and how it is printed.

use super::*;
use crate::cli::own;

const TITLE: &str =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";
const KERNEL: &str = "\
TCP 0A000002 925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED     892
TCP 0A000002 925B 0A000064 1F90 0A01010C 1F90 ESTABLISHED     892
TCP 0A000002 925C 0A000064 1F90 0A01010B 1F90 TIME_WAIT        92
TCP 0A000001 925A 0A000064 1F90 0A01010B 1F90 SYN_RECV         42
TCP 0A000000 0000 0A000064 1F90 0A01010B 1F90 ASSURED         292
UDP fd00:0000:0000:0000:0000:0000:0000:00ff 8619 fd00:0000:0000:0000:0000:0000:0000:00ff 0035 0AFF0002 0035 UDP             297
IP  0AFF0000 0000 00000009 0000 0AFF0002 0000 NONE             97
UDP 0A000001 0000 0A000064 13C4 0A01010B 13C4 NONE            112 sip abc123@host
";

fn wanted(line: &str) -> Result<Wanted, Failure> {
    let words: Vec<&str> = line.split(' ').collect();
    Wanted::read(&own::parse(&words).unwrap()?)
}

fn count(line: &str, list: &str) -> (Counted, usize) {
    let wanted = wanted(line).unwrap();
    let input = format!("{TITLE}{list}");
    let counted = Counted::read(input.as_bytes(), &wanted).unwrap();
    (counted, wanted.rows)
}

fn text(line: &str, list: &str) -> String {
    let (counted, rows) = count(line, list);
    let mut out = String::new();
    render(&mut out, &counted, rows).unwrap();
    out
}

fn json(line: &str, list: &str) -> serde_json::Value {
    let (counted, rows) = count(line, list);
    serde_json::to_value(Document::new(&counted, rows)).unwrap()
}

#[test]
fn clients_and_servers_are_counted_the_busiest_first() {
    assert_eq!(
        text("top-connections", KERNEL),
        "\
Client         Conns   Share  Established    Opening    Closing      Other
10.0.0.2           3   60.0%            2          0          1          0
10.0.0.1           1   20.0%            0          1          0          0
fd00::ff           1   20.0%            0          0          0          1
3 clients          5  100.0%            2          1          1          1

Server              Conns   Share  Established    Opening    Closing      Other
10.1.1.11:8080          3   60.0%            1          1          1          0
10.1.1.12:8080          1   20.0%            1          0          0          0
10.255.0.2:53           1   20.0%            0          0          0          1
3 servers               5  100.0%            2          1          1          1

not counted: 3 persistence templates
"
    );
}

#[test]
fn rows_are_cut_and_the_sum_is_that_of_all() {
    assert_eq!(
        text("top-connections --by service --rows=1", KERNEL),
        "\
Service                  Conns   Share  Established    Opening    Closing      Other
TCP 10.0.0.100:8080          4   80.0%            2          1          1          0
2 services                   5  100.0%            2          1          1          1

not counted: 3 persistence templates
"
    );
}

#[test]
fn nothing_is_told_as_nothing() {
    assert_eq!(
        text("top-connections --by client", ""),
        "\
Client         Conns   Share  Established    Opening    Closing      Other
0 clients          0       -            0          0          0          0

not counted: 0 persistence templates
"
    );
}

#[test]
fn what_the_filter_leaves_out_is_not_counted() {
    for (line, connections, templates) in [
        ("top-connections", 5, 3),
        ("top-connections --client 10.0.0.2", 3, 0),
        ("top-connections --state syn_recv,udp", 2, 0),
        (
            "top-connections --server 10.1.1.11 --service tcp:10.0.0.100",
            3,
            1,
        ),
        ("top-connections --service fwm:9", 0, 1),
    ] {
        let (counted, _) = count(line, KERNEL);
        let found = (counted.connections.total(), counted.templates);
        assert_eq!(found, (connections, templates), "{line}");
    }
}

#[test]
fn json_says_what_the_text_says() {
    let all = json("top-connections --rows 1", KERNEL);
    assert_eq!(all["services"], serde_json::Value::Null);
    assert_eq!(
        all["clients"],
        serde_json::json!({
            "count": 3,
            "error": 0,
            "rows": [{
                "address": "10.0.0.2",
                "connections": {"total": 3, "established": 2, "opening": 0, "closing": 1, "other": 0},
                "uncounted": 0,
            }],
        })
    );
    assert_eq!(all["servers"]["rows"][0]["port"], 8080);
    assert_eq!(
        (&all["connections"]["total"], &all["persistence_templates"]),
        (&5.into(), &3.into())
    );
    let services = json("top-connections --by service", KERNEL);
    assert_eq!(services["clients"], serde_json::Value::Null);
    assert_eq!(services["services"]["rows"][0]["protocol"], "tcp");
}

#[test]
fn where_there_are_too_many_it_is_said_how_far_off_the_counts_are() {
    let line = |client| format!("TCP {client:08X} 0400 0A000064 1F90 0A01010B 1F90 SYN_RECV 9\n");
    let list: String = (0..=ROOM).map(line).collect();
    let text = text("top-connections --by client --rows 1", &list);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[2].starts_with("more than 50000 clients      50001  100.0%"),
        "{text}"
    );
    assert_eq!(
        lines[3],
        "too many to count each: a client with more than 1 is not missed, and no count is more than 1 too low"
    );
    let json = json("top-connections --by client", &list);
    assert_eq!(
        (&json["clients"]["count"], &json["clients"]["error"]),
        (&serde_json::Value::Null, &1.into())
    );
}

#[test]
fn a_line_that_makes_no_sense_is_an_error() {
    let list = format!("{TITLE}{KERNEL}TCP 0A000002\n");
    let counted = Counted::read(list.as_bytes(), &wanted("top-connections").unwrap());
    assert_eq!(
        counted.unwrap_err().to_string(),
        "connection without a FPrt"
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (line, message) in [
        (
            "top-connections --by port",
            "invalid by `port' specified: one of client, server, service",
        ),
        (
            "top-connections --rows 0",
            "invalid rows `0' specified: 1 to 1000",
        ),
        (
            "top-connections --rows 1001",
            "invalid rows `1001' specified: 1 to 1000",
        ),
        ("top-connections --rows", "--rows: missing argument"),
        (
            "top-connections --client rs1",
            "invalid client `rs1' specified",
        ),
        ("top-connections --state ,", "invalid state `,' specified"),
        ("top-connections x", "unexpected argument x"),
        ("top-connections -n", "-n: unknown option"),
    ] {
        let failure = wanted(line).unwrap_err();
        let said = failure.message.lines().next();
        assert_eq!((said, failure.status), (Some(message), 2), "{line}");
    }
}
