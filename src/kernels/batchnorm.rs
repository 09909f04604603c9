//! Batch normalisation over the rows of x `[rows, c]` (rows = images * height * width, NHWC): moments per channel, the
//! normalisation, and its gradient.
//!
//! Reductions run in blocks of rows whose number is a function of the shape alone, then over the blocks in order, so
//! that neither windows nor machines change a result.

mod cases;
mod moments;

use std::ops::Range;

pub use moments::{COMBINE, Moments, PARTIAL, batch_moments, combine};

use super::{Budget, Io, Kernel, Knobs, Scalars, Variant, anywhere, linear_grid, read, write};
use crate::error::{Error, Result};
use crate::plan::{Builder, Params, Target, Value, View};

/// Rows that one partial sum covers: at most 256 partial sums, of a multiple of 64 rows each.
pub fn block(rows: usize) -> usize {
    rows.div_ceil(256).next_multiple_of(64)
}

/// Checks that the views fit `[rows, c]` and `[c]`.
pub(super) fn check(
    scope: &str,
    rows: usize,
    c: usize,
    arrays: &[(&str, View)],
    channels: &[(&str, View)],
) -> Result<()> {
    let fail = |m: String| Err(Error::layer(scope, format!("batch norm: {m}")));
    if rows == 0 || c == 0 {
        return fail(format!("x of shape [{rows}, {c}] is empty"));
    }
    if let Some((name, v)) = arrays.iter().find(|(_, v)| v.len != rows * c) {
        return fail(format!("`{name}` has {} elements, [{rows}, {c}] has {}", v.len, rows * c));
    }
    if let Some((name, v)) = channels.iter().find(|(_, v)| v.len != c) {
        return fail(format!("`{name}` has {} elements, there are {c} channels", v.len));
    }
    Ok(())
}

/// The windows of a reduction over blocks of the rows of x: elements of x and the part of `partial` of each. Windows end
/// between blocks.
pub(super) fn block_windows(
    b: &Builder,
    scope: &str,
    rows: usize,
    x: View,
    partial: View,
) -> Result<Vec<(Range<usize>, View)>> {
    let size = block(rows);
    let (blocks, row) = (rows.div_ceil(size), x.len / rows);
    // As if the last block were full: only the sizes matter here.
    let full = View { len: blocks * size * row, ..x };
    let windows = b.windows(scope, blocks, &[full, partial])?;
    let elements = |w: &Range<usize>| w.start * size * row..(w.end * size).min(rows) * row;
    Ok(windows.iter().map(|w| (elements(w), partial.rows(w, blocks))).collect())
}

/// Arguments of [`forward`] and [`backward`] that belong to the channels.
#[derive(Clone, Copy, Debug)]
pub struct Channels {
    /// Mean of each channel, `[c]`.
    pub mean: View,
    /// Biased variance of each channel, `[c]`.
    pub var: View,
    /// Scale, `[c]`; a constant buffer of ones where it is not learned.
    pub gamma: View,
    /// Added to the variance.
    pub eps: f32,
}

/// Shape of a map: `rows` pixels of `c` channels.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Pixels of all images.
    pub rows: usize,
    /// Channels.
    pub c: usize,
}

/// Where [`backward`] leaves its gradients.
#[derive(Clone, Copy, Debug)]
pub struct Gradients {
    /// With respect to the scale, `[c]`.
    pub dgamma: View,
    /// With respect to the shift, `[c]`.
    pub dbeta: View,
    /// With respect to x, if anybody wants it.
    pub dx: Option<View>,
}

