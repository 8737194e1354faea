// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server with clients that misbehave, while a good one still gets its answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::{FakeDirector, LONG, connect, eventually, reloaded};
use crate::control::{Access, Client, ClientError, Hello, Limits, Request};

const HELLO: &str = "{\"hello\":{\"protocol\":2,\"oldest\":2,\"program\":\"test\"}}\n";

/// Short for bad clients, long enough that no good client is given up.
const PATIENT: Limits = Limits {
    clients: 64,
    requests: 3,
    line: 1000,
    patience: LONG,
    idle: LONG,
    alive: LONG,
};

const IMPATIENT: Limits = Limits {
    patience: Duration::from_millis(100),
    idle: Duration::from_millis(100),
    ..PATIENT
};

/// Sends this, and returns everything until the director closes.
fn all(director: &FakeDirector, bytes: &[u8]) -> String {
    let mut stream = connect(&director.path());
    // The director may have closed already: some tests want to see that.
    let _ = stream.write_all(bytes);
    until_closed(&mut stream)
}

fn until_closed(stream: &mut UnixStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        // It closed before it had read all.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    String::from_utf8(all).unwrap()
}

fn lines(stream: &UnixStream) -> impl Iterator<Item = String> + use<> {
    BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map(|line| line.unwrap())
}

fn greeted(director: &FakeDirector) -> UnixStream {
    let mut stream = connect(&director.path());
    stream.write_all(HELLO.as_bytes()).unwrap();
    let line = lines(&stream).next().unwrap();
    assert!(line.starts_with("{\"hello\":{\"protocol\":2,"), "{line}");
    stream
}

fn is_answered(director: &FakeDirector) {
    let mut client = Client::connect(&director.path()).unwrap();
    let items: Result<Vec<_>, _> = client
        .ask(Request::Reload { wait: false })
        .unwrap()
        .collect();
    assert_eq!(items.unwrap(), [reloaded(1)]);
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let director = FakeDirector::start(PATIENT);
    let mut client = Client::connect(&director.path()).unwrap();
    assert_eq!(client.director(), &Hello::ours());
    for _ in 0..3 {
        let items: Result<Vec<_>, _> = client
            .ask(Request::Reload { wait: false })
            .unwrap()
            .collect();
        assert_eq!(items.unwrap(), [reloaded(1)]);
        let refused = Request::Events {
            after: None,
            follow: false,
        };
        let error = client.ask(refused).unwrap().next().unwrap().unwrap_err();
        assert!(error.to_string().ends_with(": no"), "{error}");
    }
}

#[test]
fn an_unknown_request_is_answered_and_the_connection_goes_on() {
    let director = FakeDirector::start(PATIENT);
    let mut stream = greeted(&director);
    stream
        .write_all(b"{\"id\":7,\"request\":\"fly\"}\n{\"id\":8,\"request\":\"reload\"}\n")
        .unwrap();
    let mut lines = lines(&stream);
    let line = lines.next().unwrap();
    assert!(
        line.starts_with("{\"id\":7,\"error\":\"director "),
        "{line}"
    );
    assert!(
        line.contains("control protocol 2) does not know the request \\\"fly\\\""),
        "{line}"
    );
    assert!(lines.next().unwrap().starts_with("{\"id\":8,\"item\":"));
    assert_eq!(lines.next().unwrap(), "{\"id\":8,\"end\":true}");
}

#[test]
fn garbage_between_requests_is_answered_and_the_connection_goes_on() {
    let director = FakeDirector::start(PATIENT);
    let mut stream = greeted(&director);
    for garbage in [&b"\n"[..], b"\0\xff\n", b"{\"id\":1}\n", b"[[[[\n"] {
        stream.write_all(garbage).unwrap();
        stream
            .write_all(b"{\"id\":8,\"request\":\"reload\"}\n")
            .unwrap();
        let mut lines = lines(&stream).take(3);
        assert!(
            lines
                .next()
                .unwrap()
                .starts_with("{\"error\":\"not a line of control protocol 2")
        );
        assert!(lines.next().unwrap().starts_with("{\"id\":8,\"item\":"));
        assert_eq!(lines.next().unwrap(), "{\"id\":8,\"end\":true}");
    }
}

#[test]
fn a_client_of_protocol_1_gets_an_error_that_it_can_read() {
    let director = FakeDirector::start(PATIENT);
    let said = all(&director, b"\"status\"\n");
    // As its own type reads it: one key.
    let read: std::collections::BTreeMap<String, String> = serde_json::from_str(&said).unwrap();
    assert!(
        read["error"].contains("use the program that belongs to the running director"),
        "{said}"
    );
}

