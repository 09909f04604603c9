//! The test protocol of Merolla et al. 2016: distort the weights once, re-compute the batch-norm moments
//! on the training data, then count the errors on the test data.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::pass::Pass;
use super::{Draws, Progress};
use crate::data::{Batch, Batches, Form, Part, Prepared};
use crate::error::{Error, Result};
use crate::exchange::Exchange;
use crate::gpu::{Loaded, Readback};
use crate::kernels::conv2d::stored::Bits;
use crate::kernels::metric;
use crate::model::Placement;
use crate::plan::Step;
use crate::projection::EVALUATION;
use crate::projection::distortion::Distortion;
use crate::session::{Session, images};
use crate::weights::{TrainedNetwork, packed};

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
    /// Those that are asked for; where nothing is, those that came with the weights, and re-computed ones where none did.
    pub fn of(asked: Option<Moments>, trained: &TrainedNetwork) -> Moments {
        asked.unwrap_or(if trained.moments.is_some() { Moments::Trained } else { Moments::Recomputed })
    }

    /// Batches that run for the moments before a test where as many as `recomputed` average them: none for those that came with the
    /// weights.
    pub fn batches(self, trained: &TrainedNetwork, recomputed: usize) -> usize {
        if self == Moments::Trained && trained.moments.is_some() { 0 } else { recomputed }
    }

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
    pub train: Placement,
}

/// What a score depends on: the distortion as it is written, the moments, and seed and draw where it is random.
type Key = (String, Moments, Option<(u64, u64)>);

/// One test of a network: its weights distorted once, its moments calibrated, its errors counted.
#[derive(Clone, Copy, Debug)]
pub struct Test<'a> {
    /// What is done to the weights; its number of draws is not looked at.
    pub distortion: &'a Distortion,
    /// Seed of the draws.
    pub seed: u64,
    /// Which draw: one for the whole test, as a chip is made once.
    pub draw: u64,
    /// Which batch-norm moments.
    pub moments: Moments,
}

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
    /// Whether the network read its weights as bits.
    pub from_bits: bool,
}

/// What a test loss that is not finite means, in words.
pub fn unsound(loss: f64) -> String {
    format!("the test loss is {loss}: numbers of the network are beyond f32, so its error says nothing of the weights")
}

/// The averaged moments on the host: the content of each buffer by its name.
type Kept = Vec<(String, Vec<u32>)>;

/// The plans that measure weights which are stored in one way.
struct Programs {
    moments: Option<Loaded>,
    test: Loaded,
}

/// The plans of an evaluation, each loaded once for any number of distortions of the weights of a session; whoever writes
/// those calls [`Evaluator::weights_changed`], or leaves it to [`Evaluator::set_weights`]. Weights that came as bits
/// ([`Evaluator::take`]) are tested from their bits where nothing distorts them, and then are nowhere in f32 on the device.
pub struct Evaluator<'a> {
    /// With the other ranks of a run, which do the same at the same time and get the same results.
    exchange: Option<&'a Exchange>,
    real: Option<Programs>,
    from_bits: Option<(Bits, Programs)>,
    /// Whether the weights at hand came as bits.
    packed: bool,
    /// What these are in f32, until a distortion asks for it.
    unpacked: Option<Arc<[f32]>>,
    /// 0 for a network without batch norm.
    moments_batches: usize,
    images: Images,
    test_placement: Placement,
    /// Pictures.
    test_batch: usize,
    /// Which images the first plan is to bring to the device.
    uploads: Vec<(Part, Placement)>,
    /// What was measured for the weights at hand.
    known: HashMap<Key, Score>,
    /// The moments of training for the weights at hand, and the seed of the draws under which they were averaged; none
    /// where they came with the weights.
    trained: Option<(Option<u64>, Kept)>,
    /// Distortions whose loss was not finite: it is said once of each.
    unsound: HashSet<String>,
}

impl<'a> Evaluator<'a> {
    /// Loads the plans, and the images where the device is to hold them. The images of `part` are tested, `test_batch` at a
    /// time; the moments are averaged over the first `moments_batches` batches of training images, 0 for all, in batches
    /// of the training size.
    ///
    /// # Errors
    /// What the device refuses; no training batch.
    pub fn new(
        session: &mut Session,
        data: Arc<Prepared>,
        part: Part,
        test_batch: usize,
        moments_batches: usize,
    ) -> Result<Self> {
        let train = images::placement(None, &session.target, &data, Part::Train);
        let mut evaluator = Self::of(session, Images { data, part, train }, test_batch, moments_batches, None)?;
        if evaluator.moments_batches > 0 {
            evaluator.uploads.push((Part::Train, train));
        }
        Ok(evaluator)
    }

