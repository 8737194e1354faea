// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new connection from the port of an old one, when the old one's server has weight 0 and the kernel's table of
//! connections grows. The table is ipvsadm's: what is shown is the kernel's own.
//!
//! The kernel schedules the new connection anew. Until its next tick it has two entries for the same addresses and ports:
//! first the new one, which packets find, then the old one, which ends at the tick. Linux 7.1 and later move all entries
//! to a larger table when they become many, and put each before those they moved earlier
//! (`conn_resize_work_handler` of `net/netfilter/ipvs/ip_vs_conn.c`). So the old entry is the first now: packets of the
//! new connection go to the old server, which answers with a reset, and the old entry lives on.

use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use lab::question::{Conversation, connect_again};
use nix::sys::socket::{setsockopt, sockopt};

use crate::Test;
use crate::beside::Outcome;
use crate::stage::{PATIENCE, Stage};

const VIP: &str = "192.168.0.10:5672";
/// As ipvsadm, and as the kernel's list of connections has them.
const SERVERS: [(&str, &str); 2] = [("192.168.0.2", "C0A80002"), ("192.168.0.3", "C0A80003")];
/// The first port that is used twice. The kernel chooses none of these by itself.
const FIRST_PORT: u16 = 20_000;
/// The table has so many connections when a port is used again. In Linux 7.1 and later it grows with the next one, in
/// every network namespace but the first.
const COUNTS: [usize; 3] = [64, 128, 256];
/// A table grows at once, but a tick may come before. It does not come each time.
const ATTEMPTS: usize = 10;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_new_connection_from_an_old_port_leaves_a_server_of_weight_0",
            leaves,
        ),
        (
            "a_growing_table_takes_a_new_connection_for_the_old_one_from_the_same_port",
            is_taken_for_the_old_one,
        ),
    ]
}

/// What became of a new connection from an old port.
#[derive(Debug)]
struct Again {
    answer: Result<String, String>,
    /// The servers of the entries for this port, in the order in which packets find them.
    servers: Vec<&'static str>,
    /// What the kernel says of its table's size, before and after.
    sizes: [String; 2],
}

/// Where the table can grow, it has grown before.
fn leaves() {
    let stage = stage();
    stage.grow_table_early();
    serve(&stage);
    for (port, count) in (FIRST_PORT..).zip([16].into_iter().chain(COUNTS)) {
        let again = again(&stage, port, count);
        assert_eq!(again.answer.as_deref(), Ok("rs2 hello"), "{again:?}");
        assert_eq!(again.sizes[0], again.sizes[1], "{again:?}");
    }
}

/// A kernel whose table does not grow has nothing to show.
fn is_taken_for_the_old_one() {
    for _ in 0..ATTEMPTS {
        let stage = stage();
        if !stage.has_growing_table() {
            return;
        }
        serve(&stage);
        for (port, count) in (FIRST_PORT..).zip(COUNTS) {
            let again = again(&stage, port, count);
            if again.answer.is_err() {
                let old_first = SERVERS.map(|(server, _)| server);
                assert_eq!(again.servers, old_first, "{again:?}");
                assert_ne!(again.sizes[0], again.sizes[1], "{again:?}");
                return;
            }
            assert_eq!(again.answer.as_deref(), Ok("rs2 hello"), "{again:?}");
        }
    }
    panic!(
        "this kernel keeps the order of its connections: `ipvs: conn_lfactor` need not be -8 by default any more"
    );
}

fn stage() -> Stage {
    let stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let name = "ipv4/vs/expire_nodest_conn";
    stage.director.sysctl(name, "1").unwrap();
    stage
}

fn serve(stage: &Stage) {
    ipvsadm(stage, &format!("-A -t {VIP} -s rr"));
    for (server, _) in SERVERS {
        ipvsadm(stage, &format!("-a -t {VIP} -r {server} -g"));
    }
}

/// Opens connections until there are so many, the last one from this port; takes the weight of its server; and opens one
/// from this port again.
fn again(stage: &Stage, port: u16, count: usize) -> Again {
    give_weight(stage, SERVERS[1].0);
    while stage.connections().len() + 1 < count {
        assert_eq!(ask(stage, 0).as_deref(), Ok("rs2 hello"));
    }
    give_weight(stage, SERVERS[0].0);
    assert_eq!(ask(stage, port).as_deref(), Ok("rs1 hello"));
    give_weight(stage, SERVERS[1].0);
    let before = size(stage);
    Again {
        answer: ask(stage, port),
        servers: servers(stage, port),
        sizes: [before, size(stage)],
    }
}

/// Gives this server all the weight.
fn give_weight(stage: &Stage, chosen: &str) {
    for (server, _) in SERVERS {
        let weight = u8::from(server == chosen);
        ipvsadm(stage, &format!("-e -t {VIP} -r {server} -g -w {weight}"));
    }
}

fn ipvsadm(stage: &Stage, words: &str) {
    let words: Vec<&str> = words.split(' ').collect();
    let output = stage.director.command("ipvsadm", &words).unwrap();
    let outcome = Outcome::from(output);
    assert_eq!(outcome.status, Some(0), "{words:?}: {outcome:?}");
}

/// Asks on a connection from this port, or from any if it is 0. A reset ends the connection, so that the client's host
/// gives the same port again at once.
fn ask(stage: &Stage, port: u16) -> Result<String, String> {
    let from = SocketAddr::new(stage.client.addresses()[0], port);
    let answer = stage.client.run(|| {
        let stream = connect_again(from, VIP.parse().unwrap(), PATIENCE)?;
        if port != 0 {
            let at_once = libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            setsockopt(&stream, sockopt::Linger, &at_once)?;
        }
        Conversation::new(stream)?.ask("hello", Instant::now() + PATIENCE)
    });
    answer.map_err(|error| error.to_string())
}

fn servers(stage: &Stage, port: u16) -> Vec<&'static str> {
    let lines = stage.connections();
    let of_port = lines.iter().map(|line| line.split_whitespace().collect());
    let of_port = of_port.filter(|words: &Vec<&str>| words[2] == format!("{port:04X}"));
    let server = |words: Vec<&str>| SERVERS.iter().find(|(_, hex)| *hex == words[5]);
    of_port.filter_map(server).map(|(at, _)| *at).collect()
}

/// Nothing before Linux 7.1.
fn size(stage: &Stage) -> String {
    let path = "/proc/thread-self/net/ip_vs_status";
    let text = stage.director.run(|| fs::read_to_string(path));
    let text = text.unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Conn buckets:"));
    line.unwrap_or_default().to_owned()
}
