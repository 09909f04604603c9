//! AlexNet on ImageNet, Merolla 2016 section 4.2: errors in training under None, Round and Sign (figure 3), and at its end beside
//! published networks with binary weights (figure 4, right).

use std::fmt::Write;

use super::plot::{self, EDGE};
use super::table2::deviations;
use super::{Figure, Section};
use crate::figure::Style;
use crate::figure::axes::{Axes, Axis};
use crate::report::html::escape;
use crate::report::paper::imagenet::{self, NETS, Net};
use crate::report::read::{EvalLine, Run};
use crate::report::sheet::{Cell, Sheet};
use crate::report::stats::distinct;

/// A run of one of the networks.
struct Row<'a> {
    run: &'a Run,
    net: &'static Net,
}

impl Row<'_> {
    fn tests(&self) -> impl Iterator<Item = &EvalLine> {
        self.run.evals.iter().filter(|l| !l.validation)
    }

    /// The tests of the last step that has any.
    fn last(&self) -> impl Iterator<Item = &EvalLine> {
        let last = self.tests().map(|l| l.step).max();
        self.tests().filter(move |l| Some(l.step) == last)
    }
}

/// Which error a figure shows.
#[derive(Clone, Copy)]
enum Guesses {
    One,
    Five,
}

impl Guesses {
    fn name(self) -> &'static str {
        match self {
            Guesses::One => "top-1",
            Guesses::Five => "top-5",
        }
    }

    fn of(self, line: &EvalLine) -> Option<f64> {
        match self {
            Guesses::One => Some(line.error),
            Guesses::Five => line.top5_error,
        }
    }
}

/// The section.
pub fn section(runs: &[Run]) -> Section {
    let heading = "Merolla 2016: ImageNet";
    let mut section =
        Section { heading, about: String::new(), tables: String::new(), figures: vec![], missing: vec![] };
    let rows: Vec<Row> = runs.iter().filter_map(|run| Some(Row { run, net: run.alexnet()? })).collect();
    let tested: Vec<&Row> = rows.iter().filter(|row| row.tests().next().is_some()).collect();
    if tested.is_empty() {
        if let Some(preset) = rows.first().and_then(|row| row.net.preset()) {
            section.missing.push((heading.into(), format!("weightproof train {preset} --out RUN")));
        }
        return section;
    }
    section.about =
        "An AlexNet with batch norm is trained under one projection (its name) and tested under others, with moments \
                     computed anew for each."
            .into();
    let own: Vec<&Run> = tested.iter().map(|row| row.run).collect();
    section.tables = table(&tested) + &deviations(&own);
    section.figures.extend([Guesses::Five, Guesses::One].into_iter().filter_map(|guesses| figure(&tested, guesses)));
    section
}

fn table(rows: &[&Row]) -> String {
    let mut sheet = Sheet::new(&[
        "network",
        "tested under",
        "iterations",
        "top-1, %",
        "top-5, %",
        "published top-1, %",
        "published top-5, %",
        "after iterations",
    ]);
    let published = |of: Option<&imagenet::Published>| {
        let after = of.map_or(Cell::Empty, |p| p.steps.map_or("all".into(), Cell::count));
        [Cell::maybe(of.and_then(|p| p.top1), 1), Cell::maybe(of.map(|p| p.top5), 1), after]
    };
    for net in &NETS {
        let ours: Vec<&&Row> = rows.iter().filter(|row| row.net == net).collect();
        for row in &ours {
            for l in row.last() {
                let [top1, top5] = [Cell::Number(l.error, 2), Cell::maybe(l.top5_error, 2)];
                let own =
                    [row.run.label.as_str().into(), l.distortion.as_str().into(), Cell::count(l.step), top1, top5];
                sheet.rows.push(own.into_iter().chain(published(net.error(&l.distortion, l.step))).collect());
            }
        }
        if ours.is_empty() {
            for p in net.errors {
                let own = [net.name.into(), p.distortion.into(), Cell::Empty, Cell::Empty, Cell::Empty];
                sheet.rows.push(own.into_iter().chain(published(Some(p))).collect());
            }
        }
    }
    let caption = "Figure 4, right: errors at the end of training, ours and published ones on ImageNet";
    let mut out = format!("<div class=wide>{}</div>\n", sheet.html(caption));
    let _ = writeln!(out, "<p class=note>Published: {}.</p>", escape(imagenet::SOURCE));
    out
}

