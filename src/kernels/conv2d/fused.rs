//! What a convolution can do for the layers around it, by its optional arguments: what comes before, normalisation and
//! ReLU, while it reads its input (`table`); what comes after, while it has its output at hand: the sum with the shortcut around
//! a residual block (`skip`), and the moments of what it leaves (`moments`).
//!
//! Over kernels of their own: a normalised map is neither written nor read, nobody reads a convolution's output for its
//! moments, and that of a block's last convolution is not stored by itself. Layers give these arguments where the variant that a
//! row of `tuning.toml` names takes them.

use std::ops::Range;

use super::split_k::run;
use super::{FORWARD, GRAD_WEIGHT, Geometry, Weight, cases, for_each_product, stored, unfold, weights};
use crate::error::{Error, Result};
use crate::kernels::case::{Case, CaseBuilder, Fill};
use crate::kernels::norm_relu::TABLE;
use crate::kernels::{Io, Kernel, Scalars, tuning};
use crate::plan::{Builder, Elem, Params, Target, View};

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
    /// What its output is added to, of the shape of that.
    pub skip: Option<View>,
}

impl Around {
    /// The arguments that it brings.
    fn args(&self) -> impl Iterator<Item = (&'static str, View)> {
        let all = [("table", self.table), ("moments", self.moments), ("skip", self.skip)];
        all.into_iter().filter_map(|(name, view)| Some((name, view?)))
    }
}

/// Whether the convolution reads its input through batch norm and ReLU on this target: in its forward pass, and in its
/// gradient if that is wanted. A map of one row has nothing to gain.
///
/// # Errors
/// A forced variant that does not exist.
pub fn normalises(target: &Target, g: &Geometry, gradient: bool) -> Result<bool> {
    let whole = !unfold::needed(&target.adapter.limits, g);
    let takes = |kernel, splits| takes(target, g, kernel, splits, "x", &["table"]);
    Ok(g.h > 1 && whole && takes(&FORWARD, 1)? && (!gradient || takes(&GRAD_WEIGHT, g.splits())?))
}

/// `map`: an argument that holds an activation.
fn takes(
    target: &Target,
    g: &Geometry,
    kernel: &'static Kernel,
    splits: usize,
    map: &str,
    given: &[&str],
) -> Result<bool> {
    let maps = [map];
    let halves = if target.activations() == Elem::F16 { &maps[..] } else { &[] };
    tuning::takes(kernel, target, &Params(g.params(g.n, splits)), &tuning::Wanted { halves, given })
}

/// Whether the convolution adds its output to a map on this target, given whether it normalises its input.
///
/// # Errors
/// A forced variant that does not exist.
pub fn adds(target: &Target, g: &Geometry, normalised: bool) -> Result<bool> {
    let given: &[&str] = if normalised { &["table", "skip"] } else { &["skip"] };
    let whole = !unfold::needed(&target.adapter.limits, g);
    Ok(whole && takes(target, g, &FORWARD, 1, "y", given)?)
}

/// Whether the convolution leaves the moments of its output y on this target, given what else it does. Not where y takes several
/// windows, which may end within a block.
///
/// # Errors
/// A forced variant that does not exist; an image that cannot be bound.
pub fn leaves_moments(b: &Builder, scope: &str, g: &Geometry, around: &Around, x: View, y: View) -> Result<bool> {
    let given: Vec<&str> = around.args().map(|(name, _)| name).chain(["moments"]).collect();
    let whole = !unfold::needed(&b.target.adapter.limits, g);
    let takes = takes(&b.target, g, &FORWARD, 1, "y", &given)?;
    Ok(g.h > 1 && whole && takes && b.windows(scope, g.n, &[x, y])?.len() == 1)
}

