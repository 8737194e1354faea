// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of keepalived and ldirectord: they and the director make the same table of each (`tests/differential/`).
//!
//! Where the director differs on purpose, a file `NAME.differs` says why, and which table it makes: the lines of `ipvsadm -Sn`,
//! or `refused`. `CASES` says how many files are played, `CASE` plays those with a word in their name. `LDIRECTORD` says where
//! the program of that name is; without it there is no test of its files.

use std::any::Any;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::netns::{Host, Net};

use super::process::{Files, PROGRAM, Running, ipvsadm, said};
use super::vrrp_peers::Keepalived;
use crate::stage::PATIENCE;
use crate::{Test, number};

/// So many are played where `CASES` does not say it.
const CASES: u64 = 8;
/// The addresses of the real servers that live. Others are nobody's.
const SERVERS: [&str; 6] = [
    "10.0.0.2/24",
    "10.0.0.3/24",
    "10.0.0.4/24",
    "10.0.0.5/24",
    "fd00:a::2/64",
    "fd00:a::3/64",
];
/// Where they listen.
const PORTS: [u16; 16] = [
    25, 80, 143, 389, 443, 636, 1358, 1883, 3128, 3306, 5672, 6379, 6443, 8080, 8081, 15672,
];
/// Both tables must be the same for so long: then all checks have had their say.
const STEADY: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(200);

pub(super) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = vec![(
        "keepalived_and_the_director_make_the_same_table_of_a_file_of_keepalived",
        || same(&KEEPALIVED),
    )];
    // It is no part of the other tests' packages: make differential has it.
    if std::env::var_os(PLACE).is_some_and(|place| !place.is_empty()) {
        tests.push((
            "ldirectord_and_the_director_make_the_same_table_of_a_file_of_ldirectord",
            || same(&LDIRECTORD),
        ));
    }
    tests
}

/// A program whose files are played.
struct Theirs {
    /// Where in `tests/differential` its files are, and how their names end.
    directories: &'static [&'static str],
    end: &'static str,
    /// Starts it with such a text; it ends when this is dropped.
    start: fn(&Host, &str) -> Box<dyn Any>,
}

const KEEPALIVED: Theirs = Theirs {
    directories: &["", "whole"],
    end: "conf",
    start: |host, text| Box::new(Keepalived::start_with(host, text, "--check")),
};

const LDIRECTORD: Theirs = Theirs {
    directories: &["ldirectord"],
    end: "cf",
    start: |host, text| Box::new(Ldirectord::start(host, text)),
};

/// Which variable says where it is.
const PLACE: &str = "LDIRECTORD";

/// ldirectord in the foreground.
struct Ldirectord {
    child: Child,
    _files: Files,
}

impl Ldirectord {
    fn start(host: &Host, text: &str) -> Self {
        let files = Files::new();
        let (file, log) = (files.path("ldirectord.cf"), files.path("log"));
        fs::write(&file, text).unwrap();
        let log = File::create(log).unwrap();
        let mut program = Command::new(std::env::var_os(PLACE).unwrap());
        program.arg("-d").arg(file).arg("start");
        program.stdin(Stdio::null());
        program.stdout(log.try_clone().unwrap()).stderr(log);
        host.adopt(&mut program);
        let child = program.spawn().unwrap();
        Self {
            child,
            _files: files,
        }
    }
}

impl Drop for Ldirectord {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn same(theirs: &Theirs) {
    let all = cases(theirs);
    let wanted = usize::try_from(number("CASES", CASES)).unwrap();
    let step = all.len().div_ceil(wanted).max(1);
    let word = std::env::var("CASE").unwrap_or_default();
    let chosen = all.iter().filter(|case| {
        let name = case.file.to_string_lossy();
        !word.is_empty() && name.contains(&word)
    });
    let chosen: Vec<&Case> = if word.is_empty() {
        all.iter().step_by(step).collect()
    } else {
        chosen.collect()
    };
    assert!(!chosen.is_empty(), "no file is named so");
    let lan = Lan::new();
    let wrong: Vec<String> = chosen
        .iter()
        .filter_map(|case| case.play(&lan, theirs))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} of {} files", chosen.len(), all.len());
}

/// The real servers, and the hosts of both programs.
struct Lan {
    theirs: Host,
    ours: Host,
    _servers: Host,
    _net: Net,
}

impl Lan {
    fn new() -> Self {
        let net = Net::new().unwrap();
        let servers = net.host("servers", &SERVERS).unwrap();
        servers.run(serve);
        let host = |name, last: u8| {
            let addresses = [
                format!("192.168.0.{last}/24"),
                format!("10.0.0.{last}/24"),
                format!("fd00:a::{last}/64"),
            ];
            let addresses = addresses.each_ref().map(String::as_str);
            net.host(name, &addresses).unwrap()
        };
        Self {
            theirs: host("theirs", 201),
            ours: host("ours", 202),
            _servers: servers,
            _net: net,
        }
    }
}

