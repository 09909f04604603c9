//! Test errors as the analyses take them: means over draws.

use super::{Measured, Specimen};
use crate::error::Result;
use crate::eval::{Evaluator, Moments, Progress, Test};
use crate::projection::Projection;
use crate::projection::distortion::Distortion;

/// How test errors are measured.
pub struct Trials<'a> {
    /// The plans and the data, loaded in the session of the specimen. It remembers what it measured: an evaluator that
    /// served another specimen is to be told by [`Evaluator::weights_changed`].
    pub evaluator: &'a mut Evaluator<'static>,
    /// Which batch-norm moments.
    pub moments: Moments,
    /// Draws of a random distortion that does not say how many itself.
    pub draws: u32,
    /// Shows each evaluation, and stops it.
    pub progress: Progress<'a>,
}

/// Draws that the error under a distortion is the mean of: what it asks for itself, else `wanted`; 1 where all would be
/// alike.
pub fn draws(distortion: &Distortion, wanted: u32) -> u32 {
    match distortion.draws {
        _ if !distortion.is_random() => 1,
        1 => wanted.max(1),
        n => n,
    }
}

impl Trials<'_> {
    /// The mean test error, per cent. Draws are numbered from 0, so that every distortion of a family meets the same
    /// random numbers. None if it was stopped.
    ///
    /// # Errors
    /// A distortion that names no layer of the network; what the device reports.
    pub fn error(&mut self, specimen: &mut Specimen, distortion: &Distortion) -> Result<Option<f64>> {
        let one = distortion.single_draw();
        let none = Distortion::from(Projection::NONE);
        let draws = draws(distortion, self.draws);
        let mut sum = 0.0;
        for draw in 0..draws {
            self.progress.bar.set_message(format!("test under {one}, draw {} of {draws}", draw + 1));
            // Where no weight moves it is the undistorted network, which is measured once.
            let still = specimen.project(&one, draw)? == specimen.weights;
            let distortion = if still { &none } else { &one };
            let test = Test { distortion, seed: specimen.seed, draw: draw.into(), moments: self.moments };
            let Some(score) = self.evaluator.score(specimen.session, &test, self.progress)? else { return Ok(None) };
            sum += score.error;
        }
        Ok(Some(sum / f64::from(draws)))
    }

    /// What stands beside an error in the record.
    pub fn measured(&self, specimen: &Specimen, distortion: &Distortion) -> Measured {
        Measured {
            draws: draws(distortion, self.draws),
            seed: specimen.seed,
            images: self.evaluator.test_images(),
            moments: self.moments,
            moments_batches: self.evaluator.moments_batches(),
        }
    }
}
