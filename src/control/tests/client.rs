// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client with servers that misbehave.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use super::LONG;
use crate::control::client::Patience;
use crate::control::{Client, ClientError, Hello, Item, ReplyLine, Request};

/// No client waits for its friends so long, and every enemy is given up so soon.
const SHORT: Patience = Patience {
    silence: Duration::from_millis(50),
    line: Duration::from_secs(1),
    longest: 10_000,
};

/// For servers that do answer.
const PATIENT: Patience = Patience {
    silence: LONG,
    line: LONG,
    longest: 10_000,
};

/// Does this to the first client, and shows the client's result.
fn ask(
    patience: Patience,
    serve: impl FnOnce(UnixStream) + Send,
) -> Result<Vec<Item>, ClientError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || serve(listener.accept().unwrap().0));
        let mut client = Client::connect_patiently(&path, patience)?;
        client.ask(Request::Reload { wait: true })?.collect()
    })
}

/// Takes a line, and answers with the other side's hello.
fn greet(stream: &mut UnixStream) {
    let mut line = String::new();
    BufReader::new(stream.try_clone().unwrap())
        .read_line(&mut line)
        .unwrap();
    let hello = ReplyLine::Hello(Hello::ours()).line().unwrap();
    stream.write_all(&hello).unwrap();
}

fn after_hello(rest: &'static [u8]) -> Result<Vec<Item>, ClientError> {
    ask(PATIENT, move |mut stream| {
        greet(&mut stream);
        let mut request = String::new();
        BufReader::new(stream.try_clone().unwrap())
            .read_line(&mut request)
            .unwrap();
        assert_eq!(request, "{\"id\":1,\"request\":\"reload\",\"wait\":true}\n");
        stream.write_all(rest).unwrap();
    })
}

#[test]
fn an_answer_is_its_items_up_to_its_end() {
    let items = after_hello(
        b"{\"alive\":true}\n{\"id\":7,\"end\":true}\n{\"id\":1,\"item\":{\"skipped\":{\"first\":1,\"last\":2}}}\n\
          {\"id\":1,\"item\":{\"news\":1}}\n{\"more\":1}\n{\"id\":1,\"end\":true}\n",
    );
    assert_eq!(items.unwrap(), [Item::Skipped { first: 1, last: 2 }]);
}

#[test]
fn a_refusal_is_told_as_the_director_tells_it() {
    for rest in [
        &b"{\"id\":1,\"error\":\"not today\"}\n"[..],
        b"{\"error\":\"not today\"}\n",
    ] {
        let error = after_hello(rest).unwrap_err();
        assert!(matches!(error, ClientError::Refused { .. }), "{error}");
        assert!(error.to_string().ends_with(": not today"), "{error}");
    }
}

#[test]
fn an_answer_that_is_cut_off_is_told_so() {
    let closed = "the director closed the connection before it had answered";
    for rest in [&b""[..], b"{\"id\":1,\"it", b"{\"alive\":true}\n"] {
        let error = after_hello(rest).unwrap_err();
        assert!(matches!(error, ClientError::Cut(_)), "{error}");
        assert!(error.to_string().contains(closed), "{error}");
    }
    let error = ask(PATIENT, drop).unwrap_err();
    assert!(matches!(error, ClientError::Cut(_)), "{error}");
    let error = ask(PATIENT, |mut stream| greet(&mut stream)).unwrap_err();
    assert!(matches!(error, ClientError::Cut(_)), "{error}");
}

#[test]
fn what_is_said_before_the_door_closes_is_heard() {
    let error = ask(PATIENT, |mut stream| {
        stream.write_all(b"{\"error\":\"busy\"}\n").unwrap();
    })
    .unwrap_err();
    assert!(error.to_string().ends_with(": busy"), "{error}");
}

#[test]
fn garbage_is_unreadable() {
    for rest in [
        &b"\n"[..],
        b"what?\n",
        b"\0\xff\xfe\n",
        b"[1,2]\n",
        b"{\"id\":\"one\",\"end\":true}\n",
        b"{\"id\":1,\"item\":{\"skipped\":{}}}\n",
    ] {
        let error = after_hello(rest).unwrap_err();
        assert!(matches!(error, ClientError::Answer { .. }), "{error}");
    }
    let error = ask(PATIENT, |mut stream| {
        stream.write_all(b"{\"id\":1,\"end\":true}\n").unwrap();
    })
    .unwrap_err();
    assert!(matches!(error, ClientError::Answer { .. }), "{error}");
}

#[test]
fn an_endless_line_has_an_end() {
    let error = ask(PATIENT, |mut stream| {
        greet(&mut stream);
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    })
    .unwrap_err();
    assert!(error.to_string().ends_with("it is too long"), "{error}");
}

#[test]
fn silence_has_an_end() {
    // It listens for as long as the client is there.
    let error = ask(SHORT, |mut stream| {
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    })
    .unwrap_err();
    assert!(matches!(error, ClientError::Slow(_)), "{error}");
}

#[test]
fn a_byte_at_a_time_has_an_end() {
    let slow = Patience {
        silence: LONG,
        line: Duration::from_millis(50),
        longest: usize::MAX,
    };
    let error = ask(slow, |mut stream| while stream.write_all(b"x").is_ok() {}).unwrap_err();
    assert!(matches!(error, ClientError::Slow(_)), "{error}");
}

#[test]
fn a_director_that_takes_nobody_in_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    let _listener = UnixListener::bind(&path).unwrap();
    // As many as wait to be taken in, and each then waits for a hello.
    let mut waiting = Vec::new();
    while let Ok(stream) = crate::control::connect::connect_at_once(&path) {
        waiting.push(stream);
    }
    let error = Client::connect_patiently(&path, SHORT).unwrap_err();
    assert!(matches!(error, ClientError::Slow(_)), "{error}");
    assert!(
        error.to_string().contains("no answer within 5 s"),
        "{error}"
    );
}

#[test]
fn a_director_of_protocol_1_is_told_so() {
    let error = ask(PATIENT, |mut stream| {
        stream
            .write_all(
                b"{\"error\":\"not a question this director knows: unknown variant `hello`\"}\n",
            )
            .unwrap();
    })
    .unwrap_err();
    assert!(matches!(error, ClientError::Incompatible { .. }), "{error}");
    assert!(
        error.to_string().contains("restart the director"),
        "{error}"
    );
}

#[test]
fn a_director_of_a_later_age_is_told_so() {
    let error = ask(PATIENT, |mut stream| {
        let line = "{\"hello\":{\"protocol\":9,\"oldest\":8,\"program\":\"director 7.0\",\"mood\":\"good\"}}\n";
        stream.write_all(line.as_bytes()).unwrap();
    })
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the running director (director 7.0) speaks control protocols 8 to 9"),
        "{error}"
    );
}