/// Records the convolution of x with w and what it does besides.
///
/// # Errors
/// As [`conv2d::forward`](super::forward); a table or moments of another length; several windows with moments.
pub fn forward(
    b: &mut Builder,
    scope: &str,
    g: &Geometry,
    x: View,
    around: &Around,
    w: impl Into<Weight>,
    y: View,
) -> Result<()> {
    let w = w.into();
    g.check(scope)?;
    w.check(scope, g)?;
    let (blocks, c) = ((g.n * g.oh() * g.ow()).div_ceil(BLOCK), g.c_out);
    let fits = |view: Option<View>, len: usize| view.is_none_or(|v| v.len == len);
    if !fits(around.table, TABLE * g.c_in) || !fits(around.moments, 2 * blocks * c) || !fits(around.skip, y.len) {
        let message =
            format!("{around:?} does not fit {g:?}: [{TABLE}, {}], [{blocks}, 2, {c}] and [{}]", g.c_in, y.len);
        return Err(Error::layer(scope, message));
    }
    let windows = b.windows(scope, g.n, &[x, y])?;
    if around.moments.is_some() && windows.len() > 1 {
        let message = format!("{} windows cut the blocks of rows whose moments are taken", windows.len());
        return Err(Error::layer(scope, message));
    }
    let in_parts = match w {
        Weight::Real(w) if unfold::needed(&b.target.adapter.limits, g) => Some(w),
        _ => None,
    };
    if in_parts.is_some() && *around != Around::default() {
        return Err(Error::layer(scope, format!("{around:?} with weights that are bound in windows")));
    }
    for win in windows {
        if let Some(w) = in_parts {
            let (x, y) = (x.rows(&win, g.n), y.rows(&win, g.n));
            unfold::forward(b, scope, &Geometry { n: win.len(), ..*g }, x, w, y)?;
            continue;
        }
        let mut args = vec![("x", x.rows(&win, g.n)), ("y", y.rows(&win, g.n))];
        args.extend(w.args());
        args.extend(Around { skip: around.skip.map(|skip| skip.rows(&win, g.n)), ..*around }.args());
        FORWARD.dispatch(b, scope, &g.params(win.len(), 1), &args)?;
    }
    Ok(())
}

/// Output channels of all groups.
fn channels(p: &Params) -> usize {
    p.u("groups") * p.u("c_out")
}

fn blocks(p: &Params) -> usize {
    (p.u("n") * p.u("oh") * p.u("ow")).div_ceil(BLOCK)
}

/// Operations of batch norm and ReLU, each element once, though every tap does them again.
pub(super) fn normalisation(p: &Params) -> f64 {
    4.0 * (p.u("n") * p.u("h") * p.u("w") * p.u("groups") * p.u("c_in")) as f64
}

/// Operations of the moments.
pub(in crate::kernels) fn of_moments(p: &Params) -> f64 {
    5.0 * (p.u("n") * p.u("oh") * p.u("ow") * channels(p)) as f64
}

/// Operations of the sum.
pub(in crate::kernels) fn of_skip(p: &Params) -> f64 {
    (p.u("n") * p.u("oh") * p.u("ow") * channels(p)) as f64
}

/// x as the convolution sees it, and the magnitude that its rounding errors go by.
fn inputs(io: &Io) -> (Vec<f64>, Vec<f64>) {
    let (x, c) = (io.f("x"), io.params.u("groups") * io.params.u("c_in"));
    if !io.has("table") {
        return (x.to_vec(), x.iter().map(|v| v.abs()).collect());
    }
    let table = io.f("table");
    let parts = |(i, x): (usize, &f64)| ((x - table[i % c]) * table[c + i % c], table[2 * c + i % c]);
    let both = |(along, beta): (f64, f64)| ((along + beta).max(0.0), along.abs() + beta.abs());
    x.iter().enumerate().map(parts).map(both).unzip()
}

/// The twin of [`FORWARD`].
pub(super) fn forward_twin(io: &mut Io) {
    let (x, magnitude) = inputs(io);
    let w = stored::of_forward(io);
    let mut y = Scalars::zeros(io.len("y"));
    let (len, run) = (io.len("y") / io.params.u("splits"), channels(io.params) * run(io.params));
    for_each_product(io.params, |xi, wi, yi| {
        let i = wi / run * len + yi;
        y.value[i] += x[xi] * w[wi];
        y.scale[i] += magnitude[xi] * w[wi].abs();
    });
    put_outputs(io, y);
}

