//! Convolutions that do work of the batch norms around them: what comes before, normalisation and ReLU, while they read
//! their input; what comes after, the moments, while they have their output at hand.
//!
//! Over the single kernels: a normalised map is neither written nor read, and nobody reads a convolution's output for its
//! moments. Each is a kernel of its own, which layers record where a row of `tuning.toml` (or a force) asks for it, and
//! never on software drivers, whose convolutions read textures and work by Winograd's algorithm.

use std::ops::Range;

use super::families::{
    forward_tiles, grad_weight_tiles, matrices, matrices_any, one_group, signs, split, split_any, tiled, tiled_any,
};
use super::{Geometry, cases, flop, for_each_product, weights};
use crate::error::{Error, Result};
use crate::kernels::case::{Case, CaseBuilder, Fill};
use crate::kernels::norm_relu::TABLE;
use crate::kernels::{Budget, Io, Kernel, Knobs, Scalars, Variant, linear_grid, read, tuning, write};
use crate::plan::{Builder, Params, Target, View};

/// Rows of the output whose moments are taken together: a function of no variant or knob.
pub const BLOCK: usize = 64;

/// Unit roundoff of f32.
const U: f64 = f32::EPSILON as f64 / 2.0;

/// What a convolution does besides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Around {
    /// The table `[4, c_in]` ([`norm_relu::table`](crate::kernels::norm_relu::table)) of the batch norm and ReLU through which
    /// its input has to go.
    pub table: Option<View>,
    /// Where it leaves mean and sum of squared distances of each block of [`BLOCK`] rows of its output,
    /// `[blocks, 2, c_out]`.
    pub moments: Option<View>,
}

impl Around {
    fn kernel(&self) -> &'static Kernel {
        kernel(self.table.is_some(), self.moments.is_some())
    }
}

fn kernel(normalised: bool, moments: bool) -> &'static Kernel {
    match (normalised, moments) {
        (false, false) => &super::FORWARD,
        (false, true) => &STATISTICS,
        (true, false) => &NORMALISED,
        (true, true) => &NORMALISED_STATISTICS,
    }
}

/// Whether the convolution reads its input through batch norm and ReLU on this target: in its forward pass, and in its
/// gradient if that is wanted.
///
/// # Errors
/// A forced variant that does not exist.
pub fn normalises(target: &Target, g: &Geometry, gradient: bool) -> Result<bool> {
    let asked = |kernel, splits| tuning::asked_for(kernel, target, &Params(g.params(g.n, splits)));
    Ok(asked(&NORMALISED, 1)? && (!gradient || asked(&GRAD_WEIGHT, g.splits())?))
}

/// Whether the convolution leaves the moments of its output y on this target, given whether it normalises its input x. Not
/// where y takes several windows, which may end within a block.
///
/// # Errors
/// A forced variant that does not exist; an image that cannot be bound.
pub fn leaves_moments(b: &Builder, scope: &str, g: &Geometry, normalised: bool, x: View, y: View) -> Result<bool> {
    let asked = tuning::asked_for(kernel(normalised, true), &b.target, &Params(g.params(g.n, 1)))?;
    Ok(asked && b.windows(scope, g.n, &[x, y])?.len() == 1)
}

/// Records the convolution of x with w and what it does besides.
///
/// # Errors
/// As [`conv2d::forward`](super::forward); a table or moments of another length; several windows with moments.
pub fn forward(b: &mut Builder, scope: &str, g: &Geometry, x: View, around: &Around, w: View, y: View) -> Result<()> {
    g.check(scope)?;
    let (blocks, c) = ((g.n * g.oh() * g.ow()).div_ceil(BLOCK), g.c_out);
    let fits = |view: Option<View>, len: usize| view.is_none_or(|v| v.len == len);
    if !fits(around.table, TABLE * g.c_in) || !fits(around.moments, 2 * blocks * c) {
        let message = format!("{around:?} does not fit {g:?}: [{TABLE}, {}] and [{blocks}, 2, {c}]", g.c_in);
        return Err(Error::layer(scope, message));
    }
    let windows = b.windows(scope, g.n, &[x, y])?;
    if around.moments.is_some() && windows.len() > 1 {
        let message = format!("{} windows cut the blocks of rows whose moments are taken", windows.len());
        return Err(Error::layer(scope, message));
    }
    for win in windows {
        let mut args = vec![("x", x.rows(&win, g.n)), ("w", w), ("y", y.rows(&win, g.n))];
        args.extend(around.table.map(|table| ("table", table)));
        args.extend(around.moments.map(|partial| ("partial", partial)));
        around.kernel().dispatch(b, scope, &g.params(win.len(), 1), &args)?;
    }
    Ok(())
}

