// SPDX-License-Identifier: MIT OR Apache-2.0
//! Services to which a configuration leaves nobody who takes new connections, however well its servers are.

use crate::model::{Config, ConfiguredServer, Order, Orders, ServerKey, ServiceKey};

/// What to say of the first service that gets no new connections with this configuration and these orders: each of its
/// servers has weight 0, or is ordered out. `None` when every service has a server that can take some.
#[must_use]
pub fn empty_service(config: &Config, orders: &Orders) -> Option<String> {
    let mut services = config.services.iter();
    let (key, _) = services.find(|(key, service)| {
        let mut servers = service.servers.iter();
        !service.servers.is_empty() && servers.all(|it| takes_nothing(key, it, orders))
    })?;
    Some(format!(
        "no server of {key} takes new connections with this configuration: each has weight 0 or is ordered out"
    ))
}

fn takes_nothing(
    service: &ServiceKey,
    (server, configured): (&ServerKey, &ConfiguredServer),
    orders: &Orders,
) -> bool {
    match orders.get(service, server) {
        Some(Order::Drain | Order::Disable) => true,
        Some(Order::Weight(weight)) => weight.is_zero(),
        None => configured.real_server.weight.is_zero(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::Weight;

    #[test]
    fn a_service_is_empty_when_each_server_has_weight_0_or_is_ordered_out() {
        let text = "virtual_services: [{address: '192.0.2.9:80', servers: [10.0.0.1]}, \
                    {address: '192.0.2.10:80', servers: [{address: 10.0.0.1, weight: 0}, 10.0.0.2]}]";
        let config = config::parse("test.yaml", text.as_bytes()).unwrap();
        let service: ServiceKey = "TCP 192.0.2.10:80".parse().unwrap();
        let at = |server: &str| (service, server.parse::<ServerKey>().unwrap());
        let mut orders = Orders::default();
        assert_eq!(empty_service(&config, &orders), None);
        for order in [Order::Drain, Order::Disable, Order::Weight(Weight::ZERO)] {
            orders.set(at("10.0.0.2:80"), Some(order));
            let said = empty_service(&config, &orders).unwrap();
            assert!(
                said.starts_with("no server of TCP 192.0.2.10:80 takes new"),
                "{said}"
            );
        }
        let one = Weight::new(1).unwrap();
        orders.set(at("10.0.0.1:80"), Some(Order::Weight(one)));
        assert_eq!(empty_service(&config, &orders), None);
    }
}