/// Puts the products y, added to `skip` if there is one, and the moments if they are asked for.
pub(in crate::kernels) fn put_outputs(io: &mut Io, mut y: Scalars) {
    if io.has("skip") {
        io.f("skip").iter().enumerate().for_each(|(i, v)| y.add(i, *v));
    }
    if io.has("moments") {
        io.put("moments", moments(&io.stored("y", &y), io.params));
    }
    io.put("y", y);
}

/// The twin of [`GRAD_WEIGHT`].
pub(super) fn grad_weight_twin(io: &mut Io) {
    let (p, dy, (x, magnitude)) = (io.params, io.f("dy"), inputs(io));
    let mut dw = Scalars::zeros(io.len("dw"));
    let run = (p.u("n") * p.u("oh") * p.u("ow")).div_ceil(p.u("splits"));
    for_each_product(p, |xi, wi, yi| {
        let i = yi / channels(p) / run * weights(p) + wi;
        dw.value[i] += x[xi] * dy[yi];
        dw.scale[i] += magnitude[xi] * dy[yi].abs();
    });
    io.put("dw", dw);
}

/// Mean and sum of squared distances of each block of rows of y `[n, oh, ow, groups, c_out]`. The errors of y count, and what a mean that is off by
/// `slack` would add: the correction removes it up to its own rounding.
fn moments(y: &Scalars, p: &Params) -> Scalars {
    let (rows, c) = (p.u("n") * p.u("oh") * p.u("ow"), channels(p));
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

/// The cases of [`FORWARD`] with its optional arguments.
pub(super) fn forward_cases() -> Vec<Case> {
    let mut all = moments_cases("moments", |c, g| record(c, g, &["moments"]));
    all.push(far_from_zero());
    all.extend(few_cases("normalised", |c, g| record(c, g, &["table"])));
    all.extend(moments_cases("normalised, moments", |c, g| record(c, g, &["table", "moments"])));
    all.extend(skip_cases());
    all
}

/// The cases of [`GRAD_WEIGHT`] with its optional argument.
pub(super) fn grad_weight_cases() -> Vec<Case> {
    few_cases("normalised", record_gradient)
}

/// A few of the shapes: the rest is what the variants do without these arguments.
fn few_cases(what: &str, build: fn(&mut CaseBuilder, &Geometry) -> Result<()>) -> Vec<Case> {
    let few = [
        "3x3 pad 1, 8 to 36",
        "odd channels",
        "5x5 stride 2",
        "pad beyond the image",
        "pad below and to the right, stride 2, 8 to 36",
        "tiles and a bit",
        "windows",
        "2 groups of 8 to 36",
        "2 groups of 5 to 7",
    ];
    let taken = |c: &Case| few.iter().any(|name| c.name.starts_with(name));
    let mut all: Vec<Case> = cases(build).into_iter().filter(taken).collect();
    for c in &mut all {
        c.name = format!("{}, {what}", c.name);
        c.every_knob = false;
    }
    all
}

/// Integers whose moments are exact: whole blocks of rows, and outputs so small that their squared distances from a mean
/// in 64ths have 24 bits. Other shapes by budget, but for windows, which would cut blocks.
fn moments_cases(what: &str, build: fn(&mut CaseBuilder, &Geometry) -> Result<()>) -> Vec<Case> {
    let base = Geometry { h: 8, w: 8, ..Geometry::linear(2, 8, 12) };
    let wide = Geometry { n: 1, h: 16, w: 20, c_in: 4, c_out: 132, ..base };
    let exact = |name: &str, g: Geometry| Case::exact(format!("{name}, {what}, integers"), move |c| build(c, &g));
    let mut all = vec![
        exact("1x1, 8 to 12", base),
        exact("five blocks of 132 channels", wide).every_knob(),
        exact("first layer", Geometry { n: 3, c_in: 3, c_out: 16, kernel: [2, 2], pad: [1, 1], h: 7, w: 7, ..base }),
    ];
    let others = few_cases(what, build).into_iter().filter(|c| !c.exact);
    all.extend(others.map(|c| if c.name.starts_with("tiles and a bit") { c.every_knob() } else { c }));
    all
}

/// Sums with a map, alone and with the moments of what they are, of whole blocks of rows and others.
fn skip_cases() -> Vec<Case> {
    let base = Geometry { kernel: [3, 3], pad: [1, 1], ..Geometry::linear(2, 32, 32) };
    let blocks = [
        ("lines of 16, 32 to 32", Geometry { h: 4, w: 16, ..base }),
        ("lines of 8, 32 to 40", Geometry { n: 5, h: 8, w: 8, c_out: 40, ..base }),
        ("lines of 32, 4 to 16", Geometry { h: 3, w: 32, c_in: 4, c_out: 16, ..base }),
    ];
    let others = [
        ("5 to 7", Geometry { h: 6, w: 5, c_in: 5, c_out: 7, ..base }),
        ("2 groups of 8 to 12", Geometry { h: 9, w: 8, c_in: 16, c_out: 24, groups: 2, ..base }),
    ];
    let case = |name: &str, what: &'static [&str], exact: bool, g: Geometry| {
        let build = move |c: &mut CaseBuilder| record(c, &g, what);
        let name = format!("{name}, {}", what.join(", "));
        if exact { Case::exact(format!("{name}, integers"), build) } else { Case::new(name, build) }
    };
    let mut all = vec![];
    for (name, g) in blocks.into_iter().chain(others) {
        all.push(case(name, &["skip"], true, g));
        all.push(case(name, &["skip", "moments"], false, g));
    }
    // Of so few products that the squares are exact.
    let [.., (name, few)] = blocks;
    all.push(case(name, &["skip", "moments"], true, few));
    all
}

