//! Noise budgets: the strongest distortion that a network stands; and effective bits per weight.

use super::plot;
use super::{Figure, Section};
use crate::eval::analysis::{Budget, Outcome};
use crate::figure::axes::{Axes, Axis, SMALL};
use crate::figure::{Anchor, Drawing, INK};
use crate::report::commands::Commands;
use crate::report::html::details;
use crate::report::quote;
use crate::report::read::Run;
use crate::report::sheet::{Cell, Sheet};
use crate::report::stats::Apart;
use crate::report::stats::distinct;

/// The section.
pub fn section(runs: &[Run], commands: &Commands) -> Section {
    let mut section = Section {
        heading: "Noise budgets and effective bits",
        about: "A budget is the strongest distortion at which the test error stays within a bound. A weight has 0.5 log2(1 + Qw/Qn) \
                effective bits, with the second moments Qw of the weights and Qn of what the distortion adds to them."
            .into(),
        tables: String::new(),
        figures: vec![],
        missing: vec![],
    };
    let all: Vec<(&Run, &Budget)> =
        runs.iter().flat_map(|r| r.analysis.budgets.iter().flatten().map(move |b| (r, b))).collect();
    if all.is_empty() {
        section.missing.push((TITLE.into(), commands.analyze("budgets", "--budget addnorm,multunif --bound +2")));
    } else {
        let data = sheet(&all);
        section.tables += &data.html("The strongest distortion within a bound on the test error");
        section.figures.push(figure(&all, data, commands));
    }
    match bits(runs) {
        Some(tables) => section.tables += &tables,
        None => section.missing.push((
            "Effective bits per weight".into(),
            commands.analyze_under("bits", &["sign", "round", "addnorm:0.55"]),
        )),
    }
    section
}

const TITLE: &str = "Noise budgets";

/// How the search ended, in words.
fn ended(b: &Budget) -> String {
    match b.outcome {
        Outcome::Crossed => format!("found within {}", (b.tolerance * 1e4).round() / 1e4),
        Outcome::NeverMet => "exceeded without any noise".into(),
        Outcome::NeverExceeded => "kept in the whole range".into(),
    }
}

fn sheet(all: &[(&Run, &Budget)]) -> Sheet {
    let mut sheet = Sheet::new(&[
        "network",
        "distortion",
        "bound, %",
        "parameter",
        "bits",
        "error there, %",
        "undistorted, %",
        "the bound is",
        "draws",
        "test images",
    ]);
    for (run, b) in all {
        sheet.rows.push(vec![
            run.label.as_str().into(),
            b.distortion.as_str().into(),
            Cell::Number(b.bound_error, 2),
            Cell::maybe(b.parameter, 3),
            Cell::maybe(b.bits, 2),
            Cell::Number(b.error, 2),
            Cell::Number(b.none_error, 2),
            Cell::Text(ended(b)),
            Cell::count(b.measured.draws.into()),
            Cell::count(b.measured.images as u64),
        ]);
    }
    sheet
}

/// A bound as `analyze` takes it.
fn bound(b: &Budget, all: &[(&Run, &Budget)]) -> String {
    let over = |b: &Budget| hundredths(b.bound_error - b.none_error);
    let same = |other: &Budget| over(other) == over(b) && other.none_error != b.none_error;
    match all.iter().any(|(_, other)| same(other)) {
        true => format!("+{}", over(b)),
        false => format!("{}%", hundredths(b.bound_error)),
    }
}

