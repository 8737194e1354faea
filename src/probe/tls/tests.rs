// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handshakes with servers of every certificate, and with hostile ones.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use lab::tls::{Authority, Identity, take};
use tempfile::TempDir;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::*;
use crate::model::{ClientCertificate, HttpProbe, ProbeOutcome, RabbitmqProbe, SmtpProbe};
use crate::probe::tests::reset;
use crate::probe::{http, rabbitmq, smtp};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// A CA, with its file.
struct Trust {
    authority: Authority,
    directory: TempDir,
}

impl Trust {
    fn new() -> Self {
        let authority = Authority::new("the CA of the test").unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();
        Self {
            authority,
            directory,
        }
    }

    fn file(&self, name: &str) -> Box<Path> {
        self.directory.path().join(name).into()
    }

    /// What a probe demands that knows only this CA.
    fn tls(&self) -> Tls {
        Tls {
            ca_file: Some(self.file("ca.pem")),
            ..Tls::VERIFIED
        }
    }

    fn good(&self) -> Identity {
        self.authority
            .sign(&["a.example", "127.0.0.1"], 100)
            .unwrap()
    }

    /// A certificate of our own, in files.
    fn client(&self) -> ClientCertificate {
        let identity = self.authority.sign(&["director.example"], 100).unwrap();
        fs::write(self.file("client.pem"), &identity.pem).unwrap();
        fs::write(self.file("client.key"), identity.key_pem()).unwrap();
        ClientCertificate {
            certificate: self.file("client.pem"),
            key: self.file("client.key"),
        }
    }
}

fn config(identity: &Identity) -> Arc<ServerConfig> {
    identity.server(&[&TLS12, &TLS13], None).unwrap()
}

/// What a server does with the first connection, and where it listens.
fn server(act: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || act(listener.accept().unwrap().0));
    at
}

/// A server that shakes hands and waits for the end; what it says of the handshake comes out.
fn shaking(config: Arc<ServerConfig>) -> (SocketAddr, Receiver<Result<String, String>>) {
    let (tell, told) = channel();
    let at = server(move |stream| {
        let mut taken = take(&config, stream).unwrap();
        let shaken = taken.conn.complete_io(&mut taken.sock);
        let name = taken.conn.server_name().unwrap_or_default().to_owned();
        let _ = tell.send(shaken.map(|_| name).map_err(|error| error.to_string()));
        let _ = taken.read(&mut [0]);
    });
    (at, told)
}

/// A server that reads the beginning of the handshake and sends this.
fn sending(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    server(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&bytes);
        // Until the probe has had enough.
        let _ = stream.read(&mut [0; 4096]);
    })
}

fn run(tls: &Tls, at: SocketAddr, timeout: Duration) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(probe(tls, at, None, timeout))
}

/// A short probe of a server made for it; again, while this machine was too busy for it.
fn run_in_time(tls: &Tls, at: impl Fn() -> SocketAddr) -> Answer {
    loop {
        let answer = run(tls, at(), SHORT);
        if answer.outcome != ProbeOutcome::CouldNotRun {
            return answer;
        }
    }
}

#[test]
fn a_server_with_a_good_certificate_is_up_by_its_name_or_its_address() {
    let trust = Trust::new();
    let named = Tls {
        server_name: Some("a.example".into()),
        ..trust.tls()
    };
    for versions in [[&TLS12], [&TLS13]] {
        let config = trust.good().server(&versions, None).unwrap();
        let (at, told) = shaking(Arc::clone(&config));
        assert_eq!(run(&named, at, LONG), Answer::up());
        assert_eq!(told.recv().unwrap().as_deref(), Ok("a.example"));
        // An address is not told: SNI has names only.
        let (at, told) = shaking(config);
        assert_eq!(run(&trust.tls(), at, LONG), Answer::up());
        assert_eq!(told.recv().unwrap().as_deref(), Ok(""));
    }
}

#[test]
fn a_certificate_that_a_server_signed_itself_may_be_the_ca_file() {
    let trust = Trust::new();
    let own = Identity::of_its_own(&["127.0.0.1"]).unwrap();
    let (at, _told) = shaking(config(&own));
    let answer = run(&trust.tls(), at, LONG);
    assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
    fs::write(trust.file("own.pem"), &own.pem).unwrap();
    let tls = Tls {
        ca_file: Some(trust.file("own.pem")),
        ..Tls::VERIFIED
    };
    let (at, _told) = shaking(config(&own));
    assert_eq!(run(&tls, at, LONG), Answer::up());
}

