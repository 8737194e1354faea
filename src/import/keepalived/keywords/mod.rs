// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every keyword that keepalived knows, where it belongs, and what becomes of it. One table for each block.

mod global;
mod look;
mod lvs;
mod vrrp;

pub(super) use self::look::{look, not_carried_over, word_not_carried_over};

/// A block, by what its lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Block {
    /// The file itself.
    Root,
    GlobalDefs,
    VirtualServer,
    RealServer,
    TcpCheck,
    HttpGet,
    SslGet,
    Url,
    SmtpCheck,
    SmtpHost,
    DnsCheck,
    MiscCheck,
    BfdCheck,
    PingCheck,
    UdpCheck,
    FileCheck,
    Ssl,
    VrrpInstance,
    Authentication,
    SyncGroup,
    VrrpScript,
    TrackFile,
    TrackProcess,
    TrackGroup,
    GarpGroup,
    BfdInstance,
    /// Its lines begin with addresses and names, and no keyword.
    Lines,
}

/// What becomes of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is read.
    Read,
    /// It is not carried over, and what runs changes: why.
    Lost(&'static str),
    /// It is not carried over, and nothing that runs changes: why.
    Needless(&'static str),
}

/// A keyword in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keyword {
    /// As it is written.
    pub(super) name: &'static str,
    /// What its own block holds; `None` when it has none.
    pub(super) block: Option<Block>,
    /// What becomes of it.
    pub(super) fate: Fate,
    /// The keyword that it is an old name of.
    pub(super) old_for: Option<&'static str>,
}

/// A keyword that is read.
const fn read(name: &'static str) -> Keyword {
    Keyword {
        name,
        block: None,
        fate: Fate::Read,
        old_for: None,
    }
}

impl Keyword {
    /// With a block.
    const fn holds(self, block: Block) -> Self {
        Self {
            block: Some(block),
            ..self
        }
    }

    /// Not carried over, and what runs changes.
    const fn lost(self, why: &'static str) -> Self {
        Self {
            fate: Fate::Lost(why),
            ..self
        }
    }

    /// Not carried over, and nothing that runs changes.
    const fn needless(self, why: &'static str) -> Self {
        Self {
            fate: Fate::Needless(why),
            ..self
        }
    }

    /// An old name.
    const fn old(self, name: &'static str) -> Self {
        Self {
            old_for: Some(name),
            ..self
        }
    }

    /// The name that keepalived uses today.
    pub(super) fn today(&self) -> &'static str {
        self.old_for.unwrap_or(self.name)
    }
}

impl Block {
    /// All that have keywords, with these.
    const ALL: [(Self, &'static [&'static [Keyword]]); 26] = [
        (Self::Root, &[global::ROOT]),
        (Self::GlobalDefs, &[global::GLOBAL_DEFS]),
        (Self::VirtualServer, &[lvs::VIRTUAL_SERVER]),
        (Self::RealServer, &[lvs::REAL_SERVER]),
        (Self::TcpCheck, &[lvs::CHECKER]),
        (
            Self::HttpGet,
            &[lvs::HTTP_GET, lvs::PLAIN_HTTP_GET, lvs::CHECKER],
        ),
        (Self::SslGet, &[lvs::HTTP_GET, lvs::SSL_GET, lvs::CHECKER]),
        (Self::Url, &[lvs::URL]),
        (Self::SmtpCheck, &[lvs::SMTP_CHECK, lvs::CHECKER]),
        (Self::SmtpHost, &[lvs::SMTP_HOST]),
        (Self::DnsCheck, &[lvs::DNS_CHECK, lvs::CHECKER]),
        (Self::MiscCheck, &[lvs::MISC_CHECK]),
        (Self::BfdCheck, &[lvs::BFD_CHECK]),
        (Self::PingCheck, &[lvs::PING_CHECK]),
        (Self::UdpCheck, &[lvs::UDP_CHECK, lvs::CHECKER]),
        (Self::FileCheck, &[lvs::FILE_CHECK]),
        (Self::Ssl, &[lvs::SSL]),
        (Self::VrrpInstance, &[vrrp::VRRP_INSTANCE]),
        (Self::Authentication, &[vrrp::AUTHENTICATION]),
        (Self::SyncGroup, &[vrrp::SYNC_GROUP]),
        (Self::VrrpScript, &[vrrp::VRRP_SCRIPT]),
        (Self::TrackFile, &[vrrp::TRACK_FILE]),
        (Self::TrackProcess, &[vrrp::TRACK_PROCESS]),
        (Self::TrackGroup, &[vrrp::TRACK_GROUP]),
        (Self::GarpGroup, &[vrrp::GARP_GROUP]),
        (Self::BfdInstance, &[vrrp::BFD_INSTANCE]),
    ];

    /// Its keywords; none for one whose lines begin with none.
    fn keywords(self) -> impl Iterator<Item = &'static Keyword> {
        let found = Self::ALL.iter().filter(move |(block, _)| *block == self);
        found.flat_map(|(_, lists)| lists.iter().copied().flatten())
    }

    /// As its line begins.
    const fn name(self) -> &'static str {
        match self {
            Self::Root => "the file itself",
            Self::GlobalDefs => "global_defs",
            Self::VirtualServer => "virtual_server",
            Self::RealServer => "real_server",
            Self::TcpCheck => "TCP_CHECK",
            Self::HttpGet => "HTTP_GET",
            Self::SslGet => "SSL_GET",
            Self::Url => "url",
            Self::SmtpCheck => "SMTP_CHECK",
            Self::SmtpHost => "host",
            Self::DnsCheck => "DNS_CHECK",
            Self::MiscCheck => "MISC_CHECK",
            Self::BfdCheck => "BFD_CHECK",
            Self::PingCheck => "PING_CHECK",
            Self::UdpCheck => "UDP_CHECK",
            Self::FileCheck => "FILE_CHECK",
            Self::Ssl => "SSL",
            Self::VrrpInstance => "vrrp_instance",
            Self::Authentication => "authentication",
            Self::SyncGroup => "vrrp_sync_group",
            Self::VrrpScript => "vrrp_script",
            Self::TrackFile => "track_file",
            Self::TrackProcess => "vrrp_track_process",
            Self::TrackGroup => "track_group",
            Self::GarpGroup => "garp_group",
            Self::BfdInstance => "bfd_instance",
            Self::Lines => "this block",
        }
    }

    /// The keyword with this name.
    fn find(self, name: &str) -> Option<&'static Keyword> {
        self.keywords().find(|keyword| keyword.name == name)
    }
}

