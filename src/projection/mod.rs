//! The projections of Merolla 2016 (table 1) and McDonnell 2018: how each is written, what it means, and its twin. One
//! row here and one function under `shaders/project/` each; the position in the table is the `kind` of the shader.

use std::fmt;

pub mod distortion;
pub mod normal;
pub mod own;
pub mod program;
mod rows;
pub mod schedule;
pub mod value;

pub use rows::PROJECTIONS;

use crate::error::{Error, Result, suggest};
use crate::philox::{self, stream};

/// One kind of projection.
pub struct ProjectionKind {
    /// The word before the colon.
    pub name: &'static str,
    /// How it is written.
    pub syntax: &'static str,
    /// What it computes, in a line.
    pub doc: &'static str,
    /// Examples of every form, for tests and help.
    pub examples: &'static [&'static str],
    /// Whether its values have the same bits on every adapter; decisions always have. Of the others all but Power have
    /// the twin's bits on adapters that do not fuse products with sums (lavapipe, SwiftShader).
    pub exact: bool,
    /// Bit n: whether it needs draw n (see [`Context::draw`]).
    pub draws: u32,
    /// What it takes for alpha, from the parameters.
    alpha: fn([f32; 2]) -> Statistic,
    /// Whether it leaves every weight 0 or + - one magnitude per alpha, given its parameters.
    ternary: fn([f32; 2]) -> bool,
    /// Whether two draws with these parameters can differ: noise of strength 0 is w itself.
    random: fn([f32; 2]) -> bool,
    /// The parameters from the text behind the colon; the error says what is allowed.
    parse: fn(Option<&str>) -> std::result::Result<[f32; 2], String>,
    /// The text behind the colon from the parameters.
    show: fn([f32; 2]) -> Option<String>,
    /// p0, p1, p2 of the shader, from the parameters and the inputs that one output sums over.
    words: fn([f32; 2], usize) -> [f32; 3],
    /// The rank, from 0, of the |w| that it wants to know of a tensor of so many elements, from the parameters.
    rank: fn([f32; 2], usize) -> Option<usize>,
    /// The projected weight, and the scale of its rounding error (0: none).
    twin: fn(f32, &Context) -> (f32, f64),
}

/// What a projection takes for alpha: a statistic of the |w| of a layer, or of each of its filters. A filter is what one
/// output channel is made of: of weights `[kh, kw, c_in / groups, c_out]` or `[in, out]` there are as many as the last
/// dimension says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The largest of the layer. An update leaves it; the others are computed where a projection asks for them.
    Max,
    /// The mean of the layer.
    Mean,
    /// The largest of each filter.
    FilterMax,
    /// The mean of each filter.
    FilterMean,
}

impl Statistic {
    /// Whether every filter has one of its own.
    pub fn is_of_filters(self) -> bool {
        matches!(self, Statistic::FilterMax | Statistic::FilterMean)
    }

    /// Whether it is a mean.
    pub fn is_mean(self) -> bool {
        matches!(self, Statistic::Mean | Statistic::FilterMean)
    }

    /// That of a layer, or those of its filters, of which the last dimension of `weights` has so many.
    fn of(self, weights: &[f32], filters: usize) -> Vec<f32> {
        let n = if self.is_of_filters() { filters } else { 1 };
        let of = |f: usize| {
            let sizes = weights.iter().skip(f).step_by(n).map(|w| w.abs());
            if self.is_mean() {
                (sizes.map(f64::from).sum::<f64>() * n as f64 / weights.len() as f64) as f32
            } else {
                sizes.fold(0.0, f32::max)
            }
        };
        (0..n).map(of).collect()
    }
}

/// What the projection of one weight depends on besides the weight: the twin of `shaders/project/context.wgsl`.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The statistic of the tensor, or of the weight's filter, that the projection asks for.
    pub alpha: f32,
    /// The |w| of the rank that the projection asks for, see `project.quantile_begin`.
    pub quantile: f32,
    /// The step's draw for a ranged Power.
    pub beta_u: f32,
    /// p0, p1, p2 as in the table.
    pub p: [f32; 3],
    /// Seed of the run.
    pub seed: u64,
    /// Step, or number of the draw in evaluation.
    pub step: u64,
    /// Index of the tensor.
    pub layer: u32,
    /// Number of the first draw: those of the links of a chain differ.
    pub first_draw: u32,
    /// Index of the weight in its tensor.
    pub element: usize,
}

