//! Training over time: the loss, and the test error under several projections (figure 1B).

use super::plot::{self, EDGE, WIDTH};
use super::{Figure, Section};
use crate::figure::axes::{Axes, Axis};
use crate::figure::{Drawing, Style};
use crate::report::commands::Commands;
use crate::report::paper;
use crate::report::quote;
use crate::report::read::{EvalLine, Run};
use crate::report::sheet::{Cell, Sheet};
use crate::report::stats::Measure;
use crate::report::stats::distinct;

/// Points of a loss curve that are drawn, at most: each is a mean over neighbours.
const MOST: usize = 150;

/// The section.
pub fn section(runs: &[Run], commands: &Commands) -> Section {
    let time = Time::of(runs);
    let figures = [errors(runs, time), losses(runs, time)].into_iter().flatten().collect::<Vec<_>>();
    let mut missing = vec![];
    if !figures.iter().any(|f| f.id == ERRORS) && !runs.iter().all(|r| r.alexnet().is_some()) {
        let preset = runs.first().map_or("PRESET", |r| &r.preset);
        let command = format!(
            "weightproof train {} --set eval.every=2 --set 'eval.distort=[\"none\",\"sign\"]' --out RUN",
            paper::find(preset).and_then(|n| n.preset).map_or(quote(preset), String::from)
        );
        missing.push((TITLE.to_owned(), command));
    }
    if !figures.iter().any(|f| f.id == LOSSES) {
        missing
            .push(("Training loss".into(), format!("weightproof train PRESET --out RUN, then {}", commands.report())));
    }
    let about = "From the logs of the runs: nothing is computed for this report.".into();
    Section { heading: "Training", about, tables: String::new(), figures, missing }
}

const ERRORS: &str = "error-in-training";
const LOSSES: &str = "loss";
const TITLE: &str = "Figure 1B: test error during training under several projections";

/// How time is measured: in epochs where every log tells how many steps they have, else in steps.
#[derive(Clone, Copy)]
enum Time {
    Epochs,
    Steps,
}

impl Time {
    fn of(runs: &[Run]) -> Time {
        let logs = || runs.iter().filter(|r| !r.steps.is_empty() || !r.evals.is_empty());
        if logs().all(|r| r.steps_per_epoch().is_some()) { Time::Epochs } else { Time::Steps }
    }

    fn at(self, run: &Run, step: u64) -> f64 {
        match (self, run.steps_per_epoch()) {
            (Time::Epochs, Some(n)) => step as f64 / n as f64,
            _ => step as f64,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Time::Epochs => "epoch",
            Time::Steps => "step",
        }
    }
}

/// What the lines of figure 1B of a run are of, one name for each evaluation of its log. Those of one distortion that are
/// measured otherwise, because the run went on with other keys, are another line.
fn series(run: &Run) -> Vec<String> {
    let measure = |l: &EvalLine| (l.images, l.moments_batches);
    let mut known: Vec<(&str, bool, (u64, u64))> = vec![];
    for l in run.evals.iter().filter(|l| l.images > 0) {
        let one = (l.distortion.as_str(), l.validation, measure(l));
        if !known.contains(&one) {
            known.push(one);
        }
    }
    let name = |l: &EvalLine| {
        let several = known.iter().filter(|k| (k.0, k.1) == (l.distortion.as_str(), l.validation)).count() > 1;
        let held_out = if l.validation { ", images held out" } else { "" };
        let over = match several {
            true => {
                let (images, moments_batches) = measure(l);
                format!(" ({})", Measure { images, moments_batches, set: "" }.text())
            }
            false => String::new(),
        };
        format!("{}{held_out}{over}", l.distortion)
    };
    run.evals.iter().map(name).collect()
}

