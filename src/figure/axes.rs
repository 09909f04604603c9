//! Axes: linear, logarithmic or of names, with ticks that are round numbers.

use super::{Anchor, Dash, Drawing, GRID, INK};

/// Size of the text at ticks.
pub const SMALL: f64 = 12.0;

/// Size of the text beside axes.
pub const NORMAL: f64 = 13.0;

/// Pixels between the ticks of a linear axis, at least: beside one another, and above one another.
const APART: [f64; 2] = [52.0, 30.0];

/// Degrees by which names are turned that have no room beside one another.
const TURN: f64 = -40.0;

/// How numbers become positions.
#[derive(Clone, Debug, PartialEq)]
enum Scale {
    Linear,
    Log,
    /// Name `i` stands in the middle of `i..i + 1`.
    Names(Vec<String>),
}

/// One axis. Its range may run downwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    range: [f64; 2],
    scale: Scale,
    label: String,
}

/// A place on an axis: where, its text, and whether its grid line is a strong one.
#[derive(Clone, Debug, PartialEq)]
struct Tick {
    at: f64,
    text: Option<String>,
    strong: bool,
}

impl Axis {
    /// From `range[0]` to `range[1]`. What is not finite, or has no extent, is widened so that it can be drawn.
    pub fn linear(range: [f64; 2], label: impl Into<String>) -> Axis {
        let [a, b] = range.map(|v| if v.is_finite() { v } else { 0.0 });
        Axis { range: if a == b { [a, b + 1.0] } else { [a, b] }, scale: Scale::Linear, label: label.into() }
    }

    /// Equal factors are equal distances. What is not positive lies at the lower end.
    pub fn log(range: [f64; 2], label: impl Into<String>) -> Axis {
        let [a, b] = range.map(|v| if v.is_finite() && v > 0.0 { v } else { 1e-12 });
        Axis { range: if a == b { [a, 10.0 * b] } else { [a, b] }, scale: Scale::Log, label: label.into() }
    }

    /// A place for each name; name `i` is at `i + 0.5`.
    pub fn names(names: Vec<String>, label: impl Into<String>) -> Axis {
        Axis { range: [0.0, names.len().max(1) as f64], scale: Scale::Names(names), label: label.into() }
    }

    /// The share of the axis that lies before `v`, 0 to 1.
    fn part(&self, v: f64) -> f64 {
        let [a, b] = self.range;
        let part = match self.scale {
            Scale::Log => (v.max(1e-12) / a).ln() / (b / a).ln(),
            _ => (v - a) / (b - a),
        };
        part.clamp(0.0, 1.0)
    }

    /// The ticks of an axis of `length` pixels, at least `apart` pixels between two of a linear one.
    fn ticks(&self, length: f64, apart: f64) -> Vec<Tick> {
        let (low, high) = (self.range[0].min(self.range[1]), self.range[0].max(self.range[1]));
        match &self.scale {
            Scale::Names(names) => names
                .iter()
                .enumerate()
                .map(|(i, name)| Tick { at: i as f64 + 0.5, text: Some(name.clone()), strong: false })
                .collect(),
            Scale::Linear => {
                let step = round_step((high - low) * apart / length.max(apart));
                let digits = (-step.log10().floor()).max(0.0) as usize;
                let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
                (first..=last)
                    .map(|i| Tick {
                        at: i as f64 * step,
                        text: Some(format!("{:.digits$}", i as f64 * step)),
                        strong: true,
                    })
                    .collect()
            }
            Scale::Log => {
                // Over a few decades there is room for the numbers between the powers of ten.
                let all = high / low < 150.0;
                let mut out = vec![];
                for exponent in low.log10().floor() as i32..=high.log10().ceil() as i32 {
                    for step in [1.0, 2.0, 5.0] {
                        let at = step * 10f64.powi(exponent);
                        if at >= low * (1.0 - 1e-9) && at <= high * (1.0 + 1e-9) {
                            let strong = step == 1.0;
                            out.push(Tick { at, text: (strong || all).then(|| number(at)), strong });
                        }
                    }
                }
                out
            }
        }
    }

    /// Whether names have to be turned to stand below an axis of `length` pixels.
    fn turns(&self, length: f64) -> bool {
        match &self.scale {
            Scale::Names(names) => {
                let room = length / names.len().max(1) as f64 - 4.0;
                names.iter().any(|n| Drawing::text_width(n, SMALL) > room)
            }
            _ => false,
        }
    }

    /// Pixels that the ticks and the label take below an axis of `length` pixels.
    pub fn below(&self, length: f64) -> f64 {
        let ticks = match &self.scale {
            Scale::Names(names) if self.turns(length) => {
                let widest = names.iter().map(|n| Drawing::text_width(n, SMALL)).fold(0.0, f64::max);
                10.0 + widest * (-TURN).to_radians().sin() + 6.0
            }
            _ => 20.0,
        };
        ticks + if self.label.is_empty() { 0.0 } else { 20.0 }
    }

    /// Pixels that the ticks and the label take beside an axis of `length` pixels.
    pub fn beside(&self, length: f64) -> f64 {
        self.widest(length) + 10.0 + if self.label.is_empty() { 0.0 } else { 22.0 }
    }

