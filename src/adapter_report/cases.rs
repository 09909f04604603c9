//! The test cases of every variant against their f64 twins: one of each variant first, then the rest as far as time goes.

use serde::{Deserialize, Serialize};

use super::Stage;
use super::journal::{Lines, State};
use super::summary::{Section, cell};
use super::work::{Came, Work};
use crate::check::{Share, Trial, Twins, trials};
use crate::error::Result;
use crate::gpu::Runner;
use crate::kernels::KERNELS;

/// The item that says what there is to do.
const PLAN: &str = "plan";

/// Variants without a case that are named.
const MOST_NAMES: usize = 8;

/// A variant and the number of its trials.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Planned {
    kernel: String,
    variant: String,
    trials: usize,
}

/// What came of a trial.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Checked {
    /// Whether the variant can run the case on this adapter.
    ran: bool,
    /// The worst share of a budget, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worst: Option<(f64, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<String>,
}

/// `kernel/variant: name of the case`: the item of a trial.
fn item(trial: &Trial) -> String {
    format!("{}/{}: {}", trial.kernel.name, trial.variant, trial.name())
}

pub(super) fn run(work: &Work) -> Result<()> {
    let device = (work.open)(None)?;
    let mut all: Vec<Vec<Trial>> = vec![];
    for kernel in KERNELS {
        all.push(trials(&device.target, kernel, Share::WHOLE)?);
    }
    work.item(PLAN, || Ok(Came::Found(planned(&all))))?;
    let once = |trial: &Trial, runner: &mut Runner, twins: &Twins| {
        work.item(&item(trial), || {
            Ok(Came::Found(match trial.run(runner, twins)? {
                None => Checked { ran: false, worst: None, failures: vec![] },
                Some(o) => Checked { ran: true, worst: Some((o.worst.share, o.worst.place)), failures: o.failures },
            }))
        })
    };
    // Of each variant the first case that it can run: a variant that was begun by an earlier process had its own.
    for of_kernel in &all {
        let (mut runner, twins) = (Runner::new(device.clone()), Twins::of_cases());
        for of_variant in of_kernel.chunk_by(|a, b| a.variant == b.variant) {
            for trial in of_variant {
                if work.was_begun(&item(trial)) || once(trial, &mut runner, &twins)?.is_some_and(|came| came.ran) {
                    break;
                }
            }
        }
    }
    // Then all, by the number of the case, so that what time cuts off is the same for all kernels. The variants of a
    // kernel share its twin.
    let most = all.iter().flatten().map(|t| t.number + 1).max().unwrap_or(0);
    for number in 0..most {
        for of_kernel in &all {
            let (mut runner, twins) = (Runner::new(device.clone()), Twins::of_cases());
            for trial in of_kernel.iter().filter(|t| t.number == number) {
                if work.is_over() {
                    return Ok(());
                }
                once(trial, &mut runner, &twins)?;
            }
        }
    }
    Ok(())
}

fn planned(all: &[Vec<Trial>]) -> Vec<Planned> {
    let of_variant =
        |t: &[Trial]| Planned { kernel: t[0].kernel.name.into(), variant: t[0].variant.into(), trials: t.len() };
    all.iter().flat_map(|t| t.chunk_by(|a, b| a.variant == b.variant).map(of_variant)).collect()
}

/// The trials of a variant, counted.
#[derive(Clone, Debug, Default)]
struct Row {
    kernel: String,
    variant: String,
    ran: usize,
    cannot: usize,
    left: usize,
    worst: (f64, String),
    failures: Vec<String>,
}

fn rows(lines: &Lines) -> Vec<Row> {
    let planned: Vec<Planned> = lines.result(Stage::Cases, PLAN).unwrap_or_default();
    let row = |p: &Planned| {
        let mut row = Row { kernel: p.kernel.clone(), variant: p.variant.clone(), ..Row::default() };
        let prefix = format!("{}/{}: ", p.kernel, p.variant);
        let mut errors = 0;
        for (line, case) in lines.of(Stage::Cases).filter_map(|l| Some((l, l.item.strip_prefix(&prefix)?))) {
            match (line.state, line.result::<Checked>()) {
                // It did not run to its end.
                (State::Failed, _) => {
                    errors += 1;
                    row.failures.push(format!("{case}: {}", line.text()));
                }
                (_, Some(came)) if came.ran => {
                    row.ran += 1;
                    row.failures.extend(came.failures);
                    row.worst = came.worst.filter(|w| w.0 > row.worst.0).unwrap_or(row.worst);
                }
                (_, Some(_)) => row.cannot += 1,
                _ => {}
            }
        }
        row.left = p.trials.saturating_sub(row.ran + row.cannot + errors);
        row
    };
    planned.iter().map(row).collect()
}

