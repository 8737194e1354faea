// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of a command line, one a line (or after a NUL). They are refused with a message, or have a meaning. A
//! change of the table has the same meaning after it is written as a saved line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::cli::own;
use lvs_director::ipvsadm::address::Nobody;
use lvs_director::ipvsadm::arguments::{Context, Invocation, parse};
use lvs_director::ipvsadm::change::Change;
use lvs_director::ipvsadm::failure::Failure;
use lvs_director::ipvsadm::settings::{NamedServer, ServerOptions};
use lvs_director::model::{
    ForwardingMethod, Scheduler, Seconds, ServiceKey, ServiceSettings, Step, Tunnel, VirtualService,
};

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > 4096 {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text.split(['\n', '\0']).collect();
    if let Some(Err(failure)) = own::parse(&words) {
        check(&failure);
    }
    for compat in [false, true] {
        match read(&words, compat) {
            Err(failure) => check(&failure),
            Ok(Invocation::Change(change)) => {
                if let Some(step) = step(&change) {
                    saved(&step);
                }
            }
            Ok(_) => {}
        }
    }
});

fn read(words: &[&str], compat: bool) -> Result<Invocation, Failure> {
    let context = Context {
        program: "lvsadm",
        lookup: &Nobody,
        compat,
    };
    parse(context, words)
}

/// An error has a message and an exit status.
fn check(failure: &Failure) {
    assert!(!failure.message.trim().is_empty());
    assert!(matches!(failure.status, 1 | 2 | 255), "{failure:?}");
}

/// The line of a step means that step.
fn saved(step: &Step) {
    let line = step.to_string();
    let words: Vec<&str> = line.split(' ').collect();
    if line.contains(['\n', '\0']) || names(step).any(|name| name.contains(' ')) {
        // A word that does not fit into a line: the kernel knows no such name.
        return;
    }
    let again = Invocation::Change(Change::Step(step.clone()));
    assert_eq!(read(&words, true), Ok(again), "{line}");
}

/// Settings that are written as they were given.
fn names(step: &Step) -> impl Iterator<Item = &str> {
    let settings = match step {
        Step::AddService(_, settings) | Step::EditService(_, settings) => Some(settings),
        _ => None,
    };
    settings.into_iter().flat_map(|settings| {
        let engine = settings.engine.as_ref();
        [
            Some(settings.scheduler.name()),
            engine.map(|engine| engine.name()),
        ]
        .into_iter()
        .flatten()
    })
}

/// The step of a change when the edited service and server exist.
fn step(change: &Change) -> Option<Step> {
    let (key, server) = match change {
        Change::Step(step) => return Some(step.clone()),
        Change::EditService(key, _) => (key, None),
        Change::EditServer(key, server, _) => (key, Some(server)),
    };
    let mut service = VirtualService::new(settings());
    if let Some(named) = server {
        add(key, named, &mut service);
    }
    change.step(|_| Ok::<_, Failure>(Some(service))).ok()
}

fn settings() -> ServiceSettings {
    ServiceSettings {
        persistence: Some(Seconds(300)),
        ..ServiceSettings::new(Scheduler::WLC)
    }
}

/// A server that is masqueraded to, or tunneled to where it is of the other family.
fn add(key: &ServiceKey, named: &NamedServer, service: &mut VirtualService) {
    let mut server = ServerOptions::default_server();
    let other = named.key.family() != key.family();
    server.forwarding = if other {
        ForwardingMethod::Tunneling(Tunnel::IPIP)
    } else {
        ForwardingMethod::Masquerading
    };
    service.servers.insert(named.under(other), server);
}
