// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints the rates of all virtual services every two seconds, the kernel's own period: `cargo run --example
//! watch_rates`.

#![allow(
    clippy::disallowed_methods,
    reason = "a program that waits, in real time"
)]

use std::error::Error;
use std::thread;
use std::time::Duration;

use lvs_director::kernel::Ipvs;

fn main() -> Result<(), Box<dyn Error>> {
    let mut ipvs = Ipvs::open()?;
    loop {
        for service in ipvs.services()? {
            let rates = service.counters;
            println!(
                "{}: {} connections/s, {} bytes/s in, {} bytes/s out",
                service.key, rates.connection_rate, rates.in_byte_rate, rates.out_byte_rate
            );
        }
        println!();
        thread::sleep(Duration::from_secs(2));
    }
}
