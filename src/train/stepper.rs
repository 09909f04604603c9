//! What every rank of a run does, and a run of one process alone: steps and evaluations. Rank 0 saves and logs beside it
//! ([`train`](super::train)); the others [`follow`](super::follow).

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ranks::{self, Now, Ranks, Ready};
use super::resume::{joined, variants};
use super::schedule;
use crate::data::{Batch, Batches, Part, Position, Prepared};
use crate::error::{Error, Result};
use crate::exchange::{BUCKET, Exchange};
use crate::gpu::Device;
use crate::kernels::project;
use crate::model::preset::Preset;
use crate::model::{Network, Placement};
use crate::plan::Step;
use crate::projection::distortion::Distortion;
use crate::session::{self, Session, Training, images};

/// The data of a run, and its network.
pub(super) struct Material {
    pub data: Arc<Prepared>,
    pub network: Arc<Network>,
    /// Steps of an epoch.
    pub per_epoch: u64,
}

impl Material {
    /// Reads the data of a preset, which `workers` threads are to prepare; absent: as [`session::load_data`] has it.
    ///
    /// # Errors
    /// As [`session::load_data`] and [`session::network`]; fewer images than a batch.
    pub fn read(preset: &Preset, dir: Option<&Path>, workers: Option<usize>) -> Result<Material> {
        let mut data = session::load_data(preset, dir)?;
        if let Some(workers) = workers {
            Arc::make_mut(&mut data).workers = workers;
        }
        let per_epoch = (data.train.labels.len() / preset.batch) as u64;
        if per_epoch == 0 {
            let message =
                format!("{} training images do not fill a batch of {}", data.train.labels.len(), preset.batch);
            return Err(Error::layer("data.train", message));
        }
        let network = session::network(preset, &data)?;
        Ok(Material { data, network, per_epoch })
    }
}

/// What a preset has its network tested under.
///
/// # Errors
/// A distortion that is none, or not of this network.
fn distortions(preset: &Preset, network: &Network) -> Result<Vec<Distortion>> {
    let read = |text: &String| {
        let distortion = network.read(&Distortion::parse(text)?)?;
        project::tables(&distortion.in_test(&network.projection, 0.0), &network.parameters)?;
        Ok(distortion)
    };
    preset.eval.distort.iter().map(read).collect()
}

/// A network in training on a device.
pub(super) struct Stepper<'a> {
    pub preset: &'a Preset,
    pub data: Arc<Prepared>,
    pub placement: Placement,
    pub session: Session,
    pub training: Training,
    pub per_epoch: u64,
    /// Steps of the run.
    pub total: u64,
    /// Steps done.
    pub step: u64,
    /// What the network is tested under.
    pub distort: Vec<Distortion>,
    /// None of a process alone.
    pub ranks: Option<Ranks<'a>>,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
}