#[test]
fn a_certificate_that_does_not_count_takes_the_server_down_with_its_reason() {
    let trust = Trust::new();
    let other = Authority::new("another CA").unwrap();
    let sign = |names: &[&str], days| trust.authority.sign(names, days).unwrap();
    let table = [
        (
            sign(&["127.0.0.1"], -2),
            "the server's certificate, or that of a CA of it, ended at ",
        ),
        (
            other.sign(&["127.0.0.1"], 9).unwrap(),
            "the server's certificate has an issuer that is not in ca_file /",
        ),
        (
            sign(&["b.example", "*.c.example"], 9),
            "is for b.example, *.c.example, and not for 127.0.0.1; server_name: sets what it must be for",
        ),
        (sign(&[], 9), "is for no name at all, and not for 127.0.0.1"),
        (
            trust.authority.itself().unwrap(),
            "the server's certificate is that of a CA; give it one that a CA signed",
        ),
    ];
    for (identity, reason) in table {
        let (at, _told) = shaking(config(&identity));
        let answer = run(&trust.tls(), at, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
        assert!(answer.reason.contains(reason), "{answer:?} not {reason}");
        let (at, _told) = shaking(config(&identity));
        let unverified = Tls {
            verify: false,
            ..trust.tls()
        };
        assert_eq!(run(&unverified, at, LONG), Answer::up(), "{reason}");
    }
    let (at, _told) = shaking(config(&trust.good()));
    let answer = run(&Tls::VERIFIED, at, LONG);
    // A machine may have no CA at all.
    let hosts = [
        "an issuer that this host does not know; write ca_file: with its CA",
        "it has none; install the package ca-certificates, or write ca_file:",
    ];
    assert!(
        hosts.iter().any(|it| answer.reason.ends_with(it)),
        "{answer:?}"
    );
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning_and_no_failure() {
    let trust = Trust::new();
    let warned = |min_days, days, verify| {
        let identity = trust.authority.sign(&["127.0.0.1"], days).unwrap();
        let (at, _told) = shaking(config(&identity));
        let tls = Tls {
            verify,
            min_days,
            ..trust.tls()
        };
        let answer = run(&tls, at, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::Up(None), "{answer:?}");
        answer.reason
    };
    assert_eq!(&*warned(None, 5, true), "");
    assert_eq!(&*warned(Some(4), 5, true), "");
    let reason = warned(Some(14), 5, true);
    assert!(
        reason.starts_with("the server's certificate ends at 20")
            && reason.ends_with(" UTC, in less than 14 days"),
        "{reason}"
    );
    let reason = warned(Some(14), -5, false);
    assert!(
        reason.starts_with("the server's certificate ended at 20"),
        "{reason}"
    );
    let none = CertificateDer::from(vec![0]);
    let now = Second(0);
    assert!(
        warning(Some(&none), Some(1), now)
            .unwrap()
            .starts_with("nobody can read")
    );
    assert_eq!(warning(None, Some(1), now), None);
}

#[test]
fn an_alert_of_the_server_has_its_name() {
    let alert = |number: u8| sending([21, 3, 3, 0, 2, 2, number]);
    let tls = Trust::new();
    let down = "the server refused TLS (alert: handshake failure)";
    assert_eq!(run(&tls.tls(), alert(40), LONG), Answer::down(down));
    let down = "the server refused TLS (alert: unrecognised name)";
    assert_eq!(run(&tls.tls(), alert(112), LONG), Answer::down(down));
    let answer = run(&tls.tls(), alert(200), LONG);
    assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
    // What the server says of our own certificate is our mistake, and not the failure of every server.
    let answer = run(&tls.tls(), alert(48), LONG);
    assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
    assert!(
        answer.reason.contains("(TLS alert: unknown ca)"),
        "{answer:?}"
    );
}

#[test]
fn a_server_that_knows_its_clients_wants_our_certificate() {
    let trust = Trust::new();
    for version in [&TLS12, &TLS13] {
        let config = trust.good().server(&[version], Some(&trust.authority));
        let config = config.unwrap();
        let known = Tls {
            client: Some(trust.client()),
            ..trust.tls()
        };
        let (at, told) = shaking(Arc::clone(&config));
        assert_eq!(run(&known, at, LONG), Answer::up());
        told.recv().unwrap().unwrap();
        let (at, told) = shaking(Arc::clone(&config));
        let answer = run(&trust.tls(), at, LONG);
        told.recv().unwrap().unwrap_err();
        assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
    }
}

#[test]
fn files_that_cannot_be_used_say_nothing_of_the_server() {
    let trust = Trust::new();
    let client = trust.client();
    let write = |name: &str, text: &str| {
        fs::write(trust.file(name), text).unwrap();
        trust.file(name)
    };
    let broken = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n";
    let nothing = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let other_key = trust.good().key_pem();
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let mut wrong = Vec::new();
    for (ca_file, why) in [
        (
            trust.file("none.pem"),
            "none.pem: no such file or directory (ENOENT)",
        ),
        (
            write("text.pem", "dear diary"),
            "text.pem: it has no certificate (-----BEGIN",
        ),
        (write("broken.pem", broken), "broken.pem: this is no PEM"),
        (
            write("nothing.pem", nothing),
            "nothing.pem: this is no certificate of a CA",
        ),
        (Path::new("/dev/zero").into(), "/dev/zero: "),
    ] {
        let tls = Tls {
            ca_file: Some(ca_file),
            ..Tls::VERIFIED
        };
        wrong.push((tls, why));
    }
    for (key, why) in [
        (
            write("locked.key", locked),
            "locked.key: it has no private key",
        ),
        (
            write("other.key", &other_key),
            "other.key with the certificate /",
        ),
        (trust.file("ca.pem"), "ca.pem: it has no private key"),
    ] {
        let certificate = client.certificate.clone();
        let client = Some(ClientCertificate { certificate, key });
        let tls = Tls {
            client,
            ..trust.tls()
        };
        wrong.push((tls, why));
    }
    // Nobody is asked.
    let at = "127.0.0.1:1".parse().unwrap();
    for (tls, why) in wrong {
        let answer = run(&tls, at, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
        assert!(answer.reason.contains(why), "{answer:?} not {why}");
        let secret = other_key.lines().nth(1).unwrap();
        assert!(!answer.reason.contains(secret), "{answer:?}");
    }
}

#[test]
fn what_is_no_tls_is_told_so() {
    let tls = Tls {
        verify: false,
        ..Tls::VERIFIED
    };
    let down = Answer::down("the server does not speak TLS");
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"220 mail.example ESMTP\r\n",
        b"AMQP\0\0\x09\x01",
        &[0; 100],
        &[0xff; 10_000],
    ] {
        assert_eq!(run(&tls, sending(garbage), LONG), down, "{garbage:?}");
    }
    // It looks like TLS at first.
    for (odd, why) in [
        (
            &[22, 3, 3, 0, 4, 99, 0, 0, 0][..],
            "the server broke the rules of TLS",
        ),
        (
            &[22, 3, 3, 0, 4, 2, 0, 0, 0],
            "the server broke the rules of TLS",
        ),
        (&[23, 3, 3, 0, 1, 0], "the server broke the rules of TLS"),
        (
            &[22, 3, 3, 0xff, 0xff, 2],
            "the server sent more than a TLS handshake may have",
        ),
        (
            &[22, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff],
            "the server sent more than a TLS handshake may have",
        ),
    ] {
        let answer = run(&tls, sending(odd), LONG);
        assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
        assert!(answer.reason.starts_with(why), "{odd:?}: {answer:?}");
    }
}

/// What a server sends in its part of the handshake.
fn flight() -> Vec<u8> {
    let trust = Trust::new();
    let (tell, told) = channel();
    let config = trust.good().server(&[&TLS12], None).unwrap();
    let at = server(move |mut stream| {
        let mut session = take(&config, stream.try_clone().unwrap()).unwrap().conn;
        while session.wants_read() && !session.wants_write() {
            session.read_tls(&mut stream).unwrap();
            session.process_new_packets().unwrap();
        }
        let mut bytes = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut bytes).unwrap();
        }
        tell.send(bytes).unwrap();
    });
    run(&trust.tls(), at, LONG);
    told.recv().unwrap()
}