    /// As [`Evaluator::new`] for weights in f32 and training images that are on the device already, if `images` says so; the
    /// plans are loaded at once. With `exchange` all its ranks measure together, each on a part of the batches.
    ///
    /// # Errors
    /// As [`Evaluator::new`].
    pub fn with_images(
        session: &mut Session,
        images: Images,
        test_batch: usize,
        moments_batches: usize,
        exchange: Option<&'a Exchange>,
    ) -> Result<Self> {
        let mut evaluator = Self::of(session, images, test_batch, moments_batches, exchange)?;
        evaluator.real = Some(evaluator.load(session, None)?);
        Ok(evaluator)
    }

    fn of(
        session: &Session,
        images: Images,
        test_batch: usize,
        moments_batches: usize,
        exchange: Option<&'a Exchange>,
    ) -> Result<Self> {
        let network = &session.network;
        // An incomplete last batch would weigh its images more than the others: it is left out.
        let count = images.data.train.labels.len();
        let full = count / network.batch;
        let moments_batches = match moments_batches {
            _ if !network.has_moments() => 0,
            _ if full == 0 => {
                let message = format!("{count} training images do not fill a batch of {}", network.batch);
                return Err(Error::layer("batch-norm moments", message));
            }
            0 => full,
            some => some.min(full),
        };
        let images = Images { train: network.moments_placement(images.train), ..images };
        let wanted = matches!(images.train, Placement::Resident { .. }).then_some(true);
        let test_placement = match network.crops {
            1 => images::placement(wanted, &session.target, &images.data, images.part),
            _ => Placement::Uploaded,
        };
        // So that a test takes no more memory for more crops of fewer pictures.
        let test_batch = (test_batch / network.crops).max(1);
        let uploads = vec![(images.part, test_placement)];
        let (real, from_bits, packed, unpacked) = (None, None, false, None);
        let (known, trained, unsound) = (HashMap::new(), None, HashSet::new());
        Ok(Evaluator {
            exchange,
            real,
            from_bits,
            packed,
            unpacked,
            moments_batches,
            images,
            test_placement,
            test_batch,
            uploads,
            known,
            trained,
            unsound,
        })
    }

    /// Loads the plans for weights in f32 or as bits.
    fn load(&mut self, session: &mut Session, bits: Option<&Bits>) -> Result<Programs> {
        let (target, network) = (session.target.clone(), session.network.clone());
        let mut moments = None;
        if self.moments_batches > 0 {
            let plan = network.moments_plan_from(&target, &self.images.train, bits)?;
            moments = Some(session.runner.load(&plan, false)?);
        }
        let plan = match network.crops {
            1 => network.test_plan_from(&target, self.test_batch, &self.test_placement, bits)?,
            _ => network.crops_plan(&target, self.test_batch, bits)?,
        };
        let test = session.runner.load(&plan, false)?;
        for (part, source) in self.uploads.drain(..) {
            images::upload(&mut session.runner, &self.images.data, part, &source)?;
        }
        Ok(Programs { moments, test })
    }

    /// Takes the weights of a network, as bits where they came so, and the moments that came with them.
    ///
    /// # Errors
    /// What the device refuses or reports.
    pub fn take(&mut self, session: &mut Session, trained: &TrainedNetwork) -> Result<()> {
        if trained.packed.is_empty() {
            self.set_weights(session, &trained.weights)?;
        } else {
            self.weights_changed();
            let bits = packed::bits(&trained.packed);
            if self.from_bits.as_ref().is_none_or(|(of, _)| *of != bits) {
                let programs = self.load(session, Some(&bits))?;
                self.from_bits = Some((bits, programs));
            }
            for (name, words) in packed::arrays(&trained.network, &trained.weights, &trained.packed) {
                session.runner.write(&name, &words)?;
            }
            (self.packed, self.unpacked) = (true, Some(trained.weights.clone()));
        }
        trained.moments.iter().for_each(|moments| self.set_trained(moments));
        Ok(())
    }

    /// Loads what tests weights in f32, if it is not there yet, and writes them, if they came as bits.
    fn need_real(&mut self, session: &mut Session) -> Result<()> {
        if self.real.is_none() {
            self.real = Some(self.load(session, None)?);
        }
        if let Some(weights) = self.unpacked.take() {
            session.set_weights(&weights)?;
        }
        Ok(())
    }

    /// The plans for weights in f32 or as bits.
    fn programs(&self, from_bits: bool) -> &Programs {
        let programs =
            if from_bits { self.from_bits.as_ref().map(|(_, programs)| programs) } else { self.real.as_ref() };
        programs.expect("loaded before")
    }

