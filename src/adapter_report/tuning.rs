//! What the tuning table should say for this adapter, for the shapes of the network and as far as time goes.

use std::cmp::Reverse;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Stage;
use super::journal::Lines;
use super::profile;
use super::summary::{Section, cell};
use super::work::{Came, Work};
use crate::bench::tune::{self, Found};
use crate::error::Result;
use crate::kernels::{KERNELS, Kernel};
use crate::plan::TuningRow;

/// The item that says what there is to do.
const PLAN: &str = "plan";

/// A kernel takes at most this part of the time that is left, so that others have some.
const PART: f64 = 0.33;

/// Ways of a shape that are told, the fastest.
const MOST_WAYS: usize = 4;

/// What was found for a kernel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Told {
    shapes: Vec<Shape>,
    /// Proposed rows, as TOML.
    rows: Vec<String>,
    /// Shapes for which there was no time.
    left: usize,
}

/// What was found for a shape.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Shape {
    /// Kernel and constants.
    name: String,
    /// The fastest ways with their microseconds.
    ways: Vec<(String, f64)>,
    /// The present way's time as a multiple of the best one's.
    gain: f64,
    /// Whether every way was timed.
    whole: bool,
}

impl From<&Found> for Shape {
    fn from(f: &Found) -> Shape {
        let ways = f.ways.iter().take(MOST_WAYS).cloned().collect();
        Shape { name: f.name.clone(), ways, gain: f.gain, whole: f.whole }
    }
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
            let in_time = || Instant::now() < until;
            let tuned = tune::kernel(&device, &network, kernel, preset.eval_batch(), &today, &in_time)?;
            let shapes = tuned.found.iter().map(Shape::from).collect();
            Ok(Came::Found(Told {
                shapes,
                rows: tuned.rows.iter().map(TuningRow::to_toml).collect(),
                left: tuned.left,
            }))
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
    let (mut table, mut rows, mut left) = (String::new(), String::new(), vec![]);
    let (mut timed, mut all) = (0, 0);
    for (kernel, count) in &planned {
        all += count;
        let told = match lines.find(Stage::Tuning, kernel) {
            None => Told { left: *count, ..Told::default() },
            // What failed or was cut off is told already.
            Some(line) => line.result().unwrap_or_default(),
        };
        if told.left > 0 {
            left.push(format!("{kernel} {} of {count}", told.left));
        }
        told.rows.iter().for_each(|row| rows += row);
        timed += told.shapes.len();
        for Shape { name, ways, gain, whole } in &told.shapes {
            let ways: Vec<String> = ways.iter().map(|(way, us)| format!("{way} {us:.1}")).collect();
            let cut = if *whole { "" } else { "; there was no time for all ways" };
            table += &format!("| {} | {}{cut} | {gain:.2} |\n", cell(name), cell(&ways.join(", ")));
        }
    }
    let mut text = format!("{timed} of {all} shapes of kernels with a choice were timed. ");
    text += &match rows.trim_end() {
        "" => "Nothing is faster than the table in use.\n".to_owned(),
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
    let missing = match left.is_empty() {
        true => vec![],
        false => vec![format!("tuning of these shapes, for which there was no time: {}", left.join(", "))],
    };
    Section { text, missing }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::journal::{Line, State};
    use super::*;

    #[test]
    fn what_was_tuned_is_proposed_and_what_was_not_is_named() {
        let mut lines = Lines::default();
        let mut add = |item: &str, state: State, value: serde_json::Value| {
            lines.push(Line { stage: Stage::Tuning, item: item.into(), state, value });
        };
        add(PLAN, State::Done, json!([["a", 3], ["b", 2], ["c", 1]]));
        let shape = json!({"name": "a n=1", "ways": [["x", 1.0], ["y K=2", 2.5]], "gain": 2.5, "whole": false});
        add("a", State::Done, json!({"shapes": [shape], "rows": ["[[row]]\nkernel = \"a\"\n\n"], "left": 2}));
        add("b", State::Failed, json!("no"));
        let section = section(&lines);
        for words in ["1 of 6 shapes", "```toml\n[[row]]\nkernel = \"a\"\n```", "| a n=1 | x 1.0, y K=2 2.5; there was"]
        {
            assert!(section.text.contains(words), "{words}: {}", section.text);
        }
        assert_eq!(section.missing, ["tuning of these shapes, for which there was no time: a 2 of 3, c 1 of 1"]);
    }
}
