//! The training loop: feeds batches to the plan, reads metrics late, logs, evaluates, saves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::ranks::Now;
use super::record::{About, EvalLine, Run, StepLine};
use super::resume::{Resume, joined, same_preset, say_other_variants};
use super::saver::Saver;
use super::schedule::evaluates_at;
use super::stepper::{Material, Stepper};
use super::watch::{Seen, Watch};
use super::{best, diagnose, schedule};
use crate::data::Part;
use crate::error::{Error, Result};
use crate::eval::{Draws, SAYS};
use crate::exchange::Exchange;
use crate::gpu::Device;
use crate::model::preset::Preset;
use crate::projection::distortion::Distortion;
use crate::session;
use crate::weights::checkpoint::{self, Checkpoint, key};
use crate::weights::{Initial, export};

/// What a training run needs beside its preset.
pub struct Options<'a> {
    /// Folder of the data sets; absent: the default one.
    pub data: Option<PathBuf>,
    /// The run folder; absent: `runs/<time>-<preset>`.
    pub out: Option<PathBuf>,
    /// Threads that read and prepare batches; absent: as [`session::load_data`] has it.
    pub workers: Option<usize>,
    /// Go on with this run, that of the run folder, which must be given.
    pub resume: Option<Resume>,
    /// Begin with these weights; a run that is resumed has its own.
    pub init: Option<Initial>,
    /// The command line, for the record.
    pub command: String,
    /// Set by Ctrl-C: finish the step, save, stop.
    pub stop: &'a AtomicBool,
    /// No progress bars.
    pub quiet: bool,
    /// When the program started, for the time to the first step.
    pub started: Instant,
    /// With the other ranks of the run, of which this is rank 0; absent: this process trains alone.
    pub exchange: Option<&'a Exchange>,
    /// Where a time line of the first steps of several ranks is to be written.
    pub trace: Option<PathBuf>,
}

/// How a run ended.
pub struct Outcome {
    /// The final scores; none if a signal ended the run early.
    pub scores: Option<Vec<Draws>>,
    /// Steps done.
    pub step: u64,
    /// The run folder.
    pub dir: PathBuf,
}

/// Trains a preset from step 0, or from its checkpoint, to its last step, then evaluates.
///
/// # Errors
/// Everything that can go wrong on the way: data, preset, device, disk, a loss that is not finite. The last checkpoint
/// is intact in every case.
pub fn train(preset: &Preset, device: Arc<Device>, options: Options) -> Result<Outcome> {
    let (saved, lock) = options.resume.map(|r| (r.checkpoint, r.lock)).unzip();
    if saved.is_some() && options.out.is_none() {
        return Err(Error::Invalid("resuming needs the run folder".into()));
    }
    if saved.is_some() && options.init.is_some() {
        return Err(Error::Invalid(
            "a run that is resumed goes on with its own weights: leave the initial ones out".into(),
        ));
    }
    // What can be refused is refused before the data are read.
    let preset = &session::settled(preset, options.data.as_deref());
    preset.eval.distort.iter().try_for_each(|d| Distortion::parse(d).map(drop))?;
    if let Some(saved) = &saved {
        same_preset(saved, preset)?;
    }
    let reading = Instant::now();
    let material = Material::read(preset, options.data.as_deref(), options.workers)?;
    let start = Start { at: options.started, data: reading.elapsed() };
    let (network, per_epoch) = (material.network.clone(), material.per_epoch);
    if let Some(input) = saved.as_ref().map(Checkpoint::input).transpose()?.flatten()
        && input != network.input
    {
        let message = format!(
            "the checkpoint was trained on images of {input:?} (rows, columns, channels), and {} has images of {:?}",
            preset.data.set, network.input
        );
        return Err(Error::Invalid(message));
    }
    network.check_batch_moments()?;
    let taken = options.init.as_ref().map(|init| init.read(preset, &network)).transpose()?;
    let (initial, init) = taken.map(|taken| (taken.weights, taken.record)).unzip();
    let mut net = Stepper::load(preset, device, material, options.exchange, options.stop)?;
    options.trace.iter().for_each(|path| net.trace(path));
    let session = &mut net.session;
    net.step = match &saved {
        Some(saved) => {
            export::upload(&mut session.runner, &network, saved)?;
            saved.number(key::STEP)?
        }
        None => {
            session.set_weights(&initial.unwrap_or_else(|| network.initial_weights(preset.seed)))?;
            for array in network.optimizer_state() {
                session.runner.write(array, &vec![0; network.parameters.len()])?;
            }
            0
        }
    };
    let step = net.step;
    let variants = net.variants()?;
    if let Some(saved) = &saved {
        say_other_variants(saved, &variants)?;
    }
    net.join(&variants)?;
    net.session.start(step)?;
    let adapter = net.session.runner.device.info.to_string();
    let ranks = options.exchange.map(Exchange::ranks);
    let about = About { command: options.command, adapter, variants, init, workers: net.data.workers, ranks };
    let total = net.total;
    // The checkpoint of a step is written before its evaluation, which may have been cut off: it is done again.
    let again = net.evaluates();
    let run = match (lock, options.out) {
        (Some(lock), Some(out)) => Run::resume(out, lock, step, again || step >= total, &about)?,
        (_, out) => Run::create(out, preset, &about)?,
    };
    log::info!("run folder: {}", run.dir().display());
    if preset.data.validation.is_some() {
        best::restore(run.dir(), preset, per_epoch, step, total)?;
    }
    let watch = Watch::new(&network, step);
    let saver = Saver::default();
    let mut trainer = Trainer { net, run, about, watch, saver, start, quiet: options.quiet, said: Instant::now() };
    if again && !trainer.interim_test()? {
        return trainer.outcome(None);
    }
    trainer.net.start_projection()?;
    trainer.run()
}

