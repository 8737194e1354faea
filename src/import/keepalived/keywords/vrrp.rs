// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keywords of the VRRP side.

use super::global::{BUFFERS, LINKS, MAIL_SETTING, ROUTES};
use super::{Block, Keyword, read};

const SCRIPTS: &str =
    "no program is run when the state changes; director events shows each change as it happens";
/// Also of what `global_defs` says of announcements.
pub(super) const ANNOUNCED: &str = "the director announces in a burst, again a second later, again when it hears another master, and by refresh";
pub(super) const PACE: &str = "the director's announcements have a pace of their own";
pub(super) const RFC: &str = "the director does as RFC 9568 says";
pub(super) const STRANGERS: &str =
    "with peers an advertisement from anybody else is dropped in any case";
const CHECKSUM: &str =
    "both forms of the checksum are accepted, and the answer has the form of the peer";
const LATE: &str =
    "a director that was late for so long that a peer has taken over steps down in any case";
const NAME: &str =
    "a process is known by its name alone: the first 15 bytes, as ps -o comm shows it";
const AT_ONCE: &str = "what is found every second counts at once";

/// `vrrp_instance`
pub(super) const VRRP_INSTANCE: &[Keyword] = &[
    read("state"),
    read("interface"),
    read("vrf").lost("the director knows no VRF: name an interface of it"),
    read("use_vmac"),
    read("use_vmac_addr").lost("write virtual_mac: true at the virtual router that shall have one"),
    read("vmac_xmit_base").needless("by multicast advertisements have the virtual hardware address, with peers that of the interface"),
    read("use_ipvlan").lost("the director makes no ipvlan; virtual_mac: true makes a macvlan"),
    read("native_ipv6").needless("the family is that of the addresses"),
    read("dont_track_primary").lost("a virtual router takes no part while its interface is down"),
    read("track_interface").holds(Block::Lines),
    read("track_script").holds(Block::Lines),
    read("track_file").holds(Block::Lines),
    read("track_process").holds(Block::Lines),
    read("track_bfd").holds(Block::Lines),
    read("mcast_src_ip"),
    read("unicast_src_ip"),
    read("mcast_dst_ip"),
    read("track_src_ip").needless("a virtual router takes no part while its source is not an address of the interface"),
    read("version"),
    read("check_unicast_src").needless(STRANGERS),
    read("unicast_peer").holds(Block::Lines),
    read("unicast_fault_no_peer").needless("a unicast_peer that names nobody is an error here"),
    read("unicast_ttl"),
    read("old_unicast_checksum").lost("the checksum of keepalived before 1.3.7 is not known here"),
    read("v3_checksum_as_v2").needless(CHECKSUM),
    read("v3_checksum_type").needless(CHECKSUM),
    read("garp_master_delay").needless(ANNOUNCED),
    read("garp_master_repeat").needless(ANNOUNCED),
    read("garp_lower_prio_delay").needless(ANNOUNCED),
    read("garp_lower_prio_repeat").needless(ANNOUNCED),
    read("garp_master_refresh"),
    read("garp_master_refresh_repeat").needless(ANNOUNCED),
    read("garp_interval").needless(PACE),
    read("gna_interval").needless(PACE),
    read("garp_extra_if").needless(ANNOUNCED),
    read("down_timer_adverts"),
    read("timer_expired_backup").needless(LATE),
    read("thread_timer_expired").needless(LATE),
    read("lower_prio_no_advert").needless(RFC),
    read("higher_prio_send_advert").needless(RFC),
    read("owner_ignore_adverts").needless(RFC),
    read("virtual_router_id"),
    read("priority"),
    read("advert_int"),
    read("authentication").holds(Block::Authentication),
    read("auth_hmac").holds(Block::Lines),
    read("virtual_ipaddress").holds(Block::Lines),
    read("virtual_ipaddress_excluded").holds(Block::Lines),
    read("promote_secondaries").needless("set net.ipv4.conf.INTERFACE.promote_secondaries by the host's own settings"),
    read("virtual_routes").holds(Block::Lines).lost(ROUTES),
    read("virtual_rules").holds(Block::Lines).lost(ROUTES),
    read("accept").needless("the director always accepts what is sent to the virtual addresses"),
    read("no_accept").lost("the director accepts what is sent to the virtual addresses; a firewall can drop it"),
    read("nopreempt"),
    read("preempt"),
    read("preempt_delay"),
    read("skip_check_adv_addr").needless("an advertisement with other addresses counts, and the log says so"),
    read("strict_mode"),
    read("debug").needless("keepalived does nothing with it either"),
    read("notify").lost(SCRIPTS),
    read("notify_master").lost(SCRIPTS),
    read("notify_backup").lost(SCRIPTS),
    read("notify_fault").lost(SCRIPTS),
    read("notify_stop").lost(SCRIPTS),
    read("notify_deleted").lost(SCRIPTS),
    read("notify_master_rx_lower_pri").lost(SCRIPTS),
    read("notify_priority_changes").needless(SCRIPTS),
    read("smtp_alert").needless(MAIL_SETTING),
    read("kernel_rx_buf_size").needless(BUFFERS),
    read("linkbeat_use_polling").needless(LINKS),
    read("lvs_sync_daemon_interface"),
    read("lvs_sync_daemon_inteface").old("lvs_sync_daemon_interface"),
];

