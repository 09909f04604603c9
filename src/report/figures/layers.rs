//! Figures with a value per layer: what a projection moves (figure 1C), how alike the activity stays (figure 1D), and which
//! layer suffers most.

use super::plot;
use super::{Figure, Section};
use crate::eval::analysis::LayerError;
use crate::figure::axes::{Axes, Axis};
use crate::report::commands::Commands;
use crate::report::read::Run;
use crate::report::sheet::{Cell, Sheet};
use crate::report::stats::Apart;
use crate::report::stats::distinct;

/// A value of a layer of a run.
struct Value<'a> {
    run: &'a Run,
    layer: &'a str,
    value: f64,
    /// What it is compared with: the value is drawn as a stick from there.
    base: Option<f64>,
}

struct Panel<'a> {
    title: String,
    values: Vec<Value<'a>>,
}

struct Look {
    id: &'static str,
    title: &'static str,
    axis: &'static str,
    caption: String,
    /// The axis reaches at least so far.
    least: f64,
}

/// Figure 1C.
pub fn distance(runs: &[Run], commands: &Commands) -> Section {
    let all = || runs.iter().flat_map(|r| r.analysis.distance.iter().flatten().map(move |d| (r, d)));
    let mut data = Sheet::new(&["network", "distortion", "layer", "mean |W - P(W)|", "mean |W - P(W)| over alpha"]);
    data.rows.extend(all().map(|(run, d)| {
        let texts = [&run.label, &d.distortion, &d.layer].map(|t| t.as_str().into());
        texts.into_iter().chain([Cell::Number(d.mean_abs, 5), Cell::Number(d.mean_abs_over_alpha, 4)]).collect()
    }));
    let panel = |distortion: &str| Panel {
        title: distortion.to_owned(),
        values: all()
            .filter(|(_, d)| d.distortion == distortion)
            .map(|(run, d)| Value { run, layer: &d.layer, value: d.mean_abs_over_alpha, base: None })
            .collect(),
    };
    let panels = distinct(all().map(|(_, d)| d.distortion.as_str())).into_iter().map(panel).collect();
    let distortions = or(distinct(all().map(|(_, d)| d.distortion.as_str())), &["sign", "round"]);
    let command = commands.analyze_under("distance", &distortions);
    let look = Look {
        id: "distance",
        title: "Figure 1C: how far a projection moves the weights of each layer",
        axis: "mean |W − P(W)| over α",
        caption: "Mean over the weights of a layer, in units of α, the largest |W| of the layer.".into(),
        least: 0.0,
    };
    section("What a projection moves", "", look, panels, data, command)
}

/// Figure 1D.
pub fn correlation(runs: &[Run], commands: &Commands) -> Section {
    let all = || runs.iter().flat_map(|r| r.analysis.correlation.iter().flatten().map(move |c| (r, c)));
    let mut data =
        Sheet::new(&["network", "distortions", "layer", "r of the activity", "r of the weighted sums", "images"]);
    data.rows.extend(all().map(|(run, c)| {
        let pair = format!("{} and {}", c.a, c.b);
        let texts = [run.label.as_str(), &pair, &c.layer].map(Cell::from);
        let numbers = [Cell::maybe(c.r, 4), Cell::maybe(c.r_sums, 4), Cell::count(c.images as u64)];
        texts.into_iter().chain(numbers).collect()
    }));
    let minibatches = distinct(all().map(|(_, c)| c.images));
    let panel = |(a, b, images): (&str, &str, usize)| Panel {
        title: match minibatches.len() {
            1 => format!("{a} and {b}"),
            _ => format!("{a} and {b} ({images} images)"),
        },
        values: all()
            .filter(|(_, c)| (c.a.as_str(), c.b.as_str(), c.images) == (a, b, images))
            .map(|(run, c)| Value { run, layer: &c.layer, value: c.r.unwrap_or(f64::NAN), base: None })
            .collect(),
    };
    let panels = distinct(all().map(|(_, c)| (c.a.as_str(), c.b.as_str(), c.images))).into_iter().map(panel).collect();
    let distortions = or(distinct(all().map(|(_, c)| c.b.as_str())), &["sign"]);
    let command = commands.analyze_under("correlation", &distortions);
    let images = match minibatches.as_slice() {
        [one] => format!(" ({one} test images)"),
        _ => String::new(),
    };
    let look = Look {
        id: "correlation",
        title: "Figure 1D: correlation of the activity of each layer between two passes",
        axis: "Pearson's r",
        caption: format!(
            "The same minibatch{images} passes twice, the weights under one distortion and under the other; r is \
             taken over images, places and channels behind the nonlinearity of the layer."
        ),
        least: 1.0,
    };
    section("How alike the activity stays", "", look, panels, data, command)
}

