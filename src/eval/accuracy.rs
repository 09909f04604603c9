//! The test protocol of Merolla et al. 2016: distort the weights once, re-compute the batch-norm moments
//! on the training data, then count the errors on the test data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;

use crate::data::{Batches, Part, Prepared};
use crate::error::{Error, Result};
use crate::gpu::{Loaded, Runner};
use crate::kernels::projections::{self, Projection};
use crate::model::Network;
use crate::plan::Step;

/// Draws of an evaluation are numbered from here: no training step shares them.
pub(super) const EVALUATION: u64 = 1 << 63;

/// What the test data say of a network under one distortion.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The distortion as it is written, e.g. `addnorm:0.3`.
    pub distortion: String,
    /// Mean loss over the test images.
    pub loss: f64,
    /// Share of test images whose class is not the first guess, per cent.
    pub error: f64,
    /// Share of test images whose class is not among the first five guesses, per cent; where there are more than ten.
    pub top5_error: Option<f64>,
}

/// The plans of an evaluation, loaded once for any number of distortions. Uses the `weight` array of the runner.
pub struct Evaluator {
    network: Arc<Network>,
    data: Arc<Prepared>,
    project: Loaded,
    moments: Option<Loaded>,
    test: Loaded,
    moments_batches: usize,
    part: Part,
    test_batch: usize,
}

impl Evaluator {
    /// Loads the plans. The images of `part` are tested, `test_batch` at a time; the moments are averaged over the first
    /// `moments_batches` batches of training images, 0 for all, in batches of the training size.
    ///
    /// # Errors
    /// What the device refuses; no training batch.
    pub fn new(
        runner: &mut Runner,
        network: Arc<Network>,
        data: Arc<Prepared>,
        part: Part,
        test_batch: usize,
        moments_batches: usize,
    ) -> Result<Self> {
        let target = runner.device.target.clone();
        // An incomplete last batch would weigh its images more than the others: it is left out.
        let full = data.train.labels.len() / network.batch;
        let moments_batches = if moments_batches == 0 { full } else { moments_batches.min(full) };
        let moments = if network.has_moments() {
            if moments_batches == 0 {
                let message =
                    format!("{} training images do not fill a batch of {}", data.train.labels.len(), network.batch);
                return Err(Error::layer("batch-norm moments", message));
            }
            Some(runner.load(network.moments_plan(&target, moments_batches)?, false)?)
        } else {
            None
        };
        let project = runner.load(network.project_plan(&target)?, false)?;
        let test = runner.load(network.test_plan(&target, test_batch)?, false)?;
        Ok(Evaluator { network, data, project, moments, test, moments_batches, part, test_batch })
    }

    /// Batches that one call of [`Evaluator::score`] runs, for progress bars.
    pub fn batches(&self) -> u64 {
        let moments = if self.moments.is_some() { self.moments_batches } else { 0 };
        (moments + self.test_images().div_ceil(self.test_batch)) as u64
    }

    /// Images that the errors are counted over.
    pub fn test_images(&self) -> usize {
        self.data.split(self.part).labels.len()
    }

    /// Distorts the weights with draw `draw` of `seed` and measures. The draw is one for the whole evaluation: one
    /// distorted chip, first calibrated, then tested. None if `stop` was set on the way.
    ///
    /// # Errors
    /// What the device reports.
    pub fn score(
        &mut self,
        runner: &mut Runner,
        projection: &Projection,
        seed: u64,
        draw: u64,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<Option<Score>> {
        let number = EVALUATION + draw;
        let step = Step { beta_u: projections::beta_draw(seed, number), ..Step::at(seed, number) };
        runner.write("projections", &projections::table(&self.network.parameters, projection))?;
        runner.run(&self.project, &step)?;
        if let Some(moments) = &self.moments {
            for (name, channels) in self.network.moments() {
                runner.write(&name, &vec![0; channels])?;
            }
            let batches = Batches::sequential(self.data.clone(), Part::Train, self.network.batch)?;
            for batch in batches.take(self.moments_batches) {
                if stop.load(Ordering::SeqCst) {
                    return Ok(None);
                }
                runner.write("input", bytemuck::cast_slice(&batch.images))?;
                runner.run(moments, &step)?;
                bar.inc(1);
            }
        }
        let slots = self.network.metric_slots();
        let (mut loss, mut top1, mut top5, mut count, mut slot) = (0.0, 0.0, 0.0, 0.0, 0);
        let mut collect = |runner: &Runner, used: usize| -> Result<()> {
            let words = runner.read("metrics", used * 4)?;
            for row in bytemuck::cast_slice::<u32, f32>(&words).chunks_exact(4) {
                let valid = f64::from(row[3]);
                loss += f64::from(row[0]) * valid;
                top1 += f64::from(row[1]);
                top5 += f64::from(row[2]);
                count += valid;
            }
            Ok(())
        };
        for batch in Batches::sequential(self.data.clone(), self.part, self.test_batch)? {
            if stop.load(Ordering::SeqCst) {
                return Ok(None);
            }
            if slot == slots {
                collect(runner, slots)?;
                slot = 0;
            }
            runner.write("test.input", bytemuck::cast_slice(&batch.images))?;
            runner.write("test.label", &batch.labels)?;
            runner.run(&self.test, &Step { slot: slot as u32, valid: batch.valid as u32, ..step })?;
            slot += 1;
            bar.inc(1);
        }
        collect(runner, slot)?;
        Ok(Some(Score {
            distortion: projection.to_string(),
            loss: loss / count,
            error: 100.0 * (count - top1) / count,
            top5_error: (self.network.classes > 10).then(|| 100.0 * (count - top5) / count),
        }))
    }
}