/// How many cases did not agree with their twins, or could not be run to their end.
pub(super) fn failures(lines: &Lines) -> usize {
    rows(lines).iter().map(|r| r.failures.len()).sum()
}

/// How many cases ran.
pub(super) fn ran(lines: &Lines) -> usize {
    rows(lines).iter().map(|r| r.ran).sum()
}

pub(super) fn section(lines: &Lines) -> Section {
    let rows = rows(lines);
    if rows.is_empty() {
        return Section::default();
    }
    let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum::<usize>();
    let failed: Vec<&Row> = rows.iter().filter(|r| !r.failures.is_empty()).collect();
    let worst = rows.iter().max_by(|a, b| a.worst.0.total_cmp(&b.worst.0)).expect("there are rows");
    let (ran, cannot, left) = (sum(|r| r.ran), sum(|r| r.cannot), sum(|r| r.left));
    let mut text = format!(
        "{ran} cases of {} of the {} variants ran, and {} failed; {cannot} cannot run on this adapter. A case is a shape with one \
         setting of the variant's knobs; its budget is the error that its arithmetic may make.\n\n\
         The worst share of a budget among those that passed is {:.2}, of {}/{} at {}.\n",
        rows.iter().filter(|r| r.ran > 0).count(),
        rows.len(),
        sum(|r| r.failures.len()),
        worst.worst.0,
        worst.kernel,
        worst.variant,
        worst.worst.1,
    );
    if !failed.is_empty() {
        text += "\nFailures, at most three of a variant:\n\n";
    }
    for row in failed {
        for failure in row.failures.iter().take(3) {
            text += &format!("* `{}/{}` {}\n", row.kernel, row.variant, cell(failure));
        }
    }
    text += "\n<details><summary>Every variant</summary>\n\n\
             | kernel | variant | ran | failed | worst share of its budget | cannot run here | left out |\n\
             |---|---|---:|---:|---:|---:|---:|\n";
    for r in &rows {
        let share = if r.ran > 0 { format!("{:.2}", r.worst.0) } else { "-".into() };
        text += &format!(
            "| {} | {} | {} | {} | {share} | {} | {} |\n",
            r.kernel,
            r.variant,
            r.ran,
            r.failures.len(),
            r.cannot,
            r.left
        );
    }
    text += "\n</details>\n";
    let mut missing = vec![];
    if left > 0 {
        missing.push(format!("{left} cases of {}: there was no time for them", left + cannot + ran));
    }
    let none = |r: &&Row| r.ran == 0 && r.left > 0 && r.failures.is_empty();
    let none: Vec<String> = rows.iter().filter(none).map(|r| format!("{}/{}", r.kernel, r.variant)).collect();
    if !none.is_empty() {
        let more = none.len().saturating_sub(MOST_NAMES);
        let more = if more > 0 { format!(" and {more} variants more") } else { String::new() };
        missing.push(format!("every case of {}{more}", none[..none.len().min(MOST_NAMES)].join(", ")));
    }
    Section { text, missing }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::super::journal::Line;
    use super::*;
    use crate::plan::Target;

    #[test]
    fn no_two_trials_share_an_item() {
        let target = Target::baseline().with(|a| a.float16 = true);
        let mut seen = HashSet::new();
        for kernel in KERNELS {
            for trial in trials(&target, kernel, Share::WHOLE).unwrap() {
                assert!(seen.insert(item(&trial)), "{}", item(&trial));
            }
        }
        assert!(seen.len() > 1000, "{}", seen.len());
    }

    #[test]
    fn cases_are_counted_by_variant_and_what_fails_is_told() {
        let mut lines = Lines::default();
        let mut add = |item: &str, state: State, value: serde_json::Value| {
            lines.push(Line { stage: Stage::Cases, item: item.into(), state, value });
        };
        let planned = |variant: &str, trials: usize| json!({"kernel": "k.f", "variant": variant, "trials": trials});
        add(PLAN, State::Done, json!([planned("naive", 5), planned("naive2", 1)]));
        add("k.f/naive: \"a\"", State::Done, json!({"ran": true, "worst": [0.25, "here"]}));
        add("k.f/naive: \"b\"", State::Done, json!({"ran": true, "worst": [0.0, ""], "failures": ["\"b\": off"]}));
        add("k.f/naive: \"c\"", State::Failed, json!("the program ended: signal 11"));
        add("k.f/naive: \"d\"", State::Done, json!({"ran": false}));
        assert_eq!((failures(&lines), ran(&lines)), (2, 2));
        let section = section(&lines);
        for words in ["| k.f | naive | 2 | 2 | 0.25 | 1 | 1 |", "| k.f | naive2 | 0 | 0 | - | 0 | 1 |", "signal 11"] {
            assert!(section.text.contains(words), "{words}: {}", section.text);
        }
        assert_eq!(section.missing, ["2 cases of 5: there was no time for them", "every case of k.f/naive2"]);
    }
}
