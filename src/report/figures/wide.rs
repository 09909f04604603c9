//! The wide residual networks of McDonnell 2018: test error at the ends of cycles, ours and theirs.

use std::fmt::Write;

use super::plot::{self, EDGE};
use super::table2::deviations;
use super::{Figure, Section};
use crate::figure::axes::{Axes, Axis};
use crate::figure::{Dash, Style};
use crate::report::html::escape;
use crate::report::paper::wide::{self, Net};
use crate::report::read::{EvalLine, Run};
use crate::report::sheet::{Cell, Sheet};
use crate::report::stats::distinct;

/// A run of one of the paper's networks.
struct Row<'a> {
    run: &'a Run,
    net: &'static Net,
}

impl Row<'_> {
    /// The tests of its log: epochs done, and error.
    fn tests(&self) -> Vec<(u64, f64)> {
        let ours = |l: &&EvalLine| !l.validation && l.distortion == self.net.distortion();
        self.run.evals.iter().filter(ours).map(|l| (l.epoch, l.error)).collect()
    }

    /// What stands in one panel.
    fn panel(&self) -> (&'static str, &'static str) {
        (self.net.set, self.net.network)
    }
}

/// The section.
pub fn section(runs: &[Run]) -> Section {
    let heading = "McDonnell 2018: one bit per weight";
    let mut section =
        Section { heading, about: String::new(), tables: String::new(), figures: vec![], missing: vec![] };
    let rows: Vec<Row> = runs.iter().filter_map(|run| Some(Row { run, net: run.wide()? })).collect();
    let tested: Vec<&Row> = rows.iter().filter(|row| !row.tests().is_empty()).collect();
    if tested.is_empty() {
        if let Some(row) = rows.first() {
            let command = format!("weightproof train {} --out RUN", row.net.preset());
            section.missing.push((heading.into(), command));
        }
        return section;
    }
    section.about =
        "Test error at the ends of cycles of the learning rate, each network under the projection that it is \
                     trained with."
            .into();
    let own: Vec<&Run> = rows.iter().map(|row| row.run).collect();
    section.tables = table(&tested) + &deviations(&own);
    section.figures.extend(figure(&tested));
    section
}

fn table(rows: &[&Row]) -> String {
    let mut sheet = Sheet::new(&[
        "network",
        "data",
        "bits per weight",
        "epochs",
        "ours, %",
        "paper, %",
        "difference, points",
        "paper after all epochs, %",
    ]);
    for row in rows {
        for (epochs, error) in row.tests() {
            let theirs = row.net.after(epochs);
            sheet.rows.push(vec![
                row.run.label.as_str().into(),
                row.net.set.into(),
                Cell::count(u64::from(row.net.bits)),
                Cell::count(epochs),
                Cell::Number(error, 2),
                Cell::maybe(theirs, 2),
                Cell::maybe(theirs.map(|t| error - t), 2),
                Cell::Number(row.net.error, 2),
            ]);
        }
    }
    let caption = "Test error, ours and the paper's after as many epochs; where it shows none, there is none here";
    let mut out = format!("<div class=wide>{}</div>\n", sheet.html(caption));
    let _ = writeln!(out, "<p class=note>Paper: {}.</p>", escape(wide::SOURCE));
    out
}

/// The curves, a panel for each data set and network whose curve the paper shows.
fn figure(rows: &[&Row]) -> Option<Figure> {
    let rows: Vec<&&Row> = rows.iter().filter(|row| !row.net.curve.is_empty()).collect();
    let panels = distinct(rows.iter().map(|row| row.panel()));
    if panels.is_empty() {
        return None;
    }
    let style = |net: &Net| Style::of(usize::from(net.bits == 1));
    let bits = |n: u32| if n == 1 { "1 bit per weight".to_owned() } else { format!("{n} bits per weight") };
    let nets = distinct(rows.iter().map(|row| row.net.bits));
    let mut keys: Vec<_> = nets.iter().map(|n| plot::key(&bits(*n), Style::of(usize::from(*n == 1)))).collect();
    keys.push(plot::paper("hollow: the paper's", Style::of(0)));
    let (columns, height) = (panels.len().min(2), 280.0);
    let title = "Learning curves: test error at the ends of cycles";
    let (mut d, begin) = plot::begin(title, &keys, plot::rows(panels.len(), columns, height) + EDGE);
    let mut data = Sheet::new(&["network", "data", "bits per weight", "epochs", "ours, %", "paper, %"]);
    for (panel, area) in panels.iter().zip(plot::panels(panels.len(), columns, begin, height)) {
        let here: Vec<&&&Row> = rows.iter().filter(|row| row.panel() == *panel).collect();
        plot::panel_title(&mut d, area, &format!("{}, {}", panel.1, panel.0));
        let theirs = || here.iter().flat_map(|row| row.net.curve.iter().copied());
        let all = || theirs().chain(here.iter().flat_map(|row| row.tests()));
        let epochs = all().fold([f64::INFINITY, 1.0], |[a, b], (e, _)| [a.min(e as f64), b.max(e as f64)]);
        let axes = Axes::within(
            area,
            Axis::log([epochs[0].max(0.5), epochs[1] * 1.1], "epochs"),
            Axis::linear([0.0, plot::above(all().map(|(_, error)| error))], "test error, %"),
        );
        axes.draw(&mut d);
        let mut drawn: Vec<&Net> = vec![];
        for net in here.iter().map(|row| row.net) {
            if drawn.contains(&net) {
                continue;
            }
            drawn.push(net);
            let points: Vec<[f64; 2]> = net.curve.iter().map(|(e, error)| axes.at(*e as f64, *error)).collect();
            d.line(&points, 1.5, Dash::Short, style(net).color);
            points.iter().for_each(|at| d.hollow(style(net).mark, *at, 4.5, style(net).color));
        }
        for row in &here {
            let points: Vec<[f64; 2]> = row.tests().iter().map(|(e, error)| [*e as f64, *error]).collect();
            plot::line(&mut d, &axes, &points, style(row.net));
            let tests = row.tests();
            let ours = |epochs: u64| tests.iter().find(|(e, _)| *e == epochs).map(|(_, error)| *error);
            let mut all = distinct(tests.iter().map(|(e, _)| *e).chain(row.net.curve.iter().map(|(e, _)| *e)));
            all.sort_unstable();
            data.rows.extend(all.into_iter().map(|epochs| {
                vec![
                    row.run.label.as_str().into(),
                    row.net.set.into(),
                    Cell::count(u64::from(row.net.bits)),
                    Cell::count(epochs),
                    Cell::maybe(ours(epochs), 2),
                    Cell::maybe(row.net.after(epochs), 2),
                ]
            }));
        }
    }
    Some(Figure {
        id: "learning-curves".into(),
        title: title.into(),
        caption: "Filled, solid: ours; hollow, dashed: the paper's. The axis of epochs is logarithmic: each cycle is twice as \
                  long as the one before."
            .into(),
        description: format!(
            "Line charts of the test error in per cent over the epochs, one for each of {} networks, with ours and the \
             paper's lines. The table below has the numbers.",
            panels.len()
        ),
        drawing: d,
        data,
        command: distinct(rows.iter().filter_map(|row| row.run.text("command"))).join("\n"),
    })
}
