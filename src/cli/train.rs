//! `weightproof train`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::ranks::{self, Ranks, Team};
use super::{Global, INTERRUPTED, catch_ctrl_c, line, print, say};
use crate::error::{Error, Result};
use crate::eval;
use crate::exchange::Exchange;
use crate::model::preset::Preset;
use crate::session;
use crate::train;
use crate::weights::{Initial, checkpoint};

/// Arguments of `train`.
#[derive(Args)]
pub struct Train {
    /// A preset: a .toml file, or the name of a shipped one (`show --preset` lists them). With --resume, the run folder
    pub(super) preset: PathBuf,
    /// Folder of the data sets (`data list` says where they are sought if it is not given)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Change a key of the preset, e.g. --set width=0.125 --set data.train=10000 (`show --preset P` prints P's keys)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Threads that read and prepare batches ahead of the network: of no effect on any result, and free to change with --resume
    /// (1; up to 4 where images are streamed, see data.stream in models/README.md)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// The folder to write the run to, a new one (runs/<date>-<time>-<preset> if not given)
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Go on from the checkpoint of a run; the folder is PRESET, or --out with the preset it was started with
    #[arg(long)]
    pub(super) resume: bool,
    /// Begin with these weights instead of drawn ones, the optimiser fresh: a run folder, a checkpoint, or a safetensors file
    /// from PyTorch (models/README.md)
    #[arg(long, value_name = "FILE|RUN", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// With --init: layers that are drawn nevertheless, e.g. "fc*" for other classes than the file's
    #[arg(long, value_name = "PATTERN", num_args = 1.., requires = "init")]
    init_except: Vec<String>,
    #[command(flatten)]
    pub(super) ranks: Ranks,
}

impl Train {
    pub(super) fn run(self, global: &Global, started: Instant) -> Result<ExitCode> {
        if let Some(invitation) = ranks::invitation()? {
            let exchange = self.ranks.join(&invitation)?;
            return match self.follow(global, &exchange, invitation.rank) {
                // Rank 0 says what went wrong, if it hears it.
                Err(error) if exchange.fail(&error) => Ok(ExitCode::FAILURE),
                Err(error) => Err(error),
                Ok(()) => Ok(ExitCode::SUCCESS),
            };
        }
        let mut team = match self.ranks.launched()? {
            Some((exchange, local)) if exchange.rank() > 0 => {
                let followed = self.follow(global, &exchange, local);
                if let Err(error) = &followed {
                    exchange.fail(error);
                    exchange.abort(|| say(&format!("error: {error}")));
                }
                return followed.map(|()| ExitCode::SUCCESS);
            }
            world => world.map(|(exchange, _)| Team::of(exchange)),
        };
        let ended = self.first(global, started, &mut team);
        if let Some(team) = team {
            team.end(ended.as_ref().err());
        }
        ended
    }

    /// Trains alone, or as rank 0 of a team, which is started if it is not there.
    fn first(mut self, global: &Global, started: Instant, team: &mut Option<Team>) -> Result<ExitCode> {
        let sets = self.sets(global);
        let folder = self.preset.clone();
        let by_folder = self.resume && folder.is_dir();
        if by_folder {
            self.out.get_or_insert(folder);
        }
        let saved = match (&self.out, self.resume) {
            (Some(out), true) => Some(train::Resume::open(out)?),
            (None, true) => {
                // A word that is neither a folder nor a preset is the likelier mistake: say so first.
                Preset::load(&self.preset, &sets)?;
                let message = "--resume needs the run folder: `train RUN --resume`, or --out RUN with the same preset";
                return Err(Error::Invalid(message.into()));
            }
            (_, false) => None,
        };
        let preset = match &saved {
            Some(saved) if by_folder => {
                Preset::from_toml(saved.checkpoint.text(checkpoint::key::PRESET)?)?.with(&sets)?
            }
            Some(saved) => {
                let first = Preset::from_toml(saved.checkpoint.text(checkpoint::key::PRESET)?)?;
                Preset::load_again(&self.preset, &sets, &first)?
            }
            None => Preset::load(&self.preset, &sets)?,
        };
        self.ranks.start(&preset, team)?;
        self.lead(global, started, &preset, saved, team.as_ref().map(|team| &team.exchange))
    }

    /// What changes the preset.
    fn sets(&self, global: &Global) -> Vec<String> {
        self.set.iter().cloned().chain(global.seed.map(|s| format!("seed={s}"))).collect()
    }

    /// Trains this preset.
    fn lead(
        self,
        global: &Global,
        started: Instant,
        preset: &Preset,
        saved: Option<train::Resume>,
        exchange: Option<&Exchange>,
    ) -> Result<ExitCode> {
        let device = global.open_for(preset, session::input(preset, self.data.as_deref())?)?;
        // After a second Ctrl-C the last checkpoint is intact.
        let stop = catch_ctrl_c("stopping after this step")?;
        let own = || line(std::env::args_os());
        let command = global.command.clone().unwrap_or_else(own);
        let Train { data, out, init, init_except: except, workers, ranks, .. } = self;
        let trace = ranks.trace;
        let workers = workers.map(usize::from);
        let init = init.map(|path| Initial { path, except });
        let (resume, quiet) = (saved, global.quiet);
        let options =
            train::Options { data, out, workers, resume, init, command, stop, quiet, started, exchange, trace };
        let outcome = train::train(preset, device, options)?;
        let at = outcome.dir.as_path();
        let Some(scores) = outcome.scores else {
            let step = outcome.step;
            let resume = line([OsStr::new("weightproof"), "train".as_ref(), at.as_os_str(), "--resume".as_ref()]);
            say(&format!("stopped after step {step}; the checkpoint is saved. Resume: {resume}"));
            return Ok(ExitCode::from(INTERRUPTED));
        };
        if !scores.is_empty() {
            print(&eval::table(&scores))?;
        }
        print(&format!("run: {}\n", at.display()))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Trains as another rank, the adapter `nth` of its machine.
    fn follow(&self, global: &Global, exchange: &Exchange, nth: usize) -> Result<()> {
        let rank = exchange.rank();
        let preset = Preset::from_toml(&exchange.down_text(None)?)?;
        // That of a run that is resumed lies in its folder, which is rank 0's.
        if !self.resume {
            let own = Preset::load(&self.preset, &self.sets(global))?;
            let changed: Vec<String> = preset
                .changes(&own)?
                .into_iter()
                .map(|[name, first, own]| format!("{name} = {own} (rank 0: {first})"))
                .collect();
            if own != preset {
                let message = format!("rank {rank} has another preset than rank 0: {}", changed.join("; "));
                return Err(Error::Rank(message));
            }
        }
        let global = &Global { nth, ..global.clone() };
        let device = global.open_for(&preset, session::input(&preset, self.data.as_deref())?)?;
        // Rank 0 says that the run stops.
        let stop = catch_ctrl_c("")?;
        let (data, workers) = (self.data.clone(), self.workers.map(usize::from));
        train::follow(&preset, device, train::Following { data, workers, exchange, stop })
    }
}
