//! A forecast as a figure: images a second over the ranks beside what they would be without loss, and below it the share of the
//! exchange.

use super::Forecast;
use crate::figure::axes::{Axes, Axis, SMALL};
use crate::figure::legend::{self, Key, Symbol};
use crate::figure::{Anchor, Dash, Drawing, FAINT, INK, Mark, PALETTE};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 600.0;
const LEFT: f64 = 18.0;
const RIGHT: f64 = WIDTH - 24.0;

/// The figure.
pub fn figure(f: &Forecast) -> Drawing {
    let mut d = Drawing::new(WIDTH as u32, HEIGHT as u32);
    let model = &f.model;
    let title = format!("batch {} in {} shards: {}", model.images, model.shards, f.name);
    d.text(Drawing::fit(&title, 16.0, RIGHT - LEFT), [LEFT, 24.0], 16.0, Anchor::Start, INK);
    let about = model.link.say(model.gradient_bytes());
    d.text(Drawing::fit(&about, SMALL, RIGHT - LEFT), [LEFT, 42.0], SMALL, Anchor::Start, FAINT);
    d.text(Drawing::fit(&f.source, SMALL, RIGHT - LEFT), [LEFT, 58.0], SMALL, Anchor::Start, FAINT);
    let rows = || f.rows.iter().map(|(row, _)| row);
    let most = rows().map(|row| row.ranks as f64).fold(2.0, f64::max);
    let without_loss = |ranks: f64| model.images as f64 / model.seconds.step(model.shards, model.shards) * ranks;
    let keys = [
        Key { symbol: Symbol::Line(Dash::Solid, Mark::Circle), color: PALETTE[0], text: "forecast".into() },
        Key { symbol: Symbol::Plain(Dash::Long), color: FAINT, text: "without loss".into() },
        Key { symbol: Symbol::Plain(Dash::Short), color: PALETTE[1], text: "half of it".into() },
    ];
    legend::draw(&mut d, &keys, [LEFT + 60.0, 66.0], RIGHT, 1);
    let ranks = |label: &str| Axis::log([1.0, most], label);
    let speeds = Axis::log([without_loss(0.5), without_loss(most)], "images a second");
    let mut axes = Axes::within([LEFT, 92.0, RIGHT, 390.0], ranks(""), speeds);
    let shares = Axis::linear([0.0, 100.0], "exchange, % of the step");
    let mut below = Axes::within([LEFT, 410.0, RIGHT, HEIGHT - 10.0], ranks("ranks"), shares);
    let left = axes.area[0].max(below.area[0]);
    (axes.area[0], below.area[0]) = (left, left);
    axes.draw(&mut d);
    below.draw(&mut d);
    for (share, dash, color) in [(1.0, Dash::Long, FAINT), (super::PAYS, Dash::Short, PALETTE[1])] {
        let ends = [1.0, most].map(|ranks| axes.at(ranks, share * without_loss(ranks)));
        d.line(&ends, 1.5, dash, color);
    }
    curve(&mut d, &rows().map(|row| axes.at(row.ranks as f64, row.images_per_s)).collect::<Vec<_>>());
    curve(&mut d, &rows().map(|row| below.at(row.ranks as f64, 100.0 * row.share())).collect::<Vec<_>>());
    d
}

fn curve(d: &mut Drawing, points: &[[f64; 2]]) {
    if points.len() > 1 {
        d.line(points, 2.0, Dash::Solid, PALETTE[0]);
    }
    points.iter().for_each(|at| d.mark(Mark::Circle, *at, 4.5, PALETTE[0]));
}
