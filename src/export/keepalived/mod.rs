// SPDX-License-Identifier: MIT OR Apache-2.0
//! A configuration as a keepalived.conf, for keepalived 2.2 and later.

mod asked;
mod checker;
mod globals;
mod names;
mod router;
mod service;
mod text;
mod track;

pub(super) use self::globals::sysctls;
use self::names::Names;
use self::text::Text;
use super::Exported;
use super::omission::Omissions;
use crate::model::Config;

/// The configuration in keepalived's language.
#[must_use]
pub fn to_keepalived(config: &Config) -> Exported {
    let (mut text, mut omissions) = (Text::default(), Omissions::default());
    let names = Names::of(config);
    text.line("# Written by director export --to keepalived.");
    globals::write_globals(config, &names, &mut text, &mut omissions);
    track::write_objects(&names, &mut text, &mut omissions);
    router::write_routers(&config.routers, &names, &mut text, &mut omissions);
    for (key, service) in &config.services {
        service::write_service(key, service, &mut text, &mut omissions);
    }
    Exported {
        text: text.written(),
        omissions: omissions.told(config),
    }
}
