//! What the tuning table should say for this adapter, for the shapes of the network and as far as time goes.

use std::cmp::Reverse;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Stage;
use super::journal::Lines;
use super::profile;
use super::summary::{Section, cell};
use super::work::{Came, Work};
use crate::bench::tune;
use crate::error::Result;
use crate::kernels::{KERNELS, Kernel};
use crate::plan::Row;

/// The item that says what there is to do.
const PLAN: &str = "plan";

/// A kernel takes at most this part of the time that is left, so that others have some.
const PART: f64 = 0.33;

/// Ways of a shape that are told, the fastest.
const MOST_WAYS: usize = 4;

/// What was found for a kernel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Told {
    /// Kernel and constants; the fastest ways with their microseconds; how often the present way's time is the best one's.
    shapes: Vec<(String, Vec<(String, f64)>, f64)>,
    /// Proposed rows, as TOML.
    rows: Vec<String>,
    /// Shapes for which there was no time.
    left: usize,
}

pub(super) fn run(work: &Work) -> Result<()> {
    let (preset, network) = work.network(&[])?;
    let device = (work.open)(Some(&preset))?;
    let mut planned = vec![];
    for kernel in in_order(work) {
        planned.push((kernel, tune::shapes(&device.target, &network, kernel, preset.eval_batch())?));
    }
    planned.retain(|(_, shapes)| *shapes > 0);
    work.item(PLAN, || Ok(Came::Found(planned.iter().map(|(k, n)| (k.name, *n)).collect::<Vec<_>>())))?;
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    for (kernel, _) in planned {
        work.item(kernel.name, || {
            let until = Instant::now() + work.left().mul_f64(PART);
            let goes_on = || Instant::now() < until;
            let tuned = tune::kernel(&device, &network, kernel, preset.eval_batch(), &today, &goes_on)?;
            let best = |ways: &[(String, f64)]| ways.iter().take(MOST_WAYS).cloned().collect();
            let shapes = tuned.found.iter().map(|f| (f.name.clone(), best(&f.ways), f.gain)).collect();
            Ok(Came::Found(Told { shapes, rows: tuned.rows.iter().map(Row::to_toml).collect(), left: tuned.left }))
        })?;
    }
    Ok(())
}

/// The kernels with a choice: convolutions first, since chains may have taken their place in the profile, then by the time
/// that they took.
fn in_order(work: &Work) -> Vec<&'static Kernel> {
    let times = profile::kernels(&work.lines());
    let mut all: Vec<&'static Kernel> = KERNELS.iter().copied().filter(|k| tune::has_choice(k)).collect();
    let picoseconds = |k: &Kernel| (times.get(k.name).copied().unwrap_or(0.0) * 1e3) as u64;
    all.sort_by_key(|k| (!k.name.starts_with("conv2d."), Reverse(picoseconds(k))));
    all
}

pub(super) fn section(lines: &Lines) -> Section {
    let Some(planned) = lines.result::<Vec<(String, usize)>>(Stage::Tuning, PLAN) else { return Section::default() };
    let (mut table, mut rows, mut missing, mut never) = (String::new(), String::new(), vec![], vec![]);
    let (mut shapes, mut all) = (0, 0);
    for (kernel, count) in &planned {
        all += count;
        let Some(told) = lines.result::<Told>(Stage::Tuning, kernel) else {
            if lines.find(Stage::Tuning, kernel).is_none() {
                never.push(format!("{kernel} ({count})"));
            }
            continue;
        };
        if told.left > 0 {
            missing.push(format!("tuning of {kernel} at {} of its {count} shapes: there was no time", told.left));
        }
        told.rows.iter().for_each(|row| rows += row);
        shapes += told.shapes.len();
        for (name, ways, gain) in &told.shapes {
            let ways: Vec<String> = ways.iter().map(|(way, us)| format!("{way} {us:.1}")).collect();
            table += &format!("| {} | {} | {gain:.2} |\n", cell(name), cell(&ways.join(", ")));
        }
    }
    if !never.is_empty() {
        missing.push(format!("tuning of {} (shapes): there was no time", never.join(", ")));
    }
    let mut text = format!("{shapes} of {all} shapes of kernels with a choice were timed in every way. ");
    text += &match rows.trim_end() {
        "" => "None is faster than the table in use.\n".to_owned(),
        rows => format!(
            "These rows would be faster; in a file `tuning.toml` in your config folder they are used:\n\n\
             ```toml\n{rows}\n```\n"
        ),
    };
    if !table.is_empty() {
        text += &format!(
            "\n<details><summary>Every shape</summary>\n\n\
             | kernel and constants | fastest ways, µs | present way's time / best |\n|---|---|---:|\n{table}\n</details>\n"
        );
    }
    Section { text, missing }
}