    fn widest(&self, length: f64) -> f64 {
        let texts = self.ticks(length, APART[1]).into_iter().filter_map(|t| t.text);
        texts.map(|t| Drawing::text_width(&t, SMALL)).fold(0.0, f64::max)
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `v`.
fn round_step(v: f64) -> f64 {
    let power = 10f64.powf(v.max(1e-300).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|s| s * power).find(|s| *s >= v * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A number of a logarithmic axis so that it is easy to read.
fn number(v: f64) -> String {
    match v {
        v if v >= 1e6 => format!("{:.0}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 0.9 => format!("{v:.0}"),
        v => {
            let digits = -(v.log10() + 1e-9).floor() as usize;
            format!("{v:.digits$}")
        }
    }
}

/// Two axes and the rectangle between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes {
    /// Left, top, right and bottom of the plot in pixels.
    pub area: [f64; 4],
    /// The lower axis.
    pub x: Axis,
    /// The left axis, upwards.
    pub y: Axis,
}

impl Axes {
    /// Axes in a rectangle that holds ticks and labels too: left, top, right, bottom.
    pub fn within([left, top, right, bottom]: [f64; 4], x: Axis, y: Axis) -> Axes {
        let bottom = bottom - x.below(right - left - 40.0);
        let left = left + y.beside(bottom - top);
        Axes { area: [left, top, right, bottom], x, y }
    }

    /// The position of a pair of numbers; what lies outside is moved to the edge.
    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        let [left, top, right, bottom] = self.area;
        [left + self.x.part(x) * (right - left), bottom - self.y.part(y) * (bottom - top)]
    }

    /// The numbers where the axes begin.
    pub fn low(&self) -> [f64; 2] {
        [self.x.range[0], self.y.range[0]]
    }

    /// Draws grid, ticks, frame and labels.
    pub fn draw(&self, d: &mut Drawing) {
        let [left, top, right, bottom] = self.area;
        let weight = |t: &Tick| if t.strong { 1.0 } else { 0.5 };
        let turned = self.x.turns(right - left);
        for tick in self.x.ticks(right - left, APART[0]) {
            let x = left + self.x.part(tick.at) * (right - left);
            d.line(&[[x, top], [x, bottom]], weight(&tick), Dash::Solid, GRID);
            match tick.text {
                Some(text) if turned => {
                    d.turned(text, [x + 4.0, bottom + 14.0], SMALL, Anchor::End, TURN, INK);
                }
                Some(text) => d.text(text, [x, bottom + 16.0], SMALL, Anchor::Middle, INK),
                None => {}
            }
        }
        for tick in self.y.ticks(bottom - top, APART[1]) {
            let y = bottom - self.y.part(tick.at) * (bottom - top);
            d.line(&[[left, y], [right, y]], weight(&tick), Dash::Solid, GRID);
            if let Some(text) = tick.text {
                d.text(text, [left - 6.0, y + 4.0], SMALL, Anchor::End, INK);
            }
        }
        d.line(&[[left, top], [left, bottom], [right, bottom]], 1.2, Dash::Solid, INK);
        let below = bottom + self.x.below(right - left) - 6.0;
        d.text(self.x.label.as_str(), [(left + right) / 2.0, below], NORMAL, Anchor::Middle, INK);
        let beside = left - self.y.beside(bottom - top) + 12.0;
        d.turned(self.y.label.as_str(), [beside, (top + bottom) / 2.0], NORMAL, Anchor::Middle, -90.0, INK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, length: f64) -> Vec<String> {
        axis.ticks(length, 50.0).into_iter().filter_map(|t| t.text).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_range() {
        assert_eq!(
            texts(&Axis::linear([0.0, 1.0], ""), 700.0),
            ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]
        );
        assert_eq!(texts(&Axis::linear([0.0, 93.0], ""), 300.0), ["0", "20", "40", "60", "80"]);
        assert_eq!(texts(&Axis::linear([1.0, 0.1], ""), 300.0), ["0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&Axis::log([4.0, 110.0], ""), 300.0), ["5", "10", "20", "50", "100"]);
        assert_eq!(texts(&Axis::log([0.09, 30_000.0], ""), 300.0), ["0.1", "1", "10", "100", "1000", "10k"]);
        assert_eq!(number(0.02), "0.02");
    }

    #[test]
    fn positions_follow_the_scale_and_stay_inside() {
        let plot = |x, y| Axes { area: [10.0, 20.0, 110.0, 220.0], x, y };
        let a = plot(Axis::linear([1.0, 0.0], ""), Axis::log([1.0, 100.0], ""));
        assert_eq!(a.at(1.0, 1.0), [10.0, 220.0]);
        assert_eq!(a.at(0.25, 10.0), [85.0, 120.0]);
        assert_eq!(a.at(-3.0, 1e9), [110.0, 20.0]);
        assert_eq!(a.at(0.0, -1.0), [110.0, 220.0]);
        let names = plot(Axis::names(vec!["a".into(), "b".into()], ""), Axis::linear([0.0, 0.0], ""));
        assert_eq!(names.at(1.5, 0.5), [85.0, 120.0]);
    }

    #[test]
    fn nothing_breaks_on_numbers_that_are_none() {
        for axis in
            [Axis::linear([f64::NAN, f64::INFINITY], ""), Axis::log([0.0, f64::NAN], ""), Axis::names(vec![], "")]
        {
            let axes = Axes::within([0.0, 0.0, 200.0, 100.0], axis.clone(), axis);
            let mut d = Drawing::new(200, 100);
            axes.draw(&mut d);
            assert!(!d.svg().contains("NaN") && !d.svg().contains("inf"));
        }
    }

    #[test]
    fn names_are_turned_where_they_have_no_room() {
        let axis = Axis::names((1..=8).map(|i| format!("convolution{i}")).collect(), "layer");
        assert!(axis.turns(300.0) && !axis.turns(900.0));
        assert!(axis.below(300.0) > axis.below(900.0) + 30.0);
    }
}