impl Context {
    /// Random word `number` of the element: 0 decides the sign, 1 the magnitude, 2 the drop, 3 is the normal number.
    pub fn draw(&self, number: u32) -> u32 {
        let layer = self.layer | (self.first_draw + number) << 16;
        let counter = [(self.element / 4) as u32, layer, self.step as u32, (self.step >> 32) as u32];
        philox::philox4x32(counter, philox::key(self.seed, stream::PROJECTION))[self.element % 4]
    }

    fn positive(&self, w: f32) -> bool {
        (2.0 * philox::uniform01(self.draw(0)) - 1.0) * self.alpha < w
    }

    fn magnitude(&self) -> f32 {
        philox::uniform01(self.draw(1)) * self.p[1] + self.p[0]
    }
}

/// A projection with its parameters, as a preset or the command line writes it: `stochm:0.5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection {
    /// Position in [`PROJECTIONS`].
    pub kind: u32,
    /// First parameter: B or LO, G, S.
    pub p0: f32,
    /// Second parameter: HI; 1 for the quantile reading of StochM3, and where every filter has an alpha of its own.
    pub p1: f32,
    /// Third parameter, of a user's own projection alone.
    pub p2: f32,
    /// The statistic that a user's own projection asks for, once it is read.
    pub statistic: Option<Statistic>,
}

impl Projection {
    /// w itself.
    pub const NONE: Projection = Projection { kind: 0, p0: 0.0, p1: 0.0, p2: 0.0, statistic: None };

    /// Parses `none`, `sign`, `round`, `power:0.5`, `power:0..2`, `stochm3:0.5,quantile`, ...
    ///
    /// # Errors
    /// An unknown name, with the nearest ones; a bad parameter, with what is allowed.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let Some(kind) = PROJECTIONS.iter().position(|k| k.name == name) else {
            let near = suggest(name, PROJECTIONS.iter().map(|k| k.name));
            return Err(Error::Invalid(format!("there is no projection \"{name}\".{near}")));
        };
        let row = &PROJECTIONS[kind];
        let [p0, p1] = (row.parse)(parameter).map_err(|m| {
            let beyond = beyond_f32(parameter);
            Error::Invalid(format!("projection \"{text}\": {m}{beyond}; written {}", row.syntax))
        })?;
        Ok(Projection { kind: kind as u32, p0, p1, p2: 0.0, statistic: None })
    }

    /// A user's own projection from the text behind the colon: up to three numbers, 0 where none is given. Its kind is the
    /// first of such.
    fn own(parameters: Option<&str>) -> Option<Self> {
        let given: Vec<f32> = parameters.map_or(Some(vec![]), |p| p.split(',').map(number).collect())?;
        let p = |i: usize| given.get(i).copied().unwrap_or(0.0);
        (given.len() <= 3).then(|| Projection { kind: own::FIRST, p0: p(0), p1: p(1), p2: p(2), statistic: None })
    }

    /// Its row.
    pub fn row(&self) -> &'static ProjectionKind {
        PROJECTIONS.get(self.kind as usize).unwrap_or(&rows::OWN)
    }

    /// Whether it reads `quantiles`, so that the plan must compute them.
    pub fn needs_quantile(&self) -> bool {
        self.rank(1).is_some()
    }

    /// Whether it leaves every weight 0 or + - one magnitude per tensor, whatever the weights were.
    pub fn is_ternary(&self) -> bool {
        (self.row().ternary)([self.p0, self.p1]) && !self.alpha().is_of_filters()
    }

    /// What it takes for alpha.
    pub fn alpha(&self) -> Statistic {
        self.statistic.unwrap_or_else(|| (self.row().alpha)([self.p0, self.p1]))
    }

    /// Whether two draws of it differ.
    pub fn is_random(&self) -> bool {
        (self.row().random)([self.p0, self.p1])
    }

    /// The rank, from 0, of the |w| that it wants to know of a tensor of `len` elements.
    pub fn rank(&self, len: usize) -> Option<usize> {
        (self.row().rank)([self.p0, self.p1], len)
    }

    /// p0, p1, p2 of the shader for a tensor each of whose outputs sums over `fan_in` inputs.
    pub fn words(&self, fan_in: usize) -> [f32; 3] {
        match self.kind {
            own::FIRST.. => [self.p0, self.p1, self.p2],
            _ => (self.row().words)([self.p0, self.p1], fan_in),
        }
    }
}