#[test]
fn a_server_that_ends_the_connection_in_any_state_is_down() {
    let tls = Tls {
        verify: false,
        ..Tls::VERIFIED
    };
    let flight = flight();
    let (half, most) = (flight.len() / 2, flight.len() - 1);
    for sent in [0, 1, 5, half, most] {
        let bytes = flight[..sent].to_vec();
        let begin = bytes.clone();
        let closing = server(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&begin);
        });
        let answer = run(&tls, closing, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::Down, "{sent}: {answer:?}");
        let resetting = server(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&bytes);
            reset(stream);
        });
        let answer = run(&tls, resetting, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::Down, "{sent}: {answer:?}");
        if sent == 0 {
            let why = "the server reset the connection within the TLS handshake";
            assert_eq!(answer, Answer::down(why));
        }
    }
    let closed = Answer::down("the server closed the connection within the TLS handshake");
    let at = server(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
    });
    assert_eq!(run(&tls, at, LONG), closed);
    let answer = run(&tls, server(reset), LONG);
    assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
}

#[test]
fn a_server_that_is_silent_in_the_handshake_is_stalled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stalled = Answer::stalled("connected, but the TLS handshake did not end in time");
    let trust = Trust::new();
    let answer = run_in_time(&trust.tls(), || listener.local_addr().unwrap());
    assert_eq!(answer, stalled);
}

