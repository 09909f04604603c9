//! The roofline figure: every scope at its arithmetic intensity and speed, under what the adapter can do at best, and a
//! bar of where the time goes.

use super::Profile;
use std::collections::BTreeMap;

use super::rows::{self, Row, family};
use crate::figure::axes::{Axes, Axis, NORMAL, SMALL};
use crate::figure::legend::{self, Key, Symbol};
use crate::figure::{Anchor, Color, Dash, Drawing, FAINT, INK, Mark, PALETTE};

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 592.0;

/// The plot: left, top, right, bottom.
const LEFT: f64 = 66.0;
const TOP: f64 = 106.0;
const RIGHT: f64 = 782.0;
const BOTTOM: f64 = 526.0;

/// Scopes with a smaller share of the time are left out.
const LEAST: f64 = 0.0005;

/// Scopes with a smaller share of the time get no label.
const LEAST_LABELLED: f64 = 0.004;

/// Labels, at most.
const MOST_LABELS: usize = 18;

/// The kernel that takes most of the time of a scope.
fn dearest<'a>(profile: &'a Profile, scope: &str) -> &'a str {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for s in profile.samples.iter().filter(|s| s.scope == scope) {
        *sums.entry(&s.kernel).or_default() += s.nanoseconds().sum::<f64>();
    }
    sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or("", |(kernel, _)| kernel)
}

/// The figure.
pub fn figure(profile: &Profile) -> Drawing {
    let mut d = Drawing::new(WIDTH as u32, HEIGHT as u32);
    let about = &profile.about;
    let title =
        format!("{}: {}, batch {}, projection {}", about.preset, pass(&about.pass), about.batch, about.projection);
    d.text(Drawing::fit(&title, 16.0, RIGHT - 18.0), [18.0, 24.0], 16.0, Anchor::Start, INK);
    let ms = rows::sum(profile).ns[1] / 1e6;
    let where_ = format!("{ms:.1} ms on {}, {}", about.adapter, about.driver);
    d.text(Drawing::fit(&where_, SMALL, RIGHT - 18.0), [18.0, 42.0], SMALL, Anchor::Start, FAINT);
    let families = rows::by_family(profile);
    let color = |kernel: &str| {
        let at = families.iter().position(|r| r.name == family(kernel)).unwrap_or(usize::MAX);
        PALETTE[at.min(PALETTE.len() - 1)]
    };
    shares(&mut d, &families);

    let points: Vec<Row> = rows::by_scope(profile)
        .into_iter()
        .filter(|r| r.share >= LEAST && r.work.flop > 0.0 && r.work.bytes > 0.0)
        .collect();
    let axes = around(profile, &points);
    axes.draw(&mut d);
    let mut taken = roofs(&mut d, &axes, profile);
    let places: Vec<([f64; 2], f64)> =
        points.iter().map(|r| (axes.at(r.intensity(), r.gflops()), radius(r.share))).collect();
    // Large marks first, so that small ones lie on top.
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| points[b].share.total_cmp(&points[a].share));
    for &i in &order {
        d.mark(mark(&points[i].name), places[i].0, places[i].1, color(dearest(profile, &points[i].name)));
    }
    taken.extend(places.iter().map(|(at, r)| Area::around(*at, *r)));
    // The passes of a layer lie close together: one label names them, that of the dearest.
    let mut named: Vec<&str> = vec![];
    for i in order.into_iter().filter(|&i| points[i].share >= LEAST_LABELLED) {
        let name = short(&points[i].name);
        if named.len() < MOST_LABELS && !named.contains(&name) {
            named.push(name);
            label(&mut d, name, places[i].0, places[i].1, &mut taken);
        }
    }
    marks(&mut d, &points);
    d
}

fn pass(name: &str) -> &str {
    match name {
        "step" => "training step",
        "eval" => "test pass",
        _ => "forward pass",
    }
}

