//! `weightproof sweep`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::protocol::Protocol;
use super::{Global, INTERRUPTED, catch_ctrl_c, print, say};
use crate::error::{Error, Result};
use crate::eval::Point;
use crate::projection::distortion::Distortion;
use crate::sweep::part::Part;
use crate::sweep::range::{self, Range};
use crate::sweep::{self, table};
use crate::weights::{self, TrainedNetwork};

/// Arguments of `sweep`.
///
/// Without ranges and distortions: all three ranges of the paper.
#[derive(Args)]
pub struct Sweep {
    /// Run folders, checkpoints, or, with --preset, safetensors files of weights from elsewhere. The points go to
    /// sweep.jsonl in the run folder, or beside the file; those that are there are not computed again
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Additive noise: LO:HI or LO:HI:STEP for sigma, in either direction; alone 0:1:0.05, as in the paper
    #[arg(long, value_name = "RANGE", num_args = 0..=1, default_missing_value = "0:1")]
    addnorm: Option<String>,
    /// Multiplicative noise: a range of gamma; alone 1:0.1:-0.05
    #[arg(long, value_name = "RANGE", num_args = 0..=1, default_missing_value = "1:0.1")]
    multunif: Option<String>,
    /// Power: a range of beta; alone 0:2:0.1
    #[arg(long, value_name = "RANGE", num_args = 0..=1, default_missing_value = "0:2")]
    power: Option<String>,
    /// The parameter of any other projection over a range, e.g. bitflip:0:0.2:0.01; may be given more than once
    #[arg(long, value_name = "NAME:LO:HI:STEP")]
    over: Vec<String>,
    /// Distortions to test besides, separated by commas, e.g. none,sign,round,sign+addnorm:0.2
    #[arg(long, value_name = "LIST")]
    distort: Option<String>,
    /// Draws of each random distortion that does not say how many (` x8`); the others have one
    #[arg(long, value_name = "N", default_value_t = range::DRAWS, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) draws: u32,
    /// Compute only part I of N of the points, I from 1 to N, for N processes on one folder or one file system; what each gets
    /// follows from the points alone. They are kept in sweep.part-I-of-N.jsonl, and go to sweep.jsonl, the same as without
    /// parts, when all are there: with the part that ends last, or the same command without --part
    #[arg(long, value_name = "I/N")]
    part: Option<Part>,
    #[command(flatten)]
    pub(super) protocol: Protocol,
    /// Print the points as JSON lines instead of the table
    #[arg(long)]
    json: bool,
}

impl Sweep {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let distortions = range::points(&self.distortions()?, self.draws);
        let mut sets = self.protocol.set.clone();
        sets.extend(self.protocol.images.map(|n| format!("data.test={n}")));
        let mut networks: Vec<TrainedNetwork> = vec![];
        for run in &self.runs {
            let trained = weights::open(run, self.protocol.preset.as_deref(), &sets, self.protocol.data.as_deref())?;
            let place = |s: &TrainedNetwork| s.source.canonicalize().unwrap_or_else(|_| s.source.clone());
            if networks.iter().any(|s| place(s) == place(&trained)) {
                return Err(Error::Invalid(format!("{}: this run is given twice", run.display())));
            }
            networks.push(trained);
        }
        // One small network is no reason: the first device decides for all.
        let device = match networks.as_slice() {
            [one] => global.open_for(&one.preset, one.network.input)?,
            _ => global.open()?,
        };
        let sweep = sweep::Sweep {
            distortions: &distortions,
            seed: global.seed,
            moments: self.protocol.moments,
            moments_batches: self.protocol.moments_batches,
            batch: self.protocol.batch.map(|b| b as usize),
            data: self.protocol.data.as_deref(),
            stop: catch_ctrl_c("stopping; the points so far are kept")?,
            quiet: global.quiet,
            part: self.part,
        };
        let done = sweep.run(&device, &networks)?;
        let all = done.runs.iter().map(Vec::len).sum::<usize>();
        log::info!("{} points computed, {} were there", done.computed, all - done.computed);
        print(&if self.json { lines(&done.runs)? } else { table::table(&done.runs) })?;
        let files: Vec<String> = done.files.iter().map(|f| f.display().to_string()).collect();
        if done.missing > 0 {
            say(&format!(
                "stopped; {} points are missing, {all} are kept in {}. The same command goes on",
                done.missing,
                files.join(", ")
            ));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        log::info!("points: {}", files.join(", "));
        if let (Some(part), 1..) = (self.part, done.elsewhere) {
            log::info!("part {part} is whole; {} points of other parts are missing", done.elsewhere);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The distortions of all options: the list, then the ranges in the order of the paper, then the others.
    pub(super) fn distortions(&self) -> Result<Vec<Distortion>> {
        let paper = [
            ("addnorm", &self.addnorm, "0:1", 0.05),
            ("multunif", &self.multunif, "1:0.1", 0.05),
            ("power", &self.power, "0:2", 0.1),
        ];
        let none = self.distort.is_none() && self.over.is_empty() && paper.iter().all(|(_, text, ..)| text.is_none());
        let mut all = self.distort.as_deref().map(Distortion::parse_list).transpose()?.unwrap_or_default();
        for (name, text, whole, step) in paper {
            if let Some(text) = text.as_deref().or(none.then_some(whole)) {
                all.extend(distortions(&format!("--{name}"), name, text, step)?);
            }
        }
        for text in &self.over {
            let Some((name, range)) = text.split_once(':') else {
                return Err(Error::Invalid(format!("--over {text}: write NAME:LO:HI:STEP, e.g. bitflip:0:0.2:0.01")));
            };
            all.extend(distortions(&format!("--over {name}"), name, range, 0.05)?);
        }
        Ok(all)
    }
}

fn distortions(option: &str, name: &str, text: &str, step: f64) -> Result<Vec<Distortion>> {
    Range::parse(option, text, step)?.distortions(option, name)
}

fn lines(runs: &[Vec<Point>]) -> Result<String> {
    let mut out = String::new();
    for point in runs.iter().flatten() {
        out += &serde_json::to_string(point).map_err(|e| Error::Invalid(e.to_string()))?;
        out.push('\n');
    }
    Ok(out)
}
