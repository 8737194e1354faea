// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `ipvsadm -S` writes: a table as the lines that make it.

mod table;

use std::cell::RefCell;
use std::net::Ipv4Addr;

use self::table::Table;
use super::document::{Document, Entry, Value};
use super::pasted::plain;
use super::{Output, Reading};
use crate::diagnostic::{FileId, Finding, Shown, Span};
use crate::ipvsadm::address::Lookup;
use crate::ipvsadm::arguments::{Context, Invocation};
use crate::ipvsadm::change::Change;
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::restore;
use crate::model::{Protocol, Seconds, Step, Timeouts};

/// Reads a saved table. Its names are not looked up.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Output {
    let text = plain(reading.sources, file, reading.out);
    let mut table = Table::default();
    let mut timeouts = None;
    let mut words = Vec::new();
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        let range = at..at + whole.trim_end().len();
        at += whole.len();
        let place = reading.sources.span(file, range);
        let names = Names::default();
        let context = Context {
            program: "ipvsadm",
            lookup: &names,
            compat: false,
        };
        match restore::line(context, whole, &mut words) {
            None => table.remark(whole),
            Some(Err(failure)) => {
                reading.out.push(refused(&failure, names.first(), place));
            }
            Some(Ok(Invocation::SetTimeouts(values))) => timeouts = Some(values),
            Some(Ok(invocation)) => take(&mut table, invocation, whole, place, reading),
        }
    }
    if table.is_empty() && !reading.out.has_errors() {
        let place = reading.sources.span(file, 0..0);
        let finding = Finding::warning(place, "the table has no virtual service");
        reading.out.push(finding);
    }
    Output::Director(document(table, timeouts, reading))
}

fn take(
    table: &mut Table,
    invocation: Invocation,
    line: &str,
    place: Span,
    reading: &mut Reading<'_>,
) {
    match invocation {
        Invocation::Change(Change::Step(Step::AddService(key, settings))) => {
            table.add_service(key, settings, line, place, reading.out);
        }
        Invocation::Change(Change::Step(Step::AddServer(key, server, real))) => {
            table.add_server(key, server, real, line, place, reading.out);
        }
        Invocation::Clear => table.clear(place, reading.out),
        Invocation::Change(
            Change::Step(
                Step::EditService(..)
                | Step::DeleteService(_)
                | Step::EditServer(..)
                | Step::DeleteServer(..),
            )
            | Change::EditService(..)
            | Change::EditServer(..),
        ) => reading.out.push(
            Finding::new(place, "this changes a table, and says none")
                .help("carry it out, and save the table: ipvsadm -Sn"),
        ),
        Invocation::StartDaemon(_) | Invocation::StopDaemon(_) => reading.out.push(
            Finding::warning(place, "the sync daemon is not carried over")
                .help("write connection_sync: the director then starts the daemon of its role"),
        ),
        Invocation::List(_) | Invocation::Save { .. } | Invocation::Zero(_) => {
            let finding = Finding::note(place, "this changes no service, and is left out");
            reading.out.push(finding);
        }
        // The first is taken before, and the reader of lines refuses the others.
        Invocation::SetTimeouts(_)
        | Invocation::Help
        | Invocation::Version
        | Invocation::Restore { .. } => {}
    }
}

fn refused(failure: &Failure, name: Option<String>, place: Span) -> Finding {
    if let Some(name) = name {
        let message = format!("{} is a name, not a number", Shown(&name));
        return Finding::new(place, message).help(
            "save the table by numbers: ipvsadm -Sn. A name may mean another address tomorrow",
        );
    }
    if *failure == Failure::try_help("ipvsadm") {
        return Finding::new(place, "this is no line of a saved table")
            .help("ipvsadm -Sn writes one: -A makes a service, -a adds a server");
    }
    Finding::new(place, failure.message.trim_end())
}

fn document(table: Table, timeouts: Option<Timeouts>, reading: &mut Reading<'_>) -> Document {
    let mut document = Document::default();
    if let Some(Timeouts { tcp, tcp_fin, udp }) = timeouts {
        let times = [
            ("tcp_timeout", tcp),
            ("tcp_fin_timeout", tcp_fin),
            ("udp_timeout", udp),
        ];
        // One of 0 seconds stays as it is.
        let set = times.into_iter().filter(|(_, time)| *time != Seconds(0));
        for (key, time) in set {
            let time = Value::word(format!("{time}s"));
            document.map("ipvs").push(Entry::new(key, time));
        }
    }
    let mut defaults = Vec::new();
    if !table.is_empty() {
        let none = Entry::new("check", Value::word("none"))
            .before(
                "Nobody has checked these servers, so nobody does. Without this line the director",
            )
            .before(
                "connects to each server of a TCP service every second, and takes out who refuses.",
            );
        defaults.push(none);
        document.map("defaults").extend_from_slice(&defaults);
    }
    let services = document.list("virtual_services");
    table.write(&defaults, services, reading);
    document
}

/// Knows no name, and which was asked for first.
#[derive(Default)]
struct Names(RefCell<Option<String>>);

impl Names {
    fn ask(&self, name: &str) {
        self.0.borrow_mut().get_or_insert_with(|| name.to_owned());
    }

    fn first(&self) -> Option<String> {
        self.0.borrow().clone()
    }
}

impl Lookup for Names {
    fn host(&self, name: &str) -> Option<Ipv4Addr> {
        self.ask(name);
        None
    }

    fn port(&self, name: &str, _: Protocol) -> Option<u16> {
        self.ask(name);
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::import::surroundings::Alone;
    use crate::import::{Kind, Output, import};

    /// The file of ours, and what is said.
    fn read(text: &str) -> (String, String) {
        let imported = import(Some(Kind::Ipvsadm), "saved", text.as_bytes(), &Alone);
        let Output::Director(document) = &imported.output else {
            panic!("{imported:?}");
        };
        (document.to_string(), imported.diagnostics.render(false))
    }

    #[test]
    fn a_name_is_refused_with_what_to_do() {
        let (_, said) = read("-A -t vip.example:http -s wlc\n");
        assert!(said.contains("vip.example is a name"), "{said}");
        assert!(said.contains("ipvsadm -Sn"), "{said}");
    }

    #[test]
    fn timeouts_of_zero_stay_as_they_are() {
        let (file, said) = read("--set 900 0 300\n-A -t 192.0.2.1:80 -s rr\n");
        assert!(said.is_empty(), "{said}");
        assert!(
            file.starts_with("ipvs: {tcp_timeout: 900s, udp_timeout: 300s}\n"),
            "{file}"
        );
    }

    #[test]
    fn an_empty_table_is_a_file_without_services() {
        let (file, said) = read("-C\n");
        assert_eq!(file, "virtual_services: []\n");
        assert!(said.contains("has no virtual service"), "{said}");
    }
}