/// The bar of shares with its legend.
fn shares(d: &mut Drawing, families: &[Row]) {
    let (left, width) = (18.0, RIGHT - 18.0);
    let mut x = left;
    for (i, r) in families.iter().enumerate() {
        let w = r.share * width;
        d.rect([x, 54.0], [w, 14.0], PALETTE[i.min(PALETTE.len() - 1)]);
        x += w;
    }
    // The last colour stands for all that have none of their own.
    let last = PALETTE.len() - 1;
    let keys: Vec<Key> = families
        .iter()
        .enumerate()
        .take_while(|(i, r)| *i <= last && r.share >= LEAST)
        .map(|(i, r)| {
            let rest: f64 = families[i..].iter().map(|r| r.share).sum();
            let text = match i == last && families.len() > PALETTE.len() {
                true => format!("other {:.1}%", 100.0 * rest),
                false => format!("{} {:.1}%", r.name, 100.0 * r.share),
            };
            Key { symbol: Symbol::Swatch, color: PALETTE[i], text }
        })
        .collect();
    legend::draw(d, &keys, [left, 74.0], RIGHT, 1);
}

/// What the forms of the marks mean, where there is more than one.
fn marks(d: &mut Drawing, points: &[Row]) {
    let all = [
        (Mark::Circle, "forward"),
        (Mark::Triangle, "input gradient"),
        (Mark::Square, "weight gradient"),
        (Mark::Diamond, "moments, update"),
    ];
    let present = all.into_iter().filter(|(m, _)| points.iter().any(|r| mark(&r.name) == *m));
    let keys: Vec<Key> =
        present.map(|(m, text)| Key { symbol: Symbol::Mark(m), color: FAINT, text: text.into() }).collect();
    if keys.len() > 1 {
        legend::draw(d, &keys, [LEFT, HEIGHT - 21.0], RIGHT, 1);
    }
    let note = format!("area: share of the time, from {}%", 100.0 * LEAST);
    d.text(note, [RIGHT, HEIGHT - 8.0], SMALL, Anchor::End, FAINT);
}

fn mark(scope: &str) -> Mark {
    match scope.rsplit('.').next() {
        Some("grad_input" | "backward") => Mark::Triangle,
        Some("grad_weight") => Mark::Square,
        Some("forward" | "project" | "loss") => Mark::Circle,
        _ => Mark::Diamond,
    }
}

/// The scope without what the form of the mark says.
fn short(scope: &str) -> &str {
    ["forward", "grad_input", "grad_weight"]
        .iter()
        .find_map(|s| scope.strip_suffix(s)?.strip_suffix('.'))
        .unwrap_or(scope)
}

fn radius(share: f64) -> f64 {
    (26.0 * share.max(0.0).sqrt()).clamp(3.0, 16.0)
}

/// A rectangle that is taken: left, top, right, bottom.
#[derive(Clone, Copy, Debug)]
struct Area([f64; 4]);

impl Area {
    fn around([x, y]: [f64; 2], r: f64) -> Area {
        Area([x - r, y - r, x + r, y + r])
    }

    fn meets(&self, other: &Area) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        a < g && e < c && b < h && f < d
    }
}

/// Writes a label beside a mark, as near as it finds room, with a line to the mark if that is far; none if there is no room.
fn label(d: &mut Drawing, text: &str, [x, y]: [f64; 2], r: f64, taken: &mut Vec<Area>) {
    let w = Drawing::text_width(text, SMALL);
    for distance in [3.0, 9.0, 17.0, 27.0, 40.0, 55.0, 72.0, 90.0] {
        for step in [0, 8, 2, 14, 4, 12, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11] {
            let angle = f64::from(step) * std::f64::consts::PI / 8.0;
            let (dx, dy) = (angle.cos(), -angle.sin());
            let (px, py) = (x + dx * (r + distance), y + dy * (r + distance));
            // The point of the text's box that faces the mark lies at (px, py).
            let left = px - w * (1.0 - dx) / 2.0;
            let top = py - SMALL * (1.0 - dy) / 2.0;
            let area = Area([left - 1.0, top - 1.0, left + w + 1.0, top + SMALL + 1.0]);
            let [a, b, c, e] = area.0;
            if a < LEFT + 2.0
                || c > RIGHT - 2.0
                || b < TOP + 2.0
                || e > BOTTOM - 2.0
                || taken.iter().any(|t| t.meets(&area))
            {
                continue;
            }
            if distance > 9.0 {
                d.line(&[[x + dx * r, y + dy * r], [px - dx, py - dy]], 0.8, Dash::Solid, FAINT);
            }
            d.text(text, [left, top + SMALL - 2.0], SMALL, Anchor::Start, INK);
            taken.push(area);
            return;
        }
    }
}

