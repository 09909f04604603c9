//! The seconds of the parts of a step on an adapter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::Parts;
use crate::error::Result;
use crate::gpu::Device;
use crate::model::Network;
use crate::profile::quartiles;
use crate::session::{Session, Training, images};

/// Seconds that measuring takes, about, behind a first round.
const SECONDS: f64 = 3.0;

/// Measures each plan of a network's step, the device waited for behind each: the median of some rounds. The images are random,
/// and written anew for every pass. What is left of a pass when gradients are ready goes by the `operations`.
///
/// # Errors
/// What the device reports.
pub fn measure(device: &Arc<Device>, network: &Arc<Network>, seed: u64, operations: &Parts) -> Result<Parts> {
    let placement = network.sent();
    let mut session = Session::new(device.clone(), network.clone(), seed);
    let training = Training::load_cut(&mut session, &placement, false)?;
    session.set_weights(&network.initial_weights(seed))?;
    let images = images::made_up(&mut session.runner, network, &placement, network.batch)?;
    let labels: Vec<u32> = (0..network.batch).map(|i| (i % network.classes) as u32).collect();
    let input = network.uploads(&placement, "input");
    session.start(0)?;
    let mut seconds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let (mut round, mut rounds) = (0, 1);
    while round < rounds {
        let block = session.block(round);
        let begun = Instant::now();
        let mut seen = vec![];
        for part in training.parts() {
            let program = training.program(*part);
            let name = program.plan.name.as_str();
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            session.runner.finish()?;
            let begin = Instant::now();
            if part.takes().is_some() {
                session.runner.write(&input, &images)?;
                session.runner.write("label", &labels)?;
            }
            training.run(&mut session.runner, *part, &block)?;
            session.runner.finish()?;
            seconds.entry(name).or_default().push(begin.elapsed().as_secs_f64());
        }
        if round == 0 {
            // The first one warms up.
            seconds.clear();
            rounds = 1 + (SECONDS / begun.elapsed().as_secs_f64()).ceil().clamp(3.0, 30.0) as u64;
        }
        round += 1;
    }
    let median = |name: &str| quartiles(seconds[name].iter().copied())[1];
    let shard = median("gradient");
    Ok(Parts {
        project: median("project"),
        shard,
        left: operations.left.iter().map(|left| shard * left / operations.shard).collect(),
        sums: (0..operations.sums.len()).map(|ones| median(&format!("sum{ones}"))).collect(),
        update: median("update"),
    })
}