/// A byte now and then, for ever: the whole probe has one deadline.
#[test]
#[expect(clippy::disallowed_methods, reason = "a server that is slow")]
fn a_server_that_dribbles_its_handshake_is_stalled_at_the_deadline() {
    let tls = Tls {
        verify: false,
        ..Tls::VERIFIED
    };
    // A message of 16 KiB in records of one byte.
    let dribble = |mut stream: TcpStream| {
        let message = [2, 0, 0x3f, 0xff].into_iter().chain(std::iter::repeat(0));
        for byte in message {
            if stream.write_all(&[22, 3, 3, 0, 1, byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    };
    let answer = run_in_time(&tls, || server(dribble));
    assert_eq!(answer.outcome, ProbeOutcome::Stalled, "{answer:?}");
}

/// As fast as the probe reads, for ever.
#[test]
fn a_server_that_floods_the_handshake_is_down_soon() {
    let tls = Tls {
        verify: false,
        ..Tls::VERIFIED
    };
    let message: Vec<u8> = [&[22, 3, 3, 0x40, 0][..], &[0; 0x4000]].concat();
    for (begin, again) in [
        // A message of 64 KiB, and more behind it.
        (vec![22, 3, 3, 0, 4, 11, 0, 0xff, 0xff], message),
        // Warnings: the user cancelled.
        (Vec::new(), vec![21, 3, 3, 0, 2, 1, 90]),
        // Requests to begin anew.
        (Vec::new(), vec![22, 3, 3, 0, 4, 0, 0, 0, 0]),
        // Records of nothing.
        (Vec::new(), vec![22, 3, 3, 0, 0]),
        // Changes of the cipher.
        (Vec::new(), vec![20, 3, 3, 0, 1, 1]),
    ] {
        let shown = format!("{begin:?} {:?}", &again[..5]);
        let (tell, told) = channel();
        let at = server(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let mut sent = 0_usize;
            let _ = stream.write_all(&begin);
            let many = again.repeat((4096 / again.len()).max(1));
            while stream.write_all(&many).is_ok() {
                sent += many.len();
            }
            let _ = tell.send(sent);
        });
        let answer = run(&tls, at, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::Down, "{shown}: {answer:?}");
        // What the kernel keeps between the two is no more than some MiB.
        let sent = told.recv().unwrap();
        assert!(sent < 16 << 20, "{shown}: {sent}");
    }
}

#[test]
fn a_chain_of_very_many_certificates_is_refused_or_ends() {
    let trust = Trust::new();
    for (times, outcome) in [(50, ProbeOutcome::Up(None)), (400, ProbeOutcome::Down)] {
        let (at, _told) = shaking(config(&trust.good().repeated(times)));
        let answer = run(&trust.tls(), at, LONG);
        assert_eq!(answer.outcome, outcome, "{times}: {answer:?}");
    }
    // None of them leads to a CA that counts.
    let other = Authority::new("another CA").unwrap();
    let long = other.sign(&["127.0.0.1"], 9).unwrap().repeated(50);
    let (at, _told) = shaking(config(&long));
    let answer = run(&trust.tls(), at, LONG);
    assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
}

#[test]
fn a_probe_leaves_nothing_behind() {
    let trust = Trust::new();
    let (at, told) = shaking(config(&trust.good()));
    assert_eq!(run(&trust.tls(), at, LONG), Answer::up());
    told.recv().unwrap().unwrap();
    let port = format!(":{:04X} ", at.port());
    let connections = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let waiting = |line: &&str| line.contains(&port) && line.contains(" 06 ");
    assert_eq!(connections.lines().filter(waiting).count(), 0);
}

/// A server that shakes hands, reads the request, and then does this with the connection and what is under it.
fn talking(trust: &Trust, act: impl FnOnce(lab::tls::Taken) + Send + 'static) -> SocketAddr {
    let config = config(&trust.good());
    server(move |stream| {
        let mut taken = take(&config, stream).unwrap();
        let _ = taken.read(&mut [0; 4096]);
        act(taken);
    })
}

fn ask(trust: &Trust, contains: Option<&str>, at: SocketAddr) -> Answer {
    let asked = HttpProbe {
        contains: contains.map(Into::into),
        tls: Some(trust.tls()),
        ..HttpProbe::get("/")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(http::probe(&asked, at, None, LONG))
}

#[test]
fn a_conversation_by_tls_is_like_one_without() {
    let trust = Trust::new();
    // It says no goodbye: the body ends where the connection ends.
    let body = |text: &'static str| {
        talking(&trust, move |mut taken| {
            let answer = format!("HTTP/1.1 200 OK\r\n\r\n{text}");
            taken.write_all(answer.as_bytes()).unwrap();
        })
    };
    assert_eq!(ask(&trust, None, body("")), Answer::up());
    assert_eq!(ask(&trust, Some("good"), body("all is good")), Answer::up());
    let why = "the answer does not contain \"good\"";
    assert_eq!(ask(&trust, Some("good"), body("bad")), Answer::down(why));
    let flood = talking(&trust, |mut taken| {
        let _ = taken.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while taken.write_all(&[b'a'; 4096]).is_ok() {}
    });
    let why = "the first 64 KiB of the answer do not contain \"good\"";
    assert_eq!(ask(&trust, Some("good"), flood), Answer::down(why));
}

#[test]
fn a_server_that_ends_the_conversation_is_down() {
    let trust = Trust::new();
    let at = talking(&trust, |taken| reset(taken.sock));
    let why = "the server reset the connection without an answer";
    assert_eq!(ask(&trust, None, at), Answer::down(why));
    let at = talking(&trust, drop);
    let why = "the server closed the connection without an answer";
    assert_eq!(ask(&trust, None, at), Answer::down(why));
    let at = talking(&trust, |mut taken| {
        let _ = taken.sock.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let _ = taken.sock.read(&mut [0; 4096]);
    });
    let why = "the server does not speak TLS";
    assert_eq!(ask(&trust, None, at), Answer::down(why));
    let at = talking(&trust, |mut taken| {
        let _ = taken.sock.write_all(&[
            23, 3, 3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
        let _ = taken.sock.read(&mut [0; 4096]);
    });
    let answer = ask(&trust, None, at);
    assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
    assert!(
        answer
            .reason
            .starts_with("the server broke the rules of TLS"),
        "{answer:?}"
    );
}

#[test]
fn the_management_api_is_asked_by_tls_and_its_certificate_looked_at() {
    let trust = Trust::new();
    let at = talking(&trust, |mut taken| {
        let _ = taken.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    let asked = RabbitmqProbe {
        login: None,
        listener: 5671,
        tls: Some(Tls {
            min_days: Some(365),
            ..trust.tls()
        }),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime.block_on(rabbitmq::probe(&asked, at, None, LONG));
    assert_eq!(answer.outcome, ProbeOutcome::Up(None), "{answer:?}");
    assert!(
        answer.reason.ends_with("in less than 365 days"),
        "{answer:?}"
    );
}

#[test]
fn a_mail_server_says_hello_by_tls() {
    let trust = Trust::new();
    let config = config(&trust.good());
    let at = server(move |stream| {
        let mut taken = take(&config, stream).unwrap();
        for says in [&b"220 a\r\n"[..], b"250 a\r\n", b"221 a\r\n"] {
            let _ = taken.write_all(says);
            let _ = taken.read(&mut [0; 512]);
        }
    });
    let asked = SmtpProbe {
        helo: None,
        tls: Some(trust.tls()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime.block_on(smtp::probe(&asked, at, None, LONG));
    assert_eq!(answer, Answer::up());
}

/// By TLS 1.2 a server that wants a certificate and gets none may say only that the handshake failed.
#[test]
fn a_handshake_that_fails_because_we_have_no_certificate_is_our_mistake() {
    let trust = Trust::new();
    let config = trust
        .good()
        .server(&[&TLS12], Some(&trust.authority))
        .unwrap();
    let at = server(move |mut stream| {
        let mut session = take(&config, stream.try_clone().unwrap()).unwrap().conn;
        while !session.wants_write() {
            session.read_tls(&mut stream).unwrap();
            session.process_new_packets().unwrap();
        }
        while session.wants_write() {
            session.write_tls(&mut stream).unwrap();
        }
        // What we answer to the question.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
        let _ = stream.read(&mut [0; 4096]);
    });
    let answer = run(&trust.tls(), at, LONG);
    let why = "the server wants a certificate from us; write client_certificate and client_key";
    assert_eq!(answer, Answer::could_not_run(why));
}
