//! The test protocol of Merolla et al. 2016: distort the weights once, re-compute the batch-norm moments
//! on the training data, then count the errors on the test data.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::projector::{EVALUATION, Projector};
use super::{Draws, resident};
use crate::data::{Part, Prepared};
use crate::error::{Error, Result};
use crate::gpu::{Loaded, Readback, Runner};
use crate::kernels::distortion::Distortion;
use crate::kernels::metric;
use crate::model::{INDEX, Network, Source, TEST_INDEX};
use crate::plan::Step;

/// The draws for the moments of training are numbered from here.
const TRAINED: u64 = EVALUATION | 1 << 62;

/// Which moments batch normalisation uses in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Moments {
    /// Re-computed on the training data for each distortion, as a chip that is calibrated after it was made (the protocol
    /// of Merolla et al. 2016).
    Recomputed,
    /// As training left them: the averages over the training data under the projection of training (drawn anew for every
    /// batch, as in training) with the final weights, whatever the distortion; or those
    /// that came with weights from elsewhere. A chip that is not calibrated.
    Trained,
}

impl Moments {
    /// The word on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Moments::Recomputed => "recomputed",
            Moments::Trained => "trained",
        }
    }
}

/// The images of an evaluation.
#[derive(Clone)]
pub struct Images {
    /// The data set.
    pub data: Arc<Prepared>,
    /// Which images are tested.
    pub part: Part,
    /// Where the training images are, for the moments: uploaded already, if they are resident.
    pub train: Source,
}

/// What a score depends on: the distortion as it is written, the moments, and seed and draw where it is random.
type Key = (String, Moments, Option<(u64, u64)>);

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

/// What a test loss that is not finite means, in words.
pub fn unsound(loss: f64) -> String {
    format!("the test loss is {loss}: numbers of the network are beyond f32, so its error says nothing of the weights")
}

/// The averaged moments on the host: the content of each buffer by its name.
type Kept = Vec<(String, Vec<u32>)>;

/// The plans of an evaluation, loaded once for any number of distortions. Uses the `weight` array of the runner; whoever
/// writes that calls [`Evaluator::weights_changed`], or leaves it to [`Evaluator::set_weights`].
pub struct Evaluator {
    network: Arc<Network>,
    projector: Projector,
    moments: Option<Loaded>,
    test: Loaded,
    moments_batches: usize,
    images: Images,
    test_source: Source,
    test_batch: usize,
    /// What was measured for the weights at hand.
    known: HashMap<Key, Score>,
    /// The moments of training for the weights at hand, and the seed of the draws under which they were averaged; none
    /// where they came with the weights.
    trained: Option<(Option<u64>, Kept)>,
    /// Distortions whose loss was not finite: it is said once of each.
    unsound: HashSet<String>,
}