/// Logarithmic axes that hold the points and the ridge.
fn around(profile: &Profile, points: &[Row]) -> Axes {
    let roof = profile.roofs.matrix_flop.unwrap_or(0.0).max(profile.roofs.f32_flop) / 1e9;
    let ridge = roof * 1e9 / profile.roofs.memory();
    let min = |it: &mut dyn Iterator<Item = f64>, or: f64| it.fold(or, f64::min);
    let max = |it: &mut dyn Iterator<Item = f64>, or: f64| it.fold(or, f64::max);
    let x0 = min(&mut points.iter().map(Row::intensity), 0.25).max(1e-3) / 1.6;
    let x1 = max(&mut points.iter().map(Row::intensity), 4.0 * ridge) * 2.0;
    let y0 = min(&mut points.iter().map(Row::gflops), roof / 100.0).max(roof * 1e-6) / 2.0;
    let y1 = max(&mut points.iter().map(Row::gflops), roof) * 2.2;
    let (x, y) = (Axis::log([x0, x1], "operations per byte"), Axis::log([y0, y1], "GFLOP/s"));
    Axes { area: [LEFT, TOP, RIGHT, BOTTOM], x, y }
}

/// Draws the roofs; returns where their labels stand.
fn roofs(d: &mut Drawing, axes: &Axes, profile: &Profile) -> Vec<Area> {
    let memory = profile.roofs.memory() / 1e9;
    let mut taken = vec![];
    let mut flat = |d: &mut Drawing, name: &str, rate: f64, color: Color| {
        let ridge = rate / memory;
        let [x, y] = axes.at(ridge, rate);
        d.line(&[[x, y], [RIGHT, y]], 2.0, Dash::Solid, color);
        let text = format!("{name} {} GFLOP/s", three(rate));
        let w = Drawing::text_width(&text, NORMAL);
        // Beside the ridge: the convolutions crowd the right end, Winograd's above the line.
        d.text(text, [x + 8.0, y - 6.0], NORMAL, Anchor::Start, color);
        taken.push(Area([x + 6.0, y - 20.0, x + 10.0 + w, y + 2.0]));
        taken.push(Area([x, y - 2.0, RIGHT, y + 2.0]));
        [x, y]
    };
    let mut top = flat(d, "f32", profile.roofs.f32_flop / 1e9, INK);
    if let Some(matrix) = profile.roofs.matrix_flop {
        top = flat(d, "matrix f16", matrix / 1e9, INK);
    }
    // From where it enters the plot: at its left or at its lower edge.
    let [low_x, low_y] = axes.low();
    let low = low_x.max(low_y / memory);
    let begin = axes.at(low, low * memory);
    d.line(&[begin, top], 2.0, Dash::Solid, INK);
    let (dx, dy) = (top[0] - begin[0], top[1] - begin[1]);
    let length = dx.hypot(dy).max(1.0);
    let text = format!("memory {} GB/s", three(memory));
    let w = Drawing::text_width(&text, NORMAL);
    // Along the line, above it, a third of the way up.
    let along = 0.33;
    let (nx, ny) = (dy / length, -dx / length);
    let middle = [begin[0] + along * dx + 7.0 * nx, begin[1] + along * dy + 7.0 * ny];
    d.turned(text, middle, NORMAL, Anchor::Middle, dy.atan2(dx).to_degrees(), INK);
    for i in -4i32..=4 {
        let t = f64::from(i) / 8.0 * w / length;
        let at = [middle[0] + t * dx + 5.0 * nx, middle[1] + t * dy + 5.0 * ny];
        taken.push(Area::around(at, 9.0));
    }
    // Labels keep off the line itself.
    let steps = (length / 8.0) as usize;
    for i in 0..=steps {
        let t = i as f64 / steps.max(1) as f64;
        taken.push(Area::around([begin[0] + t * dx, begin[1] + t * dy], 2.0));
    }
    taken
}

/// Three digits.
fn three(v: f64) -> String {
    match v {
        v if v >= 99.5 => format!("{v:.0}"),
        v if v >= 9.95 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