/// Outputs near 400 with a deviation near 1: squares and sums alone would not tell their variance.
fn far_from_zero() -> Case {
    let g = Geometry { h: 9, w: 7, ..Geometry::linear(3, 4, 8) };
    let build = move |c: &mut CaseBuilder| {
        let x = c.input("x", &[g.n, g.x_len()], &Fill::Range(99.0, 101.0));
        let w = c.input("w", &[g.w_len()], &Fill::Values(vec![1.0; g.w_len()]));
        let (y, blocks) = (c.output("y", &[g.n, g.y_len()]), (g.n * g.oh() * g.ow()).div_ceil(BLOCK));
        let around = Around { moments: Some(c.output("moments", &[blocks, 2, g.c_out])), ..Around::default() };
        forward(&mut c.b, "conv2d.forward", &g, x, &around, w, y)
    };
    Case::new("far from zero, moments", build).one_sign()
}

/// Integers of a case whose squares stay exact, or numbers in [-1, 1].
fn small(c: &mut CaseBuilder, name: &str, shape: &[usize]) -> View {
    let fill = if c.is_exact() { Fill::Integers(1) } else { Fill::Uniform(1.0) };
    c.input(name, shape, &fill)
}

fn small_weights(c: &mut CaseBuilder, g: &Geometry) -> View {
    if c.b.target.ternary { c.weights("w", &[g.w_len()]) } else { small(c, "w", &[g.w_len()]) }
}

fn record(c: &mut CaseBuilder, g: &Geometry, given: &[&str]) -> Result<()> {
    let (x, w) = (small(c, "x", &[g.n, g.x_len()]), small_weights(c, g));
    let table = given.contains(&"table").then(|| small(c, "table", &[TABLE, g.c_in]));
    let skip = given.contains(&"skip").then(|| small(c, "skip", &[g.n, g.y_len()]));
    let y = c.output("y", &[g.n, g.y_len()]);
    let blocks = (g.n * g.oh() * g.ow()).div_ceil(BLOCK);
    let moments = given.contains(&"moments").then(|| c.output("moments", &[blocks, 2, g.c_out]));
    forward(&mut c.b, "conv2d.forward", g, x, &Around { table, moments, skip }, w, y)
}

fn record_gradient(c: &mut CaseBuilder, g: &Geometry) -> Result<()> {
    let (x, dy) = (c.operand("x", &[g.n, g.x_len()]), c.operand("dy", &[g.n, g.y_len()]));
    let table = c.operand("table", &[TABLE, g.c_in]);
    let splits = g.splits().max(g.whole_splits(2, 4));
    let dw = c.output("dw", &[splits, g.w_len()]);
    super::grad_weight_of(&mut c.b, "conv2d.grad_weight", g, super::Input { x, table: Some(table) }, dy, dw, splits)
}