impl Evaluator {
    /// Loads the plans, and the images where the device is to hold them. The images of `part` are tested, `test_batch` at a
    /// time; the moments are averaged over the first `moments_batches` batches of training images, 0 for all, in batches
    /// of the training size.
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
        let train = resident::source(None, &runner.device.target, &data, Part::Train);
        let images = Images { data: data.clone(), part, train };
        let evaluator = Self::with_images(runner, network, images, test_batch, moments_batches)?;
        if evaluator.moments.is_some() {
            resident::upload(runner, &data, Part::Train, &train)?;
        }
        Ok(evaluator)
    }

    /// As [`Evaluator::new`] for training images that are on the device already, if `images` says so.
    ///
    /// # Errors
    /// As [`Evaluator::new`].
    pub fn with_images(
        runner: &mut Runner,
        network: Arc<Network>,
        images: Images,
        test_batch: usize,
        moments_batches: usize,
    ) -> Result<Self> {
        let target = runner.device.target.clone();
        // An incomplete last batch would weigh its images more than the others: it is left out.
        let count = images.data.train.labels.len();
        let full = count / network.batch;
        let moments_batches = if moments_batches == 0 { full } else { moments_batches.min(full) };
        let moments = if network.has_moments() {
            if moments_batches == 0 {
                let message = format!("{count} training images do not fill a batch of {}", network.batch);
                return Err(Error::layer("batch-norm moments", message));
            }
            Some(runner.load(network.moments_plan_from(&target, moments_batches, &images.train)?, false)?)
        } else {
            None
        };
        let projector = Projector::new(runner, &network.parameters)?;
        let wanted = (images.train != Source::Uploaded).then_some(true);
        let test_source = resident::source(wanted, &target, &images.data, images.part);
        let test = runner.load(network.test_plan_from(&target, test_batch, &test_source)?, false)?;
        resident::upload(runner, &images.data, images.part, &test_source)?;
        let (known, trained, unsound) = (HashMap::new(), None, HashSet::new());
        Ok(Evaluator {
            network,
            projector,
            moments,
            test,
            moments_batches,
            images,
            test_source,
            test_batch,
            known,
            trained,
            unsound,
        })
    }

    /// Writes the flat array of all parameters.
    ///
    /// # Errors
    /// An array of another length; what the device reports.
    pub fn set_weights(&mut self, runner: &mut Runner, weights: &[f32]) -> Result<()> {
        self.weights_changed();
        runner.write("weight", bytemuck::cast_slice(weights))
    }

    /// Forgets what was measured: the array `weight` holds others.
    pub fn weights_changed(&mut self) {
        self.known.clear();
        self.trained = None;
        self.unsound.clear();
    }

    /// Takes these for the moments of training of the weights at hand: those that came with weights from elsewhere, by the
    /// names of [`Network::moments`].
    pub fn set_trained(&mut self, moments: &[(String, Vec<f32>)]) {
        self.known.clear();
        let words = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect();
        self.trained = Some((None, moments.iter().map(|(name, v)| (name.clone(), words(v))).collect()));
    }

    /// The data that it measures on.
    pub fn data(&self) -> &Arc<Prepared> {
        &self.images.data
    }

    /// Training batches over which moments are averaged; 0 for a network without batch norm.
    pub fn moments_batches(&self) -> usize {
        if self.moments.is_some() { self.moments_batches } else { 0 }
    }

    /// Batches that one call of [`Evaluator::score`] runs, for progress bars.
    pub fn batches(&self) -> u64 {
        let moments = if self.moments.is_some() { self.moments_batches } else { 0 };
        (moments + self.test_images().div_ceil(self.test_batch)) as u64
    }

    /// Images that the errors are counted over.
    pub fn test_images(&self) -> usize {
        self.images.data.split(self.images.part).labels.len()
    }

    /// Distorts the weights with draw `draw` of `seed` and measures; `distortion.draws` is not looked at. The draw is one
    /// for the whole evaluation: one distorted chip, first calibrated, then tested. What was measured before is not
    /// measured again. None if `stop` was set on the way.
    ///
    /// # Errors
    /// A pattern of the distortion that matches no layer; what the device reports.
    #[allow(clippy::too_many_arguments)] // each says another thing, and all are needed
    pub fn score(
        &mut self,
        runner: &mut Runner,
        distortion: &Distortion,
        seed: u64,
        draw: u64,
        moments: Moments,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<Option<Score>> {
        let key = self.key(distortion, seed, draw, moments);
        if let Some(score) = self.known.get(&key) {
            bar.inc(self.batches());
            return Ok(Some(score.clone()));
        }
        if !self.prepare(runner, distortion, seed, draw, moments, bar, stop)? {
            return Ok(None);
        }
        let Some(score) = self.test(runner, distortion, bar, stop)? else { return Ok(None) };
        if !score.loss.is_finite() && self.unsound.insert(score.distortion.clone()) {
            log::warn!("under {}: {}", score.distortion, unsound(score.loss));
        }
        self.known.insert(key, score.clone());
        Ok(Some(score))
    }

    /// Distorts the weights with draw `draw` of `seed`, and leaves the moments that belong to them: what every test begins
    /// with. False if `stop` was set on the way.
    ///
    /// # Errors
    /// As [`Evaluator::score`].
    #[allow(clippy::too_many_arguments)] // those of a score
    pub fn prepare(
        &mut self,
        runner: &mut Runner,
        distortion: &Distortion,
        seed: u64,
        draw: u64,
        moments: Moments,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<bool> {
        let number = EVALUATION + draw;
        match moments {
            Moments::Trained => {
                let sound = self.trained_moments(runner, seed, bar, stop)?;
                self.projector.apply(runner, distortion, seed, number)?;
                Ok(sound)
            }
            Moments::Recomputed => {
                self.projector.apply(runner, distortion, seed, number)?;
                self.recompute(runner, seed, None, bar, stop)
            }
        }
    }

    /// The scores of all draws of a distortion, numbered from 0. None if `stop` was set on the way.
    ///
    /// # Errors
    /// As [`Evaluator::score`].
    pub fn draws(
        &mut self,
        runner: &mut Runner,
        distortion: &Distortion,
        seed: u64,
        moments: Moments,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<Option<Draws>> {
        let mut scores = vec![];
        for draw in 0..u64::from(distortion.draws) {
            let Some(score) = self.score(runner, distortion, seed, draw, moments, bar, stop)? else { return Ok(None) };
            scores.push(score);
        }
        Ok(Some(Draws { distortion: distortion.to_string(), scores }))
    }

    /// What a score depends on, for the weights at hand.
    fn key(&self, distortion: &Distortion, seed: u64, draw: u64, moments: Moments) -> Key {
        let draw = match (distortion.is_random(), moments) {
            (true, _) => Some((seed, draw)),
            (false, Moments::Trained) if self.network.projection.is_random() => Some((seed, 0)),
            _ => None,
        };
        (distortion.single_draw().to_string(), moments, draw)
    }

    /// Averages the moments of the training batches under the projected weights; with `projection` under draws of it that
    /// are new for every batch, numbered from [`TRAINED`] on. False if `stop` was set on the way.
    fn recompute(
        &mut self,
        runner: &mut Runner,
        seed: u64,
        projection: Option<&Distortion>,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<bool> {
        let Some(moments) = &self.moments else { return Ok(true) };
        self.network.check_batch_moments()?;
        for (name, channels) in self.network.moments() {
            runner.write(&name, &vec![0; channels])?;
        }
        let Images { data, train, .. } = &self.images;
        let batches = resident::pass(data, Part::Train, self.network.batch, train)?;
        for (i, batch) in batches.take(self.moments_batches).enumerate() {
            if stop.load(Ordering::SeqCst) {
                return Ok(false);
            }
            if let Some(projection) = projection.filter(|p| i == 0 || p.is_random()) {
                self.projector.apply(runner, projection, seed, TRAINED + i as u64)?;
            }
            resident::feed(runner, train, "input", INDEX, &batch)?;
            runner.run(moments, &Step::at(seed, 0))?;
            bar.inc(1);
        }
        Ok(true)
    }

    /// Puts the moments of training in the place of the averages: computed once for a seed, then kept. False if `stop`
    /// was set on the way.
    fn trained_moments(
        &mut self,
        runner: &mut Runner,
        seed: u64,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<bool> {
        if self.moments.is_none() {
            return Ok(true);
        }
        if let Some((_, kept)) = self.trained.as_ref().filter(|(of, _)| of.is_none_or(|of| of == seed)) {
            for (name, words) in kept {
                runner.write(name, words)?;
            }
            bar.inc(self.moments_batches as u64);
            return Ok(true);
        }
        let projection = Distortion::from(self.network.projection);
        if !self.recompute(runner, seed, Some(&projection), bar, stop)? {
            return Ok(false);
        }
        let read = |(name, channels): (String, usize)| {
            let words = runner.read(&name, channels)?;
            Ok((name, words))
        };
        self.trained = Some((Some(seed), self.network.moments().into_iter().map(read).collect::<Result<_>>()?));
        Ok(true)
    }

    /// Counts the errors of the projected weights with the averaged moments.
    fn test(
        &self,
        runner: &mut Runner,
        distortion: &Distortion,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<Option<Score>> {
        let slots = self.network.metric_slots();
        let mut readback = Readback::new(&[("metrics", slots * metric::ROW)]);
        let batches = resident::pass(&self.images.data, self.images.part, self.test_batch, &self.test_source)?;
        let count = batches.per_epoch() as usize;
        for (i, batch) in batches.enumerate() {
            if stop.load(Ordering::SeqCst) {
                return Ok(None);
            }
            resident::feed(runner, &self.test_source, "test.input", TEST_INDEX, &batch)?;
            runner.write("test.label", &batch.labels)?;
            let slot = i % slots;
            let step = Step { slot: slot as u32, valid: batch.valid as u32, ..Step::default() };
            // The rows are copied behind the batch that fills them, and read when all is done.
            if slot + 1 == slots || i + 1 == count {
                runner.run_and_read(&self.test, &step, &mut readback)?;
            } else {
                runner.run(&self.test, &step)?;
            }
            bar.inc(1);
        }
        let (mut loss, mut top1, mut top5, mut images) = (0.0, 0.0, 0.0, 0.0);
        for first in (0..count).step_by(slots) {
            let parts = runner.take(&mut readback, true)?.expect("one snapshot for so many batches");
            let rows = bytemuck::cast_slice::<u32, f32>(&parts[0]).chunks_exact(metric::ROW);
            for row in rows.take(count - first) {
                let valid = f64::from(row[3]);
                loss += f64::from(row[0]) * valid;
                top1 += f64::from(row[1]);
                top5 += f64::from(row[2]);
                images += valid;
            }
        }
        Ok(Some(Score {
            distortion: distortion.single_draw().to_string(),
            loss: loss / images,
            error: 100.0 * (images - top1) / images,
            top5_error: (self.network.classes > 10).then(|| 100.0 * (images - top5) / images),
        }))
    }
}
