// SPDX-License-Identifier: MIT OR Apache-2.0
//! A real-server host in a network namespace of its own, and the program on it.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use lab::netns::{self, Net};
use libtest_mimic::{Arguments, Trial};
use lvs_director::doctor::{Finding, Severity};

/// What the program says.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Insists on the exit code.
    pub(crate) fn exits(self, code: i32) -> Self {
        let Self { out, err, .. } = &self;
        assert_eq!(self.code, Some(code), "it said:\n{out}{err}");
        self
    }

    /// Checks that the output has this text.
    pub(crate) fn says(self, text: &str) -> Self {
        let Self { out, err, .. } = &self;
        assert!(
            out.contains(text) || err.contains(text),
            "no {text:?} in:\n{out}{err}"
        );
        self
    }

    /// Insists on the absence of a text.
    pub(crate) fn does_not_say(self, text: &str) -> Self {
        let Self { out, err, .. } = &self;
        assert!(
            !out.contains(text) && !err.contains(text),
            "{text:?} in:\n{out}{err}"
        );
        self
    }
}

/// What the doctor found, above ok.
impl Said {
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let report: serde_json::Value = serde_json::from_str(&self.out)
            .unwrap_or_else(|_| panic!("it said:\n{}{}", self.out, self.err));
        let all: Vec<Finding> = serde_json::from_value(report["findings"].clone()).unwrap();
        let found = all.into_iter().filter(|it| it.severity > Severity::Ok);
        found.collect()
    }
}

/// A host with `eth0` on a bridge, `192.168.0.5/24` and `2001:db8::5/64`, and another one beside it.
pub(crate) struct Host {
    pub(crate) own: netns::Host,
    pub(crate) neighbour: netns::Host,
    pub(crate) directory: tempfile::TempDir,
    _net: Net,
}

impl Host {
    pub(crate) fn new() -> Self {
        let net = Net::new().expect(
            "no network namespace here; run the tests as root, or as a user who may have user namespaces: sysctl \
             kernel.unprivileged_userns_clone=1",
        );
        Self {
            own: net
                .host("server", &["192.168.0.5/24", "2001:db8::5/64"])
                .unwrap(),
            neighbour: net
                .host("neighbour", &["192.168.0.6/24", "2001:db8::6/64"])
                .unwrap(),
            directory: tempfile::tempdir().unwrap(),
            _net: net,
        }
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        self.directory.path().join("run/realserver.json")
    }

    /// Runs the program on the host: `start --vip 192.168.0.10`.
    pub(crate) fn realserver(&self, arguments: &str) -> Said {
        self.run_as(&[env!("CARGO_BIN_EXE_realserver")], arguments)
    }

    /// The same, through another program.
    pub(crate) fn run_as(&self, program: &[&str], arguments: &str) -> Said {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).args(arguments.split(' '));
        command.arg("--state").arg(self.state_file());
        command.stdin(Stdio::null());
        self.own.adopt(&mut command);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Said {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Expects that the doctor names this alone, carries out its command, and expects nothing more.
    pub(crate) fn is_named_and_mended(&self, arguments: &str, topic: &str) {
        let found = self.realserver(arguments).exits(1).findings();
        assert_eq!(found.len(), 1, "{topic}: {found:#?}");
        assert_eq!(found[0].topic, topic, "{found:#?}");
        let command = found[0].mend.as_deref().unwrap();
        let done = self.own.command("sh", &["-c", command]).unwrap();
        assert!(done.status.success(), "{command}: {done:?}");
        let found = self.realserver(arguments).exits(0).findings();
        assert_eq!(found, [], "{topic}");
    }

    pub(crate) fn ip(&self, lines: &str) {
        self.own.ip(lines).unwrap();
    }

    /// What a program prints on the host.
    pub(crate) fn output(&self, program: &str, arguments: &str) -> String {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let output = self.own.command(program, &arguments).unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The addresses of a device.
    pub(crate) fn addresses(&self, device: &str) -> String {
        self.output("ip", &format!("address show dev {device}"))
    }

    /// A setting such as `all/arp_ignore`.
    pub(crate) fn value(&self, name: &str) -> i32 {
        let path = format!("/proc/sys/net/ipv4/conf/{name}");
        let text = self.own.run(|| fs::read_to_string(path)).unwrap();
        text.trim().parse().unwrap()
    }

    pub(crate) fn set(&self, name: &str, value: i32) {
        let name = format!("ipv4/conf/{name}");
        self.own.sysctl(&name, &value.to_string()).unwrap();
    }

    /// `all/arp_ignore`, `all/arp_announce`, `lo/arp_ignore`, `lo/arp_announce`.
    pub(crate) fn arp(&self) -> [i32; 4] {
        [
            "all/arp_ignore",
            "all/arp_announce",
            "lo/arp_ignore",
            "lo/arp_announce",
        ]
        .map(|name| self.value(name))
    }

    /// Whether this host answers when the neighbour asks for an address on its network. Nobody listens at the port, so
    /// the answer is a refusal. It waits as long as a busy machine may need.
    pub(crate) fn answers(&self, address: &str) -> bool {
        self.answers_within(address, Duration::from_secs(20))
    }

    /// Whether the neighbour gets no answer when it asks twice: TCP repeats its SYN after a second.
    pub(crate) fn is_silent_at(&self, address: &str) -> bool {
        !self.answers_within(address, Duration::from_millis(1500))
    }

    #[expect(clippy::disallowed_methods, reason = "a test waits in real time")]
    fn answers_within(&self, address: &str, patience: Duration) -> bool {
        let address: IpAddr = address.parse().unwrap();
        let at = SocketAddr::new(address, 9);
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let connect = || TcpStream::connect_timeout(&at, left);
            match self.neighbour.run(connect) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return true,
                // The neighbour may have given up an earlier question just now. It asks again.
                Err(error) if error.kind() == io::ErrorKind::HostUnreachable => {}
                Err(_) => return false,
                Ok(_) => panic!("somebody listens at {at}"),
            }
        }
    }
}

/// One test: its name and what it does.
pub(crate) type Test = (&'static str, fn());

/// Runs the tests, each in a thread of its own.
pub(crate) fn run(tests: &[Test]) -> ExitCode {
    let arguments = Arguments::from_args();
    let trial = |&(name, test): &Test| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&arguments, tests.iter().map(trial).collect()).exit_code()
}
