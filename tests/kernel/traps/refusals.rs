// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel refuses, with which error number, and our message for it.

use lvs_director::kernel::Ipvs;
use lvs_director::model::{
    ForwardingMethod, Granularity, PersistenceEngine, RealServer, ServiceKey, Thresholds, Tunnel,
    TunnelChecksum, TunnelKind,
};
use lvs_director::plan::{Step, Target as _};
use nix::errno::Errno;

use super::desk::{
    DR, NAT, Raw, SERVICE, command, persistent, real, refused, server, settings, svc, take, tcp,
    write_plain_settings, write_tcp,
};
use super::{Test, named};

pub(super) fn tests() -> Vec<Test> {
    named![
        a_scheduler_the_kernel_lacks_is_named_with_the_command_that_loads_it,
        a_persistence_engine_the_kernel_lacks_is_named_too,
        a_scheduler_s_name_has_up_to_fifteen_characters,
        a_missing_service_is_esrch_and_a_missing_server_is_enoent,
        what_exists_is_eexist_whatever_else_is_wrong_with_it,
        thresholds_the_wrong_way_round_are_refused,
        a_threshold_beyond_the_largest_int_is_refused_or_reads_back,
        generic_udp_encapsulation_needs_a_port,
        a_server_of_another_family_needs_tunneling,
        an_address_that_is_not_one_host_s_is_refused,
        every_attribute_of_a_service_is_mandatory,
        an_unknown_family_is_refused,
        an_empty_service_is_not_all_services_to_zero,
        an_unknown_command_is_refused,
    ]
}

fn with_service() -> (Ipvs, ServiceKey) {
    let (mut ipvs, key) = (Ipvs::open().unwrap(), tcp("192.0.2.1:80"));
    take(&mut ipvs, &[Step::AddService(key, settings("rr"))]);
    (ipvs, key)
}

fn a_scheduler_the_kernel_lacks_is_named_with_the_command_that_loads_it() {
    let (mut ipvs, key) = with_service();
    let other = tcp("192.0.2.2:80");
    assert_eq!(
        refused(&mut ipvs, Step::AddService(other, settings("nosuch"))),
        (
            Errno::ENOENT,
            "add service TCP 192.0.2.2:80: scheduler \"nosuch\" not in this kernel (ENOENT); load it with: modprobe \
             ip_vs_nosuch"
                .to_owned()
        )
    );
    let (errno, _) = refused(&mut ipvs, Step::EditService(key, settings("nosuch")));
    assert_eq!(errno, Errno::ENOENT);
    assert_eq!(ipvs.service(&key).unwrap().settings, settings("rr"));
}

fn a_persistence_engine_the_kernel_lacks_is_named_too() {
    let (mut ipvs, key) = with_service();
    let mut unknown = persistent(60, Granularity::Single);
    unknown.engine = PersistenceEngine::new("sixteen_letters_");
    let (errno, text) = refused(&mut ipvs, Step::EditService(key, unknown));
    assert_eq!(errno, Errno::ENOENT);
    assert!(
        text.ends_with("load them with: modprobe -a ip_vs_rr ip_vs_pe_sixteen_letters_"),
        "{text}"
    );
}

fn a_scheduler_s_name_has_up_to_fifteen_characters() {
    let (mut ipvs, key) = with_service();
    let (errno, _) = refused(
        &mut ipvs,
        Step::EditService(key, settings("fifteen_letters")),
    );
    assert_eq!(errno, Errno::ENOENT);
    let mut raw = Raw::open();
    let mut named = |name: &[u8]| {
        raw.send(command::NEW_SERVICE, |out| {
            out.nest(SERVICE, |nest| {
                write_tcp(nest, "192.0.2.9:80");
                nest.bytes(svc::SCHED_NAME, name);
                nest.bytes(svc::FLAGS, &[0; 8]);
                nest.u32(svc::TIMEOUT, 0);
                nest.u32(svc::NETMASK, u32::MAX);
            });
        })
    };
    assert_eq!(named(b"sixteen_letters_\0"), Err(Errno::EINVAL));
    assert_eq!(named(b"rr"), Err(Errno::EINVAL), "no NUL");
    assert_eq!(named(b"\0"), Err(Errno::ENOENT));
    assert_eq!(named(b"rr\0"), Ok(()));
}

fn a_missing_service_is_esrch_and_a_missing_server_is_enoent() {
    let (mut ipvs, key) = with_service();
    let (missing, at) = (tcp("192.0.2.9:80"), server("10.0.0.1:80"));
    let steps = [
        Step::EditService(missing, settings("rr")),
        Step::DeleteService(missing),
        Step::AddServer(missing, at, real(NAT, 1)),
        Step::EditServer(missing, at, real(NAT, 1)),
        Step::DeleteServer(missing, at),
    ];
    for step in steps {
        let (errno, text) = refused(&mut ipvs, step);
        assert_eq!(errno, Errno::ESRCH, "{text}");
        assert!(
            text.ends_with(": no such virtual service (ESRCH)"),
            "{text}"
        );
    }
    for step in [
        Step::EditServer(key, at, real(NAT, 1)),
        Step::DeleteServer(key, at),
    ] {
        let (errno, text) = refused(&mut ipvs, step);
        assert_eq!(errno, Errno::ENOENT, "{text}");
        assert!(text.ends_with(": no such real server (ENOENT)"), "{text}");
    }
    let zeroed = ipvs.zero_service(&missing).unwrap_err();
    assert_eq!(zeroed.errno(), Some(Errno::ESRCH));
}

