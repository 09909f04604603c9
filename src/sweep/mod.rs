//! Trained networks under lists of distortions: every point is computed once and kept, so that a sweep can be stopped at
//! any time and goes on where it was.

pub mod kept;
pub mod part;
pub mod range;
pub mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use indicatif::ProgressBar;

use crate::data::{self, Prepared};
use crate::error::Result;
use crate::eval::{Evaluator, Moments, Point, Progress, Test, evaluation_bar, point, unsound};
use crate::gpu::Device;
use crate::kernels::project;
use crate::layers::kind::totals;
use crate::model::preset::{CheckpointEvery, Clip, Data, Eval, Init, Log, Lr, Optimizer, Preset};
use crate::projection::distortion::Distortion;
use crate::session::Session;
use crate::weights::{TrainedNetwork, checkpoint};
use kept::Kept;
use part::Part;

/// What is measured, of any number of runs.
pub struct Sweep<'a> {
    /// Distortions, each with its number of draws; see [`range::points`].
    pub distortions: &'a [(Distortion, u32)],
    /// Seed of the draws; absent: that of each preset.
    pub seed: Option<u64>,
    /// Where the batch-norm moments come from; absent: see [`Moments::of`].
    pub moments: Option<Moments>,
    /// Training batches for the moments, 0 for all; absent: as each preset says.
    pub moments_batches: Option<u64>,
    /// Images tested at a time; absent: as each preset says.
    pub batch: Option<usize>,
    /// Folder of the data sets; absent: the default one.
    pub data: Option<&'a Path>,
    /// Set by Ctrl-C: the point under way is given up.
    pub stop: &'a AtomicBool,
    /// No progress bar.
    pub quiet: bool,
    /// Only these of the points, by the cost of each: products of a forward pass, times images. They are kept in files of their
    /// own beside those of all points, to which they go when all are there.
    pub part: Option<Part>,
}

/// What a sweep came to.
pub struct Done {
    /// The points of each run in the order of the distortions and draws, also those that were there before and, where they are
    /// there, those of other parts.
    pub runs: Vec<Vec<Point>>,
    /// Files of the points, one per run.
    pub files: Vec<PathBuf>,
    /// Points computed now.
    pub computed: usize,
    /// Points still missing, because Ctrl-C came in between.
    pub missing: usize,
    /// Points of other parts that are still missing.
    pub elsewhere: usize,
}

/// A run with the points that are wanted of it.
struct Job<'a> {
    trained: &'a TrainedNetwork,
    data: Arc<Prepared>,
    kept: Kept,
    /// The points, without results, and the distortion of each.
    wanted: Vec<(Point, Distortion)>,
    /// Which of them are to be computed here.
    own: Vec<bool>,
    moments: Moments,
    moments_batches: usize,
    test_batch: usize,
}

impl Job<'_> {
    /// The points that are to be computed here.
    fn own(&self) -> impl Iterator<Item = &(Point, Distortion)> {
        self.wanted.iter().zip(&self.own).filter_map(|(wanted, own)| own.then_some(wanted))
    }

    /// How many of these are not there.
    fn missing(&self) -> usize {
        self.own().filter(|(p, _)| self.kept.find(p).is_none()).count()
    }

    /// The points that are there.
    fn found(&self) -> impl Iterator<Item = &Point> {
        self.wanted.iter().filter_map(|(p, _)| self.kept.find(p))
    }

    /// Batches that a point runs for the moments.
    fn before_test(&self) -> usize {
        self.moments.batches(self.trained, self.moments_batches)
    }

    /// Products of the forward passes of a point.
    fn cost(&self) -> Result<u128> {
        let TrainedNetwork { preset, network, .. } = self.trained;
        let (_, products) = totals(&preset.shapes(network.input)?);
        let images = self.before_test() * network.batch + self.data.test.labels.len() * network.crops;
        Ok(u128::from(products) * images as u128)
    }

    /// Batches that a point runs.
    fn batches(&self) -> usize {
        self.before_test() + self.data.test.labels.len().div_ceil(self.test_batch)
    }
}

/// The plans for the runs of one network on one data set.
struct Bench {
    preset: Preset,
    data: Arc<Prepared>,
    session: Session,
    evaluator: Evaluator<'static>,
}