/// The block that a keyword of this block has; `None` when it has none, or is not known.
pub(super) fn block_of(block: Block, name: &str) -> Option<Block> {
    block.find(name)?.block
}

/// Which of several lines of a block counts that say the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// Each adds to those before.
    All,
    /// keepalived says that the others are ignored.
    First,
    Last,
    /// `state MASTER`, wherever it stands.
    Master,
}

/// What a line without a block says, as keepalived's name for it, and which of several counts. `None` for what is not known.
pub(super) fn repeated(block: Block, name: &str) -> Option<(&'static str, Counts)> {
    let keyword = block.find(name).filter(|it| it.block.is_none())?;
    let counts = match (block, keyword.today()) {
        (_, "status_code") => Counts::All,
        (Block::VrrpInstance, "state") => Counts::Master,
        (Block::VrrpInstance, "version" | "lvs_sync_daemon_interface")
        | (Block::GlobalDefs, "lvs_sync_daemon")
        | (Block::TrackFile, "file" | "weight")
        | (Block::TrackProcess, "process" | "weight")
        | (Block::DnsCheck, "name") => Counts::First,
        _ => Counts::Last,
    };
    let what = match keyword.today() {
        "nopreempt" => "preempt",
        "mcast_src_ip" => "unicast_src_ip",
        name => name,
    };
    Some((what, counts))
}

/// Whether a block knows both of them.
pub(super) fn stand_together(one: &str, other: &str) -> bool {
    let mut all = Block::ALL.iter().map(|(block, _)| *block);
    all.any(|block| block.find(one).is_some() && block.find(other).is_some())
}

/// Whether a file of keepalived has a line that begins with this.
pub(super) fn is_known(word: &str) -> bool {
    !homes(word).is_empty()
}

/// The blocks that know a keyword.
fn homes(name: &str) -> Vec<&'static str> {
    let all = Block::ALL.iter().map(|(block, _)| *block);
    let homes = all.filter(|block| block.find(name).is_some());
    homes.map(Block::name).collect()
}

/// Every keyword of the LVS side without a block, in each of its blocks, with a value.
#[cfg(test)]
pub(super) fn samples() -> Vec<(Block, &'static str, &'static str)> {
    let all = Block::ALL
        .into_iter()
        .map(|(block, _)| block)
        .filter(|block| *block <= Block::Ssl && !matches!(block, Block::Root));
    let of = |block: Block| {
        let plain = block.keywords().filter(|it| it.block.is_none());
        plain.map(move |it| (block, it.name, sample(block, it.name)))
    };
    all.flat_map(of).collect()
}

/// A value that changes something.
#[cfg(test)]
fn sample(block: Block, name: &str) -> &'static str {
    let alone = [
        "ops",
        "misc_dynamic",
        "enable_sni",
        "hashed",
        "omega",
        "ha_suspend",
    ];
    if alone.contains(&name)
        || ["sh-", "mh-", "flag-"]
            .iter()
            .any(|it| name.starts_with(it))
    {
        return "";
    }
    match (block, name) {
        (_, "path") => "/b",
        (Block::DnsCheck, "type") => "MX",
        (Block::FileCheck, "track_file") => "g",
        (_, "alpha" | "inhibit_on_failure") => "yes",
        (_, "lvs_sched" | "lb_algo") => "wrr",
        (_, "lvs_method" | "lb_kind" | "sorry_server_lvs_method") => "DR",
        (_, "protocol") => "UDP",
        (_, "vrrp_version" | "lthreshold") => "3",
        (_, "ip_family") => "inet6",
        (_, "sorry_server") => "10.0.0.9 80",
        (_, "persistence_granularity") => "255.255.255.0",
        (_, "connect_ip" | "bindto") => "10.0.0.77",
        (_, "misc_path") => "/y",
        (_, "payload" | "require_reply") => "7061",
        (_, "status_code") => "200 300-302",
        (_, "lvs_timeouts") => "tcp 5 udp 6",
        (_, "certificate" | "key" | "ca") => "/z",
        (_, "virtualhost" | "sni_name" | "helo_name" | "name") => "shop.example",
        _ => "2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_block_knows_a_keyword_twice() {
        for (block, _) in Block::ALL {
            let mut names: Vec<_> = block.keywords().map(|it| it.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{block:?}");
        }
    }

    #[test]
    fn an_old_name_stands_for_one_that_its_block_knows() {
        for (block, _) in Block::ALL {
            for old in block.keywords().filter_map(|it| it.old_for) {
                assert!(block.find(old).is_some(), "{block:?} {old}");
            }
        }
    }
}
