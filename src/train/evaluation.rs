//! Evaluations of a run. All its ranks make them together, each on a part of the batches, and all have the scores.

use super::schedule::evaluates_at;
use super::stepper::Stepper;
use crate::data::Part;
use crate::error::Result;
use crate::eval::{Draws, Evaluator, Images, Moments, Progress, Test, evaluation_bar};
use crate::projection::distortion::Distortion;

impl Stepper<'_> {
    /// Whether images are held out to choose the best weights by.
    pub fn selects(&self) -> bool {
        self.preset.data.validation.is_some()
    }

    /// Whether an evaluation is due behind the steps done, beside the test at the end. A checkpoint is written before its evaluation,
    /// which may have been cut off: a run that goes on makes it again.
    pub fn evaluates(&self) -> bool {
        let last = self.step >= self.total;
        self.step > 0 && if last { self.selects() } else { evaluates_at(self.preset, self.step, self.per_epoch) }
    }

    /// What an evaluation during training is of, and under how many distortions: the validation images, or without them the test images.
    pub fn interim(&self) -> (Part, usize) {
        if self.selects() { (Part::Validation, 1) } else { (Part::Test, self.distort.len()) }
    }

    /// Tests the network under the first `count` distortions of the preset, and tells `each` of each; none if a rank was told to stop in
    /// between.
    ///
    /// # Errors
    /// Data that cannot be read; what the device reports; those of `each`; another rank's end.
    pub fn evaluate(
        &mut self,
        part: Part,
        count: usize,
        quiet: bool,
        mut each: impl FnMut(&Distortion, &Draws, &Evaluator) -> Result<()>,
    ) -> Result<Option<Vec<Draws>>> {
        let distort = &self.distort[..count];
        if distort.is_empty() {
            // Nothing is compiled for no test.
            return Ok(Some(vec![]));
        }
        let images = Images { data: self.data.clone(), part, train: self.placement };
        let (batch, moments) = (self.preset.eval_batch(), self.preset.eval.moments_batches as usize);
        let exchange = self.ranks.as_ref().map(|ranks| ranks.exchange);
        let mut evaluator = Evaluator::with_images(&mut self.session, images, batch, moments, exchange)?;
        let draws: u64 = distort.iter().map(|d| u64::from(d.draws)).sum();
        let bar = evaluation_bar(quiet, evaluator.batches(Moments::Recomputed) * draws);
        let done = self.preset.done(self.step / self.per_epoch);
        let mut all = vec![];
        for distortion in distort {
            bar.set_message(format!("test under {distortion}"));
            let now = distortion.in_test(&self.session.network.projection, done);
            let first = Test { distortion: &now, seed: self.preset.seed, draw: 0, moments: Moments::Recomputed };
            let draws = evaluator.draws(&mut self.session, &first, Progress { bar: &bar, stop: self.stop })?;
            let Some(draws) = draws else {
                bar.abandon();
                return Ok(None);
            };
            each(distortion, &draws, &evaluator)?;
            all.push(draws);
        }
        bar.finish_and_clear();
        Ok(Some(all))
    }

    /// Gives all ranks these weights of rank 0; on the others they are not looked at.
    ///
    /// # Errors
    /// What the device reports; another rank's end.
    pub fn share_weights(&mut self, weights: Vec<f32>) -> Result<()> {
        let weights = match &self.ranks {
            None => weights,
            Some(ranks) => bytemuck::cast_vec(ranks.share(bytemuck::cast_vec(weights))?),
        };
        self.session.set_weights(&weights)
    }
}