impl Sweep<'_> {
    /// Computes what is missing. The points of a network are appended to the file that [`file()`] names; other sweeps may
    /// add to it meanwhile.
    ///
    /// # Errors
    /// Data, device or disk fail; a file of points that holds something else. The points computed before are kept.
    pub fn run(&self, device: &Arc<Device>, networks: &[TrainedNetwork]) -> Result<Done> {
        let mut jobs = vec![];
        for trained in networks {
            // Runs on the same data share them.
            let same = |job: &&Job| data_key(&job.trained.preset) == data_key(&trained.preset);
            let data = match jobs.iter().find(same) {
                Some(job) => {
                    trained.check(&job.data)?;
                    job.data.clone()
                }
                None => trained.data(self.data)?,
            };
            jobs.push(self.job(trained, data)?);
        }
        if let Some(part) = self.part {
            divide(&mut jobs, part)?;
        }
        for job in &jobs {
            // Of those that are computed the evaluation tells.
            if let Some(p) = job.found().find(|p| !p.loss.is_finite()) {
                log::warn!("{}, under {}: {}", job.trained.name, p.distortion, unsound(p.loss));
            }
        }
        let total: usize = jobs.iter().map(|job| job.missing() * job.batches()).sum();
        let bar = evaluation_bar(self.quiet, total as u64);
        let (mut bench, mut computed, mut stopped) = (None, 0, false);
        for job in &mut jobs {
            let before = job.missing();
            if !stopped && before > 0 {
                stopped = !self.compute(device, job, &mut bench, &bar)?;
                computed += before - job.missing();
            }
        }
        if stopped {
            bar.abandon();
        } else {
            bar.finish_and_clear();
        }
        let mut files = vec![];
        for job in &mut jobs {
            let merged = job.kept.merge(job.wanted.iter().map(|(point, _)| point))?;
            files.push(if merged { job.kept.file() } else { job.kept.grows() }.to_path_buf());
        }
        let runs: Vec<Vec<Point>> = jobs.iter().map(|job| job.found().cloned().collect()).collect();
        let missing = jobs.iter().map(Job::missing).sum();
        let wanted: usize = jobs.iter().map(|job| job.wanted.len()).sum();
        let elsewhere = wanted - runs.iter().map(Vec::len).sum::<usize>() - missing;
        Ok(Done { runs, files, computed, missing, elsewhere })
    }

    fn job<'a>(&self, trained: &'a TrainedNetwork, data: Arc<Prepared>) -> Result<Job<'a>> {
        let TrainedNetwork { preset, network, .. } = trained;
        let read = |(d, draws): &(Distortion, u32)| Ok((trained.distortion(d)?, *draws));
        let distortions = self.distortions.iter().map(read).collect::<Result<Vec<(Distortion, u32)>>>()?;
        // A pattern that names no layer is refused before anything is measured.
        for (distortion, _) in &distortions {
            project::tables(distortion, &network.parameters)?;
        }
        let full = data.train.labels.len() / network.batch;
        let moments_batches = match self.moments_batches.unwrap_or(preset.eval.moments_batches) as usize {
            _ if !network.has_moments() => 0,
            0 => full,
            some => some.min(full),
        };
        let (seed, moments) = (self.seed.unwrap_or(preset.seed), Moments::of(self.moments, trained));
        let point = |distortion: &Distortion, draw| {
            let test = Test { distortion, seed, draw, moments };
            Point::of(trained, &test, moments_batches, data.test.labels.len())
        };
        let of =
            |(d, n): &(Distortion, u32)| (0..u64::from(*n)).map(|draw| (point(d, draw), d.clone())).collect::<Vec<_>>();
        let wanted: Vec<_> = distortions.iter().flat_map(of).collect();
        let path = file(trained, point::FILE);
        let newer = is_newer(&trained.source, &path);
        let (kept, own) = (Kept::open(&path, self.part)?, vec![true; wanted.len()]);
        let job = Job { trained, kept, wanted, own, moments, moments_batches, test_batch: self.batch_of(preset), data };
        if newer && job.found().next().is_some() {
            log::warn!(
                "{} is newer than its points: if it holds other weights now, remove {} and start again",
                trained.source.display(),
                path.display()
            );
        }
        Ok(job)
    }

    fn batch_of(&self, preset: &Preset) -> usize {
        self.batch.unwrap_or(preset.eval_batch())
    }

    /// The missing points of one run, with the plans of the run before if they fit. False if Ctrl-C came in between.
    fn compute(
        &self,
        device: &Arc<Device>,
        job: &mut Job,
        bench: &mut Option<Bench>,
        bar: &ProgressBar,
    ) -> Result<bool> {
        let TrainedNetwork { preset, network, name, .. } = job.trained;
        let key = self.plan_key(job.trained);
        let fits = |b: &Bench| b.preset == key && Arc::ptr_eq(&b.data, &job.data);
        let Bench { session, evaluator, .. } = match bench {
            Some(b) if fits(b) => b,
            _ => {
                // The memory of the one before goes first.
                *bench = None;
                let mut session = Session::new(device.clone(), network.clone(), preset.seed);
                let data = job.data.clone();
                let (batch, moments) = (job.test_batch, job.moments_batches);
                let evaluator = Evaluator::new(&mut session, data, data::Part::Test, batch, moments)?;
                bench.insert(Bench { preset: key, data: job.data.clone(), session, evaluator })
            }
        };
        evaluator.take(session, job.trained)?;
        session.runner.start_clock();
        let begin = Instant::now();
        for (point, distortion) in job.own().cloned().collect::<Vec<_>>() {
            let known = job.kept.find(&point).is_some();
            if job.kept.has(&point)? {
                bar.inc(if known { 0 } else { job.batches() as u64 });
                continue;
            }
            bar.set_message(format!("{name}: {distortion}, draw {}", point.draw + 1));
            let test = Test { distortion: &distortion, seed: point.seed, draw: point.draw, moments: point.moments };
            let Some(score) = evaluator.score(session, &test, Progress { bar, stop: self.stop })? else {
                return Ok(false);
            };
            let point = point.scored(&score);
            let (error, top5_error) = (round(point.error, 4), point.top5_error.map(|e| round(e, 4)));
            job.kept.append(Point { error, top5_error, loss: round(point.loss, 6), ..point })?;
        }
        let device = session.runner.host_time();
        log::debug!(
            "{name}: {:.2} s, {:.2} s of them for the device (submits {:.2}, waits {:.2})",
            begin.elapsed().as_secs_f64(),
            (device.submit + device.wait).as_secs_f64(),
            device.submit.as_secs_f64(),
            device.wait.as_secs_f64()
        );
        Ok(true)
    }

    /// What the plans of an evaluation depend on: the preset without what is of training alone.
    fn plan_key(&self, trained: &TrainedNetwork) -> Preset {
        let TrainedNetwork { preset, network, .. } = trained;
        Preset {
            name: String::new(),
            seed: 0,
            epochs: 0,
            steps: None,
            projection: match Moments::of(self.moments, trained) {
                Moments::Trained => network.projection.to_string(),
                Moments::Recomputed => String::new(),
            },
            clip: Clip::default(),
            init: Init::default(),
            optimizer: Optimizer::default(),
            lr: Lr::Constant { initial: 0.0 },
            eval: Eval { batch: Some(self.batch_of(preset)), ..Eval::default() },
            log: Log::default(),
            checkpoint: CheckpointEvery::default(),
            ..preset.clone()
        }
    }
}

/// Divides the points of all jobs.
fn divide(jobs: &mut [Job], part: Part) -> Result<()> {
    let mut costs = vec![];
    for job in jobs.iter() {
        costs.resize(costs.len() + job.wanted.len(), job.cost()?);
    }
    let mut takes = part.takes(&costs).into_iter();
    jobs.iter_mut().for_each(|job| job.own = takes.by_ref().take(job.wanted.len()).collect());
    Ok(())
}

/// Where points of a trained network are kept in a file called `name`: in its run folder, or beside the file of its weights.
pub fn file(trained: &TrainedNetwork, name: &str) -> PathBuf {
    match trained.source.parent() {
        Some(folder) if checkpoint::path(folder) == trained.source => folder.join(name),
        _ => trained.source.with_extension(name),
    }
}

/// What the prepared data depend on.
fn data_key(preset: &Preset) -> Data {
    Data { resident: None, stream: None, ..preset.data.clone() }
}

/// Whether file `a` was changed after file `b`, as far as the disk knows.
fn is_newer(a: &Path, b: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    matches!((time(a), time(b)), (Some(a), Some(b)) if a > b)
}

fn round(v: f64, digits: i32) -> f64 {
    let f = 10f64.powi(digits);
    (v * f).round() / f
}