fn hundredths(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

/// The bound in words: as a number, or over the error without distortion, whichever says it for more networks at once.
fn bounds(own: &[&(&Run, &Budget)]) -> Vec<String> {
    let fixed: Vec<String> = own.iter().map(|(_, b)| format!("error ≤ {}%", hundredths(b.bound_error))).collect();
    let over = |b: &Budget| format!("error ≤ undistorted + {}", hundredths(b.bound_error - b.none_error));
    let relative: Vec<String> = own.iter().map(|(_, b)| over(b)).collect();
    if distinct(&relative).len() < distinct(&fixed).len() { relative } else { fixed }
}

fn figure(all: &[(&Run, &Budget)], data: Sheet, commands: &Commands) -> Figure {
    let apart = Apart::of(all.iter().map(|(_, b)| &b.measured));
    let families = distinct(all.iter().map(|(_, b)| b.distortion.as_str()));
    // A panel for each family and bound, and for each way to measure.
    let mut panels: Vec<(String, Vec<(&Run, &Budget)>)> = vec![];
    for family in &families {
        let own: Vec<&(&Run, &Budget)> = all.iter().filter(|(_, b)| b.distortion == *family).collect();
        for (one, bound) in own.iter().zip(bounds(&own)) {
            let title = format!("{family}: {bound}{}", apart.text(&one.1.measured));
            match panels.iter_mut().find(|(t, _)| *t == title) {
                Some((_, members)) => members.push(**one),
                None => panels.push((title, vec![**one])),
            }
        }
    }
    let draws = all.iter().map(|(_, b)| b.measured.draws).max().unwrap_or(1);
    let columns = if panels.len() == 1 { 1 } else { 2 };
    let height = 280.0;
    let (mut d, begin) = plot::begin(TITLE, &[], plot::rows(panels.len(), columns, height) + 4.0);
    for ((title, own), area) in panels.iter().zip(plot::panels(panels.len(), columns, begin, height)) {
        plot::panel_title(&mut d, area, title);
        panel(&mut d, own, area);
    }
    Figure {
        id: "budgets".into(),
        title: TITLE.into(),
        caption: caption(all),
        description: format!(
            "Chart of the strongest parameter of {} that keeps a bound on the test error, {} panels: {}. The table has the numbers.",
            families.join(", "),
            panels.len(),
            panels.iter().map(|(t, _)| t.as_str()).collect::<Vec<_>>().join("; ")
        ),
        drawing: d,
        data,
        command: distinct(all.iter().map(|(_, b)| bound(b, all)))
            .iter()
            .map(|bound| {
                commands.analyze(
                    "budgets",
                    &format!(
                        "--budget {} --bound {bound} --draws {draws}{}",
                        quote(&families.join(",")),
                        apart.options()
                    ),
                )
            })
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn caption(all: &[(&Run, &Budget)]) -> String {
    let mut text =
        "A stick reaches from the harmless end to the strongest distortion with which the error keeps the bound"
            .to_owned();
    if all.iter().any(|(_, b)| b.parameter.is_some() && b.bits.is_some()) {
        text += "; above it the effective bits per weight there, where there is room";
    }
    text += ".";
    if all.iter().any(|(_, b)| b.parameter.is_none()) {
        text += " None: the bound is exceeded without any noise.";
    }
    text
}

fn panel(d: &mut Drawing, own: &[(&Run, &Budget)], area: [f64; 4]) {
    let names = own.iter().map(|(r, _)| Drawing::fit(&r.label, SMALL, 120.0)).collect();
    let from = own[0].1.range[0];
    // As far as the budgets reach, not as far as the search did.
    let reach = |b: &Budget| b.parameter.unwrap_or(from) - from;
    let most = own.iter().map(|(_, b)| reach(b)).fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
    let end = own[0].1.range[1];
    let to = if most == 0.0 { end } else { from + 1.2 * most };
    // Not beyond what was searched: there may be no such parameters.
    let to = if from < end { to.min(end) } else { to.max(end) };
    let axes = Axes::within(area, Axis::names(names, ""), Axis::linear([from, to], "strongest parameter"));
    axes.draw(d);
    let room = (axes.area[2] - axes.area[0]) / own.len() as f64;
    for (i, (run, b)) in own.iter().enumerate() {
        let at = i as f64 + 0.5;
        if let Some(parameter) = b.parameter {
            plot::stick(d, &axes, at, 0.0, [from, parameter], run.style);
        }
        let text = match (b.parameter, b.bits) {
            (None, _) => "none".into(),
            (Some(_), Some(bits)) => format!("{bits:.1} bits"),
            (Some(_), None) => String::new(),
        };
        if Drawing::text_width(&text, SMALL) < room {
            let [x, y] = axes.at(at, b.parameter.unwrap_or(from));
            // Beside a stick that reaches to the upper edge.
            match y - 22.0 < axes.area[1] {
                true => d.text(text, [x - 8.0, y + 14.0], SMALL, Anchor::End, INK),
                false => d.text(text, [x, y - 10.0], SMALL, Anchor::Middle, INK),
            }
        }
    }
}

/// Tables of effective bits.
fn bits(runs: &[Run]) -> Option<String> {
    let all = || runs.iter().flat_map(|r| r.analysis.bits.iter().flatten().map(move |b| (r, b)));
    let mut whole = Sheet::new(&["network", "distortion", "bits per weight", "draws"]);
    let mut layers = Sheet::new(&["network", "distortion", "layer", "bits per weight"]);
    for (run, b) in all() {
        let names = || [run.label.as_str(), &b.distortion].map(Cell::from).into_iter();
        whole.rows.push(names().chain([Cell::maybe(b.bits, 3), Cell::count(b.draws.into())]).collect());
        for l in &b.by_layer {
            layers.rows.push(names().chain([l.layer.as_str().into(), Cell::maybe(l.bits, 3)]).collect());
        }
    }
    (!whole.rows.is_empty()).then(|| {
        whole.html("Effective bits per weight; none where the distortion moves nothing")
            + &details("Bits layer by layer", &layers.html("Effective bits per weight of each layer"))
    })
}