/// What a rank but the first needs beside its preset.
pub struct Following<'a> {
    /// As in [`Options`].
    pub data: Option<PathBuf>,
    /// As in [`Options`].
    pub workers: Option<usize>,
    /// With the other ranks.
    pub exchange: &'a Exchange,
    /// As in [`Options`].
    pub stop: &'a AtomicBool,
}

/// Trains as a rank but the first: its weights are those of rank 0, which ends the run.
///
/// # Errors
/// As [`train`]; another rank's end.
pub fn follow(preset: &Preset, device: Arc<Device>, options: Following) -> Result<()> {
    let preset = &session::settled(preset, options.data.as_deref());
    let material = Material::read(preset, options.data.as_deref(), options.workers)?;
    let mut net = Stepper::load(preset, device, material, Some(options.exchange), options.stop)?;
    net.join(&net.variants()?)?;
    net.session.start(net.step)?;
    net.start_projection()?;
    net.follow()
}

/// What the time to the first step is made of.
#[derive(Clone, Copy)]
struct Start {
    /// When the program started.
    at: Instant,
    /// Time for reading and preparing the data.
    data: Duration,
}

struct Trainer<'a> {
    net: Stepper<'a>,
    // Its end is waited for before the folder is given up.
    saver: Saver,
    run: Run,
    about: About,
    watch: Watch,
    start: Start,
    quiet: bool,
    /// When it said last where it is, without a progress bar.
    said: Instant,
}

