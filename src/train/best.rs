//! The weights with the least error on the images held out, in a file of the run folder, and what a resumption makes of
//! them: a run in two parts chooses as a run in one go.
//!
//! The last step of a run is evaluated wherever it lies. If it is no evaluation point, a longer run would not have looked
//! there: what it displaces is kept beside it, and comes back when the run is resumed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::schedule::evaluates_at;
use crate::error::{Error, Result};
use crate::model::preset::Preset;
use crate::weights::checkpoint::{self, Checkpoint, key};

/// What the end of the run displaced, if it did.
fn displaced(dir: &Path) -> PathBuf {
    dir.join("best-before-end.safetensors")
}

/// The least validation error so far, per cent; infinity if there is none.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn error(dir: &Path) -> Result<f64> {
    let path = checkpoint::best(dir);
    if path.exists() { checkpoint::load(&path)?.number(key::VALIDATION) } else { Ok(f64::INFINITY) }
}

/// Makes room for the weights of the last step where that is no evaluation point.
///
/// # Errors
/// What the disk reports.
pub(super) fn displace(dir: &Path) -> Result<()> {
    rename(&checkpoint::best(dir), &displaced(dir))
}

/// Before a run goes on after `step` steps, up to `total`: the best is again what the evaluations on the way chose. One
/// that was chosen by another measure cannot be compared with what comes, and one of steps that will not be done is not
/// of this run: both go, with a warning.
///
/// # Errors
/// Files that cannot be read, renamed or removed.
pub(super) fn restore(dir: &Path, preset: &Preset, per_epoch: u64, step: u64, total: u64) -> Result<()> {
    let path = checkpoint::best(dir);
    if displaced(dir).exists() {
        rename(&displaced(dir), &path)?;
    }
    if !path.exists() {
        return Ok(());
    }
    let best = checkpoint::load(&path)?;
    let (at, then) = (best.number::<u64>(key::STEP)?, preset_of(&best)?);
    if !evaluates_at(&then, at, per_epoch) {
        return remove(&path);
    }
    let measure = |p: &Preset| (p.eval.distort.first().cloned(), p.eval.moments_batches, p.eval_batch());
    let why = if measure(&then) != measure(preset) {
        "they were tested under another distortion or with other moments (eval.distort, eval.moments_batches, eval.batch)"
    } else if at > total.max(step) {
        "this run ends before it"
    } else {
        return Ok(());
    };
    log::warn!("{}: the best weights so far, of step {at}, are given up: {why}", path.display());
    remove(&path)
}

fn preset_of(best: &Checkpoint) -> Result<Preset> {
    Preset::from_toml(best.text(key::PRESET)?)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io(to, e)),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|e| Error::io(path, e))
}
