// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traps of IPVS as a whole: connection timeouts, sync daemons, counters.

use std::path::Path;

use lvs_director::kernel::Ipvs;
use lvs_director::model::{
    ForwardingMethod, Protocol, Seconds, SyncDaemon, SyncRole, Timeouts, Tunnel,
};
use lvs_director::plan::{Step, Target as _};
use nix::errno::Errno;

use super::desk::{DAEMON, NAT, Raw, command, real, refused, server, settings, take, tcp};
use super::{Test, named};
use crate::beside::{IPVSADM, LVSADM, Outcome, succeed};
use crate::stage::{Stage, wait_for};

pub(super) fn tests() -> Vec<Test> {
    named![
        a_timeout_of_zero_stays_as_it_is,
        a_timeout_out_of_range_is_refused_and_changes_nothing,
        a_sync_daemon_reads_back_with_everything_that_was_said,
        a_sync_daemon_s_defaults_are_the_kernel_s,
        a_sync_daemon_stopped_before_it_first_ran_is_stopped_without_a_word,
        a_sync_daemon_s_number_beyond_one_byte_is_stored_and_read_as_its_last_byte,
        what_is_wrong_with_a_sync_daemon_is_told_by_number,
        sync_daemons_and_servers_of_another_family_exclude_each_other,
        flushing_removes_everything,
        the_version_and_table_size_read_as_ipvsadm_shows_them,
        a_connection_table_that_grows_is_titled_with_the_size_it_has,
    ]
}

fn timeouts(tcp: u32, tcp_fin: u32, udp: u32) -> Timeouts {
    Timeouts {
        tcp: Seconds(tcp),
        tcp_fin: Seconds(tcp_fin),
        udp: Seconds(udp),
    }
}

fn a_timeout_of_zero_stays_as_it_is() {
    let mut ipvs = Ipvs::open().unwrap();
    assert_eq!(ipvs.timeouts().unwrap(), timeouts(900, 120, 300));
    for (set, expected) in [
        (timeouts(0, 0, 0), timeouts(900, 120, 300)),
        (timeouts(60, 0, 0), timeouts(60, 120, 300)),
        (timeouts(0, 7, 0), timeouts(60, 7, 300)),
        (timeouts(0, 0, 2_678_400), timeouts(60, 7, 2_678_400)),
    ] {
        ipvs.set_timeouts(set).unwrap();
        assert_eq!(ipvs.timeouts().unwrap(), expected);
    }
    let listed = succeed("ipvsadm", &["-L", "--timeout"]).stdout;
    assert_eq!(listed, "Timeout (tcp tcpfin udp): 60 7 2678400\n");
}

fn a_timeout_out_of_range_is_refused_and_changes_nothing() {
    let mut ipvs = Ipvs::open().unwrap();
    for bad in [timeouts(u32::MAX, 1, 1), timeouts(1, 1, 0x8000_0000)] {
        let error = ipvs.set_timeouts(bad).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
    }
    // Too short for its type: the kernel says so in words.
    let short = Raw::open().send(command::SET_CONFIG, |out| out.u16(4, 60));
    assert_eq!(short, Err(Errno::ERANGE));
    assert_eq!(ipvs.timeouts().unwrap(), timeouts(900, 120, 300));
}

/// An interface that can multicast, in this test's network namespace.
fn interface(name: &str) {
    succeed("ip", &["link", "add", name, "type", "dummy"]);
    succeed("ip", &["link", "set", name, "up", "multicast", "on"]);
    succeed("ip", &["address", "add", "10.9.9.1/24", "dev", name]);
    succeed(
        "ip",
        &["address", "add", "fd00:9::1/64", "dev", name, "nodad"],
    );
}

fn daemon(role: SyncRole, interface: &str) -> SyncDaemon {
    SyncDaemon {
        role,
        interface: interface.to_owned(),
        sync_id: 0,
        max_length: 0,
        group: None,
        port: 0,
        ttl: 0,
    }
}

