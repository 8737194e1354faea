// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists the virtual services of this network namespace with their real servers: `cargo run --example list_services`.

use std::error::Error;

use lvs_director::kernel::Ipvs;

fn main() -> Result<(), Box<dyn Error>> {
    let mut ipvs = Ipvs::open()?;
    for service in ipvs.services()? {
        println!("{} {}", service.key, service.settings.scheduler);
        for entry in ipvs.servers(&service.key)? {
            println!(
                "  -> {} {} weight {}, {} active and {} inactive connections",
                entry.key,
                entry.server.forwarding,
                entry.server.weight.get(),
                entry.connections.active,
                entry.connections.inactive
            );
        }
    }
    Ok(())
}
