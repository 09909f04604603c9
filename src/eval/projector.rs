//! Distorts stored weights on the device, link by link.

use crate::error::Result;
use crate::gpu::{Loaded, Runner};
use crate::kernels::distortion::Distortion;
use crate::kernels::parameters::{Arrays, Parameters};
use crate::kernels::projections::{self, Kinds};
use crate::kernels::{project, quantile};
use crate::plan::{Builder, Plan, Step, Target};

/// Draws of an evaluation are numbered from here: no training step shares them.
pub const EVALUATION: u64 = 1 << 63;

/// Where a link reads and writes. Links go to and fro between two arrays; the last one writes `projected`.
const STORED: &str = "weight";
const RESULT: &str = "projected";
const BETWEEN: &str = "projected.between";

/// The plans that distort, loaded once for any number of distortions of a table of parameters. Reads the array `weight`
/// of the runner, writes `projected`.
pub struct Projector {
    parameters: Parameters,
    maxima: Loaded,
    /// Loaded when a distortion first asks for it.
    quantile: Option<Loaded>,
    /// By what they read and write; those of chains are loaded when the first chain comes. They share their pipelines.
    links: Vec<((&'static str, &'static str), Loaded)>,
}

impl Projector {
    /// Loads what every distortion needs.
    ///
    /// # Errors
    /// What the device refuses.
    pub fn new(runner: &mut Runner, parameters: &Parameters) -> Result<Self> {
        let target = runner.device.target.clone();
        let maxima = runner.load(maxima_plan(parameters, &target)?, false)?;
        let mut projector = Projector { parameters: parameters.clone(), maxima, quantile: None, links: vec![] };
        projector.link(runner, STORED, RESULT)?;
        Ok(projector)
    }

    /// Leaves the distorted weights in `projected`: draw `number` of `seed`.
    ///
    /// # Errors
    /// A pattern that matches no layer; what the device reports.
    pub fn apply(&mut self, runner: &mut Runner, distortion: &Distortion, seed: u64, number: u64) -> Result<()> {
        let tables = distortion.tables(&self.parameters)?;
        // Of the stored weights, which may be others than before.
        runner.run(&self.maxima, &Step::at(seed, number))?;
        let mut from = STORED;
        for (i, (table, link)) in tables.iter().zip(&distortion.links).enumerate() {
            let to = if (tables.len() - i) % 2 == 1 { RESULT } else { BETWEEN };
            let beta_u = projections::beta_draw_of_link(seed, number, i);
            let step = Step { beta_u, ..Step::at(seed, number) };
            runner.write("projections", table)?;
            if link.projection.needs_quantile() {
                let quantile = self.quantile(runner)?;
                runner.run(quantile, &step)?;
            }
            let at = self.link(runner, from, to)?;
            runner.run(&self.links[at].1, &step)?;
            from = to;
        }
        Ok(())
    }

    fn quantile(&mut self, runner: &mut Runner) -> Result<&Loaded> {
        if self.quantile.is_none() {
            let plan = quantile_plan(&self.parameters, &runner.device.target)?;
            self.quantile = Some(runner.load(plan, false)?);
        }
        Ok(self.quantile.as_ref().expect("just loaded"))
    }

    /// The place in `links` of the plan between two arrays.
    fn link(&mut self, runner: &mut Runner, from: &'static str, to: &'static str) -> Result<usize> {
        if let Some(at) = self.links.iter().position(|(ends, _)| *ends == (from, to)) {
            return Ok(at);
        }
        let plan = link_plan(&self.parameters, &runner.device.target, from, to)?;
        self.links.push(((from, to), runner.load(plan, false)?));
        Ok(self.links.len() - 1)
    }
}

fn maxima_plan(p: &Parameters, target: &Target) -> Result<Plan> {
    let mut b = Builder::new("maxima", target.clone());
    let arrays = p.arrays(&mut b);
    project::maxima(&mut b, "project.maxima", p, arrays.weight, arrays.maxima)?;
    b.finish()
}

fn quantile_plan(p: &Parameters, target: &Target) -> Result<Plan> {
    let mut b = Builder::new("quantile", target.clone());
    let arrays = p.arrays(&mut b);
    quantile::quantile(&mut b, "project.quantile", p, &arrays)?;
    b.finish()
}

fn link_plan(p: &Parameters, target: &Target, from: &str, to: &str) -> Result<Plan> {
    let mut b = Builder::new("project", target.clone());
    let (weight, projected) = (p.flat(&mut b, from), p.flat(&mut b, to));
    let arrays = Arrays { weight, projected, ..p.arrays(&mut b) };
    project::apply(&mut b, "project", p, &arrays, Kinds::ALL)?;
    b.finish()
}