fn a_sync_daemon_reads_back_with_everything_that_was_said() {
    // As long as a name can be.
    interface("fifteen-letters");
    let mut ipvs = Ipvs::open().unwrap();
    let master = SyncDaemon {
        sync_id: 7,
        max_length: 1400,
        group: Some("224.1.2.3".parse().unwrap()),
        port: 9000,
        ttl: 3,
        ..daemon(SyncRole::Master, "fifteen-letters")
    };
    let backup = SyncDaemon {
        sync_id: 255,
        max_length: 1300,
        group: Some("ff05::56".parse().unwrap()),
        port: 9001,
        ttl: 5,
        ..daemon(SyncRole::Backup, "fifteen-letters")
    };
    for started in [&backup, &master] {
        ipvs.start_sync_daemon(started).unwrap();
    }
    assert_eq!(ipvs.sync_daemons().unwrap(), [master.clone(), backup]);
    let listed = succeed("ipvsadm", &["-L", "--daemon"]).stdout;
    let line = "master sync daemon (mcast=fifteen-letters, syncid=7, maxlen=1400, group=224.1.2.3, port=9000, ttl=3)";
    assert!(listed.contains(line), "{listed}");
    ipvs.stop_sync_daemon(SyncRole::Backup).unwrap();
    assert_eq!(ipvs.sync_daemons().unwrap(), [master]);
    ipvs.stop_sync_daemon(SyncRole::Master).unwrap();
    assert_eq!(ipvs.sync_daemons().unwrap(), []);
}

fn a_sync_daemon_s_defaults_are_the_kernel_s() {
    interface("d0");
    let mut ipvs = Ipvs::open().unwrap();
    ipvs.start_sync_daemon(&daemon(SyncRole::Master, "d0"))
        .unwrap();
    let defaults = SyncDaemon {
        max_length: 1472,
        group: Some("224.0.0.81".parse().unwrap()),
        port: 8848,
        ttl: 1,
        ..daemon(SyncRole::Master, "d0")
    };
    assert_eq!(ipvs.sync_daemons().unwrap(), [defaults]);
    ipvs.stop_sync_daemon(SyncRole::Master).unwrap();
}

fn a_sync_daemon_stopped_before_it_first_ran_is_stopped_without_a_word() {
    interface("d0");
    let mut ipvs = Ipvs::open().unwrap();
    // The kernel ends such a request with EINTR, and neither confirms nor reports it.
    for role in [SyncRole::Master, SyncRole::Backup] {
        for _ in 0..5 {
            ipvs.start_sync_daemon(&daemon(role, "d0")).unwrap();
            ipvs.stop_sync_daemon(role).unwrap();
            assert_eq!(ipvs.sync_daemons().unwrap(), []);
        }
    }
}

fn a_sync_daemon_s_number_beyond_one_byte_is_stored_and_read_as_its_last_byte() {
    interface("d0");
    let started = Raw::open().send(command::NEW_DAEMON, |out| {
        out.nest(DAEMON, |nest| {
            nest.u32(1, 1);
            nest.string(2, "d0");
            nest.u32(3, 300);
        });
    });
    assert_eq!(started, Ok(()));
    let mut ipvs = Ipvs::open().unwrap();
    assert_eq!(ipvs.sync_daemons().unwrap()[0].sync_id, 44);
    ipvs.stop_sync_daemon(SyncRole::Master).unwrap();
}

