//! `weightproof import`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use serde_json::json;

use super::{line, print};
use crate::data;
use crate::error::Result;
use crate::train::record::{About, Run};
use crate::weights::checkpoint;
use crate::weights::mcdonnell::{self, Published};

/// Arguments of `import`.
#[derive(Args)]
pub struct Import {
    /// The file of the network
    file: PathBuf,
    /// Who published it
    #[arg(long, value_enum)]
    from: From,
    /// The run folder to write, a new one
    #[arg(short, long, value_name = "RUN")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum From {
    /// McDonnell 2018: wide residual networks of one bit a weight, as MATLAB files of version 5
    Mcdonnell,
}

impl Import {
    pub(super) fn run(self) -> Result<ExitCode> {
        let From::Mcdonnell = self.from;
        let Published { preset, checkpoint } = mcdonnell::read(&self.file)?;
        let file = self.file.to_string_lossy();
        let about = About {
            command: line(std::env::args_os()),
            adapter: "none".into(),
            init: Some(json!({ "file": file, "sha256": data::sha256(&self.file)?, "step": null, "drawn": [] })),
            ..About::default()
        };
        let run = Run::create(Some(self.out), &preset, &about)?;
        checkpoint::save(run.checkpoint(), &checkpoint)?;
        let weights: usize = checkpoint.tensors.values().filter(|t| t.shape.len() > 1).map(|t| t.data.len()).sum();
        let (name, set) = (&preset.name, &preset.data.set);
        print(&format!("{name} for {set}: {weights} weights, and moments\nrun: {}\n", run.dir().display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
