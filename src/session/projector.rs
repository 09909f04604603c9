//! Distorts stored weights on the device, link by link.

use crate::error::Result;
use crate::gpu::{Loaded, Runner};
use crate::kernels::parameters::{Arrays, Parameters};
use crate::kernels::project::Kinds;
use crate::kernels::{project, quantile, statistics};
use crate::plan::{Builder, Plan, Step, Target};
use crate::projection;
use crate::projection::distortion::Distortion;
use crate::projection::own::Owns;

/// Where a link reads and writes. Links go to and fro between two arrays; the last one writes `projected`.
const STORED: &str = "weight";
const RESULT: &str = "projected";
const BETWEEN: &str = "projected.between";

/// The arrays that a link reads and writes.
type Ends = (&'static str, &'static str);

/// The plans that distort, for any number of distortions of a table of parameters; each is loaded when it is first asked
/// for. Reads the array `weight` of the runner, writes `projected`.
pub struct Projector {
    parameters: Parameters,
    maxima: Option<Loaded>,
    quantile: Option<Loaded>,
    /// By what they read and write, and the users' own projections that they know. They share their pipelines.
    links: Vec<(Ends, Owns, Loaded)>,
}

impl Projector {
    /// For a table of parameters.
    pub fn new(parameters: Parameters) -> Self {
        Projector { parameters, maxima: None, quantile: None, links: vec![] }
    }

    /// Writes the flat array of all parameters.
    ///
    /// # Errors
    /// An array of another length; what the device reports.
    pub fn set_weights(&mut self, runner: &mut Runner, weights: &[f32]) -> Result<()> {
        if !runner.has(STORED) {
            // Its plan brings the array.
            self.load_maxima(runner)?;
        }
        runner.write(STORED, bytemuck::cast_slice(weights))
    }

    /// Leaves the largest magnitudes of the weights in `maxima`, from which alpha is taken; what an update does for the
    /// next step.
    ///
    /// # Errors
    /// What the device reports.
    pub fn maxima(&mut self, runner: &mut Runner, step: &Step) -> Result<()> {
        let plan = self.load_maxima(runner)?;
        runner.run(plan, step)
    }

    fn load_maxima(&mut self, runner: &mut Runner) -> Result<&Loaded> {
        if self.maxima.is_none() {
            let plan = maxima_plan(&self.parameters, &runner.device.target)?;
            self.maxima = Some(runner.load(&plan, false)?);
        }
        Ok(self.maxima.as_ref().expect("just loaded"))
    }

    /// Leaves the distorted weights in `projected`: draw `number` of `seed`.
    ///
    /// # Errors
    /// A pattern that matches no layer; what the device reports.
    pub fn apply(&mut self, runner: &mut Runner, distortion: &Distortion, seed: u64, number: u64) -> Result<()> {
        let tables = project::tables(distortion, &self.parameters)?;
        let own = distortion.own();
        // Of the stored weights, which may be others than before.
        self.maxima(runner, &Step::at(seed, number))?;
        let mut from = STORED;
        for (i, (table, link)) in tables.iter().zip(&distortion.links).enumerate() {
            let to = if (tables.len() - i) % 2 == 1 { RESULT } else { BETWEEN };
            let beta_u = projection::beta_draw_of_link(seed, number, i);
            let step = Step { beta_u, ..Step::at(seed, number) };
            runner.write("projections", table)?;
            if link.projection.needs_quantile() {
                let quantile = self.quantile(runner)?;
                runner.run(quantile, &step)?;
            }
            let at = self.link(runner, (from, to), &own)?;
            runner.run(&self.links[at].2, &step)?;
            from = to;
        }
        Ok(())
    }

    fn quantile(&mut self, runner: &mut Runner) -> Result<&Loaded> {
        if self.quantile.is_none() {
            let plan = quantile_plan(&self.parameters, &runner.device.target)?;
            self.quantile = Some(runner.load(&plan, false)?);
        }
        Ok(self.quantile.as_ref().expect("just loaded"))
    }

    /// The place in `links` of the plan between two arrays.
    fn link(&mut self, runner: &mut Runner, ends: Ends, own: &Owns) -> Result<usize> {
        if let Some(at) = self.links.iter().position(|(known, owns, _)| *known == ends && owns == own) {
            return Ok(at);
        }
        let plan = link_plan(&self.parameters, &runner.device.target, ends.0, ends.1, own)?;
        self.links.push((ends, own.clone(), runner.load(&plan, false)?));
        Ok(self.links.len() - 1)
    }
}

/// Finds the largest magnitude of every chunk of `weight`.
///
/// # Errors
/// A limit of the target too small for one chunk.
pub fn maxima_plan(p: &Parameters, target: &Target) -> Result<Plan> {
    let mut b = Builder::new("maxima", target.clone());
    let arrays = p.arrays(&mut b);
    statistics::maxima(&mut b, "project.maxima", p, arrays.weight, arrays.maxima)?;
    b.finish()
}

/// Finds the ranks that `projections` asks for. Errors as [`maxima_plan`].
pub fn quantile_plan(p: &Parameters, target: &Target) -> Result<Plan> {
    let mut b = Builder::new("quantile", target.clone());
    let arrays = p.arrays(&mut b);
    quantile::quantile(&mut b, "project.quantile", p, &arrays)?;
    b.finish()
}

/// Projects the array `from` to `to` by the statistics of `weight`, as `projections` says, by any projection of the table or one
/// of `own`. Errors as [`maxima_plan`].
pub fn link_plan(p: &Parameters, target: &Target, from: &str, to: &str, own: &Owns) -> Result<Plan> {
    let mut b = Builder::new("project", target.clone());
    b.set_own(own.clone());
    let stored = p.arrays(&mut b);
    statistics::record(&mut b, "project", p, &stored, true)?;
    let (weight, projected) = (p.flat(&mut b, from), p.flat(&mut b, to));
    let arrays = Arrays { weight, projected, ..stored };
    project::apply(&mut b, "project", p, &arrays, Kinds::ALL.with(own))?;
    b.finish()
}
