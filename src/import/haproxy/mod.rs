// SPDX-License-Identifier: MIT OR Apache-2.0
//! `haproxy.cfg` in TCP mode.
//!
//! `lexer` makes words of lines, `sections` sections of statements. `keywords` knows what each keyword is: it is read here,
//! or named as not carried over (`aside`). `grammar` says what HAProxy refuses of what is read. `proxy` puts `listen`, `frontend` and `backend` over their `defaults`; `bind`,
//! `server`, `scheduler` and `check` read what stands in them. `service` joins these, and `write` writes them in our words.
//! The manual that is meant is HAProxy 2.6's `configuration.txt`.

mod aside;
mod bind;
mod check;
mod environment;
mod grammar;
mod keywords;
mod lexer;
mod member;
mod page;
mod proxy;
mod scheduler;
mod sections;
mod server;
mod service;
mod track;
mod value;
mod words;
mod write;

use super::{Output, Reading};
use crate::diagnostic::{FileId, Finding};

/// Reads a file.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Output {
    let sections = sections::read(file, reading);
    let name = reading.sources.name(file).to_owned();
    let vips = reading.around.virtual_addresses();
    let mut aside = aside::Aside::default();
    for section in &sections.all {
        aside.section(section, reading.out);
        grammar::check(section, &mut aside, reading.out);
    }
    let proxies = proxy::Proxies::read(&sections, &mut aside, reading.out);
    let mut services = service::Services::new(&proxies, &vips, &mut aside, reading.out);
    services.read();
    let (services, pages, idle) = (services.all, services.pages, services.idle);
    aside.tell(reading.out);
    if services.is_empty() && !reading.out.has_errors() {
        let place = reading.sources.span(file, 0..0);
        let finding = Finding::new(place, "nothing in this file is a service of layer 4");
        reading
            .out
            .push(finding.help("what was left out is told above"));
    }
    let defaults = sections
        .all
        .iter()
        .find(|it| it.kind == sections::Kind::Defaults);
    let about_defaults = defaults.map_or(&[][..], |it| &it.head.remarks.before);
    Output::Director(write::write(
        &name,
        &sections.head,
        &services,
        pages,
        idle,
        about_defaults,
    ))
}
