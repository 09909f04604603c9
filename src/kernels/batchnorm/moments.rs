//! Moments of each channel of a batch, over blocks of rows and then over the blocks.

use super::{block, block_windows, blocks, cases, check, for_each, naive, texels, tree, vec4};
use crate::error::Result;
use crate::kernels::{Budget, Io, Kernel, Scalars, linear_grid, read, write};
use crate::plan::{Builder, View};

/// Unit roundoff of f32.
const U: f64 = f32::EPSILON as f64 / 2.0;

/// Mean and variance, `[c]` each.
pub type Moments = [View; 2];

/// Records mean and (biased) variance of each channel of x `[rows, c]` into `mean` and `var`, `[c]` each.
/// Scratch: `{scope}.partial`.
///
/// # Errors
/// Views of other lengths; rows that cannot be bound.
pub fn batch_moments(
    b: &mut Builder,
    scope: &str,
    rows: usize,
    c: usize,
    x: View,
    mean: View,
    var: View,
) -> Result<()> {
    check(scope, rows, c, &[("x", x)], &[("mean", mean), ("var", var)])?;
    let size = block(rows);
    let partial = b.transient(format!("{scope}.partial"), &[rows.div_ceil(size), 2, c]);
    for (elements, part) in block_windows(b, scope, rows, x, partial)? {
        let params = [("rows", (elements.len() / c).into()), ("c", c.into()), ("block", size.into())];
        PARTIAL.dispatch(b, scope, &params, &[("x", x.slice(elements)), ("partial", part)])?;
    }
    combine(b, scope, rows, c, size, partial, [mean, var])
}

/// Records mean and variance of each channel from the moments of blocks of `size` rows, `[blocks, 2, c]`, as
/// [`PARTIAL`] or a [convolution](crate::kernels::conv2d::fused) left them.
///
/// # Errors
/// Views of other lengths.
pub fn combine(
    b: &mut Builder,
    scope: &str,
    rows: usize,
    c: usize,
    size: usize,
    partial: View,
    [mean, var]: Moments,
) -> Result<()> {
    check(scope, 2 * rows.div_ceil(size), c, &[("partial", partial)], &[("mean", mean), ("var", var)])?;
    let params = [("rows", rows.into()), ("c", c.into()), ("block", size.into())];
    COMBINE.dispatch(b, scope, &params, &[("partial", partial), ("mean", mean), ("variance", var)])
}

/// Moments of blocks of rows.
pub static PARTIAL: Kernel = Kernel {
    name: "batchnorm.partial",
    args: &[read("x"), write("partial")],
    variants: &[
        naive(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(64))),
        vec4(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(256))),
        texels(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(256))),
        tree(|p, _| linear_grid(blocks(p) * p.u("c").div_ceil(32))),
    ],
    twin: |io: &mut Io| {
        let (p, x) = (io.params, io.f("x"));
        let (c, size) = (p.u("c"), p.u("block"));
        let rows_of = |b: usize| (p.u("rows") - b * size).min(size) as f64;
        let mut out = Scalars::zeros(io.len("partial"));
        for_each(p, |i, ch, b| out.add(2 * b * c + ch, x[i] / rows_of(b)));
        let mut squares = out.clone();
        for_each(p, |i, ch, b| squares.add((2 * b + 1) * c + ch, (x[i] - out.value[2 * b * c + ch]).powi(2)));
        // What a rounded mean that is off by `slack` would add: the correction removes it up to its own rounding.
        for (b, ch) in (0..blocks(p)).flat_map(|b| (0..c).map(move |ch| (b, ch))) {
            let slack = (8.0 + rows_of(b).sqrt()) * U * squares.scale[2 * b * c + ch];
            squares.scale[(2 * b + 1) * c + ch] += rows_of(b) * slack * slack;
        }
        io.put("partial", squares);
    },
    budget: Budget::Sum(|p| p.u("block")),
    flop: |p| 5.0 * (p.u("rows") * p.u("c")) as f64,
    cases: cases::batch_moments,
};

/// Moments of all rows from those of the blocks.
pub static COMBINE: Kernel = Kernel {
    name: "batchnorm.combine",
    args: &[read("partial"), write("mean"), write("variance")],
    variants: &[
        naive(|p, _| linear_grid(p.u("c").div_ceil(64))),
        vec4(|p, _| linear_grid(p.u("c").div_ceil(256))),
        tree(|p, _| linear_grid(p.u("c").div_ceil(32))),
    ],
    twin: |io: &mut Io| {
        let (p, partial) = (io.params, io.f("partial"));
        let (c, size, rows) = (p.u("c"), p.u("block"), p.u("rows"));
        let share = |b: usize| (rows - b * size).min(size) as f64 / rows as f64;
        let (mut mean, mut var) = (Scalars::zeros(c), Scalars::zeros(c));
        for ch in 0..c {
            for b in 0..blocks(p) {
                mean.add(ch, partial[2 * b * c + ch] * share(b));
            }
            for b in 0..blocks(p) {
                var.add(ch, partial[(2 * b + 1) * c + ch] / rows as f64);
                var.add(ch, (partial[2 * b * c + ch] - mean.value[ch]).powi(2) * share(b));
            }
            // As in batchnorm.partial.
            let slack = (8.0 + (blocks(p) as f64).sqrt()) * U * mean.scale[ch];
            var.scale[ch] += slack * slack;
        }
        io.put("mean", mean);
        io.put("variance", var);
    },
    budget: Budget::Sum(blocks),
    flop: |p| 9.0 * (blocks(p) * p.u("c")) as f64,
    cases: cases::batch_moments,
};