type Supports = fn(&Target, &Params) -> std::result::Result<(), &'static str>;
type Grid = fn(&Params, &Knobs) -> [u32; 3];

const fn variant(
    name: &'static str,
    file: &'static str,
    source: &'static str,
    supports: Supports,
    grid: Grid,
) -> Variant {
    Variant { name, file, source, supports, grid }
}

fn single_group(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    one_group(p)
}

fn each_output(p: &Params, _: &Knobs) -> [u32; 3] {
    linear_grid((p.u("n") * p.u("oh") * p.u("ow") * p.u("c_out")).div_ceil(64))
}

fn each_block(p: &Params, _: &Knobs) -> [u32; 3] {
    linear_grid(blocks(p) * p.u("c_out"))
}

fn blocks(p: &Params) -> usize {
    (p.u("n") * p.u("oh") * p.u("ow")).div_ceil(BLOCK)
}

/// Terms of an output.
fn terms(p: &Params) -> usize {
    p.u("kh") * p.u("kw") * p.u("c_in")
}

/// Operations of batch norm and ReLU, each element once, though every tap does them again.
fn normalisation(p: &Params) -> f64 {
    4.0 * (p.u("n") * p.u("h") * p.u("w") * p.u("c_in")) as f64
}

/// Operations of the moments.
fn of_moments(p: &Params) -> f64 {
    5.0 * (p.u("n") * p.u("oh") * p.u("ow") * p.u("c_out")) as f64
}

/// x as the convolution sees it, and the magnitude that its rounding errors go by.
fn inputs(io: &Io) -> (Vec<f64>, Vec<f64>) {
    let (x, table, c) = (io.f("x"), io.f("table"), io.params.u("c_in"));
    let parts = |(i, x): (usize, &f64)| ((x - table[i % c]) * table[c + i % c], table[2 * c + i % c]);
    let both = |(along, beta): (f64, f64)| ((along + beta).max(0.0), along.abs() + beta.abs());
    x.iter().enumerate().map(parts).map(both).unzip()
}

/// The convolution of inputs with these magnitudes.
fn outputs(io: &Io, x: &[f64], magnitude: &[f64]) -> Scalars {
    let w = io.f("w");
    let mut y = Scalars::zeros(io.len("y"));
    for_each_product(io.params, |xi, wi, yi| {
        y.value[yi] += x[xi] * w[wi];
        y.scale[yi] += magnitude[xi] * w[wi].abs();
    });
    y
}

/// Mean and sum of squared distances of each block of rows of y. The errors of y count, and what a mean that is off by
/// `slack` would add: the correction removes it up to its own rounding.
fn moments(y: &Scalars, p: &Params) -> Scalars {
    let (rows, c) = (p.u("n") * p.u("oh") * p.u("ow"), p.u("c_out"));
    let mut out = Scalars::zeros(2 * blocks(p) * c);
    for (b, ch) in (0..blocks(p)).flat_map(|b| (0..c).map(move |ch| (b, ch))) {
        let of_block: Range<usize> = b * BLOCK..rows.min((b + 1) * BLOCK);
        let n = of_block.len() as f64;
        let elements = || of_block.clone().map(|row| (y.value[row * c + ch], y.scale[row * c + ch]));
        let mean = elements().map(|(v, _)| v / n).sum::<f64>();
        let scale = elements().map(|(v, s)| (v.abs() + s) / n).sum::<f64>();
        out.set(2 * b * c + ch, mean, scale);
        let squares = elements().map(|(v, _)| (v - mean).powi(2)).sum::<f64>();
        let slack = (8.0 + n.sqrt()) * U * elements().map(|(v, _)| v.abs() / n).sum::<f64>();
        let through_y = elements().map(|(v, s)| 2.0 * (v - mean).abs() * s + 16.0 * U * s * s).sum::<f64>();
        out.set((2 * b + 1) * c + ch, squares, squares + through_y + n * slack * slack);
    }
    out
}

