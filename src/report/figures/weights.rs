//! Weights: histograms before and after projections (figures 1A and 2D), and single filters as pictures (figure 1B).

use super::plot::{self, WIDTH};
use super::{Figure, Section};
use crate::eval::analysis::{Filter, Histogram};
use crate::figure::axes::{Axes, Axis, SMALL};
use crate::figure::{Anchor, Color, Dash, Drawing, FAINT, INK, PALETTE};
use crate::ranges::thousands;
use crate::report::commands::Commands;
use crate::report::html::slug;
use crate::report::read::Run;
use crate::report::sheet::{Cell, Sheet};
use crate::report::stats::distinct;

/// Panels of a figure of histograms, at most.
const MOST_PANELS: usize = 9;

/// The layer of the paper's figure 2D.
const LAYER: &str = "conv2";

/// The section.
pub fn section(runs: &[Run], commands: &Commands) -> Section {
    let mut figures: Vec<Figure> = runs.iter().filter_map(|r| histograms(r, commands)).collect();
    let mut missing = vec![];
    if figures.is_empty() {
        let command = commands.analyze_under("histograms", &["none", "power:0", "power:0.5", "power:2"]);
        missing.push(("Figures 1A and 2D: histograms of the weights".into(), command));
    }
    match filters(runs, commands) {
        Some(figure) => figures.push(figure),
        None => missing.push((
            "Filters as pictures (insets of figure 1B)".into(),
            commands.analyze_under("filters", &["none", "sign"]),
        )),
    }
    let about = "What a projection does to the weights themselves.".into();
    Section { heading: "Weights", about, tables: String::new(), figures, missing }
}

fn histograms(run: &Run, commands: &Commands) -> Option<Figure> {
    let all = run.analysis.histograms.as_deref().unwrap_or_default();
    let sound = |h: &&Histogram| h.edges.len() == h.counts.len() + 1 && !h.counts.is_empty();
    let layers = distinct(all.iter().filter(sound).map(|h| h.layer.as_str()));
    let layer = layers.iter().find(|l| **l == LAYER).or(layers.first())?;
    let shown: Vec<&Histogram> = all.iter().filter(sound).filter(|h| h.layer == *layer).take(MOST_PANELS).collect();
    let title = format!("Figures 1A and 2D: weights of {layer} of {}", run.label);
    let columns = if matches!(shown.len(), 2 | 4) { 2 } else { 3 };
    let (mut d, begin) = plot::begin(&title, &[], plot::rows(shown.len(), columns, 200.0) + 4.0);
    for (h, area) in shown.iter().zip(plot::panels(shown.len(), columns, begin, 200.0)) {
        plot::panel_title(&mut d, area, &h.distortion);
        panel(&mut d, h, area);
    }
    let mut data = Sheet::new(&["layer", "distortion", "from, over alpha", "to, over alpha", "weights", "alpha"]);
    for h in all.iter().filter(sound) {
        for (edges, count) in h.edges.windows(2).zip(&h.counts) {
            data.rows.push(vec![
                h.layer.as_str().into(),
                h.distortion.as_str().into(),
                Cell::Number(edges[0], 4),
                Cell::Number(edges[1], 4),
                Cell::count(*count),
                Cell::Number(h.alpha, 5),
            ]);
        }
    }
    let mut more = match layers.len() {
        1 => String::new(),
        n => format!(" The other {} layers are in the table.", n - 1),
    };
    let distortions = all.iter().filter(sound).filter(|h| h.layer == *layer).count();
    if distortions > shown.len() {
        more += &format!(" The first {} of {distortions} distortions; the table has all.", shown.len());
    }
    Some(Figure {
        id: format!("histograms-{}", slug(&run.label)),
        caption: format!(
            "Share of the {} weights by value, in units of α = {:.4}, the largest |w| of the layer; the outermost bars hold what \
             lies beyond.{more}",
            thousands(shown[0].counts.iter().sum()),
            shown[0].alpha
        ),
        description: format!(
            "Histograms of the weights of {layer}, {} panels: {}. The table below has the counts.",
            shown.len(),
            shown.iter().map(|h| h.distortion.as_str()).collect::<Vec<_>>().join(", ")
        ),
        title,
        drawing: d,
        data,
        command: commands.analyze_under("histograms", &distinct(all.iter().map(|h| h.distortion.as_str()))),
    })
}