/// `authentication`
pub(super) const AUTHENTICATION: &[Keyword] = &[read("auth_type"), read("auth_pass")];

/// `vrrp_sync_group`
pub(super) const SYNC_GROUP: &[Keyword] = &[
    read("group").holds(Block::Lines),
    read("track_interface").holds(Block::Lines),
    read("track_script").holds(Block::Lines),
    read("track_file").holds(Block::Lines),
    read("track_process").holds(Block::Lines),
    read("track_bfd").holds(Block::Lines),
    read("notify").lost(SCRIPTS),
    read("notify_master").lost(SCRIPTS),
    read("notify_backup").lost(SCRIPTS),
    read("notify_fault").lost(SCRIPTS),
    read("notify_stop").lost(SCRIPTS),
    read("notify_deleted").lost(SCRIPTS),
    read("notify_priority_changes").needless(SCRIPTS),
    read("smtp_alert").needless(MAIL_SETTING),
    read("global_tracking"),
    read("sync_group_tracking_weight"),
];

/// `vrrp_script`
pub(super) const VRRP_SCRIPT: &[Keyword] = &[
    read("script"),
    read("interval"),
    read("timeout"),
    read("weight"),
    read("rise"),
    read("fall"),
    read("user"),
    read("init_fail"),
];

/// `track_file`
pub(super) const TRACK_FILE: &[Keyword] = &[read("file"), read("weight"), read("init_file")];

/// `vrrp_track_process`
pub(super) const TRACK_PROCESS: &[Keyword] = &[
    read("process"),
    read("weight"),
    read("quorum"),
    read("quorum_max").lost("one process of this name is enough, and no number is too many"),
    read("fork_delay").lost(AT_ONCE),
    read("terminate_delay").lost(AT_ONCE),
    read("delay").lost(AT_ONCE),
    read("full_command").lost(NAME),
    read("param_match").lost(NAME),
];

/// `track_group`
pub(super) const TRACK_GROUP: &[Keyword] = &[read("group").holds(Block::Lines)];

/// `garp_group`
pub(super) const GARP_GROUP: &[Keyword] = &[
    read("garp_interval"),
    read("gna_interval"),
    read("interface"),
    read("interfaces").holds(Block::Lines),
];

/// `bfd_instance`
pub(super) const BFD_INSTANCE: &[Keyword] = &[
    read("neighbor_ip"),
    read("neighbour_ip").old("neighbor_ip"),
    read("source_ip"),
    read("min_rx"),
    read("min_tx"),
    read("idle_tx"),
    read("multiplier"),
    read("passive"),
    read("ttl"),
    read("hoplimit"),
    read("max_hops"),
    read("weight"),
    read("vrrp"),
    read("checker"),
];