/// y = x * w, and the moments of y.
pub static STATISTICS: Kernel = Kernel {
    name: "conv2d.forward_statistics",
    args: &[read("x"), read("w"), write("y"), write("partial")],
    variants: &[
        variant(
            "naive",
            "conv2d/conv2d.forward_statistics.naive.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_statistics.naive.wgsl"),
            single_group,
            each_block,
        ),
        variant(
            "tiled",
            "conv2d/conv2d.forward_statistics.tiled.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_statistics.tiled.wgsl"),
            tiled,
            forward_tiles,
        ),
        variant(
            "first",
            "conv2d/conv2d.forward_statistics.first.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_statistics.first.wgsl"),
            tiled_any,
            forward_tiles,
        ),
        variant(
            "coop",
            "conv2d/conv2d.forward_statistics.coop.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_statistics.coop.wgsl"),
            matrices,
            forward_tiles,
        ),
        variant(
            "coop_split",
            "conv2d/conv2d.forward_statistics.coop_split.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_statistics.coop_split.wgsl"),
            split,
            forward_tiles,
        ),
        variant(
            "coop_signs",
            "conv2d/conv2d.forward_statistics.coop_signs.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_statistics.coop_signs.wgsl"),
            signs,
            forward_tiles,
        ),
    ],
    twin: |io: &mut Io| {
        let x = io.f("x").to_vec();
        let magnitude: Vec<f64> = x.iter().map(|v| v.abs()).collect();
        let y = outputs(io, &x, &magnitude);
        io.put("partial", moments(&io.stored("y", &y), io.params));
        io.put("y", y);
    },
    budget: Budget::Sum(terms),
    flop: |p| flop(p) + of_moments(p),
    cases: || {
        let mut all = statistics_cases(|c, g| record(c, g, false, true));
        all.push(far_from_zero());
        all
    },
};

/// y = max((x - mean) scale + beta, 0) * w.
pub static NORMALISED: Kernel = Kernel {
    name: "conv2d.forward_normalised",
    args: &[read("x"), read("table"), read("w"), write("y")],
    variants: &[
        variant(
            "naive",
            "conv2d/conv2d.forward_normalised.naive.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised.naive.wgsl"),
            single_group,
            each_output,
        ),
        variant(
            "tiled",
            "conv2d/conv2d.forward_normalised.tiled.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised.tiled.wgsl"),
            tiled,
            forward_tiles,
        ),
        variant(
            "coop",
            "conv2d/conv2d.forward_normalised.coop.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised.coop.wgsl"),
            matrices,
            forward_tiles,
        ),
        variant(
            "coop_split",
            "conv2d/conv2d.forward_normalised.coop_split.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised.coop_split.wgsl"),
            split,
            forward_tiles,
        ),
        variant(
            "coop_signs",
            "conv2d/conv2d.forward_normalised.coop_signs.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised.coop_signs.wgsl"),
            signs,
            forward_tiles,
        ),
    ],
    twin: |io: &mut Io| {
        let (x, magnitude) = inputs(io);
        let y = outputs(io, &x, &magnitude);
        io.put("y", y);
    },
    budget: Budget::Sum(terms),
    flop: |p| flop(p) + normalisation(p),
    cases: || few_cases(|c, g| record(c, g, true, false)),
};

