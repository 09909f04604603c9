//! The answers as tables for people.

use std::fmt::Write;

use super::statistics::Bins;
use super::{Analysis, Budget, Correlation, Distance, Filter, Histogram, LayerBits, LayerError, Outcome};

/// Characters of a histogram in a line.
const BARS: usize = 27;

/// Every section that is there, with a heading.
pub fn table(a: &Analysis) -> String {
    let mut parts = vec![];
    let mut add = |heading: &str, body: Option<String>| parts.extend(body.map(|body| format!("{heading}\n{body}")));
    add(
        "Effective bits per weight, 0.5 log2(1 + Qw/Qn)",
        a.bits.as_ref().map(|rows| {
            let all = |bits| LayerBits { layer: LayerError::ALL.into(), bits };
            let cells = rows.iter().flat_map(|b| {
                let cell = |l: LayerBits| (l.layer, b.distortion.clone(), number(l.bits, 3, "no noise"));
                b.by_layer.iter().cloned().chain([all(b.bits)]).map(cell).collect::<Vec<_>>()
            });
            grid("layer", cells)
        }),
    );
    add("Mean |W - P(W)|, and over alpha", a.distance.as_ref().map(|rows| grid("layer", rows.iter().map(distance))));
    add(
        "Test error %, one layer distorted (or all but it)",
        a.layers
            .as_ref()
            .map(|rows| grid("layer", rows.iter().map(|r| (r.layer.clone(), column(r), format!("{:.2}", r.error))))),
    );
    add(
        "Correlation of activity, and of weighted sums",
        a.correlation.as_ref().map(|rows| grid("layer", rows.iter().flat_map(correlation))),
    );
    add("Noise budgets", a.budgets.as_ref().map(|rows| rows.iter().map(budget).collect::<Vec<_>>().concat()));
    add("Weights over alpha", a.histograms.as_ref().map(|rows| histograms(rows)));
    add("Filters", a.filters.as_ref().map(|rows| rows.iter().map(filter).collect::<Vec<_>>().concat()));
    parts.join("\n")
}

fn number(value: Option<f64>, digits: usize, none: &str) -> String {
    value.map_or(none.into(), |v| format!("{v:.digits$}"))
}

