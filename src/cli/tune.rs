//! `weightproof tune`, and the user's own tuning table.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Global, print};
use crate::bench::tune;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use crate::kernels::{self, KERNELS, tuning};
use crate::model::preset::Preset;
use crate::plan::TuningRow;
use crate::session;

/// What stands at the head of a table that this program writes.
const HEAD: &str =
    "# The user's own tuning table: its rows come before the shipped ones. `weightproof tune --write` adds to it.\n\n";

/// Arguments of `tune`.
#[derive(Args)]
pub struct Tune {
    /// A preset: a .toml file, or the name of a shipped one; its training and test plans say which shapes are timed
    preset: PathBuf,
    /// One kernel only, e.g. conv2d.forward (all that have a choice if not given)
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<String>,
    /// Change a key of the preset, e.g. --set width=0.25
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Put the proposed rows into your own table, tuning.toml in $WEIGHTPROOF_CONFIG, else the user's config folder
    #[arg(long)]
    write: bool,
}

impl Tune {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let chosen = match &self.kernel {
            Some(name) => vec![kernels::find(name)?],
            None => KERNELS.to_vec(),
        };
        let preset = Preset::load(&self.preset, &self.set)?;
        let input = session::input(&preset, None)?;
        let network = session::network_for(&preset, input)?;
        let own = own_table()?;
        let device = global.open_for(&preset, network.input)?;
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        let mut proposed: Vec<TuningRow> = vec![];
        for kernel in chosen {
            if !tune::has_choice(kernel) {
                continue;
            }
            let tuned = tune::kernel(&device, &network, kernel, preset.eval_batch(), &today, &|| true)?;
            for f in &tuned.found {
                let ways: Vec<String> = f.ways.iter().map(|(way, us)| format!("{way} {us:.1}")).collect();
                print(&format!("# {}: {} us\n", f.name, ways.join(", ")))?;
            }
            for row in &tuned.rows {
                print(&row.to_toml())?;
            }
            proposed.extend(tuned.rows);
        }
        if proposed.is_empty() {
            print("# nothing is faster than the table in use\n")?;
        }
        if self.write && !proposed.is_empty() {
            let (path, _) = own.ok_or_else(|| {
                Error::Invalid("--write: there is no home folder; set WEIGHTPROOF_CONFIG to a folder".into())
            })?;
            let folder = files::folder(&path);
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
            // What another tuning wrote in the meantime stays.
            let _lock = Lock::wait_for(&path)?;
            let old = own_table()?.map_or(vec![], |(_, rows)| rows);
            let text: String = tune::merge(&proposed, &old).iter().map(TuningRow::to_toml).collect();
            files::replace(&path, |w| w.write_all(format!("{HEAD}{}\n", text.trim_end()).as_bytes()))?;
            log::info!("{} row(s) put into {}", proposed.len(), path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The path of the user's own table and its rows; none where there is no home.
fn own_table() -> Result<Option<(PathBuf, Vec<TuningRow>)>> {
    let Some(folder) = files::config_dir() else { return Ok(None) };
    let path = folder.join("tuning.toml");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path.clone(), tuning::read(&path, &text)?))),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Some((path, vec![]))),
        Err(e) => Err(Error::io(&path, e)),
    }
}

/// The rows of the user's own table.
///
/// # Errors
/// A table that is broken, with its line.
pub(super) fn own_rows() -> Result<Vec<TuningRow>> {
    let Some((path, rows)) = own_table()? else { return Ok(vec![]) };
    if !rows.is_empty() {
        log::info!("tuning: {} row(s) of {} come before the shipped table", rows.len(), path.display());
    }
    Ok(rows)
}