/// [`NORMALISED`] and [`STATISTICS`] in one.
pub static NORMALISED_STATISTICS: Kernel = Kernel {
    name: "conv2d.forward_normalised_statistics",
    args: &[read("x"), read("table"), read("w"), write("y"), write("partial")],
    variants: &[
        variant(
            "naive",
            "conv2d/conv2d.forward_normalised_statistics.naive.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised_statistics.naive.wgsl"),
            single_group,
            each_block,
        ),
        variant(
            "tiled",
            "conv2d/conv2d.forward_normalised_statistics.tiled.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised_statistics.tiled.wgsl"),
            tiled,
            forward_tiles,
        ),
        variant(
            "coop",
            "conv2d/conv2d.forward_normalised_statistics.coop.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised_statistics.coop.wgsl"),
            matrices,
            forward_tiles,
        ),
        variant(
            "coop_split",
            "conv2d/conv2d.forward_normalised_statistics.coop_split.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised_statistics.coop_split.wgsl"),
            split,
            forward_tiles,
        ),
        variant(
            "coop_signs",
            "conv2d/conv2d.forward_normalised_statistics.coop_signs.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.forward_normalised_statistics.coop_signs.wgsl"),
            signs,
            forward_tiles,
        ),
    ],
    twin: |io: &mut Io| {
        let (x, magnitude) = inputs(io);
        let y = outputs(io, &x, &magnitude);
        io.put("partial", moments(&io.stored("y", &y), io.params));
        io.put("y", y);
    },
    budget: Budget::Sum(terms),
    flop: |p| flop(p) + normalisation(p) + of_moments(p),
    cases: || statistics_cases(|c, g| record(c, g, true, true)),
};

/// dw in partial sums, from x behind batch norm and ReLU, and dy.
pub static GRAD_WEIGHT: Kernel = Kernel {
    name: "conv2d.grad_weight_normalised",
    args: &[read("x"), read("table"), read("dy"), write("dw")],
    variants: &[
        variant(
            "naive",
            "conv2d/conv2d.grad_weight_normalised.naive.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.grad_weight_normalised.naive.wgsl"),
            single_group,
            |p, _| linear_grid((p.u("splits") * weights(p)).div_ceil(64)),
        ),
        variant(
            "tiled",
            "conv2d/conv2d.grad_weight_normalised.tiled.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.grad_weight_normalised.tiled.wgsl"),
            tiled,
            grad_weight_tiles,
        ),
        variant(
            "coop",
            "conv2d/conv2d.grad_weight_normalised.coop.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.grad_weight_normalised.coop.wgsl"),
            matrices_any,
            grad_weight_tiles,
        ),
        variant(
            "coop_split",
            "conv2d/conv2d.grad_weight_normalised.coop_split.wgsl",
            include_str!("../../../shaders/conv2d/conv2d.grad_weight_normalised.coop_split.wgsl"),
            split_any,
            grad_weight_tiles,
        ),
    ],
    twin: |io: &mut Io| {
        let (p, dy, (x, magnitude)) = (io.params, io.f("dy"), inputs(io));
        let mut dw = Scalars::zeros(io.len("dw"));
        let run = (p.u("n") * p.u("oh") * p.u("ow")).div_ceil(p.u("splits"));
        for_each_product(p, |xi, wi, yi| {
            let i = yi / p.u("c_out") / run * weights(p) + wi;
            dw.value[i] += x[xi] * dy[yi];
            dw.scale[i] += magnitude[xi] * dy[yi].abs();
        });
        io.put("dw", dw);
    },
    budget: Budget::Sum(|p| (p.u("n") * p.u("oh") * p.u("ow")).div_ceil(p.u("splits"))),
    flop: |p| flop(p) + normalisation(p),
    cases: || few_cases(record_gradient),
};

/// Shapes for kernels of one group, a few: the variants share the rest with those of the plain convolutions.
fn few_cases(build: fn(&mut CaseBuilder, &Geometry) -> Result<()>) -> Vec<Case> {
    let few =
        ["3x3 pad 1, 8 to 36", "odd channels", "5x5 stride 2", "pad beyond the image", "tiles and a bit", "windows"];
    let taken = |c: &Case| few.iter().any(|name| c.name.starts_with(name));
    let mut all: Vec<Case> = cases(build).into_iter().filter(taken).collect();
    all.iter_mut().for_each(|c| c.every_knob = false);
    all
}