/// `(row, column, cell)` as a table, rows and columns in the order in which they first come.
fn grid(corner: &str, cells: impl IntoIterator<Item = (String, String, String)>) -> String {
    let (mut rows, mut columns): (Vec<String>, Vec<String>) = (vec![], vec![]);
    let cells: Vec<_> = cells.into_iter().collect();
    for (row, column, _) in &cells {
        if !rows.contains(row) {
            rows.push(row.clone());
        }
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    let cell = |row: &str, column: &str| {
        cells.iter().find(|(r, c, _)| r == row && c == column).map_or("", |(.., text)| text.as_str())
    };
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let first = width(&mut rows.iter().map(String::len).chain([corner.len()]));
    let widths: Vec<usize> =
        columns.iter().map(|c| width(&mut rows.iter().map(|r| cell(r, c).len()).chain([c.len()]))).collect();
    let line = |head: &str, cells: Vec<&str>| {
        let cells: String = cells.iter().zip(&widths).map(|(text, w)| format!("  {text:>w$}")).collect();
        format!("{head:<first$}{cells}").trim_end().to_owned() + "\n"
    };
    let body = rows.iter().map(|r| line(r, columns.iter().map(|c| cell(r, c)).collect()));
    std::iter::once(line(corner, columns.iter().map(String::as_str).collect())).chain(body).collect()
}

fn distance(d: &Distance) -> (String, String, String) {
    (d.layer.clone(), d.distortion.clone(), format!("{:.5}  {:.4}", d.mean_abs, d.mean_abs_over_alpha))
}

fn column(r: &LayerError) -> String {
    if r.except { format!("{}, all but", r.distortion) } else { r.distortion.clone() }
}

fn correlation(c: &Correlation) -> [(String, String, String); 2] {
    let pair = format!("{} ~ {}", c.a, c.b);
    [
        (c.layer.clone(), pair.clone(), number(c.r, 4, "constant")),
        (c.layer.clone(), format!("{pair}, sums"), number(c.r_sums, 4, "constant")),
    ]
}

fn budget(b: &Budget) -> String {
    let said = match (b.outcome, b.parameter) {
        (Outcome::Crossed, Some(p)) => {
            format!(
                "{p:.4} (within {:.4}), error {:.2} %, {} bits",
                b.tolerance,
                b.error,
                number(b.bits, 3, "unbounded")
            )
        }
        (Outcome::NeverExceeded, Some(p)) => format!(
            "never exceeded: error {:.2} % at the end of the range, {p}, {} bits",
            b.error,
            number(b.bits, 3, "unbounded")
        ),
        _ => format!("never met: error {:.2} % even at {}", b.error, b.range[0]),
    };
    let draws = b.measured.draws;
    format!(
        "{}: error at most {:.2} % (none: {:.2} %, {draws} draws): {said}\n",
        b.distortion, b.bound_error, b.none_error
    )
}

/// One line each: the bins from one end to the other as bars, highest 8.
fn histograms(all: &[Histogram]) -> String {
    const LEVELS: [char; 9] =
        [' ', '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    let width = |f: fn(&Histogram) -> usize| all.iter().map(f).max().unwrap_or(0);
    let (layer, distortion) = (width(|h| h.layer.len()), width(|h| h.distortion.len()));
    let mut out = String::new();
    for h in all {
        let mut bars = vec![0u64; BARS];
        for (i, count) in h.counts.iter().enumerate() {
            bars[i * BARS / h.counts.len()] += count;
        }
        let most = bars.iter().copied().max().unwrap_or(0).max(1);
        // A bin with a single weight shows.
        let bar = |n: &u64| LEVELS[(n * 8).div_ceil(most) as usize];
        let ends = (h.counts.len() / 2) as f64 / Bins::PER_ALPHA as f64;
        let bars: String = bars.iter().map(bar).collect();
        let _ = writeln!(
            out,
            "{:<layer$}  {:<distortion$}  {:>5.2} |{bars}| {ends:.2}  alpha {:.5}",
            h.layer, h.distortion, -ends, h.alpha
        );
    }
    out
}

fn filter(f: &Filter) -> String {
    let [rows, columns, channels] = f.shape;
    let positive = f.weights.iter().filter(|w| **w >= 0.0).count();
    let largest = f.weights.iter().fold(0f32, |a, w| a.max(w.abs()));
    format!(
        "{} filter {} under {}: {rows} x {columns} x {channels}, {positive} of {} weights >= 0, largest {largest:.5}\n",
        f.layer,
        f.filter,
        f.distortion,
        f.weights.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Moments;
    use crate::eval::analysis::{Bits, Measured};

    #[test]
    fn rows_and_columns_keep_their_order_and_missing_cells_stay_empty() {
        let cell = |r: &str, c: &str, t: &str| (r.to_owned(), c.to_owned(), t.to_owned());
        let text = grid("layer", [cell("fc10", "sign", "1.0"), cell("all", "sign", "2.0"), cell("all", "none", "3")]);
        assert_eq!(text, "layer  sign  none\nfc10    1.0\nall     2.0     3\n");
    }

    #[test]
    fn a_table_says_what_there_is_and_nothing_else() {
        let layer = |layer: &str, bits| LayerBits { layer: layer.into(), bits };
        let bits = Bits {
            distortion: "conv1:sign".into(),
            bits: Some(1.25),
            by_layer: vec![layer("conv1", Some(0.5)), layer("fc1", None)],
            draws: 1,
            seed: 1,
        };
        let text = table(&Analysis { bits: Some(vec![bits]), ..Analysis::default() });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[2].ends_with("0.500") && lines[3].ends_with("no noise") && lines[4].starts_with("all"), "{text}");
    }

    #[test]
    fn a_budget_says_how_the_search_ended() {
        let measured = Measured { draws: 4, seed: 1, images: 10, moments: Moments::Recomputed, moments_batches: 2 };
        let b = Budget {
            distortion: "addnorm".into(),
            bound_error: 15.0,
            none_error: 12.0,
            parameter: Some(0.5),
            error: 14.9,
            bits: None,
            outcome: Outcome::Crossed,
            tolerance: 0.015625,
            range: [0.0, 1.0],
            measured,
        };
        assert!(budget(&b).contains("0.5000 (within 0.0156)"), "{}", budget(&b));
        assert!(budget(&Budget { outcome: Outcome::NeverExceeded, ..b.clone() }).contains("never exceeded"));
        assert!(budget(&Budget { outcome: Outcome::NeverMet, parameter: None, ..b }).contains("never met"));
    }
}
