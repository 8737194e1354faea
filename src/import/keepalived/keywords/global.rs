// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keywords of the file itself and of `global_defs`.

use super::vrrp::{ANNOUNCED, PACE, RFC, STRANGERS};
use super::{Block, Keyword, read};

const MAIL: &str = "the director sends no mail: have its log or its metrics watched";
pub(super) const MAIL_SETTING: &str = "the director sends no mail";
const SNMP: &str = "the director speaks no SNMP: read its metrics";
const DBUS: &str = "the director speaks no D-Bus: read its control socket";
const PROCESSES: &str =
    "the director is one process: set this in its unit file, where it is needed";
const FIREWALL: &str = "the director makes no rules of a firewall";
const FIFO: &str = "the director writes no FIFO: follow its events";
const LOGGING: &str = "the director logs what it does without it";
const FILES: &str = "the director writes no such file";
const SCRIPT: &str = "the director runs no script for this";
pub(super) const LINKS: &str = "the kernel tells the director what links do";
const RELOAD: &str = "the director reads a file whole before it changes anything";
pub(super) const BUFFERS: &str =
    "the director's buffers have their size, and it counts what they lose";
pub(super) const ROUTES: &str = "the director sets no addresses, routes or rules that stay: give them to the system's network service";
const VMAC: &str =
    "the interface of a virtual hardware address is called vrrp4 or vrrp6 with two numbers";
const LATER: &str = "an interface may come and go in any case";
const NAMESPACE: &str = "start the director in the network namespace, by its unit file";

/// Root.
pub(super) const ROOT: &[Keyword] = &[
    read("global_defs").holds(Block::GlobalDefs),
    read("virtual_server").holds(Block::VirtualServer),
    read("virtual_server_group").holds(Block::Lines),
    read("SSL").holds(Block::Ssl),
    read("vrrp_instance").holds(Block::VrrpInstance),
    read("vrrp_sync_group").holds(Block::SyncGroup),
    read("vrrp_script").holds(Block::VrrpScript),
    read("track_file").holds(Block::TrackFile),
    read("vrrp_track_file")
        .holds(Block::TrackFile)
        .old("track_file"),
    read("vrrp_track_process").holds(Block::TrackProcess),
    read("track_group")
        .holds(Block::TrackGroup)
        .lost("it is for static addresses and routes"),
    read("garp_group").holds(Block::GarpGroup).needless(PACE),
    read("interface_up_down_delays")
        .holds(Block::Lines)
        .lost("an interface that goes down counts at once"),
    read("bfd_instance").holds(Block::BfdInstance),
    read("static_ipaddress").holds(Block::Lines).lost(ROUTES),
    read("static_routes").holds(Block::Lines).lost(ROUTES),
    read("static_rules").holds(Block::Lines).lost(ROUTES),
    read("linkbeat_interfaces")
        .holds(Block::Lines)
        .needless(LINKS),
    read("linkbeat_use_polling").needless(LINKS),
    read("net_namespace").lost(NAMESPACE),
    read("net_namespace_ipvs").lost(NAMESPACE),
    read("namespace_with_ipsets").needless(FIREWALL),
    read("instance").needless(PROCESSES),
    read("use_pid_dir").needless(FILES),
    read("child_wait_time").needless(PROCESSES),
];

