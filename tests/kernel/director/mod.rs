// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `director` on a host with IPVS, with real servers beside it.

mod agent;
mod amqp;
mod broker;
mod checks;
mod differential;
mod dns;
mod doctor;
mod drains;
mod exec;
mod export;
mod file;
mod forecast;
mod foreign;
mod foretold;
mod half_closed;
mod haproxy;
mod http;
mod icmp;
mod import;
mod import_table;
mod initial;
mod keep;
mod kill;
mod live;
mod log;
mod memory;
mod metrics;
mod netfilter;
mod once;
mod operate;
mod order;
mod pair;
mod passive;
mod peer;
mod pool;
mod process;
mod real_time;
mod recording;
mod refusal;
mod reload;
mod repair;
mod run;
mod schedule;
mod slow_start;
mod smtp;
mod state;
mod sync;
mod systemd;
mod talk;
mod tls;
mod tripwire;
mod udp;
mod upgrade;
mod verdict;
mod vip;
mod vrrp;
mod vrrp_authentication;
mod vrrp_cases;
mod vrrp_flood;
mod vrrp_frames;
mod vrrp_frr;
mod vrrp_group;
mod vrrp_import;
mod vrrp_mac;
mod vrrp_peers;
mod vrrp_track;
mod vrrp_wire;
mod way;
mod web;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    [
        once::tests(),
        import_table::tests(),
        run::tests(),
        checks::tests(),
        agent::tests(),
        amqp::tests(),
        file::tests(),
        exec::tests(),
        export::tests(),
        http::tests(),
        import::tests(),
        initial::tests(),
        haproxy::tests(),
        talk::tests(),
        tls::tests(),
        tripwire::tests(),
        udp::tests(),
        differential::tests(),
        dns::tests(),
        doctor::tests(),
        icmp::tests(),
        smtp::tests(),
        order::tests(),
        operate::tests(),
        live::tests(),
        passive::tests(),
        drains::tests(),
        half_closed::tests(),
        pool::tests(),
        repair::tests(),
        reload::tests(),
        refusal::tests(),
        foreign::tests(),
        kill::tests(),
        verdict::tests(),
        vip::tests(),
        broker::tests(),
        keep::tests(),
        pair::tests(),
        vrrp::tests(),
        vrrp_cases::tests(),
        real_time::tests(),
        vrrp_flood::tests(),
        vrrp_frr::tests(),
        vrrp_peers::tests(),
        vrrp_wire::tests(),
        vrrp_authentication::tests(),
        vrrp_group::tests(),
        vrrp_import::tests(),
        web::tests(),
        metrics::tests(),
        vrrp_mac::tests(),
        vrrp_track::tests(),
        upgrade::tests(),
        schedule::tests(),
        slow_start::tests(),
        memory::tests(),
        way::tests(),
        state::tests(),
        sync::tests(),
        systemd::tests(),
        log::tests(),
        recording::tests(),
        foretold::tests(),
        forecast::tests(),
    ]
    .concat()
}
