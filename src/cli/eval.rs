//! `weightproof eval`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Global, print};
use crate::data;
use crate::error::Result;
use crate::eval::{Draws, Evaluator, Moments, Point, Points, Progress, Score, Test, evaluation_bar, point, table};
use crate::files::Lock;
use crate::kernels::project;
use crate::projection::distortion::Distortion;
use crate::session::Session;
use crate::sweep;
use crate::sweep::kept;
use crate::sweep::part::Part;
use crate::weights::{self, TrainedNetwork};

/// Arguments of `eval`.
#[derive(Args)]
pub struct Eval {
    /// A run folder, a checkpoint that `train` wrote, or with --preset a safetensors file from PyTorch
    run: PathBuf,
    /// The preset of the network that the weights are for, where they are from elsewhere (models/README.md)
    #[arg(long, value_name = "PRESET")]
    preset: Option<PathBuf>,
    /// Change a key of the preset, e.g. --set data.test=1000
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Distortions, separated by commas: none,sign,addnorm:0.3 (`show --projections` lists them). Chains from left to
    /// right: sign+addnorm:0.2; of some layers: conv*:sign, or "sign except fc2"; several draws: "addnorm:0.3 x8". If not
    /// given: none,sign,round, of a packed file none, under which it runs from its bits
    #[arg(long, value_name = "LIST")]
    distort: Option<String>,
    /// Folder of the data sets (`data list` says where they are sought if it is not given)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Images tested at a time (the preset's if not given)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: Option<u32>,
    /// Training batches over which batch-norm moments are averaged, 0 for all (the preset's if not given)
    #[arg(long, value_name = "N")]
    moments_batches: Option<u64>,
    /// Moments of batch normalisation: re-computed on training images for each distortion, or trained, as training left
    /// them: averages over the training images under the projection of training, or those in a file from PyTorch or a packed
    /// one (if not given: those in the file, else re-computed)
    #[arg(long, value_enum)]
    moments: Option<Moments>,
    /// Measure only part I of N of the draws, I from 1 to N, for N processes on one folder; what each gets follows from the list
    /// alone. They are kept in eval.part-I-of-N.jsonl in the run folder, or beside the file. The part that ends last, or the same
    /// command without --part, prints the table of all and removes these files
    #[arg(long, value_name = "I/N")]
    part: Option<Part>,
    /// Print one JSON object, with the errors in per cent by distortion (the mean of its draws), instead of the table
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let asked = self.distort.as_deref().map(Distortion::parse_list).transpose()?;
        let trained = weights::open(&self.run, self.preset.as_deref(), &self.set, self.data.as_deref())?;
        let usual = if trained.packed.is_empty() { "none,sign,round" } else { "none" };
        let distortions = asked.map_or_else(|| Distortion::parse_list(usual), Ok)?;
        let distortions: Vec<Distortion> = distortions.iter().map(|d| trained.distortion(d)).collect::<Result<_>>()?;
        let TrainedNetwork { preset, network, .. } = &trained;
        let device = global.open_for(preset, network.input)?;
        // What can be refused is refused before anything is compiled.
        distortions.iter().try_for_each(|d| project::tables(d, &network.parameters).map(|_| ()))?;
        let data = trained.data(self.data.as_deref())?;
        let mut session = Session::new(device, network.clone(), preset.seed);
        let batch = self.batch.map_or(preset.eval_batch(), |b| b as usize);
        let batches = self.moments_batches.unwrap_or(preset.eval.moments_batches);
        let mut evaluator = Evaluator::new(&mut session, data, data::Part::Test, batch, batches as usize)?;
        evaluator.take(&mut session, &trained)?;
        let seed = global.seed.unwrap_or(preset.seed);
        let moments = Moments::of(self.moments, &trained);
        let tests = distortions.iter().flat_map(|distortion| {
            (0..u64::from(distortion.draws)).map(move |draw| Test { distortion, seed, draw, moments })
        });
        let shared = Shared { file: sweep::file(&trained, FILE), part: self.part };
        let mut measuring = Measuring { session: &mut session, evaluator: &mut evaluator, trained: &trained };
        let Some(measured) = shared.points(&mut measuring, &tests.collect::<Vec<_>>(), global.quiet)? else {
            return Ok(ExitCode::SUCCESS);
        };
        let mut scores = measured.points.iter().map(Point::score);
        let mut of = |d: &Distortion| scores.by_ref().take(d.draws as usize).collect();
        let all: Vec<Draws> = distortions.iter().map(|d| Draws { distortion: d.to_string(), scores: of(d) }).collect();
        self.print(&all, &trained, seed, moments, evaluator.test_images())?;
        shared.discard(&measured)?;
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, all: &[Draws], trained: &TrainedNetwork, seed: u64, moments: Moments, images: usize) -> Result<()> {
        if !self.json {
            return print(&table(all));
        }
        let by = |f: fn(&Draws) -> f64| -> Map<String, Value> {
            all.iter().map(|d| (d.distortion.clone(), json!(round(f(d))))).collect()
        };
        let mut object = json!({
            "run": self.run.display().to_string(),
            "preset": trained.preset.name,
            "step": trained.step,
            "seed": seed,
            "moments": moments,
            "test_images": images,
            "errors": by(|d| d.error().mean),
            "losses": by(|d| d.loss().mean),
        });
        if all.iter().all(|d| d.top5_error().is_some()) {
            object["top5_errors"] = by(|d| d.top5_error().map_or(0.0, |e| e.mean)).into();
        }
        let from_bits: Vec<&str> =
            all.iter().filter(|d| !d.from_bits().is_empty()).map(|d| d.distortion.as_str()).collect();
        if !from_bits.is_empty() {
            object["from_bits"] = from_bits.into();
        }
        let several: Map<String, Value> =
            all.iter().filter(|d| d.scores.len() > 1).map(|d| (d.distortion.clone(), spread(d))).collect();
        if !several.is_empty() {
            object["draws"] = several.into();
        }
        print(&format!("{object}\n"))
    }
}

