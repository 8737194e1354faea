// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names of all metrics. The docs, the dashboard and the alerts are compared with them by a test.

/// Metrics of one name.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    #[cfg_attr(not(test), expect(dead_code, reason = "the docs and the tests say it"))]
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// Of what kind a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only rises, and begins anew when what it counts does.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Durations in buckets.
    Histogram,
}

const NONE: &[&str] = &[];
const SERVICE: &[&str] = &["service"];
const SERVER: &[&str] = &["service", "server"];
const CHECK: &[&str] = &["service", "server", "check"];
const ROUTER: &[&str] = &["router"];

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family {
        name,
        kind: Kind::Counter,
        labels,
        help,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        labels,
        help,
    }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family {
        name,
        kind: Kind::Histogram,
        labels,
        help,
    }
}

/// Makes a constant of each, and the list of all.
macro_rules! families {
    ($($name:ident = $make:ident($metric:literal, $labels:expr, $help:literal);)*) => {
        $(pub(super) const $name: Family = $make(concat!("director_", $metric), $labels, $help);)*

        /// All of them, in the order in which they are written.
        #[cfg(test)]
        pub(super) const ALL: &[&Family] = &[$(&$name),*];
    };
}

families! {
    INFO = gauge("info", &["version"], "1, and the version of the director.");
    START_TIME = gauge("start_time_seconds", NONE, "When the director started, in seconds since 1970.");
    EVENTS = counter("events_total", &["severity"], "What the director has told, as director events lists it.");

    SERVICE_UP = gauge("service_up", SERVICE, "Whether a server of the service takes new connections: 1 or 0.");
    SERVICE_RIGHT = gauge("service_kernel_right", SERVICE, "Whether the kernel has the service as it should: 1 or 0.");
    SERVICE_ALARM = gauge("service_alarm", SERVICE, "Whether too few of the servers are healthy, or their quorum is lost: 1 or 0.");
    SERVICE_SERVERS = gauge("service_servers", &["service", "state"], "How many servers of the service are in this state.");
    SERVICE_ACTIVE = gauge("service_active_connections", SERVICE, "Established connections, by the kernel.");
    SERVICE_INACTIVE = gauge("service_inactive_connections", SERVICE, "Connections in any other state, by the kernel.");
    SERVICE_PERSISTENT = gauge("service_persistent_connections", SERVICE, "Persistence templates, by the kernel.");
    SERVICE_CONNECTIONS = counter("service_connections_total", SERVICE, "Connections scheduled, by the kernel.");
    SERVICE_IN_PACKETS = counter("service_incoming_packets_total", SERVICE, "Packets from clients, by the kernel.");
    SERVICE_OUT_PACKETS = counter("service_outgoing_packets_total", SERVICE, "Packets to clients, by the kernel; only masquerading sees them.");
    SERVICE_IN_BYTES = counter("service_incoming_bytes_total", SERVICE, "Bytes from clients, by the kernel.");
    SERVICE_OUT_BYTES = counter("service_outgoing_bytes_total", SERVICE, "Bytes to clients, by the kernel; only masquerading sees them.");

    SERVER_UP = gauge("server_up", SERVER, "Whether the server is healthy, or nothing checks it: 1 or 0.");
    SERVER_STATE = gauge("server_state", &["service", "server", "state"], "1 for the state that the server is in; other states have no sample.");
    SERVER_WEIGHT = gauge("server_weight", SERVER, "Its weight in the kernel; no sample while the kernel does not have it.");
    SERVER_CONFIGURED_WEIGHT = gauge("server_configured_weight", SERVER, "Its weight while it is up.");
    SERVER_ORDERED = gauge("server_ordered", SERVER, "1 while an operator's order for it is in force; otherwise no sample.");
    SERVER_ACTIVE = gauge("server_active_connections", SERVER, "Established connections, by the kernel.");
    SERVER_INACTIVE = gauge("server_inactive_connections", SERVER, "Connections in any other state, by the kernel.");
    SERVER_PERSISTENT = gauge("server_persistent_connections", SERVER, "Persistence templates, by the kernel.");
    SERVER_CONNECTIONS = counter("server_connections_total", SERVER, "Connections scheduled, by the kernel.");
    SERVER_IN_PACKETS = counter("server_incoming_packets_total", SERVER, "Packets from clients, by the kernel.");
    SERVER_OUT_PACKETS = counter("server_outgoing_packets_total", SERVER, "Packets to clients, by the kernel; only masquerading sees them.");
    SERVER_IN_BYTES = counter("server_incoming_bytes_total", SERVER, "Bytes from clients, by the kernel.");
    SERVER_OUT_BYTES = counter("server_outgoing_bytes_total", SERVER, "Bytes to clients, by the kernel; only masquerading sees them.");

    CHECK_PROBES = counter("check_probes_total", &["service", "server", "check", "outcome"], "Probes of the check by outcome; beside success and failure only outcomes that there were.");
    CHECK_SUCCESS = gauge("check_success", CHECK, "Whether the last probe was a success: 1 or 0.");
    CHECK_AGE = gauge("check_age_seconds", CHECK, "How long ago the last probe started.");
    CHECK_LAST_LATENCY = gauge("check_last_latency_seconds", CHECK, "How long the last probe took.");
    CHECK_WARNING = gauge("check_warning", CHECK, "1 while the successes of the check warn of something, as of a certificate that ends soon; otherwise no sample.");
    CHECK_NOT_CHECKED = gauge("check_not_checked_seconds", CHECK, "For how long no probe has had a result; no sample while the last one had.");
    PROBES = counter("probes_total", &["type", "outcome"], "Probes of all checks of a type, by outcome.");
    PROBE_LATENCY = histogram("check_latency_seconds", &["type"], "How long probes with a result took, by the type of the check.");

    VERDICT_DELAY = histogram("verdict_delay_seconds", NONE, "From the return of the probe that decided a verdict to the kernel's confirmation.");
    LOOP_LAG = histogram("loop_lag_seconds", NONE, "How late the engine came to what was due.");
    LOOP_LAG_MAX = gauge("loop_lag_longest_seconds", NONE, "How late the engine came to what was due, at most.");
    STEPS = counter("reconcile_steps_total", NONE, "Changes of its table that the kernel carried out for the director.");
    REFUSED_STEPS = counter("reconcile_refused_steps_total", NONE, "Changes of its table that the kernel refused.");
    FAILED_EXCHANGES = counter("reconcile_failed_exchanges_total", NONE, "Exchanges with the kernel that failed as a whole.");
    DRIFT_REPAIRS = counter("reconcile_drift_repairs_total", NONE, "Changes of others that the director repaired.");
    RELOADS = counter("reloads_total", &["result"], "Reloads of the configuration: applied, or refused.");
    RELOAD_SUCCESS = gauge("reload_success", NONE, "Whether the last reload was carried out, or there was none: 1 or 0.");
    KERNEL_UP = gauge("kernel_up", NONE, "Whether the kernel's counters could be read: 1 or 0; no sample without services.");

    VRRP_STATE = gauge("vrrp_state", &["router", "state"], "Whether the virtual router is in this state: 1 or 0.");
    VRRP_PRIORITY = gauge("vrrp_priority", ROUTER, "The priority of the virtual router at this host now.");
    VRRP_PROBLEM = gauge("vrrp_problem", ROUTER, "Whether something keeps the virtual router from taking part: 1 or 0.");
    VRRP_TRANSITIONS = counter("vrrp_transitions_total", ROUTER, "Changes of its state.");
    VRRP_SENT = counter("vrrp_advertisements_sent_total", ROUTER, "Advertisements sent.");
    VRRP_RECEIVED = counter("vrrp_advertisements_received_total", ROUTER, "Advertisements that came in, well formed.");
    VRRP_DROPPED = counter("vrrp_advertisements_dropped_total", &["router", "reason"], "Advertisements that were dropped, by reason.");
    VRRP_LATE = gauge("vrrp_late_longest_seconds", ROUTER, "How late an advertisement was at most, while this host was master.");
    VRRP_PUT_BACK = counter("vrrp_addresses_put_back_total", ROUTER, "Virtual addresses that were put back after somebody else had removed them.");
    VRRP_DISPUTES = counter("vrrp_disputes_total", ROUTER, "How often another host said that a virtual address is there while this host had it.");

    PEER_CONNECTED = gauge("peer_connected", NONE, "Whether the channel to the other director is there: 1 or 0; no sample without one.");
    PEER_ROLE = gauge("peer_role", &["role"], "1 for what this director is for the other one; other roles have no sample.");
    PEER_DIFFERENCES = gauge("peer_differences", NONE, "Services and servers that the two directors have or find differently, of the first of each kind.");
    PEER_REFUSED = counter("peer_refused_total", &["reason"], "What was refused or passed over of what came from the other director.");
    SYNC_COMPLETED = counter("connection_sync_completed_total", NONE, "How often all connections were sent to the other director.");
    SYNC_FAILED = counter("connection_sync_failed_total", NONE, "How often they could not be, or not all of them.");
    SYNC_AGE = gauge("connection_sync_age_seconds", NONE, "How long ago all of them were sent.");
}
