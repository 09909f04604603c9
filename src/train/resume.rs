//! What may differ between a checkpoint and the run that goes on from it, and what is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::record;
use crate::error::{Error, Result};
use crate::files::Lock;
use crate::kernels::{present_name, tuning};
use crate::model::preset::{Lr, Preset};
use crate::plan::Plan;
use crate::projection::distortion::Distortion;
use crate::weights::checkpoint::{self, Checkpoint, key};

/// A run to go on with: its folder belongs to this process from before the checkpoint is read.
pub struct Resume {
    /// Where the run stands.
    pub checkpoint: Checkpoint,
    pub(super) lock: Lock,
}

impl Resume {
    /// Takes the folder of a run and reads its checkpoint.
    ///
    /// # Errors
    /// No run there, or one that was imported; another process trains there; a checkpoint that is damaged.
    pub fn open(dir: &Path) -> Result<Resume> {
        let path = checkpoint::path(dir);
        // Where there is no checkpoint nothing is made, not even a lock.
        checkpoint::is_one(&path)?;
        let lock = record::lock(dir)?;
        let checkpoint = checkpoint::load(&path)?;
        if !checkpoint.meta.contains_key(key::POSITION) {
            let message = "it has weights, but no state of training to resume: begin with them by train PRESET --init";
            return Err(Error::format(path, message));
        }
        Ok(Resume { checkpoint, lock })
    }
}

/// Refuses to go on with a preset that would give other numbers than the one that the checkpoint was made with. What may
/// change: how long to train (`steps`, and `epochs` where neither the learning rate nor the projection depends on it), what to evaluate, log
/// and save, where the images stay.
///
/// # Errors
/// Every key that differs, with both values.
pub fn same_preset(saved: &Checkpoint, now: &Preset) -> Result<()> {
    let mut then = Preset::from_toml(saved.text(key::PRESET)?)?;
    then.steps = now.steps;
    let end = match now.lr {
        Lr::Exponential { .. } => Some("learning rate"),
        // The other schedules of it do not look at the end.
        _ => Distortion::parse(&now.projection)?.is_scheduled().then_some("projection"),
    };
    if end.is_none() {
        then.epochs = now.epochs;
    }
    then.eval = now.eval.clone();
    then.log = now.log.clone();
    then.checkpoint = now.checkpoint.clone();
    then.data.resident = now.data.resident;
    then.data.stream = now.data.stream;
    // Texts of tests that came or went; those that both have must be the same.
    then.wgsl.retain(|name, _| now.wgsl.contains_key(name));
    for (name, text) in &now.wgsl {
        then.wgsl.entry(name.clone()).or_insert_with(|| text.clone());
    }
    if then == *now {
        return Ok(());
    }
    let changed: Vec<String> =
        then.changes(now)?.into_iter().map(|[name, old, new]| format!("{name} = {new} (was {old})")).collect();
    let schedule = match end.filter(|_| then.epochs != now.epochs) {
        Some(what) => format!(". This schedule of the {what} depends on epochs"),
        None => String::new(),
    };
    Err(Error::Invalid(format!(
        "the checkpoint was trained with another preset; resume with the same one. Different now: {}{schedule}",
        changed.join("; ")
    )))
}

/// For every kernel of the plans of a step the variants that its dispatches use, with the knobs that differ from the defaults.
pub fn variants<'a>(plans: impl Iterator<Item = &'a Plan>) -> Vec<(String, String)> {
    let mut all: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for c in plans.flat_map(Plan::dispatches) {
        all.entry(c.kernel).or_default().insert(c.way());
    }
    all.into_iter().map(|(kernel, used)| (kernel.into(), used.into_iter().collect::<Vec<_>>().join(", "))).collect()
}

/// The variants as a checkpoint has them.
pub fn joined(variants: &[(String, String)]) -> String {
    variants.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("; ")
}

/// Kernels with each way to compute them, by their present names. Which arguments are given is no other way.
fn ways(joined: &str) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (kernel, ways) in joined.split("; ").filter_map(|entry| entry.split_once('=')) {
        let kernel = present_name(kernel);
        for way in ways.split(", ") {
            let (variant, knobs) = way.split_once(' ').unwrap_or((way, ""));
            let knobs = knobs.split(' ').filter(|knob| knob.starts_with(char::is_uppercase));
            let words = std::iter::once(tuning::present_name(kernel, variant)).chain(knobs);
            all.insert((kernel.to_owned(), words.collect::<Vec<_>>().join(" ")));
        }
    }
    all
}

/// Says which kernels are computed otherwise than when the checkpoint was written: the numbers may then differ from those
/// of a run in one go, by rounding.
///
/// # Errors
/// A checkpoint that does not say its variants.
pub fn say_other_variants(saved: &Checkpoint, now: &[(String, String)]) -> Result<()> {
    let then = ways(saved.text(key::VARIANTS)?);
    let same = |(kernel, way): &&(String, String)| ways(&format!("{kernel}={way}")).iter().all(|w| then.contains(w));
    let other: Vec<String> = now.iter().filter(|way| !same(way)).map(|(k, v)| format!("{k}={v}")).collect();
    if !other.is_empty() {
        log::warn!(
            "resumed with other variants than the checkpoint was made with, so the numbers may differ by rounding \
             (--variant KERNEL=VARIANT forces one). Now: {}",
            other.join("; ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_of_earlier_checkpoints_are_those_of_today_under_their_present_names() {
        let then = "conv2d.forward=lanes; conv2d.forward_statistics=lanes TILE=2, tiled; conv2d.grad_weight=texels_any";
        let now = "conv2d.forward=lanes, lanes TILE=2 moments=1, tiled; conv2d.grad_weight=lanes_any";
        assert_eq!(ways(then), ways(now));
        assert_ne!(ways("relu.forward=naive"), ways("relu.forward=vec4"));
    }
}
