// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keywords of the VRRP side.

use super::{Block, Keyword, read};

/// `vrrp_instance`
pub(super) const VRRP_INSTANCE: &[Keyword] = &[
    read("state"),
    read("interface"),
    read("vrf"),
    read("use_vmac"),
    read("use_vmac_addr"),
    read("vmac_xmit_base"),
    read("use_ipvlan"),
    read("native_ipv6"),
    read("dont_track_primary"),
    read("track_interface").holds(Block::Lines),
    read("track_script").holds(Block::Lines),
    read("track_file").holds(Block::Lines),
    read("track_process").holds(Block::Lines),
    read("track_bfd").holds(Block::Lines),
    read("mcast_src_ip"),
    read("unicast_src_ip"),
    read("mcast_dst_ip"),
    read("track_src_ip"),
    read("version"),
    read("check_unicast_src"),
    read("unicast_peer").holds(Block::Lines),
    read("unicast_fault_no_peer"),
    read("unicast_ttl"),
    read("old_unicast_checksum"),
    read("v3_checksum_as_v2"),
    read("v3_checksum_type"),
    read("garp_master_delay"),
    read("garp_master_repeat"),
    read("garp_lower_prio_delay"),
    read("garp_lower_prio_repeat"),
    read("garp_master_refresh"),
    read("garp_master_refresh_repeat"),
    read("garp_interval"),
    read("gna_interval"),
    read("garp_extra_if"),
    read("down_timer_adverts"),
    read("timer_expired_backup"),
    read("thread_timer_expired"),
    read("lower_prio_no_advert"),
    read("higher_prio_send_advert"),
    read("owner_ignore_adverts"),
    read("virtual_router_id"),
    read("priority"),
    read("advert_int"),
    read("authentication").holds(Block::Authentication),
    read("auth_hmac").holds(Block::Lines),
    read("virtual_ipaddress").holds(Block::Lines),
    read("virtual_ipaddress_excluded").holds(Block::Lines),
    read("promote_secondaries"),
    read("virtual_routes").holds(Block::Lines),
    read("virtual_rules").holds(Block::Lines),
    read("accept"),
    read("no_accept"),
    read("nopreempt"),
    read("preempt"),
    read("preempt_delay"),
    read("skip_check_adv_addr"),
    read("strict_mode"),
    read("debug"),
    read("notify"),
    read("notify_master"),
    read("notify_backup"),
    read("notify_fault"),
    read("notify_stop"),
    read("notify_deleted"),
    read("notify_master_rx_lower_pri"),
    read("notify_priority_changes"),
    read("smtp_alert"),
    read("kernel_rx_buf_size"),
    read("linkbeat_use_polling"),
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
    read("notify"),
    read("notify_master"),
    read("notify_backup"),
    read("notify_fault"),
    read("notify_stop"),
    read("notify_priority_changes"),
    read("smtp_alert"),
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
    read("quorum_max"),
    read("fork_delay"),
    read("terminate_delay"),
    read("delay"),
    read("full_command"),
    read("param_match"),
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
