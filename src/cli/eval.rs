//! `weightproof eval`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Global, print};
use crate::data::Part;
use crate::error::Result;
use crate::eval::{Draws, Evaluator, Moments, Progress, Score, Test, table};
use crate::kernels::project;
use crate::projection::distortion::Distortion;
use crate::session::Session;
use crate::train;
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
    /// right: sign+addnorm:0.2; of some layers: conv*:sign, or "sign except fc2"; several draws: "addnorm:0.3 x8". Under
    /// none a packed file runs from its bits
    #[arg(long, value_name = "LIST", default_value = "none,sign,round")]
    distort: String,
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
    /// Print one JSON object, with the errors in per cent by distortion (the mean of its draws), instead of the table
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let distortions = Distortion::parse_list(&self.distort)?;
        let trained = weights::open(&self.run, self.preset.as_deref(), &self.set, self.data.as_deref())?;
        let distortions: Vec<Distortion> = distortions.iter().map(|d| trained.distortion(d)).collect::<Result<_>>()?;
        let TrainedNetwork { preset, network, step, .. } = &trained;
        let device = global.open_for(preset, network.input)?;
        // What can be refused is refused before anything is compiled.
        distortions.iter().try_for_each(|d| project::tables(d, &network.parameters).map(|_| ()))?;
        let data = trained.data(self.data.as_deref())?;
        let mut session = Session::new(device, network.clone(), preset.seed);
        let batch = self.batch.map_or(preset.eval_batch(), |b| b as usize);
        let batches = self.moments_batches.unwrap_or(preset.eval.moments_batches);
        let mut evaluator = Evaluator::new(&mut session, data, Part::Test, batch, batches as usize)?;
        evaluator.take(&mut session, &trained)?;
        let seed = global.seed.unwrap_or(preset.seed);
        let moments = Moments::of(self.moments, &trained);
        let draws: u64 = distortions.iter().map(|d| u64::from(d.draws)).sum();
        let bar = train::evaluation_bar(global.quiet, evaluator.batches() * draws);
        let mut all = vec![];
        for distortion in &distortions {
            bar.set_message(format!("test under {distortion}"));
            // Ctrl-C ends the program: there is nothing to save.
            let progress = Progress { bar: &bar, stop: &AtomicBool::new(false) };
            let first = Test { distortion, seed, draw: 0, moments };
            all.extend(evaluator.draws(&mut session, &first, progress)?);
        }
        bar.finish_and_clear();
        if !self.json {
            print(&table(&all))?;
            return Ok(ExitCode::SUCCESS);
        }
        let by = |f: fn(&Draws) -> f64| -> Map<String, Value> {
            all.iter().map(|d| (d.distortion.clone(), json!(round(f(d))))).collect()
        };
        let mut object = json!({
            "run": self.run.display().to_string(),
            "preset": preset.name,
            "step": step,
            "seed": seed,
            "moments": moments,
            "test_images": evaluator.test_images(),
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
        print(&format!("{object}\n"))?;
        Ok(ExitCode::SUCCESS)
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
