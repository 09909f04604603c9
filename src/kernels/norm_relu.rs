//! Batch normalisation and ReLU in one pass, y = max((x - mean) scale + beta, 0), and their gradient with the max pooling
//! before them: what [`super::batchnorm`], [`super::relu`] and [`super::maxpool`] do one after the other.
//!
//! Over these: the normalised map is neither written nor read again, and the backward pass computes the sign of its
//! elements from x, so that x alone is kept. Statistics and their sums stay those of [`super::batchnorm`], with the
//! same bits. What belongs to a channel stands in a table that every kernel reads, a convolution's prologue as well.

mod cases;

use super::batchnorm::{self, Channels, block_windows, blocks, check, for_each, naive, texels, tree, vec4};
use super::pool::Geometry;
use super::{Budget, Io, Kernel, Scalars, linear_grid, optional, read, read_u32, write};
use crate::error::{Error, Result};
use crate::plan::{Builder, Params, View};

/// Rows of the table of a layer: mean, scale = gamma / sqrt(var + eps), beta, 1 / sqrt(var + eps).
pub const TABLE: usize = 4;

/// Unit roundoff of f32.
const U: f64 = f32::EPSILON as f64 / 2.0;

/// Records the table `[4, c]` of a layer from its moments, scale and shift.
///
/// # Errors
/// Views of other lengths.
pub fn table(b: &mut Builder, scope: &str, c: usize, channels: &Channels, beta: View, table: View) -> Result<()> {
    let Channels { mean, var, gamma, eps } = *channels;
    check(scope, 1, c, &[], &[("mean", mean), ("var", var), ("gamma", gamma), ("beta", beta)])?;
    check(scope, TABLE, c, &[("table", table)], &[])?;
    let args = [("mean", mean), ("variance", var), ("gamma", gamma), ("beta", beta), ("table", table)];
    TABLE_OF.dispatch(b, scope, &[("c", c.into()), ("eps", eps.into())], &args)
}