/// Which layer suffers most.
pub fn sensitivity(runs: &[Run], commands: &Commands) -> Section {
    let all = || runs.iter().flat_map(|r| r.analysis.layers.iter().flatten().map(move |l| (r, l)));
    let mut data = Sheet::new(&[
        "network",
        "distortion",
        "layer",
        "distorted",
        "error, %",
        "undistorted, %",
        "draws",
        "test images",
    ]);
    let none = |run: &Run| {
        let rows = || run.analysis.layers.iter().flatten();
        rows().find(|l| l.distortion == "none").map(|l| l.error)
    };
    data.rows.extend(all().filter(|(_, l)| l.distortion != "none").map(|(run, l)| {
        let which = if l.except { "all others" } else { "this one" };
        let texts = [run.label.as_str(), &l.distortion, &l.layer, which].map(Cell::from);
        let numbers = [
            Cell::Number(l.error, 2),
            Cell::maybe(none(run), 2),
            Cell::count(l.measured.draws.into()),
            Cell::count(l.measured.images as u64),
        ];
        texts.into_iter().chain(numbers).collect()
    }));
    let apart = Apart::of(all().map(|(_, l)| &l.measured));
    let distorted = || all().filter(|(_, l)| l.distortion != "none").map(|(_, l)| l);
    let kinds = distinct(distorted().map(|l| (l.distortion.as_str(), l.except, apart.text(&l.measured))));
    let panel = |(distortion, except, measured): &(&str, bool, String)| {
        let whole = |l: &LayerError| l.layer == LayerError::ALL;
        let of = |l: &LayerError| {
            l.distortion == *distortion && (l.except == *except || whole(l)) && apart.text(&l.measured) == *measured
        };
        let values = || all().filter(|(_, l)| of(l));
        // The whole network last.
        let ordered = values().filter(|(_, l)| !whole(l)).chain(values().filter(|(_, l)| whole(l)));
        Panel {
            title: match except {
                true => format!("{distortion}, all layers but this one{measured}"),
                false => format!("{distortion}, this layer alone{measured}"),
            },
            values: ordered.map(|(run, l)| Value { run, layer: &l.layer, value: l.error, base: none(run) }).collect(),
        }
    };
    let look = Look {
        id: "sensitivity",
        title: "Test error with one layer distorted",
        axis: "test error, %",
        caption: "Every stick begins at the error of the undistorted network and ends, with the mark, at the error with that layer \
                  distorted: its length is the damage."
            .into(),
        least: 0.0,
    };
    let mut command = commands.analyze_under("layers", &or(distinct(kinds.iter().map(|k| k.0)), &["sign"]));
    if kinds.iter().any(|(_, except, _)| *except) {
        command = command.replace(" --only layers", " --only layers --all-but-one");
    }
    let draws = all().map(|(_, l)| l.measured.draws).max().unwrap_or(1);
    if draws > 1 {
        command = command.replace(" --distort", &format!(" --draws {draws} --distort"));
    }
    command += &apart.options();
    let panels = kinds.iter().map(panel).collect();
    section("Sensitivity of the layers", "", look, panels, data, command)
}

/// The distortions that there are data for, else those of the paper.
fn or<'a>(own: Vec<&'a str>, papers: &[&'a str]) -> Vec<&'a str> {
    if own.is_empty() { papers.to_vec() } else { own }
}

fn section(
    heading: &'static str,
    about: &str,
    look: Look,
    panels: Vec<Panel>,
    data: Sheet,
    command: String,
) -> Section {
    let mut section = Section { heading, about: about.into(), tables: String::new(), figures: vec![], missing: vec![] };
    match panels.is_empty() {
        true => section.missing.push((look.title.into(), command)),
        false => section.figures.push(draw(look, &panels, data, command)),
    }
    section
}

fn draw(look: Look, panels: &[Panel], data: Sheet, command: String) -> Figure {
    let values = || panels.iter().flat_map(|p| &p.values);
    let mut runs: Vec<&Run> = vec![];
    for v in values() {
        if !runs.iter().any(|r| std::ptr::eq(*r, v.run)) {
            runs.push(v.run);
        }
    }
    let finite = || values().flat_map(|v| [Some(v.value), v.base]).flatten().filter(|v| v.is_finite());
    let low = finite().fold(0.0, f64::min);
    let top = if look.least > 0.0 { look.least } else { plot::above(finite()) };
    // Sticks stand beside one another; lines lie on top of one another.
    let sticks = values().any(|v| v.base.is_some()) && runs.len() > 2;
    let columns = if panels.len() == 1 || sticks { 1 } else { 2 };
    let height = if panels.len() == 1 { 340.0 } else { 270.0 };
    let keys = plot::keys(runs.iter().copied());
    let (mut d, begin) = plot::begin(look.title, &keys, plot::rows(panels.len(), columns, height) + 4.0);
    for (panel, area) in panels.iter().zip(plot::panels(panels.len(), columns, begin, height)) {
        plot::panel_title(&mut d, area, &panel.title);
        let layers = distinct(panel.values.iter().map(|v| v.layer));
        let names = layers.iter().map(|l| l.to_string()).collect();
        let axes = Axes::within(area, Axis::names(names, ""), Axis::linear([low, top], look.axis));
        axes.draw(&mut d);
        let room = 0.8 * (axes.area[2] - axes.area[0]) / layers.len().max(1) as f64;
        for (i, run) in runs.iter().enumerate() {
            let own = || panel.values.iter().filter(|v| std::ptr::eq(v.run, *run));
            let at = |layer: &str| layers.iter().position(|l| *l == layer).unwrap_or(0) as f64 + 0.5;
            let points: Vec<[f64; 2]> = own().filter(|v| v.base.is_none()).map(|v| [at(v.layer), v.value]).collect();
            plot::line(&mut d, &axes, &points, run.style);
            let shift = plot::beside(i, runs.len(), room);
            for v in own().filter(|v| v.value.is_finite()) {
                if let Some(base) = v.base {
                    plot::stick(&mut d, &axes, at(v.layer), shift, [base, v.value], run.style);
                }
            }
        }
    }
    let description = format!(
        "Chart with a value per layer for {} networks, {} panels: {}. The table below has the numbers.",
        runs.len(),
        panels.len(),
        panels.iter().map(|p| p.title.as_str()).collect::<Vec<_>>().join("; ")
    );
    Figure {
        id: look.id.into(),
        title: look.title.into(),
        caption: look.caption,
        description,
        drawing: d,
        data,
        command,
    }
}