    /// Whether a test runs from bits: where they are at hand, nothing distorts them, and moments need no weights that do.
    fn runs_from_bits(&self, session: &Session, test: &Test) -> bool {
        let moments = test.moments == Moments::Recomputed || self.trained.is_some() || self.moments_batches == 0;
        let mut weights = session.network.parameters.tensors.iter().filter(|t| t.projected);
        self.packed && moments && weights.all(|t| test.distortion.leaves(&t.name))
    }

    /// Writes the flat array of all parameters.
    ///
    /// # Errors
    /// An array of another length; what the device reports.
    pub fn set_weights(&mut self, session: &mut Session, weights: &[f32]) -> Result<()> {
        self.weights_changed();
        session.set_weights(weights)
    }

    /// Forgets what was measured: the array `weight` holds others.
    pub fn weights_changed(&mut self) {
        self.known.clear();
        self.trained = None;
        (self.packed, self.unpacked) = (false, None);
        self.unsound.clear();
    }

    /// Takes these for the moments of training of the weights at hand: those that came with weights from elsewhere, by the
    /// names of [`Network::moments`].
    fn set_trained(&mut self, moments: &[(String, Vec<f32>)]) {
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
        self.moments_batches
    }

    /// Batches that one call of [`Evaluator::score`] runs with these moments, for progress bars.
    pub fn batches(&self, moments: Moments) -> u64 {
        let brought = moments == Moments::Trained && matches!(self.trained, Some((None, _)));
        let before = if brought { 0 } else { self.moments_batches };
        (before + self.test_images().div_ceil(self.test_batch)) as u64
    }

