//! The speed of training steps in each precision that the adapter has, by turns with PyTorch where a Python was named.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::journal::{Lines, State};
use super::summary::{Section, cell, number};
use super::work::{Came, Work};
use super::{PRESET, Stage};
use crate::bench::Entry;
use crate::bench::compare::Ratio;
use crate::bench::measure::Step;
use crate::error::Result;
use crate::gpu::roofs::Roofs;
use crate::model::Network;
use crate::plan::{Precision, Target};
use crate::profile::quartiles;

/// Turns of each side.
pub(super) const ROUNDS: usize = 3;

/// The network that [`PRESET`] trains, in PyTorch.
const SCRIPT: &str = include_str!("../../tests/reference/torch_speed.py");

/// What the speed is told of.
const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Split, Precision::F16];

/// With less time than this, few steps are measured.
const FEW: Duration = Duration::from_secs(12);

/// Widths of the network to choose from.
const WIDTHS: [f64; 4] = [1.0, 0.5, 0.25, 0.125];

/// Operations of a training step at full width.
const FULL_FLOP: f64 = 185e9;

/// Part of the f32 roof that a first guess takes the kernels to reach.
const PART_OF_ROOF: f64 = 0.1;

/// The most seconds that a step may take, by that guess.
const MOST_SECONDS: f64 = 0.5;

/// The largest width with which a training step is short: systems end a program that keeps a GPU for seconds, and ten
/// minutes are for many steps. Without roofs, a small one.
pub(super) fn width(roofs: Option<&Roofs>) -> f64 {
    let Some(roofs) = roofs else { return WIDTHS[2] };
    let seconds = |w: f64| FULL_FLOP * w * w / (PART_OF_ROOF * roofs.f32_flop);
    WIDTHS.into_iter().find(|w| seconds(*w) <= MOST_SECONDS).unwrap_or(WIDTHS[3])
}

/// Item of the width, which the report's own process writes.
pub(super) const WIDTH: &str = "width";

fn item(name: &str, round: usize) -> String {
    format!("{name} round {round}")
}

/// Item of PyTorch in a round.
pub(super) fn torch_item(round: usize) -> String {
    item("pytorch", round)
}

pub(super) fn run(work: &Work) -> Result<()> {
    // Who comes first, and so is never cut off, takes turns.
    let mut order = PRECISIONS;
    order.rotate_left((work.task.round - 1) % PRECISIONS.len());
    for precision in order {
        let measure = || {
            let (preset, network) = work.network(&[format!("precision={}", precision.name())])?;
            let device = (work.open)(Some(&preset))?;
            if precision != Precision::F32
                && let Some(why) = same_as_f32(work, &network, &device.target)?
            {
                return Ok(Came::Not(why));
            }
            let name = format!("{PRESET} width={} precision={}", preset.width, precision.name());
            let step = Step { name, network, seed: preset.seed, steps: (work.left() < FEW).then_some(3) };
            Ok(Came::Found(step.whole(&device)?))
        };
        work.item(&item(precision.name(), work.task.round), measure)?;
    }
    Ok(())
}

/// Why a precision is not measured, if it is not: the adapter does not offer it, or it would be f32 again.
fn same_as_f32(work: &Work, network: &Network, target: &Target) -> Result<Option<String>> {
    let plan = match network.train_plan(target) {
        Ok(plan) => plan,
        Err(e) => return Ok(Some(e.to_string())),
    };
    let plain = work.network(&[])?.1.train_plan(target)?;
    let ways = |plan: &crate::plan::Plan| -> Vec<String> {
        let way = |c: &crate::plan::Dispatch| format!("{} {} {:?}", c.kernel, c.way(), c.halves());
        plan.dispatches().map(way).collect()
    };
    Ok((ways(&plan) == ways(&plain)).then(|| "on this adapter it has the kernels of f32".into()))
}

/// The command that measures PyTorch for at most some time.
pub(super) fn torch(python: &Path, width: f64, batch: usize, time: Duration) -> Command {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, "--width", &width.to_string(), "--batch", &batch.to_string()]);
    command.args(["--threads", &threads.to_string(), "--seconds", &format!("{:.1}", time.as_secs_f64())]);
    command
}

/// A line of the script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Torch {
    /// Version.
    version: String,
    /// What it ran on.
    device: String,
    /// `f32`, `tf32`, `f16`; `how` says what captures the step.
    mode: String,
    how: String,
    images_per_s: f64,
    ms_per_step: f64,
    /// Billions of operations that it counts for an image.
    gflop_per_image: f64,
}

/// The lines of the script that are results.
pub(super) fn torch_results(text: &str) -> Vec<Torch> {
    text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
}

/// What was measured of one precision or mode, by round.
type Rounds<T> = BTreeMap<usize, T>;

fn ours(lines: &Lines, precision: Precision) -> Rounds<Entry> {
    let entry = |round| Some((round, lines.result(Stage::Speeds, &item(precision.name(), round))?));
    (1..=ROUNDS).filter_map(entry).collect()
}

fn theirs(lines: &Lines) -> BTreeMap<String, Rounds<Torch>> {
    let mut all: BTreeMap<String, Rounds<Torch>> = BTreeMap::new();
    for round in 1..=ROUNDS {
        for torch in lines.result::<Vec<Torch>>(Stage::Speeds, &torch_item(round)).unwrap_or_default() {
            all.entry(torch.mode.clone()).or_default().insert(round, torch);
        }
    }
    all
}

/// The images per second of f32, if they were measured.
pub(super) fn images_per_s(lines: &Lines) -> Option<f64> {
    let all: Vec<f64> = ours(lines, Precision::F32).values().filter_map(|e| e.images_per_s).collect();
    (!all.is_empty()).then(|| quartiles(all)[1])
}