/// `global_defs`
pub(super) const GLOBAL_DEFS: &[Keyword] = &[
    read("router_id"),
    read("lvs_timeouts"),
    read("lvs_flush"),
    read("lvs_flush_on_stop"),
    read("lvs_flush_onstop").old("lvs_flush_on_stop"),
    read("lvs_sync_daemon"),
    read("default_interface").needless("it is for static addresses"),
    read("script_user"),
    read("enable_script_security"),
    read("checker_log_all_failures").needless(LOGGING),
    read("max_auto_priority").needless(PROCESSES),
    read("notification_email").holds(Block::Lines).lost(MAIL),
    read("notification_email_from").needless(MAIL_SETTING),
    read("smtp_server").needless(MAIL_SETTING),
    read("smtp_helo_name").needless(MAIL_SETTING),
    read("smtp_connect_timeout").needless(MAIL_SETTING),
    read("smtp_alert").lost(MAIL),
    read("smtp_alert_vrrp").lost(MAIL),
    read("smtp_alert_checker").lost(MAIL),
    read("no_email_faults").needless(MAIL_SETTING),
    read("no_checker_emails").needless(MAIL_SETTING),
    read("email_faults").needless(MAIL_SETTING),
    read("tmp_config_directory").needless(FILES),
    read("config_save_dir").needless(FILES),
    read("process_names").needless(PROCESSES),
    read("process_name").needless(PROCESSES),
    read("vrrp_process_name").needless(PROCESSES),
    read("checker_process_name").needless(PROCESSES),
    read("bfd_process_name").needless(PROCESSES),
    read("startup_script").lost(SCRIPT),
    read("startup_script_timeout").needless(SCRIPT),
    read("shutdown_script").lost(SCRIPT),
    read("shutdown_script_timeout").needless(SCRIPT),
    read("instance").needless(PROCESSES),
    read("net_namespace").lost(NAMESPACE),
    read("net_namespace_ipvs").lost(NAMESPACE),
    read("namespace_with_ipsets").needless(FIREWALL),
    read("use_pid_dir").needless(FILES),
    read("child_wait_time").needless(PROCESSES),
    read("linkbeat_use_polling").needless(LINKS),
    read("nftables").needless(FIREWALL),
    read("nftables_priority").needless(FIREWALL),
    read("nftables_counters").needless(FIREWALL),
    read("nftables_ifindex").needless(FIREWALL),
    read("nftables_ipvs").lost("each address of a group becomes a service of its own"),
    read("nftables_ipvs_priority").needless(FIREWALL),
    read("nftables_ipvs_start_fwmark").needless(FIREWALL),
    read("checker_priority").needless(PROCESSES),
    read("bfd_priority").needless(PROCESSES),
    read("vrrp_priority").needless(PROCESSES),
    read("min_auto_priority_delay").needless(PROCESSES),
    read("checker_no_swap").needless(PROCESSES),
    read("vrrp_no_swap").needless(PROCESSES),
    read("bfd_no_swap").needless(PROCESSES),
    read("vrrp_cpu_affinity").needless(PROCESSES),
    read("checker_cpu_affinity").needless(PROCESSES),
    read("bfd_cpu_affinity").needless(PROCESSES),
    read("vrrp_rt_priority").needless(PROCESSES),
    read("checker_rt_priority").needless(PROCESSES),
    read("bfd_rt_priority").needless(PROCESSES),
    read("vrrp_rlimit_rttime").needless(PROCESSES),
    read("checker_rlimit_rttime").needless(PROCESSES),
    read("bfd_rlimit_rttime").needless(PROCESSES),
    read("vrrp_rlimit_rtime")
        .needless(PROCESSES)
        .old("vrrp_rlimit_rttime"),
    read("checker_rlimit_rtime")
        .needless(PROCESSES)
        .old("checker_rlimit_rttime"),
    read("bfd_rlimit_rtime")
        .needless(PROCESSES)
        .old("bfd_rlimit_rttime"),
    read("snmp_socket").needless(SNMP),
    read("enable_snmp_vrrp").lost(SNMP),
    read("enable_snmp_keepalived")
        .lost(SNMP)
        .old("enable_snmp_vrrp"),
    read("enable_snmp_checker").lost(SNMP),
    read("enable_snmp_rfc").lost(SNMP),
    read("enable_snmp_rfcv2").lost(SNMP),
    read("enable_snmp_rfcv3").lost(SNMP),
    read("enable_traps").lost(SNMP),
    read("snmp_vs_stats_update_interval").needless(SNMP),
    read("snmp_rs_stats_update_interval").needless(SNMP),
    read("enable_dbus").lost(DBUS),
    read("dbus_service_name").needless(DBUS),
    read("dbus_no_interface_name").needless(DBUS),
    read("notify_fifo").lost(FIFO),
    read("notify_fifo_script").lost(FIFO),
    read("vrrp_notify_fifo").lost(FIFO),
    read("vrrp_notify_fifo_script").lost(FIFO),
    read("lvs_notify_fifo").lost(FIFO),
    read("lvs_notify_fifo_script").lost(FIFO),
    read("fifo_write_vrrp_states_on_reload").needless(FIFO),
    read("rs_init_notifies").needless(FIFO),
    read("vrrp_netlink_cmd_rcv_bufs").needless(BUFFERS),
    read("vrrp_netlink_cmd_rcv_bufs_force").needless(BUFFERS),
    read("vrrp_netlink_monitor_rcv_bufs").needless(BUFFERS),
    read("vrrp_netlink_monitor_rcv_bufs_force").needless(BUFFERS),
    read("lvs_netlink_cmd_rcv_bufs").needless(BUFFERS),
    read("lvs_netlink_cmd_rcv_bufs_force").needless(BUFFERS),
    read("lvs_netlink_monitor_rcv_bufs").needless(BUFFERS),
    read("lvs_netlink_monitor_rcv_bufs_force").needless(BUFFERS),
    read("process_monitor_rcv_bufs").needless(BUFFERS),
    read("process_monitor_rcv_bufs_force").needless(BUFFERS),
    read("vrrp_rx_bufs_policy").needless(BUFFERS),
    read("vrrp_rx_bufs_multiplier").needless(BUFFERS),
    read("umask").needless(FILES),
    read("random_seed").needless("no definition is random here"),
    read("reload_check_config").needless(RELOAD),
    read("reload_time_file").lost("the director reloads on SIGHUP and by its socket only"),
    read("reload_repeat").needless(RELOAD),
    read("reload_file").needless(RELOAD),
    read("include_check").needless("every file that cannot be read is named here"),
    read("data_use_instance").needless(FILES),
    read("state_dump_file").needless(FILES),
    read("stats_dump_file").needless(FILES),
    read("json_dump_file").needless(FILES),
    read("json_version").needless(FILES),
    read("disable_local_igmp").needless(LINKS),
    read("log_unknown_vrids").needless(LOGGING),
    // What the VRRP side has to say about its own is in its own table.
    read("vrrp_mcast_group4"),
    read("vrrp_mcast_group6"),
    read("vrrp_garp_master_delay").needless(ANNOUNCED),
    read("vrrp_garp_master_repeat").needless(ANNOUNCED),
    read("vrrp_garp_lower_prio_delay").needless(ANNOUNCED),
    read("vrrp_garp_lower_prio_repeat").needless(ANNOUNCED),
    read("vrrp_garp_master_refresh"),
    read("vrrp_garp_master_refresh_repeat").needless(ANNOUNCED),
    read("vrrp_garp_interval").needless(PACE),
    read("vrrp_gna_interval").needless(PACE),
    read("vrrp_garp_extra_if").needless(ANNOUNCED),
    read("vrrp_min_garp").needless(ANNOUNCED),
    read("vrrp_down_timer_adverts"),
    read("vrrp_lower_prio_no_advert").needless(RFC),
    read("vrrp_higher_prio_send_advert").needless(RFC),
    read("vrrp_version"),
    read("vrrp_iptables").needless(FIREWALL),
    read("vrrp_ipsets").needless(FIREWALL),
    read("vrrp_check_unicast_src").needless(STRANGERS),
    read("vrrp_skip_check_adv_addr")
        .needless("an advertisement with other addresses counts, and the log says so"),
    read("vrrp_strict"),
    read("vrrp_notify_priority_changes").needless(FIFO),
    read("vrrp_startup_delay"),
    read("vrrp_delay_after_boot").lost("hold is counted from the start of the director"),
    read("vrrp_owner_ignore_adverts").needless(RFC),
    read("vmac_prefix").needless(VMAC),
    read("vmac_addr_prefix").needless(VMAC),
    read("allow_if_changes").needless(LATER),
    read("no_if_changes").needless(LATER),
    read("dynamic_interfaces").needless(LATER),
];