impl<'a> Stepper<'a> {
    /// Loads the step on a device, and the images where it is to hold them; of several ranks a block of the shards. Weights are to
    /// be set, then [`Session::start`].
    ///
    /// # Errors
    /// What the device cannot hold, refuses or reports.
    pub fn load(
        preset: &'a Preset,
        device: Arc<Device>,
        material: Material,
        exchange: Option<&'a Exchange>,
        stop: &'a AtomicBool,
    ) -> Result<Stepper<'a>> {
        let Material { data, network, per_epoch } = material;
        let distort = distortions(preset, &network)?;
        let mut session = Session::new(device, network.clone(), preset.seed);
        let placement = images::placement(preset.data.resident, &session.target, &data, Part::Train);
        session::memory::check(preset, &network, &session.target, &placement)?;
        let training = match exchange {
            None => Training::load(&mut session, &placement, false)?,
            Some(e) => {
                let len = network.shards / e.ranks();
                let block = e.rank() * len..(e.rank() + 1) * len;
                Training::load_block(&mut session, &placement, false, block, Some(BUCKET))?
            }
        };
        images::upload(&mut session.runner, &data, Part::Train, &placement)?;
        let ranks = exchange.map(|e| Ranks::new(e, &mut session, &training)).transpose()?;
        let total = schedule::total_steps(preset, per_epoch);
        Ok(Stepper { preset, data, placement, session, training, per_epoch, total, step: 0, distort, ranks, stop })
    }

    /// What projects the weights in step `number` (0-based).
    pub fn projection(&self, number: u64) -> Distortion {
        schedule::projection(&self.session.network.projection, self.preset, number, self.per_epoch)
    }

    /// Sets the projection of the step that comes; an evaluation leaves another, and it may move with each epoch.
    ///
    /// # Errors
    /// What the device reports.
    pub fn start_projection(&mut self) -> Result<()> {
        let projection = self.projection(self.step);
        self.session.set_projection(&projection)
    }

    /// The step block of step `number` (0-based).
    pub fn block(&self, number: u64) -> Step {
        let [bias1, bias2] = self.preset.optimizer.method().corrections(number + 1);
        Step {
            lr: schedule::lr(self.preset, number, self.per_epoch) as f32,
            bias1: bias1 as f32,
            bias2: bias2 as f32,
            clip_scale: schedule::clip_scale(self.preset, number) as f32,
            ..self.session.block(number)
        }
    }

    /// The batches from the next step on, or the part of them that this rank computes.
    ///
    /// # Errors
    /// As [`Batches::train`].
    pub fn batches(&self) -> Result<Batches> {
        let (start, shards) = (Position { step: self.step }, self.training.block());
        let images = self.session.network.batch;
        let block = shards.start * images..shards.end * images;
        let form = images::form(&self.placement, self.preset.seed, 0);
        Batches::train_block(form, self.data.clone(), self.preset.batch, block, self.preset.seed, start)
    }

    /// Begins a step: runs all of it but the update ([`Training::last`]), by the step block returned, before which the gradients
    /// are those of the whole batch. Whether the run is to go on behind it.
    ///
    /// # Errors
    /// What the device reports; another rank's end.
    pub fn begin(&mut self, batch: &Batch) -> Result<(Step, Now)> {
        let restarts = schedule::restarts(self.preset, self.step, self.per_epoch);
        for array in self.preset.optimizer.method().restarts().iter().filter(|_| restarts) {
            self.session.runner.write(array, &vec![0; self.session.network.parameters.len()])?;
        }
        if self.step.is_multiple_of(self.per_epoch) && self.session.network.projection.is_scheduled() {
            self.start_projection()?;
        }
        let block = self.block(self.step);
        let (session, training, placement) = (&mut self.session, &self.training, &self.placement);
        let now = match &mut self.ranks {
            None => {
                training.begin(session, placement, batch, &block, |_, _| Ok(()))?;
                Now::of(self.stop.load(Ordering::SeqCst))
            }
            Some(ranks) => {
                let begin =
                    |session: &mut Session, ready: &mut Ready| training.begin(session, placement, batch, &block, ready);
                ranks.step(session, training, &block, self.step, self.stop, begin)?
            }
        };
        self.step += 1;
        Ok((block, now))
    }

    /// Whether a checkpoint is due after the steps done, and how the run goes on.
    pub fn saves(&self, now: Now) -> bool {
        let c = &self.preset.checkpoint;
        let epoch_ends = self.step.is_multiple_of(self.per_epoch);
        let by_epoch = c.every_epochs > 0 && epoch_ends && (self.step / self.per_epoch).is_multiple_of(c.every_epochs);
        let cycle_ends = schedule::restarts(self.preset, self.step, self.per_epoch);
        let by_step = c.every_steps > 0 && self.step.is_multiple_of(c.every_steps);
        by_epoch || cycle_ends || by_step || now == Now::Stop || self.step == self.total
    }

    /// Compares the weights of all ranks, before they are saved.
    ///
    /// # Errors
    /// As [`Ranks::same_weights`].
    pub fn same_weights(&self) -> Result<()> {
        self.ranks.as_ref().map_or(Ok(()), |ranks| ranks.same_weights(&self.session, self.step))
    }

    /// For every kernel of a step its variants: those of a process alone, whatever the number of ranks.
    ///
    /// # Errors
    /// A network that the target cannot hold.
    pub fn variants(&self) -> Result<Vec<(String, String)>> {
        if self.ranks.is_none() {
            return Ok(variants(self.training.plans()));
        }
        let plans = self.session.network.training_plans(&self.session.target, &self.placement)?;
        Ok(variants(plans.iter()))
    }

    /// Makes the start of all ranks the same: compares what has to be, its [`Stepper::variants`] among it, and takes the weights, the
    /// optimiser's state and the step of rank 0.
    ///
    /// # Errors
    /// What differs; another rank's end; what the device reports.
    pub fn join(&mut self, variants: &[(String, String)]) -> Result<()> {
        let Some(ranks) = &self.ranks else { return Ok(()) };
        let colors = (&self.preset.data.mean, &self.preset.data.components);
        ranks.compare(&[
            ("program", ranks::program()),
            ("adapter", self.session.runner.device.info.to_string()),
            ("kernels", joined(variants)),
            ("data", ranks::digest(&self.data)?),
            ("colours", format!("{colors:?}")),
        ])?;
        let step = ranks.share(vec![self.step as u32, (self.step >> 32) as u32])?;
        self.step = u64::from(step[1]) << 32 | u64::from(step[0]);
        let first = ranks.exchange.rank() == 0;
        let Session { runner, network, .. } = &mut self.session;
        let len = network.parameters.len();
        for array in std::iter::once(&"weight").chain(network.optimizer_state()) {
            let own = if first { runner.read(array, len)? } else { vec![] };
            let shared = ranks.share(own)?;
            if !first {
                runner.write(array, &shared)?;
            }
        }
        Ok(())
    }

    /// What a rank but the first does of a run: its steps and evaluations, until rank 0 ends it.
    ///
    /// # Errors
    /// Data that cannot be read; what the device reports; another rank's end.
    pub fn follow(mut self) -> Result<()> {
        if self.steps()? {
            if self.selects() {
                self.share_weights(vec![])?;
            }
            self.evaluate(Part::Test, self.distort.len(), true, |_, _, _| Ok(()))?;
        }
        self.ranks.as_ref().map_or(Ok(()), |ranks| ranks.exchange.all_here())
    }

    /// As rank 0 does, but for what it writes. False if the run was stopped on the way.
    fn steps(&mut self) -> Result<bool> {
        if !self.evaluate_if_due()? {
            return Ok(false);
        }
        let mut batches = self.batches()?;
        while self.step < self.total {
            let Some(batch) = batches.next() else { break };
            let (block, now) = self.begin(&batch?)?;
            self.session.runner.run(self.training.last(), &block)?;
            if self.saves(now) {
                self.same_weights()?;
            }
            if now == Now::Stop && self.step < self.total || !self.evaluate_if_due()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn evaluate_if_due(&mut self) -> Result<bool> {
        if !self.evaluates() {
            return Ok(true);
        }
        let (part, count) = self.interim();
        let whole = self.evaluate(part, count, true, |_, _, _| Ok(()))?.is_some();
        self.start_projection()?;
        Ok(whole)
    }

    /// Has a time line of the next steps written to a file, if there are several ranks.
    pub fn trace(&mut self, path: &Path) {
        let parameters = &self.session.network.parameters;
        let names = |elements: &Range<usize>| {
            let mut inside =
                parameters.tensors.iter().filter(|t| elements.contains(&t.offset)).map(|t| t.name.as_str());
            let first = inside.next().unwrap_or_default();
            inside.next_back().map_or_else(|| first.to_owned(), |last| format!("{first} to {last}"))
        };
        let groups = self.training.groups().iter().map(names).collect();
        if let Some(ranks) = &mut self.ranks {
            ranks.timeline.trace(path, groups);
        }
    }

    /// On rank 0: lets the others end.
    ///
    /// # Errors
    /// As [`Exchange::receive`]; a trace that cannot be written.
    pub fn end(&mut self) -> Result<()> {
        let Some(ranks) = &mut self.ranks else { return Ok(()) };
        ranks.exchange.all_here()?;
        ranks.timeline.write()
    }
}
