//! `weightproof distort`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Global, print_beside};
use crate::error::{Error, Result};
use crate::gpu::Runner;
use crate::model::preset::own;
use crate::projection::distortion::Distortion;
use crate::weights::distort;

/// Arguments of `distort`.
#[derive(Args)]
pub struct Distort {
    /// A safetensors file. Its f32, f16, bf16 and f64 tensors of two or more dimensions are projected, each as one layer;
    /// the rest is copied, but for the optimiser's state in a checkpoint
    file: PathBuf,
    /// The distortion, e.g. sign, addnorm:0.3 or "sign+bitflip:0.01 except classifier*" (`show --projections` lists them)
    #[arg(long, value_name = "DISTORTION")]
    with: String,
    /// The file to write
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// Number of the draw of a random projection: with the same seed, another number is another draw
    #[arg(long, default_value_t = 0)]
    draw: u64,
}

impl Distort {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let distortion = own::read(&Distortion::parse(&self.with)?, &own::Texts::new())?;
        if distortion.draws > 1 {
            let one = distortion.single_draw();
            let message =
                format!("--with \"{distortion}\": a file holds one draw; write \"{one}\", and --draw N for another");
            return Err(Error::Invalid(message));
        }
        let mut runner = Runner::new(global.open_with(true)?);
        let seed = global.seed.unwrap_or(1);
        let done = distort::file(&mut runner, &self.file, &self.out, &distortion, seed, self.draw)?;
        for warning in &done.warnings {
            log::warn!("{warning}");
        }
        for line in &done.lines {
            print_beside([&self.out], &format!("{line}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
