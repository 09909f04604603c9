//! `weightproof eval`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Global, print};
use crate::data::Part;
use crate::error::Result;
use crate::eval::{Evaluator, Score, table};
use crate::gpu::Runner;
use crate::kernels::projections::Projection;
use crate::model::preset::Preset;
use crate::train::{self, checkpoint, record, state};

/// Arguments of `eval`.
#[derive(Args)]
pub struct Eval {
    /// A run folder, or a checkpoint that `train` wrote
    run: PathBuf,
    /// Distortions, separated by commas: none,sign,round,power:0.5,addnorm:0.55 (`show --projections` lists them)
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
    /// Print one JSON object, with the errors in per cent by distortion, instead of the table
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let path = if self.run.is_dir() { record::checkpoint(&self.run) } else { self.run.clone() };
        let saved = checkpoint::load(&path)?;
        let preset = Preset::from_toml(saved.text(checkpoint::key::PRESET)?)?;
        let distortions = Projection::parse_list(&self.distort)?;
        let device = global.open_for(&preset)?;
        let data = train::load_data(&preset, self.data.as_deref())?;
        let network = train::network(&preset, &data)?;
        let mut runner = Runner::new(device);
        let batch = self.batch.map_or(preset.eval_batch(), |b| b as usize);
        let moments = self.moments_batches.unwrap_or(preset.eval.moments_batches);
        let mut evaluator = Evaluator::new(&mut runner, network.clone(), data, Part::Test, batch, moments as usize)?;
        runner.write("weight", bytemuck::cast_slice(&state::weights(&network, &saved.tensors)?))?;
        let seed = global.seed.unwrap_or(preset.seed);
        let bar = train::evaluation_bar(global.quiet, evaluator.batches() * distortions.len() as u64);
        let mut scores = vec![];
        for projection in &distortions {
            bar.set_message(format!("test under {projection}"));
            // Ctrl-C ends the program: there is nothing to save.
            let score = evaluator.score(&mut runner, projection, seed, 0, &bar, &AtomicBool::new(false))?;
            scores.extend(score);
        }
        bar.finish_and_clear();
        if !self.json {
            print(&table(&scores))?;
            return Ok(ExitCode::SUCCESS);
        }
        let by = |f: fn(&Score) -> f64| -> Map<String, Value> {
            scores.iter().map(|s| (s.distortion.clone(), json!(round(f(s), 4)))).collect()
        };
        let mut object = json!({
            "run": self.run.display().to_string(),
            "preset": preset.name,
            "step": saved.number::<u64>(checkpoint::key::STEP)?,
            "seed": seed,
            "test_images": evaluator.test_images(),
            "errors": by(|s| s.error),
            "losses": by(|s| s.loss),
        });
        if scores.iter().all(|s| s.top5_error.is_some()) {
            object["top5_errors"] = by(|s| s.top5_error.unwrap_or_default()).into();
        }
        print(&format!("{object}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn round(v: f64, digits: i32) -> f64 {
    let f = 10f64.powi(digits);
    (v * f).round() / f
}
