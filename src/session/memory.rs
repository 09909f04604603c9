//! Whether a training run fits a device: its plans are made, and their memory is added up, before anything is allocated.

use super::data::memory;
use crate::error::{Error, Result};
use crate::model::preset::Preset;
use crate::model::{Network, Peak, Placement};
use crate::plan::{AdapterClass, Plan, Target};

/// Peak memory of a training run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Of its steps.
    pub training: Peak,
    /// With the plans of moments and tests, which an evaluation adds to those of the step.
    pub with_tests: Peak,
}

/// The peak memory of training with a preset: plans and the arrays that they share. What drivers, checkpoints on their way to disk
/// and uploads take for a moment comes on top.
///
/// # Errors
/// A network that the target cannot hold.
pub fn planned(preset: &Preset, network: &Network, target: &Target, placement: &Placement) -> Result<Planned> {
    with_tests(network.training_plans(target, placement)?, preset, network, target, placement)
}

/// As [`planned`], of each of so many ranks that share the shards; more than one, and not more than there are shards.
///
/// # Errors
/// As [`planned`].
pub fn planned_by_rank(
    preset: &Preset,
    network: &Network,
    target: &Target,
    placement: &Placement,
    ranks: usize,
) -> Result<Planned> {
    let cut = network.cut_plans(target, placement, network.shards / ranks, None)?;
    with_tests(cut.into_plans(), preset, network, target, placement)
}

/// The memory of the plans of a step, and of these with those of moments and tests.
fn with_tests(
    mut plans: Vec<Plan>,
    preset: &Preset,
    network: &Network,
    target: &Target,
    placement: &Placement,
) -> Result<Planned> {
    let training = network.peak(&plans);
    if network.has_moments() {
        plans.push(network.moments_plan_from(target, placement, None)?);
    }
    plans.push(network.test_plan(target, preset.eval_batch())?);
    Ok(Planned { training, with_tests: network.peak(&plans) })
}

/// Refuses a training run that the adapter cannot hold: arrays beyond its limits, or on a driver on the CPU more memory than the
/// machine has (GPUs do not tell how much they have).
///
/// # Errors
/// [`Error::OutOfMemory`] with sizes, the largest batch that would fit, and the shards with which this batch would.
pub fn check(preset: &Preset, network: &Network, target: &Target, placement: &Placement) -> Result<()> {
    let most = if target.adapter.class == AdapterClass::Software { memory() } else { u64::MAX };
    check_within(preset, network, target, placement, most)
}

/// [`check`] where memory has `most` bytes.
///
/// # Errors
/// As [`check`].
pub fn check_within(
    preset: &Preset,
    network: &Network,
    target: &Target,
    placement: &Placement,
    most: u64,
) -> Result<()> {
    let need = |batch: usize, shards: usize| -> Result<()> {
        let preset = Preset { batch, shards, ..preset.clone() };
        let network = network.of(&preset)?;
        let with_tests = planned(&preset, &network, target, placement)?.with_tests;
        if with_tests.total() <= most {
            return Ok(());
        }
        let message = format!("training needs {with_tests}; there are {:.1} MiB", most as f64 / f64::from(1 << 20));
        Err(Error::OutOfMemory { scope: preset.name, message })
    };
    let Err(error) = need(preset.batch, preset.shards) else { return Ok(()) };
    let (scope, message) = match error {
        Error::OutOfMemory { scope, message } | Error::Layer { scope, message } => (scope, message),
        other => return Err(other),
    };
    let fits = |batch: usize, shards: usize| need(batch, shards).is_ok();
    // A smaller shard needs less. The largest that fits, by bisection between the last two powers of two: plans of far too many
    // images take long to make.
    let doubled = std::iter::successors(Some(1), |n| Some(2 * n)).take_while(|n| *n < preset.shard());
    let some = doubled.take_while(|n| fits(n * preset.shards, preset.shards)).last().unwrap_or(0);
    let (mut some, mut many) = (some, (2 * some).clamp(1, preset.shard()));
    while many - some > 1 {
        let middle = some.midpoint(many);
        *(if fits(middle * preset.shards, preset.shards) { &mut some } else { &mut many }) = middle;
    }
    if some == 0 {
        let message = format!("{message}; no batch would fit");
        return Err(Error::OutOfMemory { scope, message });
    }
    let shards = std::iter::successors(Some(2 * preset.shards), |n| Some(2 * n));
    let shards = shards.take_while(|n| preset.batch.is_multiple_of(*n)).find(|n| fits(preset.batch, *n));
    let keeps = shards.map(|n| format!(", or --set shards={n} in shards of {}", preset.batch / n)).unwrap_or_default();
    let message = format!("{message}; the largest batch that fits is {}{keeps}", some * preset.shards);
    Err(Error::OutOfMemory { scope, message })
}
