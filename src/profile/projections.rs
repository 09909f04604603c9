//! What each projection costs.

use std::sync::Arc;

use super::measure::{Pass, Request, Stepper};
use super::quartiles;
use crate::error::Result;
use crate::gpu::Device;
use crate::gpu::profile::Timer;
use crate::model::Network;
use crate::projection::{PROJECTIONS, Projection};

/// The cost of one projection in a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// As it is written.
    pub projection: String,
    /// Nanoseconds of the commands that project.
    pub project_ns: f64,
    /// The same without those of `none`.
    pub over_ns: f64,
    /// Milliseconds of a step.
    pub step_ms: f64,
    /// The same over that of `none` in the same round: median.
    pub ratio: f64,
}

/// The projections of the table: an example of each, `none` first, and the forms that need another plan.
pub fn all() -> Result<Vec<Projection>> {
    let mut all: Vec<Projection> = vec![];
    for text in PROJECTIONS.iter().flat_map(|k| k.examples) {
        let p = Projection::parse(text)?;
        let name = |p: &Projection| p.to_string().split(':').next().unwrap_or_default().to_owned();
        if all.iter().all(|q| name(q) != name(&p) || q.needs_quantile() != p.needs_quantile()) {
            all.push(p);
        }
    }
    all.sort_by_key(|p| *p != Projection::NONE);
    Ok(all)
}

/// Measures the training step under every projection, in rounds: each projection once per round, so that a change of the
/// machine's pace meets all of them. `network` builds the network with another projection.
///
/// # Errors
/// What the device reports.
pub fn costs(
    device: &Arc<Device>,
    seed: u64,
    weights: &[f32],
    rounds: Option<usize>,
    network: impl Fn(&Projection) -> Result<Arc<Network>>,
) -> Result<Vec<Cost>> {
    let all = all()?;
    // One plan for all, and one for those that need another.
    let mut steppers = vec![];
    for quantile in [false, true] {
        let Some(first) = all.iter().find(|p| p.needs_quantile() == quantile) else { continue };
        let network = network(first)?;
        let eval_batch = network.batch;
        let request = Request { network, weights: weights.to_vec(), seed, pass: Pass::Step, eval_batch, data: None };
        let plan = Pass::Step.plan(&request.network, &device.target, eval_batch)?;
        let project = plan.commands.iter().take_while(|c| is_projection(c.scope())).count();
        let mut stepper = Stepper::start(device.clone(), request, plan)?;
        stepper.prepare()?;
        stepper.run_and_wait()?;
        let once = stepper.run_and_wait()?;
        steppers.push((quantile, stepper, project, once));
    }
    let once: f64 = steppers.iter().map(|s| s.3).fold(0.0, f64::max);
    let rounds = rounds.unwrap_or_else(|| ((1e4 / once / all.len() as f64).ceil() as usize).clamp(4, 40));
    let mut timer = Timer::new(device.clone());
    let mut times: Vec<(Vec<f64>, Vec<f64>)> = vec![(vec![], vec![]); all.len()];
    for round in 0..rounds {
        // To and fro, so that each has each for a neighbour.
        let order: Vec<usize> = if round % 2 == 0 { (0..all.len()).collect() } else { (0..all.len()).rev().collect() };
        for i in order {
            let (p, (projecting, steps)) = (&all[i], &mut times[i]);
            let Some((_, stepper, project, _)) = steppers.iter_mut().find(|s| s.0 == p.needs_quantile()) else {
                continue;
            };
            stepper.session.set_projection(&(*p).into())?;
            steps.push(stepper.run_and_wait()?);
            let each = timer.each(&mut stepper.session.runner, &stepper.program.loaded, 0..*project)?;
            projecting.push(each.iter().sum::<f64>());
        }
    }
    Ok(compared(&all, &times))
}

/// Medians of the times `(project, step)` of each projection, and what they are beside those of the first, `none`.
fn compared(all: &[Projection], times: &[(Vec<f64>, Vec<f64>)]) -> Vec<Cost> {
    let Some(none) = times.first() else { return vec![] };
    let median = |v: &[f64]| quartiles(v.iter().copied())[1];
    let cost = |(p, (projecting, steps)): (&Projection, &(Vec<f64>, Vec<f64>))| Cost {
        projection: p.to_string(),
        project_ns: median(projecting),
        over_ns: median(projecting) - median(&none.0),
        step_ms: median(steps),
        ratio: quartiles(steps.iter().zip(&none.1).map(|(a, b)| a / b))[1],
    };
    all.iter().zip(times).map(cost).collect()
}

/// Whether a scope projects the weights: `project`, `project.quantile`.
fn is_projection(scope: &str) -> bool {
    scope == "project" || scope.starts_with("project.")
}