fn what_is_wrong_with_a_sync_daemon_is_told_by_number() {
    interface("d0");
    let mut ipvs = Ipvs::open().unwrap();
    let good = daemon(SyncRole::Master, "d0");
    let unicast = SyncDaemon {
        group: Some("10.0.0.1".parse().unwrap()),
        ..good.clone()
    };
    let errno = |outcome: Result<(), lvs_director::kernel::IpvsError>| {
        outcome.err().and_then(|error| error.errno())
    };
    assert_eq!(
        errno(ipvs.start_sync_daemon(&daemon(SyncRole::Master, "nosuch"))),
        Some(Errno::ENODEV)
    );
    assert_eq!(errno(ipvs.start_sync_daemon(&unicast)), Some(Errno::EINVAL));
    assert_eq!(
        errno(ipvs.stop_sync_daemon(SyncRole::Master)),
        Some(Errno::ESRCH)
    );
    ipvs.start_sync_daemon(&good).unwrap();
    assert_eq!(errno(ipvs.start_sync_daemon(&good)), Some(Errno::EEXIST));
    ipvs.stop_sync_daemon(SyncRole::Master).unwrap();
}

fn sync_daemons_and_servers_of_another_family_exclude_each_other() {
    interface("d0");
    let mut ipvs = Ipvs::open().unwrap();
    let (key, at) = (tcp("192.0.2.1:80"), server("[fd00::9]:80"));
    let ipip = real(ForwardingMethod::Tunneling(Tunnel::IPIP), 1);
    let master = daemon(SyncRole::Master, "d0");
    take(&mut ipvs, &[Step::AddService(key, settings("rr"))]);
    ipvs.start_sync_daemon(&master).unwrap();
    let (errno, _) = refused(&mut ipvs, Step::AddServer(key, at, ipip));
    assert_eq!(errno, Errno::EINVAL);
    ipvs.stop_sync_daemon(SyncRole::Master).unwrap();
    take(&mut ipvs, &[Step::AddServer(key, at, ipip)]);
    let error = ipvs.start_sync_daemon(&master).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL));
}

fn flushing_removes_everything() {
    let mut ipvs = Ipvs::open().unwrap();
    for vip in ["192.0.2.1:80", "[fd00::1]:80"] {
        take(&mut ipvs, &[Step::AddService(tcp(vip), settings("rr"))]);
    }
    let at = server("10.0.0.1:80");
    take(
        &mut ipvs,
        &[Step::AddServer(tcp("192.0.2.1:80"), at, real(NAT, 1))],
    );
    ipvs.flush().unwrap();
    assert!(ipvs.read().unwrap().services.is_empty());
    ipvs.flush().unwrap();
}

fn the_version_and_table_size_read_as_ipvsadm_shows_them() {
    let info = Ipvs::open().unwrap().info().unwrap();
    let (major, minor, patch) = info.version;
    let size = info.connection_table_size;
    let listed = succeed("ipvsadm", &["-Ln"]).stdout;
    let title = format!("IP Virtual Server version {major}.{minor}.{patch} (size={size})\n");
    assert!(listed.starts_with(&title), "{listed}");
}

/// Linux 7.1 and later have a setting by which the table of connections grows; the table of older kernels never does.
fn a_connection_table_that_grows_is_titled_with_the_size_it_has() {
    let vip = "192.168.0.10:80".parse().unwrap();
    let mut stage = Stage::direct_routing(1, &[vip]);
    stage.program("virtual_services: [{address: '192.168.0.10:80', servers: [192.168.0.2]}]");
    let setting = Path::new("/proc/sys/net/ipv4/vs/conn_lfactor");
    let grows = stage.director.run(|| setting.exists());
    let before = stage.ipvs.info().unwrap().connection_table_size;
    for _ in 0..200 {
        stage.ask(Protocol::Tcp, None, vip);
    }
    if grows {
        wait_for("the table has grown", || {
            let size = stage.ipvs.info().unwrap().connection_table_size;
            (size > before).then_some(())
        });
    }
    // It may grow once more between a listing and our question.
    for program in [IPVSADM, LVSADM] {
        wait_for("the listing's title names the size", || {
            let listed = Outcome::from(stage.director.command(program, &["-Ln"]).unwrap()).stdout;
            let size = stage.ipvs.info().unwrap().connection_table_size;
            assert_eq!(size > before, grows, "{size}");
            let title = listed.lines().next().unwrap_or_default();
            title.ends_with(&format!(" (size={size})")).then_some(())
        });
    }
}
