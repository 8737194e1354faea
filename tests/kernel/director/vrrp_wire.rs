// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the director sends, as tshark reads it: it complains about nothing.

use std::fs;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::Command;

use lab::netns::{Host, Net};
use lvs_director::codec::ethernet::{Frame, HardwareAddress};
use lvs_director::codec::vrrp::{Advertisement, group};
use lvs_director::model::{AddressFamily, Centiseconds, ChecksumForm, Priority, Vrid, VrrpVersion};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily as Domain, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket,
};

use super::process::{Files, Running, Said, said};
use super::vrrp_frames::{frame, frames, group_hardware, hardware};
use crate::Test;
use crate::stage::wait_for;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "tshark_dissects_version_3_with_a_pseudo_header_without_a_complaint",
            || advertisements(&PSEUDO_HEADER),
        ),
        (
            "tshark_dissects_version_3_with_a_checksum_over_the_message_without_a_complaint",
            || advertisements(&MESSAGE),
        ),
        ("tshark_dissects_version_2_without_a_complaint", || {
            advertisements(&V2);
        }),
        (
            "tshark_dissects_version_3_over_ipv6_without_a_complaint",
            || advertisements(&IPV6),
        ),
        (
            "tshark_dissects_a_gratuitous_arp_without_a_complaint",
            gratuitous,
        ),
        (
            "tshark_dissects_an_unsolicited_neighbour_advertisement_without_a_complaint",
            unsolicited,
        ),
    ]
}

/// What is sent, and how tshark is to read it.
struct Kind {
    family: AddressFamily,
    /// Lines for the virtual router.
    router: &'static str,
    /// What tshark shows of each advertisement: version, priority, interval or its unit, addresses.
    version: &'static str,
    /// Whether the checksum is over the message alone, as the director is told by a peer that does so.
    message: bool,
}

const PSEUDO_HEADER: Kind = Kind {
    family: AddressFamily::Ipv4,
    router: "addresses: [192.168.0.10/24, 192.168.0.20/24]",
    version: "3",
    message: false,
};
const MESSAGE: Kind = Kind {
    message: true,
    ..PSEUDO_HEADER
};
const V2: Kind = Kind {
    router: "version: 2, addresses: [192.168.0.10/24, 192.168.0.20/24]",
    version: "2",
    ..PSEUDO_HEADER
};
const IPV6: Kind = Kind {
    family: AddressFamily::Ipv6,
    router: "addresses: ['fd00:a::20/64', 'fd00:a::10/64']",
    ..PSEUDO_HEADER
};

/// A director, and a host that notes every frame that it sends to everybody.
struct Wire {
    director: Host,
    files: Files,
    listener: Host,
    capture: OwnedFd,
    from: HardwareAddress,
    frames: Vec<Vec<u8>>,
    _net: Net,
}

impl Wire {
    fn new(router: &str) -> Self {
        let net = Net::new().unwrap();
        let director = net
            .host("ours", &["192.168.0.11/24", "fd00:a::11/64"])
            .unwrap();
        let listener = net
            .host("listener", &["192.168.0.12/24", "fd00:a::12/64"])
            .unwrap();
        let files = Files::new();
        files.write(&format!(
            "virtual_routers:\n  - {{name: pair, interface: eth0, vrid: 51, priority: 200, hold: 0s, {router}}}\n\
             virtual_services: []\n"
        ));
        let capture = listener.run(|| {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            socket(Domain::Packet, SockType::Raw, flags, SockProtocol::EthAll).unwrap()
        });
        Self {
            from: hardware(&director),
            director,
            files,
            listener,
            capture,
            frames: Vec::new(),
            _net: net,
        }
    }