fn panel(d: &mut Drawing, h: &Histogram, area: [f64; 4]) {
    let total = h.counts.iter().sum::<u64>().max(1) as f64;
    let share = |n: u64| 100.0 * n as f64 / total;
    let top = plot::above(h.counts.iter().map(|n| share(*n)));
    let ends = [h.edges[0], h.edges[h.edges.len() - 1]];
    let axes = Axes::within(area, Axis::linear(ends, "w/α"), Axis::linear([0.0, top], "weights, %"));
    axes.draw(d);
    for (edges, n) in h.edges.windows(2).zip(&h.counts).filter(|(_, n)| **n > 0) {
        let ([left, base], [right, y]) = (axes.at(edges[0], 0.0), axes.at(edges[1], share(*n)));
        // A rare value is still seen.
        let height = (base - y).max(1.0);
        d.rect([left, base - height], [(right - left).max(1.5), height], PALETTE[0]);
    }
}

/// The filters of figure 1B: those of the first distortion that there are any of.
pub fn insets(run: &Run) -> Vec<&Filter> {
    let all = || run.analysis.filters.iter().flatten().filter(|f| is_sound(f));
    let first = all().find(|f| f.distortion == "none").or(all().next());
    all().filter(|f| first.is_some_and(|g| f.distortion == g.distortion)).collect()
}

fn is_sound(f: &Filter) -> bool {
    let [rows, columns, channels] = f.shape;
    // A picture needs rows and columns; one of a linear layer has none.
    rows * columns > 1
        && channels > 0
        && rows.checked_mul(columns).and_then(|n| n.checked_mul(channels)) == Some(f.weights.len())
}

/// Input channels that are drawn, at most.
const MOST_CHANNELS: usize = 3;

/// Draws a filter, a square for each input channel, blue for negative and orange for positive weights, white for zero;
/// returns its width.
pub fn picture(d: &mut Drawing, f: &Filter, [left, top]: [f64; 2], height: f64) -> f64 {
    let [rows, columns, channels] = f.shape;
    let cell = height / rows.max(columns) as f64;
    let most = f.weights.iter().fold(0f32, |a, w| a.max(w.abs()));
    let mut x = left;
    for c in 0..channels.min(MOST_CHANNELS) {
        for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
            let weight = f.weights[(row * columns + column) * channels + c];
            let at = [x + column as f64 * cell, top + row as f64 * cell];
            d.rect(at, [cell + 0.3, cell + 0.3], color(weight, most));
        }
        let (w, h) = (columns as f64 * cell, rows as f64 * cell);
        let frame = [[x, top], [x + w, top], [x + w, top + h], [x, top + h], [x, top]];
        d.line(&frame, 0.8, Dash::Solid, FAINT);
        x += w + 4.0;
    }
    x - 4.0 - left
}

fn color(weight: f32, most: f32) -> Color {
    let share = if most > 0.0 { f64::from(weight / most) } else { 0.0 };
    if share.is_nan() {
        FAINT
    } else if share < 0.0 {
        PALETTE[0].tint(-share)
    } else {
        PALETTE[1].tint(share)
    }
}

