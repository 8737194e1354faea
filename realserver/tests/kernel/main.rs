// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program against a real kernel: direct routing, every test on a host in a network namespace of its own.
//! The kernel is the running one, or the lab's where `LAB_KERNEL` names one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod doctor;
#[path = "../host/mod.rs"]
mod host;
mod set_up;
mod settings;
mod trouble;

use std::fs;
use std::process::ExitCode;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

const VIP: &str = "192.168.0.10";
const OTHER: &str = "192.168.0.11";
const VIP6: &str = "2001:db8::10";

macro_rules! tests {
    ($($group:ident::$name:ident),* $(,)?) => {
        &[$((stringify!($name), $group::$name as fn())),*]
    };
}

const TESTS: &[host::Test] = tests![
    set_up::start_twice_status_and_stop,
    set_up::the_network_hears_nothing_of_the_vip,
    set_up::half_a_set_up_is_named_and_completed,
    set_up::an_ipv6_vip_needs_no_settings,
    set_up::nothing_to_do_is_wrong_usage,
    set_up::the_directors_configuration_names_the_vips,
    set_up::json_for_scripts,
    set_up::two_starts_at_once_are_one,
    settings::stop_restores_what_was_found,
    settings::a_stricter_setting_is_kept,
    settings::a_setting_that_somebody_changed_since_is_left_alone,
    settings::settings_stay_as_long_as_another_vip_needs_them,
    settings::settings_stay_for_a_vip_that_was_not_started_here,
    settings::an_interfaces_own_setting_is_not_forgotten,
    doctor::the_doctor_names_a_fault_and_its_command_mends_it,
    doctor::the_doctor_looks_where_programs_listen,
    trouble::a_vip_on_another_interface_is_refused,
    trouble::a_vip_with_a_network_is_refused,
    trouble::where_ipv6_is_off_nothing_changes,
    trouble::named_vips_can_be_looked_at_beside_a_corrupt_state_file,
    trouble::a_stop_without_its_state_stops_what_a_status_finds,
    trouble::a_start_without_names_completes_what_was_started,
    trouble::what_cannot_be_written_is_a_failure,
    trouble::a_corrupt_state_file_changes_nothing,
    trouble::without_permission_nothing_changes,
    trouble::a_full_disk_changes_nothing,
    trouble::a_start_that_was_killed_can_be_taken_back_or_completed,
    trouble::the_old_scripts_set_up_is_adopted_and_can_be_removed,
];

fn main() -> ExitCode {
    if lab::kernel::is_chosen() {
        return lab::kernel::rerun_inside(std::env::args_os().skip(1));
    }
    become_root();
    host::run(TESTS)
}

/// Makes an ordinary user root of a user namespace. Call it before there are threads.
fn become_root() {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        return;
    }
    unshare(CloneFlags::CLONE_NEWUSER).expect(
        "no user namespace here; run the tests as root, or permit them: sysctl kernel.unprivileged_userns_clone=1",
    );
    fs::write("/proc/self/setgroups", "deny").unwrap();
    fs::write("/proc/self/uid_map", format!("0 {user} 1")).unwrap();
    fs::write("/proc/self/gid_map", format!("0 {group} 1")).unwrap();
}
