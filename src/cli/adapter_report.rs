//! `weightproof adapter-report`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::{Global, INTERRUPTED, catch_ctrl_c, own_program, print};
use crate::adapter_report::{self, Options, Stage, Task};
use crate::bench::peers::imports;
use crate::error::{Error, Result};
use crate::model::preset::Preset;

/// Arguments of `adapter-report`.
#[derive(Args)]
pub struct AdapterReport {
    /// The time that all stages may take together
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// The folder to write to, a new one (adapter-report-<date>-<time> if not given)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A Python with PyTorch: its training steps are measured by turns with ours
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// Width of the network whose speed is told: 1 is that of the paper (from 1, 0.5, 0.25 and 0.125 what suits the
    /// adapter's arithmetic, if not given)
    #[arg(long, value_name = "W", value_parser = width)]
    width: Option<f64>,
    /// Folder of the data sets: where CIFAR-10 is in it, the network is trained on that, else a small one on the digits
    /// that are part of the program
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Leave out stages: cases, roofs, speeds, profile, tuning, training; e.g. --skip tuning,training
    #[arg(long, value_name = "STAGE", value_delimiter = ',', value_parser = skippable)]
    skip: Vec<Stage>,
    /// One stage, in a process of its own: how this command calls itself
    #[arg(long, hide = true, requires_all = ["out", "width", "seconds"], value_parser = stage)]
    stage: Option<Stage>,
    /// Which time the stage runs
    #[arg(long, hide = true, default_value_t = 1)]
    round: usize,
    /// How long the stage may begin something new
    #[arg(long, hide = true)]
    seconds: Option<f64>,
}

fn minutes(text: &str) -> std::result::Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number of minutes is wanted, e.g. 10 or 2.5".to_owned())?;
    if (0.1..=1440.0).contains(&value) { Ok(value) } else { Err("from 0.1 to 1440 minutes".into()) }
}

fn width(text: &str) -> std::result::Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number is wanted, e.g. 0.25".to_owned())?;
    if value > 0.0 && value <= 4.0 { Ok(value) } else { Err("more than 0, at most 4".into()) }
}

fn stage(word: &str) -> std::result::Result<Stage, String> {
    Stage::of(word).map_err(|e| e.to_string())
}

fn skippable(word: &str) -> std::result::Result<Stage, String> {
    match stage(word)? {
        Stage::Adapter => Err("a report without the adapter says nothing".into()),
        other => Ok(other),
    }
}

impl AdapterReport {
    pub(super) fn run(self, global: &Global, begun: Instant) -> Result<ExitCode> {
        if let (Some(stage), Some(out), Some(width), Some(seconds)) = (self.stage, &self.out, self.width, self.seconds)
        {
            let time = Duration::try_from_secs_f64(seconds)
                .map_err(|e| Error::Invalid(format!("--seconds {seconds}: {e}")))?;
            let (round, out, data, seed) = (self.round, out.clone(), self.data.clone(), global.seed);
            let task = Task { stage, round, out, time, begun, width, data, seed };
            let open = |preset: Option<&Preset>| match preset {
                Some(preset) => global.open_for(preset, crate::session::input(preset, task.data.as_deref())?),
                None => global.open_with(true),
            };
            return adapter_report::work(&task, &open).map(|()| ExitCode::SUCCESS);
        }
        if let Some(python) = &self.python {
            has_torch(python)?;
        }
        let stop = catch_ctrl_c("ending the report with what is there")?;
        let now = jiff::Timestamp::now().strftime("adapter-report-%Y%m%d-%H%M%S").to_string();
        let options = Options {
            program: own_program()?,
            words: global.words(),
            out: self.out.unwrap_or_else(|| now.into()),
            time: Duration::from_secs_f64(60.0 * self.minutes),
            python: self.python,
            width: self.width,
            data: self.data,
            skip: self.skip,
            stop,
        };
        let outcome = adapter_report::report(&options)?;
        print(&format!("report: {}\n", outcome.summary.display()))?;
        if outcome.failures > 0 {
            eprintln!(
                "error: {} case(s) failed, {} ran: results on this adapter cannot be trusted; the report names them",
                outcome.failures, outcome.cases
            );
        }
        if let Some(why) = &outcome.nothing {
            eprintln!("error: nothing could be measured: {why}");
        }
        Ok(match () {
            () if outcome.stopped => ExitCode::from(INTERRUPTED),
            () if outcome.failures > 0 || outcome.nothing.is_some() => ExitCode::FAILURE,
            () => ExitCode::SUCCESS,
        })
    }
}

/// That a Python can be used, before anyone waits ten minutes to hear that it cannot.
fn has_torch(python: &Path) -> Result<()> {
    let at = python.display();
    let sees = |module: &str| imports(python, module);
    match (sees("sys"), sees("torch")) {
        (_, true) => Ok(()),
        (true, false) => {
            Err(Error::Invalid(format!("--python {at}: it cannot import torch (`{at} -m pip install torch`)")))
        }
        (false, false) => Err(Error::Invalid(format!("--python {at}: this is no Python that starts"))),
    }
}