/// Figure 3, a panel for each network, if its tests say this error.
fn figure(rows: &[&Row], guesses: Guesses) -> Option<Figure> {
    let several = |row: &&&Row| {
        let steps = row.tests().filter(|l| guesses.of(l).is_some()).map(|l| l.step);
        distinct(steps).len() >= 2
    };
    let rows: Vec<&&Row> = rows.iter().filter(several).collect();
    if rows.is_empty() {
        return None;
    }
    let names = distinct(rows.iter().flat_map(|row| row.tests().map(|l| l.distortion.as_str())));
    let style = |name: &str| Style::of(names.iter().position(|n| *n == name).unwrap_or(0));
    let theirs = |row: &Row| -> Vec<(&'static str, f64)> {
        let last = row.last().next().map_or(0, |l| l.step);
        let all = row.net.errors.iter().filter(|e| row.net.error(e.distortion, last) == Some(e));
        all.filter_map(|e| Some((e.distortion, if matches!(guesses, Guesses::Five) { e.top5 } else { e.top1? })))
            .collect()
    };
    let mut keys: Vec<_> = names.iter().map(|n| plot::key(n, style(n))).collect();
    if rows.iter().any(|row| !theirs(row).is_empty()) {
        keys.push(plot::paper("hollow, at the right edge: published for ImageNet", Style::of(0)));
    }
    let (columns, height) = (rows.len().min(2), 280.0);
    let title = format!("Figure 3: {} error during training under several projections", guesses.name());
    let (mut d, begin) = plot::begin(&title, &keys, plot::rows(rows.len(), columns, height) + EDGE);
    let all = || rows.iter().flat_map(|row| row.tests().filter_map(|l| guesses.of(l)));
    let top = plot::above(all().chain(rows.iter().flat_map(|row| theirs(row)).map(|(_, error)| error))).min(100.0);
    let mut data = Sheet::new(&["network", "iteration", "distortion", "error, %", "loss"]);
    for (row, area) in rows.iter().zip(plot::panels(rows.len(), columns, begin, height)) {
        plot::panel_title(&mut d, area, &row.run.label);
        let last = row.tests().map(|l| l.step).max().unwrap_or(1) as f64;
        let errors = format!("{} error, %", guesses.name());
        let axes = Axes::within(area, Axis::linear([0.0, 1.06 * last], "iteration"), Axis::linear([0.0, top], &errors));
        axes.draw(&mut d);
        for name in &names {
            let own = row.tests().filter(|l| l.distortion == *name);
            let points: Vec<[f64; 2]> = own.filter_map(|l| Some([l.step as f64, guesses.of(l)?])).collect();
            plot::line(&mut d, &axes, &points, style(name));
        }
        let papers = theirs(row);
        for (i, (name, error)) in papers.iter().enumerate() {
            let [x, y] = axes.at(last, *error);
            d.hollow(style(name).mark, [x + plot::beside(i, papers.len(), 40.0), y], 4.5, style(name).color);
        }
        data.rows.extend(row.tests().map(|l| {
            let numbers = [Cell::maybe(guesses.of(l), 2), Cell::Number(l.loss, 4)];
            let own = [row.run.label.as_str().into(), Cell::count(l.step), l.distortion.as_str().into()];
            own.into_iter().chain(numbers).collect()
        }));
    }
    Some(Figure {
        id: format!("imagenet-{}-in-training", guesses.name()),
        title,
        caption:
            "The network is tested as it is at that time; for each projection the batch-norm moments are computed anew."
                .into(),
        description: format!(
            "Line charts of the {} error in per cent over the iterations, one for each of {} networks, a line for each of: {}. \
             The table below has the numbers.",
            guesses.name(),
            rows.len(),
            names.join(", ")
        ),
        drawing: d,
        data,
        command: distinct(rows.iter().filter_map(|row| row.run.text("command"))).join("\n"),
    })
}