    /// Notes what the director has sent since the last call.
    fn listen(&mut self) {
        let mut bytes = vec![0; 65_536];
        loop {
            match recv(self.capture.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
                Ok(length) => {
                    let ours = Frame::read(&bytes[..length]).is_some_and(|it| it.from == self.from);
                    if ours {
                        self.frames.push(bytes[..length].to_vec());
                    }
                }
                Err(Errno::EAGAIN) => return,
                Err(errno) => panic!("{errno}"),
            }
        }
    }

    /// Waits for so many frames that are this.
    fn wait_for(&mut self, what: &str, count: usize, is: impl Fn(&[u8]) -> bool) {
        wait_for(&format!("{count} of {what}"), || {
            self.listen();
            (self.frames.iter().filter(|it| is(it)).count() >= count).then_some(())
        });
    }

    /// Runs tshark on what was noted.
    fn tshark(&self, options: &[&str]) -> String {
        let path = self.files.path("capture.pcap");
        fs::write(&path, pcap(&self.frames)).unwrap();
        let mut program = Command::new("tshark");
        program.arg("-n").arg("-r").arg(&path);
        // Otherwise it looks at no checksum of a header.
        program.args(["-o", "ip.check_checksum:TRUE"]).args(options);
        let Said { code, out, err } = said(&self.listener, &mut program);
        assert_eq!(code, Some(0), "{out}{err}");
        out
    }

    /// What it complains about: something is malformed, a checksum is wrong, something is odd.
    fn complaints(&self, options: &[&str]) -> String {
        let filter =
            "(vrrp || arp || icmpv6.type == 136) && (_ws.malformed || _ws.short || _ws.expert)";
        self.tshark(&[options, &["-V", "-Y", filter]].concat())
    }
}

