//! `weightproof profile`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::{Global, figures, print, print_beside};
use crate::error::Result;
use crate::files;
use crate::model::Network;
use crate::model::preset::Preset;
use crate::profile::measure::{self, Pass, Request};
use crate::profile::{self, About, json, roofline, table, trace};
use crate::projection::Projection;
use crate::session;
use crate::weights::{self, checkpoint, export, packed};

/// Arguments of `profile`.
#[derive(Args)]
pub struct Profile {
    /// A preset: a .toml file, or the name of a shipped one; or a run folder, a checkpoint or a packed file, with its weights
    #[arg(value_name = "PRESET|RUN|FILE")]
    request: PathBuf,
    /// What to profile (if not given: the step, of a packed file the test pass)
    #[arg(long, value_enum)]
    pass: Option<Pass>,
    /// Another projection than the preset's, e.g. sign (`show --projections` lists them)
    #[arg(long, value_name = "P")]
    projection: Option<String>,
    /// Change a key of the preset, e.g. --set width=0.25 --set batch=100
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Steps to measure (as many as fit about three seconds, 3 to 30, if not given)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    steps: Option<u32>,
    /// Take the images from the data set in DIR, read as training reads them, instead of random ones
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON lines instead of the table: a header, one per scope, one per kernel
    #[arg(long)]
    json: bool,
    /// Write the commands on a time line, for https://ui.perfetto.dev or chrome://tracing
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the roofline figure, .svg or .png; may be given more than once
    #[arg(long, value_name = "FILE")]
    figure: Vec<PathBuf>,
    /// Compare with what an earlier `profile --json` printed
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    against: Option<PathBuf>,
    /// What each projection costs in a training step, beside `none`
    #[arg(long, conflicts_with_all = ["json", "trace", "figure", "against", "projection", "pass", "data"])]
    projections: bool,
}

impl Profile {
    pub(super) fn run(self, global: &Global, begun: Instant) -> Result<ExitCode> {
        // What can be refused is refused before anything is measured.
        figures::check(&self.figure)?;
        self.trace.iter().try_for_each(|path| figures::writable(path))?;
        let earlier = self.against.as_deref().map(json::read).transpose()?;
        let (preset, saved, name) = self.open(global)?;
        let data = self.data.as_deref();
        let input = match &saved {
            Some(saved) => weights::input_of(saved, &preset, data)?,
            None => session::input(&preset, data)?,
        };
        let network = session::network_for(&preset, input)?;
        super::say_shards(&network);
        let weights = match &saved {
            Some(saved) => export::weights(&network, &saved.tensors)?,
            None => network.initial_weights(preset.seed),
        };
        let device = global.open_for(&preset, input)?;
        if self.projections {
            let another = |p: &Projection| -> Result<Arc<Network>> {
                let preset = preset.with(&[format!("projection={p}")])?;
                Ok(Arc::new(session::network_for(&preset, input)?))
            };
            let rounds = self.steps.map(|n| n as usize);
            let costs = profile::projections::costs(&device, preset.seed, &weights, rounds, another)?;
            print(&format!("{name}: training step, batch {}, on {}\n\n", preset.batch, device.info))?;
            print(&table::projections(&costs))?;
            return Ok(ExitCode::SUCCESS);
        }
        let data = data.map(|dir| session::load_data(&preset, Some(dir))).transpose()?;
        // A projection that is asked for is made of weights in f32.
        let packed = saved.map(|saved| saved.packed).filter(|p| !p.is_empty() && self.projection.is_none());
        let pass = self.pass.unwrap_or(if packed.is_none() { Pass::Step } else { Pass::Eval });
        let about = About {
            preset: name,
            pass: pass.name().into(),
            projection: match pass {
                Pass::Eval if packed.is_some() => "none, weights as bits".into(),
                _ => network.projection.to_string(),
            },
            images: if data.is_some() { preset.data.set.clone() } else { "random images".into() },
            ..About::default()
        };
        let packed = packed.map(|packed| measure::Packed {
            bits: packed::bits(&packed),
            arrays: packed::arrays(&network, &weights, &packed),
        });
        let request = Request {
            network: Arc::new(network),
            weights,
            packed,
            seed: preset.seed,
            pass,
            eval_batch: preset.eval_batch(),
            data,
        };
        let steps = self.steps.map(|n| n as usize);
        let profile = measure::measure(&device, request, about, steps, begun)?;
        let files = || self.trace.iter().chain(&self.figure);
        print_beside(files(), &if self.json { json::lines(&profile) } else { table::table(&profile) })?;
        if let Some(earlier) = &earlier {
            print_beside(files(), &format!("\n{}", table::against(&profile, earlier)))?;
        }
        if let Some(path) = &self.trace {
            files::replace(path, |w| writeln!(w, "{}", trace::trace(&profile)))?;
            log::info!("trace: {} (open it at https://ui.perfetto.dev)", path.display());
        }
        if !self.figure.is_empty() {
            figures::write(&self.figure, &roofline::figure(&profile))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The preset, the checkpoint if a run was named, and what to call it.
    fn open(&self, global: &Global) -> Result<(Preset, Option<checkpoint::Checkpoint>, String)> {
        let mut sets = self.set.clone();
        sets.extend(global.seed.map(|s| format!("seed={s}")));
        sets.extend(self.projection.as_ref().map(|p| format!("projection={p}")));
        let path = self.request.as_path();
        let named = path.is_dir() || path.extension().is_some_and(|e| e == "safetensors");
        let run = named || checkpoint::is_one(path).is_ok();
        let (preset, saved) = if run {
            let file = if path.is_dir() { checkpoint::path(path) } else { path.to_owned() };
            let saved = checkpoint::load(file)?;
            (Preset::from_toml(saved.text(checkpoint::key::PRESET)?)?.with(&sets)?, Some(saved))
        } else {
            (Preset::load(path, &sets)?, None)
        };
        let changed: String = self.set.iter().map(|s| format!(" {s}")).collect();
        Ok((preset, saved, format!("{}{changed}", path.display())))
    }
}