fn errors(runs: &[Run], time: Time) -> Option<Figure> {
    let tests = |r: &Run| distinct(r.evals.iter().map(|l| l.step)).len();
    // Figure 3 shows those of ImageNet.
    let shown: Vec<&Run> = runs.iter().filter(|r| tests(r) >= 2 && r.alexnet().is_none()).collect();
    if shown.is_empty() {
        return None;
    }
    let lines: Vec<Vec<String>> = shown.iter().map(|r| series(r)).collect();
    let names = distinct(lines.iter().flatten().cloned());
    let style = |name: &str| Style::of(names.iter().position(|n| n == name).unwrap_or(0));
    let mut keys: Vec<_> = names.iter().map(|n| plot::key(n, style(n))).collect();
    let theirs = |run: &Run| -> Vec<(String, f64)> {
        let Some(net) = run.cifar() else { return vec![] };
        names.iter().filter_map(|n| Some((n.clone(), net.error(n)?))).collect()
    };
    if shown.iter().any(|r| !theirs(r).is_empty()) {
        keys.push(plot::paper("hollow, at the right edge: the paper's value after 500 epochs", Style::of(0)));
    }
    let columns = if shown.len() == 1 { 1 } else { 2 };
    let filters = shown.iter().any(|r| !super::weights::insets(r).is_empty());
    let height = if columns == 1 { 360.0 } else { 260.0 } + if filters { INSET } else { 0.0 };
    let (mut d, begin) = plot::begin(TITLE, &keys, plot::rows(shown.len(), columns, height) + 4.0);
    let values = shown.iter().flat_map(|r| r.evals.iter().map(|l| l.error).chain(theirs(r).into_iter().map(|t| t.1)));
    let top = plot::above(values).min(100.0);
    let mut data = Sheet::new(&["network", "epoch", "step", "distortion", "error, %", "loss"]);
    for ((run, series), area) in shown.iter().zip(&lines).zip(plot::panels(shown.len(), columns, begin, height)) {
        plot::panel_title(&mut d, area, &run.label);
        let mut area = area;
        if filters {
            inset(&mut d, run, [area[0] + 40.0, area[1] + 2.0]);
            area[1] += INSET;
        }
        let last = run.evals.iter().map(|l| time.at(run, l.step)).fold(0.0, f64::max);
        let axes = Axes::within(
            area,
            Axis::linear([0.0, 1.06 * last], time.name()),
            Axis::linear([0.0, top], "test error, %"),
        );
        axes.draw(&mut d);
        for name in &names {
            let own = run.evals.iter().zip(series).filter(|(_, own)| *own == name);
            let points: Vec<[f64; 2]> = own.map(|(l, _)| [time.at(run, l.step), l.error]).collect();
            plot::line(&mut d, &axes, &points, style(name));
        }
        let papers = theirs(run);
        for (i, (name, error)) in papers.iter().enumerate() {
            let [x, y] = axes.at(last, *error);
            d.hollow(style(name).mark, [x + plot::beside(i, papers.len(), 40.0), y], 4.5, style(name).color);
        }
        data.rows.extend(run.evals.iter().zip(series).map(|(l, name)| {
            let numbers = [Cell::Number(l.error, 2), Cell::Number(l.loss, 4)];
            let time = [Cell::count(l.epoch), Cell::count(l.step)];
            [run.label.as_str().into()]
                .into_iter()
                .chain(time)
                .chain([Cell::Text(name.clone())])
                .chain(numbers)
                .collect()
        }));
    }
    let insets = insets(&shown);
    let without_moments = |l: &EvalLine| l.images > 0 && l.moments_batches == 0;
    let moments = match shown.iter().all(|r| r.evals.iter().all(without_moments)) {
        true => "",
        false => "; for each projection the batch-norm moments are computed anew",
    };
    Some(Figure {
        id: ERRORS.into(),
        title: TITLE.into(),
        caption: format!("The network is tested as it is at that time{moments}.{insets}"),
        description: format!(
            "Line charts of the test error in per cent over the {}, one for each of {} networks, a line for each of: {}. The \
             table below has the numbers.",
            time.name(),
            shown.len(),
            names.join(", ")
        ),
        drawing: d,
        data,
        command: commands_of(&shown),
    })
}

/// What stands above the panels, in words.
fn insets(shown: &[&Run]) -> String {
    let most = |r: &&&Run| super::weights::insets(r).len().min(FILTERS);
    let with: Vec<&&Run> = shown.iter().filter(|r| most(r) > 0).collect();
    let counts = distinct(with.iter().map(most));
    let what = match counts.as_slice() {
        [] => return String::new(),
        [1] => "the weights of a filter",
        [_] => "the weights of two filters",
        _ => "the weights of one or two filters",
    };
    let which = match (with.len(), shown.len()) {
        (_, 1) => "the chart".into(),
        (a, b) if a == b => "each".into(),
        _ => with.iter().map(|r| r.label.as_str()).collect::<Vec<_>>().join(", "),
    };
    let distortions = distinct(with.iter().map(|r| super::weights::insets(r)[0].distortion.as_str()));
    let under = match distortions.as_slice() {
        ["none"] => String::new(),
        own => format!(", under {}", own.join(" or ")),
    };
    format!(" Above {which}: {what} after training{under}.")
}