    fn pass<'p>(&self, count: usize, progress: Progress<'p>) -> Pass<'p>
    where
        'a: 'p,
    {
        Pass { count, exchange: self.exchange, progress }
    }

    /// Images that the errors are counted over.
    pub fn test_images(&self) -> usize {
        self.images.data.split(self.images.part).labels.len()
    }

    /// Distorts the weights and measures. What was measured before is not measured again. None if it was stopped on the
    /// way.
    ///
    /// # Errors
    /// A pattern of the distortion that matches no layer; what the device reports.
    pub fn score(&mut self, session: &mut Session, test: &Test, progress: Progress) -> Result<Option<Score>> {
        let key = key(session, test);
        if let Some(score) = self.known.get(&key) {
            progress.bar.inc(self.batches(test.moments));
            return Ok(Some(score.clone()));
        }
        let from_bits = self.runs_from_bits(session, test);
        if !self.prepare_for(session, test, from_bits, progress)? {
            return Ok(None);
        }
        let Some(score) = self.test(session, test.distortion, from_bits, progress)? else { return Ok(None) };
        if !score.loss.is_finite() && self.unsound.insert(score.distortion.clone()) {
            log::warn!("under {}: {}", score.distortion, unsound(score.loss));
        }
        self.known.insert(key, score.clone());
        Ok(Some(score))
    }

    /// Distorts the weights, and leaves the moments that belong to them: what every test begins with. False if it was
    /// stopped on the way.
    ///
    /// # Errors
    /// As [`Evaluator::score`].
    pub fn prepare(&mut self, session: &mut Session, test: &Test, progress: Progress) -> Result<bool> {
        self.prepare_for(session, test, false, progress)
    }

    /// As [`Evaluator::prepare`], for the plans of weights in f32 or as bits, which nothing distorts.
    fn prepare_for(&mut self, session: &mut Session, test: &Test, from_bits: bool, progress: Progress) -> Result<bool> {
        if !from_bits {
            self.need_real(session)?;
        }
        let distort = |session: &mut Session, distortion, seed, number| match from_bits {
            true => Ok(()),
            false => session.distort(distortion, seed, number),
        };
        let Test { distortion, seed, draw, moments } = *test;
        let number = EVALUATION + draw;
        match moments {
            Moments::Trained => {
                let whole = self.trained_moments(session, seed, progress)?;
                distort(session, distortion, seed, number)?;
                Ok(whole)
            }
            Moments::Recomputed => {
                distort(session, distortion, seed, number)?;
                self.recompute(session, seed, None, from_bits, progress)
            }
        }
    }

    /// The scores of all draws of a distortion, numbered from `first.draw`. None if it was stopped on the way.
    ///
    /// # Errors
    /// As [`Evaluator::score`].
    pub fn draws(&mut self, session: &mut Session, first: &Test, progress: Progress) -> Result<Option<Draws>> {
        let mut scores = vec![];
        for draw in (first.draw..).take(first.distortion.draws as usize) {
            let Some(score) = self.score(session, &Test { draw, ..*first }, progress)? else { return Ok(None) };
            scores.push(score);
        }
        Ok(Some(Draws { distortion: first.distortion.to_string(), scores }))
    }

    /// Averages the moments of the training batches under the projected weights; with `projection` under draws of it that
    /// are new for every batch, numbered from [`TRAINED`] on. False if `stop` was set on the way.
    fn recompute(
        &mut self,
        session: &mut Session,
        seed: u64,
        projection: Option<&Distortion>,
        from_bits: bool,
        progress: Progress,
    ) -> Result<bool> {
        let Some(moments) = &self.programs(from_bits).moments else { return Ok(true) };
        session.network.check_batch_moments()?;
        let mut average = Average::new(&session.network, self.moments_batches);
        let mut readback = Readback::new(&average.parts());
        let pass = self.pass(self.moments_batches, progress);
        let Images { data, train, .. } = &self.images;
        let form = images::form(train, session.seed, EVALUATION);
        let batches = Batches::sequential_in(form, data.clone(), Part::Train, session.network.batch, pass.own())?;
        let mut projected = false;
        let run = |session: &mut Session, batch: &Batch, readback: &mut Readback| {
            let number = batch.position.step;
            if let Some(projection) = projection.filter(|p| !projected || p.is_random()) {
                session.distort(projection, seed, TRAINED + number)?;
                projected = true;
            }
            session.feed(train, batch)?;
            // Augmented images are the same under every distortion, and none of training's.
            session.runner.run_and_read(moments, &Step::at(session.seed, EVALUATION + number), readback)
        };
        let whole = pass.run(session, batches, &mut readback, run, |moments| average.add(moments))?;
        if whole {
            average.write(session)?;
        }
        Ok(whole)
    }

    /// Puts the moments of training in the place of the averages: computed once for a seed, then kept. False if `stop`
    /// was set on the way.
    fn trained_moments(&mut self, session: &mut Session, seed: u64, progress: Progress) -> Result<bool> {
        if self.moments_batches == 0 {
            return Ok(true);
        }
        if let Some((of, kept)) = self.trained.as_ref().filter(|(of, _)| of.is_none_or(|of| of == seed)) {
            for (name, words) in kept {
                session.runner.write(name, words)?;
            }
            progress.bar.inc(if of.is_some() { self.moments_batches as u64 } else { 0 });
            return Ok(true);
        }
        let projection = session.network.projection.clone();
        if !self.recompute(session, seed, Some(&projection), false, progress)? {
            return Ok(false);
        }
        let read = |(name, channels): (String, usize)| {
            let words = session.runner.read(&name, channels)?;
            Ok((name, words))
        };
        self.trained = Some((Some(seed), session.network.moments().into_iter().map(read).collect::<Result<_>>()?));
        Ok(true)
    }

    /// Counts the errors of the projected weights with the averaged moments.
    fn test(
        &self,
        session: &mut Session,
        distortion: &Distortion,
        from_bits: bool,
        progress: Progress,
    ) -> Result<Option<Score>> {
        let test = &self.programs(from_bits).test;
        let mut readback = Readback::new(&[("metrics", metric::ROW)]);
        let form = match session.network.crops {
            1 => images::form(&self.test_placement, 0, 0),
            _ => Form::TenCrops,
        };
        let pass = self.pass(self.test_images().div_ceil(self.test_batch), progress);
        let Images { data, part, .. } = &self.images;
        let batches = Batches::sequential_in(form, data.clone(), *part, self.test_batch, pass.own())?;
        let run = |session: &mut Session, batch: &Batch, readback: &mut Readback| {
            session.feed_test(&self.test_placement, batch)?;
            session.runner.run_and_read(test, &Step { valid: batch.valid as u32, ..Step::default() }, readback)
        };
        let (mut loss, mut top1, mut top5, mut images) = (0.0, 0.0, 0.0, 0.0);
        let add = |row: &[u32]| {
            let [mean, first, five, valid] = [0, 1, 2, 3].map(|i| f64::from(f32::from_bits(row[i])));
            loss += mean * valid;
            top1 += first;
            top5 += five;
            images += valid;
        };
        if !pass.run(session, batches, &mut readback, run, add)? {
            return Ok(None);
        }
        Ok(Some(Score {
            distortion: distortion.single_draw().to_string(),
            loss: loss / images,
            error: 100.0 * (images - top1) / images,
            top5_error: (session.network.classes > 10).then(|| 100.0 * (images - top5) / images),
            from_bits,
        }))
    }
}

/// What a score depends on, for the weights at hand.
fn key(session: &Session, test: &Test) -> Key {
    let Test { distortion, seed, draw, moments } = *test;
    let draw = match (distortion.is_random(), moments) {
        (true, _) => Some((seed, draw)),
        (false, Moments::Trained) if session.network.projection.is_random() => Some((seed, 0)),
        _ => None,
    };
    (distortion.single_draw().to_string(), moments, draw)
}