impl Projection {
    /// The text behind the colon, empty if there is none; of a user's own `at_least` so many numbers.
    fn parameters(&self, at_least: usize) -> String {
        if self.kind < own::FIRST {
            return (self.row().show)([self.p0, self.p1]).unwrap_or_default();
        }
        let all = [self.p0, self.p1, self.p2];
        let count = all.iter().rposition(|p| *p != 0.0).map_or(0, |last| last + 1).max(at_least);
        all[..count].iter().map(f32::to_string).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, parameters) = (self.row().name, self.parameters(0));
        if parameters.is_empty() { write!(f, "{name}") } else { write!(f, "{name}:{parameters}") }
    }
}

/// The draw in (0, 1) from which a ranged Power takes its beta: a function of seed and step.
pub fn beta_draw(seed: u64, step: u64) -> f32 {
    beta_draw_of_link(seed, step, 0)
}

/// As [`beta_draw`] for link `link` of a chain, from 0: every link has a draw of its own.
pub fn beta_draw_of_link(seed: u64, step: u64, link: usize) -> f32 {
    let counter = [link as u32, 0, step as u32, (step >> 32) as u32];
    philox::uniform01(philox::philox4x32(counter, philox::key(seed, stream::BETA))[0])
}

/// The inputs that one output sums over, of a weight `[kh, kw, c_in, c_out]` or `[in, out]`.
pub fn fan_in(shape: &[usize]) -> usize {
    shape[..shape.len() - 1].iter().product()
}

/// Draws of an evaluation are numbered from here: no training step shares them.
pub const EVALUATION: u64 = 1 << 63;

/// Random words of a weight that a projection may use; those of link l of a chain are numbered from l times as many on.
pub const DRAWS: usize = 4;

/// Links of a chain, at most: the number of a draw has 16 bits.
pub const MOST_LINKS: usize = (1 << 16) / DRAWS;

/// Element `element` of `w` projected, whose first is `c.element` of its tensor, and the scale of its rounding error; `own` is
/// what was read of a user's own projection, `alpha` gives that of an element of `w`. An unknown kind is None.
pub(crate) fn twin(
    kind: u32,
    own: Option<&own::Source>,
    w: &[f32],
    element: usize,
    c: &Context,
    alpha: impl Fn(usize) -> f32,
) -> (f32, f64) {
    let Some(own) = own else {
        let c = Context { alpha: alpha(element), element: c.element + element, ..*c };
        return PROJECTIONS.get(kind as usize).map_or((w[element], 0.0), |k| (k.twin)(w[element], &c));
    };
    // It is given four at a time; behind the last weight of a tensor are zeros.
    let first = element / 4 * 4;
    let four = std::array::from_fn(|lane| w.get(first + lane).copied().unwrap_or(0.0));
    let alphas = std::array::from_fn(|lane| alpha(first + lane));
    own.twin(four, alphas, &Context { element: c.element + first, ..*c })[element % 4]
}

/// Draws of one projection of one tensor on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostDraw {
    /// Index of the tensor.
    pub layer: u32,
    /// Seed of the run.
    pub seed: u64,
    /// Step, or number of the draw in evaluation.
    pub step: u64,
    /// The step's draw for a ranged Power.
    pub beta_u: f32,
    /// The link of a chain, from 0.
    pub link: usize,
}

/// Projects one tensor of the given shape on the host, by the twin: alpha and the quantile come from `weights`. The last
/// dimension is that of the filters.
///
/// # Panics
/// If `shape` is not that of `weights`: a bug of the caller.
pub fn apply_host(projection: &Projection, shape: &[usize], weights: &[f32], draw: &HostDraw) -> Vec<f32> {
    apply_link_host(projection, None, shape, weights, weights, draw)
}

/// As [`apply_host`] for a link of a chain: projects `input`, what the links before it made of `weights`. `own` is what was
/// read of a user's own projection.
///
/// # Panics
/// As [`apply_host`].
pub fn apply_link_host(
    projection: &Projection,
    own: Option<&own::Source>,
    shape: &[usize],
    weights: &[f32],
    input: &[f32],
    draw: &HostDraw,
) -> Vec<f32> {
    let len: usize = shape.iter().product();
    assert!(len == weights.len() && len == input.len(), "shape {shape:?}");
    let alphas = projection.alpha().of(weights, shape[shape.len() - 1]);
    let c = Context {
        alpha: 0.0,
        quantile: projection.rank(weights.len()).map_or(0.0, |rank| quantile(weights, rank)),
        beta_u: draw.beta_u,
        p: projection.words(fan_in(shape).max(1)),
        seed: draw.seed,
        step: draw.step,
        layer: draw.layer,
        first_draw: (draw.link * DRAWS) as u32,
        element: 0,
    };
    let one = |element| twin(projection.kind, own, input, element, &c, |e| alphas[e % alphas.len()]).0;
    (0..len).map(one).collect()
}