/// The mode of PyTorch that a precision is held against: the first that there is.
fn counterpart(precision: Precision) -> &'static [&'static str] {
    match precision {
        Precision::F32 => &["f32"],
        Precision::Split => &["tf32", "f32"],
        Precision::F16 => &["f16", "f32"],
    }
}

pub(super) fn section(lines: &Lines) -> Section {
    let Some(width) = lines.result::<f64>(Stage::Speeds, WIDTH) else { return Section::default() };
    let (torch, mut missing) = (theirs(lines), vec![]);
    let mut text = format!(
        "Training steps of `{PRESET}` at width {width} on random images, the host ahead of the device. Medians of the \
         rounds, in each of which every side runs once.\n\n\
         | precision | images/s | ms per step | GFLOP/s | device memory, MiB | rounds | against PyTorch |\n\
         |---|---:|---:|---:|---:|---:|---|\n"
    );
    let mut any = false;
    for precision in PRECISIONS {
        let rounds = ours(lines, precision);
        let median = |of: fn(&Entry) -> Option<f64>| quartiles(rounds.values().filter_map(of))[1];
        if rounds.is_empty() {
            let line = (1..=ROUNDS).find_map(|r| lines.find(Stage::Speeds, &item(precision.name(), r)));
            let why = match line {
                Some(line) if line.state == State::LeftOut => line.text(),
                // What failed or was cut off is told already.
                Some(_) => continue,
                None => "there was no time for it",
            };
            missing.push(format!("speed in {}: {why}", precision.name()));
            continue;
        }
        any = true;
        let against = counterpart(precision).iter().find_map(|mode| {
            let theirs = torch.get(*mode)?;
            let both = |r: &usize| Some((rounds.get(r)?.images_per_s?, theirs.get(r)?.images_per_s));
            let (us, them): (Vec<f64>, Vec<f64>) = (1..=ROUNDS).filter_map(|r| both(&r)).unzip();
            let ratio = Ratio::of_rounds(mode, &them, &us);
            (!us.is_empty()).then(|| format!("{:.3} ± {:.3} of its {mode}", ratio.ratio, ratio.spread))
        });
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            precision.name(),
            number(median(|e| e.images_per_s)),
            number(median(|e| e.ms_per_step)),
            number(median(|e| Some(e.gflops))),
            number(median(|e| e.device_mib)),
            rounds.len(),
            against.unwrap_or_else(|| "-".into())
        );
    }
    if !torch.is_empty() {
        text += "\n| PyTorch | images/s | ms per step | rounds | on |\n|---|---:|---:|---:|---|\n";
    }
    for (mode, rounds) in &torch {
        let median = |of: fn(&Torch) -> f64| quartiles(rounds.values().map(of))[1];
        let one = rounds.values().next().expect("a mode has a round");
        text += &format!(
            "| {mode}, {} | {} | {} | {} | {} |\n",
            cell(&one.how),
            number(median(|t| t.images_per_s)),
            number(median(|t| t.ms_per_step)),
            rounds.len(),
            cell(&format!("{}, PyTorch {}", one.device, one.version))
        );
    }
    if any || !torch.is_empty() { Section { text, missing } } else { Section { text: String::new(), missing } }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::journal::Line;
    use super::*;

    fn roofs(f32_flop: f64) -> Roofs {
        Roofs {
            f32_flop,
            f32_flop_cpu: None,
            matrix_flop: None,
            copy_command: 1.0,
            copy_kernel: 1.0,
            dispatch_ns: 1.0,
            barrier_ns: 1.0,
        }
    }

    #[test]
    fn the_width_follows_from_what_the_adapter_can_do() {
        let widths = [60e12, 3e12, 1.5e12, 0.3e12, 0.05e12, 0.001e12].map(|flop| width(Some(&roofs(flop))));
        assert_eq!(widths, [1.0, 0.5, 0.5, 0.25, 0.125, 0.125]);
        assert_eq!(width(None), 0.25);
    }

    #[test]
    fn precisions_stand_beside_pytorch_by_rounds_that_both_have() {
        let mut lines = Lines::default();
        let mut add = |item: String, state: State, value: serde_json::Value| {
            lines.push(Line { stage: Stage::Speeds, item, state, value });
        };
        for (round, images) in [(1, 10.0), (2, 20.0), (3, 30.0)] {
            let entry = Entry { images_per_s: Some(images), ms_per_step: Some(5.0), ..Entry::default() };
            add(item("f32", round), State::Done, serde_json::to_value(entry).unwrap());
        }
        add(item("split", 1), State::LeftOut, json!("no matrices"));
        let script = "a warning\n{\"version\": \"2\", \"device\": \"cpu x2\", \"mode\": \"f32\", \"how\": \"eager\", \
                      \"images_per_s\": 40.0, \"ms_per_step\": 2.5, \"gflop_per_image\": 1.0}\n{\"mode\": \"f16\"}\n";
        assert_eq!(torch_results(script).len(), 1);
        for round in [1, 2] {
            add(torch_item(round), State::Done, serde_json::to_value(torch_results(script)).unwrap());
        }
        lines.push(Line { stage: Stage::Speeds, item: WIDTH.into(), state: State::Done, value: json!(0.25) });
        assert_eq!(images_per_s(&lines), Some(20.0));
        let section = section(&lines);
        // The medians of both sides over the first two rounds: 15 and 40.
        assert!(
            section.text.contains("| f32 | 20.0 | 5.00 | 0 | 0 | 3 | 0.375 ± 0.062 of its f32 |"),
            "{}",
            section.text
        );
        assert!(section.text.contains("| f32, eager | 40.0 |"), "{}", section.text);
        assert_eq!(section.missing, ["speed in split: no matrices", "speed in f16: there was no time for it"]);
    }
}
