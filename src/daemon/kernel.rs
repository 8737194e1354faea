// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel as the engine uses it: the table, and the few settings around it.

use crate::kernel::{Ipvs, Sysctl};
use crate::model::{IpvsSettings, Seconds, Timeouts};
use crate::plan::{SimulatedKernel, Target};

/// A [`Target`] that also has the settings of IPVS as a whole.
pub(super) trait Kernel: Target {
    /// Makes the settings what the configuration says, where it says anything. Returned is what was changed, and what
    /// could not be.
    fn settle(&mut self, settings: &IpvsSettings) -> Vec<Result<String, String>>;
}

impl Kernel for Ipvs {
    fn settle(&mut self, settings: &IpvsSettings) -> Vec<Result<String, String>> {
        let timeouts = settle_timeouts(self, settings).transpose();
        let expire = settle_expire_nodest_conn(settings).transpose();
        timeouts.into_iter().chain(expire).collect()
    }
}

impl Kernel for SimulatedKernel {
    fn settle(&mut self, _: &IpvsSettings) -> Vec<Result<String, String>> {
        Vec::new()
    }
}

fn settle_timeouts(ipvs: &mut Ipvs, settings: &IpvsSettings) -> Result<Option<String>, String> {
    let wanted = [
        settings.tcp_timeout,
        settings.tcp_fin_timeout,
        settings.udp_timeout,
    ];
    if wanted.iter().all(Option::is_none) {
        return Ok(None);
    }
    let now = ipvs.timeouts().map_err(|error| error.to_string())?;
    let changed = |wanted: Option<Seconds>, now: Seconds| wanted.filter(|wanted| *wanted != now);
    let change = Timeouts {
        tcp: changed(settings.tcp_timeout, now.tcp).unwrap_or(Seconds(0)),
        tcp_fin: changed(settings.tcp_fin_timeout, now.tcp_fin).unwrap_or(Seconds(0)),
        udp: changed(settings.udp_timeout, now.udp).unwrap_or(Seconds(0)),
    };
    if change
        == (Timeouts {
            tcp: Seconds(0),
            tcp_fin: Seconds(0),
            udp: Seconds(0),
        })
    {
        return Ok(None);
    }
    ipvs.set_timeouts(change)
        .map_err(|error| error.to_string())?;
    let Timeouts { tcp, tcp_fin, udp } = ipvs.timeouts().map_err(|error| error.to_string())?;
    Ok(Some(format!(
        "timeouts (tcp tcpfin udp) {} {} {} -> {tcp} {tcp_fin} {udp}",
        now.tcp, now.tcp_fin, now.udp
    )))
}

fn settle_expire_nodest_conn(settings: &IpvsSettings) -> Result<Option<String>, String> {
    let Some(wanted) = settings.expire_nodest_conn.map(i32::from) else {
        return Ok(None);
    };
    let sysctl = Sysctl::net(&["ipv4", "vs", "expire_nodest_conn"]);
    let now = sysctl.get().map_err(|error| error.to_string())?;
    if now == wanted {
        return Ok(None);
    }
    sysctl.set(wanted).map_err(|error| error.to_string())?;
    Ok(Some(format!(
        "net.ipv4.vs.expire_nodest_conn {now} -> {wanted}"
    )))
}