/// Records y = (x - mean) / sqrt(var + eps) * gamma + beta for x, y `[rows, c]`, beta `[c]` (a constant buffer of zeros
/// where it is not learned).
///
/// # Errors
/// Views of other lengths; rows that cannot be bound.
pub fn forward(
    b: &mut Builder,
    scope: &str,
    Shape { rows, c }: Shape,
    x: View,
    channels: &Channels,
    beta: View,
    y: View,
) -> Result<()> {
    let Channels { mean, var, gamma, eps } = *channels;
    let of_channels = [("mean", mean), ("var", var), ("gamma", gamma), ("beta", beta)];
    check(scope, rows, c, &[("x", x), ("y", y)], &of_channels)?;
    for w in b.windows(scope, rows, &[x, y])? {
        let params = [("rows", w.len().into()), ("c", c.into()), ("eps", eps.into())];
        let (x, y) = (x.rows(&w, rows), y.rows(&w, rows));
        let args = [("x", x), ("mean", mean), ("variance", var), ("gamma", gamma), ("beta", beta), ("y", y)];
        FORWARD.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

/// Records the gradients dgamma, dbeta `[c]` and dx `[rows, c]` from dy, through the moments as well. `channels` as given
/// to [`forward`], the moments being those of x itself. Scratch: `{scope}.partial`.
///
/// # Errors
/// Views of other lengths; rows that cannot be bound.
pub fn backward(
    b: &mut Builder,
    scope: &str,
    Shape { rows, c }: Shape,
    x: View,
    dy: View,
    channels: &Channels,
    gradients: &Gradients,
) -> Result<()> {
    let Gradients { dgamma, dbeta, dx } = *gradients;
    let Channels { mean, var, gamma, eps } = *channels;
    let of_channels = [("mean", mean), ("var", var), ("gamma", gamma), ("dgamma", dgamma), ("dbeta", dbeta)];
    check(scope, rows, c, &[("x", x), ("dy", dy), ("dx", dx.unwrap_or(dy))], &of_channels)?;
    let size = block(rows);
    let blocks = rows.div_ceil(size);
    let partial = b.transient(format!("{scope}.partial"), &[blocks, 2, c]);
    // x may have smaller elements than dy.
    for (elements, part) in block_windows(b, scope, rows, dy, partial)? {
        let (x, dy) = (x.slice(elements.clone()), dy.slice(elements));
        let params = [("rows", (x.len / c).into()), ("c", c.into()), ("block", size.into()), ("eps", Value::from(eps))];
        let args = [("x", x), ("dy", dy), ("mean", mean), ("variance", var), ("partial", part)];
        GRAD_PARTIAL.dispatch(b, scope, &params, &args)?;
    }
    grad_combine(b, scope, c, blocks, partial, dgamma, dbeta)?;
    let Some(dx) = dx else { return Ok(()) };
    for w in b.windows(scope, rows, &[x, dy, dx])? {
        let params = [("rows", w.len().into()), ("c", c.into()), ("total", rows.into()), ("eps", Value::from(eps))];
        let cut = |v: View| v.rows(&w, rows);
        let args = [
            ("x", cut(x)),
            ("dy", cut(dy)),
            ("mean", mean),
            ("variance", var),
            ("gamma", gamma),
            ("dgamma", dgamma),
            ("dbeta", dbeta),
            ("dx", cut(dx)),
        ];
        BACKWARD.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

/// Records dgamma and dbeta `[c]` as the sums over the blocks of `partial` `[blocks, 2, c]`.
pub(super) fn grad_combine(
    b: &mut Builder,
    scope: &str,
    c: usize,
    blocks: usize,
    partial: View,
    dgamma: View,
    dbeta: View,
) -> Result<()> {
    let params = [("c", c.into()), ("blocks", blocks.into())];
    GRAD_COMBINE.dispatch(b, scope, &params, &[("partial", partial), ("dgamma", dgamma), ("dbeta", dbeta)])
}

/// Channels that the four-wide variants can run.
fn vec4_channels(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    if p.u("c").is_multiple_of(4) { Ok(()) } else { Err("the channels are no multiple of 4") }
}

pub(super) type Grid = fn(&Params, &Knobs) -> [u32; 3];

pub(super) const fn naive(grid: Grid) -> Variant {
    Variant::new("naive", anywhere, grid)
}

pub(super) const fn vec4(grid: Grid) -> Variant {
    Variant::new("vec4", vec4_channels, grid)
}

pub(super) const fn tree(grid: Grid) -> Variant {
    Variant::new("tree", vec4_channels, grid)
}

/// Channels of the four-wide variants that read their operands from textures, where there are such.
fn texel_channels(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    vec4_channels(t, p)?;
    super::texels::readable(t)
}

pub(super) const fn texels(grid: Grid) -> Variant {
    Variant::new("texels", texel_channels, grid)
}

/// Blocks of rows of a dispatch.
pub(super) fn blocks(p: &Params) -> usize {
    p.u("rows").div_ceil(p.u("block"))
}

/// Calls `f(element, channel, block)` for every element of x.
pub(super) fn for_each(p: &Params, mut f: impl FnMut(usize, usize, usize)) {
    let c = p.u("c");
    for r in 0..p.u("rows") {
        for ch in 0..c {
            f(r * c + ch, ch, r / p.u("block"));
        }
    }
}

/// y = (x - mean) / sqrt(variance + eps) * gamma + beta.
pub static FORWARD: Kernel = Kernel {
    name: "batchnorm.forward",
    args: &[read("x"), read("mean"), read("variance"), read("gamma"), read("beta"), write("y")],
    variants: &[
        naive(|p, _| linear_grid((p.u("rows") * p.u("c")).div_ceil(64))),
        vec4(|p, k| linear_grid((p.u("rows").div_ceil(k.get("ROWS") as usize) * p.u("c")).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let (x, mean, var, gamma, beta) = (io.f("x"), io.f("mean"), io.f("variance"), io.f("gamma"), io.f("beta"));
        let eps = f64::from(io.params.f("eps"));
        let mut y = Scalars::zeros(x.len());
        for (i, &x) in x.iter().enumerate() {
            let ch = i % mean.len();
            y.add(i, (x - mean[ch]) / (var[ch] + eps).sqrt() * gamma[ch]);
            y.add(i, beta[ch]);
        }
        io.put("y", y);
    },
    budget: Budget::Sum(|_| 2),
    flop: |p| 3.0 * (p.u("rows") * p.u("c")) as f64,
    cases: cases::forward,
};

/// dgamma and dbeta over blocks of rows.
pub static GRAD_PARTIAL: Kernel = Kernel {
    name: "batchnorm.grad_partial",
    args: &[read("x"), read("dy"), read("mean"), read("variance"), write("partial")],
    variants: &[
        naive(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(64))),
        vec4(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(256))),
        tree(|p, _| linear_grid(blocks(p) * p.u("c").div_ceil(32))),
    ],
    twin: |io: &mut Io| {
        let (p, x, dy, mean, var) = (io.params, io.f("x"), io.f("dy"), io.f("mean"), io.f("variance"));
        let (c, eps) = (p.u("c"), f64::from(p.f("eps")));
        let mut out = Scalars::zeros(io.len("partial"));
        for_each(p, |i, ch, b| {
            out.add(2 * b * c + ch, dy[i] * (x[i] - mean[ch]) / (var[ch] + eps).sqrt());
            out.add((2 * b + 1) * c + ch, dy[i]);
        });
        io.put("partial", out);
    },
    budget: Budget::Sum(|p| p.u("block")),
    flop: |p| 4.0 * (p.u("rows") * p.u("c")) as f64,
    cases: cases::backward,
};

/// dgamma and dbeta.
pub static GRAD_COMBINE: Kernel = Kernel {
    name: "batchnorm.grad_combine",
    args: &[read("partial"), write("dgamma"), write("dbeta")],
    variants: &[
        naive(|p, _| linear_grid(p.u("c").div_ceil(64))),
        vec4(|p, _| linear_grid(p.u("c").div_ceil(256))),
        tree(|p, _| linear_grid(p.u("c").div_ceil(32))),
    ],
    twin: |io: &mut Io| {
        let (c, partial) = (io.params.u("c"), io.f("partial"));
        let mut sums = [Scalars::zeros(c), Scalars::zeros(c)];
        for (i, &v) in partial.iter().enumerate() {
            sums[i / c % 2].add(i % c, v);
        }
        let [dgamma, dbeta] = sums;
        io.put("dgamma", dgamma);
        io.put("dbeta", dbeta);
    },
    budget: Budget::Sum(|p| p.u("blocks")),
    flop: |p| 2.0 * (p.u("blocks") * p.u("c")) as f64,
    cases: cases::backward,
};

/// dx, through the moments as well.
pub static BACKWARD: Kernel = Kernel {
    name: "batchnorm.backward",
    args: &[
        read("x"),
        read("dy"),
        read("mean"),
        read("variance"),
        read("gamma"),
        read("dgamma"),
        read("dbeta"),
        write("dx"),
    ],
    variants: &[
        naive(|p, _| linear_grid((p.u("rows") * p.u("c")).div_ceil(64))),
        vec4(|p, k| linear_grid((p.u("rows").div_ceil(k.get("ROWS") as usize) * p.u("c")).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let p = io.params;
        let (x, dy, mean, var) = (io.f("x"), io.f("dy"), io.f("mean"), io.f("variance"));
        let (gamma, dgamma, dbeta) = (io.f("gamma"), io.f("dgamma"), io.f("dbeta"));
        let (eps, total) = (f64::from(p.f("eps")), p.u("total") as f64);
        let mut dx = Scalars::zeros(x.len());
        for i in 0..x.len() {
            let ch = i % mean.len();
            let inv_std = 1.0 / (var[ch] + eps).sqrt();
            let along = (x[i] - mean[ch]) * inv_std * inv_std * gamma[ch] * dgamma[ch] / total;
            dx.add(i, gamma[ch] * inv_std * dy[i]);
            dx.add(i, -gamma[ch] * inv_std * dbeta[ch] / total);
            dx.add(i, -along);
            // WGSL's 1 / sqrt is good to 2 ulp, and this term holds it twice.
            dx.scale[i] += along.abs();
        }
        io.put("dx", dx);
    },
    budget: Budget::Sum(|_| 3),
    flop: |p| 5.0 * (p.u("rows") * p.u("c")) as f64,
    cases: cases::backward,
};
