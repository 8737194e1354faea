// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keywords of `ldirectord.cf`: where each belongs, and what becomes of those that only this table knows.

use crate::diagnostic::{Finding, Fix, Shown, Span, nearest};

/// Where a keyword belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the first virtual service, without indentation.
    Top,
    /// Indented, in a virtual service.
    Service,
    /// In both.
    Both,
}

/// What becomes of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is read.
    Read,
    /// Nothing that runs changes without it. With what there is instead.
    Dropped(&'static str),
    /// Something is not done any more. With what to do.
    Missed(&'static str),
    /// ldirectord refuses it. With the keyword to write.
    Refused(&'static str),
}

/// A keyword.
#[derive(Debug)]
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) fate: Fate,
}

const fn read(name: &'static str, place: Place) -> Keyword {
    let fate = Fate::Read;
    Keyword { name, place, fate }
}

const fn dropped(name: &'static str, place: Place, instead: &'static str) -> Keyword {
    let fate = Fate::Dropped(instead);
    Keyword { name, place, fate }
}

const fn missed(name: &'static str, place: Place, remedy: &'static str) -> Keyword {
    let fate = Fate::Missed(remedy);
    Keyword { name, place, fate }
}

const fn refused(name: &'static str, right: &'static str) -> Keyword {
    Keyword {
        name,
        place: Place::Both,
        fate: Fate::Refused(right),
    }
}

const LOG: &str = "the director writes to standard error, which systemd keeps in the journal";
const NAME: &str =
    "ldirectord writes it into its mails; a comment in the file says the same to people";
const MAIL: &str =
    "nobody is told by mail: let the monitoring watch the journal, or director status --json";

/// All keywords (`read_config` of ldirectord).
const KEYWORDS: [Keyword; 55] = [
    read("virtual", Place::Top),
    read("virtual6", Place::Top),
    read("checktimeout", Place::Both),
    read("negotiatetimeout", Place::Both),
    read("checkinterval", Place::Both),
    read("checkcount", Place::Both),
    read("failurecount", Place::Both),
    read("fallback", Place::Both),
    read("fallback6", Place::Both),
    read("quiescent", Place::Both),
    read("cleanstop", Place::Both),
    read("fork", Place::Top),
    read("real", Place::Service),
    read("real6", Place::Service),
    read("request", Place::Service),
    read("receive", Place::Service),
    read("checktype", Place::Service),
    read("checkcommand", Place::Service),
    read("checkport", Place::Service),
    read("scheduler", Place::Service),
    read("schedflags", Place::Service),
    read("persistent", Place::Service),
    read("netmask", Place::Service),
    read("protocol", Place::Service),
    read("ops", Place::Service),
    read("service", Place::Service),
    read("httpmethod", Place::Service),
    read("virtualhost", Place::Service),
    read("login", Place::Service),
    read("passwd", Place::Service),
    read("database", Place::Service),
    read("secret", Place::Service),
    dropped("servicename", Place::Service, NAME),
    dropped("comment", Place::Service, NAME),
    dropped("load", Place::Service, "ldirectord does nothing with it"),
    dropped("monitorfile", Place::Service, LOG),
    dropped("logfile", Place::Top, LOG),
    dropped(
        "supervised",
        Place::Top,
        "director run always stays in the foreground",
    ),
    dropped(
        "autoreload",
        Place::Top,
        "the director reads its file again when it is told to: director reload",
    ),
    dropped(
        "readdquiescent",
        Place::Top,
        "a server that somebody has removed comes back with its weight 0",
    ),
    missed(
        "callback",
        Place::Top,
        "nothing is run when the file changes: copy it to the other host when you change it",
    ),
    missed(
        "execute",
        Place::Top,
        "one director does all: import that file, too, and merge the services",
    ),
    missed(
        "fallbackcommand",
        Place::Both,
        "nothing is run when all servers are down: let the monitoring watch director status --json",
    ),
    missed(
        "maintenancedir",
        Place::Top,
        "a file there takes no server out any more: director disable SERVER does, and director enable SERVER brings it back",
    ),
    missed("emailalert", Place::Both, MAIL),
    dropped("emailalertfreq", Place::Both, MAIL),
    dropped("emailalertstatus", Place::Both, MAIL),
    dropped("emailalertfrom", Place::Top, MAIL),
    dropped("smtp", Place::Both, MAIL),
    refused("connecttimeout", "negotiatetimeout"),
    refused("timeout", "checktimeout"),
    refused("password", "passwd"),
    refused("persistence", "persistent"),
    refused("check", "checktype"),
    refused("virtual_host", "virtualhost"),
];

impl Keyword {
    /// The keyword of this name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        KEYWORDS.iter().find(|keyword| keyword.name == name)
    }

    /// What is to be said of a word that is none.
    pub(super) fn unknown(word: &str, at: Span) -> Finding {
        let known = KEYWORDS
            .iter()
            .filter(|it| !matches!(it.fate, Fate::Refused(_)));
        let near = nearest(word, known.map(|keyword| keyword.name));
        let finding = Finding::new(at, format!("unknown keyword \"{}\"", Shown(word)));
        match near {
            None => finding.help("ldirectord does not start with it"),
            Some(near) => finding
                .help(format!("did you mean {near}?"))
                .fix(Fix::replace(at, near)),
        }
    }

    /// What is to be said of one in the wrong place; `None` for the right one.
    pub(super) fn misplaced(&self, in_service: bool, at: Span) -> Option<Finding> {
        let (message, help) = match (self.place, in_service) {
            (Place::Both, _) | (Place::Top, false) | (Place::Service, true) => return None,
            (Place::Top, true) => (
                "does not belong into a virtual service",
                "write it before the first virtual service, without blanks before it",
            ),
            (Place::Service, false) => (
                "belongs into a virtual service",
                "write it below virtual=, with a tab before it",
            ),
        };
        Some(Finding::new(at, format!("{} {message}", self.name)).help(help))
    }

    /// What is to be said when it is not read; `None` when it is.
    pub(super) fn farewell(&self, at: Span) -> Option<Finding> {
        let name = self.name;
        let gone = format!("{name} is not carried over");
        match self.fate {
            Fate::Read => None,
            Fate::Dropped(instead) => Some(Finding::note(at, gone).help(instead)),
            Fate::Missed(remedy) => Some(Finding::warning(at, gone).help(remedy)),
            Fate::Refused(right) => Some(
                Finding::new(at, format!("ldirectord knows no {name}"))
                    .help(format!("write {right}"))
                    .fix(Fix::replace(at, right)),
            ),
        }
    }
}