/// The |w| of a rank counted from 0: as many elements lie below it, ties aside.
fn quantile(weights: &[f32], rank: usize) -> f32 {
    let mut bits: Vec<u32> = weights.iter().map(|w| w.abs().to_bits()).collect();
    if bits.is_empty() {
        return 0.0;
    }
    f32::from_bits(*bits.select_nth_unstable(rank).1)
}

/// A number as the device holds it: 0, or one that f32 has with a full mantissa. Not one that is 0 in f32 only.
fn number(text: &str) -> Option<f32> {
    let v: f64 = text.trim().parse().ok()?;
    let held = text.trim().parse::<f32>().ok()?;
    (held.is_normal() || v == 0.0).then_some(held)
}

/// What is said of a parameter that is a number, but none that the device holds.
fn beyond_f32(parameter: Option<&str>) -> &'static str {
    let parts = parameter.unwrap_or_default().split(',').flat_map(|part| part.split(".."));
    let mut beyond = parts.filter(|t| number(t).is_none() && t.trim().parse::<f64>().is_ok_and(f64::is_finite));
    if beyond.next().is_some() { " (of numbers 32 bits hold 0, and about 1.2e-38 to 3.4e38)" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_0_or_infinite_in_f32_alone_is_refused() {
        for text in [
            "addnorm:1e-50",
            "addnorm:1e-40",
            "addnorm:1e39",
            "power:1e-50",
            "power:0..1e-46",
            "power:0..1e300",
            "bitflip:1e-50",
            "stuck:1e-60,0",
            "stuck:0,1e-60",
            "drift:1e-50,10",
            "drift:0.1,1e39",
            "prune:1e-50",
            "multunif:1e-50",
            "stochm:1e-40",
            "stochm3:1e-50,quantile",
        ] {
            let e = Projection::parse(text).unwrap_err().to_string();
            assert!(e.contains(text) && e.contains("32 bits hold"), "{e}");
        }
        for (text, want) in
            [("addnorm:0", 0.0), ("addnorm:-0.0", 0.0), ("addnorm:1.2e-38", 1.2e-38), ("addnorm:3e38", 3e38)]
        {
            assert_eq!(Projection::parse(text).unwrap().p0, want, "{text}");
        }
        let e = Projection::parse("addnorm:x").unwrap_err().to_string();
        assert!(!e.contains("32 bits"), "{e}");
        assert!(Projection::parse("prune:0.99999999999").is_err(), "1 in f32");
    }

    /// What says that it leaves signs leaves 0 or + - one magnitude on any weights; some of what does not leaves others.
    #[test]
    fn projections_that_leave_signs_leave_one_magnitude() {
        let weights: Vec<f32> = (0..500).map(|i| ((i * 37 + i * i * 5) % 101) as f32 / 50.0 - 1.0).collect();
        let magnitudes = |text: &str| {
            let p = Projection::parse(text).unwrap();
            let context = |element| Context {
                alpha: 0.9,
                quantile: 0.4,
                beta_u: 0.5,
                p: p.words(9),
                seed: 1,
                step: 2,
                layer: 0,
                first_draw: 0,
                element,
            };
            let left = weights.iter().enumerate().map(|(i, w)| (p.row().twin)(*w, &context(i)).0.abs().to_bits());
            let mut all: Vec<u32> = left.filter(|bits| *bits != 0).collect();
            all.sort_unstable();
            all.dedup();
            (p.is_ternary(), all.len())
        };
        for text in PROJECTIONS.iter().flat_map(|row| row.examples) {
            let (ternary, count) = magnitudes(text);
            assert!(!ternary || count == 1, "{text}: {count} magnitudes");
        }
        for text in ["sign", "round", "stoch", "he-sign", "power:0", "quant:1", "quant:2"] {
            assert_eq!(magnitudes(text), (true, 1), "{text}");
        }
        for text in ["none", "stochm:0.5", "stochm3:0.5", "quant:3", "power:0..2"] {
            let (ternary, count) = magnitudes(text);
            assert!(!ternary && count > 1, "{text}");
        }
        for text in ["bwn", "sign:filter", "round:filter", "quant:1,filter"] {
            assert!(!magnitudes(text).0, "{text}: every filter has a magnitude of its own");
        }
    }
}