/// A file, and how the director differs.
struct Case {
    file: PathBuf,
    differs: Option<String>,
}

fn cases(theirs: &Theirs) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let directories = theirs.directories.iter().map(|it| root.join(it));
    let entries = directories.flat_map(|it| fs::read_dir(it).unwrap());
    let files = entries.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == theirs.end));
    let files: BTreeSet<PathBuf> = files.collect();
    let case = |file: PathBuf| {
        let differs = fs::read_to_string(file.with_extension("differs")).ok();
        Case { file, differs }
    };
    files.into_iter().map(case).collect()
}

impl Case {
    /// What is wrong.
    fn play(&self, lan: &Lan, program: &Theirs) -> Option<String> {
        let name = self.file.file_name()?.to_string_lossy().into_owned();
        let (theirs, ours) = (&lan.theirs, &lan.ours);
        for host in [theirs, ours] {
            ipvsadm(host, "-C");
        }
        let text = fs::read_to_string(&self.file).unwrap();
        let beside = self.file.parent()?.display();
        let text = text.replace("include ", &format!("include {beside}/"));
        let files = Files::new();
        let director = match imported(ours, &self.file, &files) {
            Ok(director) => director,
            Err(said) if self.expects_refusal() => {
                println!("{name}: refused, as it should be");
                drop(said);
                return None;
            }
            Err(said) => return Some(format!("{name}: refused:\n{said}")),
        };
        if self.expects_refusal() {
            return Some(format!("{name}: it is not refused"));
        }
        let running = (program.start)(theirs, &text);
        let wanted = || match &self.differs {
            Some(differs) => lines(differs),
            None => table(theirs),
        };
        let steady = steady(|| {
            let (wanted, made) = (wanted(), table(ours));
            if wanted == made {
                Ok(())
            } else {
                Err((wanted, made))
            }
        });
        let theirs = table(theirs);
        drop(running);
        match steady {
            Ok(()) if self.differs.is_some() && theirs == table(ours) => {
                Some(format!("{name}: there is no difference any more"))
            }
            Ok(()) => {
                println!("{name}: {} lines", theirs.len());
                None
            }
            Err((wanted, made)) => {
                let log = director.log();
                Some(format!("{name}: wanted {wanted:#?}\nmade {made:#?}\n{log}"))
            }
        }
    }

    fn expects_refusal(&self) -> bool {
        let differs = self.differs.as_deref().unwrap_or_default();
        differs.lines().any(|line| line == "refused")
    }
}

/// The director with the file of keepalived, or what is said about it.
fn imported(host: &Host, file: &Path, files: &Files) -> Result<Running, String> {
    let mut program = Command::new(PROGRAM);
    let said = said(host, program.arg("import").arg(file));
    if said.code != Some(0) {
        return Err(said.err);
    }
    files.write(&said.out);
    Ok(Running::start(host, files, &[]))
}

type Lines = BTreeSet<String>;

/// Waits until it is so for a while; else how it was last.
fn steady(looks: impl Fn() -> Result<(), (Lines, Lines)>) -> Result<(), (Lines, Lines)> {
    let deadline = Instant::now() + PATIENCE;
    let mut since = None;
    loop {
        let now = Instant::now();
        match looks() {
            Ok(()) => {
                let since = *since.get_or_insert(now);
                if now - since >= STEADY {
                    return Ok(());
                }
            }
            Err(differ) if now > deadline => return Err(differ),
            Err(_) => since = None,
        }
        thread::sleep(LOOK);
    }
}

/// The lines of a table, comments left out.
fn lines(text: &str) -> Lines {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

fn table(host: &Host) -> Lines {
    let saved = host.command("ipvsadm", &["-Sn"]).unwrap();
    lines(&String::from_utf8(saved.stdout).unwrap())
}

/// Every address answers every connection as a web server that has every page.
fn serve() {
    for address in SERVERS {
        let (address, _) = address.split_once('/').unwrap();
        for port in PORTS {
            let at = SocketAddr::new(address.parse().unwrap(), port);
            let listener = TcpListener::bind(at).unwrap();
            thread::spawn(move || {
                for connection in listener.incoming().flatten() {
                    let _ = answer(connection);
                }
            });
        }
    }
}

fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    let (mut asked, mut bytes) = (Vec::new(), [0; 1024]);
    while !asked.windows(4).any(|it| it == b"\r\n\r\n") {
        match connection.read(&mut bytes)? {
            0 => return Ok(()),
            read => asked.extend_from_slice(bytes.get(..read).unwrap_or_default()),
        }
    }
    connection.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
}
