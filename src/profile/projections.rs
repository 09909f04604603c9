//! What each projection costs.

use std::sync::Arc;

use super::measure::{Request, Stepper};
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
    /// The same without those of `none` in the same round: median.
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
        let needs = |p: &Projection| (p.needs_quantile(), p.alpha());
        if all.iter().all(|q| name(q) != name(&p) || needs(q) != needs(&p)) {
            all.push(p);
        }
    }
    all.sort_by_key(|p| *p != Projection::NONE);
    Ok(all)
}

/// A training step under one projection.
struct Measured {
    stepper: Stepper,
    /// Commands that project: the first.
    project: usize,
    /// Milliseconds of a step of the first rounds.
    once: f64,
}

impl Measured {
    fn start(device: &Arc<Device>, seed: u64, weights: &[f32], network: Arc<Network>) -> Result<Measured> {
        let request = Request::step(network, weights.to_vec(), seed);
        let plan = request.plan(&device.target)?;
        let project = plan.commands.iter().take_while(|c| is_projection(c.scope())).count();
        let mut stepper = Stepper::start(device.clone(), request, plan)?;
        stepper.prepare()?;
        stepper.run_and_wait()?;
        let once = stepper.run_and_wait()?;
        Ok(Measured { stepper, project, once })
    }

    /// Nanoseconds of the commands that project, and milliseconds of a step.
    fn round(&mut self, timer: &mut Timer) -> Result<(f64, f64)> {
        let step = self.stepper.run_and_wait()?;
        let each = timer.each(&mut self.stepper.session.runner, &self.stepper.program.loaded, 0..self.project)?;
        Ok((each.iter().sum(), step))
    }
}

/// Measures the training step under every projection, each by turns with one under `none`, so that a change of the machine's
/// pace meets both. `network` builds the network with another projection; every step is compiled for its own.
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
    let start = |p: &Projection| Measured::start(device, seed, weights, network(p)?);
    let mut none = start(&Projection::NONE)?;
    let rounds = rounds.unwrap_or_else(|| ((1e4 / none.once / all.len() as f64 / 2.0).ceil() as usize).clamp(4, 40));
    let mut timer = Timer::new(device.clone());
    let mut costs = vec![];
    for p in &all {
        let mut own = (*p != Projection::NONE).then(|| start(p)).transpose()?;
        let mut times = vec![];
        for round in 0..rounds {
            // To and fro.
            times.push(match &mut own {
                None => [none.round(&mut timer)?; 2],
                Some(own) if round % 2 == 0 => [own.round(&mut timer)?, none.round(&mut timer)?],
                Some(own) => {
                    let before = none.round(&mut timer)?;
                    [own.round(&mut timer)?, before]
                }
            });
        }
        costs.push(cost(p, &times));
    }
    Ok(costs)
}

/// Medians of the times `(project, step)` of a projection and of `none` in the same rounds.
fn cost(p: &Projection, times: &[[(f64, f64); 2]]) -> Cost {
    let median = |of: fn(&[(f64, f64); 2]) -> f64| quartiles(times.iter().map(of))[1];
    Cost {
        projection: p.to_string(),
        project_ns: median(|[own, _]| own.0),
        over_ns: median(|[own, none]| own.0 - none.0),
        step_ms: median(|[own, _]| own.1),
        ratio: median(|[own, none]| own.1 / none.1),
    }
}

/// Whether a scope projects the weights: `project`, `project.quantile`.
fn is_projection(scope: &str) -> bool {
    scope == "project" || scope.starts_with("project.")
}
