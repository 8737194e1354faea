// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nouns of IPVS and of the director. Nothing here acts.
//!
//! [`IpvsTable`] is the centre. The table that the configuration wants, the kernel's table and the table of a test's
//! fake kernel are all values of this type. A plan is the difference between two of them.

mod asked;
mod beliefs;
mod check;
mod config;
mod configured_router;
mod counters;
mod counts;
mod drain;
mod failover;
mod few;
mod figures;
mod host;
mod order;
mod overruled;
mod peer;
mod pool;
mod probe;
mod protocol;
mod router_authentication;
mod schedule;
mod scheduler;
mod server;
mod service;
mod slow_start;
mod standing;
mod step;
mod sync;
mod table;
mod transition;
mod tripwire;
mod units;
mod virtual_router;
mod vrrp;
mod web;

pub use asked::{AskedWeight, Percent};
pub use beliefs::{Belief, Beliefs};
pub use check::{Check, Checks, Need};
pub use config::{
    Config, ConfiguredServer, ConfiguredService, DirectorSettings, IpvsSettings, RealTimePriority,
};
pub use configured_router::{ConfiguredRouter, VirtualAddress};
pub use counters::{ConnectionCounts, Counters, Traffic};
pub use counts::Counts;
pub use drain::{Drain, DrainCount, DrainTerms, Drains, Flow, RecalledDrain};
pub use failover::{Adoption, Failover};
pub use few::Few;
pub use figures::{Figures, Histogram, ProbeCounts, ProbeFigures, ProbeResult, TypeFigures};
pub use host::{
    AddressKey, AddressLifetime, AddressScope, Host, HostEvent, InterfaceAddress, Link,
    LinkLayerAddress, LinkLayerAddressError, Neighbour, NeighbourState, NextHop, RouteEntry,
    RouteKind, SeenLink, Sighting, SysctlName, SysctlNameError, TunnelDevice, Way,
};
pub use order::{Order, OrderFor, Ordered, Orders};
pub use overruled::{Overruled, PeerStanding};
pub use peer::Peer;
pub use pool::{
    LostQuorum, MinHealthy, PoolRules, PoolState, Pools, Quorum, QuorumUnit, Rank, Shortage,
};
pub use probe::{
    AgentAdmin, AgentHealth, AgentProbe, AgentState, AmqpLogin, AmqpProbe, ClientCertificate,
    DnsData, DnsField, DnsName, DnsProbe, DnsRcode, DnsTransport, DnsType, ExecProbe, FileProbe,
    HttpMethod, HttpProbe, JsonMatch, JsonScalar, Login, MissingFile, NoResult, Payload, Probe,
    ProbeKind, ProbeOutcome, ProbePath, ProbeReport, RabbitmqProbe, SmtpProbe, StatusRange,
    TcpTalk, Tls, UdpProbe, VipProbe, WrongDnsName, WrongEscape,
};
pub use protocol::{AddressFamily, Protocol};
pub use router_authentication::{
    HmacMode, ReplayCheck, RouterAuthentication, RouterHmac, RouterKey,
};
pub use schedule::{CheckSchedule, Fall, FirstFailure, HoldDown, Initial, IntervalFrom, Retry};
pub use scheduler::{Scheduler, SchedulerFlags, SchedulerNameError};
pub use server::{
    ForwardingMethod, RealServer, ServerKey, ServerKeyError, Thresholds, Tunnel, TunnelChecksum,
    TunnelKind,
};
pub use service::{
    Granularity, PersistenceEngine, PersistenceEngineNameError, ServiceKey, ServiceKeyError,
    ServiceSettings,
};
pub use slow_start::{RecalledSlowStart, SlowStart, SlowStarts};
pub use standing::{AllUp, KnowsStandings, Recalled, Role, Standing, Standings, WithOrders};
pub use step::Step;
pub use sync::{ConnectionSync, SyncDaemon, SyncRole, SyncRoles};
pub use table::{IpvsTable, VirtualService};
pub use transition::{Condition, Effect, Object, Severity, Transition};
pub use tripwire::{WireEnd, WireNews};
pub use units::{Fwmark, Seconds, Timeouts, Timestamp, Weight, WeightError};
pub use virtual_router::{
    Consequence, Preempt, Tracked, TrackedObject, TrackedScript, VirtualRouter,
};
pub use vrrp::{Centiseconds, ChecksumForm, Priority, Vrid, VrrpPassword, VrrpVersion};
pub use web::{NotAWebPath, WebListener, WebPath, WebTls};
