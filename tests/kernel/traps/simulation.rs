// SPDX-License-Identifier: MIT OR Apache-2.0
//! The simulated kernel, which the planner's laws use, behaves like the real one.

use std::collections::BTreeSet;

use fastrand::Rng;
use lvs_director::kernel::Ipvs;
use lvs_director::model::{IpvsTable, Scheduler};
use lvs_director::plan::{SimulatedKernel, Step, StepFailure, Target as _, diff, execute};
use nix::errno::Errno;

use super::chance::{step, table};
use super::{Test, named};

pub(super) fn tests() -> Vec<Test> {
    named![
        the_simulated_kernel_does_what_the_real_one_does,
        a_plan_ends_with_the_desired_table_on_the_real_kernel_too,
    ]
}

fn the_simulated_kernel_does_what_the_real_one_does() {
    let mut ipvs = Ipvs::open().unwrap();
    let mut errnos: BTreeSet<String> = BTreeSet::new();
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        ipvs.flush().unwrap();
        let mut simulated = SimulatedKernel::default();
        let missing = Scheduler::new("nosuch").unwrap();
        simulated.missing_schedulers.insert(missing);
        let steps: Vec<Step> = (0..300).map(|_| step(&mut rng)).collect();
        for (round, steps) in steps.chunks(50).enumerate() {
            let real = ipvs.apply(steps).unwrap();
            let Ok(expected) = simulated.apply(steps);
            let outcome = |failures: &[StepFailure], index| {
                let failure = failures.iter().find(|failure| failure.index == index);
                failure.map(|failure| failure.errno)
            };
            for (index, step) in steps.iter().enumerate() {
                assert_eq!(
                    outcome(&real, index),
                    outcome(&expected, index),
                    "seed {seed}, round {round}: {step}"
                );
            }
            assert_eq!(
                ipvs.read().unwrap(),
                simulated.table,
                "seed {seed}, round {round}"
            );
            errnos.extend(real.iter().map(|failure| format!("{:?}", failure.errno)));
        }
    }
    let all = ["EEXIST", "EINVAL", "ENOENT", "ERANGE", "ESRCH"];
    assert_eq!(errnos.into_iter().collect::<Vec<_>>(), all);
}

fn a_plan_ends_with_the_desired_table_on_the_real_kernel_too() {
    let mut ipvs = Ipvs::open().unwrap();
    let mut rng = Rng::with_seed(1);
    let mut observed = IpvsTable::new();
    for _ in 0..60 {
        let desired = table(&mut rng);
        let ours = observed.services.keys().copied().collect();
        let plan = diff(&desired, &observed, &ours);
        let outcome = execute(&mut ipvs, &plan).unwrap();
        assert!(outcome.is_complete(), "{:?}", outcome.failures);
        observed = ipvs.read().unwrap();
        assert_eq!(observed, desired);
        assert!(diff(&desired, &observed, &ours).is_empty());
    }
    let gone = ipvs.apply(&[Step::DeleteService(super::desk::tcp("192.0.2.99:1"))]);
    assert_eq!(gone.unwrap()[0].errno, Errno::ESRCH);
}