/// A file of frames as tcpdump writes it, with Ethernet as its link type. Source: pcap-savefile(5).
fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (second, frame) in (0_u32..).zip(frames) {
        let length = u32::try_from(frame.len()).unwrap();
        for word in [second, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// Whether an IP packet in a frame carries VRRP.
fn is_vrrp(frame: &[u8]) -> bool {
    matches!(frame, [_, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x00, ..] if frame[23] == 112)
        || matches!(frame, [_, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, ..] if frame[20] == 112)
}

fn advertisements(kind: &Kind) {
    let mut wire = Wire::new(kind.router);
    let director = Running::start(&wire.director, &wire.files, &[]);
    wire.wait_for("advertisements", 3, is_vrrp);
    if kind.message {
        tell_form(&wire);
        wait_for("the director has answered", || {
            (wire.files.status(&wire.director).routers[0].heard > 0).then_some(())
        });
        wire.listen();
        wire.frames.clear();
        wire.wait_for("advertisements", 3, is_vrrp);
    }
    assert!(director.stop().success());
    // What says that it leaves has come in before the program's end.
    wire.listen();
    let forms = ["FALSE", "TRUE"].map(|it| format!("vrrp.v3_checksum_as_in_v2:{it}"));
    let [form, other] = [kind.message, !kind.message].map(|it| ["-o", &*forms[usize::from(it)]]);
    assert_eq!(wire.complaints(&form), "");
    if kind.family == AddressFamily::Ipv4 && kind.version == "3" {
        // It does complain where a checksum is not what it was told to expect.
        assert!(wire.complaints(&other).contains("Bad checksum"));
    }
    let (hops, to) = match kind.family {
        AddressFamily::Ipv4 => ("ip.ttl", "ip.dst"),
        AddressFamily::Ipv6 => ("ipv6.hlim", "ipv6.dst"),
    };
    let mut options = vec!["-Y", "vrrp", "-T", "fields", "-E", "separator= "];
    for field in [
        "vrrp.version",
        "vrrp.type",
        "vrrp.virt_rtr_id",
        "vrrp.addr_count",
        "vrrp.checksum.status",
        hops,
        to,
        "vrrp.prio",
    ] {
        options.extend(["-e", field]);
    }
    let read = wire.tshark(&[&form, &*options].concat());
    let elsewhere = match kind.family {
        AddressFamily::Ipv4 => "vrrp && ip.src != 192.168.0.11",
        AddressFamily::Ipv6 => "vrrp && ipv6.src != fe80::/10",
    };
    assert_eq!(wire.tshark(&["-Y", elsewhere]), "");
    let group = group(kind.family);
    let expected = format!("{} 1 51 2 1 255 {group} ", kind.version);
    let lines: Vec<&str> = read.lines().collect();
    assert!(lines.len() > 3, "{read}");
    let (last, before) = lines.split_last().unwrap();
    for line in before {
        assert_eq!(*line, format!("{expected}200"), "{read}");
    }
    assert_eq!(*last, format!("{expected}0"), "{read}");
}

/// A peer of a lower priority that makes its checksum over the message.
fn tell_form(wire: &Wire) {
    let lower = Advertisement {
        version: VrrpVersion::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(1),
        interval: Centiseconds::SECOND,
        addresses: ["192.168.0.10", "192.168.0.20"]
            .map(|it| it.parse().unwrap())
            .to_vec(),
        password: None,
    };
    let source: IpAddr = "192.168.0.12".parse().unwrap();
    let family = AddressFamily::Ipv4;
    let to = group(family);
    let payload = lower.emit(source, to, ChecksumForm::Message, None);
    let frame = frame(group_hardware(family), source, to, 255, &payload);
    frames(&wire.listener).send(&frame).unwrap();
}

fn gratuitous() {
    let mut wire = Wire::new(PSEUDO_HEADER.router);
    let _director = Running::start(&wire.director, &wire.files, &[]);
    let is_arp = |frame: &[u8]| frame[12..14] == [0x08, 0x06] && frame[..6] == [0xff; 6];
    wire.wait_for("announcements", 10, is_arp);
    assert_eq!(wire.complaints(&[]), "");
    let fields = [
        "arp.opcode",
        "arp.src.proto_ipv4",
        "arp.dst.proto_ipv4",
        "arp.src.hw_mac",
    ];
    let mut options = vec![
        "-Y",
        "arp.isgratuitous == 1",
        "-T",
        "fields",
        "-E",
        "separator= ",
    ];
    options.extend(fields.iter().flat_map(|field| ["-e", field]));
    let read = wire.tshark(&options);
    let from = wire.from.map(|byte| format!("{byte:02x}")).join(":");
    for vip in ["192.168.0.10", "192.168.0.20"] {
        let line = format!("1 {vip} {vip} {from}");
        assert!(read.lines().filter(|it| *it == line).count() >= 5, "{read}");
    }
}

fn unsolicited() {
    let mut wire = Wire::new(IPV6.router);
    let _director = Running::start(&wire.director, &wire.files, &[]);
    let is_announcement = |frame: &[u8]| {
        frame[12..14] == [0x86, 0xdd] && frame[20] == 58 && frame.get(54) == Some(&136)
    };
    wire.wait_for("announcements", 10, is_announcement);
    assert_eq!(wire.complaints(&[]), "");
    let mut options = vec![
        "-Y",
        "icmpv6.type == 136",
        "-T",
        "fields",
        "-E",
        "separator= ",
    ];
    for field in [
        "ipv6.src",
        "ipv6.dst",
        "ipv6.hlim",
        "icmpv6.checksum.status",
        "icmpv6.nd.na.target_address",
        "icmpv6.nd.na.flag.s",
        "icmpv6.nd.na.flag.o",
        "icmpv6.opt.linkaddr",
    ] {
        options.extend(["-e", field]);
    }
    let read = wire.tshark(&options);
    let from = wire.from.map(|byte| format!("{byte:02x}")).join(":");
    for vip in ["fd00:a::20", "fd00:a::10"] {
        let line = format!("{vip} ff02::1 255 1 {vip} 0 1 {from}");
        assert!(read.lines().filter(|it| *it == line).count() >= 5, "{read}");
    }
}