/// Integers whose moments are exact: whole blocks of rows, and outputs so small that their squared distances from a mean
/// in 64ths have 24 bits. Other shapes by budget, but for windows, which would cut blocks.
fn statistics_cases(build: fn(&mut CaseBuilder, &Geometry) -> Result<()>) -> Vec<Case> {
    let base =
        Geometry { n: 2, h: 8, w: 8, c_in: 8, c_out: 12, kernel: [1, 1], stride: [1, 1], pad: [0, 0], groups: 1 };
    let wide = Geometry { n: 1, h: 16, w: 20, c_in: 4, c_out: 132, ..base };
    let exact = |name: &str, g: Geometry| Case::exact(format!("{name}, integers"), move |c| build(c, &g));
    let mut all = vec![
        exact("1x1, 8 to 12", base),
        exact("five blocks of 132 channels", wide).every_knob(),
        exact("first layer", Geometry { n: 3, c_in: 3, c_out: 16, kernel: [2, 2], pad: [1, 1], h: 7, w: 7, ..base }),
    ];
    let others = few_cases(build).into_iter().filter(|c| !c.exact);
    all.extend(others.map(|c| if c.name == "tiles and a bit" { c.every_knob() } else { c }));
    all
}

/// Outputs near 400 with a deviation near 1: squares and sums alone would not tell their variance.
fn far_from_zero() -> Case {
    let g = Geometry { n: 3, h: 9, w: 7, c_in: 4, c_out: 8, kernel: [1, 1], stride: [1, 1], pad: [0, 0], groups: 1 };
    let build = move |c: &mut CaseBuilder| {
        let x = c.input("x", &[g.n, g.x_len()], &Fill::Range(99.0, 101.0));
        let w = c.input("w", &[g.w_len()], &Fill::Values(vec![1.0; g.w_len()]));
        let (y, blocks) = (c.output("y", &[g.n, g.y_len()]), (g.n * g.oh() * g.ow()).div_ceil(BLOCK));
        let around = Around { table: None, moments: Some(c.output("partial", &[blocks, 2, g.c_out])) };
        forward(&mut c.b, "conv2d.forward", &g, x, &around, w, y)
    };
    Case::new("far from zero", build).one_sign()
}

/// Integers of a case whose squares stay exact, or numbers in [-1, 1].
fn small(c: &mut CaseBuilder, name: &str, shape: &[usize]) -> View {
    let fill = if c.is_exact() { Fill::Integers(1) } else { Fill::Uniform(1.0) };
    c.input(name, shape, &fill)
}

fn small_weights(c: &mut CaseBuilder, g: &Geometry) -> View {
    if c.b.target.signs { c.weights("w", &[g.w_len()]) } else { small(c, "w", &[g.w_len()]) }
}

fn record(c: &mut CaseBuilder, g: &Geometry, normalised: bool, moments: bool) -> Result<()> {
    let (x, w) = (small(c, "x", &[g.n, g.x_len()]), small_weights(c, g));
    let table = normalised.then(|| small(c, "table", &[TABLE, g.c_in]));
    let y = c.output("y", &[g.n, g.y_len()]);
    let blocks = (g.n * g.oh() * g.ow()).div_ceil(BLOCK);
    let moments = moments.then(|| c.output("partial", &[blocks, 2, g.c_out]));
    forward(&mut c.b, "conv2d.forward", g, x, &Around { table, moments }, w, y)
}

fn record_gradient(c: &mut CaseBuilder, g: &Geometry) -> Result<()> {
    let (x, dy) = (c.operand("x", &[g.n, g.x_len()]), c.operand("dy", &[g.n, g.y_len()]));
    let table = c.operand("table", &[TABLE, g.c_in]);
    let splits = g.splits().max(g.whole_splits(2, 4));
    let dw = c.output("dw", &[splits, g.w_len()]);
    super::grad_weight_of(&mut c.b, "conv2d.grad_weight", g, x, Some(table), dy, dw, splits)
}