impl Trainer<'_> {
    fn run(mut self) -> Result<Outcome> {
        let bar = progress(self.quiet, self.net.total, self.net.step);
        let mut batches = self.net.batches()?;
        if self.net.step == 0 {
            // So that a run can be resumed whenever it is killed.
            self.save()?;
        }
        let first = self.net.step;
        self.watch.restart_clock();
        while self.net.step < self.net.total {
            let batch = match batches.next() {
                Some(Ok(batch)) => batch,
                Some(Err(error)) => return Err(self.failed(&bar, error)),
                None => break,
            };
            let (block, now) = match self.net.begin(&batch) {
                Ok(begun) => begun,
                // The weights are still those before the step.
                Err(error @ Error::Rank(_)) => return Err(self.failed(&bar, error)),
                Err(error) => return Err(error),
            };
            let stop = now == Now::Stop;
            let last = self.net.step == self.net.total;
            let save = self.net.saves(now);
            let evaluate = self.net.evaluates();
            let logs =
                self.net.step.is_multiple_of(self.net.preset.log.every.max(1)) || self.watch.is_full(self.net.step);
            let (runner, plan) = (&mut self.net.session.runner, self.net.training.last());
            if save || evaluate || logs {
                self.watch.run(runner, plan, &block, self.net.step)?;
            } else {
                runner.run(plan, &block)?;
            }
            if self.net.step == first + 1 {
                self.net.session.runner.finish()?;
                let (all, data) = (self.start.at.elapsed().as_secs_f64(), self.start.data.as_secs_f64());
                log::info!("first step done {all:.2} s after the start, {data:.2} s of them for the data");
            }
            bar.inc(1);
            // What follows a line in the log, and what a checkpoint must not outlive, waits for it.
            self.log(&bar, save || evaluate)?;
            if save {
                self.net.same_weights()?;
                self.save()?;
                self.watch.restart_clock();
            }
            if stop && !last {
                bar.abandon();
                return self.outcome(None);
            }
            if evaluate {
                match self.interim_test() {
                    Ok(true) => {}
                    Ok(false) => {
                        self.save()?;
                        return self.outcome(None);
                    }
                    Err(error) => return Err(self.failed(&bar, error)),
                }
                self.net.start_projection()?;
                self.watch.restart_clock();
            }
        }
        bar.finish_and_clear();
        self.saver.wait()?;
        if self.net.selects() {
            let best = checkpoint::load(checkpoint::best(self.run.dir()))?;
            let (step, error) = (best.text(key::STEP)?, best.text(key::VALIDATION)?);
            log::info!("testing the weights of step {step}, which have the least validation error, {error} %");
            let weights = export::weights(&self.net.session.network, &best.tensors)?;
            self.net.share_weights(weights)?;
        }
        let scores = self.evaluate(Part::Test, self.net.distort.len(), self.quiet)?;
        self.outcome(scores)
    }

    /// Saves what was trained until images could not be read; returns the error to report.
    fn failed(&mut self, bar: &ProgressBar, error: Error) -> Error {
        let mut save = || -> Result<()> {
            self.watch.ask(&mut self.net.session.runner, self.net.training.last(), self.net.step)?;
            self.log(bar, true)?;
            self.save()?;
            self.saver.wait()
        };
        match save() {
            Ok(()) => log::warn!("stopped after step {}; the checkpoint is saved: go on with --resume", self.net.step),
            Err(e) => log::warn!("the last steps could not be saved ({e}); the checkpoint before is intact"),
        }
        error
    }

    fn outcome(&mut self, scores: Option<Vec<Draws>>) -> Result<Outcome> {
        self.saver.wait()?;
        self.net.end()?;
        Ok(Outcome { scores, step: self.net.step, dir: self.run.dir().to_path_buf() })
    }

    /// Writes a line for all numbers that have arrived; `wait`: for all that were asked for.
    fn log(&mut self, bar: &ProgressBar, wait: bool) -> Result<()> {
        while let Some(seen) = self.watch.take(&mut self.net.session.runner, wait)? {
            let (steps, loss, seconds) = match seen {
                Seen::Sound { steps, loss, seconds } => (steps, loss, seconds),
                Seen::Unsound(bad) => {
                    let (block, projection) = (self.net.block(bad), self.net.projection(bad));
                    let data = self.net.data.clone();
                    return Err(diagnose::non_finite(&mut self.net.session, data, &projection, &block, bad));
                }
            };
            let step = steps.end;
            let images = (step - steps.start) * self.net.preset.batch as u64;
            let images_per_s = images as f64 / seconds;
            let epoch = step / self.net.per_epoch;
            let lr = schedule::lr(self.net.preset, step - 1, self.net.per_epoch);
            // So that what the log tells of can be resumed, and a full disk ends the run early.
            self.saver.wait()?;
            self.run.log(&StepLine { step, epoch, loss, lr, images_per_s })?;
            let spent = self.net.ranks.as_mut().map(|ranks| ranks.timeline.waited().as_secs_f64());
            let exchange = spent.map_or(String::new(), |spent| format!("  {:.0} % exchange", 100.0 * spent / seconds));
            let now = format!("epoch {epoch}  loss {loss:.4}  {images_per_s:.0} images/s{exchange}");
            // Where there is no terminal, as below mpirun.
            if bar.is_hidden() && !self.quiet && self.said.elapsed() > SAYS {
                log::info!("step {step} of {}  {now}", self.net.total);
                self.said = Instant::now();
            }
            bar.set_message(now);
        }
        Ok(())
    }

    /// Reads the state and lets a second thread write it.
    fn save(&mut self) -> Result<()> {
        let path = self.run.checkpoint();
        self.save_to(&path, None)
    }

    fn save_to(&mut self, path: &Path, validation: Option<f64>) -> Result<()> {
        let arrays = export::download(&self.net.session.runner, &self.net.session.network)?;
        let position = self.net.step % self.net.per_epoch * self.net.preset.batch as u64;
        let meta = [
            (key::PRESET, self.net.preset.to_toml()),
            (key::STEP, self.net.step.to_string()),
            (key::EPOCH, (self.net.step / self.net.per_epoch).to_string()),
            (key::POSITION, position.to_string()),
            (key::SEED, self.net.preset.seed.to_string()),
            (key::VARIANTS, joined(&self.about.variants)),
            (key::ADAPTER, self.about.adapter.clone()),
            (key::INPUT, self.net.session.network.input.map(|n| n.to_string()).join("x")),
        ];
        let validation = validation.map(|error| (key::VALIDATION, error.to_string()));
        let meta = meta.into_iter().chain(validation).map(|(k, v)| (k.to_owned(), v)).collect();
        let (network, path) = (self.net.session.network.clone(), path.to_path_buf());
        self.saver.start(move || {
            let tensors = export::tensors(&network, &arrays)?;
            checkpoint::save(path, &Checkpoint { tensors, meta, ..Checkpoint::default() })
        })
    }

    /// An evaluation during training, keeping the weights if they are the best so far on the validation images. False if a rank
    /// was told to stop in between.
    fn interim_test(&mut self) -> Result<bool> {
        let (part, count) = self.net.interim();
        let Some(scores) = self.evaluate(part, count, true)? else { return Ok(false) };
        if part == Part::Test {
            return Ok(true);
        }
        self.saver.wait()?;
        // A run that was killed may have a best of later steps; the same steps give the same errors again.
        let error = scores[0].error().mean;
        if error < best::error(self.run.dir())? {
            if !evaluates_at(self.net.preset, self.net.step, self.net.per_epoch) {
                best::displace(self.run.dir())?;
            }
            self.save_to(&checkpoint::best(self.run.dir()), Some(error))?;
        }
        Ok(true)
    }

    /// As [`Stepper::evaluate`], each distortion with a line in the log.
    fn evaluate(&mut self, part: Part, count: usize, quiet: bool) -> Result<Option<Vec<Draws>>> {
        let (step, epoch) = (self.net.step, self.net.step / self.net.per_epoch);
        let run = &mut self.run;
        self.net.evaluate(part, count, quiet, |distortion, draws, evaluator| {
            let error = draws.error();
            run.log(&EvalLine {
                step,
                epoch,
                eval: &distortion.to_string(),
                part: (part == Part::Validation).then_some("validation"),
                error: error.mean,
                top5_error: draws.top5_error().map(|e| e.mean),
                deviation: error.deviation,
                worst: error.deviation.map(|_| error.most),
                loss: draws.loss().mean,
                images: evaluator.test_images(),
                moments_batches: evaluator.moments_batches(),
            })
        })
    }
}

fn progress(quiet: bool, total: u64, step: u64) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:30} {pos}/{len} steps  {msg}  {eta} left").expect("a valid template");
    ProgressBar::new(total).with_style(style).with_position(step).with_message("starting")
}