/// Filters above a panel, at most.
const FILTERS: usize = 2;

/// Height of the pictures of filters above a panel.
const INSET: f64 = 36.0;

/// Filters beside one another.
fn inset(d: &mut Drawing, run: &Run, [left, top]: [f64; 2]) {
    let mut x = left;
    for filter in super::weights::insets(run).into_iter().take(FILTERS) {
        x += super::weights::picture(d, filter, [x, top], INSET - 10.0) + 14.0;
    }
}

/// Means of neighbours, so that there are at most `MOST` points.
fn thin(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let together = points.len().div_ceil(MOST).max(1);
    points
        .chunks(together)
        .map(|c| {
            let n = c.len() as f64;
            [c.iter().map(|p| p[0]).sum::<f64>() / n, c.iter().map(|p| p[1]).sum::<f64>() / n]
        })
        .collect()
}

fn losses(runs: &[Run], time: Time) -> Option<Figure> {
    let curve = |r: &Run| thin(&r.steps.iter().map(|l| [time.at(r, l.step), l.loss]).collect::<Vec<_>>());
    let curves: Vec<(&Run, Vec<[f64; 2]>)> =
        runs.iter().map(|r| (r, curve(r))).filter(|(_, c)| c.iter().any(|p| p[1] > 0.0)).collect();
    if curves.is_empty() {
        return None;
    }
    let all = || curves.iter().flat_map(|(_, c)| c);
    let values = || all().map(|p| p[1]).filter(|v| v.is_finite() && *v > 0.0);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let last = all().map(|p| p[0]).fold(0.0, f64::max);
    let (mut d, begin) = plot::begin("Training loss", &plot::keys(curves.iter().map(|(r, _)| *r)), 340.0);
    let axes = Axes::within(
        [10.0, begin + 8.0, WIDTH - EDGE, begin + 332.0],
        Axis::linear([0.0, last], time.name()),
        Axis::log([low / 1.15, high * 1.15], "mean loss"),
    );
    axes.draw(&mut d);
    for (run, curve) in &curves {
        plot::curve(&mut d, &axes, curve, run.style);
    }
    let mut data = Sheet::new(&["network", "epoch", "step", "loss", "learning rate"]);
    for (run, l) in curves.iter().flat_map(|(r, _)| r.steps.iter().map(move |l| (r, l))) {
        let numbers = [Cell::count(l.epoch), Cell::count(l.step), Cell::Number(l.loss, 4), Cell::Number(l.lr, 6)];
        data.rows.push([run.label.as_str().into()].into_iter().chain(numbers).collect());
    }
    let thinned = match curves.iter().any(|(r, _)| r.steps.len() > MOST) {
        true => format!("; at most {MOST} means of neighbours are drawn"),
        false => String::new(),
    };
    Some(Figure {
        id: LOSSES.into(),
        title: "Training loss".into(),
        caption: format!(
            "Mean over the steps since the line before in the log, under the projection of training{thinned}."
        ),
        description: format!(
            "Line chart of the training loss over the {}, one line for each of {} networks.",
            time.name(),
            curves.len()
        ),
        drawing: d,
        data,
        command: commands_of(&curves.iter().map(|(r, _)| *r).collect::<Vec<_>>()),
    })
}

/// The commands that the runs were made with.
fn commands_of(runs: &[&Run]) -> String {
    distinct(runs.iter().filter_map(|r| r.text("command"))).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_are_thinned_by_means() {
        let points: Vec<[f64; 2]> = (0..1000).map(|i| [f64::from(i), 2.0]).collect();
        let thin = thin(&points);
        assert!(thin.len() <= MOST && thin.iter().all(|p| p[1] == 2.0), "{}", thin.len());
        assert_eq!(thin[0][0], 3.0, "the mean of 0 to 6");
        assert_eq!(super::thin(&points[..3]), points[..3]);
    }
}