/// Records y = max((x - mean) scale + beta, 0) for x, y `[rows, c]`.
///
/// # Errors
/// Views of other lengths; rows that cannot be bound.
pub fn forward(b: &mut Builder, scope: &str, rows: usize, c: usize, x: View, table: View, y: View) -> Result<()> {
    check(scope, rows, c, &[("x", x), ("y", y)], &[])?;
    check(scope, TABLE, c, &[("table", table)], &[])?;
    for w in b.windows(scope, rows, &[x, y])? {
        let params = [("rows", w.len().into()), ("c", c.into())];
        let args = [("x", x.rows(&w, rows)), ("table", table), ("y", y.rows(&w, rows))];
        FORWARD.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

/// What the backward pass of a layer reads and where it leaves the gradients of gamma and beta.
#[derive(Clone, Copy, Debug)]
pub struct Backward {
    /// Input of the layer, `[rows, c]`.
    pub x: View,
    /// Gradient with respect to its output, `[rows, c]`.
    pub dy: View,
    /// The table, `[4, c]`, its moments being those of x.
    pub table: View,
    /// Gradient of gamma, `[c]`.
    pub dgamma: View,
    /// Gradient of beta, `[c]`.
    pub dbeta: View,
}

/// Records dgamma and dbeta. Scratch: `{scope}.partial`.
///
/// # Errors
/// Views of other lengths; rows that cannot be bound.
pub fn sums(b: &mut Builder, scope: &str, rows: usize, c: usize, of: &Backward) -> Result<()> {
    let Backward { x, dy, table, dgamma, dbeta } = *of;
    check(scope, rows, c, &[("x", x), ("dy", dy)], &[("dgamma", dgamma), ("dbeta", dbeta)])?;
    check(scope, TABLE, c, &[("table", table)], &[])?;
    let size = batchnorm::block(rows);
    let blocks = rows.div_ceil(size);
    let partial = b.transient(format!("{scope}.partial"), &[blocks, 2, c]);
    // x may have smaller elements than dy.
    for (elements, part) in block_windows(b, scope, rows, dy, partial)? {
        let (x, dy) = (x.slice(elements.clone()), dy.slice(elements));
        let params = [("rows", (x.len / c).into()), ("c", c.into()), ("block", size.into())];
        GRAD_PARTIAL.dispatch(b, scope, &params, &[("x", x), ("dy", dy), ("table", table), ("partial", part)])?;
    }
    batchnorm::grad_combine(b, scope, c, blocks, partial, dgamma, dbeta)
}

/// Records dx `[rows, c]` from what [`sums`] left, plus `skip` `[rows, c]` where it is given: the gradient of a shortcut around
/// the layer.
///
/// # Errors
/// As [`sums`].
pub fn backward(
    b: &mut Builder,
    scope: &str,
    [rows, c]: [usize; 2],
    of: &Backward,
    skip: Option<View>,
    dx: View,
) -> Result<()> {
    let Backward { x, dy, table, dgamma, dbeta } = *of;
    check(scope, rows, c, &[("x", x), ("dy", dy), ("dx", dx)], &[("dgamma", dgamma), ("dbeta", dbeta)])?;
    if let Some(skip) = skip {
        check(scope, rows, c, &[("skip", skip)], &[])?;
    }
    for w in b.windows(scope, rows, &[x, dy, dx])? {
        let params = [("rows", w.len().into()), ("c", c.into()), ("total", rows.into())];
        let cut = |v: View| v.rows(&w, rows);
        let mut args = vec![("x", cut(x)), ("dy", cut(dy)), ("table", table), ("dgamma", dgamma), ("dbeta", dbeta)];
        args.extend(skip.map(|skip| ("skip", cut(skip))));
        args.push(("dx", cut(dx)));
        BACKWARD.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

/// Records dx `[n, h, w, c]`, the gradient with respect to the input of the max pooling `g` whose output is the layer's
/// input, from what [`sums`] left and the index that the pooling wrote. The windows must [tile](Geometry::tiles) the image.
///
/// # Errors
/// As [`sums`]; windows that do not tile the image.
pub fn backward_pool(b: &mut Builder, scope: &str, g: &Geometry, of: &Backward, index: View, dx: View) -> Result<()> {
    let Backward { x, dy, table, dgamma, dbeta } = *of;
    g.check(scope)?;
    if !g.tiles() {
        return Err(Error::layer(scope, format!("the windows of {g:?} do not tile the image")));
    }
    let (rows, c) = (g.n * g.oh() * g.ow(), g.c);
    check(scope, rows, c, &[("x", x), ("dy", dy), ("index", index)], &[("dgamma", dgamma), ("dbeta", dbeta)])?;
    for win in b.windows(scope, g.n, &[x, dy, index, dx])? {
        let cut = |v: View| v.rows(&win, g.n);
        let params = [
            ("n", win.len().into()),
            ("oh", g.oh().into()),
            ("ow", g.ow().into()),
            ("c", c.into()),
            ("kh", g.kernel[0].into()),
            ("kw", g.kernel[1].into()),
            ("total", rows.into()),
        ];
        let args = [
            ("x", cut(x)),
            ("dy", cut(dy)),
            ("index", cut(index)),
            ("table", table),
            ("dgamma", dgamma),
            ("dbeta", dbeta),
            ("dx", cut(dx)),
        ];
        BACKWARD_POOL.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

/// One row of the table for all channels.
fn row(table: &[f64], which: usize) -> &[f64] {
    let c = table.len() / TABLE;
    &table[which * c..(which + 1) * c]
}

/// The gradient behind the ReLU of one element, and its magnitude where the f32 sign of z may differ from the f64 one:
/// there both 0 and dy are right.
fn masked(table: &[f64], ch: usize, x: f64, dy: f64) -> (f64, f64) {
    let along = (x - row(table, 0)[ch]) * row(table, 1)[ch];
    let beta = row(table, 2)[ch];
    let z = along + beta;
    let unsure = z.abs() <= 4.0 * U * (along.abs() + beta.abs());
    (if z > 0.0 { dy } else { 0.0 }, if unsure { dy.abs() } else { 0.0 })
}

/// Adds the terms of dx for one element to element `i` of `dx`.
fn add_dx(dx: &mut Scalars, i: usize, io: &Io, ch: usize, x: f64, dy: f64) {
    let (table, total) = (io.f("table"), io.params.u("total") as f64);
    let (scale, inv_std) = (row(table, 1)[ch], row(table, 3)[ch]);
    let (dz, unsure) = masked(table, ch, x, dy);
    dx.add(i, scale * dz);
    dx.add(i, -scale * io.f("dbeta")[ch] / total);
    dx.add(i, -scale * (x - row(table, 0)[ch]) * inv_std * io.f("dgamma")[ch] / total);
    dx.scale[i] += scale.abs() * unsure / (8.0 * U);
}

/// The table of a layer.
pub static TABLE_OF: Kernel = Kernel {
    name: "norm_relu.table",
    args: &[read("mean"), read("variance"), read("gamma"), read("beta"), write("table")],
    variants: &[naive(|p, _| linear_grid(p.u("c").div_ceil(64)))],
    twin: |io: &mut Io| {
        let eps = f64::from(io.params.f("eps"));
        let inv_std = |v: &f64| 1.0 / (v + eps).sqrt();
        let mut out = io.f("mean").to_vec();
        out.extend(io.f("variance").iter().zip(io.f("gamma")).map(|(v, gamma)| gamma * inv_std(v)));
        out.extend(io.f("beta"));
        out.extend(io.f("variance").iter().map(inv_std));
        io.put("table", out);
    },
    // WGSL's 1 / sqrt is good to 2 ulp.
    budget: Budget::Ulps(4),
    flop: |p| 3.0 * p.u("c") as f64,
    cases: cases::table,
};

/// y = max((x - mean) scale + beta, 0).
pub static FORWARD: Kernel = Kernel {
    name: "norm_relu.forward",
    args: &[read("x"), read("table"), write("y")],
    variants: &[
        naive(|p, _| linear_grid((p.u("rows") * p.u("c")).div_ceil(64))),
        vec4(|p, k| linear_grid((p.u("rows").div_ceil(k.get("ROWS") as usize) * p.u("c")).div_ceil(256))),
        texels(|p, _| linear_grid((p.u("rows") * p.u("c")).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let (x, table) = (io.f("x"), io.f("table"));
        let mut y = Scalars::zeros(x.len());
        for (i, &x) in x.iter().enumerate() {
            let ch = i % (table.len() / TABLE);
            y.add(i, (x - row(table, 0)[ch]) * row(table, 1)[ch]);
            y.add(i, row(table, 2)[ch]);
            if y.value[i] < 0.0 {
                y.value[i] = 0.0;
            }
        }
        io.put("y", y);
    },
    budget: Budget::Sum(|_| 2),
    flop: |p| 4.0 * (p.u("rows") * p.u("c")) as f64,
    cases: cases::forward,
};

/// dgamma and dbeta over blocks of rows.
pub static GRAD_PARTIAL: Kernel = Kernel {
    name: "norm_relu.grad_partial",
    args: &[read("x"), read("dy"), read("table"), write("partial")],
    variants: &[
        naive(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(64))),
        vec4(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(256))),
        texels(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(256))),
        tree(|p, _| linear_grid(blocks(p) * p.u("c").div_ceil(32))),
    ],
    twin: |io: &mut Io| {
        let (p, x, dy, table) = (io.params, io.f("x"), io.f("dy"), io.f("table"));
        let c = p.u("c");
        let mut out = Scalars::zeros(io.len("partial"));
        for_each(p, |i, ch, b| {
            let xhat = (x[i] - row(table, 0)[ch]) * row(table, 3)[ch];
            let (dz, unsure) = masked(table, ch, x[i], dy[i]);
            out.add(2 * b * c + ch, dz * xhat);
            out.add((2 * b + 1) * c + ch, dz);
            out.scale[2 * b * c + ch] += xhat.abs() * unsure / (8.0 * U);
            out.scale[(2 * b + 1) * c + ch] += unsure / (8.0 * U);
        });
        io.put("partial", out);
    },
    budget: Budget::Sum(|p| p.u("block")),
    flop: |p| 7.0 * (p.u("rows") * p.u("c")) as f64,
    cases: cases::backward,
};

/// dx, through the moments as well.
pub static BACKWARD: Kernel = Kernel {
    name: "norm_relu.backward",
    args: &[
        read("x"),
        read("dy"),
        read("table"),
        read("dgamma"),
        read("dbeta"),
        optional(read("skip"), |p| (p.u("rows") * p.u("c")) as f64),
        write("dx"),
    ],
    variants: &[
        naive(|p, _| linear_grid((p.u("rows") * p.u("c")).div_ceil(64))),
        vec4(|p, k| linear_grid((p.u("rows").div_ceil(k.get("ROWS") as usize) * p.u("c")).div_ceil(256))),
        texels(|p, k| linear_grid((p.u("rows").div_ceil(k.get("ROWS") as usize) * p.u("c")).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let (x, dy) = (io.f("x"), io.f("dy"));
        let mut dx = Scalars::zeros(x.len());
        for i in 0..x.len() {
            add_dx(&mut dx, i, io, i % io.params.u("c"), x[i], dy[i]);
            if io.has("skip") {
                dx.add(i, io.f("skip")[i]);
            }
        }
        io.put("dx", dx);
    },
    budget: Budget::Sum(|_| 4),
    flop: |p| 8.0 * (p.u("rows") * p.u("c")) as f64,
    cases: cases::backward,
};

/// Elements of the pooled map.
fn pooled(p: &Params) -> usize {
    p.u("n") * p.u("oh") * p.u("ow") * p.u("c")
}

/// dx behind the max pooling that comes before the layer.
pub static BACKWARD_POOL: Kernel = Kernel {
    name: "norm_relu.backward_pool",
    args: &[read("x"), read("dy"), read_u32("index"), read("table"), read("dgamma"), read("dbeta"), write("dx")],
    variants: &[
        naive(|p, _| linear_grid(pooled(p).div_ceil(64))),
        vec4(|p, k| {
            let pixels = p.u("n") * p.u("oh") * p.u("ow");
            linear_grid((pixels.div_ceil(k.get("ROWS") as usize) * p.u("c")).div_ceil(256))
        }),
    ],
    twin: |io: &mut Io| {
        let (p, x, dy, index) = (io.params, io.f("x"), io.f("dy"), io.u("index"));
        let (c, ow, kh, kw) = (p.u("c"), p.u("ow"), p.u("kh"), p.u("kw"));
        let mut dx = Scalars::zeros(io.len("dx"));
        for i in 0..x.len() {
            let (pixel, ch, taken) = (i / c, i % c, index[i] as usize);
            let (y, x_) = (pixel / ow * kh + taken / kw, pixel % ow * kw + taken % kw);
            add_dx(&mut dx, (y * ow * kw + x_) * c + ch, io, ch, x[i], dy[i]);
        }
        io.put("dx", dx);
    },
    budget: Budget::Sum(|_| 3),
    flop: |p| 8.0 * pooled(p) as f64,
    cases: cases::backward_pool,
};
