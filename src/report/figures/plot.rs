//! What the figures of a report have in common: their width, head and panels, and how a series is drawn.

use crate::figure::axes::{Axes, NORMAL};
use crate::figure::legend::{self, Key, Symbol};
use crate::figure::{Anchor, Dash, Drawing, FAINT, INK, Style};
use crate::report::read::Run;

/// Width of every figure, so that it is shown in its own size on a page of 800 pixels.
pub const WIDTH: f64 = 760.0;

/// Room at the right edge.
pub const EDGE: f64 = 14.0;

/// Height of the title of a figure; the page has it as a heading.
pub const TITLE: f64 = 30.0;

/// Left edge of titles and legends.
const LEFT: f64 = 10.0;

/// An empty figure with a title and a legend over a body of this height, and where the body begins.
pub fn begin(title: &str, keys: &[Key], body: f64) -> (Drawing, f64) {
    let top = 38.0 + legend::height(keys, WIDTH - LEFT - EDGE);
    let mut d = Drawing::new(WIDTH as u32, (top + body).ceil() as u32);
    d.text(Drawing::fit(title, 15.0, WIDTH - LEFT - EDGE), [LEFT, 22.0], 15.0, Anchor::Start, INK);
    legend::draw(&mut d, keys, [LEFT, 34.0], WIDTH - EDGE, usize::MAX);
    (d, top)
}

/// The legend of runs.
pub fn keys<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<Key> {
    runs.into_iter().map(|r| key(&r.label, r.style)).collect()
}

/// The legend entry of a series.
pub fn key(name: &str, style: Style) -> Key {
    let text = Drawing::fit(name, 12.0, WIDTH - 120.0);
    Key { symbol: Symbol::Line(style.dash, style.mark), color: style.color, text }
}

/// The legend entry of values from the paper.
pub fn paper(text: &str, style: Style) -> Key {
    Key { symbol: Symbol::Hollow(style.mark), color: FAINT, text: text.into() }
}

/// Rectangles of `n` panels in rows of `columns`, the first row at `top`, each with its title line; and the height of all.
/// A panel is left, top, right and bottom of what axes may fill.
pub fn panels(n: usize, columns: usize, top: f64, height: f64) -> Vec<[f64; 4]> {
    let columns = columns.clamp(1, n.max(1));
    let width = (WIDTH - LEFT - EDGE + 16.0) / columns as f64;
    (0..n)
        .map(|i| {
            let (x, y) = (LEFT + (i % columns) as f64 * width, top + (i / columns) as f64 * height);
            [x, y + 28.0, x + width - 16.0, y + height - 6.0]
        })
        .collect()
}

/// Height of `n` panels.
pub fn rows(n: usize, columns: usize, height: f64) -> f64 {
    n.div_ceil(columns.clamp(1, n.max(1))) as f64 * height
}

/// The title of a panel.
pub fn panel_title(d: &mut Drawing, [left, top, right, _]: [f64; 4], text: &str) {
    d.text(Drawing::fit(text, NORMAL, right - left), [left, top - 12.0], NORMAL, Anchor::Start, INK);
}

/// Draws a line with marks. Marks stand apart so that they can be told from one another; a gap where a number is none.
pub fn line(d: &mut Drawing, axes: &Axes, points: &[[f64; 2]], style: Style) {
    marked(d, axes, points, style, 18.0);
}

/// As [`line`], for curves of many points: a mark here and there.
pub fn curve(d: &mut Drawing, axes: &Axes, points: &[[f64; 2]], style: Style) {
    marked(d, axes, points, style, 90.0);
}

fn marked(d: &mut Drawing, axes: &Axes, points: &[[f64; 2]], style: Style, apart: f64) {
    for part in points.split(|[x, y]| !(x.is_finite() && y.is_finite())) {
        let at: Vec<[f64; 2]> = part.iter().map(|[x, y]| axes.at(*x, *y)).collect();
        d.line(&at, 2.0, style.dash, style.color);
        let mut last = f64::NEG_INFINITY;
        for (i, [x, y]) in at.iter().enumerate() {
            if (x - last).abs() >= apart || i + 1 == at.len() {
                d.mark(style.mark, [*x, *y], 4.5, style.color);
                last = *x;
            }
        }
    }
}

/// Draws the band between the least and the greatest value at each x: `[x, least, greatest]`.
pub fn band(d: &mut Drawing, axes: &Axes, points: &[[f64; 3]], style: Style) {
    if points.iter().all(|[_, low, high]| low == high) {
        return;
    }
    let below = points.iter().map(|[x, low, _]| axes.at(*x, *low));
    let above = points.iter().rev().map(|[x, _, high]| axes.at(*x, *high));
    d.area(&below.chain(above).collect::<Vec<_>>(), style.color, 0.18);
}

/// Draws a stick from `from` to `to` at x, shifted by `shift` pixels, with a mark at its end.
pub fn stick(d: &mut Drawing, axes: &Axes, x: f64, shift: f64, [from, to]: [f64; 2], style: Style) {
    let ([x, a], [_, b]) = (axes.at(x, from), axes.at(x, to));
    d.line(&[[x + shift, a], [x + shift, b]], 3.0, Dash::Solid, style.color);
    d.mark(style.mark, [x + shift, b], 4.5, style.color);
}

/// Pixels by which series `i` of `n` is moved so that all stand beside one another in `room` pixels.
pub fn beside(i: usize, n: usize, room: f64) -> f64 {
    let step = (room / n.max(1) as f64).min(14.0);
    (i as f64 - (n as f64 - 1.0) / 2.0) * step
}

/// An upper end of an axis of errors: a little above the greatest.
pub fn above(values: impl IntoIterator<Item = f64>) -> f64 {
    let most = values.into_iter().filter(|v| v.is_finite()).fold(0.0, f64::max);
    (most * 1.06).max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_fill_the_width_and_do_not_overlap() {
        let p = panels(5, 2, 100.0, 200.0);
        assert_eq!(p.len(), 5);
        assert!(p[0][2] < p[1][0] && p[1][2] <= WIDTH && p[0][3] < p[2][1], "{p:?}");
        assert_eq!(rows(5, 2, 200.0), 600.0);
        assert_eq!(panels(1, 3, 0.0, 50.0)[0][2], WIDTH - EDGE);
        let shifts: Vec<f64> = (0..3).map(|i| beside(i, 3, 30.0)).collect();
        assert_eq!(shifts, [-10.0, 0.0, 10.0]);
    }
}