fn what_exists_is_eexist_whatever_else_is_wrong_with_it() {
    let (mut ipvs, key) = with_service();
    let at = server("10.0.0.1:80");
    take(&mut ipvs, &[Step::AddServer(key, at, real(NAT, 1))]);
    for step in [
        Step::AddService(key, settings("nosuch")),
        Step::AddServer(key, at, real(DR, 7)),
    ] {
        let (errno, text) = refused(&mut ipvs, step);
        assert_eq!(errno, Errno::EEXIST);
        assert!(text.ends_with(": already exists (EEXIST)"), "{text}");
    }
    assert_eq!(ipvs.servers(&key).unwrap()[0].server, real(NAT, 1));
}

fn thresholds_the_wrong_way_round_are_refused() {
    let (mut ipvs, key) = with_service();
    let at = server("10.0.0.1:80");
    for (upper, lower) in [(10, 11), (0, 1)] {
        let limited = RealServer {
            thresholds: Thresholds { upper, lower },
            ..real(NAT, 1)
        };
        let (errno, text) = refused(&mut ipvs, Step::AddServer(key, at, limited));
        assert_eq!(errno, Errno::ERANGE);
        assert!(
            text.ends_with(": weight or thresholds out of range (ERANGE)"),
            "{text}"
        );
    }
}

fn a_threshold_beyond_the_largest_int_is_refused_or_reads_back() {
    let (mut ipvs, key) = with_service();
    let limited = RealServer {
        thresholds: Thresholds {
            upper: 0x8000_0000,
            lower: 0,
        },
        ..real(NAT, 1)
    };
    let failures = ipvs
        .apply(&[Step::AddServer(key, server("10.0.0.1:80"), limited)])
        .unwrap();
    // Newer kernels refuse it.
    match failures.first() {
        Some(failure) => assert_eq!(failure.errno, Errno::EINVAL),
        None => assert_eq!(ipvs.servers(&key).unwrap()[0].server, limited),
    }
}

fn generic_udp_encapsulation_needs_a_port() {
    let (mut ipvs, key) = with_service();
    let gue = ForwardingMethod::Tunneling(Tunnel {
        kind: TunnelKind::Gue { port: 0 },
        checksum: TunnelChecksum::None,
    });
    let step = Step::AddServer(key, server("10.0.0.1:80"), real(gue, 1));
    assert_eq!(refused(&mut ipvs, step).0, Errno::EINVAL);
}

fn a_server_of_another_family_needs_tunneling() {
    let (mut ipvs, key) = with_service();
    for forwarding in [NAT, DR] {
        let step = Step::AddServer(key, server("[fd00::9]:80"), real(forwarding, 1));
        let (errno, text) = refused(&mut ipvs, step);
        assert_eq!(errno, Errno::EINVAL);
        assert!(
            text.contains("of the service's family unless it is tunneled to"),
            "{text}"
        );
    }
}

fn an_address_that_is_not_one_host_s_is_refused() {
    let (mut ipvs, key) = with_service();
    for at in ["224.0.0.1:80", "255.255.255.255:80", "0.0.0.0:80"] {
        let step = Step::AddServer(key, server(at), real(NAT, 1));
        assert_eq!(refused(&mut ipvs, step).0, Errno::EINVAL, "{at}");
    }
    let v6 = tcp("[fd00::1]:80");
    take(&mut ipvs, &[Step::AddService(v6, settings("rr"))]);
    for at in ["[ff02::1]:80", "[fe80::1]:80", "[::]:80"] {
        let step = Step::AddServer(v6, server(at), real(NAT, 1));
        assert_eq!(refused(&mut ipvs, step).0, Errno::EINVAL, "{at}");
    }
}

fn every_attribute_of_a_service_is_mandatory() {
    let mut raw = Raw::open();
    let all = [
        svc::AF,
        svc::PROTOCOL,
        svc::ADDR,
        svc::PORT,
        svc::SCHED_NAME,
        svc::FLAGS,
        svc::TIMEOUT,
        svc::NETMASK,
    ];
    for left_out in all {
        let made = raw.send(command::NEW_SERVICE, |out| {
            out.nest(SERVICE, |nest| {
                for kind in all.into_iter().filter(|kind| *kind != left_out) {
                    match kind {
                        svc::AF => nest.u16(kind, 2),
                        svc::PROTOCOL => nest.u16(kind, 6),
                        svc::ADDR => nest.address(kind, [192, 0, 2, 9].into()),
                        svc::PORT => nest.u16_be(kind, 80),
                        svc::SCHED_NAME => nest.string(kind, "rr"),
                        svc::FLAGS => nest.bytes(kind, &[0; 8]),
                        _ => nest.u32(kind, 0),
                    }
                }
            });
        });
        assert_eq!(made, Err(Errno::EINVAL), "without {left_out}");
    }
}

fn an_unknown_family_is_refused() {
    let made = Raw::open().send(command::NEW_SERVICE, |out| {
        out.nest(SERVICE, |nest| {
            nest.u16(svc::AF, 7);
            nest.u32(svc::FWMARK, 1);
            write_plain_settings(nest);
            nest.u32(svc::NETMASK, u32::MAX);
        });
    });
    assert_eq!(made, Err(Errno::EAFNOSUPPORT));
}

fn an_empty_service_is_not_all_services_to_zero() {
    let (mut ipvs, key) = with_service();
    let zeroed = Raw::open().send(command::ZERO, |out| out.nest(SERVICE, |_| {}));
    assert_eq!(zeroed, Err(Errno::EINVAL));
    ipvs.zero().unwrap();
    ipvs.zero_service(&key).unwrap();
}

fn an_unknown_command_is_refused() {
    let mut raw = Raw::open();
    for command in [0, 14, 18, 255] {
        assert_eq!(raw.send(command, |_| {}), Err(Errno::EOPNOTSUPP));
    }
    // The connection is as good as before.
    assert!(Ipvs::open().unwrap().services().unwrap().is_empty());
}