#[test]
fn versions_that_do_not_fit_are_told() {
    let director = FakeDirector::start(PATIENT);
    let said = all(
        &director,
        b"{\"hello\":{\"protocol\":9,\"oldest\":8,\"program\":\"director 7.0\"}}\n",
    );
    let mut lines = said.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("{\"hello\":{\"protocol\":2,"),
        "{said}"
    );
    let error = lines.next().unwrap();
    assert!(error.contains("restart the director"), "{said}");
    assert_eq!(lines.next(), None);
}

#[test]
fn who_does_not_say_hello_first_is_told() {
    let director = FakeDirector::start(PATIENT);
    for first in [
        &b"{\"id\":1,\"request\":\"status\"}\n"[..],
        b"GET / HTTP/1.1\n",
        b"\n",
    ] {
        assert_eq!(
            all(&director, first),
            "{\"error\":\"the first line must be a hello\"}\n"
        );
    }
}

#[test]
fn a_line_that_is_too_long_ends_the_connection() {
    let director = FakeDirector::start(PATIENT);
    let huge = vec![b'x'; 100_000];
    let told = "{\"error\":\"a line has at most 1000 bytes\"}\n";
    assert_eq!(all(&director, &huge), told);
    let mut stream = greeted(&director);
    let _ = stream.write_all(&huge);
    assert_eq!(until_closed(&mut stream), told);
    is_answered(&director);
}

#[test]
fn half_a_line_has_an_end() {
    let director = FakeDirector::start(Limits {
        idle: LONG,
        ..IMPATIENT
    });
    let told = "{\"error\":\"the line did not end in time\"}\n";
    assert_eq!(all(&director, b"{\"hel"), told);
    assert_eq!(all(&director, b""), told);
    let with_hello = all(&director, format!("{HELLO}{{\"id\":1,").as_bytes());
    assert!(with_hello.ends_with(told), "{with_hello}");
}

#[test]
fn who_asks_nothing_is_left_and_who_waits_for_an_answer_is_not() {
    let director = FakeDirector::start(Limits {
        alive: Duration::from_millis(50),
        ..IMPATIENT
    });
    let idle = all(&director, HELLO.as_bytes());
    assert!(idle.contains("{\"error\":\"no request came for"), "{idle}");
    let mut stream = greeted(&director);
    stream
        .write_all(b"{\"id\":1,\"request\":\"reload\",\"wait\":true}\n")
        .unwrap();
    let said: Vec<String> = lines(&stream).take(10).collect();
    assert!(
        said.iter().all(|line| line == "{\"alive\":true}"),
        "{said:?}"
    );
}

#[test]
fn half_a_line_at_the_end_is_none() {
    let director = FakeDirector::start(PATIENT);
    let mut stream = greeted(&director);
    stream
        .write_all(b"{\"id\":1,\"request\":\"reload\"}")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(until_closed(&mut stream), "");
}

#[test]
fn who_closes_its_side_still_gets_what_it_asked_for() {
    let director = FakeDirector::start(PATIENT);
    let mut stream = greeted(&director);
    stream
        .write_all(b"{\"id\":1,\"request\":\"reload\"}\n")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let said = until_closed(&mut stream);
    assert!(said.ends_with("{\"id\":1,\"end\":true}\n"), "{said}");
}

#[test]
fn a_stream_ends_soon_after_its_client_has_asked_all_it_wanted() {
    let director = FakeDirector::start(IMPATIENT);
    let mut stream = greeted(&director);
    stream
        .write_all(b"{\"id\":1,\"request\":\"reload\",\"wait\":true}\n")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(until_closed(&mut stream), "");
}

#[test]
fn requests_at_a_time_are_limited_and_have_different_numbers() {
    let director = FakeDirector::start(PATIENT);
    let mut stream = greeted(&director);
    let mut lines = lines(&stream);
    for id in [1, 2, 2, 3, 4] {
        writeln!(
            stream,
            "{{\"id\":{id},\"request\":\"reload\",\"wait\":true}}"
        )
        .unwrap();
    }
    assert_eq!(
        lines.next().unwrap(),
        "{\"id\":2,\"error\":\"request 2 is still being answered\"}"
    );
    assert_eq!(
        lines.next().unwrap(),
        "{\"id\":4,\"error\":\"3 requests of this client are being answered; wait for one of them\"}"
    );
}

