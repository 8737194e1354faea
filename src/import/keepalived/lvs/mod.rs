// SPDX-License-Identifier: MIT OR Apache-2.0
//! The LVS side: virtual servers with their groups, real servers and checkers.

mod checker;
mod emit;
mod group;
mod head;
mod method;
mod persistence;
mod quorum;
mod server;
mod service;
mod timing;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use self::checker::Ssl;
use self::group::{Endpoint, Groups, Placed};
use self::head::endpoints;
use self::server::Outer;
use self::service::Virtual;
use self::timing::Timing;
use super::draft::Draft;
use super::keywords::{Block, look};
use super::value::only;
use crate::diagnostic::{Finding, Findings, Span};
use crate::import::statement::Statement;
use crate::model::ServiceKey;

/// Our configuration takes so many servers of all services together.
const MOST_SERVERS: usize = 200_000;

/// Reads the blocks of the LVS side.
pub(super) fn read(roots: &[&Statement], draft: &mut Draft<'_>) {
    let (mut groups, mut ssl, mut files) = (Groups::default(), Ssl::default(), HashMap::new());
    for statement in roots {
        match &*statement.keyword.text {
            "virtual_server_group" => {
                groups.take(statement, draft.out);
                draft.keep(&statement.remarks);
            }
            "SSL" => {
                ssl.take(statement, draft.out);
                draft.keep(&statement.remarks);
            }
            "track_file" | "vrrp_track_file" => files.extend(track_file(statement, draft.out)),
            _ => {}
        }
    }
    let services: Vec<&Statement> = roots
        .iter()
        .copied()
        .filter(|it| &*it.keyword.text == "virtual_server")
        .collect();
    if !is_possible(&services, &groups, draft.out) {
        return;
    }
    let vips = vips(&services, &groups);
    let user = draft.user.clone();
    let outer = Outer {
        timing: Timing::default(),
        host: None,
        user: user.as_deref(),
        ssl: &ssl,
        files: &files,
        surroundings: draft.around,
        vips: &vips,
    };
    let mut seen = HashMap::new();
    for statement in services {
        let Some(service) = Virtual::read(statement, &groups, &outer, draft.out) else {
            continue;
        };
        emit::tell_of_addresses(&service, draft.out);
        tell_of_doubles(&service, &mut seen, draft.out);
        emit::services(&service, draft);
    }
}

/// Whether our configuration takes so many services and servers: a few lines with groups can ask for any number. Else that is said.
fn is_possible(services: &[&Statement], groups: &Groups, out: &mut Findings) -> bool {
    let (mut addresses, mut servers) = (0_usize, 0_usize);
    for service in services {
        let own = groups.size(service);
        let lines = service.block.iter().flatten();
        let lines = lines.filter(|it| &*it.keyword.text == "real_server");
        addresses += own;
        servers += own * lines.count();
        if addresses.max(servers) > MOST_SERVERS {
            let what = format!("all services have more than {MOST_SERVERS} servers");
            let finding = Finding::new(service.span(), what);
            out.push(finding.help("write one service for many addresses: by a fwmark"));
            return false;
        }
    }
    true
}

/// The addresses of all services; what is wrong with them is said when they are read.
fn vips(services: &[&Statement], groups: &Groups) -> HashSet<IpAddr> {
    let placed = services
        .iter()
        .flat_map(|it| endpoints(it, groups, &mut Findings::default()).0);
    let address = |placed: Placed| match placed.endpoint {
        Endpoint::Address(address, _) => Some(address),
        Endpoint::Mark(..) => None,
    };
    placed.filter_map(address).collect()
}

/// The name and the file of a `track_file`.
fn track_file(statement: &Statement, out: &mut Findings) -> Option<(Box<str>, Box<str>)> {
    let name = statement.words.first()?;
    let mut lines = statement.block.iter().flatten();
    let file = lines.find(|line| &*line.keyword.text == "file")?;
    look(file, Block::TrackFile, out)?;
    Some((name.text.clone(), only(file, out)?.text.clone()))
}

type Seen = HashMap<ServiceKey, Span>;

/// Two services with the same address: keepalived loses one of them at a reload, and our configuration is wrong.
fn tell_of_doubles(service: &Virtual, seen: &mut Seen, out: &mut Findings) {
    for placed in &service.endpoints {
        let key = emit::key(service, placed.endpoint);
        if let Some(first) = seen.insert(key, placed.span) {
            let finding = Finding::new(placed.span, "a second service with this address");
            let help = "keepalived has one of both, and loses it when it reloads";
            out.push(finding.label(first, "the first one").help(help));
        }
    }
}