/// What the files of parts are named after: `eval.part-1-of-2.jsonl`.
const FILE: &str = "eval.jsonl";

/// The draws of an evaluation, and who measures them.
struct Shared {
    file: PathBuf,
    part: Option<Part>,
}

/// A network on a device, to be tested.
struct Measuring<'a> {
    session: &'a mut Session,
    evaluator: &'a mut Evaluator<'static>,
    trained: &'a TrainedNetwork,
}

/// All draws, with their results, and whether parts left some of them: then nobody else prints them while the lock is held.
struct Measured {
    points: Vec<Point>,
    lock: Option<Lock>,
}

impl Shared {
    /// The points of all tests: those that parts have left, the others measured now. Of a part only its own are measured, and
    /// none are given while those of others are missing.
    fn points(&self, measuring: &mut Measuring, tests: &[Test], quiet: bool) -> Result<Option<Measured>> {
        let Measuring { session, evaluator, trained } = measuring;
        let empty = |test| Point::of(trained, test, evaluator.moments_batches(), evaluator.test_images());
        let mut points: Vec<Point> = tests.iter().map(empty).collect();
        let mut file = self.part.map(|part| Points::open(&kept::part_file(&self.file, part))).transpose()?;
        let there = kept::beside(&self.file)?;
        let own = self.part.map_or(vec![true; tests.len()], |part| part.takes(&vec![1; tests.len()]));
        let missing = |(point, own): &(&Point, &bool)| **own && point::find(&there, point).is_none();
        let asked = points.iter().zip(&own).filter(missing).map(|(point, _)| evaluator.batches(point.moments)).sum();
        let bar = evaluation_bar(quiet, asked);
        for ((point, test), own) in points.iter_mut().zip(tests).zip(&own) {
            if let Some(found) = point::find(&there, point) {
                *point = found.clone();
            } else if *own {
                bar.set_message(format!("test under {}", test.distortion));
                // Ctrl-C ends the program: what is to be kept is in the file.
                let progress = Progress { bar: &bar, stop: &AtomicBool::new(false) };
                let score = evaluator.score(session, test, progress)?.expect("nobody stops it");
                *point = point.clone().scored(&score);
                file.iter_mut().try_for_each(|file| file.append(point.clone()))?;
            }
        }
        bar.finish_and_clear();
        let lock = (self.part.is_some() || !there.is_empty()).then(|| Lock::wait_for(&self.file)).transpose()?;
        let Some(part) = self.part else { return Ok(Some(Measured { points, lock })) };
        let there = kept::beside(&self.file)?;
        let found = |point: &Point| point::find(&there, point);
        let all: Vec<Point> = points.iter().filter_map(found).cloned().collect();
        if all.len() == points.len() {
            return Ok(Some(Measured { points: all, lock }));
        }
        let is_gone = points.iter().zip(&own).any(|(point, own)| *own && found(point).is_none());
        log::info!(
            "part {part} is whole; {}",
            match points.len() - all.len() {
                _ if is_gone => "the part that ended last has printed all".to_owned(),
                missing => format!("{missing} draws of other parts are missing"),
            }
        );
        Ok(None)
    }

    /// Removes the files of parts whose draws were printed.
    fn discard(&self, measured: &Measured) -> Result<()> {
        let is_printed = |point: &Point| point::find(&measured.points, point).is_some();
        if measured.lock.is_some() { kept::discard(&self.file, is_printed) } else { Ok(()) }
    }
}

/// The draws of a distortion one by one, and their spread.
fn spread(d: &Draws) -> Value {
    let error = d.error();
    let each = |f: fn(&Score) -> f64| d.scores.iter().map(|s| round(f(s))).collect::<Vec<f64>>();
    json!({
        "errors": each(|s| s.error),
        "losses": each(|s| s.loss),
        "mean": round(error.mean),
        "deviation": error.deviation.map(round),
        "worst": round(error.most),
    })
}

/// Four decimals.
fn round(v: f64) -> f64 {
    (v * 1e4).round() / 1e4
}