fn filters(runs: &[Run], commands: &Commands) -> Option<Figure> {
    let of = |r: &Run| r.analysis.filters.as_deref().unwrap_or_default().to_vec();
    let all: Vec<(&Run, Vec<Filter>)> = runs.iter().map(|r| (r, of(r))).collect();
    let sound = || all.iter().flat_map(|(_, f)| f).filter(|f| is_sound(f));
    let distortions = distinct(sound().map(|f| f.distortion.as_str()));
    let shown: Vec<(&Run, &str, usize)> =
        distinct(all.iter().flat_map(|(r, f)| {
            f.iter().filter(|f| is_sound(f)).map(|f| (r.label.as_str(), f.layer.as_str(), f.filter))
        }))
        .into_iter()
        .filter_map(|(label, layer, filter)| Some((all.iter().find(|(r, _)| r.label == label)?.0, layer, filter)))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let title = "Filters before and after projections";
    let (line, name) = (44.0, 250.0);
    let columns = distortions.len().min(4);
    let (mut d, begin) = plot::begin(title, &[], line * shown.len() as f64 + 52.0);
    let column = |i: usize| 10.0 + name + i as f64 * (WIDTH - name - 20.0) / columns as f64;
    for (i, distortion) in distortions.iter().take(columns).enumerate() {
        d.text(Drawing::fit(distortion, SMALL, 118.0), [column(i), begin + 10.0], SMALL, Anchor::Start, INK);
    }
    for (row, (run, layer, filter)) in shown.iter().enumerate() {
        let y = begin + 18.0 + row as f64 * line;
        let text = format!("{}, {layer} {filter}", run.label);
        d.text(Drawing::fit(&text, SMALL, name - 8.0), [10.0, y + 22.0], SMALL, Anchor::Start, INK);
        for (i, distortion) in distortions.iter().take(columns).enumerate() {
            let own = all.iter().filter(|(r, _)| r.label == run.label).flat_map(|(_, f)| f);
            let is =
                |f: &&Filter| f.layer == *layer && f.filter == *filter && f.distortion == *distortion && is_sound(f);
            if let Some(f) = own.clone().find(is) {
                picture(&mut d, f, [column(i), y], line - 8.0);
            }
        }
    }
    scale(&mut d, begin + 24.0 + line * shown.len() as f64);
    let mut data =
        Sheet::new(&["network", "layer", "filter", "distortion", "row", "column", "input channel", "weight"]);
    for (run, f) in all.iter().flat_map(|(r, f)| f.iter().map(move |f| (r, f))).filter(|(_, f)| is_sound(f)) {
        let [_, columns, channels] = f.shape;
        for (i, w) in f.weights.iter().enumerate() {
            let texts = [run.label.as_str(), &f.layer].map(Cell::from);
            let at = [i / channels / columns, i / channels % columns, i % channels].map(|n| Cell::count(n as u64));
            let number = [Cell::count(f.filter as u64), f.distortion.as_str().into()];
            let weight = [Cell::Number(f64::from(*w), 5)];
            data.rows.push(texts.into_iter().chain(number).chain(at).chain(weight).collect());
        }
    }
    let most = match sound().any(|f| f.shape[2] > MOST_CHANNELS) {
        true => format!(", the first {MOST_CHANNELS} of them"),
        false => String::new(),
    };
    let more = match distortions.len() > columns {
        true => format!(" The first {columns} of {} distortions; the table has all.", distortions.len()),
        false => String::new(),
    };
    Some(Figure {
        id: "filters".into(),
        title: title.into(),
        caption: format!(
            "A square for each input channel{most}; colours are relative to the largest weight of the filter under that \
             distortion.{more}"
        ),
        description: "Pictures of the weights of single filters, a row for each filter, a column for each distortion."
            .into(),
        drawing: d,
        data,
        command: commands.analyze_under("filters", &distortions),
    })
}

/// What the colours mean.
fn scale(d: &mut Drawing, y: f64) {
    let (left, width) = (10.0, 160.0);
    for i in 0..32 {
        let weight = (i as f32 - 15.5) / 15.5;
        d.rect([left + 40.0 + f64::from(i) * width / 32.0, y], [width / 32.0 + 0.3, 12.0], color(weight, 1.0));
    }
    d.text("−max", [left, y + 10.0], SMALL, Anchor::Start, INK);
    d.text("+max", [left + 46.0 + width, y + 10.0], SMALL, Anchor::Start, INK);
}
