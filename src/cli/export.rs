//! `weightproof export`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{Global, print_beside};
use crate::error::{Error, Result};
use crate::eval::{Moments, Test, deploy, evaluation_bar};
use crate::kernels::project;
use crate::projection::distortion::Distortion;
use crate::session::Session;
use crate::weights::checkpoint::{self, Checkpoint, key};
use crate::weights::{self, TrainedNetwork, export};

/// Arguments of `export`.
#[derive(Args)]
pub struct Export {
    /// A run folder, a checkpoint, or with --preset a safetensors file from PyTorch
    run: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    format: Format,
    /// The projection that the weights are written under: one that leaves two or three values (that of training if not
    /// given). Layers that it is not for stay f32
    #[arg(long, value_name = "DISTORTION")]
    with: Option<String>,
    /// Number of the draw of a random projection
    #[arg(long, default_value_t = 0)]
    draw: u64,
    /// Moments of batch normalisation: computed on training images under the projection, or those that came with the
    /// weights (if not given: those that came, if any did)
    #[arg(long, value_enum)]
    moments: Option<Moments>,
    /// Training batches over which moments are averaged, 0 for all (the preset's if not given)
    #[arg(long, value_name = "N")]
    moments_batches: Option<u64>,
    /// Folder of the data sets, for the moments (`data list` says where they are sought if it is not given)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The preset of weights from elsewhere
    #[arg(long, value_name = "PRESET")]
    preset: Option<PathBuf>,
    /// Change a key of the preset
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The file to write
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One bit a weight, two where weights are 0, the moments of batch normalisation, and all that predicting takes
    Packed,
}

impl Export {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let Format::Packed = self.format;
        let trained = weights::open(&self.run, self.preset.as_deref(), &self.set, self.data.as_deref())?;
        let TrainedNetwork { preset, network, .. } = &trained;
        let with = match &self.with {
            Some(text) => trained.distortion(&Distortion::parse(text)?)?,
            None => network.projection.clone(),
        };
        project::tables(&with, &network.parameters)?;
        let packs = network.parameters.tensors.iter().any(|t| t.projected && !with.leaves(&t.name));
        if !packs || with.draws > 1 {
            let message = if packs { "a file holds one draw" } else { "it leaves every weight as it is" };
            return Err(Error::Invalid(format!("{with}: {message}; pack under another, e.g. --with sign")));
        }
        let seed = global.seed.unwrap_or(preset.seed);
        let mut session = Session::new(global.open_for(preset, network.input)?, network.clone(), preset.seed);
        let test = Test { distortion: &with, seed, draw: self.draw, moments: Moments::of(self.moments, &trained) };
        let batches = self.moments_batches.unwrap_or(preset.eval.moments_batches) as usize;
        let bar = evaluation_bar(global.quiet, 0);
        let moments = deploy(&mut session, &trained, &test, batches, || trained.data(self.data.as_deref()), &bar)?;
        bar.finish_and_clear();
        let projected = session.runner.read("projected", network.parameters.len())?;
        let tensors = export::tensors(network, &[("weight", projected)])?;
        let (packed, real) = export::pack(&with, tensors, network)?;
        let meta = [
            (key::PRESET, preset.to_toml()),
            (key::STEP, trained.step.to_string()),
            (key::EPOCH, trained.epoch.to_string()),
            (key::SEED, seed.to_string()),
            (key::INPUT, network.input.map(|n| n.to_string()).join("x")),
            (key::PROJECTION, with.to_string()),
            (key::CLASSES, serde_json::json!(trained.classes).to_string()),
        ];
        let mut checkpoint = Checkpoint { tensors: real, packed, meta: meta.map(|(k, v)| (k.to_owned(), v)).into() };
        checkpoint.tensors.extend(
            moments.into_iter().map(|(name, data)| (name, checkpoint::Stored { shape: vec![data.len()], data })),
        );
        checkpoint::save(&self.out, &checkpoint)?;
        print_beside([&self.out], &said(&checkpoint))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What the file holds, in lines.
fn said(checkpoint: &Checkpoint) -> String {
    let mut lines = String::new();
    let mut line = |what: &str, weights: usize, bytes: usize| {
        if weights > 0 {
            lines += &format!("{what:<28} {weights:>12} numbers {bytes:>12} bytes\n");
        }
    };
    for bits in [1, 2] {
        let of = || checkpoint.packed.values().filter(|p| p.form.bits == bits);
        let weights = of().map(|p| p.form.shape.iter().product::<usize>()).sum();
        let what = format!("weights of {bits} bit{}", if bits == 1 { "" } else { "s" });
        line(&what, weights, of().map(|p| p.rows.len() + 4 * p.scale.len()).sum());
    }
    let (weights, rest): (Vec<_>, Vec<_>) = checkpoint.tensors.values().partition(|t| t.shape.len() > 1);
    for (what, of) in [("weights that stay f32", weights), ("batch normalisation, biases", rest)] {
        let count = of.iter().map(|t| t.data.len()).sum();
        line(what, count, 4 * count);
    }
    lines
}
