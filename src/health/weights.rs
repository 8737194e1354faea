// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel is told of a server, given what is held of it.

use crate::model::{
    ConfiguredServer, ConfiguredService, RealServer, ServerKey, Standing, VirtualService, Weight,
};

/// The server as the kernel should have it; `None` when it should not have it at all.
///
/// Down is absent, or weight 0 where the configuration inhibits on failure. While nothing is known a server stays as
/// the kernel has it: absent if it is absent, with the weight it has if it is there.
#[must_use]
pub fn desired_server(
    configured: &ConfiguredServer,
    verdict: Standing,
    observed: Option<&RealServer>,
) -> Option<RealServer> {
    let real = configured.real_server;
    match verdict {
        Standing::Up(_) => Some(real),
        Standing::Drain | Standing::Maintenance => Some(RealServer {
            weight: Weight::ZERO,
            ..real
        }),
        Standing::Down if configured.inhibit_on_failure => Some(RealServer {
            weight: Weight::ZERO,
            ..real
        }),
        Standing::Down => None,
        Standing::Unknown => observed.map(|present| {
            let quiesced = present.weight.is_zero();
            RealServer {
                weight: if quiesced { Weight::ZERO } else { real.weight },
                ..real
            }
        }),
    }
}

/// The service as the kernel should have it. `verdict` tells what is held of each server.
#[must_use]
pub fn desired_service(
    configured: &ConfiguredService,
    observed: Option<&VirtualService>,
    verdict: impl Fn(&ServerKey) -> Standing,
) -> VirtualService {
    let mut desired = VirtualService::new(configured.settings.clone());
    for (key, server) in &configured.servers {
        let held = if server.checks.each.is_empty() {
            Standing::UP
        } else {
            verdict(key)
        };
        let present = observed.and_then(|service| service.servers.get(key));
        if let Some(real) = desired_server(server, held, present) {
            desired.servers.insert(*key, real);
        }
    }
    desired
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Checks, ForwardingMethod};

    fn server(weight: u32) -> RealServer {
        RealServer::new(
            ForwardingMethod::DirectRouting,
            Weight::new(weight).unwrap(),
        )
    }

    fn configured(inhibit_on_failure: bool) -> ConfiguredServer {
        ConfiguredServer {
            real_server: server(10),
            checks: Checks::NONE,
            inhibit_on_failure,
        }
    }

    #[test]
    fn a_down_server_is_removed_or_inhibited() {
        assert_eq!(
            desired_server(&configured(false), Standing::Down, None),
            None
        );
        assert_eq!(
            desired_server(&configured(true), Standing::Down, None),
            Some(server(0))
        );
    }

    #[test]
    fn an_unknown_server_stays_as_the_kernel_has_it() {
        let unknown = |present: Option<RealServer>| {
            desired_server(&configured(true), Standing::Unknown, present.as_ref())
        };
        assert_eq!(unknown(None), None);
        assert_eq!(unknown(Some(server(0))), Some(server(0)));
        assert_eq!(unknown(Some(server(3))), Some(server(10)));
    }
}