#[test]
fn a_defect_ends_one_request_alone() {
    let director = FakeDirector::start(PATIENT);
    let mut stream = greeted(&director);
    stream
        .write_all(b"{\"id\":1,\"request\":\"standings\"}\n")
        .unwrap();
    assert_eq!(
        lines(&stream).next().unwrap(),
        "{\"id\":1,\"error\":\"the request ended by a defect; this is a bug\"}"
    );
    stream
        .write_all(b"{\"id\":2,\"request\":\"reload\"}\n")
        .unwrap();
    assert!(
        lines(&stream)
            .next()
            .unwrap()
            .starts_with("{\"id\":2,\"item\":")
    );
}

#[test]
fn who_never_reads_is_left_and_delays_nobody() {
    let director = FakeDirector::start(Limits {
        patience: Duration::from_millis(500),
        ..PATIENT
    });
    let mut stream = greeted(&director);
    stream
        .write_all(b"{\"id\":1,\"request\":\"status\",\"watch\":true}\n")
        .unwrap();
    is_answered(&director);
    // Writing fails once the director has left.
    eventually(|| stream.write_all(b"\n").is_err());
    is_answered(&director);
}

#[test]
fn one_client_more_than_there_is_room_for_is_told_so() {
    let director = FakeDirector::start(Limits {
        clients: 2,
        ..PATIENT
    });
    let (first, _second) = (greeted(&director), greeted(&director));
    assert_eq!(
        until_closed(&mut connect(&director.path())),
        "{\"error\":\"busy: 2 clients are connected; try again later\"}\n"
    );
    let error = Client::connect(&director.path()).unwrap_err();
    assert!(error.to_string().contains("busy"), "{error}");
    drop(first);
    // The place is free as soon as the director has seen it.
    eventually(|| Client::connect(&director.path()).is_ok());
}

#[test]
fn a_thousand_connections_leave_a_director_that_answers() {
    let director = FakeDirector::start(IMPATIENT);
    for round in 0..1000 {
        let mut stream = connect(&director.path());
        // Some send nothing, some send half a word, some ask and leave.
        match round % 3 {
            0 => {}
            1 => drop(stream.write_all(b"{\"he")),
            _ => drop(stream.write_all(HELLO.as_bytes())),
        }
    }
    eventually(|| Client::connect(&director.path()).is_ok());
}

#[test]
fn strangers_are_turned_away_and_readers_change_nothing() {
    let strangers = FakeDirector::start_for(PATIENT, |_| Access::Nothing);
    let error = Client::connect(&strangers.path()).unwrap_err();
    assert!(matches!(error, ClientError::Denied { .. }), "{error}");
    let said = "may not ask; run as root, as the director's own user, or as a member of the group lvs or watchers";
    assert!(error.to_string().ends_with(said), "{error}");

    let readers = FakeDirector::start_for(PATIENT, |_| Access::Reading);
    let mut client = Client::connect(&readers.path()).unwrap();
    let mut answer = client.ask(Request::Reload { wait: false }).unwrap();
    let error = answer.next().unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Denied { .. }), "{error}");
    let said = "may not change anything; run as root, as the director's own user, or as a member of the group lvs";
    assert!(error.to_string().ends_with(said), "{error}");
    let looking = Request::Status {
        services: Vec::new(),
        watch: true,
    };
    let mut client = Client::connect(&readers.path()).unwrap();
    assert!(client.ask(looking).unwrap().next().unwrap().is_ok());
}

#[test]
fn the_owner_may_ask_everything_and_others_what_their_groups_may() {
    use crate::control::{Group, Peer, Rules};
    use nix::unistd::geteuid;
    let peer = |uid, gid, groups: &[u32]| Peer {
        pid: Some(1),
        uid,
        gid,
        groups: groups.to_vec(),
    };
    let group = |gid| {
        let name = "lvs".into();
        Some(Group { name, gid })
    };
    let nobody = peer(65_534, 0, &[0, 7, 8]);
    let closed = Rules::default();
    assert_eq!(closed.access(&peer(0, 0, &[])), Access::Everything);
    let own = peer(geteuid().as_raw(), 9, &[]);
    assert_eq!(closed.access(&own), Access::Everything);
    assert_eq!(closed.access(&nobody), Access::Nothing);
    let rules = Rules {
        all: group(7),
        readers: group(8),
    };
    assert_eq!(rules.access(&nobody), Access::Everything);
    assert_eq!(rules.access(&peer(1, 7, &[])), Access::Everything);
    assert_eq!(rules.access(&peer(1, 8, &[])), Access::Reading);
    assert_eq!(rules.access(&peer(1, 1, &[9, 8])), Access::Reading);
    assert_eq!(rules.access(&peer(1, 0, &[9])), Access::Nothing);
}
