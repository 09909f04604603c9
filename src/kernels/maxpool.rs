//! Maximum over windows. Padding counts as -infinity; among equal elements the first in row-major order is taken and
//! alone gets the gradient.
//!
//! Forward saves the position of the element taken. Recomputing it would need x in the backward pass: the index is a
//! quarter of x for 2x2 windows, so x can be dropped early, and backward reads one word per window instead of a whole
//! window.

use super::pool::{cases, for_each, inputs, outputs, overlap, vec4_channels, vec4_tiles};
use super::{Budget, Io, Kernel, Scalars, Variant, anywhere, linear_grid, read, read_u32, write, write_u32};
use crate::error::Result;
use crate::plan::{Builder, View};

pub use super::pool::Geometry;

/// Records y = the largest element of each window of x, and which it was: x `[n, h, w, c]`, y and index (u32)
/// `[n, oh, ow, c]`.
///
/// # Errors
/// A shape that is no pooling; an image that cannot be bound.
pub fn forward(b: &mut Builder, scope: &str, g: &Geometry, x: View, y: View, index: View) -> Result<()> {
    g.check(scope)?;
    for win in b.windows(scope, g.n, &[x, y, index])? {
        let (x, y, index) = (x.rows(&win, g.n), y.rows(&win, g.n), index.rows(&win, g.n));
        FORWARD.dispatch(b, scope, &g.params(win.len(), false), &[("x", x), ("y", y), ("index", index)])?;
    }
    Ok(())
}

/// Records dx from dy and the index that [`forward`] wrote.
///
/// # Errors
/// As [`forward`].
pub fn backward(b: &mut Builder, scope: &str, g: &Geometry, dy: View, index: View, dx: View) -> Result<()> {
    g.check(scope)?;
    for win in b.windows(scope, g.n, &[dy, index, dx])? {
        let (dy, index, dx) = (dy.rows(&win, g.n), index.rows(&win, g.n), dx.rows(&win, g.n));
        BACKWARD.dispatch(b, scope, &g.params(win.len(), false), &[("dy", dy), ("index", index), ("dx", dx)])?;
    }
    Ok(())
}

/// y and index.
pub static FORWARD: Kernel = Kernel {
    name: "maxpool.forward",
    args: &[read("x"), write("y"), write_u32("index")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(outputs(p).div_ceil(64))),
        Variant::new("vec4", vec4_channels, |p, _| linear_grid(outputs(p).div_ceil(256))),
        Variant::new("windows", vec4_tiles, |p, _| linear_grid(outputs(p).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let x = io.f("x");
        let mut y = vec![f64::NEG_INFINITY; io.len("y")];
        let mut index = vec![u32::MAX; y.len()];
        for_each(io.params, |xi, yi, at| {
            if index[yi] == u32::MAX || x[xi] > y[yi] {
                y[yi] = x[xi];
                index[yi] = at as u32;
            }
        });
        io.put("y", y);
        io.put_u("index", index);
    },
    budget: Budget::Exact,
    flop: |p| (outputs(p) * p.u("kh") * p.u("kw")) as f64,
    cases: || {
        cases("", |c, g| {
            let x = c.operand("x", &[g.n, g.x_len()]);
            let (y, index) = (c.output("y", &[g.n, g.y_len()]), c.output_words("index", g.n * g.y_len()));
            forward(&mut c.b, "maxpool.forward", g, x, y, index)
        })
    },
};

/// dx.
pub static BACKWARD: Kernel = Kernel {
    name: "maxpool.backward",
    args: &[read("dy"), read_u32("index"), write("dx")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(inputs(p).div_ceil(64))),
        Variant::new("vec4", vec4_channels, |p, _| linear_grid(inputs(p).div_ceil(256))),
        Variant::new("windows", vec4_tiles, |p, _| linear_grid(outputs(p).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let (dy, index) = (io.f("dy"), io.u("index"));
        let mut dx = Scalars::zeros(io.len("dx"));
        for_each(io.params, |xi, yi, at| {
            if index[yi] == at as u32 {
                dx.add(xi, dy[yi]);
            }
        });
        io.put("dx", dx);
    },
    budget: Budget::Sum(overlap),
    flop: |p| outputs(p) as f64,
    cases: || {
        cases("", |c, g| {
            let (x, dy) = (c.operand("x", &[g.n, g.x_len()]), c.operand("dy", &[g.n, g.y_len()]));
            let (y, index) = (c.output("y", &[g.n, g.y_len()]), c.output_words("index", g.n * g.y_len()));
            let dx = c.output("dx", &[g.n, g.x_len()]);
            forward(&mut c.b, "maxpool.forward", g, x, y, index)?;
            backward(&mut c.b, "maxpool.backward", g, dy, index, dx)
        })
    },
};
